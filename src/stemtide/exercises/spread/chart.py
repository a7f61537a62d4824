# SPDX-License-Identifier: Apache-2.0
"""Draw curves of spread as SVG: two panels, axes, lines with their names beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 380, 240
_LEFT, _TOP, _RIGHT, _BELOW, _BETWEEN = 62, 64, 20, 46, 90
_TICKS = 4
_COLOURS = ("#b3470f", "#0b3d2e")
_TEXT = 'font-family="sans-serif" font-size="12" fill="#222222"'


@dataclass(frozen=True, slots=True)
class ChartLine:
    """A line. values: one for each step, from step 1. is_dashed: also without colour it differs."""

    name: str
    values: Sequence[float]
    is_dashed: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel. marks: values with a name, drawn as thin lines across it.

    per_step: units of the axis below for each step of a line, such as 3 minutes.
    """

    title: str
    lines: Sequence[ChartLine]
    marks: Sequence[tuple[float, str]] = ()
    unit: str = "hours"
    per_step: float = 1


def draw(panels: Sequence[Panel], *, description: str) -> str:
    """Return an SVG with panels side by side. description: read out instead of it."""
    width = _LEFT + len(panels) * (_WIDTH + _BETWEEN) - _BETWEEN + _RIGHT
    height = _TOP + _HEIGHT + _BELOW
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
            f' aria-label="{escape(description)}" width="{width}" height="{height}">'
        ),
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for number, panel in enumerate(panels):
        parts += _panel(panel, left=_LEFT + number * (_WIDTH + _BETWEEN))
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel, *, left: int) -> list[str]:
    """Return the elements of a panel."""
    hours = max(len(line.values) for line in panel.lines)
    values = [value for line in panel.lines for value in line.values]
    step = nice_step(max([*values, *(value for value, _ in panel.marks), 1]))
    top = step * _TICKS

    def x(hour: float) -> float:
        return round(left + hour / hours * _WIDTH, 1)

    def y(value: float) -> float:
        return round(_TOP + _HEIGHT * (1 - value / top), 1)

    parts = [_words(left, 20, panel.title, weight="bold")]
    for tick in range(_TICKS + 1):
        at = y(tick * step)
        parts.append(_rule(left, at, left + _WIDTH, colour="#dddddd"))
        parts.append(_words(left - 6, at + 4, short(tick * step), anchor="end"))
    parts += [
        _words(x(hour), _TOP + _HEIGHT + 18, f"{hour * panel.per_step:g}", anchor="middle")
        for hour in range(0, hours + 1, max(1, hours // 6))
    ]
    parts.append(_words(left + _WIDTH / 2, _TOP + _HEIGHT + 36, panel.unit, anchor="middle"))
    for value, name in panel.marks:
        parts.append(_rule(left, y(value), left + _WIDTH, colour="#666666", dash="2 4"))
        parts.append(_words(left + 6, y(value) - 5, name))
    for number, line in enumerate(panel.lines):
        colour, dash = _COLOURS[number % len(_COLOURS)], "7 4" if line.is_dashed else ""
        points = [(0, 0.0), *enumerate(line.values, start=1)]
        path = " ".join(f"{x(hour)},{y(value)}" for hour, value in points)
        style = f' stroke-dasharray="{dash}"' if dash else ""
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{style}/>'
        )
        at = 36 + 15 * number
        parts.append(_rule(left, at, left + 28, colour=colour, dash=dash, thick=2))
        parts.append(_words(left + 34, at + 4, line.name))
    return parts


def _words(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    style = f'text-anchor="{anchor}" font-weight="{weight}"'
    return f'<text x="{x:g}" y="{y:g}" {_TEXT} {style}>{escape(text)}</text>'


def _rule(
    left: float, y: float, right: float, *, colour: str, dash: str = "", thick: int = 1
) -> str:
    style = f' stroke-dasharray="{dash}"' if dash else ""
    ends = f'x1="{left:g}" y1="{y:g}" x2="{right:g}" y2="{y:g}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{thick}"{style}/>'


def nice_step(most: float) -> float:
    """Return the step of an axis: 1, 2 or 5 times a power of ten, so that its ticks hold all."""
    power = 1.0
    while True:
        for factor in (1, 2, 2.5, 5):
            if factor * power * _TICKS >= most:
                return factor * power
        power *= 10


def short(value: float) -> str:
    """Return a number as an axis shows it: 250k, 1.5M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
