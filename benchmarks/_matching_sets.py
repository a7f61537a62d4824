# SPDX-License-Identifier: Apache-2.0
"""Sets of PDQ hashes to search: evenly spread ones, and ones like those of real pictures.

The real-like ones are hashes of cut-outs of scikit-image's photographs, at any place and size, and
near-duplicates of them: one picture in five has some, as many as a few hundred, 0 to 24 bits away,
which is what re-encoding, scaling and small marks do to a PDQ hash. They crowd some buckets and
leave others empty, as real sets do: smooth pictures have much in common.
"""

import io

import numpy as np
from PIL import Image

from stemtide.exercises.pictures import photographs
from stemtide.fingerprints.image import pdq

Signals = np.ndarray
"""(n, 32) uint8."""

_GRID = 64
_BATCH = 2_000


def uniform(rng: np.random.Generator, size: int) -> Signals:
    return rng.integers(0, 256, (size, 32), dtype=np.uint8)


def varied(rng: np.random.Generator, signals: Signals, *, most_bits: int) -> Signals:
    """Flip 0 to most_bits bits of each, each place as likely as any."""
    made = []
    for some in np.array_split(signals, max(1, len(signals) // 50_000)):
        counts = rng.integers(0, most_bits + 1, len(some))
        flips = np.arange(256) < counts[:, None]
        made.append(some ^ np.packbits(rng.permuted(flips, axis=1), axis=1))
    return np.concatenate(made)


def real_like(rng: np.random.Generator, size: int) -> Signals:
    """Hashes of real pictures and near-duplicates, in no order."""
    pictures = _cut_outs(rng, max(1, size // 5))
    copies = np.minimum(rng.zipf(1.6, len(pictures)), 400)
    copies = np.maximum(1, np.floor(copies * size / copies.sum())).astype(int)
    chosen = np.repeat(np.arange(len(pictures)), copies)
    chosen = np.concatenate([chosen, rng.integers(0, len(pictures), max(0, size - len(chosen)))])
    signals = pictures[chosen[:size]]
    is_copy = np.concatenate([[False], chosen[1:size] == chosen[: size - 1]])
    signals[is_copy] = varied(rng, signals[is_copy], most_bits=24)
    return rng.permutation(signals)


SETS = {"uniform": uniform, "real-like": real_like}


def asked(rng: np.random.Generator, signals: Signals, count: int, *, name: str) -> Signals:
    """Queries: half are near a signal, half are strangers of the same sort."""
    near = varied(rng, signals[rng.integers(0, len(signals), count // 2)], most_bits=31)
    strangers = SETS[name](rng, 5 * count)[: count - len(near)]
    return np.ascontiguousarray(rng.permutation(np.concatenate([near, strangers])))


def _cut_outs(rng: np.random.Generator, count: int) -> Signals:
    """Hash so many cut-outs, brought to 64 x 64 by means over areas."""
    sums = [_area_sums(blob) for blob in photographs().values()]
    made = [
        _hashes(_shrunk(rng, sums[int(rng.integers(len(sums)))], min(_BATCH, count - first)))
        for first in range(0, count, _BATCH)
    ]
    return np.concatenate(made)


def _area_sums(blob: bytes) -> np.ndarray:
    luma = np.asarray(Image.open(io.BytesIO(blob)).convert("L"), dtype=np.float64)
    return np.pad(luma.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))


def _shrunk(rng: np.random.Generator, sums: np.ndarray, count: int) -> np.ndarray:
    """Means over 64 x 64 fields of cut-outs, (count, 64, 64); some are turned over."""
    height, width = sums.shape[0] - 1, sums.shape[1] - 1
    tall = rng.uniform(_GRID * 1.2, height, count)
    wide = np.clip(tall * rng.uniform(0.6, 1.7, count), _GRID * 1.2, width)
    top, left = rng.uniform(0, height - tall), rng.uniform(0, width - wide)
    steps = np.arange(_GRID + 1) / _GRID
    rows = np.minimum((top[:, None] + steps * tall[:, None]).astype(int), height)
    columns = np.minimum((left[:, None] + steps * wide[:, None]).astype(int), width)
    corners = sums[rows[:, :, None], columns[:, None, :]]
    areas = np.diff(rows, axis=1)[:, :, None] * np.diff(columns, axis=1)[:, None, :]
    grids = np.diff(np.diff(corners, axis=1), axis=2) / np.maximum(areas, 1)
    return np.where(rng.random(count)[:, None, None] < 0.5, grids, grids[:, :, ::-1])


def _hashes(grids: np.ndarray) -> Signals:
    """PDQ of grids that are 64 x 64 already, as pdq.hash_grid makes it, many at a time."""
    values = b"".join(pdq.hash_grid(grid.astype(np.float32))[0] for grid in grids)
    return np.frombuffer(values, dtype=np.uint8).reshape(-1, 32)
