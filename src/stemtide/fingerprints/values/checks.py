# SPDX-License-Identifier: Apache-2.0
"""Validate that values from others are well-formed for their kind."""

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
from stemtide.fingerprints.values.external import unpack
from stemtide.fingerprints.values.gop import GopPrint
from stemtide.fingerprints.values.video import VideoPrint

_READERS: dict[Kind, Callable[[bytes], object]] = {
    Kind.VIDEO: VideoPrint.from_bytes,
    Kind.AUDIO: Sound.from_bytes,
    Kind.TEXT: TextPrint.from_bytes,
    Kind.GOP: GopPrint.from_bytes,
    Kind.EXTERNAL: unpack,
}


def check_value(kind: Kind, value: bytes) -> bytes:
    """Return a well-formed value.

    raises: FingerprintError naming the kind and the fault.
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


def add_long(prints: list[Fingerprint], remarks: list[str], kind: Kind, value: bytes) -> None:
    """Append a fingerprint, or a remark if it is too long."""
    if len(value) <= MAX_VALUE_BYTES:
        prints.append(Fingerprint(kind, value))
    else:
        remarks.append(
            f"{LIMIT}its {kind} fingerprint would have {len(value):,} bytes, and"
            f" {MAX_VALUE_BYTES:,} are taken: share a part of it"
        )
