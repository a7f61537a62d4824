# SPDX-License-Identifier: Apache-2.0
"""Bindings of pdq.c: brightness to the 64 x 64 grid, and the grid to hashes and a quality."""

import ctypes

import numpy as np
import numpy.typing as npt

from stemtide.kernels import native

LANES = 16
"""The weights of a filter are padded with zeros to a multiple of this."""

_GRID = 64
_HASH_BYTES = 32
_ORIENTATIONS = 8

Floats = npt.NDArray[np.float32]
Starts = npt.NDArray[np.signedinteger]


class _FilterStruct(ctypes.Structure):
    """Filter in pdq.c."""

    _fields_ = (
        ("starts", ctypes.c_void_p),
        ("weights", ctypes.c_void_p),
        ("side_px", ctypes.c_int32),
        ("band", ctypes.c_int32),
    )


class Filter:
    """A filter along one side of a picture, in the kernel's layout; keeps its arrays alive.

    starts:  (64,) first pixel of each sample; starts + the unpadded band <= side_px.
    weights: (64, band) float32, the weight of each pixel from there on.
    side_px: length of that side in pixels.
    """

    def __init__(self, starts: Starts, weights: Floats, *, side_px: int) -> None:
        band = -(-weights.shape[1] // LANES) * LANES
        self._starts = np.ascontiguousarray(starts, np.int32)
        self._weights = np.zeros((_GRID, band), np.float32)
        self._weights[:, : weights.shape[1]] = weights
        self.side_px = side_px
        self.band = band
        self.struct = _FilterStruct(
            native.address(self._starts), native.address(self._weights), side_px, band
        )
        self.at = ctypes.addressof(self.struct)


_band = native.LIBRARY.pdq_band
_band.restype = ctypes.c_int32
_band.argtypes = (ctypes.c_int32,)
_filter = native.LIBRARY.pdq_filter
_filter.restype = None
_filter.argtypes = (ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)
_shrink = native.LIBRARY.pdq_shrink
_shrink.restype = None
_shrink.argtypes = (ctypes.c_void_p, ctypes.c_int64, *(ctypes.c_void_p,) * 4)
_quality = native.LIBRARY.pdq_quality
_quality.restype = ctypes.c_int32
_quality.argtypes = (ctypes.c_void_p,)
_hash = native.LIBRARY.pdq_hash
_hash.restype = None
_hash.argtypes = (ctypes.c_void_p,) * 4
_dihedral = native.LIBRARY.pdq_dihedral
_dihedral.restype = None
_dihedral.argtypes = (ctypes.c_void_p,) * 4


def box_filter(full_px: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """Return the weights of two passes of the reference's box filter at the 64 sampled places.

    full_px: length of the side in pixels, 5 or more.
    returns: (64,) int32 starts, and (64, k) float64 weights that belong to start, start + 1, …;
             every row sums to 1.
    """
    starts = np.empty(_GRID, np.int32)
    weights = np.empty((_GRID, _band(full_px)), np.float64)
    _filter(full_px, native.address(starts), native.address(weights))
    return starts, weights


def shrink(luma: npt.NDArray[np.uint8], down: Filter, across: Filter) -> Floats:
    """Blur and sample a picture. Releases the GIL.

    luma:    (down.side_px, across.side_px) uint8; rows may be strided (a part of a picture),
             columns may not.
    returns: (64, 64) float32.
    raises:  ValueError if the array does not fit the filters.
    """
    if (
        luma.shape != (down.side_px, across.side_px)
        or luma.dtype != np.uint8
        or luma.strides[1] != 1
    ):
        raise ValueError("the kernel shrinks rows of bytes, of the size that its filters are for")
    line = np.empty(across.side_px + across.band, np.float32)
    grid = np.empty((_GRID, _GRID), np.float32)
    _shrink(
        *(luma.ctypes.data, luma.strides[0], down.at, across.at),
        *(native.address(line), native.address(grid)),
    )
    return grid


def quality(grid: Floats) -> int:
    """Return the sum of the gradients of a (64, 64) float32 grid, scaled to 0..100."""
    return int(_quality(_address_of_grid(grid)))


def hash_grid(grid: Floats, cosines: Floats, turned: Floats) -> bytes:
    """Hash a (64, 64) float32 grid.

    cosines: (16, 64) float32; turned: the same, (64, 16); both C-contiguous.
    """
    buffer = ctypes.create_string_buffer(_HASH_BYTES)
    _hash(_address_of_grid(grid), native.address(cosines), native.address(turned), buffer)
    return buffer.raw


def dihedral(grid: Floats, cosines: Floats, turned: Floats) -> list[bytes]:
    """Hash a (64, 64) float32 grid in all eight orientations; arguments as for `hash_grid`."""
    buffer = ctypes.create_string_buffer(_HASH_BYTES * _ORIENTATIONS)
    _dihedral(_address_of_grid(grid), native.address(cosines), native.address(turned), buffer)
    every = buffer.raw
    return [every[at : at + _HASH_BYTES] for at in range(0, len(every), _HASH_BYTES)]


def _address_of_grid(grid: Floats) -> int:
    if grid.shape != (_GRID, _GRID) or grid.dtype != np.float32:
        raise ValueError("a grid is (64, 64) float32")
    return native.address(grid)
