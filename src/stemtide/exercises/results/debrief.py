# SPDX-License-Identifier: Apache-2.0
"""Write the debrief as HTML: one page for all, and one for each party about itself.

A page needs no other file: it loads nothing, runs no script, and can be sent as a file.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from itertools import groupby
from statistics import median

from django.template import Context, Engine, Template
from django.utils.safestring import SafeString, mark_safe

from stemtide.exercises.results.bounds import bounds_text, value_text
from stemtide.exercises.results.drawings import TimeLane, draw_copies, draw_lanes
from stemtide.exercises.results.report import note_of_copies, state_of
from stemtide.exercises.results.stored import (
    FollowUp,
    ObjectiveRow,
    ResultFigure,
    ResultFile,
    StoredEntry,
    StoredObservation,
    StoredStep,
)
from stemtide.exercises.results.views import PartyView, common_view, party_view

_MOST_ENTRIES = 8
_OUTSIDE = "From outside"
_DONE = "done"


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table. style: its class in the page."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the page: a table, a drawing, or both. empty: shown if it has neither."""

    title: str
    heads: Sequence[str] = ()
    rows: Sequence[Sequence[Cell]] = ()
    note: str = ""
    empty: str = "None."
    name: str = ""
    drawing: SafeString = field(default_factory=SafeString)
    is_folded: bool = False


def common_page(result: ResultFile, *, today: date) -> str:
    """Return the page for all: nothing about one party alone that others could not see."""
    shared = common_view(result)
    parts = [
        _objectives("Objectives", shared.objectives),
        _copies(shared),
        _time_line(shared, entries=shared.entries, steps=shared.steps),
        _figures("Figures", shared.figures),
        _observations(shared.observations),
        _actions(shared.actions, today=today),
    ]
    return _page(result, parts, view="Debrief for all who took part")


def party_page(result: ResultFile, party: str, *, today: date) -> str:
    """Return the page of a party about itself."""
    view = party_view(result, party)
    parts = [
        _objectives("Objectives of your party", view.objectives),
        _delays(result, view),
        _figures("Figures of your party", view.figures),
        _time_line(result, entries=view.entries, steps=view.steps),
        _observations(row for row in result.observations if row.about == party),
        _actions(
            (row for row in result.actions if row.owner in {party, result.title_of(party)}),
            today=today,
        ),
    ]
    title = result.title_of(party)
    return _page(result, parts, view=f"Private: about {title} alone. Others do not get this page")


def _page(result: ResultFile, parts: Sequence[Part], *, view: str) -> str:
    """Fill in the template, which escapes every text."""
    played_at = result.played_at.strftime("%d %B %Y, %H:%M UTC") if result.played_at else "unknown"
    facts = [
        ("Scenario", result.scenario),
        ("Framework", result.framework),
        ("Played", played_at),
        ("Length", f"{result.duration_min:g} min"),
        ("Parties", ", ".join(result.cast.values())),
        ("Objectives met", f"{result.met} of {len(result.objectives)}"),
    ]
    texts = {"title": result.title, "right_answer": result.right_answer, "view": view}
    return _template().render(
        Context({**texts, "facts": facts, "parts": parts}, use_l10n=False, use_tz=False)
    )


@cache
def _template() -> Template:
    """Return the template. Its engine needs no settings of Django."""
    text = files("stemtide.exercises.results").joinpath("debrief.html").read_text("utf-8")
    return Engine().from_string(text)


def _objectives(title: str, rows: Iterable[ObjectiveRow]) -> Part:
    return Part(
        title,
        ("Result", "Objective", "Value and bounds", "Ledger entries"),
        [
            (
                Cell("Met", "met") if row.is_met else Cell("Missed", "missed"),
                Cell(row.text),
                Cell(f"{value_text(row)}, {bounds_text(row)}"),
                Cell(_numbers(row.entries), "soft"),
            )
            for row in rows
        ],
    )


def _copies(result: ResultFile) -> Part:
    """Return the curves of copies, with and without the response."""
    drawing = draw_copies(result)
    return Part(
        "Spread of copies",
        note=note_of_copies(result),
        empty="No copy was uploaded.",
        drawing=_svg(drawing),
        name="curves",
    )


def _time_line(
    result: ResultFile, *, entries: Sequence[StoredEntry], steps: Sequence[StoredStep]
) -> Part:
    """Return a lane for each party: its entries in the ledger, and what came from outside."""
    outside = [step for step in steps if not step.by and step.at_min is not None]
    undone = [step for step in steps if step.by and step.state == "refused"]
    lanes = [TimeLane(_OUTSIDE, [step.at_min or 0 for step in outside])] if outside else []
    lanes += [
        TimeLane(
            title,
            [entry.at_min for entry in entries if entry.actor == party],
            [step.at_min or 0 for step in undone if step.by == party],
        )
        for party, title in result.cast.items()
        if any(row.actor == party for row in entries) or any(step.by == party for step in undone)
    ]
    return Part(
        "Time line",
        ("Minute", "Party", "What happened"),
        _happenings(result, entries=entries, steps=[*outside, *undone]),
        note="A full circle is an entry in the ledger or an event from outside; an empty one was"
        " refused by the hub.",
        drawing=_svg(draw_lanes(lanes, duration_min=result.duration_min)) if lanes else _svg(""),
        name="lanes",
        is_folded=True,
    )


def _happenings(
    result: ResultFile, *, entries: Sequence[StoredEntry], steps: Sequence[StoredStep]
) -> list[tuple[Cell, ...]]:
    """Return entries and steps in order. Equal entries of the same minute are one row."""
    of_cast = (entry for entry in entries if entry.actor in result.cast)
    rows = [
        (at_min, number[0].number, actor, f"{_words(kind)}{_times(len(number))}")
        for (at_min, actor, kind), group in groupby(
            of_cast, key=lambda entry: (entry.at_min, entry.actor, entry.kind)
        )
        if (number := list(group))
    ]
    rows += [
        (step.at_min or 0, -1, step.by, step.note if not step.by else f"refused: {step.note}")
        for step in steps
    ]
    return [
        (Cell(f"{at_min:.1f}", "number"), Cell(result.title_of(party) or _OUTSIDE), Cell(text))
        for at_min, _, party, text in sorted(rows)
    ]


def _times(count: int) -> str:
    """Return how often something happened; "" for once."""
    return "" if count == 1 else f", {count} times"


def _words(kind: str) -> str:
    """Return a kind of entry as words, such as "signals shared"."""
    return kind.replace(".", " ").replace("_", " ")


def _delays(result: ResultFile, view: PartyView) -> Part:
    """Return the party's delays beside the median of all parties, which names nobody."""
    took: dict[str, list[float]] = {}
    for row in result.delays:
        if row.minutes is not None:
            took.setdefault(row.reaction, []).append(row.minutes)
    return Part(
        "Your delays",
        ("Reaction", "Began", "Took", "Median of all parties", "Ledger entries"),
        [
            (
                Cell(row.reaction[0].upper() + row.reaction[1:]),
                Cell(f"{row.began_min:.1f} min", "number"),
                Cell("never" if row.minutes is None else f"{row.minutes:.1f} min", "number"),
                Cell(
                    f"{median(took[row.reaction]):.1f} min" if row.reaction in took else "",
                    "number",
                ),
                Cell(_numbers(row.entries), "soft"),
            )
            for row in view.delays
        ],
        empty="Nobody waited for your party.",
    )


def _figures(title: str, rows: Iterable[ResultFigure]) -> Part:
    return Part(
        title,
        ("Figure", "Value", "Ledger entries"),
        [
            (
                Cell(row.title[0].upper() + row.title[1:]),
                Cell(value_text(row), "number"),
                Cell(_numbers(row.entries), "soft"),
            )
            for row in rows
            if row.value is not None
        ],
    )


def _observations(rows: Iterable[StoredObservation]) -> Part:
    return Part(
        "Observations",
        ("Minute", "By", "Observation"),
        [
            (Cell(f"{row.at_min:.1f}", "number"), Cell(row.by), Cell(row.text))
            for row in sorted(rows, key=lambda row: row.at_min)
        ],
        empty="Nobody noted anything.",
    )


def _actions(rows: Iterable[FollowUp], *, today: date) -> Part:
    return Part(
        "Follow-up actions",
        ("Number", "Action", "Owner", "Due", "State"),
        [
            (
                Cell(str(row.number), "number"),
                Cell(row.text),
                Cell(row.owner),
                Cell(row.due.isoformat()),
                _state(row, today=today),
            )
            for row in rows
        ],
    )


def _state(action: FollowUp, *, today: date) -> Cell:
    """Return whether an action is done, open or overdue, in its colour."""
    styles = {True: "missed", False: ""}
    style = "met" if action.done_on else styles[action.is_overdue(today)]
    return Cell(state_of(action, today=today), style)


def _numbers(numbers: Sequence[int]) -> str:
    """Return the first entries, and how many more there are."""
    more = len(numbers) - _MOST_ENTRIES
    shown = ", ".join(map(str, numbers[:_MOST_ENTRIES]))
    return f"{shown} and {more} more" if more > 0 else shown


def _svg(drawing: str) -> SafeString:
    """Mark a drawing of ours as safe: it escapes the texts in it."""
    return mark_safe(drawing)  # noqa: S308  # made by drawings.py, which escapes every text
