# SPDX-License-Identifier: Apache-2.0
"""Measure how near a value is to common content: how much of it everybody has, and of which sort.

docs/understand/breadth.md says how the numbers were found.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stemtide.fingerprints.blanks import LEAST_FRAME_QUALITY, LEAST_SET_BITS, MOST_SET_BITS
from stemtide.fingerprints.text.fingerprint import TextPrint
from stemtide.fingerprints.values.audio import Sound
from stemtide.fingerprints.values.video import VideoPrint
from stemtide.matching.common.content import common_places, common_set
from stemtide.matching.hamming import HammingIndex
from stemtide.matching.local import PROBABLE_INLIERS

Hashes = npt.NDArray[np.uint64]
"""(n, 4) uint64: PDQ hashes, little-endian."""

_SIDE = 16
"""A PDQ hash is a square of 16 x 16 bits."""

_NAMED_SORTS = 3

OTHERS = 1 << 40
"""Keys from here on are of pictures that are not in the common set."""


@dataclass(frozen=True, slots=True)
class Nearness:
    """How near a value is to the common set.

    matches: pictures that lie near, files that are equal, or words and passages that are shared.
    sorts:   names of their sorts, the most frequent first, at most three.
    share:   part of the value that is common, 0..1.  pattern: of a picture, as pattern_of.
    pictures: how many a picture was compared with.
    """

    matches: int = 0
    sorts: tuple[str, ...] = ()
    share: float = 0.0
    pattern: float = 0.0
    pictures: int = 0


NOTHING = Nearness()


@dataclass(frozen=True, slots=True)
class NearLimits:
    """How far from a picture others count as near.

    within_bits: of all pictures.  wide_bits: of simple ones, whose pattern is wide_pattern or more.
    """

    within_bits: int
    wide_bits: int
    wide_pattern: float


def hashes_of(values: Sequence[bytes]) -> Hashes:
    """Return PDQ values as rows."""
    return np.frombuffer(b"".join(values), "<u8").reshape(len(values), -1)


def pattern_of(hashes: Hashes) -> npt.NDArray[np.float64]:
    """Return how much the rows of each hash repeat each other: (n,), 1 by chance, at most 16.

    The bits are signs of cosine coefficients. Of stripes, bands, ramps and forms in the middle of a
    plain ground the coefficients are nearly products of one factor for the row and one for the
    column, so that rows are alike or complements. The mean square of the sum of products of signs,
    over all pairs of rows, measures this.
    """
    rows = np.ascontiguousarray(np.ascontiguousarray(hashes).view(np.uint16).reshape(-1, _SIDE).T)
    total = np.zeros(len(hashes), np.int64)
    for left, right in combinations(rows, 2):
        apart = np.bitwise_count(left ^ right).astype(np.int64)
        total += (_SIDE - 2 * apart) ** 2
    pairs = _SIDE * (_SIDE - 1) // 2
    return total / (pairs * _SIDE)


class Searched(NamedTuple):
    """How near pictures are to common ones, and the keys of others that they match, by place."""

    each: list[Nearness]
    others: dict[int, list[int]]


def with_common(index: HammingIndex) -> HammingIndex:
    """Put all common pictures into an index, so that one search finds them and others."""
    pictures = common_set().picture_rows
    index.put(np.arange(len(pictures), dtype=np.int64), pictures)
    return index


def near_pictures(hashes: Hashes, *, limits: NearLimits) -> list[Nearness]:
    """Return how near each of these pictures is to the common ones."""
    return search_pictures(hashes, limits=limits, index=common_set().pictures).each


def search_pictures(hashes: Hashes, *, limits: NearLimits, index: HammingIndex) -> Searched:
    """Return how near each picture is to the common ones, and the others in the index it matches.

    index: made by with_common; keys of others are OTHERS or more.
    """
    patterns = pattern_of(hashes)
    counts, sorts, others = _near(hashes, patterns, limits=limits, index=index)
    pictures = len(common_set().picture_rows)
    nearness = [
        Nearness(
            count,
            _most_frequent(sorts.get(place, Counter())),
            pattern=pattern,
            pictures=pictures,
        )
        if count or pattern >= limits.wide_pattern
        else NOTHING
        for place, (count, pattern) in enumerate(
            zip(counts.tolist(), patterns.tolist(), strict=True)
        )
    ]
    return Searched(nearness, others)


def near_frames(
    value: bytes, *, limits: NearLimits, plain_pattern: float, at_most: int
) -> Nearness:
    """Return how many of the frames of a video are common pictures, or plain ones.

    Only frames that are compared count, and of a long film some at equal distances.
    """
    film = VideoPrint.from_bytes(value)
    bits = np.bitwise_count(film.rows["pdq"]).sum(axis=1, dtype=np.int64)
    is_compared = (bits >= LEAST_SET_BITS) & (bits <= MOST_SET_BITS)
    is_compared &= film.rows["quality"] >= LEAST_FRAME_QUALITY
    compared = np.flatnonzero(is_compared)
    chosen = compared[:: max(1, -(-len(compared) // at_most))]
    if not len(chosen):
        return NOTHING
    hashes = np.frombuffer(film.rows["pdq"][chosen].tobytes(), "<u8").reshape(len(chosen), -1)
    patterns = pattern_of(hashes)
    counts, sorts, _ = _near(hashes, patterns, limits=limits, index=common_set().pictures)
    is_common = (counts > 0) | (patterns >= plain_pattern)
    return Nearness(
        matches=int(np.count_nonzero(counts)),
        sorts=_most_frequent(sum(sorts.values(), Counter())),
        share=float(is_common.mean()),
    )


def near_sounds(value: bytes) -> Nearness:
    """Return the share of what is heard in a sound that is, word by word, in common sounds."""
    common = common_set()
    heard = [track.words[track.heard] for track in Sound.from_bytes(value).tracks]
    words = np.concatenate(heard)
    place = np.minimum(np.searchsorted(common.words, words), len(common.words) - 1)
    is_common = common.words[place] == words
    sorts = Counter(common.sound_sorts[at] for at in common.word_sorts[place[is_common]].tolist())
    share = float(is_common.mean()) if len(words) else 0.0
    return Nearness(int(np.count_nonzero(is_common)), _most_frequent(sorts), share=share)


def near_texts(value: bytes) -> Nearness:
    """Return the share of a text's passages that are in common texts."""
    grams = TextPrint.from_bytes(value).grams
    common = common_set().grams
    place = np.minimum(np.searchsorted(common, grams), len(common) - 1)
    shared = int(np.count_nonzero(common[place] == grams))
    return Nearness(shared, share=shared / max(1, len(grams)))


def near_places(value: bytes) -> Nearness:
    """Return how many common pictures share local features with these."""
    index, sorts = common_places()
    results = index.find(value, at_least=PROBABLE_INLIERS)
    of_sort = Counter(sorts[result.key] for result in results)
    if not results:
        return NOTHING
    return Nearness(len(results), _most_frequent(of_sort), pictures=len(sorts))


def common_file(digest: str) -> Nearness:
    """Return the plain file with this digest (SHA-256 or MD5, in hex), if there is one."""
    name = common_set().file_names.get(digest)
    return Nearness(1, (name,), share=1.0) if name else NOTHING


def _near(
    hashes: Hashes,
    patterns: npt.NDArray[np.float64],
    *,
    limits: NearLimits,
    index: HammingIndex,
) -> tuple[npt.NDArray[np.int64], dict[int, Counter[str]], dict[int, list[int]]]:
    """Return how many common pictures are near each hash, of which sorts, and others, by place.

    Most are searched within the distance of a match, which the index does in microseconds. Those
    with a pattern are searched further, which costs ten times as much.
    """
    common = common_set()
    counts = np.zeros(len(hashes), np.int64)
    sorts: dict[int, Counter[str]] = {}
    others: dict[int, list[int]] = {}
    is_wide = patterns >= limits.wide_pattern
    searches = (
        (np.flatnonzero(~is_wide), limits.within_bits),
        (np.flatnonzero(is_wide), limits.wide_bits),
    )
    for places, within_bits in searches:
        if not len(places):
            continue
        queries = np.ascontiguousarray(hashes[places])
        hits = index.search(queries, count=len(places), within_bits=within_bits)
        is_common = hits["key"] < OTHERS
        np.add.at(counts, places[hits["query"][is_common]], 1)
        is_match = hits["distance_bits"] <= limits.within_bits
        for query, key in hits[["query", "key"]][is_common | is_match].tolist():
            place = int(places[query])
            if key < OTHERS:
                sort = common.sorts[common.picture_sorts[key]]
                sorts.setdefault(place, Counter())[sort] += 1
            else:
                others.setdefault(place, []).append(key)
    return counts, sorts, others


def _most_frequent(sorts: Counter[str]) -> tuple[str, ...]:
    return tuple(name for name, _ in sorts.most_common(_NAMED_SORTS))
