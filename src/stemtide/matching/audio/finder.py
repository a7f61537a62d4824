# SPDX-License-Identifier: Apache-2.0
"""Find known audio in other audio: the signal, its place in both, and the alteration.

The index is searched while it is written: a search uses an immutable tuple of shelves and never
waits for a writer. New signals go to a shelf of their own. Small shelves are joined as their number
grows, so that there are never more than some twenty, and each word is moved at most as often.
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
from stemtide.matching.found import Occurrence, TimeRange

__all__ = ["MATCH_SCORE", "PROBABLE_SCORE", "AudioFinder"]


class AudioFinder:
    """Finds stored audio fingerprints (`aud1`) in others. Thread-safe.

    least_score: minimum score of a result.
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
        """Return the number of stored words, ten per second."""
        return sum(len(shelf) for shelf in self._shelves)

    def put(self, keys: Sequence[int], values: Sequence[bytes]) -> None:
        """Store fingerprints, all at once; a key that exists is replaced.

        Uninformative audio (silence, a steady tone, under three seconds) is stored and never found.
        raises: FingerprintError if a value is malformed; then none is stored.
        """
        sounds = dict(zip(keys, map(Sound.from_bytes, values), strict=True))
        telling = [
            (key, track)
            for key, sound in sounds.items()
            for track in map(without_steady, sound.tracks)
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
        """Remove signals; unknown keys are ignored."""
        with self._writing:
            going = self._keys.intersection(keys)
            self._keys -= going
            self._shelves = _tidied(_without(self._shelves, going))

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all signals as arrays that do not change any more."""
        with self._writing:
            keys, shelves = sorted(self._keys), self._shelves
        if len(shelves) != 1 or not shelves[0].alive.all():
            shelves = (join_shelves(shelves or (make_shelf([], []),)),)
        return {"held": np.array(keys, np.int64), **as_arrays(shelves[0])}

    def take(self, arrays: dict[str, npt.NDArray[Any]]) -> list[int]:
        """Replace all signals by those that `arrays` returned, and return the keys."""
        keys: list[int] = arrays["held"].tolist()
        shelf = shelf_of(arrays)
        with self._writing:
            self._keys, self._shelves = set(keys), (shelf,) if len(shelf) else ()
        return keys

    def find(self, value: bytes) -> list[Occurrence]:
        """Find every signal that occurs in the audio of a fingerprint, surest first.

        A signal that occurs several times is returned for each.
        raises: FingerprintError if the value is malformed.
        """
        sound = Sound.from_bytes(value)
        return self.find_in([track for track in sound.tracks if track.is_telling])

    def find_in(self, tracks: Sequence[Track]) -> list[Occurrence]:
        """Find every signal that occurs in one of several tracks of the same content."""
        shelves = self._shelves
        results: list[Occurrence] = []
        for track in tracks:
            query = Query.of(track)
            for shelf in shelves:
                results += find_on(shelf, query, least_score=self._least_score)
        return _deduplicated(results)


def _deduplicated(results: list[Occurrence]) -> list[Occurrence]:
    """Sort results, and remove those inside a better one of the same key."""
    by_key: dict[int, list[Occurrence]] = {}
    for result in sorted(results, key=lambda item: (-item.score, item.key)):
        others = by_key.setdefault(result.key, [])
        if not any(_is_inside(result.query_span, other.query_span) for other in others):
            others.append(result)
    return sorted(
        (result for chosen in by_key.values() for result in chosen), key=lambda item: -item.score
    )


def _is_inside(span: TimeRange | None, other: TimeRange | None) -> bool:
    """Whether the middle of a span is in another."""
    if span is None or other is None:
        return False
    return other.start_s <= (span.start_s + span.end_s) / 2 <= other.end_s


def _without(shelves: tuple[Shelf, ...], going: set[int]) -> tuple[Shelf, ...]:
    """Return the shelves without the tracks of these signals."""
    if not going:
        return shelves
    keys = np.fromiter(going, dtype=np.int64, count=len(going))
    return tuple(
        replace(shelf, alive=shelf.alive & ~gone) if gone.any() else shelf
        for shelf, gone in ((shelf, np.isin(shelf.keys, keys)) for shelf in shelves)
    )


def _tidied(shelves: tuple[Shelf, ...]) -> tuple[Shelf, ...]:
    """Rebuild shelves of which half is gone, and join the last one with the one before.

    Joining continues until each shelf is at least twice as long as the next.
    """
    tidy = []
    for shelf in shelves:
        alive = int(np.diff(shelf.bounds)[shelf.alive].sum())
        if alive:
            tidy.append(shelf if 2 * alive > len(shelf) else join_shelves([shelf]))
    while len(tidy) > 1 and len(tidy[-2]) < 2 * len(tidy[-1]):
        tidy[-2:] = [join_shelves(tidy[-2:])]
    return tuple(tidy)
