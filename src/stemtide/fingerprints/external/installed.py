# SPDX-License-Identifier: Apache-2.0
"""Find the signal types of installed packages, by their entry points.

Only what the operator has installed is ever imported. A name in a signal only selects among these.
"""

import logging
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from stemtide.fingerprints.external.contract import Media, SignalType
from stemtide.fingerprints.values.external import MAX_TYPE_BYTES, check_name

log = logging.getLogger(__name__)

GROUP = "stemtide.signal_types"
"""The entry point group. Each entry's object is a SignalType, or makes one without arguments."""


class SignalTypeError(Exception):
    """A package's signal type does not keep the contract. The text names the type."""


@cache
def installed_types() -> Mapping[str, SignalType]:
    """Return the usable signal types by name; a broken one is logged and left out."""
    types: dict[str, SignalType] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            types[entry.name] = load(entry)
        except SignalTypeError as error:
            log.error("a signal type is left out: %s", error)  # noqa: TRY400  # the text is enough
    return types


def load(entry: EntryPoint) -> SignalType:
    """Load the type of an entry point. raises: SignalTypeError."""
    try:
        loaded = entry.load()
        signal_type: SignalType = loaded() if isinstance(loaded, type) else loaded
        _check_fields(entry.name, signal_type)
    except SignalTypeError:
        raise
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise SignalTypeError(f"{entry.name} cannot be loaded ({why})") from error
    return signal_type


def _check_fields(name: str, signal_type: SignalType) -> None:
    """Check what can be checked without running the type. raises: SignalTypeError."""
    rules = {
        "its name is that of its entry point": signal_type.name == name,
        "its name is vendor.type, in lower case": check_name(name),
        f"most_bytes is 1 to {MAX_TYPE_BYTES:,}": 1 <= signal_type.most_bytes <= MAX_TYPE_BYTES,
        "threshold is 0 or more": signal_type.threshold >= 0,
        "confidence is 0 to 1": 0 <= signal_type.confidence <= 1,
        "media is picture or file": signal_type.media in set(Media),
        "it has test vectors": len(signal_type.vectors) > 0,
    }
    for rule, is_kept in rules.items():
        if not is_kept:
            raise SignalTypeError(f"{name} does not keep the contract: {rule}")


def locations() -> tuple[str, ...]:
    """Return the folders of the packages that bring types, for the sandbox's own process."""
    folders = [
        str(entry.dist.locate_file(""))
        for entry in entry_points(group=GROUP)
        if entry.dist is not None
    ]
    return tuple(dict.fromkeys(folders))
