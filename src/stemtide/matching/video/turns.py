# SPDX-License-Identifier: Apache-2.0
"""Turn, mirror and invert PDQ hashes without the picture, and read values off them.

The bits of a turned picture are those of the picture moved and, at odd frequencies, flipped: all
but the few (some 8 of 256, 1 of the 64 coarsest) whose coefficients lie between zero and the
median. So one hash of a frame serves all orientations, and none needs to be sent.
"""

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Hashes = NDArray[np.uint8]

TURNS = (
    "",
    "rotated 90",
    "rotated 180",
    "rotated 270",
    "flipped",
    "mirrored",
    "transposed",
    "transversed",
)
"""What each turn does to a picture, in the order of `pdq.dihedral`."""

INVERTED = "inverted"

SHARP_BITS = 60
"""Distance from the last new frame at which a frame is entirely new."""

LEAST_NOVELTY = 0.05
_SIDE = 16
_COARSE = 8
_NEW_BITS = 30


def turn(hashes: Hashes, number: int) -> Hashes:
    """Turn hashes by TURNS[number]: (n, 32) uint8 to (n, 32) uint8."""
    if number == 0:
        return hashes
    bits = np.unpackbits(hashes, axis=1)[:, ::-1].reshape(-1, _SIDE, _SIDE)
    odd = np.arange(_SIDE) % 2 == 0  # frequency i + 1 is odd for even i
    rows, columns = np.broadcast_to(odd[:, None], (_SIDE, _SIDE)), np.broadcast_to(odd, (16, 16))
    none = np.zeros_like(rows)
    flips = (none, columns, rows ^ columns, rows, rows, columns, none, rows ^ columns)[number]
    turned = bits ^ flips
    if number in {1, 3, 6, 7}:
        turned = turned.transpose(0, 2, 1)
    return np.packbits(turned.reshape(-1, _SIDE * _SIDE)[:, ::-1], axis=1)


def words_of(hashes: Hashes) -> Words:
    """Return (n, 32) uint8 as (n, 4) uint64, for counting bits."""
    return np.ascontiguousarray(hashes).view(np.uint64)


def coarse_of(hashes: Hashes) -> Words:
    """Return the 64 bits of the 8 x 8 lowest frequencies of (n, 32) hashes: (n,) uint64.

    They survive crops, overlays and filming off a screen far better than the other 192.
    """
    bits = np.unpackbits(hashes, axis=1)[:, ::-1].reshape(-1, _SIDE, _SIDE)
    low = np.ascontiguousarray(bits[:, :_COARSE, :_COARSE]).reshape(-1, _COARSE * _COARSE)
    return np.packbits(low, axis=1).view(np.uint64).reshape(-1)


def novelty_of(hashes: Hashes) -> NDArray[np.float32]:
    """Return how much of each frame is new: its distance to the last new one, as a fraction.

    hashes:  (n, 32) uint8 in order of time.
    returns: (n,) float32, LEAST_NOVELTY..1; the first frame is entirely new.
    """
    novelty = np.ones(len(hashes), np.float32)
    values = _integers(hashes)
    last = values[0] if values else 0
    for place in range(1, len(values)):
        bits = (values[place] ^ last).bit_count()
        novelty[place] = min(1.0, max(LEAST_NOVELTY, bits / SHARP_BITS))
        if bits >= _NEW_BITS:
            last = values[place]
    return novelty


def _integers(hashes: Hashes) -> list[int]:
    raw = hashes.tobytes()
    return [int.from_bytes(raw[start : start + 32]) for start in range(0, len(raw), 32)]
