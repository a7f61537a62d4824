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

from stemtide.fingerprints.video_print import (
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
class _Stream:
    """What is kept of one stream.

    at_s:  (n,) float64, stream time of each row; rows: (n,) of ROW, whose own times are not used.
    views: by number, as numbered for this stream.
    told:  key to (where the signal began in stream time, until when it was seen).
    """

    at_s: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    rows: Rows = field(default_factory=lambda: np.empty(0, ROW))
    views: dict[int, View] = field(default_factory=lambda: {0: WHOLE})
    told: OrderedDict[int, tuple[float, float]] = field(default_factory=OrderedDict)
    end_s: float = 0.0
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
            begins_s = kept.end_s if at_s is None else at_s
            self._add(kept, chunk, begins_s)
            if not len(kept.rows):
                return []
            return _alarms(kept, self._search(kept), since_s=begins_s)

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

    def _add(self, kept: _Stream, chunk: VideoPrint, begins_s: float) -> None:
        if begins_s < kept.end_s - self._window_s:  # the stream began anew
            kept.at_s, kept.rows = np.empty(0), np.empty(0, ROW)
            kept.told.clear()
        rows = chunk.rows.copy()
        rows["view"] = _renumbered(kept, chunk)[chunk.rows["view"]]
        at_s = begins_s + rows["at_ms"] / 1000
        kept.end_s = begins_s + max(chunk.duration_ms, int(rows["at_ms"].max(initial=0))) / 1000
        both, all_s = np.concatenate([kept.rows, rows]), np.concatenate([kept.at_s, at_s])
        near = all_s >= kept.end_s - self._window_s
        kept.rows, kept.at_s = both[near][-_MOST_ROWS:], all_s[near][-_MOST_ROWS:]
        shown = set(kept.rows["view"].tolist())
        kept.views = {number: kept.views[number] for number in {0, *shown}}

    def _search(self, kept: _Stream) -> list[Found]:
        """Search the window as a video of its own, and give the finds the stream's times."""
        base_s = float(kept.at_s.min())
        rows = kept.rows.copy()
        rows["at_ms"] = np.round((kept.at_s - base_s) * 1000)
        order = rows["view"].astype(np.int64) << 32 | rows["at_ms"]
        rows = rows[np.unique(order, return_index=True)[1]]
        views = tuple(kept.views[number] for number in sorted(kept.views))
        found = self._find(VideoPrint(rows=rows, sampling=Sampling.QUERY, views=views))
        return [_moved(one, base_s) for one in found]


def _renumbered(kept: _Stream, chunk: VideoPrint) -> NDArray[np.uint8]:
    """Give each view of a chunk the number under which the stream shows that box: (256,) uint8."""
    numbers = np.zeros(256, np.uint8)
    for view in chunk.views[1:] if chunk.views[0].number == 0 else chunk.views:
        same = [
            number
            for number, one in kept.views.items()
            if max(abs(a - b) for a, b in zip(one.box, view.box, strict=True)) <= _SAME_BOX
        ]
        free = set(range(_FIRST_RECT, _FIRST_RECT + MAX_VIEWS)) - set(kept.views)
        # Without a free number the box is counted to the whole frame: it can only fail to meet.
        number = same[0] if same else min(free, default=0)
        kept.views.setdefault(number, replace(view, number=number))
        numbers[view.number] = number
    return numbers


def _moved(one: Found, base_s: float) -> Found:
    if one.query_span is None:
        return one
    span = Span(one.query_span.start_s + base_s, one.query_span.end_s + base_s)
    return replace(one, query_span=span)


def _alarms(kept: _Stream, found: list[Found], *, since_s: float) -> list[Alarm]:
    """Tell the finds that reach into the newest chunk, or that were not told before."""
    alarms = []
    for one in found:
        if one.query_span is None or one.signal_span is None:
            continue
        began_s = one.query_span.start_s - one.signal_span.start_s / (one.speed or 1.0)
        before = kept.told.get(one.key)
        goes_on = before is not None and (
            abs(before[0] - began_s) <= _SAME_PLACE_S or one.query_span.start_s < before[1]
        )
        if goes_on and one.query_span.end_s < since_s:
            continue
        kept.told[one.key] = began_s, one.query_span.end_s
        kept.told.move_to_end(one.key)
        while len(kept.told) > _MOST_TOLD:
            kept.told.popitem(last=False)
        alarms.append(Alarm(one, is_new=not goes_on))
    return alarms
