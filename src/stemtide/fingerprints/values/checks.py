# SPDX-License-Identifier: Apache-2.0
"""Is this value spelled as its kind asks? Asked of whatever came from somebody else."""

from collections.abc import Callable

from stemtide.fingerprints.kinds import (
    LIMIT,
    MAX_VALUE_BYTES,
    SIZE_BYTES,
    Fingerprint,
    FingerprintError,
    Kind,
)
from stemtide.fingerprints.text.fingerprint import TextPrint
from stemtide.fingerprints.values.audio import Sound
from stemtide.fingerprints.values.gop import GopPrint
from stemtide.fingerprints.values.video import VideoPrint

_READERS: dict[Kind, Callable[[bytes], object]] = {
    Kind.VIDEO: VideoPrint.from_bytes,
    Kind.AUDIO: Sound.from_bytes,
    Kind.TEXT: TextPrint.from_bytes,
    Kind.GOP: GopPrint.from_bytes,
}


def check_value(kind: Kind, value: bytes) -> bytes:
    """Return a value that can be searched for.

    raises: FingerprintError naming the kind and what is wrong.
    """
    size = SIZE_BYTES.get(kind)
    if size is not None and len(value) != size:
        raise FingerprintError(f"a {kind} value has {size} bytes, not {len(value)}")
    if len(value) > MAX_VALUE_BYTES:
        raise FingerprintError(
            f"a {kind} value has at most {MAX_VALUE_BYTES:,} bytes, this {len(value):,}"
        )
    if read := _READERS.get(kind):
        read(value)
    return value


def add_long(each: list[Fingerprint], remarks: list[str], kind: Kind, value: bytes) -> None:
    """Keep a fingerprint, unless it is longer than any may be: then that is said."""
    if len(value) <= MAX_VALUE_BYTES:
        each.append(Fingerprint(kind, value))
    else:
        remarks.append(
            f"{LIMIT}its {kind} fingerprint would have {len(value):,} bytes, and"
            f" {MAX_VALUE_BYTES:,} are taken: share a part of it"
        )
