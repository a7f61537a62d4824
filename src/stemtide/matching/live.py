# SPDX-License-Identifier: Apache-2.0
"""Match streams while they run: chunk after chunk, with little kept of each.

Of every stream the hashes of the last half minute are kept; each chunk is added to them, and what
lies in that window is searched. So what began in one chunk and goes on in the next is one find,
and known content is told a few seconds after it starts.
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
from stemtide.matching.found import Found, Span

EVERY_S = 0.25
"""How densely chunks should be sampled (`fingerprint_video(..., every_s=EVERY_S)`)."""

WINDOW_S = 30.0
MOST_STREAMS = 1000
_MOST_ROWS = 4096
_MOST_TOLD = 256
_SAME_BOX = 0.02
_FIRST_RECT = 16
_SAME_PLACE_S = 1.5

Find = Callable[[VideoPrint], list[Found]]


@dataclass(frozen=True, slots=True)
class Alarm:
    """Known content in a stream.

    found:  with times of the stream in `query_span`.
    is_new: False if an earlier chunk told of it already and it only goes on.
    """

    found: Found
    is_new: bool


@dataclass(slots=True)
class LiveFrames:
    """What is kept of the pictures of one stream. Not for two threads at once.

    at_s:  (n,) float64, stream time of each row; rows: (n,) of ROW, whose own times are not used.
    views: by number, as numbered for this stream.
    told:  key to (where the signal began in stream time, until when it was seen).
    """

    at_s: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    rows: Rows = field(default_factory=lambda: np.empty(0, ROW))
    views: dict[int, View] = field(default_factory=lambda: {0: WHOLE})
    told: OrderedDict[int, tuple[float, float]] = field(default_factory=OrderedDict)
    end_s: float = 0.0

    def put(
        self,
        chunk: VideoPrint,
        *,
        find: Find,
        at_s: float | None = None,
        window_s: float = WINDOW_S,
    ) -> list[Alarm]:
        """Take a chunk in; tell what known content is on in it.

        at_s: stream time at which it begins; without it, where the last one ended. One that comes
              late, within the window, is put where it belongs.
        """
        begins_s = self.end_s if at_s is None else at_s
        self._add(chunk, begins_s, window_s=window_s)
        if not len(self.rows):
            return []
        return self._alarms(self._search(find), since_s=begins_s)

    def _add(self, chunk: VideoPrint, begins_s: float, *, window_s: float) -> None:
        if begins_s < self.end_s - window_s:  # the stream began anew
            self.at_s, self.rows, self.end_s = np.empty(0), np.empty(0, ROW), 0.0
            self.told.clear()
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

    def _search(self, find: Find) -> list[Found]:
        """Search the window as a video of its own, and give the finds the stream's times."""
        base_s = float(self.at_s.min())
        rows = self.rows.copy()
        rows["at_ms"] = np.round((self.at_s - base_s) * 1000)
        order = rows["view"].astype(np.int64) << 32 | rows["at_ms"]
        rows = rows[np.unique(order, return_index=True)[1]]
        views = tuple(self.views[number] for number in sorted(self.views))
        found = find(VideoPrint(rows=rows, sampling=Sampling.QUERY, views=views))
        return [_moved(one, base_s) for one in found]

    def _alarms(self, found: list[Found], *, since_s: float) -> list[Alarm]:
        """Tell the finds that reach into the newest chunk, or that were not told before."""
        alarms = []
        for one in found:
            if one.query_span is None or one.signal_span is None:
                continue
            began_s = one.query_span.start_s - one.signal_span.start_s / (one.speed or 1.0)
            before = self.told.get(one.key)
            goes_on = before is not None and (
                abs(before[0] - began_s) <= _SAME_PLACE_S or one.query_span.start_s < before[1]
            )
            if goes_on and one.query_span.end_s < since_s:
                continue
            self.told[one.key] = began_s, one.query_span.end_s
            self.told.move_to_end(one.key)
            while len(self.told) > _MOST_TOLD:
                self.told.popitem(last=False)
            alarms.append(Alarm(one, is_new=not goes_on))
        return alarms


@dataclass(slots=True)
class _Stream:
    frames: LiveFrames = field(default_factory=LiveFrames)
    lock: threading.Lock = field(default_factory=threading.Lock)


class LiveMatcher:
    """Matches any number of streams against one finder. Thread-safe.

    find:         `VideoFinder.find_in` of the signals held.
    window_s:     what is searched at each chunk.
    most_streams: of more streams, the one that was silent longest is forgotten.
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
        """Take the next chunk of a stream; tell what known content is on now.

        value:  `VideoPrint.to_bytes()` of the chunk, whose times begin at 0.
        at_s:   stream time at which the chunk begins; without it, where the last one ended.
        raises: FingerprintError if the value is malformed, ValueError if at_s is no time.
        """
        chunk = VideoPrint.from_bytes(value)
        if at_s is not None and not 0 <= at_s < float("inf"):
            raise ValueError(f"a chunk begins at a time from 0 on, not at {at_s}")
        kept = self._chosen(stream)
        with kept.lock:
            return kept.frames.put(chunk, find=self._find, at_s=at_s, window_s=self._window_s)

    def end(self, stream: str) -> None:
        """Forget a stream; an unknown one is ignored."""
        with self._choosing:
            self._streams.pop(stream, None)

    def _chosen(self, stream: str) -> _Stream:
        with self._choosing:
            kept = self._streams.setdefault(stream, _Stream())
            self._streams.move_to_end(stream)
            while len(self._streams) > self._most_streams:
                self._streams.popitem(last=False)
            return kept


def _renumbered(views: dict[int, View], chunk: VideoPrint) -> NDArray[np.uint8]:
    """Give each view of a chunk the number under which the stream shows that box: (256,) uint8.

    views: of the stream; new ones are added.
    """
    numbers = np.zeros(256, np.uint8)
    for view in chunk.views[1:] if chunk.views[0].number == 0 else chunk.views:
        same = [
            number
            for number, one in views.items()
            if max(abs(a - b) for a, b in zip(one.box, view.box, strict=True)) <= _SAME_BOX
        ]
        free = set(range(_FIRST_RECT, _FIRST_RECT + MAX_VIEWS)) - set(views)
        # Without a free number the box is counted to the whole frame: it can only fail to meet.
        number = same[0] if same else min(free, default=0)
        views.setdefault(number, replace(view, number=number))
        numbers[view.number] = number
    return numbers


def _moved(one: Found, base_s: float) -> Found:
    if one.query_span is None:
        return one
    span = Span(one.query_span.start_s + base_s, one.query_span.end_s + base_s)
    return replace(one, query_span=span)
