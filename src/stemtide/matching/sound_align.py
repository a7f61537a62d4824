# SPDX-License-Identifier: Apache-2.0
"""Lay a query along a stored track, and tell how much speaks for their being the same sound.

The evidence of a stretch is a sum over its words: the logarithm (base 2) of how much likelier so
many wrong bits are in the same sound than in another. So a longer stretch with more wrong bits can
say as much as a short one with few, and the stretch is as long as it gains.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stemtide.fingerprints.audio_value import WORD_BITS, Heard, Track, Words
from stemtide.matching.sound_table import Rows, Shelf, known_bits, shifted

STEP = 1.05
"""Between one tempo that is tried and the next. Half of it either way moves the ends of five
seconds by a sixteenth of a second, which costs little; what is found is then laid finer."""

SPEEDS = {
    0: STEP ** np.arange(-5.0, 6),
    1: STEP ** np.arange(-2.0, 3),
    -1: STEP ** np.arange(-2.0, 3),
}
"""Query seconds per signal second that are tried, by shift."""

WINDOW = 45
"""Words of five seconds: the last of them ends half a second after it begins."""

SHORT_WINDOW = 30

_LEAST_MOVE = 0.5
"""In words: a finer speed that moves the ends of a stretch by less changes nothing."""

_WRONG_BITS_SAME = 0.30
_TELLING_BITS = 8.7
"""Neighbouring words and bits repeat each other: the 32 bits of a word say as much as so many that
do not. Measured: windows of WINDOW words of unrelated sound have 50 +- 2.4 % wrong bits."""

UNHEARD = -1.0
"""In place of the wrong bits of a word that was not heard, or is not there."""

_UNHEARD_GAIN = -0.1
"""Silence says nothing; but no stretch shall be longer for it."""

Errors = npt.NDArray[np.float32]
Gains = npt.NDArray[np.float64]


def gains(errors: Errors) -> Gains:
    """Say in bits what words with so many wrong bits (0..32) are evidence of; below 0: against."""
    per_bit = _TELLING_BITS / WORD_BITS
    right, wrong = np.log2(2 * (1 - _WRONG_BITS_SAME)), np.log2(2 * _WRONG_BITS_SAME)
    told: Gains = per_bit * (right * (WORD_BITS - errors.astype(np.float64)) + wrong * errors)
    return np.where(errors == UNHEARD, _UNHEARD_GAIN, told)


def wrong_bits(errors: Errors) -> Errors:
    """Count a word that was not heard as one with half of its bits wrong."""
    return np.where(errors == UNHEARD, np.float32(WORD_BITS // 2), errors)


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A track to be looked for, at every half word; without words between, each stands twice.

    words: (2 n,) uint32; heard: (2 n,) bool.
    """

    words: Words
    heard: Heard
    is_dense: bool

    @classmethod
    def of(cls, track: Track) -> "Query":
        """Lay a track's words and those between them in one line."""
        is_dense = len(track.between) > 0
        between = track.between if is_dense else track.words
        words = np.stack([track.words, between], axis=1).ravel()
        return cls(words, np.repeat(track.heard, 2), is_dense)

    def asked(self) -> Rows:
        """Say which half words are to be looked up: those that were heard, each once."""
        step = 1 if self.is_dense else 2
        return np.flatnonzero(self.heard[::step]).astype(np.int64) * step


def errors(shelf: Shelf, query: Query, *, at: Rows, place: Rows, shift: Rows, row: Rows) -> Errors:
    """Count the wrong bits of pairs of words; UNHEARD where either was not, or is not there.

    at:     int64 half words of the query; place: int64 words of the shelf; any shape.
    shift:  int64, by how many bits the query's words are shifted; row: int64, the pair's track;
            both to be broadcast against `at`.
    returns: float32 of that shape, as if all 32 bits had been compared.
    """
    low, high = shelf.bounds[row], shelf.bounds[row + 1]
    inside = (at >= 0) & (at < len(query.words)) & (place >= low) & (place < high)
    at, place = np.where(inside, at, 0), np.where(inside, place, 0)
    counted = np.zeros(at.shape, dtype=np.float32)
    words, stored = query.words[at], shelf.words[place]
    for each in np.unique(shift).tolist():
        known = known_bits(each)
        apart = np.bitwise_count((shifted(words, each) ^ stored) & known)
        scale = np.float32(WORD_BITS / int(np.bitwise_count(known)))
        counted = np.where(shift == each, apart * scale, counted)
    telling = inside & query.heard[at] & shelf.heard[place]
    return np.where(telling, counted, np.float32(UNHEARD))


@dataclass(frozen=True, slots=True)
class Line:
    """How the query lies along a track.

    Half word `at` meets word `place` and, from there on, 2 * speed half words meet each next word.
    """

    row: int
    shift: int
    at: float
    place: int
    speed: float

    def at_of(self, place: npt.NDArray[np.floating] | Rows) -> npt.NDArray[np.float64]:
        """Give the query's half word, with fraction, that meets each word."""
        met: npt.NDArray[np.float64] = self.at + 2 * self.speed * (place - self.place)
        return met


@dataclass(frozen=True, slots=True)
class Stretch:
    """What of a line is the same sound.

    first, last: words of the shelf, both inside.
    evidence:    in bits.
    wrong:       share of wrong bits in its best five seconds, 0..1.
    """

    line: Line
    first: int
    last: int
    evidence: float
    wrong: float


def best_windows(
    shelf: Shelf, query: Query, *, at: Rows, place: Rows, shift: int
) -> tuple[Gains, npt.NDArray[np.float64]]:
    """Try every speed around pairs of words of one shift.

    at, place: (g,) int64.
    returns: (g,) the most evidence that a window around each pair gives, and (g,) at which speed.
    """
    speeds = SPEEDS[shift]
    around = np.arange(1 - WINDOW, WINDOW)
    met = at[:, None, None] + np.rint(2 * speeds[:, None] * around).astype(np.int64)
    stored = np.broadcast_to(place[:, None, None] + around, met.shape)
    row = shelf.rows(place)[:, None, None]
    told = gains(errors(shelf, query, at=met, place=stored, shift=np.array(shift), row=row))
    sums = np.concatenate([np.zeros((*told.shape[:2], 1)), np.cumsum(told, axis=2)], axis=2)
    best = np.maximum(
        (sums[..., WINDOW:] - sums[..., :-WINDOW]).max(axis=2),
        (sums[..., SHORT_WINDOW:] - sums[..., :-SHORT_WINDOW]).max(axis=2),
    )
    which = best.argmax(axis=1)
    return best[np.arange(len(at)), which], speeds[which]


def extend(shelf: Shelf, query: Query, line: Line) -> Stretch:
    """Find the stretch of a line through its pair of words that gains most."""
    place, wrong = _along(shelf, query, line)
    told = gains(wrong)
    middle = line.place - int(place[0])
    after = np.concatenate([[0.0], np.cumsum(told[middle:])])
    before = np.concatenate([[0.0], np.cumsum(told[:middle][::-1])])
    right, left = int(after.argmax()), int(before.argmax())
    first, stop = middle - left, max(middle - left + 1, middle + right)
    sums = np.concatenate([[0.0], np.cumsum(wrong_bits(wrong[first:stop]))])
    window = min(WINDOW, stop - first)
    best = float((sums[window:] - sums[:-window]).min()) / (WORD_BITS * window)
    evidence = float(after[right] + before[left])
    return Stretch(line, int(place[first]), int(place[stop - 1]), evidence, best)


def _along(shelf: Shelf, query: Query, line: Line) -> tuple[Rows, Errors]:
    """Give all words of a track that a line lays the query on, and the wrong bits of each."""
    low, high = int(shelf.bounds[line.row]), int(shelf.bounds[line.row + 1])
    first = line.place - int(line.at / (2 * line.speed)) - 1
    last = line.place + int((len(query.words) - line.at) / (2 * line.speed)) + 1
    place = np.arange(max(low, first), min(high, last + 1), dtype=np.int64)
    at = np.rint(line.at_of(place)).astype(np.int64)
    row, shift = np.array(line.row), np.array(line.shift)
    return place, errors(shelf, query, at=at, place=place, shift=shift, row=row)


def refine(shelf: Shelf, query: Query, line: Line) -> Stretch:
    """Lay a line as well as it can be laid: finer speeds, and half words to either side.

    The longer the stretch, the finer the speed that its ends can tell.
    """
    best = extend(shelf, query, line)
    for fineness in (0.02, 0.01, 0.004, 0.001):
        length = best.last - best.first + 1
        if fineness * length < _LEAST_MOVE:
            break
        middle = (best.first + best.last) // 2
        at = float(best.line.at_of(np.array(middle)))
        tries = [
            Line(line.row, line.shift, at + aside, middle, best.line.speed * (1 + change))
            for change in (-fineness, 0.0, fineness)
            for aside in (-1, 0, 1)
        ]
        best = max([best, *(extend(shelf, query, each) for each in tries)], key=_evidence)
    return best


def _evidence(stretch: Stretch) -> float:
    return stretch.evidence
