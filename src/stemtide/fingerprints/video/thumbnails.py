# SPDX-License-Identifier: Apache-2.0
"""Make small copies of frames, and PDQ hashes of parts of them."""

import numpy as np
from numpy.typing import NDArray

from stemtide.fingerprints.image import pdq

Thumbs = NDArray[np.uint8]
Hashes = NDArray[np.uint8]
Qualities = NDArray[np.uint8]

LIMITED_RANGE_GAIN = 255 / 219
"""Video has black at 16 and white at 235; PDQ's quality assumes 0 and 255."""

MIN_SIDE_PX = 12
"""Parts of thumbs with a shorter side are not hashed."""

_THUMB_SIDE_PX = 256
_THUMB_MIN_PX = 48


def thumb_of(luma: NDArray[np.uint8]) -> Thumbs:
    """Average blocks of pixels into a picture of 128 to 256 px on its longer side.

    luma:    (h, w) uint8.
    returns: (h / n, w / m) uint8, n = m unless a side would be under 48 px.
    """
    longest = -(-max(luma.shape) // _THUMB_SIDE_PX)
    down, across = (max(1, min(longest, side // _THUMB_MIN_PX)) for side in luma.shape)
    height, width = luma.shape[0] // down * down, luma.shape[1] // across * across
    if down == across == 1:
        return luma.copy()
    # Rows first, then columns: each step is a plain sum of strided views, with no copies between.
    rows = luma[0:height:down, :width].astype(np.uint16)
    for offset in range(1, down):
        rows += luma[offset:height:down, :width]
    sums = rows[:, 0::across].astype(np.uint32)
    for offset in range(1, across):
        sums += rows[:, offset::across]
    thumb: Thumbs = (sums // (down * across)).astype(np.uint8)
    return thumb


def hash_frame(luma: NDArray[np.uint8], *, gain: float) -> tuple[bytes, int]:
    """Hash one picture: 32 bytes and PDQ quality.

    luma: (h, w) uint8.
    gain: factor of contrast that makes the quality correct.
    """
    return pdq.hash_grid(pdq.shrink(luma) * np.float32(gain))


def hash_parts(parts: Thumbs, *, gains: list[float]) -> tuple[Hashes, Qualities]:
    """Hash pictures of one size: (n, h, w) uint8 to (n, 32) uint8 and (n,) uint8."""
    hashed = [hash_frame(part, gain=gain) for part, gain in zip(parts, gains, strict=True)]
    values = np.frombuffer(b"".join(value for value, _ in hashed), np.uint8)
    return values.reshape(-1, pdq.HASH_BYTES), np.array([trust for _, trust in hashed], np.uint8)
