# SPDX-License-Identifier: Apache-2.0
"""Values of signal types of other packages: the name of the type, a zero byte, the type's bytes.

A hub or an agent without the package carries them as they are.
"""

import re
from typing import NamedTuple

from stemtide.fingerprints.kinds import FingerprintError

MAX_TYPE_BYTES = 64 << 10
"""Maximum length of a value of such a type."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,28}\.[a-z0-9][a-z0-9-]{0,28}")


class ExternalValue(NamedTuple):
    """A value with the name of its type."""

    name: str
    value: bytes

    def to_bytes(self) -> bytes:
        """Return the form in which it travels. raises: FingerprintError."""
        packed = self.name.encode() + b"\0" + self.value
        unpack(packed)
        return packed


def check_name(name: str) -> bool:
    """Whether a name is that of a type: vendor.type."""
    return _NAME.fullmatch(name) is not None


def unpack(packed: bytes) -> ExternalValue:
    """Return the type's name and value. raises: FingerprintError."""
    head, separator, value = packed.partition(b"\0")
    name = head[:80].decode("ascii", "replace")
    if not separator or not check_name(name):
        raise FingerprintError("it begins with the name of its type (vendor.type) and a zero byte")
    if not 0 < len(value) <= MAX_TYPE_BYTES:
        raise FingerprintError(
            f"a value of a type has 1 to {MAX_TYPE_BYTES:,} bytes, this {len(value):,}"
        )
    return ExternalValue(name, value)
