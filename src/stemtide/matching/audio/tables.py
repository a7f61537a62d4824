# SPDX-License-Identifier: Apache-2.0
"""Find stored words that are like a word of the query, in immutable arrays.

A shelf holds the words of many tracks one after the other, and two tables of their places: one by
their lowest bits, one by their highest. Neighbouring bits tend to be wrong together, so even in a
word with nine wrong bits of 32, one end often has at most one: both tables are searched for every
value within one bit. docs/understand/sounds.md gives the recall.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stemtide.fingerprints.values.audio import WORD_BITS, Heard, Track, Words

Rows = npt.NDArray[np.int64]
Keys = npt.NDArray[np.int64]
Offsets = npt.NDArray[np.int32]

SHIFTS = (0, -1, 1)
"""Number of bits by which a query's words are shifted: a bit is a semitone. The lowest bits are the
lowest bands, so a query that is a semitone higher than the signal is shifted by -1.
"""

WITHIN_BITS = 9
"""Maximum distance of candidate words."""

_FEWEST_BITS, _MOST_BITS = 10, 24
_BUCKET_BITS = 2
"""The bits of a table are chosen so that a bucket holds some 2**_BUCKET_BITS words."""

_BUCKET_MOST = 64
"""Of a bucket that holds far more than others, only this many words (and as many times the average)
are examined: such words are of audio that was stored on purpose to match everything.
"""

_BATCH = 128

FORM: Mapping[str, np.dtype[Any]] = {
    "held": np.dtype("<i8"),
    "keys": np.dtype("<i8"),
    "bounds": np.dtype("<i8"),
    "words": np.dtype("<u4"),
    "heard": np.dtype("?"),
    "low_starts": np.dtype("<i4"),
    "low_places": np.dtype("<i4"),
    "high_starts": np.dtype("<i4"),
    "high_places": np.dtype("<i4"),
}
"""The arrays in which audio is saved; held: the keys of all, also of uninformative audio."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Pairs of words that are alike in one shift; each array is (k,) int64, one element per pair.

    shift: number of bits by which the query's words were shifted.
    at:    the query's word, counted in half words from its beginning.
    place: the stored word, on its shelf.
    apart: number of bits that differ; including neighbours, once indexes were counted.
    """

    shift: int
    at: Rows
    place: Rows
    apart: Rows

    def only(self, indexes: npt.NDArray[np.intp]) -> "Candidates":
        """Return some of the pairs."""
        return Candidates(self.shift, self.at[indexes], self.place[indexes], self.apart[indexes])


def joined(several: Sequence[Candidates]) -> Candidates:
    """Concatenate candidates of the same shift, at least one."""
    return Candidates(
        several[0].shift,
        np.concatenate([part.at for part in several]),
        np.concatenate([part.place for part in several]),
        np.concatenate([part.apart for part in several]),
    )


@dataclass(frozen=True, slots=True)
class _Table:
    """Places of heard words sorted by `bits` of them: bucket b is places[starts[b]:starts[b + 1]].

    right: by how many bits a word is moved so that the table's bits are its lowest.
    """

    starts: Offsets
    places: Offsets
    right: int


@dataclass(frozen=True, slots=True, eq=False)
class Shelf:
    """Tracks of signals, side by side.

    keys:   (r,) int64, the signal of each track.
    bounds: (r + 1,) int64: track i is words[bounds[i] : bounds[i + 1]].
    words:  (n,) uint32; n < 2**31.
    heard:  (n,) bool.
    alive:  (r,) bool, False if dropped or replaced.
    """

    keys: Keys
    bounds: Rows
    words: Words
    heard: Heard
    alive: Heard
    bits: int
    tables: tuple[_Table, _Table]

    def __len__(self) -> int:
        return len(self.words)

    def rows(self, places: Rows) -> Rows:
        """Return the track of each place."""
        rows: Rows = np.searchsorted(self.bounds, places, side="right") - 1
        return rows


def make_shelf(keys: Sequence[int], tracks: Sequence[Track]) -> Shelf:
    """Build a shelf of tracks; keys[i] is the signal of tracks[i]."""
    sizes = np.array([len(track.words) for track in tracks], dtype=np.int64)
    return _shelve(
        np.array(keys, dtype=np.int64),
        sizes,
        np.concatenate(
            [np.empty(0, np.uint32), *(np.where(track.heard, track.words, 0) for track in tracks)]
        ),
        np.concatenate([np.empty(0, np.bool_), *(track.heard for track in tracks)]),
    )


def as_arrays(shelf: Shelf) -> dict[str, npt.NDArray[Any]]:
    """Return a shelf without dropped tracks as arrays: see FORM."""
    low, high = shelf.tables
    return {
        "keys": shelf.keys,
        "bounds": shelf.bounds,
        "words": shelf.words,
        "heard": shelf.heard,
        "low_starts": low.starts,
        "low_places": low.places,
        "high_starts": high.starts,
        "high_places": high.places,
    }


def shelf_of(arrays: dict[str, npt.NDArray[Any]]) -> Shelf:
    """Return the shelf of arrays from `as_arrays`."""
    words, keys = arrays["words"], arrays["keys"]
    bits = _bits_of(len(words))
    tables = (
        _Table(arrays["low_starts"], arrays["low_places"], 0),
        _Table(arrays["high_starts"], arrays["high_places"], WORD_BITS - bits),
    )
    alive = np.ones(len(keys), dtype=np.bool_)
    return Shelf(keys, arrays["bounds"], words, arrays["heard"], alive, bits, tables)


def join_shelves(shelves: Sequence[Shelf]) -> Shelf:
    """Join the live tracks of several shelves in one."""
    masks = [np.repeat(shelf.alive, np.diff(shelf.bounds)) for shelf in shelves]
    return _shelve(
        np.concatenate([shelf.keys[shelf.alive] for shelf in shelves]),
        np.concatenate([np.diff(shelf.bounds)[shelf.alive] for shelf in shelves]),
        np.concatenate([shelf.words[keep] for shelf, keep in zip(shelves, masks, strict=True)]),
        np.concatenate([shelf.heard[keep] for shelf, keep in zip(shelves, masks, strict=True)]),
    )


def _shelve(keys: Keys, sizes: Rows, words: Words, heard: Heard) -> Shelf:
    bounds = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    bits = _bits_of(len(words))
    tables = (
        _make_table(words, heard, bits=bits, right=0),
        _make_table(words, heard, bits=bits, right=WORD_BITS - bits),
    )
    alive = np.ones(len(keys), dtype=np.bool_)
    return Shelf(keys, bounds, words, heard, alive, bits, tables)


def _bits_of(words: int) -> int:
    return int(np.clip(words.bit_length() - _BUCKET_BITS, _FEWEST_BITS, _MOST_BITS))


def _make_table(words: Words, heard: Heard, *, bits: int, right: int) -> _Table:
    places = np.flatnonzero(heard).astype(np.uint64)
    values = (words[heard] >> np.uint32(right)) & np.uint32((1 << bits) - 1)
    both = np.sort(values.astype(np.uint64) << np.uint64(32) | places)
    sizes = np.bincount(values, minlength=1 << bits)
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    return _Table(starts, both.astype(np.uint32).view(np.int32), right)


def shifted(words: Words, shift: int) -> Words:
    """Shift words towards the highest bit; bits from beyond the end are 0."""
    moved: Words = words << np.uint32(shift) if shift >= 0 else words >> np.uint32(-shift)
    return moved


def known_bits(shift: int) -> np.uint32:
    """Return a mask of the bits that are still known after a shift."""
    every = 0xFFFF_FFFF
    return np.uint32(every << shift & every if shift >= 0 else every >> -shift)


def candidates(shelf: Shelf, words: Words, at: Rows) -> Iterator[Candidates]:
    """Find stored words that are like words of the query, in every shift, batch by batch.

    words: (q,) uint32; at: (q,) int64, position of each in the query.
    """
    for start in range(0, len(words), _BATCH):
        part = slice(start, start + _BATCH)
        for shift in SHIFTS:
            mask = known_bits(shift)
            moved = shifted(words[part], shift)
            for table in shelf.tables:
                yield _alike(shelf, table, moved, at[part], shift=shift, mask=mask)


def _alike(
    shelf: Shelf, table: _Table, words: Words, at: Rows, *, shift: int, mask: np.uint32
) -> Candidates:
    """Look up each word, and values within a bit of it, in one table; unknown bits are both."""
    lowest = np.uint32((1 << shelf.bits) - 1)
    flips = _flips(shelf.bits, (int(~mask) >> table.right) & int(lowest))
    values = ((words >> np.uint32(table.right)) & lowest)[:, None] ^ flips
    first = table.starts[values].ravel()
    most = _BUCKET_MOST + _BUCKET_MOST * (len(shelf) >> shelf.bits)
    size = np.minimum(table.starts[values + 1].ravel() - first, most)
    before = np.cumsum(size) - size
    place = table.places[np.repeat(first - before, size) + np.arange(int(size.sum()))]
    query = np.repeat(np.arange(len(words)), size.reshape(values.shape).sum(axis=1))
    apart = np.bitwise_count((shelf.words[place] ^ words[query]) & mask)
    near = np.flatnonzero(apart <= WITHIN_BITS)
    return Candidates(
        shift=shift,
        at=at[query[near]],
        place=place[near].astype(np.int64),
        apart=apart[near].astype(np.int64),
    )


def _flips(bits: int, unknown: int) -> Words:
    """Return the changes to try on a value: any unknown bits, and at most one known bit."""
    singles = [0] + [1 << bit for bit in range(bits) if not unknown >> bit & 1]
    free = [0]
    for bit in range(bits):
        if unknown >> bit & 1:
            free += [value | 1 << bit for value in free]
    return np.array([single ^ other for single in singles for other in free], dtype=np.uint32)
