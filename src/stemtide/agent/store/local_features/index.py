# SPDX-License-Identifier: Apache-2.0
"""The search index of local features in one process: in memory, made from rows.

Own banks have one of their pictures, and signals of the hub another.
"""

import sqlite3
import threading
from collections.abc import Sequence

from stemtide.agent.store import index
from stemtide.agent.store.local_features import rows
from stemtide.fingerprints.kinds import Fingerprints, Kind
from stemtide.matching.found import BY_LOCAL_FEATURES
from stemtide.matching.library import Match
from stemtide.matching.local import MATCH_INLIERS, LocalIndex

_SUREST = 0.94
"""A match by local features is never sure enough to block: two pictures may share a logo."""

_AT_ONCE = 5_000


class PlacesIndex:
    """Pictures that are found by their local features. Thread-safe.

    numbers: SQL for the keys of all pictures, as one text.
    between: SQL for the key and value of the pictures between two keys.
    least:   number of places that agree in a match.
    """

    def __init__(self, *, numbers: str, between: str, least: int) -> None:
        self._local, self._least = LocalIndex(), least
        self._numbers, self._between = numbers, between
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._local)

    def follow(self, tx: sqlite3.Connection) -> None:
        """Load the pictures that were added, and drop those that match no more."""
        with self._lock:
            stored, indexed = index.numbers(tx, self._numbers), self._local.keys()
            missing = index.difference(stored, indexed)
            if len(missing):
                chosen = set(missing.tolist())
                read = tx.execute(self._between, (int(missing[0]), int(missing[-1])))
                while page := read.fetchmany(_AT_ONCE):
                    added = [row for row in page if row[0] in chosen]
                    self._local.put([key for key, _ in added], [value for _, value in added])
            self._local.drop(index.difference(indexed, stored).tolist())

    def add_to(
        self, matches: list[list[Match]], contents: Sequence[Fingerprints]
    ) -> list[list[Match]]:
        """Return the matches of each piece of content, with those by local features after them."""
        return [
            [*content_matches, *self._second_look(content, content_matches)]
            for content_matches, content in zip(matches, contents, strict=True)
        ]

    def _second_look(self, content: Fingerprints, matches: Sequence[Match]) -> list[Match]:
        """Return the pictures that content shares local features with, but those that matched."""
        if not content.local or not len(self._local):
            return []
        value, mirrored = content.local
        matched = {match.key for match in matches}
        return [
            Match(
                result.key,
                Kind.PDQ,
                0,
                "",
                min(result.confidence, _SUREST),
                ", ".join(filter(None, (BY_LOCAL_FEATURES, result.transform))),
                (result,),
            )
            for result in self._local.find(value, mirrored=mirrored, at_least=self._least)
            if result.key not in matched
        ]


class SignalPlaces:
    """The signals of the hub that have local features. Thread-safe.

    They are many and of others, so that more places have to agree than in pictures of own banks.
    """

    def __init__(self) -> None:
        self._index = PlacesIndex(numbers=rows.NUMBERS, between=rows.BETWEEN, least=MATCH_INLIERS)
        self._lock = threading.Lock()
        self._version = ""

    def __len__(self) -> int:
        return len(self._index)

    def follow(self, tx: sqlite3.Connection) -> None:
        """Load the changes since the last call."""
        (version,) = tx.execute(rows.VERSION).fetchone()
        with self._lock:
            if version != self._version:
                self._index.follow(tx)
                self._version = version

    def add_to(
        self, matches: list[list[Match]], contents: Sequence[Fingerprints]
    ) -> list[list[Match]]:
        """Return the matches of each piece of content, with those by local features after them."""
        return self._index.add_to(matches, contents)
