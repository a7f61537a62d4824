# SPDX-License-Identifier: Apache-2.0
"""Part of the journal's index: the values of a range of entries, in as little memory as they can.

A picture's hash takes 88 bytes with its tables, another value five. Entries have ascending numbers,
so segments do not overlap; numbers within a segment are counted from its first, in three bytes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from stemtide.agent.journal.digests import (
    Hashes,
    Offsets,
    PackedDigests,
    Seqs,
    hash_values,
    pack_offsets,
    unpack_offsets,
)
from stemtide.fingerprints.kinds import SIZE_BYTES, Kind
from stemtide.kernels.hamming import as_structs
from stemtide.matching.hamming import search_each
from stemtide.matching.packed import MAX_ROWS, PackedRows, loose_struct, pack_rows
from stemtide.matching.segments import Words

MAX_SPAN = MAX_ROWS
"""A segment's entries have numbers that are less than this apart: three bytes."""

Values = npt.NDArray[np.unsignedinteger[Any]]
"""Of pictures (n, 4) uint64, of other kinds (n,) uint32, their hashes."""

Columns = tuple[Values, Seqs]
"""Values of a kind, and the number of the entry of each."""

Distances = npt.NDArray[np.integer[Any]]

Pairs = Iterator[tuple[int, int]]
"""The place of a query, and the number of an entry that it may match."""


def as_values(kind: Kind, values: Sequence[bytes]) -> Values:
    """Return values of a kind as the index stores them."""
    if kind is not Kind.PDQ:
        return hash_values(values)
    return np.frombuffer(b"".join(values), dtype="<u8").reshape(-1, SIZE_BYTES[kind] // 8)


class EntrySet:
    """A set of entries of a range, in a bit each. first, span: the range.

    bits: (ceil(span / 8),) uint8, the first entry in the lowest bit.
    """

    def __init__(self, first: int, span: int) -> None:
        self._first = first
        self.bits = np.zeros(-(-span // 8), dtype=np.uint8)

    def add(self, seqs: Seqs) -> None:
        """Add entries."""
        at = seqs - self._first
        np.bitwise_or.at(self.bits, at >> 3, np.uint8(1) << (at & 7).astype(np.uint8))

    def holds(self, seqs: Seqs) -> npt.NDArray[np.bool_]:
        """Return, for each entry, whether it is in the set."""
        at = seqs - self._first
        is_in: npt.NDArray[np.bool_] = (self.bits[at >> 3] >> (at & 7).astype(np.uint8) & 1).astype(
            np.bool_
        )
        return is_in


def count_entries(sets: Iterable[EntrySet]) -> int:
    """Return how many entries are in any of some sets of the same range."""
    return int(np.bitwise_count(np.bitwise_or.reduce([entries.bits for entries in sets])).sum())


@dataclass(frozen=True, eq=False)
class _Pictures:
    """Hashes of pictures with the entries that they are of."""

    rows: PackedRows
    first: int
    offsets: Offsets

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of(cls, rows: Words, seqs: Seqs, *, first: int) -> "_Pictures":
        packed, order = pack_rows(rows)
        return cls(packed, first, pack_offsets(seqs[order], first=first))

    def columns(self) -> tuple[Words, Seqs]:
        return self.rows.rows, unpack_offsets(self.offsets, first=self.first)

    def find(self, queries: Words, within_bits: Distances) -> tuple[npt.NDArray[np.intp], Seqs]:
        hits = search_each(as_structs([self.rows.struct]), queries, within_bits, in_background=True)
        owners = unpack_offsets(self.offsets[hits["key"]], first=self.first)
        return hits["query"].astype(np.intp), owners


@dataclass(eq=False)
class JournalSegment:
    """Values of the entries `first` to `first + span - 1`, by kind.

    entries: number of entries that had a value when it was built.
    gone:    entries that were dropped. lost: number of those that had a value.
    """

    first: int
    span: int
    parts: dict[Kind, _Pictures | PackedDigests]
    owners: dict[Kind, EntrySet]
    entries: int = 0
    gone: EntrySet = field(init=False)
    lost: int = 0

    def __post_init__(self) -> None:
        self.gone = EntrySet(self.first, self.span)

    def __len__(self) -> int:
        """Return the number of values."""
        return sum(map(len, self.parts.values()))

    @property
    def is_hollow(self) -> bool:
        """Whether most entries were dropped."""
        return self.lost * 2 > self.entries

    def drop(self, seqs: Seqs) -> dict[Kind, int]:
        """Drop entries; others are ignored. Return how many had values of each kind."""
        inside = seqs[(seqs >= self.first) & (seqs < self.first + self.span)]
        going = np.unique(inside[~self.gone.holds(inside)])
        self.gone.add(going)
        had = {kind: owners.holds(going) for kind, owners in self.owners.items()}
        self.lost += int(np.any(list(had.values()), axis=0).sum())
        return {kind: int(of_kind.sum()) for kind, of_kind in had.items()}

    def columns(self, kind: Kind) -> Columns | None:
        """Return the values of a kind that are still there; None for none."""
        part = self.parts.get(kind)
        if part is None:
            return None
        values, seqs = part.columns()
        is_there = ~self.gone.holds(seqs)
        return values[is_there], seqs[is_there]

    def find(self, kind: Kind, queries: Values, within_bits: Distances) -> Pairs:
        """Yield the entries that may match each query. within_bits: of pictures, for each query."""
        part = self.parts.get(kind)
        if part is None:
            return
        if isinstance(part, _Pictures):
            which, seqs = part.find(_as_words(queries), within_bits)
        else:
            which, seqs = part.find(_as_hashes(queries))
        is_there = ~self.gone.holds(seqs)
        yield from zip(which[is_there].tolist(), seqs[is_there].tolist(), strict=True)


class LooseValues:
    """Values of one kind that are in no segment yet."""

    def __init__(self) -> None:
        self._parts: list[Columns] = []
        self.count = 0

    def add(self, values: Values, seqs: Seqs) -> None:
        """Add values of entries, whose numbers ascend."""
        self._parts.append((values, seqs))
        self.count += len(seqs)

    def columns(self) -> Columns:
        """Return all values; there must be some."""
        self._parts = [_joined(self._parts)]
        return self._parts[0]

    def drop(self, seqs: Seqs) -> int:
        """Drop entries; others are ignored. Return how many there were."""
        if not self.count:
            return 0
        values, mine = self.columns()
        is_going = np.isin(mine, seqs)
        self._parts, self.count = [(values[~is_going], mine[~is_going])], int((~is_going).sum())
        return len(np.unique(mine[is_going]))

    def find(self, kind: Kind, queries: Values, within_bits: Distances) -> Pairs:
        """Yield the entries that may match each query, as JournalSegment.find does."""
        if not self.count:
            return
        values, seqs = self.columns()
        if kind is Kind.PDQ:
            rows = _as_words(values)
            hits = search_each(as_structs([loose_struct(rows)]), _as_words(queries), within_bits)
            yield from zip(hits["query"].tolist(), seqs[hits["key"]].tolist(), strict=True)
            return
        places: dict[int, list[int]] = {}
        for place, value in enumerate(queries.tolist()):
            places.setdefault(value, []).append(place)
        at = np.flatnonzero(np.isin(values, queries))
        for value, seq in zip(values[at].tolist(), seqs[at].tolist(), strict=True):
            yield from ((place, seq) for place in places[value])


def build_journal_segment(columns: Mapping[Kind, list[Columns]]) -> JournalSegment | None:
    """Build a segment; None if there is no value.

    columns: of each kind, parts whose entries ascend. The parts are taken out of the lists, so that
             their memory is free while tables are built.
    """
    bounds = [
        (int(seqs.min()), int(seqs.max()))
        for parts in columns.values()
        for _, seqs in parts
        if len(seqs)
    ]
    if not bounds:
        return None
    first = min(low for low, _ in bounds)
    segment = JournalSegment(first, max(high for _, high in bounds) - first + 1, {}, {})
    for kind, parts in sorted(columns.items(), key=lambda item: item[0] is Kind.PDQ):
        values, seqs = _joined(parts)
        parts.clear()
        if not len(seqs):
            continue
        segment.owners[kind] = EntrySet(first, segment.span)
        segment.owners[kind].add(seqs)
        if kind is Kind.PDQ:
            segment.parts[kind] = _Pictures.of(_as_words(values), seqs, first=first)
        else:
            segment.parts[kind] = PackedDigests.of(_as_hashes(values), seqs, first=first)
    segment.entries = count_entries(segment.owners.values())
    return segment


def _joined(parts: Sequence[Columns]) -> Columns:
    if len(parts) == 1:  # joining would copy it
        return parts[0]
    values, seqs = zip(*parts, strict=True)
    return np.concatenate(values), np.concatenate(seqs)


def _as_words(values: Values) -> Words:
    return np.ascontiguousarray(values, dtype=np.uint64)


def _as_hashes(values: Values) -> Hashes:
    return values.astype(np.uint32, copy=False)
