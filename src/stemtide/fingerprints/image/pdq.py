# SPDX-License-Identifier: Apache-2.0
"""PDQ, the perceptual hash of still pictures, from luma alone.

The reference blurs the full picture with two passes of a box filter in both directions and then
samples it at 64 x 64 places. Both steps are linear and separable, so together they are two small
banded matrices: 64 rows of a few weights each, one for the height, one for the width. That makes
one pass over the pixels, straight from uint8, where the reference makes several over floats; the
result is the same. The loops and the filter are in C (stemtide.kernels.pdq); the filter of a
picture that a decoder reduced is computed here, and pictures of other number types are hashed the
same way in numpy.

source: Davis, Rosen: PDQ and TMK+PDQF (Facebook, 2019); measured against `pdqhash` in the tests
        and in benchmarks/pdq.py.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from stemtide.kernels import pdq

Floats = NDArray[np.float32]
Luma = NDArray[np.uint8 | np.uint16 | np.int32 | np.float32]

HASH_BYTES = 32
MIN_SIDE_PX = 5
"""A picture with a shorter side has no PDQ hash: the reference returns zeros of quality 0."""

_GRID = 64
_NOTHING = 1e-9
"""Smaller weights are rounding errors of zero."""


def hash_luma(luma: Luma, *, full_size: tuple[int, int] | None = None) -> tuple[bytes, int]:
    """Hash one picture: its PDQ bits and their quality.

    Equal, bit for bit, to the reference on (h, w, 3) with this luma in every channel, except
    where coefficients tie: sides under 16 px and pictures that are their own mirror image
    leave half of them at zero, and which side of zero is rounding noise in either program.

    luma:      (h, w) uint8, 0 black to 255 white.
    full_size: (h, w) of the picture that `luma` is a reduced copy of, if a decoder reduced
               it (JPEG can, cheaply): the filter is then computed for the full picture.
    returns:   32 bytes, most significant bit first as in the hex spelling, and the quality, 0..100.
    A
               side under MIN_SIDE_PX: zeros and 0.
    """
    if min(full_size or luma.shape) < MIN_SIDE_PX:
        return bytes(HASH_BYTES), 0
    return hash_grid(shrink(luma, full_size=full_size))


def hash_grid(grid: Floats) -> tuple[bytes, int]:
    """Hash the (64, 64) float32 grid of `shrink`: 32 bytes and the quality, 0..100."""
    grid = np.ascontiguousarray(grid, np.float32)
    return pdq.hash_grid(grid, _COSINES, _COSINES_TURNED), pdq.quality(grid)


def shrink(luma: Luma, *, full_size: tuple[int, int] | None = None) -> Floats:
    """Blur and sample a picture down to the 64 x 64 grid from which hashes are made.

    luma:      (h, w) of any real type; it is read a strip at a time and never copied whole.
    full_size: as in `hash_luma`.
    returns:   (64, 64) float32 in the units of `luma`.
    """
    height, width = luma.shape
    full_height, full_width = full_size or (height, width)
    if luma.dtype == np.uint8 and luma.strides[1] == 1:
        bytes_ = luma.view(np.uint8)
        return pdq.shrink(bytes_, _filter(full_height, height), _filter(full_width, width))
    starts, weights = _bands(full_height, height)
    band = weights.shape[1]
    rows = np.empty((_GRID, width), np.float32)
    for i in range(_GRID):
        # einsum, not @: a BLAS that wakes its threads for so small a product takes twenty
        # times as long, and a library cannot choose the threads of its process.
        strip: Floats = luma[starts[i] : starts[i] + band].astype(np.float32, copy=False)
        np.einsum("k,kx->x", weights[i], strip, out=rows[i])
    return _shrink_rows(rows, full=full_width)


def quality(grid: Floats) -> int:
    """Return the quality of a picture's hash: the sum of its gradients.

    grid:    (64, 64) float32 from `shrink`.
    returns: 0..100; under 50 the hash is not meaningful enough to be compared.
    """
    return pdq.quality(np.ascontiguousarray(grid, np.float32))


def dihedral(grid: Floats) -> list[bytes]:
    """Hash a picture in all eight orientations at the cost of one.

    Turning or mirroring a picture only transposes its cosine coefficients and flips the sign of
    the odd ones.

    grid:    (64, 64) float32 from `shrink`.
    returns: eight hashes: unchanged, turned by 90, 180 and 270 degrees, flipped top to bottom,
             flipped left to right, and flipped along either diagonal.
    """
    return pdq.dihedral(np.ascontiguousarray(grid, np.float32), _COSINES, _COSINES_TURNED)


def turn_hash(value: bytes) -> list[bytes]:
    """Estimate the hashes of a picture in all eight orientations from its hash alone.

    value:   32 bytes.
    returns: eight hashes in the order of `dihedral`; see `turn_hashes`.
    """
    return [turned.tobytes() for turned in turn_hashes(value)[0]]


def turn_hashes(values: bytes) -> NDArray[np.uint8]:
    """Estimate the hashes of pictures in all eight orientations from their hashes alone.

    A bit says whether a coefficient is above the median, which is near zero. So flipping the sign
    of a coefficient flips its bit, unless the coefficient is very small. Measured on photographs:
    an estimate is 8 bits from the true hash on average.

    values:  n x 32 bytes.
    returns: (n, 8, 32) uint8, each in the order of `dihedral`.
    """
    bits = np.unpackbits(np.frombuffer(values, np.uint8)).reshape(-1, _HASH_SIDE, _HASH_SIDE)
    odd = np.arange(_HASH_SIDE, dtype=np.uint8) % 2
    rows, columns = odd[:, None], odd[None, :]
    turned = bits.transpose(0, 2, 1)
    estimates = (
        *(bits, turned ^ rows, bits ^ rows ^ columns, turned ^ columns),
        *(bits ^ rows, bits ^ columns, turned, turned ^ rows ^ columns),
    )
    return np.packbits(np.stack(estimates, axis=1).reshape(len(bits), 8, -1), axis=2)


def _shrink_rows(rows: Floats, *, full: int) -> Floats:
    starts, weights = _bands(full, rows.shape[1])
    band = weights.shape[1]
    grid = np.empty((_GRID, _GRID), np.float32)
    for j in range(_GRID):
        np.einsum("ix,x->i", rows[:, starts[j] : starts[j] + band], weights[j], out=grid[:, j])
    return grid


_HASH_SIDE = 16


def _cosines() -> Floats:
    """Return the 16 x 64 matrix of a type II cosine transform, frequencies 1 to 16."""
    frequency = np.arange(1, 17)[:, None]
    place = np.arange(_GRID)[None, :]
    matrix = np.sqrt(2 / _GRID) * np.cos(np.pi / (2 * _GRID) * frequency * (2 * place + 1))
    return np.asarray(matrix, np.float32)


_COSINES = _cosines()
_COSINES_TURNED = np.ascontiguousarray(_COSINES.T)


@lru_cache(maxsize=128)
def _filter(full: int, side_px: int) -> pdq.Filter:
    return pdq.Filter(*_bands(full, side_px), side_px=side_px)


@lru_cache(maxsize=128)
def _bands(full: int, side_px: int) -> tuple[NDArray[np.intp], Floats]:
    """Return the filter along one side: the start of each of the 64 samples, and its weights.

    full:    length of the picture's side, px, for which the filter is made.
    side_px: actual length of the side; less than `full` if a decoder reduced it.
    returns: 64 starts, and (64, k) float32 weights that belong to start, start + 1, ...
    """
    narrow, weights = pdq.box_filter(full)
    starts = narrow.astype(np.intp)  # it is multiplied by the length of the side
    if side_px != full:
        starts, weights = _gather(starts, weights, full=full, side_px=side_px)
    return starts, weights.astype(np.float32)


def _gather(
    starts: NDArray[np.intp], weights: NDArray[np.float64], *, full: int, side_px: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Move weights for a full side onto a reduced one, each of whose pixels covers several.

    Only the pixels near each sample are looked at: those of the whole side, for each of the 64
    samples, take milliseconds.

    returns: as `box_filter`, for the reduced side.
    """
    band = weights.shape[1]
    firsts = np.maximum(starts * side_px // full - 1, 0)
    near = firsts[:, None] + np.arange(band * side_px // full + 5)
    edges = np.minimum(near, side_px) * (full / side_px)
    whole = np.minimum(edges.astype(int), full)
    summed = np.concatenate([np.zeros((_GRID, 1)), np.cumsum(weights, axis=1)], axis=1)

    def sum_to(places: NDArray[np.intp]) -> NDArray[np.float64]:
        return np.take_along_axis(summed, (places - starts[:, None]).clip(0, band), axis=1)

    below = sum_to(whole)
    gathered = np.diff(below + (edges - whole) * (sum_to(np.minimum(whole + 1, full)) - below))
    gathered[gathered < _NOTHING] = 0
    used = gathered != 0
    begins, unused = used.argmax(axis=1), used[:, ::-1].argmax(axis=1)
    width = gathered.shape[1]
    band = int((width - unused - begins).max())
    reduced = np.minimum(firsts + begins, side_px - band)
    columns = (reduced - firsts)[:, None] + np.arange(band)
    inside = (columns >= 0) & (columns < width)
    cut = np.take_along_axis(gathered, columns.clip(0, width - 1), axis=1)
    return reduced, np.where(inside, cut, 0.0)
