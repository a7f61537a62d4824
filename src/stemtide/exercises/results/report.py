# SPDX-License-Identifier: Apache-2.0
"""Typeset the report of an exercise as PDF, from its result alone."""

from datetime import date
from pathlib import Path
from typing import Any

from stemtide.exercises.results.bounds import bounds_text, value_text
from stemtide.exercises.results.drawings import draw_copies
from stemtide.exercises.results.stored import FollowUp, ResultFigure, ResultFile
from stemtide.hub.platform.documents import typesetting

_TEMPLATE = Path(typesetting.__file__).parent / "sheets" / "exercise.typ"
_MOST_ENTRIES = 8
_TICKS = 6
_OUTSIDE = "outside"


def report_pdf(result: ResultFile, *, today: date) -> bytes:
    """Return the report: objectives, curves, a time line, figures, notes, actions and steps."""
    document = {
        "title": f"Exercise: {result.title}",
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
            [_title(row), row.party or "all", value_text(row), _numbers(row)]
            for row in result.figures
            if row.value is not None
        ],
        "copies_title": "Spread of copies",
        "copies": draw_copies(result),
        "is_wide": result.spread is not None,
        "copies_note": note_of_copies(result),
        **_notes(result),
        **_actions(result, today=today),
    }
    return typesetting.typeset(_TEMPLATE, document, lang="en")


def _objectives(result: ResultFile) -> dict[str, Any]:
    """Return the objectives with a summary."""
    return {
        "summary": [
            f"{result.met} of {len(result.objectives)} objectives are met.",
            f"The right answer: {result.right_answer}",
        ],
        "objectives_title": "Objectives",
        "objectives_heads": ["Result", "Objective", "Value and bounds", "Ledger entries"],
        "objectives": [
            [
                "Met" if row.is_met else "Missed",
                row.text,
                f"{value_text(row)}, {bounds_text(row)}",
                _numbers(row),
            ]
            for row in result.objectives
        ],
    }


def _facts(result: ResultFile) -> list[list[str]]:
    """Return the facts of the exercise, with labels."""
    parties = ", ".join(result.cast.values())
    return [
        ["Scenario", result.scenario],
        ["Framework", result.framework],
        ["Length", f"{result.duration_min:g} min"],
        ["Parties", parties],
        ["Seed", str(result.seed)],
    ]


def _time_line(result: ResultFile) -> dict[str, Any]:
    """Return the steps as lanes of points, one for each party, and as a table."""
    steps = [step for step in result.steps if step.at_min is not None]
    duration = result.duration_min
    lanes = [
        {
            "name": result.cast.get(party, "From outside"),
            "points": [
                {"at": min(1.0, (step.at_min or 0) / duration), "is_done": step.state == "done"}
                for step in steps
                if step.by == party
            ],
        }
        for party in ("", *result.cast)
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
            [f"{step.at_min or 0:.1f}", step.by or _OUTSIDE, step.state, step.note]
            for step in steps
        ],
    }


def _notes(result: ResultFile) -> dict[str, Any]:
    """Return the observations of people, in the order of their minutes."""
    return {
        "notes_title": "Observations",
        "notes_heads": ["Minute", "By", "About", "Observation"],
        "notes": [
            [f"{row.at_min:.1f}", row.by, row.about or "all", row.text]
            for row in sorted(result.observations, key=lambda row: row.at_min)
        ],
    }


def _actions(result: ResultFile, *, today: date) -> dict[str, Any]:
    """Return the follow-up actions with their states."""
    return {
        "actions_title": "Follow-up actions",
        "actions_heads": ["Number", "Action", "Owner", "Due", "State"],
        "actions": [
            [str(row.number), row.text, row.owner, row.due.isoformat(), state_of(row, today=today)]
            for row in result.actions
        ],
    }


def note_of_copies(result: ResultFile) -> str:
    """Return what the curves of copies are of, and how much of it was real."""
    if result.spread is None or not result.spread.points:
        return "Copies of content that the response was to stop. Harmless content is not counted."
    spread = result.spread
    weight = sum(sample.weight for sample in spread.samples)
    simulated = spread.services - len(spread.providers)
    return (
        f"Real agents at {len(spread.providers)} providers were asked about"
        f" {len(spread.samples):,} real copies, which stand for {weight:,} of the"
        f" {spread.points[-1].at_agents:,} uploads there. {simulated:,} other services and their"
        " copies are simulated. Compare runs with each other; this is no forecast."
    )


def state_of(action: FollowUp, *, today: date) -> str:
    """Return whether an action is done, open or overdue."""
    if action.done_on is not None:
        return f"Done on {action.done_on.isoformat()}"
    return "Overdue" if action.is_overdue(today) else "Open"


def _title(row: ResultFigure) -> str:
    """Return the title of a figure's measure, as a row begins."""
    return row.title[0].upper() + row.title[1:]


def _numbers(row: ResultFigure) -> str:
    """Return the first entries of a figure, and how many more there are."""
    numbers = row.entries
    shown = ", ".join(map(str, numbers[:_MOST_ENTRIES]))
    more = len(numbers) - _MOST_ENTRIES
    return f"{shown} and {more} more" if more > 0 else shown
