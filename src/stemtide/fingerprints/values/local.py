# SPDX-License-Identifier: Apache-2.0
"""The byte format of local features. Needs no OpenCV."""

import struct
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from stemtide.fingerprints.kinds import FingerprintError

SIDE_PX = 384
"""The longer side of the copy that is analysed."""

FEATURES = 100
"""Number of places of a picture that are stored."""

QUERY_FEATURES = 300
"""A query has more places, since text around a picture takes many of them."""

DESCRIPTOR_BYTES = 32

MAX_SHARED_BYTES = 11 + 38 * FEATURES
"""Maximum length of local features that a party shares: those of FEATURES places."""

LEAST_PLACES = 20
LEAST_CELLS = 10
MOST_ALIKE = 3.0
"""Local features that are shared have so many places in so many parts of the picture, and a place
is like so many others at most, on average. Photographs have at least 16, and up to 1.3."""

_CELL_PX = 16
_ALIKE_BITS = 30
_OCTAVES = 8

_MAGIC = b"STLF"
_VERSION = 1
_HEAD = struct.Struct("<4sBHHH")
_RECORD = np.dtype([("bits", "V32"), ("x", "<u2"), ("y", "<u2"), ("octave", "u1"), ("angle", "u1")])
_PARTS_OF_A_PX = 64

Points = NDArray[np.float32]
Descriptors = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class LocalFeatures:
    """Salient places of one picture with their descriptors, best first.

    width, height: of the analysed copy, px, at most SIDE_PX.
    points:        (n, 2) float32: x and y of each, px.
    descriptors:   (n, DESCRIPTOR_BYTES) uint8.
    octaves:       (n,) uint8: which of eight reductions (each by 1.2) the place was found in.
    angles:        (n,) uint8: its orientation, in 256ths of a turn.
    """

    width: int
    height: int
    points: Points
    descriptors: Descriptors
    octaves: NDArray[np.uint8]
    angles: NDArray[np.uint8]

    def to_bytes(self) -> bytes:
        """Serialise: 11 bytes, then 38 for each place."""
        records = np.zeros(len(self.points), _RECORD)
        records["bits"] = self.descriptors.reshape(-1).view("V32")
        places = np.round(self.points * _PARTS_OF_A_PX).astype("<u2")
        records["x"], records["y"] = places[:, 0], places[:, 1]
        records["octave"], records["angle"] = self.octaves, self.angles
        head = _HEAD.pack(_MAGIC, _VERSION, self.width, self.height, len(records))
        return head + records.tobytes()

    def strongest(self, at_most: int = FEATURES) -> Self:
        """Return the same picture with only its best places."""
        best = slice(at_most)
        return type(self)(
            self.width,
            self.height,
            self.points[best],
            self.descriptors[best],
            self.octaves[best],
            self.angles[best],
        )

    @staticmethod
    def split(content: bytes) -> list[bytes]:
        """Return the values in a file of trusted local features, one after the other."""
        values, at = [], 0
        while at < len(content):
            *_, count = _HEAD.unpack_from(content, at)
            end = at + _HEAD.size + count * _RECORD.itemsize
            values.append(content[at:end])
            at = end
        return values

    @classmethod
    def from_bytes(cls, value: bytes) -> Self:
        """Parse untrusted local features.

        raises: FingerprintError naming their fault.
        """
        if len(value) < _HEAD.size:
            raise FingerprintError(f"local features have {_HEAD.size} bytes or more")
        magic, version, width, height, count = _HEAD.unpack_from(value)
        if (magic, version) != (_MAGIC, _VERSION):
            raise FingerprintError(f"local features begin {_MAGIC!r} and version {_VERSION}")
        if not (0 < width <= SIDE_PX and 0 < height <= SIDE_PX and count <= QUERY_FEATURES):
            raise FingerprintError(
                f"local features of {count} places in {width} x {height} px: at most"
                f" {QUERY_FEATURES} in {SIDE_PX} x {SIDE_PX}"
            )
        if len(value) != _HEAD.size + count * _RECORD.itemsize:
            raise FingerprintError(f"{count} local features have not {len(value)} bytes")
        records = np.frombuffer(value, _RECORD, offset=_HEAD.size)
        points = np.stack([records["x"], records["y"]], axis=1) / np.float32(_PARTS_OF_A_PX)
        if (points > (width, height)).any():
            raise FingerprintError("a local feature lies outside of its picture")
        bits = np.frombuffer(records["bits"].tobytes(), np.uint8).reshape(-1, DESCRIPTOR_BYTES)
        return cls(
            width, height, points.astype(np.float32), bits, records["octave"], records["angle"]
        )


def check_shared(value: bytes) -> LocalFeatures:
    """Return local features that may be shared, from untrusted bytes.

    What is written in another way than to_bytes() writes it could carry something else. Places that
    lie together, or that are like each other, are found in many pictures, and cost time to compare.

    raises: FingerprintError naming the fault and the remedy.
    """
    if len(value) > MAX_SHARED_BYTES:
        raise FingerprintError(
            f"local features have at most {MAX_SHARED_BYTES:,} bytes, these {len(value):,}: send"
            f" the {FEATURES} strongest places"
        )
    features = LocalFeatures.from_bytes(value)
    if features.to_bytes() != value or (features.octaves >= _OCTAVES).any():
        raise FingerprintError(
            "local features are not as the extractor writes them: make them with stemtide"
        )
    cells = len(np.unique(features.points // _CELL_PX, axis=0)) if len(features.points) else 0
    if len(features.points) < LEAST_PLACES or cells < LEAST_CELLS:
        raise FingerprintError(
            f"{len(features.points)} places in {cells} parts of the picture are too few to know it"
            f" again ({LEAST_PLACES} in {LEAST_CELLS} are the least): share its hash alone"
        )
    if _alike(features.descriptors) > MOST_ALIKE:
        raise FingerprintError(
            "the places are so like each other, as in a pattern or a drawing, that many pictures"
            " have such: share its hash alone"
        )
    return features


def _alike(descriptors: Descriptors) -> float:
    """Return how many others a descriptor is like, on average."""
    apart = np.bitwise_count(descriptors[:, None] ^ descriptors[None]).sum(axis=2, dtype=np.int64)
    return float((apart <= _ALIKE_BITS).sum()) / len(descriptors) - 1
