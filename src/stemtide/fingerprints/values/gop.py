# SPDX-License-Identifier: Apache-2.0
"""The fingerprint `gop1` of an encode; parsing it needs no decoder."""

import struct
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from stemtide.fingerprints.kinds import FingerprintError
from stemtide.fingerprints.values.video import MAX_AT_MS

MAGIC = b"STGP"
VERSION = 1
MAX_GROUPS = 100_000
DIGEST_BYTES = 16

GROUP = np.dtype([("at_ms", "<u4"), ("frames", "<u4"), ("digest", "u1", (DIGEST_BYTES,))])
"""One group: its start, its number of frames, the first bytes of its SHA-256. 24 bytes."""

_HEAD = struct.Struct("<4sBBHI")


@dataclass(frozen=True, slots=True, eq=False)
class GopPrint:
    """The groups of pictures of one video, in order.

    rows:    (n,) of GROUP, sorted by time.
    remarks: parts that could not be read; not part of the bytes.
    """

    rows: NDArray[np.void]
    remarks: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.rows)

    def to_bytes(self) -> bytes:
        """Serialise as `gop1`: a head and the groups, little-endian."""
        return _HEAD.pack(MAGIC, VERSION, 0, 0, len(self.rows)) + self.rows.tobytes()

    @classmethod
    def from_bytes(cls, value: bytes) -> Self:
        """Parse an untrusted `gop1`.

        raises: FingerprintError naming its fault.
        """
        if len(value) < _HEAD.size:
            raise FingerprintError(f"a fingerprint of groups has a head of {_HEAD.size} bytes")
        magic, version, zero, zeros, count = _HEAD.unpack_from(value)
        if magic != MAGIC or version != VERSION or zero or zeros:
            raise FingerprintError("this is not a fingerprint of groups of version 1")
        if count > MAX_GROUPS or len(value) != _HEAD.size + count * GROUP.itemsize:
            raise FingerprintError("a fingerprint of groups is not as long as its head says")
        rows = np.frombuffer(value, GROUP, count=count, offset=_HEAD.size)
        if (rows["at_ms"] > MAX_AT_MS).any() or (np.diff(rows["at_ms"].astype(np.int64)) < 0).any():
            raise FingerprintError("the groups of a fingerprint have impossible times")
        return cls(rows=rows)
