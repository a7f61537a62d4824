# SPDX-License-Identifier: Apache-2.0
"""Write values and bounds of figures for people."""

from stemtide.exercises.results.stored import ObjectiveRow, ResultFigure
from stemtide.scenarios.measures import Unit

_SIGNS = {Unit.MINUTES: " min", Unit.PERCENT: " %", Unit.NUMBER: ""}


def value_text(row: ResultFigure) -> str:
    """Return the value of a figure with its unit; "never" if it has none."""
    return "never" if row.value is None else f"{row.value:g}{_SIGNS[row.unit]}"


def bounds_text(row: ObjectiveRow) -> str:
    """Return the bounds of an objective, such as "at most 15 min"."""
    bounds = ((row.at_least, "at least"), (row.at_most, "at most"))
    return " and ".join(
        f"{word} {bound:g}{_SIGNS[row.unit]}" for bound, word in bounds if bound is not None
    )
