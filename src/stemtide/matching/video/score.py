# SPDX-License-Identifier: Apache-2.0
"""Align two sequences of frames: find offset, speed and stretch, and score the agreement.

Each pair of frames that would be shown at the same time adds evidence for or against. A frame that
adds little to the one before counts little, so that a still picture is not counted forty times.
Along one offset and speed the best stretch is the one with the largest sum (Kadane's).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemtide.matching.video import turns

Floats = NDArray[np.float64]

SPEEDS = (1.0, 1.05, 0.95, 1.1, 0.9, 1.25, 0.8, 1.5, 0.667, 2.0, 0.5)
"""Seconds of the signal per second of the content that are tried; the fit that follows finds those
in between.
"""

MIN_QUALITY = 25
"""Frames of lower PDQ quality are no evidence for a match, and little against."""
_SURE_QUALITY = 80
"""Frames of lower quality count less: plain sky with something before it resembles any other."""

_STEP_S = 0.25
_MOST_LINES = 96
_AHEAD_S = 0.2
_BEYOND_S = 0.3
_FOR, _AGAINST = 5.0, -1.5
_DULL = -0.2
_LEAST_AGAINST = 0.15
_FIT_S = 0.75
_TILT = 0.06
"""Largest relative change of speed by a fit: the speeds that are tried are about twice as far
apart.
"""
_GAIN = 0.1
"""Minimum gain of a fit."""
_SAME_SPEED = 0.005
_STRAIGHT_S = 1.0
_AS_GOOD = 0.9


@dataclass(frozen=True, slots=True)
class Sequence:
    """Frames in order of time.

    words:   (n, 4) uint64, PDQ hashes; coarse: (n,) uint64, their 64 coarsest bits.
    at_s:    (n,) float64; novelty: (n,) 0..1; quality: (n,) 0..100.
    is_dense: whether frames without anything new were left out, so that a frame counts until the
              next one.
    """

    words: turns.Words
    coarse: turns.Words
    at_s: Floats
    novelty: Floats
    quality: NDArray[np.uint8]
    is_dense: bool = False


@dataclass(frozen=True, slots=True)
class FilmAlignment:
    """Content at `t` shows the signal at `speed * t + offset_s`, for the frames first to last."""

    score: float
    speed: float
    offset_s: float
    first: int
    last: int


def evidence(fine_bits: NDArray[np.int64], coarse_bits: NDArray[np.int64]) -> Floats:
    """Return the evidence of distances for two frames being the same.

    fine_bits:   distance over all 256 bits; coarse_bits: over the 64 coarsest of them.
    returns:     log of odds, -1.5..5; unrelated frames mostly lie below -1.
    source:      fitted on 14 clips and 35 alterations; see docs/understand/films.md.
    """
    odds = 9.0 - 0.30 * coarse_bits - 0.045 * (fine_bits - coarse_bits)
    clipped: Floats = np.clip(odds, _AGAINST, _FOR)
    return clipped


def find_lines(
    query: Sequence,
    signal: Sequence,
    *,
    hits: tuple[NDArray[np.int64], NDArray[np.int64], Floats],
    least_score: float,
    most: int,
) -> list[FilmAlignment]:
    """Find the stretches of a query that run alongside a signal, best first.

    hits:        pairs of near frames (indexes in query and in signal) and their evidence: only the
                 offsets and speeds that some pair suggests are tried.
    least_score: minimum score of a stretch; `most`: maximum number of stretches.
    """
    speeds, offsets = _proposals(query.at_s[hits[0]], signal.at_s[hits[1]], hits[2])
    values = _values(query, signal, speeds=speeds, offsets_s=offsets)
    lines: list[FilmAlignment] = []
    while len(lines) < most:
        line = _best(values, speeds=speeds, offsets_s=offsets)
        if line.score < min(least_score, _TRY_SCORE):
            break
        better = _straightened(query, signal, _fitted(query, signal, line))
        values[:, min(line.first, better.first) : max(line.last, better.last) + 1] = 0
        if better.score >= least_score:
            lines.append(better)
    return sorted(lines, key=lambda found_line: -found_line.score)


_TRY_SCORE = 3.0
"""Minimum score of a line that is worth a fit."""


def _proposals(query_s: Floats, signal_s: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Collect the offsets, by speed, that near pairs suggest; best supported first."""
    speeds = np.repeat(SPEEDS, len(query_s))
    offsets = np.tile(signal_s, len(SPEEDS)) - speeds * np.tile(query_s, len(SPEEDS))
    steps = np.floor(offsets / _STEP_S).astype(np.int64)
    names = np.repeat(np.arange(len(SPEEDS)), len(query_s)) << 40
    unique, inverse = np.unique(names + steps, return_inverse=True)
    support = np.bincount(inverse, weights=np.tile(weights, len(SPEEDS)))
    sums = np.bincount(inverse, weights=offsets)
    middle = sums / np.bincount(inverse)
    with_next = support.copy()
    neighbours = np.diff(unique) == 1
    with_next[:-1][neighbours] += support[1:][neighbours]
    with_next[1:][neighbours] += support[:-1][neighbours]
    best = np.argsort(-with_next, kind="stable")[:_MOST_LINES]
    return np.array(SPEEDS)[unique[best] + (1 << 39) >> 40], middle[best]


def _values(query: Sequence, signal: Sequence, *, speeds: Floats, offsets_s: Floats) -> Floats:
    """Compute the evidence of every frame of the query along each line: (lines, n) float64."""
    at_s = speeds[:, None] * query.at_s + offsets_s[:, None]
    places = _shown_at(signal, at_s)
    fine = np.bitwise_count(query.words ^ signal.words[places]).sum(axis=2, dtype=np.int64)
    coarse = np.bitwise_count(query.coarse ^ signal.coarse[places]).astype(np.int64)
    odds = evidence(fine, coarse)
    odds[:, query.quality < MIN_QUALITY] = _DULL
    dull = signal.quality[places] < MIN_QUALITY
    odds[dull] = np.minimum(odds[dull], _DULL)
    weights = np.minimum(query.novelty, signal.novelty[places])
    trust = np.clip(np.minimum(query.quality, signal.quality[places]) / _SURE_QUALITY, 0, 1)
    weights = np.where(odds > 0, weights * trust, np.maximum(weights, _LEAST_AGAINST))
    inside = (at_s >= signal.at_s[0] - _BEYOND_S) & (at_s <= signal.at_s[-1] + _BEYOND_S)
    return np.where(inside, odds * weights, 0.0)


def _shown_at(signal: Sequence, at_s: Floats) -> NDArray[np.int64]:
    """Find the frame of a signal that is shown at each time."""
    after = np.minimum(np.searchsorted(signal.at_s, at_s), len(signal.at_s) - 1)
    before = np.maximum(after - 1, 0)
    ahead, behind = signal.at_s[after] - at_s, at_s - signal.at_s[before]
    reach_s = _AHEAD_S if signal.is_dense else np.inf
    return np.where((ahead < behind) & (ahead <= reach_s), after, before)


def _best(values: Floats, *, speeds: Floats, offsets_s: Floats) -> FilmAlignment:
    """Find the line, and the stretch of it, with the largest sum."""
    sums = np.cumsum(values, axis=1)
    before = np.concatenate([np.zeros((len(values), 1)), sums[:, :-1]], axis=1)
    lowest = np.minimum.accumulate(before, axis=1)
    gains = sums - lowest - _penalty(speeds)[:, None]
    row, last = divmod(int(np.argmax(gains)), values.shape[1])
    first = int(np.flatnonzero(before[row, : last + 1] <= lowest[row, last])[-1])
    return FilmAlignment(
        float(gains[row, last]), float(speeds[row]), float(offsets_s[row]), first, last
    )


def _penalty(speeds: Floats) -> Floats:
    """Return the evidence that a speed requires: few videos are played at double speed."""
    change = np.abs(np.log(speeds))
    return np.where(change < _SAME_SPEED, 0.0, np.minimum(2.0, 0.4 + 2.5 * change))


def _fitted(query: Sequence, signal: Sequence, line: FilmAlignment) -> FilmAlignment:
    """Fit the line to the frames near it; return the better of old and new."""
    for _ in range(2):
        shifts = np.arange(-_FIT_S, _FIT_S + _STEP_S / 4, _STEP_S / 2)
        speeds = np.full(len(shifts), line.speed)
        values = _values(query, signal, speeds=speeds, offsets_s=line.offset_s + shifts)
        stretch = values[:, line.first : line.last + 1]
        at_s = query.at_s[line.first : line.last + 1]
        weights = np.maximum(stretch, 0).ravel()
        if not weights.any():
            return line
        shift = np.repeat(shifts, stretch.shape[1])
        tilt, move = _slope(np.tile(at_s, len(shifts)), shift, weights**2)
        if abs(tilt) > _TILT * line.speed:
            tilt, move = 0.0, (move[0], move[0])
        tilts, moves = np.array([0, 0, tilt]), np.array([0, move[0], move[1]])
        tried = _values(query, signal, speeds=line.speed + tilts, offsets_s=line.offset_s + moves)
        better = _best(tried, speeds=line.speed + tilts, offsets_s=line.offset_s + moves)
        if better.score <= line.score + _GAIN:
            return line
        line = better
    return line


def _straightened(query: Sequence, signal: Sequence, line: FilmAlignment) -> FilmAlignment:
    """Prefer unchanged speed if it is about as good and its frames are nearer.

    In a shot with little motion, evidence is as high a little before and after; the distances still
    differ.
    """
    if abs(line.speed - 1) < _SAME_SPEED:
        return line
    middle_s = float(query.at_s[line.first] + query.at_s[line.last]) / 2
    shifts = np.arange(-_STRAIGHT_S, _STRAIGHT_S + _STEP_S / 4, _STEP_S / 2)
    offsets = line.offset_s + (line.speed - 1) * middle_s + shifts
    speeds = np.ones(len(offsets))
    values = _values(query, signal, speeds=speeds, offsets_s=offsets)
    straight = _best(values, speeds=speeds, offsets_s=offsets)
    is_as_good = straight.score >= _AS_GOOD * line.score
    if is_as_good and _mean_bits(query, signal, straight) < _mean_bits(query, signal, line):
        return straight
    return line


def _mean_bits(query: Sequence, signal: Sequence, line: FilmAlignment) -> float:
    which = slice(line.first, line.last + 1)
    places = _shown_at(signal, line.speed * query.at_s[which] + line.offset_s)
    bits = np.bitwise_count(query.words[which] ^ signal.words[places])
    return float(bits.sum(axis=1).mean())


def _slope(x: Floats, y: Floats, weights: Floats) -> tuple[float, tuple[float, float]]:
    """Fit y = a + b x. Return b, and a both for b = 0 and for b itself."""
    total = weights.sum()
    mean_x, mean_y = float((weights * x).sum() / total), float((weights * y).sum() / total)
    spread = float((weights * (x - mean_x) ** 2).sum())
    if spread < 1e-9 * total:  # all at one time: the speed is undetermined
        return 0.0, (mean_y, mean_y)
    tilt = float((weights * (x - mean_x) * (y - mean_y)).sum()) / spread
    return tilt, (mean_y, mean_y - tilt * mean_x)
