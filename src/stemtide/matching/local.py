# SPDX-License-Identifier: Apache-2.0
"""Find pictures by shared local features, if their hashes are too far apart.

Descriptors that are near in Hamming distance vote for a picture; a vote counts if one rotation,
scale and shift maps the query's places onto the picture's (RANSAC). The score is the number of
different places that agree. This is a second look, for content that somebody doubts.

source: Fischler, Bolles: Random sample consensus, Communications of the ACM 24 (1981), 381-395.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stemtide.fingerprints.values.local import LocalFeatures
from stemtide.kernels import hamming, native
from stemtide.matching.found import Occurrence

MATCH_INLIERS = 10
PROBABLE_INLIERS = 8
"""Agreeing places of a match, and of a result that something else should confirm."""

_CONFIDENCES = (
    *((5, 0.03), (6, 0.15), (7, 0.55), (8, 0.80), (9, 0.90), (10, 0.95)),
    *((12, 0.98), (15, 0.99), (20, 0.998)),
)
"""(inliers, share of such finds that were right), smoothed, on the even ones of 32 photographs,
altered in 32 ways and looked up among 182 pictures; the benchmark reports it on the odd ones."""

_NEAR_BITS = 60
_NEAREST = 4
_LEAST_VOTES = 5
_MOST_CANDIDATES = 8
_REACH_PX = 6.0
_SCALES = (0.15, 7.0)
_APART_PX = 8.0
_TRIES = 600
_CELL_PX = 4.0
_LOG_OCTAVE = np.float32(np.log(1.2))
_SIZE_AGREES = 2.5 * float(_LOG_OCTAVE)
_ANGLE_AGREES = float(np.cos(np.radians(25)))

Words = NDArray[np.uint64]
Places = NDArray[np.complex64]
Poses = NDArray[np.complex64]
"""Size and rotation of a feature: the logarithm of its size, + i times its angle."""


@dataclass(frozen=True, slots=True, eq=False)
class _Index:
    """Features of all pictures, one after the other, never changed.

    words:   (n, 4) uint64 descriptors; places, poses: (n,); owner: (n,) index into the keys.
    numbers: (n,) int64, 0 to n - 1; unsaid: (n,) uint8. The kernel needs them.
    """

    keys: NDArray[np.int64]
    words: Words
    places: Places
    poses: Poses
    owner: NDArray[np.intp]
    numbers: NDArray[np.int64]
    unsaid: NDArray[np.uint8]

    @property
    def segment(self) -> hamming.SegmentStruct:
        """Return the descriptors in the kernel's layout; must not outlive this object."""
        return hamming.SegmentStruct(
            rows_count=len(self.words),
            rows=native.address(self.words),
            keys=native.address(self.numbers),
            own_bits=native.address(self.unsaid),
            words=self.words.shape[1],
        )


class _Features(NamedTuple):
    """The features of one picture, parsed."""

    words: Words
    places: Places
    poses: Poses


_NO_FEATURES = _Features(
    np.empty((0, 4), np.uint64), np.empty(0, np.complex64), np.empty(0, np.complex64)
)


class LocalIndex:
    """Finds pictures by their local features. Thread-safe; a search does not wait for a put."""

    def __init__(self) -> None:
        self._features: dict[int, _Features] = {}
        self._held = _lay_out({})
        self._writing = threading.Lock()

    def __len__(self) -> int:
        return len(self._held.keys)

    def put(self, keys: Sequence[int], values: Sequence[bytes]) -> None:
        """Store pictures; a key that exists is replaced.

        values: from LocalFeatures.to_bytes.
        raises: FingerprintError if one is malformed; then none of the call is stored.
        """
        fresh = {
            key: _features(LocalFeatures.from_bytes(value).strongest())
            for key, value in zip(keys, values, strict=True)
        }
        with self._writing:
            self._features |= fresh
            self._held = _lay_out(self._features)

    def drop(self, keys: Iterable[int]) -> None:
        """Remove pictures; unknown keys are ignored."""
        with self._writing:
            for key in keys:
                self._features.pop(key, None)
            self._held = _lay_out(self._features)

    def find(self, value: bytes, *, mirrored: bytes = b"") -> list[Occurrence]:
        """Find the pictures that share local features with this one, best first.

        value:    local features of the content.
        mirrored: those of its mirror image, since features do not match in a mirror image.
        returns:  one Occurrence per picture; its score is the number of agreeing places.
        raises:   FingerprintError if a value is malformed.
        """
        snapshot = self._held
        best: dict[int, Occurrence] = {}
        for transform, variant in (("", value), ("mirrored", mirrored)):
            if not variant:
                continue
            for key, score in _search(snapshot, _features(LocalFeatures.from_bytes(variant))):
                if key not in best or best[key].score < score:
                    best[key] = Occurrence(key, score, confidence_of(score), transform=transform)
        return sorted(best.values(), key=lambda result: (-result.score, result.key))


def confidence_of(inliers: float) -> float:
    """Return the share of results with this many inliers that are right, as calibrated."""
    scores, shares = zip(*_CONFIDENCES, strict=True)
    return float(np.interp(inliers, scores, shares))


def _features(features: LocalFeatures) -> _Features:
    words = np.frombuffer(features.descriptors.tobytes(), np.uint64).reshape(-1, 4)
    size = features.octaves * _LOG_OCTAVE
    poses = size + 1j * (features.angles * (2 * np.pi / 256))
    places = features.points[:, 0] + 1j * features.points[:, 1]
    return _Features(words, places.astype(np.complex64), poses.astype(np.complex64))


def _lay_out(features: dict[int, _Features]) -> _Index:
    keys = np.array(sorted(features), np.int64)
    pictures = [features[int(key)] for key in keys] or [_NO_FEATURES]
    sizes = [len(picture.places) for picture in pictures]
    total = sum(sizes)
    return _Index(
        keys,
        np.concatenate([picture.words for picture in pictures]),
        np.concatenate([picture.places for picture in pictures]),
        np.concatenate([picture.poses for picture in pictures]),
        np.repeat(np.arange(len(pictures)), sizes),
        np.arange(total, dtype=np.int64),
        np.full(total, hamming.NO_OWN, np.uint8),
    )


def _search(index: _Index, picture: _Features) -> list[tuple[int, int]]:
    """Return (key, inliers) of the pictures with enough votes."""
    query, row = _near_pairs(index, picture.words)
    if len(query) < _LEAST_VOTES:
        return []
    owner = index.owner[row]
    votes = np.bincount(owner, minlength=len(index.keys))
    candidates = np.argsort(-votes, kind="stable")[:_MOST_CANDIDATES]
    results = []
    for inlier_count in candidates[votes[candidates] >= _LEAST_VOTES]:
        mine = owner == inlier_count
        q, r = query[mine], row[mine]
        change = index.poses[r] - picture.poses[q]
        agreeing = inliers(picture.places[q], index.places[r], change=change)
        if agreeing >= _LEAST_VOTES:
            results.append((int(index.keys[inlier_count]), agreeing))
    return results


def _near_pairs(index: _Index, queries: Words) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pair each query with its _NEAREST rows within _NEAR_BITS."""
    hits = hamming.search(
        hamming.as_structs([index.segment]),
        np.ascontiguousarray(queries),
        count=len(queries),
        within_bits=_NEAR_BITS,
    )
    order = np.lexsort((hits["key"], hits["distance_bits"], hits["query"]))
    query, row = hits["query"][order].astype(np.intp), hits["key"][order].astype(np.intp)
    first = np.searchsorted(query, query)  # where each query's own pairs begin
    nearest = np.arange(len(query)) - first < _NEAREST
    return query[nearest], row[nearest]


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
