# SPDX-License-Identifier: Apache-2.0
"""Find pictures by shared local features, if their hashes are too far apart.

1 Candidates are the pictures with most descriptors equal to one of the query's in some 20 bits.
  So the cost hardly grows with the number of pictures. A small index is compared as a whole.
2 Descriptors of candidates that are near in Hamming distance vote for a picture.
3 A vote counts if one rotation, scale and shift maps the query's places onto the picture's places
  (RANSAC). The score is the number of different places that agree.

It also finds what two pictures merely share, such as a logo, so a person should look at a result.

source: Indyk, Motwani: Approximate nearest neighbors, STOC 1998, 604-613 (sampled bits). Fischler,
Bolles: Random sample consensus, Communications of the ACM 24 (1981), 381-395.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stemtide.fingerprints.values.local import LocalFeatures
from stemtide.kernels import hamming, native
from stemtide.matching.found import Occurrence

LEAST_INLIERS = 5
MATCH_INLIERS = 10
PROBABLE_INLIERS = 8
"""Agreeing places of any result, of a match, and of a result that something else should confirm."""

_CONFIDENCES = (
    *((5, 0.03), (6, 0.15), (7, 0.55), (8, 0.80), (9, 0.90), (10, 0.95)),
    *((12, 0.98), (15, 0.99), (20, 0.998)),
)
"""(inliers, share of such finds that were right), smoothed, on the even ones of 32 photographs,
altered in 32 ways and looked up among 182 pictures; the benchmark reports it on the odd ones."""

_COMPARED_WHOLE = 64
_TABLES = 6
_SAMPLED_BITS = 20
_LARGEST_BUCKET = 2_000
"""Places in so many pictures say nothing of which picture it is."""
_LEAST_EQUAL = 2
_MOST_COMPARED = 32
"""Number of equal samples of a candidate, and of candidates whose descriptors are compared. Among
100,000 pictures as many altered ones are found as when 64 are compared."""

_PARTS_OF_A_PX = 64
_NEAR_BITS = 60
_NEAREST = 4
_MOST_CANDIDATES = 4
_REACH_PX = 6.0
_SCALES = (0.15, 7.0)
_APART_PX = 8.0
_TRIES = 600
_CELL_PX = 4.0
_LOG_OCTAVE = np.float32(np.log(1.2))
_SIZE_AGREES = 2.5 * float(_LOG_OCTAVE)
_ANGLE_AGREES = float(np.cos(np.radians(25)))
_ANGLES_AGREE = float(np.cos(np.radians(2 * 25)))

Words = NDArray[np.uint64]
Places = NDArray[np.complex64]
Poses = NDArray[np.complex64]
"""Size and rotation of a feature: the logarithm of its size, + i times its angle."""


class _Features(NamedTuple):
    """Features of pictures. words: (n, 4) uint64 descriptors; places, poses: (n,)."""

    words: Words
    places: Places
    poses: Poses


@dataclass(frozen=True, slots=True, eq=False)
class _Segment:
    """Features of some pictures, one after the other, never changed.

    keys:    (p,) int64. is_there: (p,) bool: False for pictures that were dropped since.
    ends:    (p,) int64: the row behind the last of each picture.
    words:   (n, 4) uint64 descriptors; records: (n, 4) uint16: x, y, octave and angle.
    tables:  for each choice of bits the pictures in the order of their bits, (n,) int32, and where
             each value of the bits begins. None: it is compared as a whole.
    """

    keys: NDArray[np.int64]
    is_there: NDArray[np.bool_]
    ends: NDArray[np.int64]
    words: Words
    records: NDArray[np.uint16]
    tables: tuple[tuple[NDArray[np.int32], NDArray[np.int32]], ...] | None

    def votes(self, words: Words) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
        """Return the pictures to consider, ascending, and how many equal samples each shares."""
        if self.tables is None:
            there = np.flatnonzero(self.is_there).astype(np.int32)
            return there, np.ones(len(there), np.intp)
        equal = []
        for bits, (pictures, starts) in zip(_chosen_bits(), self.tables, strict=True):
            samples = _samples_of(words, bits)
            first = starts[samples]
            counts = starts[samples + 1] - first
            counts[counts > _LARGEST_BUCKET] = 0
            rows = np.arange(counts.sum()) + np.repeat(first - np.cumsum(counts) + counts, counts)
            equal.append(pictures[rows])
        # Sorted, and not counted in an array of all pictures: it costs the same for any number.
        voted = np.sort(np.concatenate(equal))
        begins = np.flatnonzero(np.diff(voted, prepend=-1))
        votes = np.diff(begins, append=len(voted))
        chosen = votes >= _LEAST_EQUAL
        chosen &= self.is_there[voted[begins]]
        return voted[begins[chosen]], votes[chosen]

    def columns(self, picture: int) -> tuple[Words, NDArray[np.uint16]]:
        """Return the rows of one picture."""
        rows = slice(int(self.ends[picture - 1]) if picture else 0, int(self.ends[picture]))
        return self.words[rows], self.records[rows]


class LocalIndex:
    """Finds pictures by their local features. Thread-safe; a search does not wait for a put."""

    def __init__(self) -> None:
        self._segments: tuple[_Segment, ...] = ()
        self._writing = threading.Lock()

    def __len__(self) -> int:
        return sum(int(segment.is_there.sum()) for segment in self._segments)

    def keys(self) -> NDArray[np.int64]:
        """Return the keys of all pictures, ascending."""
        there = [segment.keys[segment.is_there] for segment in self._segments]
        return np.sort(np.concatenate([np.empty(0, np.int64), *there]))

    def put(self, keys: Sequence[int], values: Sequence[bytes]) -> None:
        """Store pictures; a key that exists is replaced.

        values: from LocalFeatures.to_bytes.
        raises: FingerprintError if one is malformed; then none of the call is stored.
        """
        features = {
            key: LocalFeatures.from_bytes(value).strongest()
            for key, value in zip(keys, values, strict=True)
        }
        if not features:
            return
        with self._writing:
            segments = [*_without(self._segments, features), _segment_of(features)]
            while len(segments) > 1 and len(segments[-2].keys) <= 2 * len(segments[-1].keys):
                last = segments.pop()
                segments[-1] = _joined(segments[-1], last)
            self._segments = tuple(segments)

    def drop(self, keys: Iterable[int]) -> None:
        """Remove pictures; unknown keys are ignored."""
        with self._writing:
            self._segments = _without(self._segments, keys)

    def find(
        self, value: bytes, *, mirrored: bytes = b"", at_least: int = LEAST_INLIERS
    ) -> list[Occurrence]:
        """Find the pictures that share local features with this one, best first.

        value:    local features of the content.
        mirrored: those of its mirror image, since features do not match in a mirror image.
        at_least: leave out results with fewer agreeing places.
        returns:  one Occurrence per picture; its score is the number of agreeing places.
        raises:   FingerprintError if a value is malformed.
        """
        segments = self._segments
        best: dict[int, Occurrence] = {}
        for transform, variant in (("", value), ("mirrored", mirrored)):
            if not variant:
                continue
            query = _parse(LocalFeatures.from_bytes(variant))
            for key, score in _search(segments, query, at_least=at_least):
                if key not in best or best[key].score < score:
                    best[key] = Occurrence(key, score, confidence_of(score), transform=transform)
        return sorted(best.values(), key=lambda result: (-result.score, result.key))


def confidence_of(inliers: float) -> float:
    """Return the share of results with this many inliers that are right, as calibrated."""
    scores, shares = zip(*_CONFIDENCES, strict=True)
    return float(np.interp(inliers, scores, shares))


def _parse(features: LocalFeatures) -> _Features:
    return _unpack(*_packed(features))


def _packed(features: LocalFeatures) -> tuple[Words, NDArray[np.uint16]]:
    """Return descriptors as words, and the other columns of a segment."""
    words = np.frombuffer(features.descriptors.tobytes(), np.uint64).reshape(-1, 4)
    records = np.empty((len(words), 4), np.uint16)
    records[:, :2] = np.round(features.points * _PARTS_OF_A_PX)
    records[:, 2], records[:, 3] = features.octaves, features.angles
    return words, records


def _unpack(words: Words, records: NDArray[np.uint16]) -> _Features:
    x, y, octaves, angles = records.T.astype(np.float32)
    places = (x + 1j * y) / np.float32(_PARTS_OF_A_PX)
    poses = octaves * _LOG_OCTAVE + 1j * (angles * np.float32(2 * np.pi / 256))
    return _Features(words, places.astype(np.complex64), poses.astype(np.complex64))


def _segment_of(features: dict[int, LocalFeatures]) -> _Segment:
    columns = [_packed(picture) for picture in features.values()]
    return _laid_out(
        np.array(list(features), np.int64),
        np.array([len(words) for words, _ in columns], np.int64),
        np.concatenate([words for words, _ in columns]),
        np.concatenate([records for _, records in columns]),
    )


def _joined(segment: _Segment, other: _Segment) -> _Segment:
    """Return a segment of the pictures that are still in these two."""
    parts = []
    for part in (segment, other):
        sizes = np.diff(part.ends, prepend=0)
        rows = np.repeat(part.is_there, sizes)
        there = part.is_there
        parts.append((part.keys[there], sizes[there], part.words[rows], part.records[rows]))
    return _laid_out(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _laid_out(
    keys: NDArray[np.int64], sizes: NDArray[np.int64], words: Words, records: NDArray[np.uint16]
) -> _Segment:
    pictures = np.repeat(np.arange(len(keys), dtype=np.int32), sizes)
    tables = None
    if len(keys) > _COMPARED_WHOLE:
        tables = tuple(_table(words, pictures, bits) for bits in _chosen_bits())
    is_there = np.ones(len(keys), np.bool_)
    return _Segment(keys, is_there, np.cumsum(sizes), words, records, tables)


def _table(
    words: Words, pictures: NDArray[np.int32], bits: NDArray[np.intp]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    samples = _samples_of(words, bits)
    starts = np.zeros((1 << _SAMPLED_BITS) + 1, np.int32)
    np.cumsum(np.bincount(samples, minlength=1 << _SAMPLED_BITS), out=starts[1:])
    return pictures[np.argsort(samples, kind="stable")], starts


@cache
def _chosen_bits() -> tuple[NDArray[np.intp], ...]:
    """Return the bits of each table, always the same."""
    chance = np.random.default_rng(20_261_129)
    return tuple(chance.choice(256, _SAMPLED_BITS, replace=False) for _ in range(_TABLES))


def _samples_of(words: Words, bits: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return these bits of each descriptor as a number."""
    samples = np.zeros(len(words), np.uint64)
    for place, bit in enumerate(bits.tolist()):
        word, shift = divmod(bit, 64)
        samples |= (words[:, word] >> np.uint64(shift) & np.uint64(1)) << np.uint64(place)
    return samples.astype(np.intp)


def _without(segments: Sequence[_Segment], keys: Iterable[int]) -> tuple[_Segment, ...]:
    """Return the segments without these pictures, and without segments that hold none any more."""
    going = np.fromiter(keys, np.int64)
    rest = (
        replace(segment, is_there=segment.is_there & ~np.isin(segment.keys, going))
        for segment in segments
    )
    return tuple(segment for segment in rest if segment.is_there.any())


def _search(
    segments: Sequence[_Segment], query: _Features, *, at_least: int
) -> list[tuple[int, int]]:
    """Return (key, inliers) of the pictures in which enough places agree."""
    candidates = _candidates(segments, query.words)
    if not candidates:
        return []
    columns = [segment.columns(picture) for segment, picture in candidates]
    rows = _unpack(*(np.concatenate(column) for column in zip(*columns, strict=True)))
    owner = np.repeat(np.arange(len(columns)), [len(words) for words, _ in columns])
    first, second = _near_pairs(rows.words, query.words)
    owner = owner[second]
    votes = np.bincount(owner, minlength=len(candidates))
    results = []
    for candidate in np.argsort(-votes, kind="stable")[:_MOST_CANDIDATES].tolist():
        if votes[candidate] < at_least:
            break
        mine = owner == candidate
        q, r = first[mine], second[mine]
        change = rows.poses[r] - query.poses[q]
        if most_alike(change) < at_least:
            continue
        agreeing = inliers(query.places[q], rows.places[r], change=change)
        if agreeing >= at_least:
            segment, picture = candidates[candidate]
            results.append((int(segment.keys[picture]), agreeing))
    return results


def _candidates(segments: Sequence[_Segment], words: Words) -> list[tuple[_Segment, int]]:
    """Return the pictures to compare, each with its segment: of small segments all."""
    chosen: list[tuple[_Segment, int]] = []
    ranked: list[tuple[int, int, int]] = []
    for number, segment in enumerate(segments):
        pictures, votes = segment.votes(words)
        if segment.tables is None:
            chosen += [(segment, picture) for picture in pictures.tolist()]
            continue
        most = np.argsort(-votes, kind="stable")[:_MOST_COMPARED]
        counted = zip((-votes[most]).tolist(), pictures[most].tolist(), strict=True)
        ranked += [(minus, number, picture) for minus, picture in counted]
    ranked.sort()
    return chosen + [(segments[number], picture) for _, number, picture in ranked[:_MOST_COMPARED]]


def _near_pairs(rows: Words, queries: Words) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pair each query with its _NEAREST rows within _NEAR_BITS."""
    numbers, unsaid = np.arange(len(rows)), np.full(len(rows), hamming.NO_OWN, np.uint8)
    segment = hamming.SegmentStruct(
        rows_count=len(rows),
        rows=native.address(rows),
        keys=native.address(numbers),
        own_bits=native.address(unsaid),
        words=rows.shape[1],
    )
    hits = hamming.search(
        hamming.as_structs([segment]),
        np.ascontiguousarray(queries),
        count=len(queries),
        within_bits=_NEAR_BITS,
    )
    order = np.lexsort((hits["key"], hits["distance_bits"], hits["query"]))
    query, row = hits["query"][order].astype(np.intp), hits["key"][order].astype(np.intp)
    first = np.searchsorted(query, query)  # where each query's own pairs begin
    nearest = np.arange(len(query)) - first < _NEAREST
    return query[nearest], row[nearest]


def most_alike(change: Poses) -> int:
    """Return how many pairs agree with one of them in size and rotation: no more can be inliers.

    Each inlier is within a tolerance of the whole change, so any two are within twice of it.
    """
    apart = change[:, None] - change[None]
    alike = np.abs(apart.real) < 2 * _SIZE_AGREES
    alike &= np.cos(apart.imag) > _ANGLES_AGREE
    return int(alike.sum(axis=1).max(initial=0))


def inliers(query: Places, picture: Places, *, change: Poses) -> int:
    """Count the different places that one turn, scale and shift carries onto each other.

    query, picture: (n,) complex, pairs of places, px.
    change:         (n,) by how much more the picture's place is large and turned than the query's;
                    only places that changed as the whole did agree.
    """
    sample, other = _samples(len(query))
    span = query[sample] - query[other]
    wide = np.abs(span) > _APART_PX
    sample, span = sample[wide], span[wide]
    turn = (picture[sample] - picture[other[wide]]) / span
    scale = np.abs(turn)
    usual = (scale > _SCALES[0]) & (scale < _SCALES[1])
    sample, turn = sample[usual], turn[usual]
    if len(turn) == 0:
        return 0
    shift = picture[sample] - turn * query[sample]
    reached = np.abs(turn[:, None] * query[None] + shift[:, None] - picture[None]) < _REACH_PX
    off = change[None] - np.log(turn)[:, None]
    reached &= np.abs(off.real) < _SIZE_AGREES
    reached &= np.cos(off.imag) > _ANGLE_AGREES
    best = reached[int(np.argmax(reached.sum(axis=1)))]
    return min(_cells(query[best]), _cells(picture[best]))


def _samples(count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Choose pairs of matches: all of them if they are few, else _TRIES, always the same."""
    if count * (count - 1) // 2 <= _TRIES:
        pair, other = np.triu_indices(count, 1)
        return pair, other
    chance = np.random.default_rng(count)
    pair = chance.integers(0, count, _TRIES)
    return pair, (pair + chance.integers(1, count, _TRIES)) % count


def _cells(places: Places) -> int:
    """Count different places: those within the same few pixels are one."""
    cells = np.stack([np.round(places.real / _CELL_PX), np.round(places.imag / _CELL_PX)], axis=1)
    return len(np.unique(cells, axis=0))
