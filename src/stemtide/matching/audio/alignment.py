# SPDX-License-Identifier: Apache-2.0
"""Align a query with a stored track, and compute the evidence that both are the same audio.

The evidence of a stretch is a sum over its words: the logarithm (base 2) of how much likelier that
many wrong bits are in the same audio than in another. So a longer stretch with more wrong bits can
have as much evidence as a short one with few; a stretch is as long as its evidence grows.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from stemtide.fingerprints.values.audio import WORD_BITS, Heard, Track, Words
from stemtide.matching.audio.tables import SHIFTS, Candidates, Rows, Shelf, known_bits, shifted

STEP = 1.05
"""Factor between one tempo that is tried and the next. Half of it either way moves the ends of five
seconds by a sixteenth of a second, which costs little; a result is refined later.
"""

SPEEDS: Final = {
    0: STEP ** np.arange(-5.0, 6),
    1: STEP ** np.arange(-2.0, 3),
    -1: STEP ** np.arange(-2.0, 3),
}
"""Query seconds per signal second that are tried, by shift."""

WINDOW = 45
"""Words of five seconds: the last of them ends half a second after it begins."""

SHORT_WINDOW = 30

_NEIGHBOURS = (((-2, 2), 40), ((-4, 4), 64))
"""A pair of words is pursued while it and its neighbours, so many words away, have at most so many
wrong bits: of 96, then of 160. Of pairs that only look alike one in ten passes."""

_LEAST_MOVE = 0.5
"""In words: a finer speed that moves the ends of a stretch by less is not tried."""

_WRONG_BITS_SAME = 0.30
_TELLING_BITS = 8.7
"""Neighbouring words and bits repeat each other: the 32 bits of a word say as much as so many that
do not. Measured: windows of WINDOW words of unrelated sound have 50 +- 2.4 % wrong bits."""

_DENSE = np.arange(-WINDOW, WINDOW)
_SPARSE = np.arange(-20, 21, 4)
_SPARSE_WRONG = 0.40
"""Share of wrong bits in eleven words over four seconds above which a pair is rejected."""

_RIVAL_WORDS = 120
_ASIDE = np.concatenate([np.arange(-60, -3), np.arange(4, 61)])
"""Words aside: nearer than 0.4 s the frames overlap; six seconds hold some beats of any tune."""

UNHEARD = 255
"""Stands for the wrong bits of a word that was not heard, or is missing."""

_UNHEARD_GAIN = -0.1
"""Silence is no evidence, but must not make a stretch longer."""

Errors = npt.NDArray[np.uint8]
Gains = npt.NDArray[np.float32]


def _tables(shift: int) -> tuple[Gains, Gains]:
    """Return look-up tables by number of wrong bits: evidence in bits, and share of the word.

    An unheard word counts as one with half of its bits wrong.
    """
    wrong = np.arange(UNHEARD + 1) / (WORD_BITS - abs(shift))
    wrong[UNHEARD] = 0.5
    right = _TELLING_BITS * np.log2(2 * (1 - _WRONG_BITS_SAME)) * (1 - wrong)
    gains = right + _TELLING_BITS * np.log2(2 * _WRONG_BITS_SAME) * wrong
    gains[UNHEARD] = _UNHEARD_GAIN
    return gains.astype(np.float32), wrong.astype(np.float32)


_GAIN = {shift: _tables(shift)[0] for shift in SHIFTS}
_WRONG = {shift: _tables(shift)[1] for shift in SHIFTS}


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A track to search for, at every half word; without words between, each word occurs twice.

    words: (2 n,) uint32, by shift; heard: (2 n,) bool.
    """

    words: dict[int, Words]
    heard: Heard
    is_dense: bool

    def __len__(self) -> int:
        return len(self.heard)

    @classmethod
    def of(cls, track: Track) -> "Query":
        """Return a query with a track's words and those between them, in one line."""
        is_dense = len(track.between) > 0
        between = track.between if is_dense else track.words
        words = np.stack([track.words, between], axis=1).ravel()
        by_shift = {shift: shifted(words, shift) for shift in SHIFTS}
        return cls(by_shift, np.repeat(track.heard, 2), is_dense)

    def half_words(self) -> Rows:
        """Return the half words to look up: heard ones, each once."""
        step = 1 if self.is_dense else 2
        return np.flatnonzero(self.heard[::step]).astype(np.int64) * step


def errors(
    shelf: Shelf, query: Query, *, at: Rows, place: Rows, shift: int, row: Rows | int
) -> Errors:
    """Count the wrong bits of pairs of words; UNHEARD if either was not heard or is missing.

    at:      int64 half words of the query; place: int64 words of the shelf; any shape.
    shift:   number of bits by which the query's words are shifted.
    row:     the pairs' tracks, to be broadcast against `at`.
    returns: uint8 of that shape.
    """
    telling = (at >= 0) & (at < len(query))
    telling &= (place >= shelf.bounds[row]) & (place < shelf.bounds[np.add(row, 1)])
    telling &= query.heard.take(at, mode="clip") & shelf.heard.take(place, mode="clip")
    apart = _apart(shelf, query, at=at, place=place, shift=shift)
    apart[~telling] = UNHEARD
    return apart


def near_pairs(shelf: Shelf, query: Query, pairs: Candidates) -> Candidates:
    """Keep the pairs whose neighbours are alike too, two on either side.

    A neighbour on another track, or beyond an end, is not excluded: that only costs time.
    """
    for neighbours, near_bits in _NEIGHBOURS:
        apart = pairs.apart
        for aside in neighbours:
            at, place = pairs.at + 2 * aside, pairs.place + aside
            heard = query.heard.take(at, mode="clip") & shelf.heard.take(place, mode="clip")
            bits = _apart(shelf, query, at=at, place=place, shift=pairs.shift)
            apart = apart + np.where(heard, bits, WORD_BITS // 2)
        pairs = replace(pairs, apart=apart).only(np.flatnonzero(apart <= near_bits))
    return pairs


def _apart(
    shelf: Shelf, query: Query, *, at: Rows, place: Rows, shift: int
) -> npt.NDArray[np.uint8]:
    words = query.words[shift].take(at, mode="clip")
    words ^= shelf.words.take(place, mode="clip")
    words &= known_bits(shift)
    return np.bitwise_count(words)


@dataclass(frozen=True, slots=True)
class TrackAlignment:
    """An alignment of the query with a track.

    Half word `at` meets word `place` and, from there on, 2 * speed half words meet each next word.
    """

    row: int
    shift: int
    at: float
    place: int
    speed: float

    def at_of(self, place: npt.NDArray[np.floating] | Rows) -> npt.NDArray[np.float64]:
        """Return the query's half word, with fraction, that meets each word."""
        return np.asarray(self.at + 2 * self.speed * (place - self.place), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class SameAudio:
    """The part of a line that is the same audio.

    first, last: words of the shelf, both included.
    evidence:    in bits.
    wrong:       share of wrong bits in its best five seconds, 0..1.
    """

    line: TrackAlignment
    first: int
    last: int
    evidence: float
    wrong: float


def best_windows(
    shelf: Shelf, query: Query, *, at: Rows, place: Rows, shift: int
) -> tuple[Gains, npt.NDArray[np.float64]]:
    """Try every speed around pairs of words of one shift.

    Few words suffice to reject most pairs that are alike by chance; windows are for the others.

    at, place: (g,) int64.
    returns: (g,) the highest evidence of a window around each pair, and (g,) its speed.
    """
    wrong = _WRONG[shift][_around(shelf, query, at=at, place=place, shift=shift, words=_SPARSE)]
    hopeful = np.flatnonzero(wrong.mean(axis=2).min(axis=1) <= _SPARSE_WRONG)
    evidence, speed = np.zeros(len(at), dtype=np.float32), np.ones(len(at))
    at, place = at[hopeful], place[hopeful]
    gains = _GAIN[shift][_around(shelf, query, at=at, place=place, shift=shift, words=_DENSE)]
    sums = np.cumsum(gains, axis=2)
    best = np.maximum(
        (sums[..., WINDOW:] - sums[..., :-WINDOW]).max(axis=2),
        (sums[..., SHORT_WINDOW:] - sums[..., :-SHORT_WINDOW]).max(axis=2),
    )
    evidence[hopeful] = best.max(axis=1)
    speed[hopeful] = SPEEDS[shift][best.argmax(axis=1)]
    return evidence, speed


def _around(
    shelf: Shelf, query: Query, *, at: Rows, place: Rows, shift: int, words: Rows
) -> Errors:
    """Count wrong bits at offsets from (g,) pairs, at each of s speeds: (g, s, words)."""
    speeds = SPEEDS[shift][:, None]
    met = at[:, None, None] + np.rint(2 * speeds * words).astype(np.int64)
    stored = np.broadcast_to(place[:, None, None] + words, met.shape)
    row = shelf.rows(place)[:, None, None]
    return errors(shelf, query, at=met, place=stored, shift=shift, row=row)


def extend(shelf: Shelf, query: Query, line: TrackAlignment) -> SameAudio:
    """Find the stretch of a line through its pair of words with the highest evidence."""
    place, wrong = _along(shelf, query, line)
    gains = _GAIN[line.shift][wrong].astype(np.float64)
    middle = line.place - int(place[0])
    after = np.concatenate([[0.0], np.cumsum(gains[middle:])])
    before = np.concatenate([[0.0], np.cumsum(gains[:middle][::-1])])
    right, left = int(after.argmax()), int(before.argmax())
    first, stop = middle - left, max(middle - left + 1, middle + right)
    sums = np.concatenate([[0.0], np.cumsum(_WRONG[line.shift][wrong[first:stop]])])
    window = min(WINDOW, stop - first)
    best = float((sums[window:] - sums[:-window]).min()) / window
    evidence = float(after[right] + before[left])
    return SameAudio(line, int(place[first]), int(place[stop - 1]), evidence, best)


def _along(shelf: Shelf, query: Query, line: TrackAlignment) -> tuple[Rows, Errors]:
    """Return all words of a track that a line aligns with the query, and wrong bits of each."""
    low, high = int(shelf.bounds[line.row]), int(shelf.bounds[line.row + 1])
    first = line.place - int(line.at / (2 * line.speed)) - 1
    last = line.place + int((len(query) - line.at) / (2 * line.speed)) + 1
    place = np.arange(max(low, first), min(high, last + 1), dtype=np.int64)
    at = np.rint(line.at_of(place)).astype(np.int64)
    wrong = errors(shelf, query, at=at, place=place, shift=line.shift, row=line.row)
    return place, wrong


def refine(shelf: Shelf, query: Query, line: TrackAlignment) -> SameAudio:
    """Refine a line: finer speeds, and half words to either side.

    The longer the stretch, the more precisely its ends determine the speed.
    """
    best = extend(shelf, query, line)
    for fineness in (0.02, 0.01, 0.004, 0.001):
        length = best.last - best.first + 1
        if fineness * length < _LEAST_MOVE:
            break
        middle = (best.first + best.last) // 2
        at = float(best.line.at_of(np.array(middle)))
        tries = [
            TrackAlignment(line.row, line.shift, at + aside, middle, best.line.speed * (1 + change))
            for change in (-fineness, 0.0, fineness)
            for aside in (-1, 0, 1)
        ]
        best = max([best, *(extend(shelf, query, candidate) for candidate in tries)], key=_evidence)
    return best


def rival(shelf: Shelf, query: Query, stretch: SameAudio) -> float:
    """Return the evidence of the same stretch at wrong places: half a beat or more aside.

    Music is alike wherever a beat meets a beat; the same recording is alike at one place only. At
    most _RIVAL_WORDS in the middle of the stretch are compared.
    """
    spare = max(0, stretch.last - stretch.first + 1 - _RIVAL_WORDS) // 2
    place = np.arange(stretch.first + spare, stretch.last + 1 - spare, dtype=np.int64)
    at = np.rint(stretch.line.at_of(place)).astype(np.int64) + 2 * _ASIDE[:, None]
    there = np.broadcast_to(place, at.shape)
    line = stretch.line
    wrong = errors(shelf, query, at=at, place=there, shift=line.shift, row=line.row)
    gains = _GAIN[line.shift][wrong]
    sums = np.cumsum(gains, axis=1)
    before = np.concatenate([np.zeros((len(_ASIDE), 1)), sums[:, :-1]], axis=1)
    return max(0.0, float((sums - np.minimum.accumulate(before, axis=1)).max()))


def _evidence(stretch: SameAudio) -> float:
    return stretch.evidence
