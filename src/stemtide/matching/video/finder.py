# SPDX-License-Identifier: Apache-2.0
"""Find known videos in a video, however altered, and locate them in it.

1. Every hash of the query is turned eight ways; pairs of frames that are near in their coarsest
   bits (`candidates`) select the signals to align.
2. For the likeliest of them, the offsets and speeds that those pairs suggest are tried, and the
   evidence of all frames is summed along each (`score`).
3. Stretches with enough evidence are returned, each with the alteration that it implies.
"""

import math
from collections.abc import Iterable, Mapping, Sequence as Many
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from stemtide.fingerprints.values.video import VideoPrint, View, ViewKind
from stemtide.matching.found import Occurrence, TimeRange
from stemtide.matching.video import score, turns
from stemtide.matching.video.candidates import WITHIN_BITS, near
from stemtide.matching.video.store import FORM, FrameStore, Snapshot

LEAST_SCORE = 7.0
"""Minimum evidence of a stretch."""

FALSE_AT_LEAST = 1e-4
FALSE_DECADE = 3.0
TRUE_PER_POINT = 0.003
"""Of pairs of unrelated videos, one in ten thousand scores LEAST_SCORE or more, and ten times fewer
for every FALSE_DECADE points; of altered known videos, 3 in 1000 score in each point about there.
source: measured on 722 altered clips against 41 signals; see docs/understand/films.md.
"""

MOST_SPANS = 8
_MOST_GROUPS = 96
_MOST_OF_ONE = 6
_AGAIN = 0.7
"""Number of combinations of view, turn and view of the signal that are aligned, in all and per
signal; each further one of a signal is worth less by this factor.
"""
_LEAST_NOVELTY = 0.1
_OVERLAP = 0.5
_SEEN_INVERTED = (0, 5)
"""Inverted pictures are searched for upright and mirrored only: more would double the chance of a
false match for an alteration that hardly occurs.
"""

_MIRRORED = 5

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Hits:
    """Pairs of near frames: the query's frame, its turn, and the stored frame.

    view:    index of the query's view; frame: index of the frame in that view.
    variant: turn, plus 8 if inverted.
    row:     index of the stored frame; evidence: of the pair, weighted by novelty.
    """

    view: Places
    frame: Places
    variant: Places
    row: Places
    evidence: score.Floats

    def pick(self, which: NDArray[np.bool_] | Places) -> "_Hits":
        return _Hits(
            view=self.view[which],
            frame=self.frame[which],
            variant=self.variant[which],
            row=self.row[which],
            evidence=self.evidence[which],
        )


@dataclass(frozen=True, slots=True)
class _Side:
    """One view of the query, in order of time, turned eight ways."""

    view: View
    hashes: tuple[NDArray[np.uint8], ...]
    coarse: tuple[turns.Words, ...]
    at_s: score.Floats
    novelty: score.Floats
    quality: NDArray[np.uint8]

    def sequence(self, variant: int) -> score.Sequence:
        number, is_inverted = variant % 8, variant >= 8  # noqa: PLR2004 - eight turns
        flip = np.uint64(0xFFFFFFFFFFFFFFFF if is_inverted else 0)
        return score.Sequence(
            words=turns.words_of(self.hashes[number]) ^ flip,
            coarse=self.coarse[number] ^ flip,
            at_s=self.at_s,
            novelty=self.novelty,
            quality=self.quality,
        )


class VideoFinder:
    """Finds stored videos by fingerprints. Thread-safe; find does not wait for writers."""

    form: ClassVar[Mapping[str, np.dtype[Any]]] = FORM

    def __init__(self, *, least_score: float = LEAST_SCORE) -> None:
        self._least_score = least_score
        self._store = FrameStore()

    def __len__(self) -> int:
        return len(self._store)

    @property
    def frames(self) -> int:
        """Return the number of stored frame hashes, including dropped ones not yet compacted."""
        return self._store.now.rows

    def put(self, keys: Many[int], values: Many[bytes]) -> None:
        """Store signals, all at once; a key that exists is replaced.

        values: `VideoPrint.to_bytes()` of each.
        raises: FingerprintError if one is malformed; then none is stored.
        """
        self._store.put(keys, [VideoPrint.from_bytes(value) for value in values])

    def drop(self, keys: Iterable[int]) -> None:
        """Remove signals; unknown keys are ignored."""
        self._store.drop(keys)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all signals as arrays that do not change any more."""
        return self._store.arrays()

    def take(self, arrays: dict[str, NDArray[Any]]) -> list[int]:
        """Replace all signals by those that `arrays` returned, and return the keys."""
        return self._store.take(arrays)

    def find(self, value: bytes) -> list[Occurrence]:
        """Find every stretch of a video that is a stretch of a signal, best first.

        Returns one result per stretch, at most MOST_SPANS per signal.
        raises: FingerprintError if the value is malformed.
        """
        return self.find_in(VideoPrint.from_bytes(value))

    def find_in(self, query: VideoPrint) -> list[Occurrence]:
        """Run `find` on a fingerprint that is already parsed."""
        snapshot = self._store.now
        sides = _sides(query)
        if not snapshot.rows or not sides:
            return []
        stretches: list[tuple[int, _Stretch]] = []
        for pair in _likeliest(_near_pairs(sides, snapshot), snapshot):
            stretches.extend(self._align(sides, snapshot, pair))
        return _results(stretches, signals=len(self._store))

    def _align(
        self, sides: list[_Side], snapshot: Snapshot, pair: _Hits
    ) -> list[tuple[int, "_Stretch"]]:
        """Align one view of the query, in one orientation, with one view of one signal."""
        side, variant = sides[int(pair.view[0])], int(pair.variant[0])
        place = int(snapshot.frames["sequence"][pair.row[0]])
        row = snapshot.sequences[place]
        start, stop = int(row["start"]), int(row["stop"])
        lines = score.find_lines(
            side.sequence(variant),
            _stored_sequence(snapshot, start, stop, is_dense=bool(row["is_dense"])),
            hits=(pair.frame, pair.row - start, pair.evidence),
            least_score=self._least_score,
            most=MOST_SPANS,
        )
        key = int(snapshot.signals["key"][row["signal"]])
        theirs = snapshot.views[int(row["view"])]
        transform, unlikely = (
            _transform(side.view, theirs, variant),
            _penalty(side.view, theirs, variant),
        )
        stretches = [_Stretch(line, side.at_s, transform, unlikely) for line in lines]
        return [(key, stretch) for stretch in stretches if stretch.score >= self._least_score]


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A line as a result: its place in the content, and the alteration of the content."""

    line: score.FilmAlignment
    at_s: score.Floats
    transform: str
    unlikely: float

    @property
    def score(self) -> float:
        """Return the evidence minus the penalty of an unlikely alteration."""
        return self.line.score - self.unlikely

    @property
    def span(self) -> TimeRange:
        return TimeRange(float(self.at_s[self.line.first]), float(self.at_s[self.line.last]))

    @property
    def signal_span(self) -> TimeRange:
        line, span = self.line, self.span
        low, high = (line.speed * t + line.offset_s for t in (span.start_s, span.end_s))
        return TimeRange(max(0.0, low), max(0.0, high))

    @property
    def rank(self) -> float:
        """Return the rank among results of one stretch: of two similar ones the simpler wins."""
        return self.score * 0.9 ** (self.transform.count(",") + bool(self.transform))

    def to_occurrence(self, key: int, *, signals: int) -> Occurrence:
        return Occurrence(
            key=key,
            score=self.score,
            confidence=confidence_of(self.score, signals=signals),
            query_span=self.span,
            signal_span=self.signal_span,
            speed=self.line.speed,
            transform=self.transform,
        )


def confidence_of(value: float, *, signals: int) -> float:
    """Return the share of results with this score that are right, as calibrated.

    signals: number of signals searched; the more, the likelier a chance match.
    """
    false_at_least = FALSE_AT_LEAST * 10 ** ((LEAST_SCORE - value) / FALSE_DECADE)
    false_per_point = signals * false_at_least * math.log(10) / FALSE_DECADE
    return TRUE_PER_POINT / (TRUE_PER_POINT + false_per_point)


def _sides(query: VideoPrint) -> list[_Side]:
    sides = []
    for view in query.views:
        rows = query.rows[query.rows["view"] == view.number]
        if not len(rows):
            continue
        hashes = np.ascontiguousarray(rows["pdq"])
        turned = tuple(turns.turn(hashes, number) for number in range(len(turns.TURNS)))
        sides.append(
            _Side(
                view=view,
                hashes=turned,
                coarse=tuple(turns.coarse_of(hashes_turned) for hashes_turned in turned),
                at_s=rows["at_ms"] / 1000.0,
                novelty=turns.novelty_of(hashes).astype(np.float64),
                quality=np.ascontiguousarray(rows["quality"]),
            )
        )
    return sides


def _near_pairs(sides: list[_Side], snapshot: Snapshot) -> _Hits:
    """Find the pairs of frames to align: 1. near, 2. not dropped, 3. likely on all bits."""
    words, origin = _query_words(sides)
    hits = near(snapshot.coarse[: snapshot.rows], words, within_bits=WITHIN_BITS)
    view, frame, number = origin[:, hits.query]
    is_inverted = hits.bits > 32  # noqa: PLR2004 - half of 64 bits
    frames = snapshot.frames[hits.row]
    here = snapshot.is_here(snapshot.sequences["signal"][frames["sequence"]])
    is_candidate = here & (frames["quality"] >= score.MIN_QUALITY)
    is_candidate &= ~is_inverted | np.isin(number, _SEEN_INVERTED)
    mine = np.empty((len(hits.row), 4), np.uint64)
    novelty = np.empty(len(hits.row))
    for place, side in enumerate(sides):
        novelty[view == place] = side.novelty[frame[view == place]]
        for turned in range(len(turns.TURNS)):
            which = np.flatnonzero((view == place) & (number == turned))
            mine[which] = turns.words_of(side.hashes[turned])[frame[which]]
    fine = np.bitwise_count(mine ^ frames["words"]).sum(axis=1, dtype=np.int64)
    fine, coarse = np.where(is_inverted, (256 - fine, 64 - hits.bits), (fine, hits.bits))
    odds = score.evidence(fine, coarse) * np.minimum(novelty, frames["novelty"])
    is_candidate &= odds > 0
    variant = number + 8 * is_inverted
    pairs = _Hits(view=view, frame=frame, variant=variant, row=hits.row, evidence=odds)
    return pairs.pick(np.flatnonzero(is_candidate))


def _query_words(sides: list[_Side]) -> tuple[turns.Words, Places]:
    """Collect the words to look for, and for each its view, frame and turn: (q,) and (3, q)."""
    words, origin = [], []
    for place, side in enumerate(sides):
        telling = (side.quality >= score.MIN_QUALITY) & (side.novelty >= _LEAST_NOVELTY)
        frames = np.flatnonzero(telling)
        for number, coarse in enumerate(side.coarse):
            words.append(coarse[frames])
            origin.append(
                np.stack([np.full_like(frames, place), frames, np.full_like(frames, number)])
            )
    return np.concatenate(words), np.concatenate(origin, axis=1)


def _likeliest(hits: _Hits, snapshot: Snapshot) -> list[_Hits]:
    """Group pairs by view, turn and stored sequence, and return the groups with most evidence."""
    if not len(hits.row):
        return []
    sequence = snapshot.frames["sequence"][hits.row].astype(np.int64)
    name = (sequence << 16) + hits.view * 16 + hits.variant
    names, group = np.unique(name, return_inverse=True)
    # A frame of the query counts once in a group, by its best pair.
    order = np.lexsort((-hits.evidence, hits.frame, group))
    first = np.ones(len(order), np.bool_)
    first[1:] = (np.diff(group[order]) != 0) | (np.diff(hits.frame[order]) != 0)
    evidence = hits.evidence[order][first]
    totals = np.bincount(group[order][first], weights=evidence).astype(np.float64)
    signal = snapshot.sequences["signal"][names >> 16]
    return [hits.pick(group == place) for place in _best_groups(totals, signal)]


def _best_groups(totals: score.Floats, signal: NDArray[np.int32]) -> list[int]:
    """Choose the groups with most evidence, a few per signal: none may crowd out the others."""
    order = np.argsort(-totals, kind="stable")
    by_signal = np.argsort(signal[order], kind="stable")
    starts = np.flatnonzero(np.diff(signal[order][by_signal], prepend=-1))
    lengths = np.diff(starts, append=len(order))
    rank = np.empty(len(order), np.int64)
    rank[by_signal] = np.arange(len(order)) - np.repeat(starts, lengths)
    few = rank < _MOST_OF_ONE
    worth = totals[order[few]] * _AGAIN ** rank[few]
    best: list[int] = order[few][np.argsort(-worth, kind="stable")][:_MOST_GROUPS].tolist()
    return best


def _stored_sequence(
    snapshot: Snapshot, start: int, stop: int, *, is_dense: bool
) -> score.Sequence:
    frames = snapshot.frames[start:stop]
    return score.Sequence(
        words=np.ascontiguousarray(frames["words"]),
        coarse=snapshot.coarse[start:stop],
        at_s=frames["at_s"].astype(np.float64),
        novelty=frames["novelty"].astype(np.float64),
        quality=np.ascontiguousarray(frames["quality"]),
        is_dense=is_dense,
    )


def _transform(mine: View, theirs: View, variant: int) -> str:
    """Describe the alterations of content and signal."""
    words = []
    if mine.kind is ViewKind.RECT:
        words.append(_removed(mine))
    if theirs.kind is ViewKind.CROP:
        words.append("cropped")
    elif theirs.kind is ViewKind.RECT:
        words.append("border of the signal removed")
    if variant % 8:
        words.append(turns.TURNS[variant % 8])
    if variant >= 8:  # noqa: PLR2004 - eight turns
        words.append(turns.INVERTED)
    return ", ".join(words)


def _penalty(mine: View, theirs: View, variant: int) -> float:
    """Return the evidence that an alteration requires before it is believed.

    Mirroring is common, other turns and inverted colours are rare; and each further view that is
    tried is one more chance of a false match.
    """
    views = (mine.kind is not ViewKind.WHOLE) + (theirs.kind is not ViewKind.WHOLE)
    is_rare = variant not in (0, _MIRRORED)
    return 0.5 * views + (2.0 if is_rare else 0.5 if variant else 0.0)


def _removed(view: View) -> str:
    top, bottom, left, right = view.box
    is_full_width, is_full_height = right - left > 0.97, bottom - top > 0.97  # noqa: PLR2004
    if is_full_width:
        return "letterbox removed"
    if is_full_height:
        return "pillarbox removed"
    area = (bottom - top) * (right - left)
    return "picture in picture" if area < 0.5 else "border removed"  # noqa: PLR2004 - half


def _results(stretches: list[tuple[int, _Stretch]], *, signals: int) -> list[Occurrence]:
    """Return each stretch of content once per signal, by its best result."""
    chosen: dict[int, list[_Stretch]] = {}
    results: list[Occurrence] = []
    for key, stretch in sorted(stretches, key=lambda pair: -pair[1].rank):
        mine = chosen.setdefault(key, [])
        if len(mine) < MOST_SPANS and not any(_overlap(stretch.span, other.span) for other in mine):
            mine.append(stretch)
            results.append(stretch.to_occurrence(key, signals=signals))
    return sorted(results, key=lambda result: -result.score)


def _overlap(span: TimeRange, other: TimeRange) -> bool:
    shared = min(span.end_s, other.end_s) - max(span.start_s, other.start_s)
    shorter = min(span.end_s - span.start_s, other.end_s - other.start_s)
    return shared >= _OVERLAP * shorter
