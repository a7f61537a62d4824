# SPDX-License-Identifier: Apache-2.0
"""Find known encodes by their groups of pictures: exactly, in any container."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from stemtide.fingerprints.values.gop import GopPrint
from stemtide.matching.found import Occurrence, TimeRange

LEAST_GROUPS = 2
"""One equal group may be a black screen or credits; two in their order are the same encode."""

CONFIDENCE = 0.9999
TRANSFORM = "same encode"

_COMMON_PART = 20
"""A group that more than one in this many signals have (and more than _COMMON) is common: it is
skipped.
"""
_COMMON = 50
_SAME_OFFSET_S = 0.5
_RUNS_PER_SIZE = 2

ENTRY = np.dtype(
    [("word", "<u8"), ("rest", "<u8"), ("key", "<i8"), ("at_s", "<f4"), ("order", "<i8")]
)
Table = NDArray[np.void]


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """Runs of entries, each sorted by word, and the number of the latest put of each key."""

    runs: tuple[Table, ...]
    latest: dict[int, int]


class GopFinder:
    """Finds stored encodes. Thread-safe; find does not wait for writers.

    Entries are in sorted runs that are merged when there are many of one size, so that a put costs
    little at any size. Dropped or replaced entries are skipped until their run is merged.
    """

    form: ClassVar[Mapping[str, np.dtype[Any]]] = {"latest": np.dtype("<i8"), "run": ENTRY}

    def __init__(self) -> None:
        self._writing = threading.Lock()
        self._order = 0
        self._now = _Snapshot((), {})

    def __len__(self) -> int:
        return len(self._now.latest)

    def put(self, keys: Sequence[int], values: Sequence[bytes]) -> None:
        """Store signals, all at once; a key that exists is replaced.

        values: `GopPrint.to_bytes()` of each.
        raises: FingerprintError if one is malformed; then none is stored.
        """
        prints = dict(zip(keys, (GopPrint.from_bytes(value) for value in values), strict=True))
        with self._writing:
            latest, fresh = dict(self._now.latest), []
            for key, video in prints.items():
                self._order += 1
                latest[key] = self._order
                fresh.append(_entries(video, key=key, order=self._order))
            run = np.concatenate([*fresh, np.empty(0, ENTRY)])
            runs = (*self._now.runs, run[np.argsort(run["word"], kind="stable")])
            self._now = _Snapshot(_merged(runs, latest), latest)

    def drop(self, keys: Iterable[int]) -> None:
        """Remove signals; unknown keys are ignored."""
        with self._writing:
            latest = dict(self._now.latest)
            for key in keys:
                latest.pop(key, None)
            self._now = _Snapshot(self._now.runs, latest)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all signals as arrays that do not change any more."""
        now = self._now
        run = np.concatenate([*now.runs, np.empty(0, ENTRY)])
        run = run[_is_latest(run, now.latest)]
        latest = np.array(list(now.latest.items()), np.int64).reshape(-1, 2)
        return {"latest": latest, "run": run[np.argsort(run["word"], kind="stable")]}

    def take(self, arrays: dict[str, NDArray[Any]]) -> list[int]:
        """Replace all signals by those that `arrays` returned, and return the keys."""
        latest = dict(arrays["latest"].tolist())
        with self._writing:
            self._order = max(latest.values(), default=0)
            self._now = _Snapshot((arrays["run"],), latest)
        return list(latest)

    def find(self, value: bytes) -> list[Occurrence]:
        """Find signals that share at least LEAST_GROUPS groups with a video, in the same order.

        The score is the number of equal groups.
        raises: FingerprintError if the value is malformed.
        """
        query, snapshot = GopPrint.from_bytes(value), self._now
        mine = _entries(query, key=-1, order=0)
        met: dict[int, list[tuple[float, float]]] = {}
        for entry, hits in _equal(mine, snapshot):
            keys = set(hits["key"].tolist())
            if len(keys) > max(_COMMON, len(snapshot.latest) / _COMMON_PART):
                continue
            for key, at_s in zip(hits["key"].tolist(), hits["at_s"].tolist(), strict=True):
                met.setdefault(key, []).append((float(entry["at_s"]), at_s))
        results = [result for key, pairs in met.items() if (result := _result(key, pairs, query))]
        return sorted(results, key=lambda result: -result.score)


def _entries(video: GopPrint, *, key: int, order: int) -> Table:
    _, firsts = np.unique(video.rows["digest"], axis=0, return_index=True)
    rows = video.rows[np.sort(firsts)]  # a group that comes again says nothing more
    words = np.ascontiguousarray(rows["digest"]).view(np.uint64).reshape(-1, 2)
    entries = np.empty(len(rows), ENTRY)
    entries["word"], entries["rest"] = words[:, 0], words[:, 1]
    entries["key"], entries["order"] = key, order
    entries["at_s"] = rows["at_ms"] / 1000
    return entries


def _merged(runs: tuple[Table, ...], latest: dict[int, int]) -> tuple[Table, ...]:
    """Merge the youngest runs while an older one is not twice as long; skip dropped entries."""
    merged = list(runs)
    while len(merged) > 1 and len(merged[-2]) < _RUNS_PER_SIZE * len(merged[-1]):
        both = np.concatenate([merged.pop(-2), merged.pop()])
        both = both[_is_latest(both, latest)]
        merged.append(both[np.argsort(both["word"], kind="stable")])
    return tuple(merged)


def _is_latest(entries: Table, latest: dict[int, int]) -> NDArray[np.bool_]:
    pairs = zip(entries["key"].tolist(), entries["order"].tolist(), strict=True)
    return np.fromiter((latest.get(key) == order for key, order in pairs), np.bool_, len(entries))


def _equal(mine: Table, snapshot: _Snapshot) -> Iterable[tuple[np.void, Table]]:
    """Yield each group of a query that equals stored ones, with those."""
    bounds = [
        (
            run,
            np.searchsorted(run["word"], mine["word"], side="left"),
            np.searchsorted(run["word"], mine["word"], side="right"),
        )
        for run in snapshot.runs
    ]
    for place, entry in enumerate(mine):
        near = np.concatenate(
            [run[low[place] : high[place]] for run, low, high in bounds] or [mine[:0]]
        )
        same = near[near["rest"] == entry["rest"]]
        same = same[_is_latest(same, snapshot.latest)]
        if len(same):
            yield entry, same


def _result(key: int, pairs: list[tuple[float, float]], query: GopPrint) -> Occurrence | None:
    """Return a result if enough groups follow each other as in the signal."""
    offsets = np.array([theirs - mine for mine, theirs in pairs])
    near = np.abs(offsets[:, None] - offsets) <= _SAME_OFFSET_S
    which = np.flatnonzero(near[np.argmax(near.sum(axis=1))])
    if len(which) < LEAST_GROUPS:
        return None
    mine, theirs = zip(*(pairs[place] for place in which.tolist()), strict=True)
    length_s = _last_group_s(max(mine), query)
    return Occurrence(
        key=key,
        score=float(len(which)),
        confidence=CONFIDENCE,
        query_span=TimeRange(min(mine), max(mine) + length_s),
        signal_span=TimeRange(min(theirs), max(theirs) + length_s),
        speed=1.0,
        transform=TRANSFORM,
    )


def _last_group_s(at_s: float, query: GopPrint) -> float:
    """Return the duration of the group that begins here; 0 for the last, whose end is unknown."""
    starts = query.rows["at_ms"] / 1000
    later = starts[starts > at_s + 1e-3]
    return float(later[0] - at_s) if len(later) else 0.0
