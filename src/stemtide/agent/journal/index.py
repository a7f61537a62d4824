# SPDX-License-Identifier: Apache-2.0
"""Find the entries of the upload journal that a signal may match. In memory, of one process.

New entries are loose: they are compared one by one. When they are many, a search puts them into a
segment first, and merges segments so that each has at most an eighth of the values of the one
before it. A signal of another kind than those of fixed length is compared with every entry
that has such kinds: see sync/retro_match.py.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from stemtide.agent.journal.entries import JournalEntry
from stemtide.agent.journal.segment import (
    MAX_SPAN,
    Columns,
    JournalSegment,
    LooseValues,
    Pairs,
    as_values,
    build_journal_segment,
)
from stemtide.agent.memory import give_back
from stemtide.fingerprints.image.pdq import turn_hashes
from stemtide.fingerprints.kinds import MATCH_WITHIN_BITS, SIZE_BYTES, Kind
from stemtide.matching.library import IndexedSignal
from stemtide.matching.packed import MAX_ROWS

LOOSE_VALUES = 4096
"""Loose values of one kind from which they are put into a segment."""

_LARGE_PART = 8


class JournalIndex:
    """Index of the values of all entries, by kind. Not thread-safe.

    loose_values: number of loose values of one kind from which they are put into a segment.
    uploads:      number of entries that have a value of each kind.
    """

    def __init__(self, *, loose_values: int = LOOSE_VALUES) -> None:
        self.uploads = dict.fromkeys(SIZE_BYTES, 0)
        self._loose_values = loose_values
        self._segments: list[JournalSegment] = []
        self._loose: dict[Kind, LooseValues] = {}
        self._first_loose = 0
        self._clear_loose()

    def put(self, entries: Sequence[JournalEntry]) -> None:
        """Add entries, whose numbers ascend and are higher than all that were added before."""
        if not entries:
            return
        if entries[-1].seq - (self._first_loose or entries[0].seq) >= MAX_SPAN:
            self._seal()
        if entries[-1].seq - entries[0].seq >= MAX_SPAN:
            half = len(entries) // 2
            self.put(entries[:half])
            self.put(entries[half:])
            return
        columns: dict[Kind, Columns] = {}
        for kind in SIZE_BYTES:
            of_each = [(entry.seq, entry.values(kind)) for entry in entries]
            self.uploads[kind] += sum(bool(values) for _, values in of_each)
            columns[kind] = _columns(kind, of_each)
        self.put_columns(columns)

    def put_columns(self, columns: Mapping[Kind, Columns]) -> None:
        """Add values of entries without an object for each; `uploads` does not count them."""
        columns = {kind: column for kind, column in columns.items() if len(column[1])}
        if any(
            self._loose[kind].count + len(seqs) > MAX_ROWS for kind, (_, seqs) in columns.items()
        ):
            self._seal()
        for kind, (values, seqs) in columns.items():
            self._loose[kind].add(values, seqs)
            self._first_loose = min(self._first_loose or int(seqs[0]), int(seqs[0]))

    def drop(self, seqs: Sequence[int]) -> None:
        """Remove entries; unknown ones are ignored."""
        going = np.array(seqs, dtype=np.int64)
        segments: list[JournalSegment] = []
        for segment in self._segments:
            for kind, had in segment.drop(going).items():
                self.uploads[kind] -= had
            segments += _merged([segment]) if segment.is_hollow else [segment]
        self._segments = segments
        for kind, loose in self._loose.items():
            self.uploads[kind] -= loose.drop(going)

    def settle(self) -> None:
        """Put all values into segments, and give the memory that loading took back to the system.

        Without it, libc keeps some of it.
        """
        self._seal()
        give_back()

    def find(self, signals: Iterable[IndexedSignal]) -> dict[int, set[int]]:
        """Return the numbers of the entries near each signal, by the signal's key.

        Of a picture all eight orientations are tried, seven of them as estimated from its hash. Of
        another value, one entry in 2^32 is not near: what is found is compared again.
        """
        if any(loose.count > self._loose_values for loose in self._loose.values()):
            self._seal()
        by_kind: dict[Kind, list[IndexedSignal]] = {}
        for signal in signals:
            if signal.kind in SIZE_BYTES:
                by_kind.setdefault(signal.kind, []).append(signal)
        near: dict[int, set[int]] = {}
        for kind, of_kind in by_kind.items():
            for key, seq in self._find(kind, of_kind):
                near.setdefault(key, set()).add(seq)
        return near

    def _find(self, kind: Kind, signals: Sequence[IndexedSignal]) -> Pairs:
        """Yield the key of a signal and the number of an entry near it."""
        values = [signal.value for signal in signals]
        if kind is Kind.PDQ:
            queries = turn_hashes(b"".join(values)).view("<u8").reshape(-1, 4)
        else:
            queries = as_values(kind, values)
        views = len(queries) // len(signals)
        within_bits = np.repeat([_within_bits(signal) for signal in signals], views)
        parts: list[JournalSegment | LooseValues] = [*self._segments, self._loose[kind]]
        for part in parts:
            for query, seq in part.find(kind, queries, within_bits):
                yield signals[query // views].key, seq

    # -- segments --------------------------------------------------------------------------------

    def _clear_loose(self) -> None:
        self._loose = {kind: LooseValues() for kind in SIZE_BYTES}
        self._first_loose = 0

    def _seal(self) -> None:
        """Put the loose values into a segment, and merge segments that are too small."""
        columns = {kind: [loose.columns()] for kind, loose in self._loose.items() if loose.count}
        self._clear_loose()
        segment = build_journal_segment(columns)
        if segment is None:
            return
        self._segments.append(segment)
        while len(self._segments) > 1 and _should_merge(*self._segments[-2:]):
            self._segments[-2:] = _merged(self._segments[-2:])


def _should_merge(before: JournalSegment, last: JournalSegment) -> bool:
    fits = last.first + last.span - before.first <= MAX_SPAN and all(
        len(before.parts.get(kind, ())) + len(last.parts.get(kind, ())) <= MAX_ROWS
        for kind in SIZE_BYTES
    )
    return fits and len(last) * _LARGE_PART > len(before)


def _merged(segments: Sequence[JournalSegment]) -> list[JournalSegment]:
    """Return a segment of all values that are still there, if any is."""
    columns = {
        kind: [part for segment in segments if (part := segment.columns(kind))]
        for kind in SIZE_BYTES
    }
    merged = build_journal_segment({kind: parts for kind, parts in columns.items() if parts})
    return [] if merged is None else [merged]


def _columns(kind: Kind, of_each: Sequence[tuple[int, list[bytes]]]) -> Columns:
    """Return values of a kind with the number of the entry of each."""
    values = [value for _, of_entry in of_each for value in of_entry]
    seqs = [seq for seq, of_entry in of_each for _ in of_entry]
    return as_values(kind, values), np.array(seqs, dtype=np.int64)


def _within_bits(signal: IndexedSignal) -> int:
    if signal.kind is not Kind.PDQ:
        return 0
    return MATCH_WITHIN_BITS if signal.within_bits is None else signal.within_bits
