# SPDX-License-Identifier: Apache-2.0
"""Immutable state of an index: segments, the newest rows, and the dropped rows of each.

A writer builds the next state and replaces this one, so that each put and each drop is seen as a
whole or not at all, and a reader never waits.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from stemtide.kernels.hamming import SegmentStruct, as_structs
from stemtide.kernels.native import address
from stemtide.matching.segments import Keys, OwnBits, Rows, Segment, Words

Bitmap = npt.NDArray[np.uint64]
"""One bit per row, the first row in the lowest bit: set if the row was dropped."""


@dataclass(frozen=True, eq=False)
class SealedSegment:
    """A segment and its dropped rows.

    gone: ceil(n / 64) uint64; None: no row was dropped.
    lost: number of dropped rows.
    """

    segment: Segment
    gone: Bitmap | None = None
    lost: int = 0

    def __len__(self) -> int:
        return len(self.segment) - self.lost

    @cached_property
    def struct(self) -> SegmentStruct:
        """Return the segment in the kernel's layout."""
        plain = self.segment.struct
        if self.gone is None:
            return plain
        fields = {name: getattr(plain, name) for name, *_ in SegmentStruct._fields_}
        return SegmentStruct(**{**fields, "gone": address(self.gone)})

    def present(self) -> Rows:
        """Return the rows that are not dropped, ascending."""
        if self.gone is None:
            return np.arange(len(self.segment))
        bits = np.unpackbits(self.gone.view(np.uint8), bitorder="little")
        return np.flatnonzero(bits[: len(self.segment)] == 0)

    def are_gone(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Return, for each row, whether it was dropped."""
        if self.gone is None:
            return np.zeros(len(rows), dtype=np.bool_)
        return _are_set(self.gone, rows)

    def without(self, rows: Rows) -> "SealedSegment":
        """Return the same segment with these rows dropped as well; each must be present."""
        if not len(rows):
            return self
        size = -(-len(self.segment) // 64)
        gone = np.zeros(size, dtype=np.uint64) if self.gone is None else self.gone.copy()
        np.bitwise_or.at(gone, rows >> 6, np.uint64(1) << (rows & 63).astype(np.uint64))
        return SealedSegment(self.segment, gone, self.lost + len(rows))

    def find(self, keys: Keys) -> Rows:
        """Return the row of each key that is present, else -1."""
        rows = self.segment.find(keys)
        rows[(rows >= 0) & self.are_gone(rows)] = -1
        return rows


@dataclass(frozen=True, eq=False)
class Tail:
    """The newest rows, in order of arrival, without tables.

    Arrays may be longer than `stop`: the rest belongs to writers. A dropped row is marked in
    `gone`, a bitmap of the whole arrays, which is copied for that.
    """

    keys: Keys
    rows: Words
    own_bits: OwnBits
    gone: Bitmap
    stop: int = 0
    lost: int = 0
    began: object = field(default_factory=object)
    """Two tails with the same object are the same tail at two times."""

    def __len__(self) -> int:
        return self.stop - self.lost

    @cached_property
    def struct(self) -> SegmentStruct:
        """Return the rows in the kernel's layout."""
        return SegmentStruct(
            rows_count=self.stop,
            tabled=0,
            rows=address(self.rows),
            keys=address(self.keys),
            own_bits=address(self.own_bits),
            gone=address(self.gone) if self.lost else None,
            words=self.rows.shape[1],
            tables=4 * self.rows.shape[1],
        )

    def present(self) -> Rows:
        """Return the rows that are not dropped, in order of arrival."""
        bits = np.unpackbits(self.gone.view(np.uint8), bitorder="little")
        return np.flatnonzero(bits[: self.stop] == 0)

    def with_rows(self, keys: Keys, rows: Words, own_bits: OwnBits) -> "Tail":
        """Return a tail with these rows added."""
        stop = self.stop + len(keys)
        tail = self if stop <= len(self.keys) else self._with_room(max(1024, 2 * stop))
        added = slice(self.stop, stop)
        tail.keys[added], tail.rows[added], tail.own_bits[added] = keys, rows, own_bits
        return replace(tail, stop=stop)

    def without(self, rows: Rows) -> "Tail":
        """Return a tail with these rows dropped as well; each must be present."""
        if not len(rows):
            return self
        gone = self.gone.copy()
        np.bitwise_or.at(gone, rows >> 6, np.uint64(1) << (rows & 63).astype(np.uint64))
        return replace(self, gone=gone, lost=self.lost + len(rows))

    def _with_room(self, capacity: int) -> "Tail":
        roomy = empty_tail(self.rows.shape[1], capacity=capacity)
        roomy.keys[: self.stop] = self.keys[: self.stop]
        roomy.rows[: self.stop] = self.rows[: self.stop]
        roomy.own_bits[: self.stop] = self.own_bits[: self.stop]
        roomy.gone[: len(self.gone)] = self.gone
        return replace(roomy, stop=self.stop, lost=self.lost, began=self.began)


def empty_tail(words: int, *, capacity: int = 0) -> Tail:
    """Return a tail without rows, with room for this many."""
    return Tail(
        keys=np.empty(capacity, dtype=np.int64),
        rows=np.empty((capacity, words), dtype=np.uint64),
        own_bits=np.empty(capacity, dtype=np.uint8),
        gone=np.zeros(-(-capacity // 64), dtype=np.uint64),
    )


@dataclass(frozen=True, eq=False)
class IndexState:
    """All entries of an index. sealed: largest first; no key occurs twice."""

    sealed: tuple[SealedSegment, ...]
    tail: Tail

    def __len__(self) -> int:
        return sum(map(len, self.sealed)) + len(self.tail)

    @cached_property
    def structs(self) -> ctypes.Array[SegmentStruct]:
        """Return all parts in the kernel's layout; the state keeps the arrays alive."""
        return as_structs([*(part.struct for part in self.sealed), self.tail.struct])

    def columns(self) -> tuple[Keys, Words, OwnBits]:
        """Copy all present rows, in no order."""
        return gather([*self.sealed, self.tail])


def _are_set(bits: Bitmap, rows: Rows) -> npt.NDArray[np.bool_]:
    """Return, for each row, whether its bit is set."""
    shift = (rows & 63).astype(np.uint64)
    are: npt.NDArray[np.bool_] = (bits[rows >> 6] >> shift & np.uint64(1)).astype(np.bool_)
    return are


def gather(parts: Sequence[SealedSegment | Tail]) -> tuple[Keys, Words, OwnBits]:
    """Copy the present rows: keys (n,), rows (n, words), own_bits (n,)."""
    present = [(p.segment if isinstance(p, SealedSegment) else p, p.present()) for p in parts]
    return (
        np.concatenate([part.keys[rows] for part, rows in present]),
        np.concatenate([part.rows[rows] for part, rows in present]),
        np.concatenate([part.own_bits[rows] for part, rows in present]),
    )


def with_sealed_tail(now: IndexState, sealed: Tail, segment: Segment) -> IndexState | None:
    """Replace the rows of an earlier tail by a segment made of them.

    returns: None if that tail was replaced in the meantime.
    """
    if now.tail.began is not sealed.began:
        return None
    rows = now.tail.present()
    lost = sealed.present()
    lost = lost[_are_set(now.tail.gone, lost)]
    added = SealedSegment(segment).without(segment.find(now.tail.keys[lost]))
    later = rows[rows >= sealed.stop]
    tail = empty_tail(now.tail.rows.shape[1]).with_rows(
        now.tail.keys[later], now.tail.rows[later], now.tail.own_bits[later]
    )
    return IndexState(_largest_first([*now.sealed, added]), tail)


def with_merged(
    now: IndexState, replaced: Sequence[SealedSegment], segment: Segment
) -> IndexState | None:
    """Replace earlier segments by one that was merged from them.

    returns: None if one of them was replaced in the meantime.
    """
    merged, others = SealedSegment(segment), {id(part.segment): part for part in now.sealed}
    for before in replaced:
        after = others.pop(id(before.segment), None)
        if after is None:
            return None
        lost = before.present()
        lost = lost[after.are_gone(lost)]
        rows = segment.find(before.segment.keys[lost])
        merged = merged.without(rows[rows >= 0])
    return replace(now, sealed=_largest_first([*others.values(), merged]))


def with_same(now: IndexState, segment: Segment, mapped: Segment) -> IndexState:
    """Replace a segment in memory by the same segment from a file."""
    sealed = [
        replace(part, segment=mapped) if part.segment is segment else part for part in now.sealed
    ]
    return replace(now, sealed=tuple(sealed))


def on_top_of(segment: Segment, now: IndexState) -> tuple[IndexState, npt.NDArray[np.intp]]:
    """Keep all entries, but read them from another segment where it has them.

    returns: that state, and the rows of now.columns() that the segment does not have.
    """
    keys, rows, own_bits = now.columns()
    at = segment.find(keys)
    is_same = at >= 0
    is_same[is_same] = (segment.rows[at[is_same]] == rows[is_same]).all(axis=1)
    is_same[is_same] = segment.own_bits[at[is_same]] == own_bits[is_same]
    is_gone = np.ones(-(-len(segment) // 64) * 64, dtype=np.uint8)
    is_gone[at[is_same]] = 0
    gone = np.packbits(is_gone, bitorder="little").view(np.uint64)
    part = SealedSegment(segment, gone, len(segment) - int(is_same.sum()))
    return IndexState((part,), empty_tail(segment.rows.shape[1])), np.flatnonzero(~is_same)


def _largest_first(sealed: Sequence[SealedSegment]) -> tuple[SealedSegment, ...]:
    return tuple(sorted((part for part in sealed if len(part)), key=len, reverse=True))
