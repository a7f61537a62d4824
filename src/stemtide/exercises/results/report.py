# SPDX-License-Identifier: Apache-2.0
"""Typeset the report of an exercise as PDF, from its result alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stemtide.exercises.results.bounds import bounds_text, value_text
from stemtide.exercises.scenarios.measures import MEASURES
from stemtide.hub.platform.documents import typesetting

_TEMPLATE = Path(typesetting.__file__).parent / "sheets" / "exercise.typ"
_MOST_ENTRIES = 8
_TICKS = 6
_OUTSIDE = "outside"


def report_pdf(result: Mapping[str, Any]) -> bytes:
    """Return the report: objectives, a time line, figures of all and of each provider, steps."""
    document = {
        "title": f"Exercise: {result['title']}",
        "exercise": "EXERCISE",
        "tlp": "",
        "facts": _facts(result),
        **_objectives(result),
        **_time_line(result),
        "figures_title": "Figures",
        "figures_note": "Minutes are those of the exercise. What never happened is left out."
        " Numbers of entries are those of the ledger in result.json.",
        "figures_heads": ["Figure", "Party", "Value", "Ledger entries"],
        "figures": [
            [_title(row), row["party"] or "all", value_text(row), _numbers(row)]
            for row in result["figures"]
            if row["value"] is not None
        ],
    }
    return typesetting.typeset(_TEMPLATE, document, lang="en")


def _objectives(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the objectives with a summary."""
    objectives = result["objectives"]
    met = sum(row["is_met"] for row in objectives)
    return {
        "summary": [
            f"{met} of {len(objectives)} objectives are met.",
            f"The right answer: {result['right_answer']}",
        ],
        "objectives_title": "Objectives",
        "objectives_heads": ["Result", "Objective", "Value and bounds", "Ledger entries"],
        "objectives": [
            [
                "Met" if row["is_met"] else "Missed",
                row["text"],
                f"{value_text(row)}, {bounds_text(row)}",
                _numbers(row),
            ]
            for row in objectives
        ],
    }


def _facts(result: Mapping[str, Any]) -> list[list[str]]:
    """Return the facts of the exercise, with labels."""
    parties = ", ".join(result["cast"].values())
    return [
        ["Scenario", result["scenario"]],
        ["Framework", result["framework"]],
        ["Length", f"{result['duration_min']:g} min"],
        ["Parties, all played by bots", parties],
        ["Seed", str(result["seed"])],
    ]


def _time_line(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the steps as lanes of points, one for each party, and as a table."""
    steps = [step for step in result["steps"] if step["at_min"] is not None]
    duration = result["duration_min"]
    lanes = [
        {
            "name": result["cast"].get(party, "From outside"),
            "points": [
                {"at": step["at_min"] / duration, "is_done": step["state"] == "done"}
                for step in steps
                if step["by"] == party
            ],
        }
        for party in ("", *result["cast"])
    ]
    ticks = [
        {"at": tick / _TICKS, "name": f"{tick * duration / _TICKS:g}"} for tick in range(_TICKS + 1)
    ]
    return {
        "lanes_title": "Time line",
        "lanes_note": "Minutes of the exercise. A full circle was done; an empty one was skipped,"
        " because its condition did not hold, or refused by the hub. Times are in the last table.",
        "lanes": lanes,
        "ticks": ticks,
        "steps_title": "Steps",
        "steps_heads": ["Minute", "Party", "Result", "What happened"],
        "steps": [
            [f"{step['at_min']:.1f}", step["by"] or _OUTSIDE, step["state"], step["note"]]
            for step in steps
        ],
    }


def _title(row: Mapping[str, Any]) -> str:
    """Return the title of a figure's measure, as a row begins."""
    title = MEASURES[row["measure"]].title
    return title[0].upper() + title[1:]


def _numbers(row: Mapping[str, Any]) -> str:
    """Return the first entries of a figure, and how many more there are."""
    numbers = row["entries"]
    shown = ", ".join(map(str, numbers[:_MOST_ENTRIES]))
    more = len(numbers) - _MOST_ENTRIES
    return f"{shown} and {more} more" if more > 0 else shown
