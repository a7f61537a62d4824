# SPDX-License-Identifier: Apache-2.0
"""Search one shelf: from words that are alike to stretches of the same audio."""

from collections.abc import Iterator

import numpy as np

from stemtide.fingerprints.values.audio import WORDS_PER_S, Heard
from stemtide.matching.audio import alignment
from stemtide.matching.audio.alignment import Query, SameAudio, TrackAlignment
from stemtide.matching.audio.tables import Candidates, Rows, Shelf, candidates, joined
from stemtide.matching.found import Occurrence, TimeRange

MATCH_SCORE = 45.0
"""Score of the same audio: that of 5 s with 30 % of their bits wrong, unaltered."""

PROBABLE_SCORE = 32.0
"""From here on it is told at all. Set where, of 12,000 pairs of unrelated music, speech, crowds and
woods, the surest scored 26, and of 504 alterations of known sound the least sure 36. On sound it
was not set on 159 of 160 alterations of the design's kinds score more (benchmarks/media/audio)."""

_CALIBRATED = ((32.0, 40.0, 50.0, 60.0, 80.0), (0.8, 0.9, 0.98, 0.995, 0.9999))
"""Scores, and the share of finds there that are right, where every second upload is known sound.
Carried on from what was measured: up to 26, false ones halve with every 2.8 bits, and none scored
more; true ones are even from 32 to 100. The false grow with the library, the true do not."""

_RIVAL_MOST = 40.0
"""A loop is also alike a beat aside: its evidence is large, and loses at most this much."""

_ALTERED_COST = 3.0
_SAME_SPEED = 0.01

_WORTH_EXTENDING = 15.0
"""In bits: a window with less evidence has never grown into a result."""

_DIAGONAL = 4
_BLOCK = 200
"""Of all pairs on this many neighbouring diagonals and in this many half words (ten seconds) of the
query, one is examined.
"""

_MOST_A_TRACK = 16
_MOST_PAIRS = 8192
_MOST_KEPT = 100_000
_AT_A_TIME = 256
_MOST_SPANS = 16
"""Limits: results per track and query; pairs per track, and of all tracks."""


def find_on(shelf: Shelf, query: Query, *, least_score: float) -> Iterator[Occurrence]:
    """Find the signals of a shelf that occur in a query with at least this score.

    1. Find pairs of words that are alike, with their neighbours.
    2. Compute evidence of windows around them at several speeds.
    3. Refine the stretch around the best; then take the best pair outside of it.
    4. Score a stretch by its evidence, minus the evidence of the same stretch a beat aside.
    """
    lines: dict[int, list[tuple[float, TrackAlignment]]] = {}
    for pairs in _promising_pairs(shelf, query):
        for weighted_line in _worthwhile(shelf, query, pairs):
            lines.setdefault(weighted_line[1].row, []).append(weighted_line)
    for of_row in lines.values():
        of_row.sort(key=lambda weighted_line: -weighted_line[0])
        lying = [line for _, line in of_row]
        for stretch in _stretches(shelf, query, lying, least=least_score):
            score = _score(stretch, rival=alignment.rival(shelf, query, stretch))
            if score >= least_score:
                yield _result(shelf, stretch, score=score)


def confidence(score: float) -> float:
    """Return the share of results with such a score that are right, 0..1."""
    return float(np.interp(score, *_CALIBRATED))


def _promising_pairs(shelf: Shelf, query: Query) -> list[Candidates]:
    """Return, for each shift, the pairs worth a window: the best few of each diagonal."""
    half_words = query.half_words()
    by_shift: dict[int, list[Candidates]] = {}
    for pairs in candidates(shelf, query.words[0][half_words], half_words):
        near = alignment.near_pairs(shelf, query, pairs)
        near = near.only(np.flatnonzero(shelf.alive[shelf.rows(near.place)]))
        same = by_shift.setdefault(pairs.shift, [])
        same.append(near)
        if sum(len(part.at) for part in same) > _MOST_KEPT:  # a loop in both is alike everywhere
            same[:] = [_best_pairs(shelf, joined(same))]
    return [_best_pairs(shelf, joined(part)) for part in by_shift.values()]


def _best_pairs(shelf: Shelf, pairs: Candidates) -> Candidates:
    """Return the nearest pair of each diagonal, the nearest few of each track, limited in all."""
    diagonal = (pairs.place - pairs.at // 2) // _DIAGONAL
    block = pairs.at // _BLOCK
    order = np.lexsort((pairs.apart, block, diagonal))
    pairs = pairs.only(order[_is_first(diagonal[order], block[order])])
    rows = shelf.rows(pairs.place)
    order = np.lexsort((pairs.apart, rows))
    place = np.arange(len(order))
    begins = np.maximum.accumulate(np.where(_is_first(rows[order]), place, 0))
    few = order[place - begins < _MOST_A_TRACK]
    return pairs.only(few[np.argsort(pairs.apart[few], kind="stable")[:_MOST_PAIRS]])


def _is_first(*columns: Rows) -> Heard:
    """Return which lines of sorted columns differ from the line before."""
    first = np.ones(len(columns[0]), dtype=np.bool_)
    first[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return first


def _worthwhile(
    shelf: Shelf, query: Query, pairs: Candidates
) -> Iterator[tuple[float, TrackAlignment]]:
    """Yield lines through pairs around which a window has some evidence, with that evidence."""
    for start in range(0, len(pairs.at), _AT_A_TIME):
        part = slice(start, start + _AT_A_TIME)
        at, place = pairs.at[part], pairs.place[part]
        evidence, speed = alignment.best_windows(
            shelf, query, at=at, place=place, shift=pairs.shift
        )
        for index in np.flatnonzero(evidence >= _WORTH_EXTENDING).tolist():
            row = int(shelf.rows(place[index : index + 1])[0])
            line = TrackAlignment(
                row, pairs.shift, float(at[index]), int(place[index]), float(speed[index])
            )
            yield float(evidence[index]), line


def _stretches(
    shelf: Shelf, query: Query, lines: list[TrackAlignment], *, least: float
) -> list[SameAudio]:
    """Refine the lines of one track, best first, skipping those in a stretch found before."""
    stretches: list[SameAudio] = []
    for line in lines:
        if len(stretches) == _MOST_SPANS:
            break
        if any(_covers(stretch, line.at) for stretch in stretches):
            continue
        stretch = alignment.refine(shelf, query, line)
        middle = float(stretch.line.at_of(np.array((stretch.first + stretch.last) // 2)))
        if stretch.evidence >= least and not any(_covers(s, middle) for s in stretches):
            stretches.append(stretch)
    return stretches


def _covers(stretch: SameAudio, at: float) -> bool:
    first, last = stretch.line.at_of(np.array([stretch.first, stretch.last]))
    return bool(first - 2 * alignment.WINDOW / 4 <= at <= last + 2 * alignment.WINDOW / 4)


def _score(stretch: SameAudio, *, rival: float) -> float:
    """Return the evidence of a stretch beyond that of the same stretch a beat aside.

    Each kind of alteration that is tried is one more chance of a false match: it costs some bits.
    """
    line = stretch.line
    altered = (line.shift != 0) + (abs(line.speed - 1) > _SAME_SPEED)
    return stretch.evidence - min(rival, _RIVAL_MOST) - _ALTERED_COST * altered


def _result(shelf: Shelf, stretch: SameAudio, *, score: float) -> Occurrence:
    line = stretch.line
    first, last = line.at_of(np.array([stretch.first, stretch.last])) / (2 * WORDS_PER_S)
    low = int(shelf.bounds[line.row])
    ends = 5 / WORDS_PER_S
    return Occurrence(
        key=int(shelf.keys[line.row]),
        score=round(score, 1),
        confidence=confidence(score),
        query_span=TimeRange(max(0.0, float(first)), float(last) + ends),
        signal_span=TimeRange(
            (stretch.first - low) / WORDS_PER_S, (stretch.last - low) / WORDS_PER_S + ends
        ),
        speed=round(line.speed, 3),
        transform=_transform(line),
    )


def _transform(line: TrackAlignment) -> str:
    if not line.shift:
        return ""
    return f"pitch {-line.shift:+d} semitone"
