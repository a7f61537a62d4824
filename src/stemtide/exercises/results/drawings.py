# SPDX-License-Identifier: Apache-2.0
"""Draw a result as SVG: the time line with a lane for each party, and the curves of copies."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from stemtide.exercises.results.stored import ResultFile, SpreadRow, StoredCopies
from stemtide.exercises.spread.chart import ChartLine, Panel, draw

_NAMES, _WIDE, _LANE, _MARGIN = 250, 620, 26, 16
_LETTERS = 38
_TICKS = 6
_STEPS = 60
_TEXT = 'font-family="sans-serif" font-size="12" fill="#222222"'


@dataclass(frozen=True, slots=True)
class TimeLane:
    """A lane of the time line. points: minutes; hollow: those that were not done."""

    name: str
    points: Sequence[float]
    hollow: Sequence[float] = ()


def draw_lanes(lanes: Sequence[TimeLane], *, duration_min: float) -> str:
    """Return the time line; a table beside it has the same for those who cannot see it."""
    height = _MARGIN + _LANE * len(lanes) + 28
    box = f"0 0 {_NAMES + _WIDE + 2 * _MARGIN} {height}"
    label = "Time line of the parties; the table has the same"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" role="img" aria-label="{label}">'
    ]
    for number, lane in enumerate(lanes):
        y = _MARGIN + _LANE * number + _LANE // 2
        parts.append(f'<text x="0" y="{y + 4}" {_TEXT}>{escape(_short(lane.name))}</text>')
        parts.append(
            f'<line x1="{_NAMES}" y1="{y}" x2="{_NAMES + _WIDE}" y2="{y}" stroke="#c4ced8"/>'
        )
        for points, fill in ((lane.points, "#16202b"), (lane.hollow, "#ffffff")):
            parts += [
                f'<circle cx="{_x(point, duration_min)}" cy="{y}" r="4.5" fill="{fill}"'
                ' stroke="#16202b"/>'
                for point in points
            ]
    below = _MARGIN + _LANE * len(lanes) + 18
    for tick in range(_TICKS + 1):
        minutes = tick * duration_min / _TICKS
        place = f'x="{_x(minutes, duration_min)}" y="{below}" text-anchor="middle"'
        parts.append(f"<text {place} {_TEXT}>{minutes:g}</text>")
    return "\n".join([*parts, "</svg>"])


def _x(minutes: float, duration_min: float) -> float:
    """Return where a minute is; what happened after the end is at the end."""
    return round(_NAMES + _WIDE * min(1.0, minutes / duration_min), 1)


def _short(name: str) -> str:
    """Return a name that fits beside its lane."""
    return name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"


def draw_copies(result: ResultFile) -> str:
    """Return the curves of copies with the response and without; "" if none was uploaded."""
    if result.spread is not None and result.spread.points:
        return _draw_spread(result.spread, duration_min=result.duration_min)
    copies = [copy for copy in result.copies if not copy.is_harmless]
    if not copies:
        return ""
    missed = [copy for copy in copies if not copy.is_match]
    lines = (
        ChartLine("without the response", _sums(copies, result.duration_min), is_dashed=True),
        ChartLine("with it: copies that no agent matched", _sums(missed, result.duration_min)),
    )
    panel = Panel(
        "Copies uploaded so far", lines, unit="minutes", per_step=result.duration_min / _STEPS
    )
    return draw(
        (panel,),
        description=f"{len(copies)} copies were uploaded, and {len(missed)} of them not matched.",
    )


def _draw_spread(spread: SpreadRow, *, duration_min: float) -> str:
    """Return the curves of a spread: what is visible, and what reaches the agents."""
    ends = [step * duration_min / _STEPS for step in range(1, _STEPS + 1)]
    minutes = [point.at_min for point in spread.points]

    def line(name: str, values: Sequence[int], *, is_dashed: bool = False) -> ChartLine:
        return ChartLine(name, [*np.interp(ends, minutes, values, left=0.0)], is_dashed=is_dashed)

    points, per_step = spread.points, duration_min / _STEPS
    panels = (
        Panel(
            "Copies visible at a time, all services",
            (
                line("without agents", [row.visible_without for row in points], is_dashed=True),
                line("with agents", [row.visible for row in points]),
            ),
            unit="minutes",
            per_step=per_step,
        ),
        Panel(
            "Copies so far, at providers with an agent",
            (
                line("uploaded", [row.at_agents for row in points], is_dashed=True),
                line("blocked at upload", [row.stopped for row in points]),
            ),
            unit="minutes",
            per_step=per_step,
        ),
    )
    last = points[-1]
    return draw(
        panels,
        description=f"{last.uploads} uploads; at the end {last.visible} copies are visible,"
        f" and {last.visible_without} without agents.",
    )


def _sums(copies: Sequence[StoredCopies], duration_min: float) -> list[float]:
    """Return how many copies there were up to each of the steps."""
    ends = [step * duration_min / _STEPS for step in range(1, _STEPS + 1)]
    return [float(sum(copy.at_min <= end for copy in copies)) for end in ends]
