# SPDX-License-Identifier: Apache-2.0
"""The PDQ values of all signals, in the memory of this process, to be compared with others.

A process reads them at its first search by similarity. A million take 50 MB.
"""

import threading
from collections.abc import Iterable
from itertools import islice

import numpy as np
import numpy.typing as npt

from stemtide.fingerprints.kinds import MATCH_WITHIN_BITS, Kind
from stemtide.hub.platform.disconnects import check_caller
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads.caches.feed_memory import FeedMemory
from stemtide.hub.rooms.signals.reads.caches.marks import Marks, may_see
from stemtide.protocol.enums import SignalState

_COLUMNS = ("pk", "value", "state", "tlp", "audience", "shared_by__name")
_CHUNK = 10_000

_WORDS = 4
"""Words of 64 bits in a PDQ value."""


class Pictures(FeedMemory):
    """Values, keys and marks of signals, ascending by key. Thread-safe.

    One search at a time in a process: several at once would block other requests.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self.empty()

    def empty(self) -> None:
        """Keep no signal."""
        self._keys = np.empty(0, dtype=np.int64)
        self._words = np.empty((_WORDS, 0), dtype=np.uint64)
        self._is_live = np.empty(0, dtype=np.bool_)
        self._marks = np.empty(0, dtype=np.int32)
        self._number_of: dict[Marks, int] = {}

    def near(self, values: Iterable[str], *, viewer: Party) -> dict[str, list[tuple[int, int]]]:
        """Return the live pictures near each value, without equal ones, that a party may see.

        returns: for each value, in hex: the distance in bits and the primary key, nearest first.
        """
        with self._lock:
            check_caller()  # stops if the client has disconnected while waiting
            self.catch_up()
            is_seen = self._is_seen(viewer)
            return {value: self._near(value, is_seen) for value in dict.fromkeys(values)}

    def count(self, *, viewer: Party) -> int:
        """Return the number of live pictures that a party may see."""
        with self._lock:
            self.catch_up()
            return int(np.count_nonzero(self._is_seen(viewer)[self._marks] & self._is_live))

    def read_after(self, position: int) -> None:
        """Read the pictures that changed after a position."""
        rows = Signal.objects.filter(kind=Kind.PDQ, position__gt=position).order_by("pk")
        read = iter(rows.values_list(*_COLUMNS).iterator(_CHUNK))
        chunks = []
        while chunk := list(islice(read, _CHUNK)):
            chunks.append(self._columns(chunk))
        if not chunks:
            return
        keys, words, is_live, marks = (
            np.concatenate(column, axis=-1) for column in zip(*chunks, strict=True)
        )
        places = np.searchsorted(self._keys, keys)
        is_known = np.zeros(len(keys), dtype=np.bool_)
        inside = places < len(self._keys)
        is_known[inside] = self._keys[places[inside]] == keys[inside]
        self._is_live[places[is_known]] = is_live[is_known]
        self._marks[places[is_known]] = marks[is_known]
        at, new = places[~is_known], ~is_known
        self._keys = np.insert(self._keys, at, keys[new])
        self._words = np.insert(self._words, at, words[:, new], axis=1)
        self._is_live = np.insert(self._is_live, at, is_live[new])
        self._marks = np.insert(self._marks, at, marks[new])

    def _columns(
        self, rows: list[tuple[int, str, str, str, str, str]]
    ) -> tuple[
        npt.NDArray[np.int64],
        npt.NDArray[np.uint64],
        npt.NDArray[np.bool_],
        npt.NDArray[np.int32],
    ]:
        """Return rows as keys, words (4, n), whether each is live, and the numbers of marks."""
        keys, values, states, *marks = zip(*rows, strict=True)
        numbers = [
            self._number_of.setdefault(row_marks, len(self._number_of))
            for row_marks in zip(*marks, strict=True)
        ]
        return (
            np.array(keys, dtype=np.int64),
            _words_of(values),
            np.array([state == SignalState.LIVE for state in states], dtype=np.bool_),
            np.array(numbers, dtype=np.int32),
        )

    def _is_seen(self, viewer: Party) -> npt.NDArray[np.bool_]:
        """Return, by the number of marks, whether a party may see signals with them."""
        return np.array(
            [may_see(marks, viewer=viewer) for marks in self._number_of], dtype=np.bool_
        )

    def _near(self, value: str, is_seen: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
        """Return distance and key of the pictures near a value, nearest first."""
        bits = np.zeros(len(self._keys), dtype=np.uint16)
        for own, words in zip(_words_of([value])[:, 0], self._words, strict=True):
            bits += np.bitwise_count(words ^ own)
        places = np.flatnonzero((bits > 0) & (bits <= MATCH_WITHIN_BITS))
        places = places[self._is_live[places] & is_seen[self._marks[places]]]
        return sorted(zip(bits[places].tolist(), self._keys[places].tolist(), strict=True))


def _words_of(values: Iterable[str]) -> npt.NDArray[np.uint64]:
    """Return values of 64 hex digits as (4, n) words."""
    rows = np.frombuffer(bytes.fromhex("".join(values)), dtype=np.uint64).reshape(-1, _WORDS)
    return np.ascontiguousarray(rows.T)


pictures = Pictures()
"""The pictures that this process keeps."""
