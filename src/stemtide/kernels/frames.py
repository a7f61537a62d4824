# SPDX-License-Identifier: Apache-2.0
"""Bindings of frames.c: pairs of 64-bit words that are near, or nearly opposite."""

import ctypes

import numpy as np
import numpy.typing as npt

from stemtide.kernels import native

PAIR = np.dtype([("row", "<i8"), ("query", "<u4"), ("bits", "<u4")])
MOST_WITHIN_BITS = 31

_ROOM = 1 << 16

_near = native.LIBRARY.frames_near
_near.restype = ctypes.c_int64
_near.argtypes = (
    *(ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64),
    *(ctypes.c_uint32, ctypes.c_void_p, ctypes.c_int64),
)


def near(
    rows: npt.NDArray[np.uint64],
    queries: npt.NDArray[np.uint64],
    *,
    within_bits: int,
    most: int = 1 << 24,
) -> tuple[npt.NDArray[np.void], int]:
    """Find every pair whose distance is at most within_bits, or at least 64 - within_bits.

    rows:    (n,) uint64, C-contiguous; queries: (q,) uint64, C-contiguous.
    most:    maximum number of pairs to return.
    returns: (p,) PAIR, in no order, and the number of all pairs. Releases the GIL.
    raises:  ValueError if within_bits is not in 0..31 or an array is not contiguous.
    """
    if not 0 <= within_bits <= MOST_WITHIN_BITS:
        raise ValueError(f"words are near within 0 to {MOST_WITHIN_BITS} bits, not {within_bits}")
    rows_at, queries_at, room = native.address(rows), native.address(queries), min(_ROOM, most)
    while True:
        pairs = np.empty(room, PAIR)
        count = _near(
            rows_at, len(rows), queries_at, len(queries), within_bits, native.address(pairs), room
        )
        if count <= room or room == most:
            return pairs[: min(count, room)].copy(), count
        room = min(count, most)
