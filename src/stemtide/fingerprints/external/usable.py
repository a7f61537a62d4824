# SPDX-License-Identifier: Apache-2.0
"""Check values against the installed signal type that they name."""

from stemtide.fingerprints.external.contract import SignalType
from stemtide.fingerprints.external.installed import installed_types
from stemtide.fingerprints.values.external import ExternalValue, unpack


def why_unusable(packed: bytes) -> str:
    """Return why a value cannot be used here, and the remedy; "" if it can."""
    named = unpack(packed)
    signal_type = installed_types().get(named.name)
    if signal_type is None:
        names = ", ".join(installed_types()) or "none"
        return (
            f"is of the signal type {named.name}, whose package is not installed here (installed:"
            f" {names}): ask whoever runs this to install it, or share another fingerprint"
        )
    return why_wrong(signal_type, named)


def why_wrong(signal_type: SignalType, named: ExternalValue) -> str:
    """Return why a type does not take a value; "" if it does."""
    if len(named.value) > signal_type.most_bytes:
        return f"is no {named.name} value: it has more than {signal_type.most_bytes:,} bytes"
    try:
        is_canonical = signal_type.from_text(signal_type.to_text(named.value)) == named.value
    except Exception as error:  # noqa: BLE001  # of another package, about bytes of a stranger
        return f"is no {named.name} value ({type(error).__name__})"
    return "" if is_canonical else f"is no {named.name} value: its text form means another value"
