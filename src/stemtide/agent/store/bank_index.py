# SPDX-License-Identifier: Apache-2.0
"""The search index of own banks in one process: in memory, made from the rows of own_prints.

It is separate from that of the hub's signals, which snapshots replace. An agent without own banks
searches nothing in it.
"""

import sqlite3
import threading
from collections.abc import Sequence

import numpy as np

from stemtide.agent.store import index
from stemtide.agent.store.local_features.index import PlacesIndex
from stemtide.fingerprints.kinds import Fingerprints, Kind
from stemtide.fingerprints.values.audio import Track
from stemtide.fingerprints.values.video import VideoPrint
from stemtide.matching.found import Occurrence
from stemtide.matching.library import Hits, Library, Match
from stemtide.matching.local import PROBABLE_INLIERS

_VERSION = "SELECT value FROM state WHERE name = 'own_prints'"
_NUMBERS = "SELECT group_concat(seq) FROM own_prints WHERE is_on"
_PLACES = "FROM own_places JOIN own_prints USING (seq) WHERE is_on"
_NUMBERS_OF_PLACES = f"SELECT group_concat(seq) {_PLACES}"
_PLACES_BETWEEN = f"SELECT seq, own_places.value {_PLACES} AND seq BETWEEN ? AND ?"
_BETWEEN = (
    "SELECT seq, kind, value, within_bits FROM own_prints WHERE is_on AND seq BETWEEN ? AND ?"
)


class OwnIndex:
    """The items of own banks that match. Thread-safe.

    has_local: look for pictures by their local features as well.
    """

    def __init__(self, *, has_local: bool = False) -> None:
        self._library = Library()
        self._places = (
            PlacesIndex(numbers=_NUMBERS_OF_PLACES, between=_PLACES_BETWEEN, least=PROBABLE_INLIERS)
            if has_local
            else None
        )
        self._lock = threading.Lock()
        self._version = ""
        self._counts: dict[Kind, int] = {}

    @property
    def counts(self) -> dict[Kind, int]:
        """Return the number of fingerprints of each kind that is there."""
        return self._counts

    def follow(self, tx: sqlite3.Connection) -> None:
        """Load the changes since the last call."""
        row = tx.execute(_VERSION).fetchone()
        version = row[0] if row else ""
        with self._lock:
            if version == self._version:
                return
            stored = index.numbers(tx, _NUMBERS)
            indexed = self._library.keys()
            missing = index.difference(stored, indexed)
            if len(missing):
                chosen = set(missing.tolist())
                rows = tx.execute(_BETWEEN, (int(missing[0]), int(missing[-1])))
                index.put(self._library, (row for row in rows if row[0] in chosen))
            self._library.drop(index.difference(indexed, stored))
            if self._places is not None:
                self._places.follow(tx)
            self._counts = {kind: size for kind, size in self._library.counts().items() if size}
            self._version = version

    def add_to(
        self, matches: list[list[Match]], contents: Sequence[Fingerprints]
    ) -> list[list[Match]]:
        """Return the matches of each piece of content, with those of own items after them."""
        if not self._counts:
            return matches
        own = self._library.match_many(contents)
        if self._places is not None:
            own = self._places.add_to(own, contents)
        return [[*signals, *items] for signals, items in zip(matches, own, strict=True)]

    def find_videos(self, film: VideoPrint) -> list[Occurrence]:
        """Return the films of own items that occur in a part of a stream."""
        return self._library.videos.find_in(film) if Kind.VIDEO in self._counts else []

    def find_audio(self, tracks: Sequence[Track]) -> list[Occurrence]:
        """Return the sounds of own items that occur in a part of a stream."""
        return self._library.audio.find_in(tracks) if Kind.AUDIO in self._counts else []

    def add_hits(self, hits: Hits, kind: Kind, values: bytes, *, within_bits: int | None) -> Hits:
        """Return the hits of many values, with those of own items, in the order of Hits."""
        if kind not in self._counts:
            return hits
        own = self._library.match_values(kind, values, within_bits=within_bits)
        if not len(own.keys):
            return hits
        queries = np.concatenate([hits.queries, own.queries])
        keys = np.concatenate([hits.keys, own.keys])
        distances = np.concatenate([hits.distances_bits, own.distances_bits])
        order = np.lexsort((keys, distances, queries))
        return Hits(queries[order], keys[order], distances[order])
