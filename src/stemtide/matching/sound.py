# SPDX-License-Identifier: Apache-2.0
"""Finds known sound in other sound: which signal, where in both, and what was done to it.

Searched while it is written: a search takes one look at an immutable tuple of shelves and never
waits for a writer. New signals come on a shelf of their own; small shelves are joined as they
become many, so that there are never more than some twenty, and each word is moved as often at most.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from stemtide.fingerprints.audio_value import WORDS_PER_S, Sound, Track
from stemtide.matching import sound_align as align
from stemtide.matching.found import Found, Span
from stemtide.matching.sound_align import Line, Query, Stretch
from stemtide.matching.sound_table import (
    Candidates,
    Rows,
    Shelf,
    candidates,
    join_shelves,
    make_shelf,
)

MATCH_EVIDENCE = 46.0
PROBABLE_EVIDENCE = 30.0

_NEIGHBOURS = np.array([-4, -2, 2, 4])
_NEAR_BITS = 62
"""A pair of words is pursued if it and four neighbours have at most so many wrong bits of 160."""

_WORTH_EXTENDING = 15.0
_DIAGONAL = 4
_BLOCK = 100
_MOST_A_TRACK = 16
_MOST_PAIRS = 8192
_AT_A_TIME = 256
_MOST_SPANS = 16


class SoundFinder:
    """Holds fingerprints of sound (`aud1`) by key and finds them in others. Thread-safe."""

    def __init__(self) -> None:
        self._writing = threading.Lock()
        self._keys: set[int] = set()
        self._shelves: tuple[Shelf, ...] = ()

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def words(self) -> int:
        """How many words are held, ten a second."""
        return sum(len(shelf) for shelf in self._shelves)

    def put(self, keys: Sequence[int], values: Sequence[bytes]) -> None:
        """Hold fingerprints from now on, all at once; one whose key is held already is replaced.

        Sound that says nothing (silence, a steady tone, under three seconds) is held and never
        found. raises: FingerprintError, and then nothing is held, if a value is none.
        """
        sounds = dict(zip(keys, map(Sound.from_bytes, values), strict=True))
        telling = [
            (key, track) for key, one in sounds.items() for track in one.tracks if track.is_telling
        ]
        with self._writing:
            shelves = _without(self._shelves, self._keys.intersection(sounds))
            if telling:
                shelves += (make_shelf(*zip(*telling, strict=True)),)
            self._keys.update(sounds)
            self._shelves = shelves
            self._shelves = _tidied(shelves)

    def drop(self, keys: Iterable[int]) -> None:
        """Hold these no longer; unknown keys are ignored."""
        with self._writing:
            going = self._keys.intersection(keys)
            self._keys -= going
            self._shelves = _tidied(_without(self._shelves, going))

    def find(self, value: bytes) -> list[Found]:
        """Find every signal that sounds in a fingerprint's sound, the surest first.

        A signal that is heard several times is found once for each.
        raises: FingerprintError if the value is none.
        """
        sound = Sound.from_bytes(value)
        return self.find_in([track for track in sound.tracks if track.is_telling])

    def find_in(self, tracks: Sequence[Track]) -> list[Found]:
        """Find every signal that sounds in one of several tracks of the same content."""
        shelves = self._shelves
        found: list[Found] = []
        for track in tracks:
            query = Query.of(track)
            for shelf in shelves:
                found += _find_on(shelf, query)
        return _once(found)


def _find_on(shelf: Shelf, query: Query) -> Iterator[Found]:
    """Find what sounds on a shelf.

    1. Pairs of words that are alike, with their neighbours. 2. Windows around them at several
    speeds. 3. The stretch around the best, laid finely; then the best pair outside of it.
    """
    pairs = _pursued(shelf, query)
    rows = shelf.rows(pairs.place)
    evidence, speed = _windows(shelf, query, pairs)
    worth = np.flatnonzero((evidence >= _WORTH_EXTENDING) & shelf.alive[rows])
    order = worth[np.lexsort((-evidence[worth], rows[worth]))]
    for group in np.split(order, np.flatnonzero(np.diff(rows[order])) + 1):
        lines = [
            Line(
                row=int(rows[one]),
                shift=int(pairs.shift[one]),
                at=float(pairs.at[one]),
                place=int(pairs.place[one]),
                speed=float(speed[one]),
            )
            for one in group.tolist()
        ]
        for stretch in _stretches(shelf, query, lines):
            yield _told(shelf, stretch)


def _pursued(shelf: Shelf, query: Query) -> Candidates:
    """Collect the pairs of words whose neighbours are alike too, the best few of each diagonal."""
    asked = query.asked()
    kept = []
    for found in candidates(shelf, query.words[asked], asked):
        near = _nearness(shelf, query, found)
        good = np.flatnonzero(near <= _NEAR_BITS)
        kept.append([each[good] for each in (found.at, found.place, found.shift, near)])
    at, place, shift, near = (np.concatenate(each) for each in zip(*kept, strict=True))
    diagonal = (place - at // 2) // _DIAGONAL
    order = np.lexsort((near, at // (2 * _BLOCK), diagonal, shift))
    same = np.stack([shift, diagonal, at // (2 * _BLOCK)])[:, order]
    first = np.concatenate([[True], (np.diff(same) != 0).any(axis=0)])
    best = order[first[: len(order)]]
    best = best[_best_of_each(shelf.rows(place[best]), near[best])]
    return Candidates(at[best], place[best], shift[best], near[best])


def _best_of_each(rows: Rows, near: Rows) -> Rows:
    """Choose the nearest few of each track, and of all tracks at most _MOST_PAIRS."""
    order = np.lexsort((near, rows))
    place = np.arange(len(order))
    begins = np.concatenate([[True], np.diff(rows[order]) != 0])[: len(order)]
    rank = place - np.maximum.accumulate(np.where(begins, place, 0))
    few = order[rank < _MOST_A_TRACK]
    return few[np.argsort(near[few], kind="stable")[:_MOST_PAIRS]]


def _nearness(shelf: Shelf, query: Query, found: Candidates) -> Rows:
    """Count the wrong bits of pairs and of their neighbours, (k,) int64."""
    at = found.at[:, None] + 2 * _NEIGHBOURS
    place = found.place[:, None] + _NEIGHBOURS
    row = shelf.rows(found.place)[:, None]
    beside = align.errors(shelf, query, at=at, place=place, shift=found.shift[:, None], row=row)
    total: Rows = found.apart + align.wrong_bits(beside).sum(axis=1).astype(np.int64)
    return total


def _windows(shelf: Shelf, query: Query, pairs: Candidates) -> tuple[align.Gains, align.Gains]:
    evidence, speed = np.zeros(len(pairs.at)), np.ones(len(pairs.at))
    for shift in align.SPEEDS:
        these = np.flatnonzero(pairs.shift == shift)
        for start in range(0, len(these), _AT_A_TIME):
            part = these[start : start + _AT_A_TIME]
            evidence[part], speed[part] = align.best_windows(
                shelf, query, at=pairs.at[part], place=pairs.place[part], shift=shift
            )
    return evidence, speed


def _stretches(shelf: Shelf, query: Query, lines: list[Line]) -> list[Stretch]:
    """Lay the lines of one track, best first, leaving out what lies in a stretch that was found."""
    found: list[Stretch] = []
    for line in lines:
        if len(found) == _MOST_SPANS:
            break
        if any(_covers(stretch, line.at) for stretch in found):
            continue
        stretch = align.refine(shelf, query, line)
        middle = float(stretch.line.at_of(np.array((stretch.first + stretch.last) // 2)))
        if stretch.evidence >= PROBABLE_EVIDENCE and not any(_covers(s, middle) for s in found):
            found.append(stretch)
    return found


def _covers(stretch: Stretch, at: float) -> bool:
    first, last = stretch.line.at_of(np.array([stretch.first, stretch.last]))
    return bool(first - 2 * align.WINDOW / 4 <= at <= last + 2 * align.WINDOW / 4)


def _told(shelf: Shelf, stretch: Stretch) -> Found:
    line = stretch.line
    first, last = line.at_of(np.array([stretch.first, stretch.last])) / (2 * WORDS_PER_S)
    low = int(shelf.bounds[line.row])
    ends = 5 / WORDS_PER_S
    return Found(
        key=int(shelf.keys[line.row]),
        score=round(stretch.evidence, 1),
        confidence=confidence(stretch.evidence),
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


def confidence(evidence: float) -> float:
    """Say how many finds with so much evidence are right, 0..1."""
    return float(np.interp(evidence, *_CALIBRATED))


_CALIBRATED = ((30.0, 46.0, 80.0), (0.5, 0.98, 0.999))


def _once(found: list[Found]) -> list[Found]:
    """Sort finds, and leave out those of a key that lie in a better one of the same key."""
    kept: dict[int, list[Found]] = {}
    for one in sorted(found, key=lambda each: (-each.score, each.key)):
        others = kept.setdefault(one.key, [])
        if not any(_is_inside(one.query_span, other.query_span) for other in others):
            others.append(one)
    return sorted((one for ones in kept.values() for one in ones), key=lambda each: -each.score)


def _is_inside(span: Span | None, other: Span | None) -> bool:
    """Tell whether the middle of one span lies in another."""
    if span is None or other is None:
        return False
    return other.start_s <= (span.start_s + span.end_s) / 2 <= other.end_s


def _without(shelves: tuple[Shelf, ...], going: set[int]) -> tuple[Shelf, ...]:
    """Give the shelves as they are when the tracks of some signals are gone."""
    if not going:
        return shelves
    keys = np.fromiter(going, dtype=np.int64, count=len(going))
    return tuple(
        replace(shelf, alive=shelf.alive & ~gone) if gone.any() else shelf
        for shelf, gone in ((shelf, np.isin(shelf.keys, keys)) for shelf in shelves)
    )


def _tidied(shelves: tuple[Shelf, ...]) -> tuple[Shelf, ...]:
    """Make a shelf anew of which half is gone, and join the last with the one before.

    That goes on until each shelf is at least twice as long as the next.
    """
    tidy = []
    for shelf in shelves:
        alive = int(np.diff(shelf.bounds)[shelf.alive].sum())
        if alive:
            tidy.append(shelf if 2 * alive > len(shelf) else join_shelves([shelf]))
    while len(tidy) > 1 and len(tidy[-2]) < 2 * len(tidy[-1]):
        tidy[-2:] = [join_shelves(tidy[-2:])]
    return tuple(tidy)
