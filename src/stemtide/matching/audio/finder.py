# SPDX-License-Identifier: Apache-2.0
"""Finds known sound in other sound: which signal, where in both, and what was done to it.

Searched while it is written: a search takes one look at an immutable tuple of shelves and never
waits for a writer. New signals come on a shelf of their own; small shelves are joined as they
become many, so that there are never more than some twenty, and each word is moved as often at most.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from stemtide.fingerprints.audio.printer import without_steady
from stemtide.fingerprints.values.audio import Sound, Track
from stemtide.matching.audio.alignment import Query
from stemtide.matching.audio.search import MATCH_SCORE, PROBABLE_SCORE, find_on
from stemtide.matching.audio.tables import (
    FORM,
    Shelf,
    as_arrays,
    join_shelves,
    make_shelf,
    shelf_of,
)
from stemtide.matching.found import Found, Span

__all__ = ["MATCH_SCORE", "PROBABLE_SCORE", "SoundFinder"]


class SoundFinder:
    """Holds fingerprints of sound (`aud1`) by key and finds them in others. Thread-safe.

    least_score: finds that are less sure are not told.
    """

    form: ClassVar[Mapping[str, np.dtype[Any]]] = FORM

    def __init__(self, *, least_score: float = PROBABLE_SCORE) -> None:
        self._least_score = least_score
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
            (key, track)
            for key, one in sounds.items()
            for track in map(without_steady, one.tracks)
            if track.is_telling
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

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that is held, as arrays that do not change any more."""
        with self._writing:
            keys, shelves = sorted(self._keys), self._shelves
        if len(shelves) != 1 or not shelves[0].alive.all():
            shelves = (join_shelves(shelves or (make_shelf([], []),)),)
        return {"held": np.array(keys, np.int64), **as_arrays(shelves[0])}

    def take(self, arrays: dict[str, npt.NDArray[Any]]) -> list[int]:
        """Hold what `arrays` returned, in place of what is held; return the keys."""
        keys: list[int] = arrays["held"].tolist()
        shelf = shelf_of(arrays)
        with self._writing:
            self._keys, self._shelves = set(keys), (shelf,) if len(shelf) else ()
        return keys

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
                found += find_on(shelf, query, least_score=self._least_score)
        return _once(found)


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
