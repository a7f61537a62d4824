# SPDX-License-Identifier: Apache-2.0
"""The spread curve of a crisis: how often its content was met, and blocked, added up over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from stemtide.hub.desk import times
from stemtide.hub.signals.rows import CurvePoint

WIDTH, HEIGHT = 460, 202
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 6, 40, 22
_ROWS, _LETTER = (10, 22, 34), 6.5
_TICKS = 4
_MOMENTS = 2
_HOURS = 12
"""Rows of the table beside the drawing, at most: the curve in words."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened, as a line through the drawing.

    y: where its word stands, so that it lies on no other; no word where no row has room for it.
    """

    word: str
    x: float
    at: datetime
    anchor: str
    y: float


@dataclass(frozen=True, slots=True)
class Curve:
    """The drawing: two lines that only rise, marks, ticks, and the same as a table.

    seen, blocked: SVG paths; under: the area below what was blocked.
    """

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
        """The drawing's own units."""
        return f"0 0 {WIDTH} {HEIGHT}"

    @property
    def floor(self) -> int:
        """Where nothing was met."""
        return HEIGHT - _BOTTOM

    @property
    def left(self) -> int:
        """Where time begins."""
        return _LEFT

    @property
    def right(self) -> int:
        """Where it ends."""
        return WIDTH - _RIGHT


def draw(points: Sequence[CurvePoint], *, marks: Sequence[tuple[str, datetime]]) -> Curve | None:
    """A curve of points, earliest first; None where nothing was met."""
    if not points:
        return None
    moments = [points[0].at, points[-1].at, *(at for _, at in marks)]
    since, until = min(moments), max(moments)
    span = max((until - since).total_seconds(), 300.0)
    top = max(points[-1].seen, 1)

    def x(at: datetime) -> float:
        inner = WIDTH - _LEFT - _RIGHT
        return round(_LEFT + inner * (at - since).total_seconds() / span, 1)

    def y(count: int) -> float:
        return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * count / top, 1)

    blocked = _steps([(x(point.at), y(point.blocked)) for point in points], start=(x(since), y(0)))
    return Curve(
        seen=_steps([(x(point.at), y(point.seen)) for point in points], start=(x(since), y(0))),
        blocked=blocked,
        under=f"{blocked}V{y(0)}H{x(since)}z",
        marks=_placed([(word, x(at), at) for word, at in marks]),
        ticks_y=[(y(count), count) for count in round_counts(top)],
        ticks_x=_moments(since, span=span),
        rows=_thinned(points),
        total=points[-1].seen,
        total_blocked=points[-1].blocked,
        since=since,
        until=until,
    )


def _steps(points: Sequence[tuple[float, float]], *, start: tuple[float, float]) -> str:
    """A path that holds its height until the next point."""
    path = f"M{start[0]} {start[1]}"
    return path + "".join(f"H{x}V{y}" for x, y in points) + f"H{WIDTH - _RIGHT}"


def _placed(marks: Sequence[tuple[str, float, datetime]]) -> list[Mark]:
    """Marks with their words in the first row that has room for them."""
    made: list[Mark] = []
    taken = dict.fromkeys(_ROWS, float("-inf"))
    for word, x, at in sorted(marks, key=lambda one: one[1]):
        wide = len(word) * _LETTER
        anchor = "end" if x + wide > WIDTH - _RIGHT else "start"
        starts = x - wide if anchor == "end" else x
        row = next((y for y in _ROWS if taken[y] <= starts), None)
        if row is not None:
            taken[row] = starts + wide + _LETTER
        made.append(Mark(word if row else "", x, at, anchor, row or _ROWS[0]))
    return made


def round_counts(top: int) -> list[int]:
    """A few round numbers up to the largest count."""
    step = max(top // _TICKS, 1)
    size = 10 ** (len(str(step)) - 1)
    step = next((size * one for one in (1, 2, 5, 10) if size * one >= step), step)
    return list(range(0, top + 1, step))


def _moments(since: datetime, *, span: float) -> list[tuple[float, str, str]]:
    """Times along the bottom: the place, how its words are anchored, and the time of day."""
    inner = WIDTH - _LEFT - _RIGHT
    found = []
    for step in range(_MOMENTS + 1):
        at = datetime.fromtimestamp(since.timestamp() + span * step / _MOMENTS, since.tzinfo)
        anchor = "start" if step == 0 else "end" if step == _MOMENTS else "middle"
        found.append((round(_LEFT + inner * step / _MOMENTS, 1), anchor, times.of_minute(at)))
    return found


def _thinned(points: Sequence[CurvePoint]) -> list[CurvePoint]:
    """A few points of the curve, its last among them, for the table."""
    if len(points) <= _HOURS:
        return list(points)
    step = len(points) / _HOURS
    return [points[min(int((one + 1) * step) - 1, len(points) - 1)] for one in range(_HOURS)]
