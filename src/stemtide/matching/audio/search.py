# SPDX-License-Identifier: Apache-2.0
"""The search on one shelf: from words that are alike to stretches that are the same sound."""

from collections.abc import Iterator

import numpy as np

from stemtide.fingerprints.values.audio import WORDS_PER_S, Heard
from stemtide.matching.audio import alignment as align
from stemtide.matching.audio.alignment import Line, Query, Stretch
from stemtide.matching.audio.tables import Candidates, Rows, Shelf, candidates, joined
from stemtide.matching.found import Found, Span

MATCH_SCORE = 45.0
"""From here on it is the same sound: the score of 5 s with 30 % of their bits wrong, unaltered."""

PROBABLE_SCORE = 32.0
"""From here on it is told at all. Set where, of 12,000 pairs of unrelated music, speech, crowds and
woods, the surest scored 26, and of 504 alterations of known sound the least sure 36. On sound it
was not set on 159 of 160 alterations of the design's kinds score more (benchmarks/media/audio)."""

_CALIBRATED = ((32.0, 40.0, 50.0, 60.0, 80.0), (0.8, 0.9, 0.98, 0.995, 0.9999))
"""Scores, and the share of finds there that are right, where every second upload is known sound.
Carried on from what was measured: up to 26, false ones halve with every 2.8 bits, and none scored
more; true ones are even from 32 to 100. The false grow with the library, the true do not."""

_RIVAL_MOST = 40.0
"""A loop is alike a beat aside as well: its evidence is large, and loses only so much."""

_ALTERED_COST = 3.0
_SAME_SPEED = 0.01

_WORTH_EXTENDING = 15.0
"""In bits: a window with less evidence has never grown into a find."""

_DIAGONAL = 4
_BLOCK = 200
"""Of all pairs on so many neighbouring diagonals and in so many half words (ten seconds) of the
query, one is pursued."""

_MOST_A_TRACK = 16
_MOST_PAIRS = 8192
_MOST_KEPT = 100_000
_AT_A_TIME = 256
_MOST_SPANS = 16
"""Of one track in one query; and so many pairs of it, and of all tracks, are pursued."""


def find_on(shelf: Shelf, query: Query, *, least_score: float) -> Iterator[Found]:
    """Find what sounds on a shelf with such a score or more.

    1. Pairs of words that are alike, with their neighbours. 2. Windows around them at several
    speeds. 3. The stretch around the best, laid finely; then the best pair outside of it. 4. What
    speaks for a stretch, less what speaks for the same a beat aside.
    """
    lines: dict[int, list[tuple[float, Line]]] = {}
    for pairs in _pursued(shelf, query):
        for one in _worthwhile(shelf, query, pairs):
            lines.setdefault(one[1].row, []).append(one)
    for of_row in lines.values():
        of_row.sort(key=lambda one: -one[0])
        lying = [line for _, line in of_row]
        for stretch in _stretches(shelf, query, lying, least=least_score):
            score = _score(stretch, rival=align.rival(shelf, query, stretch))
            if score >= least_score:
                yield _told(shelf, stretch, score=score)


def confidence(score: float) -> float:
    """Say how many finds with such a score are right, 0..1."""
    return float(np.interp(score, *_CALIBRATED))


def _pursued(shelf: Shelf, query: Query) -> list[Candidates]:
    """Collect, of each shift, the pairs that are worth a window: the best few of each diagonal."""
    asked = query.asked()
    kept: dict[int, list[Candidates]] = {}
    for found in candidates(shelf, query.words[0][asked], asked):
        near = align.near_pairs(shelf, query, found)
        near = near.only(np.flatnonzero(shelf.alive[shelf.rows(near.place)]))
        same = kept.setdefault(found.shift, [])
        same.append(near)
        if sum(len(each.at) for each in same) > _MOST_KEPT:  # a loop in both is alike everywhere
            same[:] = [_best_pairs(shelf, joined(same))]
    return [_best_pairs(shelf, joined(each)) for each in kept.values()]


def _best_pairs(shelf: Shelf, pairs: Candidates) -> Candidates:
    """Choose the nearest pair of each diagonal, the nearest few of each track, of all so many."""
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
    """Tell which lines of sorted columns differ from the line before."""
    first = np.ones(len(columns[0]), dtype=np.bool_)
    first[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return first


def _worthwhile(shelf: Shelf, query: Query, pairs: Candidates) -> Iterator[tuple[float, Line]]:
    """Give the lines through pairs around which a window has some evidence, with that."""
    for start in range(0, len(pairs.at), _AT_A_TIME):
        part = slice(start, start + _AT_A_TIME)
        at, place = pairs.at[part], pairs.place[part]
        evidence, speed = align.best_windows(shelf, query, at=at, place=place, shift=pairs.shift)
        for one in np.flatnonzero(evidence >= _WORTH_EXTENDING).tolist():
            row = int(shelf.rows(place[one : one + 1])[0])
            line = Line(row, pairs.shift, float(at[one]), int(place[one]), float(speed[one]))
            yield float(evidence[one]), line


def _stretches(shelf: Shelf, query: Query, lines: list[Line], *, least: float) -> list[Stretch]:
    """Lay the lines of one track, best first, leaving out what lies in a stretch that was found."""
    found: list[Stretch] = []
    for line in lines:
        if len(found) == _MOST_SPANS:
            break
        if any(_covers(stretch, line.at) for stretch in found):
            continue
        stretch = align.refine(shelf, query, line)
        middle = float(stretch.line.at_of(np.array((stretch.first + stretch.last) // 2)))
        if stretch.evidence >= least and not any(_covers(s, middle) for s in found):
            found.append(stretch)
    return found


def _covers(stretch: Stretch, at: float) -> bool:
    first, last = stretch.line.at_of(np.array([stretch.first, stretch.last]))
    return bool(first - 2 * align.WINDOW / 4 <= at <= last + 2 * align.WINDOW / 4)


def _score(stretch: Stretch, *, rival: float) -> float:
    """Say what speaks for a stretch beyond what speaks for the same a beat aside.

    To find it altered in a way is a chance more that unrelated sound meets: that costs some bits.
    """
    line = stretch.line
    altered = (line.shift != 0) + (abs(line.speed - 1) > _SAME_SPEED)
    return stretch.evidence - min(rival, _RIVAL_MOST) - _ALTERED_COST * altered


def _told(shelf: Shelf, stretch: Stretch, *, score: float) -> Found:
    line = stretch.line
    first, last = line.at_of(np.array([stretch.first, stretch.last])) / (2 * WORDS_PER_S)
    low = int(shelf.bounds[line.row])
    ends = 5 / WORDS_PER_S
    return Found(
        key=int(shelf.keys[line.row]),
        score=round(score, 1),
        confidence=confidence(score),
        query_span=Span(max(0.0, float(first)), float(last) + ends),
        signal_span=Span(
            (stretch.first - low) / WORDS_PER_S, (stretch.last - low) / WORDS_PER_S + ends
        ),
        speed=round(line.speed, 3),
        transform=_transform(line),
    )


def _transform(line: Line) -> str:
    if not line.shift:
        return ""
    return f"pitch {-line.shift:+d} semitone"
