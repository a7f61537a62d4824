# SPDX-License-Identifier: Apache-2.0
"""Bindings of hamming.c: every row within a Hamming distance of a query, exactly.

Arrays are little-endian. A kernel keeps no array: the caller must hold it until the call returns.
"""

import ctypes
import threading
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from stemtide.kernels import native

BUCKETS = 1 << 16
SPARE = 32
"""Number of values that must follow the last partner: the kernel reads past it and ignores them."""

HIT = np.dtype([("key", "<i8"), ("query", "<u4"), ("distance_bits", "<u4")])
NO_OWN = 255
"""Stands for a row's own distance if it has none."""

Hits = npt.NDArray[np.void]
"""(n,) HIT."""

_ROOM_FOR_HITS = 1024
_HITS_A_QUERY = 64
_MOST_ROOM = 1 << 17
"""Hits for which a thread keeps room: 2 MB."""


class SegmentStruct(ctypes.Structure):
    """Segment in hamming.c. Addresses are those of arrays that the caller keeps alive."""

    _fields_ = (
        ("rows_count", ctypes.c_int64),
        ("tabled", ctypes.c_int64),
        ("rows", ctypes.c_void_p),
        ("keys", ctypes.c_void_p),
        ("own_bits", ctypes.c_void_p),
        ("gone", ctypes.c_void_p),
        ("starts", ctypes.c_void_p),
        ("order", ctypes.c_void_p),
        ("partner", ctypes.c_void_p),
        ("words", ctypes.c_int32),
        ("tables", ctypes.c_int32),
        ("reach_bits", ctypes.c_int32),
        ("unused", ctypes.c_int32),
        ("packed", ctypes.c_void_p),
    )


_build = native.LIBRARY.hamming_sort
_build.restype = None
_build.argtypes = (
    *(ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32, ctypes.c_int32),
    *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p),
)
_search = native.LIBRARY.hamming_search
_search.restype = ctypes.c_int64
_search.argtypes = (
    *(ctypes.c_void_p, ctypes.c_int32, ctypes.c_void_p, ctypes.c_int64, ctypes.c_uint32),
    *(ctypes.c_int32, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p),
)
native.LIBRARY.hamming_lookup_bytes.restype = ctypes.c_int64
_SPACE_BYTES = int(native.LIBRARY.hamming_lookup_bytes())
native.LIBRARY.hamming_prepare()


class _Space(threading.local):
    """Work memory of one thread; kept, because new memory costs more than the search.

    hits: (room,) HIT.
    """

    def __init__(self) -> None:
        self.work = np.empty(_SPACE_BYTES, dtype=np.uint8)
        self.work_at = native.address(self.work)
        self.make_room(_ROOM_FOR_HITS)

    def make_room(self, room: int) -> None:
        """Allocate room for this many hits."""
        self.hits = np.empty(room, dtype=HIT)
        self.hits_at = native.address(self.hits)


_space = _Space()


def build_table(
    rows: npt.NDArray[np.uint64],
    *,
    chunk: int,
    starts: npt.NDArray[np.uint32],
    order: npt.NDArray[np.uint32],
    partner: npt.NDArray[np.uint16] | None = None,
    before: npt.NDArray[np.uint32] | None = None,
) -> None:
    """Sort rows by one of their 16-bit chunks. Releases the GIL.

    rows:    (n, words) uint64.
    starts:  (BUCKETS + 1,), written: where the rows of each value begin.
    order:   (n,), written: row numbers.
    partner: (n + SPARE or more,), written: the other chunk of the pair, for each row in that order.
    before:  (n,), row numbers: rows of one value are in this order. None: by their number.
    """
    _build(
        native.address(rows),
        len(rows),
        rows.shape[1],
        chunk,
        None if before is None else native.address(before),
        native.address(starts),
        native.address(order),
        None if partner is None else native.address(partner),
    )


def search(
    segments: ctypes.Array[SegmentStruct],
    queries: bytes | npt.NDArray[np.unsignedinteger],
    *,
    count: int,
    first: int = 0,
    within_bits: int,
) -> Hits:
    """Find every row of all segments that is within reach of each query.

    queries: count x words x 8 bytes.
    first:   number of the first query in the hits.
    returns: (n,) HIT, by query, nearest first, then by key, in memory of its own. Releases the GIL.
    """
    space = _space
    at = queries if isinstance(queries, bytes) else native.address(queries)
    arguments = (segments, len(segments), at, count, first, within_bits)
    total = min(_ROOM_FOR_HITS + _HITS_A_QUERY * (count - 1), _MOST_ROOM)
    while True:
        if total > len(space.hits):
            space.make_room(total)
        total = _search(*arguments, space.hits_at, len(space.hits), space.work_at)
        if total <= len(space.hits):
            break
    hits = space.hits[:total].copy()
    if len(space.hits) > _MOST_ROOM:
        space.make_room(_MOST_ROOM)
    return hits


def as_structs(segments: Sequence[SegmentStruct]) -> ctypes.Array[SegmentStruct]:
    """Return segments as one array, for `search`."""
    return (SegmentStruct * len(segments))(*segments)
