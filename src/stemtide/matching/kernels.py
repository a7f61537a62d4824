# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of the search, as pure functions over arrays, so that it can be replaced alone.

A fingerprint of 256 bits is four 64-bit words; signals are held word by word ("columns"), so that
one word of all signals lies together. For the tables a fingerprint is sixteen chunks of 16 bits.
docs/understand/matching.md says why nothing is missed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

WORDS = 4
CHUNKS = 16
CHUNK_BITS = 16
BUCKETS = CHUNKS << CHUNK_BITS

Words = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.intp]
Distances = npt.NDArray[np.uint16]
Offsets = npt.NDArray[np.int32]

_SCAN_CELLS = 1 << 16
"""Cells compared at a time in a scan: their words (512 KiB) stay in the second-level cache."""

_TWO_WORDS_TELL_BITS = 40
"""Up to here two words of unrelated fingerprints (64 +- 5.7 bits apart) nearly always differ."""


class Pairs(NamedTuple):
    """Which query meets which row: both (k,) intp, the query by its place in the batch."""

    query: Rows
    row: Rows


@dataclass(frozen=True, slots=True)
class Tables:
    """Sixteen hash tables in one, never changed: bucket b holds rows[starts[b] : starts[b + 1]].

    starts: (BUCKETS + 1,) int32; bucket = (chunk number << 16) | value of that chunk.
    rows:   (16 * n,) int32, row numbers; each of the n rows is in one bucket of each table.
    """

    starts: Offsets
    rows: Offsets


@dataclass(frozen=True, slots=True)
class Plan:
    """Which buckets to look into, relative to the query's own.

    chunks: (p,) intp, 0..15: of which chunk.
    flips:  (p,) int32, (chunk << 16) | bits to flip in the query's chunk.
    """

    chunks: Rows
    flips: Offsets


def to_words(values: Sequence[bytes]) -> Words:
    """Read fingerprints into words.

    values:  n of them, 32 bytes each.
    returns: (n, 4) uint64, C-contiguous.
    raises:  ValueError if their bytes do not make up whole fingerprints.
    """
    words = np.frombuffer(b"".join(values), dtype=np.uint64)
    return words.reshape(len(values), WORDS)


def build(columns: Words, rows: Rows) -> Tables:
    """Sort rows into the sixteen tables.

    columns: (4, m) uint64, m >= max(rows) + 1.
    rows:    (n,) intp, which of them to hold; 16 * n < 2**31.
    """
    held = len(rows)
    each = CHUNKS // WORDS
    starts = np.zeros(BUCKETS + 1, dtype=np.int32)
    sorted_rows = np.empty((CHUNKS, held), dtype=np.int32)
    # Few large steps: between any two of them a thread that searches may take its turn.
    for word in range(WORDS):
        chunks = np.ascontiguousarray(columns[word][rows].view(np.uint16).reshape(held, each).T)
        order = np.argsort(chunks, axis=1, kind="stable")  # a radix sort for 16-bit numbers
        sorted_rows[word * each : (word + 1) * each] = rows[order]
        buckets = chunks + (np.arange(each)[:, None] << CHUNK_BITS)
        sizes = np.bincount(buckets.ravel(), minlength=each << CHUNK_BITS)
        starts[1:][word * len(sizes) : (word + 1) * len(sizes)] = sizes
    np.cumsum(starts, out=starts)
    return Tables(starts, sorted_rows.ravel())


@cache
def plan(within_bits: int) -> Plan:
    """Choose the buckets that together hold every row within a distance.

    Chunk c is probed up to radius r(c), where the sum of all r(c) + 1 is within_bits + 1. A row
    that is in none of these buckets differs by r(c) + 1 bits or more in every chunk, so by more
    than within_bits in all. r(c) = -1 means that the chunk is not probed.

    within_bits: 0..256; above some 47 a scan is cheaper.
    source: Norouzi, Punjani, Fleet, "Fast search in Hamming space with multi-index hashing", CVPR
            2012 (one radius for all chunks); the uneven radii follow from the same pigeonholes.
    """
    deepest, more = divmod(within_bits + 1, CHUNKS)
    values = np.arange(1 << CHUNK_BITS, dtype=np.int32)
    ones = np.bitwise_count(values)
    chunks, flips = [], []
    for chunk in range(CHUNKS):
        radius = deepest if chunk < more else deepest - 1
        reached = values[ones <= radius] if radius >= 0 else values[:0]
        chunks.append(np.full(len(reached), chunk, dtype=np.intp))
        flips.append(reached | np.int32(chunk << CHUNK_BITS))
    return Plan(np.concatenate(chunks), np.concatenate(flips))


def probe(
    tables: Tables, queries: Words, *, within: Plan, at_most: int
) -> tuple[Pairs, npt.NDArray[np.bool_]]:
    """Collect every row that may be within a distance of each query.

    queries: (q, 4) uint64, C-contiguous.
    at_most: a query whose buckets hold more rows than this gets none of them.
    returns: the pairs, a row as often as it was met, and (q,) bool: which queries got none
             because their buckets are crowded.
    """
    chunks = queries.view(np.uint16).astype(np.int32)
    buckets = chunks[:, within.chunks] ^ within.flips
    first = tables.starts[buckets]
    size = tables.starts[buckets + 1] - first
    total = size.sum(axis=1)
    crowded = total > at_most
    size[crowded] = 0
    total[crowded] = 0
    size = size.ravel()
    before = np.cumsum(size, dtype=np.int32) - size
    place = np.repeat(first.ravel() - before, size)
    place += np.arange(len(place), dtype=np.int32)
    pairs = Pairs(np.repeat(np.arange(len(queries)), total), tables.rows[place].astype(np.intp))
    return pairs, crowded


def scan(columns: Words, queries: Words, *, rows: range, within_bits: int) -> Iterator[Pairs]:
    """Go through rows one after another and keep those whose first words are near.

    columns: (4, m) uint64, m >= rows.stop.
    queries: (q, 4) uint64.
    rows:    a range with step 1.
    yields:  pairs that hold every row within the distance (and others: see `verify`), each once.
    """
    words = 2 if within_bits <= _TWO_WORDS_TELL_BITS else 3  # at most 192 bits: they fit a uint8
    step = max(1, _SCAN_CELLS // max(1, len(queries)))
    for start in range(rows.start, rows.stop, step):
        block = columns[:, start : min(start + step, rows.stop)]
        apart = np.bitwise_count(queries[:, 0, None] ^ block[0])
        for word in range(1, words):
            apart += np.bitwise_count(queries[:, word, None] ^ block[word])
        near = np.flatnonzero(apart <= within_bits)
        if len(near):
            query, row = np.divmod(near, block.shape[1])
            yield Pairs(query, row + start)


def verify(
    columns: Words, queries: Words, pairs: Pairs, *, within_bits: int
) -> tuple[Pairs, Distances]:
    """Measure pairs and keep those within a distance.

    columns: (4, m) uint64; queries: (q, 4) uint64; within_bits: 0..256.
    returns: the pairs kept, in the same order, and their distances in bits, (k,) uint16.
    source:  Hamming, Bell System Technical Journal 29 (1950), 147-160.
    """
    distances = np.zeros(len(pairs.row), dtype=np.uint16)
    for word in range(WORDS):
        distances += np.bitwise_count(columns[word][pairs.row] ^ queries[pairs.query, word])
        if word % 2:  # most are told apart by two words; the others cost only half as much then
            kept = np.flatnonzero(distances <= within_bits)
            pairs = Pairs(pairs.query[kept], pairs.row[kept])
            distances = distances[kept]
    return pairs, distances
