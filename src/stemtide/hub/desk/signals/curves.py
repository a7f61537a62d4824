# SPDX-License-Identifier: Apache-2.0
"""Curves of two cumulative counts over time, such as content met and blocked in a crisis."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from stemtide.hub.desk import times
from stemtide.hub.desk.labels import Words
from stemtide.hub.rooms.signals.views import CurvePoint

WIDTH, HEIGHT = 460, 202
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 6, 40, 22
_ROWS, _LETTER = (10, 22, 34), 6.5
_TICKS = 4
_MOMENTS = 2
_SPARK_FROM = 3
_HOURS = 12
"""Most rows of the table beside the drawing, which shows the same curve."""


@dataclass(frozen=True, slots=True)
class Mark:
    """An event, drawn as a vertical line.

    y: of its label, so that labels do not overlap; word is "" if no row has room for the label.
    """

    word: str
    x: float
    at: datetime
    anchor: str
    y: float


@dataclass(frozen=True, slots=True)
class CurveNames:
    """The title of a curve, and the names of its two counts."""

    title: Words
    seen: Words
    blocked: Words


@dataclass(frozen=True, slots=True)
class Curve:
    """The drawing: two rising lines, marks and ticks, and the same figures as a table.

    seen, blocked: SVG paths; under: the area below the blocked line.
    """

    names: CurveNames
    seen: str
    blocked: str
    under: str
    marks: list[Mark]
    ticks_y: list[tuple[float, int]]
    ticks_x: list[tuple[float, str, str]]
    rows: list[CurvePoint]
    total: int
    total_blocked: int
    since: datetime
    until: datetime

    @property
    def view_box(self) -> str:
        """Return the SVG viewBox."""
        return f"0 0 {WIDTH} {HEIGHT}"

    @property
    def floor(self) -> int:
        """Return the y coordinate of a count of zero."""
        return HEIGHT - _BOTTOM

    @property
    def left(self) -> int:
        """Return the x coordinate where time begins."""
        return _LEFT

    @property
    def right(self) -> int:
        """Return the x coordinate where time ends."""
        return WIDTH - _RIGHT


def draw(
    points: Sequence[CurvePoint], *, names: CurveNames, marks: Sequence[tuple[str, datetime]] = ()
) -> Curve | None:
    """Draw the curve of points, given earliest first; None if there are no points."""
    if not points:
        return None
    times_shown = [points[0].at, points[-1].at, *(at for _, at in marks)]
    since, until = min(times_shown), max(times_shown)
    span = max((until - since).total_seconds(), 300.0)
    top = max(points[-1].seen, 1)

    def x(at: datetime) -> float:
        inner = WIDTH - _LEFT - _RIGHT
        return round(_LEFT + inner * (at - since).total_seconds() / span, 1)

    def y(count: int) -> float:
        return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * count / top, 1)

    blocked = _steps([(x(point.at), y(point.blocked)) for point in points], start=(x(since), y(0)))
    return Curve(
        names=names,
        seen=_steps([(x(point.at), y(point.seen)) for point in points], start=(x(since), y(0))),
        blocked=blocked,
        under=f"{blocked}V{y(0)}H{x(since)}z",
        marks=_placed([(word, x(at), at) for word, at in marks]),
        ticks_y=[(y(count), count) for count in round_counts(top)],
        ticks_x=_time_ticks(since, span=span),
        rows=_thinned(points),
        total=points[-1].seen,
        total_blocked=points[-1].blocked,
        since=since,
        until=until,
    )


def spark(moments: Sequence[datetime]) -> str:
    """Return the number of moments over time as a small SVG path of 60 by 16.

    moments: earliest first. Fewer than three give "": their times say as much.
    """
    if len(moments) < _SPARK_FROM:
        return ""
    span = max((moments[-1] - moments[0]).total_seconds(), 1.0)
    path = "M0 15"
    for number, at in enumerate(moments, start=1):
        x = round(59 * (at - moments[0]).total_seconds() / span, 1)
        path += f"H{x}V{round(15 - 14 * number / len(moments), 1)}"
    return f"{path}H60"


def _steps(points: Sequence[tuple[float, float]], *, start: tuple[float, float]) -> str:
    """Return an SVG path that holds its height until the next point."""
    path = f"M{start[0]} {start[1]}"
    return path + "".join(f"H{x}V{y}" for x, y in points) + f"H{WIDTH - _RIGHT}"


def _placed(marks: Sequence[tuple[str, float, datetime]]) -> list[Mark]:
    """Place the marks' labels, each in the first row that has room for it."""
    placed: list[Mark] = []
    row_ends = dict.fromkeys(_ROWS, float("-inf"))
    for word, x, at in sorted(marks, key=lambda mark: mark[1]):
        width = len(word) * _LETTER
        anchor = "end" if x + width > WIDTH - _RIGHT else "start"
        begin = x - width if anchor == "end" else x
        row = next((y for y in _ROWS if row_ends[y] <= begin), None)
        if row is not None:
            row_ends[row] = begin + width + _LETTER
        placed.append(Mark(word if row else "", x, at, anchor, row or _ROWS[0]))
    return placed


def round_counts(top: int) -> list[int]:
    """Return a few round numbers up to the largest count."""
    step = max(top // _TICKS, 1)
    size = 10 ** (len(str(step)) - 1)
    step = next((size * factor for factor in (1, 2, 5, 10) if size * factor >= step), step)
    return list(range(0, top + 1, step))


def _time_ticks(since: datetime, *, span: float) -> list[tuple[float, str, str]]:
    """Return ticks of the time axis: (x, text-anchor, time of day)."""
    inner = WIDTH - _LEFT - _RIGHT
    ticks = []
    for step in range(_MOMENTS + 1):
        at = datetime.fromtimestamp(since.timestamp() + span * step / _MOMENTS, since.tzinfo)
        anchor = "start" if step == 0 else "end" if step == _MOMENTS else "middle"
        ticks.append((round(_LEFT + inner * step / _MOMENTS, 1), anchor, times.of_minute(at)))
    return ticks


def _thinned(points: Sequence[CurvePoint]) -> list[CurvePoint]:
    """Return at most a dozen points of the curve for the table, its last among them."""
    if len(points) <= _HOURS:
        return list(points)
    step = len(points) / _HOURS
    return [points[min(int((index + 1) * step) - 1, len(points) - 1)] for index in range(_HOURS)]
