# SPDX-License-Identifier: Apache-2.0
"""Rows with tables that take little memory: 85 bytes a row of 256 bits, where a segment has 145.

They are searched exactly as a segment is (segments.py), by the same kernel, a little slower:

1 Rows are numbered in the order of their first two chunks. So the first table has no row numbers.
2 Of each other pair of tables, one has row numbers, of three bytes. Tables are sorted by the chunk,
  then by its partner, then by the row's number: rows with the same two chunks are a run in both
  tables, in the same order, so a place in one gives the place in the other.
3 There are no keys and no distances of a row's own: the caller knows a row by its number.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from stemtide.kernels import hamming
from stemtide.kernels.hamming import BUCKETS, SPARE, SegmentStruct
from stemtide.kernels.native import address
from stemtide.matching.segments import CHUNKS_A_WORD, Words

MAX_ROWS = 1 << 24
"""Number of rows that three bytes can number."""

Numbers = npt.NDArray[np.uint32]


@dataclass(frozen=True, eq=False)
class PackedRows:
    """Rows, and tables of them.

    rows:    (n, words) uint64, sorted by the first two chunks.
    starts:  (tables, BUCKETS + 1) uint32. partner: (tables * n + SPARE,) uint16. See hamming.c.
    packed:  (tables / 2 - 1, n, 3) uint8, row numbers by place in the tables 2, 4, 6 and so on.
    """

    rows: Words
    starts: npt.NDArray[np.uint32]
    partner: npt.NDArray[np.uint16]
    packed: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def struct(self) -> SegmentStruct:
        """Return the rows in the kernel's layout; the key of a hit is the row's number."""
        return SegmentStruct(
            rows_count=len(self),
            tabled=len(self),
            rows=address(self.rows),
            starts=address(self.starts),
            partner=address(self.partner),
            words=self.rows.shape[1],
            tables=len(self.starts),
            packed=address(self.packed),
        )


def pack_rows(rows: Words) -> tuple[PackedRows, Numbers]:
    """Build tables of rows, and return them with the place in `rows` that each row came from.

    raises: ValueError if there are more than MAX_ROWS.
    """
    if len(rows) > MAX_ROWS:
        raise ValueError(f"{len(rows)} rows: {MAX_ROWS} at most can be packed together")
    order = _sorted_by_part(rows, chunk=0)
    rows = rows[order]
    count, tables = len(rows), CHUNKS_A_WORD * rows.shape[1]
    packed = PackedRows(
        rows=rows,
        starts=np.empty((tables, BUCKETS + 1), dtype=np.uint32),
        partner=np.zeros(tables * count + SPARE, dtype=np.uint16),
        packed=np.empty((tables // 2 - 1, count, 3), dtype=np.uint8),
    )
    for chunk in range(tables):
        numbers = _sorted_by_part(
            rows,
            chunk=chunk,
            starts=packed.starts[chunk],
            partner=packed.partner[chunk * count :],
        )
        if chunk and chunk % 2 == 0:
            packed.packed[chunk // 2 - 1] = numbers.view(np.uint8).reshape(count, 4)[:, :3]
    return packed, order


def loose_struct(rows: Words) -> SegmentStruct:
    """Return rows without tables in the kernel's layout; the key of a hit is the row's number."""
    words = rows.shape[1]
    return SegmentStruct(
        rows_count=len(rows), rows=address(rows), words=words, tables=CHUNKS_A_WORD * words
    )


def _sorted_by_part(
    rows: Words,
    *,
    chunk: int,
    starts: npt.NDArray[np.uint32] | None = None,
    partner: npt.NDArray[np.uint16] | None = None,
) -> Numbers:
    """Return row numbers sorted by a chunk, then by its partner, then by the number.

    starts, partner: written as `build_table` does.
    """
    rows = np.ascontiguousarray(rows)
    spare = np.empty(BUCKETS + 1, dtype=np.uint32)
    by_partner, numbers = np.empty((2, len(rows)), dtype=np.uint32)
    hamming.build_table(rows, chunk=chunk ^ 1, starts=spare, order=by_partner)
    hamming.build_table(
        rows,
        chunk=chunk,
        starts=spare if starts is None else starts,
        order=numbers,
        partner=partner,
        before=by_partner,
    )
    return numbers
