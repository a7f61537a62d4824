# SPDX-License-Identifier: Apache-2.0
"""Charts of the statistics: bars and columns, as SVG figures. Tables show the same numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from stemtide.hub.desk import times
from stemtide.hub.desk.labels.progress import Words
from stemtide.hub.desk.signals.curves import round_counts
from stemtide.protocol.messages.progress import Span

WIDTH, HEIGHT = 460, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 6, 8, 22
_WIDEST = 28
"""Largest width of a column, even if there are few."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar. width: in thousandths of the largest; count: None if it is withheld.

    before: the count of the period before; None if it is not known.
    """

    word: Words
    count: int | None
    width: float
    share: int | None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class ChartColumn:
    """A stretch of time: requests begun in it, and how many are gone. y: of the tops, downwards."""

    x: float
    width: float
    y: float
    height: float
    y_gone: float
    height_gone: float
    span: Span


@dataclass(frozen=True, slots=True)
class ColumnChart:
    """The column chart of a period."""

    columns: list[ChartColumn]
    ticks_y: list[tuple[float, int]]
    ticks_x: list[tuple[float, str, str]]
    begun: int
    gone: int

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
        """Return the x coordinate where the first column may begin."""
        return _LEFT

    @property
    def right(self) -> int:
        """Return the x coordinate where the last column ends."""
        return WIDTH - _RIGHT


def bars(
    words: Mapping[str, Words],
    counts: Mapping[str, int | None],
    *,
    whole: int | None,
    before: Mapping[str, int | None] | None = None,
) -> list[Bar]:
    """Return a bar for each label that has a count. whole: the total that shares refer to.

    before: the counts of the period before.
    """
    visible = [counts.get(name) or 0 for name in words]
    largest = max([*visible, whole or 0, 1])
    return [
        Bar(
            word=word,
            count=counts[name],
            width=round(1000 * (counts[name] or 0) / largest, 1),
            share=round(100 * (counts[name] or 0) / whole) if whole and counts[name] else None,
            before=(before or {}).get(name),
        )
        for name, word in words.items()
        if name in counts
    ]


def columns(spans: Sequence[Span]) -> ColumnChart | None:
    """Return the period as columns; None if nothing began in it."""
    begun = sum(span.begun for span in spans)
    if not begun:
        return None
    top = max(span.begun for span in spans)
    step = (WIDTH - _LEFT - _RIGHT) / len(spans)
    width = min(max(step * 0.8, 0.5), _WIDEST)

    def y(count: int) -> float:
        return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * count / top, 1)

    floor = HEIGHT - _BOTTOM
    drawn = [
        ChartColumn(
            x=round(_LEFT + step * index + (step - width) / 2, 1),
            width=round(width, 1),
            y=y(span.begun),
            height=round(floor - y(span.begun), 1),
            y_gone=y(span.removed),
            height_gone=round(floor - y(span.removed), 1),
            span=span,
        )
        for index, span in enumerate(spans)
    ]
    return ColumnChart(
        columns=drawn,
        ticks_y=[(y(count), count) for count in round_counts(top)],
        ticks_x=_days([span.first for span in spans], step=step),
        begun=begun,
        gone=sum(span.removed for span in spans),
    )


def _days(firsts: Sequence[date], *, step: float) -> list[tuple[float, str, str]]:
    """Return ticks for the first, middle and last day: (x, text-anchor, label)."""
    indexes = sorted({0, len(firsts) // 2, len(firsts) - 1})
    ticks = []
    for index in indexes:
        is_last = index == len(firsts) - 1 and index > 0
        anchor = "start" if index == 0 else "end" if is_last else "middle"
        x = _LEFT + step * (index + (0 if anchor == "start" else 1 if is_last else 0.5))
        ticks.append((round(x, 1), anchor, times.day(firsts[index])))
    return ticks
