# SPDX-License-Identifier: Apache-2.0
"""Store the frames of all videos as arrays that are written while they are searched.

A search uses one immutable snapshot and never waits for a writer. Rows are only ever appended. A
signal that is dropped or replaced is marked with the version at which it went; a snapshot shows
signals that had not gone at its own version. When most rows have gone, the others are compacted;
readers keep the old arrays until they are done.

A frame takes 54 bytes, a signal some hundred more.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from stemtide.fingerprints.values.video import Rows, Sampling, VideoPrint, View, ViewKind
from stemtide.matching.video import turns

_NEVER = np.iinfo(np.int64).max
LOOSE_ROWS = 4096
"""Dropped rows from which compaction is cheaper than skipping them."""

FRAME = np.dtype(
    [
        ("words", "<u8", (4,)),
        ("at_s", "<f4"),
        ("novelty", "<f4"),
        ("sequence", "<i4"),
        ("quality", "u1"),
    ],
    align=False,
)
SEQUENCE = np.dtype(
    [("start", "<i8"), ("stop", "<i8"), ("signal", "<i4"), ("is_dense", "?"), ("view", "<i4")]
)
SIGNAL = np.dtype([("key", "<i8"), ("gone_at", "<i8"), ("duration_s", "<f4")])

VIEW = np.dtype([("number", "u1"), ("kind", "u1"), ("box", "<f8", (4,))])
FORM = {
    "coarse": np.dtype("<u8"),
    "frames": FRAME,
    "sequences": SEQUENCE,
    "signals": SIGNAL,
    "views": VIEW,
}

Table = NDArray[np.void]
_Scalar = TypeVar("_Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The arrays of one search. They may be longer than the counts: the rest belongs to writers.

    coarse:    (n,) uint64, the 64 coarsest bits of each frame.
    frames:    (n,) of FRAME; those of one view of one signal are adjacent, in order of time.
    sequences: (s,) of SEQUENCE: one view of one signal, and its frames.
    signals:   (g,) of SIGNAL.
    views:     of all sequences, as the signals' fingerprints state them.
    """

    coarse: turns.Words
    frames: Table
    sequences: Table
    signals: Table
    views: list[View]
    rows: int = 0
    sequence_count: int = 0
    signal_count: int = 0
    version: int = 0

    def is_here(self, signals: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Return, for each of these signals, whether it was stored at the time of the snapshot."""
        return np.asarray(self.signals["gone_at"][signals] > self.version, np.bool_)


def _empty() -> Snapshot:
    return Snapshot(
        coarse=np.empty(0, np.uint64),
        frames=np.empty(0, FRAME),
        sequences=np.empty(0, SEQUENCE),
        signals=np.empty(0, SIGNAL),
        views=[],
    )


class FrameStore:
    """Holds the frames of many videos. Thread-safe; readers take `now`."""

    def __init__(self, *, loose_rows: int = LOOSE_ROWS) -> None:
        self._loose_rows = loose_rows
        self._writing = threading.Lock()
        self._places: dict[int, int] = {}
        self._gone_rows = 0
        self.now = _empty()

    def __len__(self) -> int:
        return len(self._places)

    def put(self, keys: Sequence[int], prints: Sequence[VideoPrint]) -> None:
        """Store fingerprints, all at once; a key that exists is replaced."""
        latest = dict(zip(keys, prints, strict=True))
        with self._writing:
            going = [self._places[key] for key in latest if key in self._places]
            version = self.now.version + 1
            grown = self.now
            for key, video in latest.items():
                grown = self._append(grown, key, video)
                self._places[key] = grown.signal_count - 1
            self._let_go(going, version)
            self.now = replace(grown, version=version)
            self._compact_if_sparse()

    def drop(self, keys: Iterable[int]) -> None:
        """Remove fingerprints; unknown keys are ignored."""
        with self._writing:
            going = [place for key in keys if (place := self._places.pop(key, None)) is not None]
            if going:
                version = self.now.version + 1
                self._let_go(going, version)
                self.now = replace(self.now, version=version)
                self._compact_if_sparse()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all fingerprints as arrays that do not change any more: see FORM."""
        with self._writing:
            now = _compacted(self.now) if self._gone_rows else self.now
            boxes = [(view.number, view.kind, view.box) for view in now.views[: now.sequence_count]]
            return {
                "coarse": now.coarse[: now.rows],
                "frames": now.frames[: now.rows],
                "sequences": now.sequences[: now.sequence_count],
                "signals": now.signals[: now.signal_count].copy(),
                "views": np.array(boxes, VIEW),
            }

    def take(self, arrays: dict[str, NDArray[Any]]) -> list[int]:
        """Replace all fingerprints by those that `arrays` returned, and return the keys."""
        views = [
            View(int(view["number"]), ViewKind(int(view["kind"])), tuple(view["box"].tolist()))
            for view in arrays["views"]
        ]
        fresh = replace(
            _empty(),
            coarse=arrays["coarse"],
            frames=arrays["frames"],
            sequences=arrays["sequences"],
            signals=arrays["signals"],
            views=views,
            rows=len(arrays["coarse"]),
            sequence_count=len(arrays["sequences"]),
            signal_count=len(arrays["signals"]),
        )
        keys: list[int] = fresh.signals["key"].tolist()
        with self._writing:
            self._places = {key: place for place, key in enumerate(keys)}
            self._gone_rows, self.now = 0, fresh
        return keys

    def _let_go(self, places: list[int], version: int) -> None:
        self.now.signals["gone_at"][places] = version
        gone = np.isin(self.now.sequences["signal"][: self.now.sequence_count], places)
        spans = self.now.sequences[: self.now.sequence_count][gone]
        self._gone_rows += int((spans["stop"] - spans["start"]).sum())

    def _append(self, before: Snapshot, key: int, video: VideoPrint) -> Snapshot:
        rows, start = video.rows, before.rows
        stop = start + len(rows)
        coarse = _room(before.coarse, stop)
        frames = _room(before.frames, stop)
        views = {view.number: view for view in video.views}
        numbers, firsts = np.unique(rows["view"], return_index=True)
        sequences = _room(before.sequences, before.sequence_count + len(numbers))
        signals = _room(before.signals, before.signal_count + 1)
        coarse[start:stop] = turns.coarse_of(rows["pdq"])
        edges = [*firsts.tolist(), len(rows)]
        for offset in range(len(numbers)):
            place = before.sequence_count + offset
            low, high = edges[offset], edges[offset + 1]
            frames[start + low : start + high] = _frames(rows[low:high], place)
            is_dense = video.sampling is Sampling.SHARE
            sequences[place] = (start + low, start + high, before.signal_count, is_dense, place)
        signals[before.signal_count] = (key, _NEVER, video.duration_ms / 1000)
        return replace(
            before,
            coarse=coarse,
            frames=frames,
            sequences=sequences,
            signals=signals,
            views=_with_views(before, [views[number] for number in numbers.tolist()]),
            rows=stop,
            sequence_count=before.sequence_count + len(numbers),
            signal_count=before.signal_count + 1,
        )

    def _compact_if_sparse(self) -> None:
        """Compact the arrays when most rows have gone."""
        if self._gone_rows < self._loose_rows or self._gone_rows < self.now.rows / 2:
            return
        self.now = _compacted(self.now)
        keys = self.now.signals["key"][: self.now.signal_count].tolist()
        self._places = {key: place for place, key in enumerate(keys)}
        self._gone_rows = 0


def _compacted(before: Snapshot) -> Snapshot:
    sequences = before.sequences[: before.sequence_count]
    here = before.signals["gone_at"][: before.signal_count] > before.version
    remaining = np.flatnonzero(here[sequences["signal"]])
    lengths = sequences["stop"][remaining] - sequences["start"][remaining]
    starts = np.cumsum(lengths) - lengths
    count = int(lengths.sum())
    rows = np.repeat(sequences["start"][remaining] - starts, lengths) + np.arange(count)
    moved = sequences[remaining]
    moved["start"], moved["stop"], moved["view"] = (
        starts,
        starts + lengths,
        np.arange(len(remaining)),
    )
    moved["signal"] = (np.cumsum(here) - 1)[moved["signal"]]
    frames = before.frames[rows]
    frames["sequence"] = np.repeat(np.arange(len(remaining)), lengths)
    return Snapshot(
        coarse=before.coarse[rows],
        frames=frames,
        sequences=moved,
        signals=before.signals[: before.signal_count][here],
        views=[before.views[place] for place in remaining.tolist()],
        rows=count,
        sequence_count=len(remaining),
        signal_count=int(here.sum()),
        version=before.version,
    )


def _with_views(before: Snapshot, views: list[View]) -> list[View]:
    """Append to the list that all snapshots share; each reads no further than its own count."""
    del before.views[before.sequence_count :]
    before.views.extend(views)
    return before.views


def _frames(rows: Rows, sequence: int) -> Table:
    frames = np.empty(len(rows), FRAME)
    hashes = np.ascontiguousarray(rows["pdq"])
    frames["words"] = turns.words_of(hashes)
    frames["at_s"] = rows["at_ms"] / np.float32(1000)
    frames["novelty"] = turns.novelty_of(hashes)
    frames["sequence"] = sequence
    frames["quality"] = rows["quality"]
    return frames


def _room(array: NDArray[_Scalar], needed: int) -> NDArray[_Scalar]:
    """Return the array itself if it is long enough, else a longer copy of it."""
    if needed <= len(array):
        return array
    longer = np.empty(max(needed, 2 * len(array), 64), array.dtype)
    longer[: len(array)] = array
    return longer
