# SPDX-License-Identifier: Apache-2.0
"""Write values and bounds of figures for people."""

from collections.abc import Mapping
from typing import Any

from stemtide.exercises.scenarios.measures import MEASURES, Unit

_SIGNS = {Unit.MINUTES: " min", Unit.PERCENT: " %", Unit.NUMBER: ""}


def value_text(row: Mapping[str, Any]) -> str:
    """Return the value of a figure with its unit; "never" if it has none."""
    if row["value"] is None:
        return "never"
    return f"{row['value']:g}{_SIGNS[MEASURES[row['measure']].unit]}"


def bounds_text(row: Mapping[str, Any]) -> str:
    """Return the bounds of an objective, such as "at most 15 min"."""
    sign = _SIGNS[MEASURES[row["measure"]].unit]
    return " and ".join(
        f"{word} {row[key]:g}{sign}"
        for key, word in (("at_least", "at least"), ("at_most", "at most"))
        if row[key] is not None
    )
