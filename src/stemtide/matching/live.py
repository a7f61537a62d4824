# SPDX-License-Identifier: Apache-2.0
"""Match streams while they run, chunk by chunk, in little memory.

The hashes of the last half minute of each stream are kept. Each chunk is added to them, and that
window is searched. So content that spans several chunks is one result, and known content is
reported a few seconds after it starts.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from stemtide.fingerprints.values.video import (
    MAX_VIEWS,
    ROW,
    WHOLE,
    Rows,
    Sampling,
    VideoPrint,
    View,
)
from stemtide.matching.found import Occurrence, TimeRange

EVERY_S = 0.25
"""Recommended sampling of chunks (`fingerprint_video(..., every_s=EVERY_S)`)."""

WINDOW_S = 30.0
MOST_STREAMS = 1000
_MOST_ROWS = 4096
_MOST_REPORTED = 256
_SAME_BOX = 0.02
_FIRST_RECT = 16
_SAME_PLACE_S = 1.5

Find = Callable[[VideoPrint], list[Occurrence]]


@dataclass(frozen=True, slots=True)
class Alarm:
    """Known content in a stream.

    occurrence: with times of the stream in `query_span`.
    is_new:     False if an earlier chunk reported it and it only continues.
    """

    occurrence: Occurrence
    is_new: bool


@dataclass(slots=True)
class LiveFrames:
    """Recent pictures of one stream. Not for two threads at once.

    at_s:  (n,) float64, stream time of each row; rows: (n,) of ROW, whose own times are not used.
    views: by number, as numbered for this stream.
    reported: by key, the start of the signal in stream time, and the time until which it was seen.
    """

    at_s: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    rows: Rows = field(default_factory=lambda: np.empty(0, ROW))
    views: dict[int, View] = field(default_factory=lambda: {0: WHOLE})
    reported: OrderedDict[int, tuple[float, float]] = field(default_factory=OrderedDict)
    end_s: float = 0.0

    def put(
        self,
        chunk: VideoPrint,
        *,
        find: Find,
        at_s: float | None = None,
        window_s: float = WINDOW_S,
    ) -> list[Alarm]:
        """Add a chunk, and return the known content in it.

        at_s: stream time of its start; default: the end of the last chunk. A chunk that comes late,
              within the window, is inserted at its place.
        """
        begins_s = self.end_s if at_s is None else at_s
        self._add(chunk, begins_s, window_s=window_s)
        if not len(self.rows):
            return []
        return self._alarms(self._search(find), since_s=begins_s)

    def _add(self, chunk: VideoPrint, begins_s: float, *, window_s: float) -> None:
        if begins_s < self.end_s - window_s:  # the stream began anew
            self.at_s, self.rows, self.end_s = np.empty(0), np.empty(0, ROW), 0.0
            self.reported.clear()
        rows = chunk.rows.copy()
        rows["view"] = _renumbered(self.views, chunk)[chunk.rows["view"]]
        at_s = begins_s + rows["at_ms"] / 1000
        last_ms = max(chunk.duration_ms, int(rows["at_ms"].max(initial=0)))
        self.end_s = max(self.end_s, begins_s + last_ms / 1000)
        both, all_s = np.concatenate([self.rows, rows]), np.concatenate([self.at_s, at_s])
        near = all_s >= min(begins_s, self.end_s - window_s)
        order = np.flatnonzero(near)
        order = order[np.argsort(all_s[order], kind="stable")][-_MOST_ROWS:]
        self.rows, self.at_s = both[order], all_s[order]
        shown = set(self.rows["view"].tolist())
        self.views = {number: self.views[number] for number in {0, *shown}}

    def _search(self, find: Find) -> list[Occurrence]:
        """Search the window as a video, and return results with the stream's times."""
        base_s = float(self.at_s.min())
        rows = self.rows.copy()
        rows["at_ms"] = np.round((self.at_s - base_s) * 1000)
        order = rows["view"].astype(np.int64) << 32 | rows["at_ms"]
        rows = rows[np.unique(order, return_index=True)[1]]
        views = tuple(self.views[number] for number in sorted(self.views))
        results = find(VideoPrint(rows=rows, sampling=Sampling.QUERY, views=views))
        return [_moved(result, base_s) for result in results]

    def _alarms(self, results: list[Occurrence], *, since_s: float) -> list[Alarm]:
        """Return results that reach into the newest chunk, or were not reported before."""
        alarms = []
        for result in results:
            if result.query_span is None or result.signal_span is None:
                continue
            began_s = result.query_span.start_s - result.signal_span.start_s / (result.speed or 1.0)
            before = self.reported.get(result.key)
            goes_on = before is not None and (
                abs(before[0] - began_s) <= _SAME_PLACE_S or result.query_span.start_s < before[1]
            )
            if goes_on and result.query_span.end_s < since_s:
                continue
            self.reported[result.key] = began_s, result.query_span.end_s
            self.reported.move_to_end(result.key)
            while len(self.reported) > _MOST_REPORTED:
                self.reported.popitem(last=False)
            alarms.append(Alarm(result, is_new=not goes_on))
        return alarms


@dataclass(slots=True)
class _Stream:
    frames: LiveFrames = field(default_factory=LiveFrames)
    lock: threading.Lock = field(default_factory=threading.Lock)


class LiveMatcher:
    """Matches any number of streams against one finder. Thread-safe.

    find:         `VideoFinder.find_in` of the stored signals.
    window_s:     length of stream that is searched with each chunk.
    most_streams: maximum number of streams; the one that was silent longest is forgotten.
    """

    def __init__(
        self, find: Find, *, window_s: float = WINDOW_S, most_streams: int = MOST_STREAMS
    ) -> None:
        self._find = find
        self._window_s = window_s
        self._most_streams = most_streams
        self._streams: OrderedDict[str, _Stream] = OrderedDict()
        self._choosing = threading.Lock()

    def __len__(self) -> int:
        return len(self._streams)

    def put(self, stream: str, value: bytes, *, at_s: float | None = None) -> list[Alarm]:
        """Add the next chunk of a stream, and return the known content in it.

        value:  `VideoPrint.to_bytes()` of the chunk, whose times begin at 0.
        at_s:   stream time of its start; default: the end of the last chunk.
        raises: FingerprintError if the value is malformed, ValueError if at_s is invalid.
        """
        chunk = VideoPrint.from_bytes(value)
        if at_s is not None and not 0 <= at_s < float("inf"):
            raise ValueError(f"a chunk begins at a time from 0 on, not at {at_s}")
        state = self._chosen(stream)
        with state.lock:
            return state.frames.put(chunk, find=self._find, at_s=at_s, window_s=self._window_s)

    def end(self, stream: str) -> None:
        """Forget a stream; an unknown one is ignored."""
        with self._choosing:
            self._streams.pop(stream, None)

    def _chosen(self, stream: str) -> _Stream:
        with self._choosing:
            state = self._streams.setdefault(stream, _Stream())
            self._streams.move_to_end(stream)
            while len(self._streams) > self._most_streams:
                self._streams.popitem(last=False)
            return state


def _renumbered(views: dict[int, View], chunk: VideoPrint) -> NDArray[np.uint8]:
    """Return, for each view of a chunk, the stream's number of that box: (256,) uint8.

    views: of the stream; new ones are added.
    """
    numbers = np.zeros(256, np.uint8)
    for view in chunk.views[1:] if chunk.views[0].number == 0 else chunk.views:
        same = [
            number
            for number, known_view in views.items()
            if max(abs(a - b) for a, b in zip(known_view.box, view.box, strict=True)) <= _SAME_BOX
        ]
        free = set(range(_FIRST_RECT, _FIRST_RECT + MAX_VIEWS)) - set(views)
        # Without a free number the box is counted to the whole frame: it can only fail to meet.
        number = same[0] if same else min(free, default=0)
        views.setdefault(number, replace(view, number=number))
        numbers[view.number] = number
    return numbers


def _moved(result: Occurrence, base_s: float) -> Occurrence:
    if result.query_span is None:
        return result
    span = TimeRange(result.query_span.start_s + base_s, result.query_span.end_s + base_s)
    return replace(result, query_span=span)
