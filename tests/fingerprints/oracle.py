# SPDX-License-Identifier: Apache-2.0
"""PDQ from the grid on in numpy, slowly and plainly: what the kernels must equal."""

import numpy as np

SIGNS = np.where(np.arange(16) % 2 == 1, 1, -1).astype(np.float32)


def shrink(luma, starts_y, weights_y, starts_x, weights_x):
    rows = np.stack(
        [
            w @ luma[s : s + len(w)].astype(np.float64)
            for s, w in zip(starts_y, weights_y, strict=True)
        ]
    )
    columns = [rows[:, s : s + len(w)] @ w for s, w in zip(starts_x, weights_x, strict=True)]
    return np.stack(columns, axis=1).astype(np.float32)


def weights(full, side):
    """(64, side): two passes of a box filter over `full` pixels, sampled, then on `side` pixels."""
    window = (full + 127) // 128
    ahead = (window + 2) // 2
    box = np.zeros((full, full))
    for place in range(full):
        box[place, max(place + ahead - window, 0) : place + ahead] = 1
    box /= box.sum(axis=1, keepdims=True)
    sampled = box[((np.arange(64) + 0.5) * full / 64).astype(int)] @ box
    edges = np.arange(side + 1) * full / side
    pixel = np.arange(full)[:, None]
    covered = np.minimum(pixel + 1, edges[1:]) - np.maximum(pixel, edges[:-1])
    return sampled @ covered.clip(0)


def quality(grid):
    down = np.trunc(np.diff(grid, axis=0) * np.float32(100) / np.float32(255))
    across = np.trunc(np.diff(grid, axis=1) * np.float32(100) / np.float32(255))
    return min(100, int(np.abs(down).sum() + np.abs(across).sum()) // 90)


def coefficients(grid):
    frequency, place = np.arange(1, 17)[:, None], np.arange(64)[None, :]
    cosines = np.sqrt(2 / 64) * np.cos(np.pi / 128 * frequency * (2 * place + 1))
    return cosines @ grid.astype(np.float64) @ cosines.T


def pack(values):
    median = np.partition(values.ravel(), 127)[127]
    return np.packbits((values.ravel() > median)[::-1]).tobytes()


def dihedral(grid):
    as_is = coefficients(grid)
    rows, columns = SIGNS[:, None], SIGNS[None, :]
    both = rows * columns
    turned = [
        as_is, (as_is * columns).T, as_is * both, (as_is * rows).T,
        as_is * rows, as_is * columns, as_is.T, (as_is * both).T,
    ]  # fmt: skip
    return [pack(one) for one in turned]


def is_clear(grid):
    """Whether no coefficient is so near the median that rounding could decide its bit."""
    values = np.sort(coefficients(grid).ravel())
    return bool(values[128] - values[127] > 1e-3 * np.abs(values).max())
