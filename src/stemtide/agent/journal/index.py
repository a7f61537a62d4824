# SPDX-License-Identifier: Apache-2.0
"""Find the entries of the upload journal that a signal may match. In memory, of one process.

Kinds of fixed length have an index each; of a digest its first 8 bytes, because what is found is
compared again. A signal of another kind is compared with every entry
that has such kinds: see sync/retro_match.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import count

import numpy as np
import numpy.typing as npt

from stemtide.agent.journal.entries import JournalEntry
from stemtide.agent.memory import give_back
from stemtide.fingerprints.image.pdq import turn_hash
from stemtide.fingerprints.kinds import MATCH_WITHIN_BITS, SIZE_BYTES, Kind
from stemtide.matching.hamming import HammingIndex
from stemtide.matching.library import IndexedSignal

_SLOTS = 8
"""Values of one kind whose keys follow from the entry's number; a file in an archive may be more.
"""

_FURTHER = 1 << 62
_WORD_BYTES = 8


class JournalIndex:
    """Index of the values of all entries, by kind. Not thread-safe.

    uploads: number of entries that have a value of each kind.
    """

    def __init__(self) -> None:
        self._indexes = {
            kind: HammingIndex(within_bits=MATCH_WITHIN_BITS)
            if kind is Kind.PDQ
            else HammingIndex(words=1, within_bits=0, tables=1)
            for kind in SIZE_BYTES
        }
        self.uploads = dict.fromkeys(SIZE_BYTES, 0)
        self._numbers = count(_FURTHER)
        self._owners: dict[int, int] = {}
        self._further: dict[int, list[int]] = {}

    def put(self, entries: Iterable[JournalEntry]) -> None:
        """Add entries."""
        entries = list(entries)
        for kind, index in self._indexes.items():
            keys: list[int] = []
            values: list[bytes] = []
            for entry in entries:
                of_entry = entry.values(kind)
                self.uploads[kind] += bool(of_entry)
                for place, value in enumerate(of_entry):
                    keys.append(self._key(entry.seq, place))
                    values.append(value[: index.words * _WORD_BYTES])
            if keys:
                rows = np.frombuffer(b"".join(values), dtype="<u8").reshape(len(keys), -1)
                index.put(np.array(keys, dtype=np.int64), rows)

    def _key(self, seq: int, place: int) -> int:
        if place < _SLOTS:
            return seq * _SLOTS + place
        key = next(self._numbers)
        self._owners[key] = seq
        self._further.setdefault(seq, []).append(key)
        return key

    def drop(self, seqs: Sequence[int]) -> None:
        """Remove entries; unknown ones are ignored."""
        keys = [seq * _SLOTS + place for seq in seqs for place in range(_SLOTS)]
        for seq in seqs:
            for key in self._further.pop(seq, ()):
                keys.append(key)
                del self._owners[key]
        firsts = np.array([seq * _SLOTS for seq in seqs], dtype=np.int64)
        for kind, index in self._indexes.items():
            self.uploads[kind] -= int(index.holds(firsts).sum())
            index.drop(np.array(keys, dtype=np.int64))

    def settle(self) -> None:
        """Compact the index, and give the memory that loading it took back to the system.

        Without it, libc keeps about as much again as the index has.
        """
        for index in self._indexes.values():
            index.settle()
        give_back()

    def find(self, signals: Iterable[IndexedSignal]) -> dict[int, set[int]]:
        """Return the numbers of the entries near each signal, by the signal's key.

        Of a picture all eight orientations are tried, seven of them as estimated from its hash.
        """
        by_kind: dict[Kind, list[IndexedSignal]] = {}
        for signal in signals:
            if signal.kind in SIZE_BYTES:
                by_kind.setdefault(signal.kind, []).append(signal)
        near: dict[int, set[int]] = {}
        for kind, of_kind in by_kind.items():
            for key, seqs in self._find(kind, of_kind).items():
                near.setdefault(key, set()).update(seqs)
        return near

    def _find(self, kind: Kind, signals: Sequence[IndexedSignal]) -> Mapping[int, set[int]]:
        views = [turn_hash(s.value) if kind is Kind.PDQ else [s.value] for s in signals]
        index = self._indexes[kind]
        size = index.words * _WORD_BYTES
        queries = b"".join(value[:size] for of_one in views for value in of_one)
        a_signal = len(views[0])
        within = np.repeat([_within(signal) for signal in signals], a_signal)
        hits = index.search(queries, count=len(within), within_bits=within)
        near: dict[int, set[int]] = {}
        for query, key in zip(hits["query"].tolist(), hits["key"].tolist(), strict=True):
            seq = key // _SLOTS if key < _FURTHER else self._owners[key]
            near.setdefault(signals[query // a_signal].key, set()).add(seq)
        return near


def _within(signal: IndexedSignal) -> npt.NDArray[np.int64] | int:
    if signal.kind is not Kind.PDQ:
        return 0
    return MATCH_WITHIN_BITS if signal.within_bits is None else signal.within_bits
