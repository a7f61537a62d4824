# SPDX-License-Identifier: Apache-2.0
"""Figures of progress as drawings: bars beside words, columns over time. Tables say the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.formats import date_format

from stemtide.hub.desk.curves import round_counts
from stemtide.hub.desk.progress_words import Words
from stemtide.protocol.progress import Span

WIDTH, HEIGHT = 460, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 6, 8, 22
_WIDEST = 28
"""A column is no wider, also where there are few."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A count as a bar. width: in thousandths of the largest; count: None where it is withheld."""

    word: Words
    count: int | None
    width: float
    share: int | None


@dataclass(frozen=True, slots=True)
class Column:
    """A stretch of time: what began in it, and how much of that is gone. y: tops, downwards."""

    x: float
    width: float
    y: float
    height: float
    y_gone: float
    height_gone: float
    span: Span


@dataclass(frozen=True, slots=True)
class Columns:
    """The drawing of a period."""

    each: list[Column]
    ticks_y: list[tuple[float, int]]
    ticks_x: list[tuple[float, str, str]]
    begun: int
    gone: int

    @property
    def view_box(self) -> str:
        """The drawing's own units."""
        return f"0 0 {WIDTH} {HEIGHT}"

    @property
    def floor(self) -> int:
        """Where nothing began."""
        return HEIGHT - _BOTTOM

    @property
    def left(self) -> int:
        """Where the first column may stand."""
        return _LEFT

    @property
    def right(self) -> int:
        """Where the last one ends."""
        return WIDTH - _RIGHT


def bars(
    words: Mapping[str, Words], counts: Mapping[str, int | None], *, whole: int | None
) -> list[Bar]:
    """A bar for each word that has a place among the counts. whole: what a share is of."""
    known = [counts.get(name) or 0 for name in words]
    largest = max([*known, whole or 0, 1])
    return [
        Bar(
            word=word,
            count=counts[name],
            width=round(1000 * (counts[name] or 0) / largest, 1),
            share=round(100 * (counts[name] or 0) / whole) if whole and counts[name] else None,
        )
        for name, word in words.items()
        if name in counts
    ]


def columns(spans: Sequence[Span]) -> Columns | None:
    """The period as columns; None where nothing began in it."""
    begun = sum(span.begun for span in spans)
    if not begun:
        return None
    top = max(span.begun for span in spans)
    step = (WIDTH - _LEFT - _RIGHT) / len(spans)
    width = min(max(step * 0.8, 0.5), _WIDEST)

    def y(count: int) -> float:
        return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * count / top, 1)

    floor = HEIGHT - _BOTTOM
    each = [
        Column(
            x=round(_LEFT + step * place + (step - width) / 2, 1),
            width=round(width, 1),
            y=y(one.begun),
            height=round(floor - y(one.begun), 1),
            y_gone=y(one.removed),
            height_gone=round(floor - y(one.removed), 1),
            span=one,
        )
        for place, one in enumerate(spans)
    ]
    return Columns(
        each=each,
        ticks_y=[(y(count), count) for count in round_counts(top)],
        ticks_x=_days([span.first for span in spans], step=step),
        begun=begun,
        gone=sum(span.removed for span in spans),
    )


def _days(firsts: Sequence[date], *, step: float) -> list[tuple[float, str, str]]:
    """First, middle and last day along the bottom: the place, how the words are anchored, words."""
    places = sorted({0, len(firsts) // 2, len(firsts) - 1})
    found = []
    for place in places:
        is_last = place == len(firsts) - 1 and place > 0
        anchor = "start" if place == 0 else "end" if is_last else "middle"
        x = _LEFT + step * (place + (0 if anchor == "start" else 1 if is_last else 0.5))
        found.append((round(x, 1), anchor, date_format(firsts[place], "j M Y")))
    return found
