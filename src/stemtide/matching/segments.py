# SPDX-License-Identifier: Apache-2.0
"""Immutable tables of rows: searched, kept in files and shared by processes.

The rows of a segment are sorted by their first chunk, so that near-duplicates are adjacent and are
read together. Rows whose own distance is wider than the tables reach come last, and are compared
row by row. A file holds the same arrays one after the other, memory-mapped: ten workers that open
it share one copy. A file is used only if its checksums match (see `open_segment`).
"""

import mmap
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stemtide.kernels import hamming
from stemtide.kernels.hamming import BUCKETS, NO_OWN, SPARE, SegmentStruct
from stemtide.kernels.native import address

CHUNKS_A_WORD = 4
PROBED_BITS = 31
"""Reach of the tables; rows with a wider distance are compared row by row, if they are few."""

_FEW_WIDE = 4096
_MAGIC = b"STEMSEG\x02"
_HEAD = struct.Struct("<8s32sIIIIQQII")
"""magic with version, identity, words, tables, reach_bits, spare, rows, tabled, crc of the arrays,
crc of the head before it."""
_ALIGN = 4096

Words = npt.NDArray[np.uint64]
Keys = npt.NDArray[np.int64]
OwnBits = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.intp]


class SegmentFileError(ValueError):
    """A segment file is torn, of another version, or of another store. The message names both."""


@dataclass(frozen=True, eq=False)
class Segment:
    """Rows with their keys, and tables of them.

    keys:       (n,) int64, distinct.
    by_key:     (n,) int64, row numbers sorted by key.
    rows:       (n, words) uint64.
    own_bits:   (n,) uint8, each row's own distance or NO_OWN.
    tabled:     number of rows in the tables; the others are compared row by row.
    reach_bits: widest own distance of a tabled row.
    starts:     (tables, BUCKETS + 1) uint32; order: (tables, tabled) uint32;
    partner:    (tables * tabled + SPARE,) uint16. See hamming.c.
    """

    keys: Keys
    by_key: npt.NDArray[np.int64]
    rows: Words
    own_bits: OwnBits
    tabled: int
    reach_bits: int
    starts: npt.NDArray[np.uint32]
    order: npt.NDArray[np.uint32]
    partner: npt.NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def tables(self) -> int:
        """Return the number of chunks that have a table."""
        return len(self.starts)

    @cached_property
    def struct(self) -> SegmentStruct:
        """Return the segment in the kernel's layout, with no rows dropped."""
        return SegmentStruct(
            rows_count=len(self),
            tabled=self.tabled,
            rows=address(self.rows),
            keys=address(self.keys),
            own_bits=address(self.own_bits),
            gone=None,
            starts=address(self.starts),
            order=address(self.order),
            partner=address(self.partner),
            words=self.rows.shape[1],
            tables=self.tables,
            reach_bits=self.reach_bits,
        )

    def find(self, keys: Keys) -> Rows:
        """Return the row of each key, or -1 if it is not here."""
        if not len(self):
            return np.full(len(keys), -1, dtype=np.intp)
        place = np.searchsorted(self.keys, keys, sorter=self.by_key)
        rows: Rows = self.by_key[place.clip(max=len(self) - 1)]
        rows[self.keys[rows] != keys] = -1
        return rows


def build_segment(keys: Keys, rows: Words, own_bits: OwnBits, *, tables: int) -> Segment:
    """Build a segment from rows in any order; keys must be distinct.

    tables: 4 x words, or fewer if only distances below that number are ever asked for.
    """
    wide = (own_bits != NO_OWN) & (own_bits > PROBED_BITS)
    if wide.sum() > max(_FEW_WIDE, len(keys) // 64):
        wide[:] = False
    tabled = len(keys) - int(wide.sum())
    order = _by_first_chunk(rows)
    if tabled < len(keys):
        order = np.concatenate([order[~wide[order]], order[wide[order]]])
    keys, rows, own_bits = keys[order], rows[order], own_bits[order]
    own = own_bits[:tabled]
    segment = Segment(
        keys=keys,
        by_key=np.argsort(keys),
        rows=rows,
        own_bits=own_bits,
        tabled=tabled,
        reach_bits=int(own[own != NO_OWN].max(initial=0)),
        starts=np.empty((tables, BUCKETS + 1), dtype=np.uint32),
        order=np.empty((tables, tabled), dtype=np.uint32),
        partner=np.zeros(tables * tabled + SPARE, dtype=np.uint16),
    )
    for chunk in range(tables):
        hamming.build_table(
            rows[:tabled],
            chunk=chunk,
            starts=segment.starts[chunk],
            order=segment.order[chunk],
            partner=segment.partner[chunk * tabled :],
        )
    return segment


def _by_first_chunk(rows: Words) -> npt.NDArray[np.uint32]:
    """Return row numbers sorted by their first chunk."""
    rows = np.ascontiguousarray(rows)
    order = np.empty(len(rows), dtype=np.uint32)
    hamming.build_table(
        rows,
        chunk=0,
        starts=np.empty(BUCKETS + 1, dtype=np.uint32),
        order=order,
        partner=np.empty(len(rows) + SPARE, dtype=np.uint16),
    )
    return order


def _layout(
    *, rows: int, tabled: int, words: int, tables: int
) -> Iterator[tuple[str, np.dtype[np.generic], tuple[int, ...]]]:
    """Yield the arrays of a file in order: name, dtype and shape."""
    yield "keys", np.dtype("<i8"), (rows,)
    yield "by_key", np.dtype("<i8"), (rows,)
    yield "rows", np.dtype("<u8"), (rows, words)
    yield "own_bits", np.dtype("u1"), (rows,)
    yield "starts", np.dtype("<u4"), (tables, BUCKETS + 1)
    yield "order", np.dtype("<u4"), (tables, tabled)
    yield "partner", np.dtype("<u2"), (tables * tabled + SPARE,)


def _aligned(size: int) -> int:
    return -(-size // _ALIGN) * _ALIGN


def write_segment(segment: Segment, path: Path, *, identity: bytes) -> None:
    """Write a segment to a file atomically: it gets its name when it is on disk.

    identity: 32 bytes that identify the store.
    """
    words = segment.rows.shape[1]
    layout = _layout(rows=len(segment), tabled=segment.tabled, words=words, tables=segment.tables)
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.seek(_ALIGN)
        checksum = 0
        for name, _, _ in layout:
            array = getattr(segment, name).reshape(-1).view(np.uint8)
            file.write(array)
            checksum = zlib.crc32(array, checksum)
            file.write(bytes(_aligned(array.nbytes) - array.nbytes))
        counts = (words, segment.tables, segment.reach_bits, 0, len(segment), segment.tabled)
        head = _HEAD.pack(_MAGIC, identity, *counts, checksum, 0)
        file.seek(0)
        file.write(head[:-4] + struct.pack("<I", zlib.crc32(head[:-4])))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def open_segment(path: Path, *, identity: bytes, words: int, tables: int) -> Segment:
    """Map a file of `write_segment`, after reading all of it once to verify its checksum.

    raises: SegmentFileError if it is torn, of another version, of another store, or of another
            shape; OSError if it cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size < _ALIGN:
            raise SegmentFileError(f"{path} is torn: it has {size} bytes")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    head = mapped[: _HEAD.size]
    if head[:8] != _MAGIC:
        raise SegmentFileError(f"{path} is no segment of this version of Stemtide")
    if zlib.crc32(head[:-4]) != int.from_bytes(head[-4:], "little"):
        raise SegmentFileError(f"{path} is torn: its head is damaged")
    _, whose, *shape, reach_bits, _, rows, tabled, checksum, _ = _HEAD.unpack(head)
    if whose != identity:
        raise SegmentFileError(f"{path} holds another store's signals")
    if tuple(shape) != (words, tables) or tabled > rows:
        raise SegmentFileError(f"{path} holds fingerprints of another kind")
    layout = list(_layout(rows=rows, tabled=tabled, words=words, tables=tables))
    arrays, stop = {}, _ALIGN
    computed = 0
    for name, dtype, dims in layout:
        nbytes = dtype.itemsize * int(np.prod(dims))
        if stop + nbytes > size:
            raise SegmentFileError(f"{path} is torn: it ends in the middle of its {name}")
        array = np.frombuffer(mapped, dtype=np.uint8, count=nbytes, offset=stop)
        computed = zlib.crc32(array.data, computed)
        arrays[name] = array.view(dtype).reshape(dims)
        stop += _aligned(nbytes)
    if computed != checksum:
        raise SegmentFileError(f"{path} is torn: its checksum is wrong")
    return Segment(tabled=tabled, reach_bits=reach_bits, **arrays)
