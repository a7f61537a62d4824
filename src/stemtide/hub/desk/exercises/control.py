# SPDX-License-Identifier: Apache-2.0
"""What the control room shows: time line, objectives, teams, spread, instructions."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.utils.translation import get_language, gettext_lazy as _

from stemtide.hub.desk.ledger_sentences import EntryLine, as_sentences
from stemtide.hub.desk.signals.curves import Curve, CurveNames, draw
from stemtide.hub.rooms.crises.reads import crises, participants
from stemtide.hub.rooms.exercises import reads
from stemtide.hub.rooms.parties.reads.parties import Viewer, party_titles
from stemtide.hub.rooms.signals.views import CurvePoint
from stemtide.protocol.enums import JoinState
from stemtide.protocol.enums.exercises import RunState, RunStepState
from stemtide.protocol.exercises import (
    ObservationOut,
    ProgressIn,
    RunMemberOut,
    RunNewsOut,
    RunOut,
    RunStepIn,
    SpreadPointIn,
)
from stemtide.protocol.messages.crises import CrisisOut

SILENT_AFTER = timedelta(seconds=15)
"""A player that has not reported for longer is not there."""

_OPEN = {RunStepState.DUE, RunStepState.WAITING, RunStepState.PEOPLE}
_LAST = 5
_NAMES = CurveNames(_("Copies over time"), _("Uploaded"), _("Matched"))


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step on the time line. may_inject, may_skip: what the director can do with it."""

    step: RunStepIn
    title: str
    by: str
    may_inject: bool
    may_skip: bool


@dataclass(frozen=True, slots=True)
class TeamRow:
    """A member of the cast: its part in the crisis, its last acts, and the news for it.

    state: None while it was not invited.
    """

    member: RunMemberOut
    party: str
    state: JoinState | None
    acts: list[EntryLine]
    news: list[RunNewsOut]


def is_heard(run: RunOut, *, now: datetime) -> bool:
    """Whether the player of an exercise has reported recently."""
    return run.heard_at is not None and now - run.heard_at < SILENT_AFTER


def control_context(uid: UUID, *, viewer: Viewer, now: datetime) -> dict[str, object]:
    """Return the template context of what changes in a control room."""
    run = reads.run(uid, viewer=viewer)
    progress = reads.progress(uid, viewer=viewer)
    rows = [_row(step, run) for step in progress.steps or ()]
    crisis = reads.crisis_id(uid, viewer=viewer)
    observations = reads.observations(uid, viewer=viewer)
    return {
        "now": now,
        "run": run,
        "is_heard": is_heard(run, now=now),
        "is_over": run.state is RunState.ENDED,
        "open_steps": sorted((row for row in rows if row.step.state in _OPEN), key=_order_of_open),
        "past_steps": sorted(
            (row for row in rows if row.step.state not in _OPEN),
            key=lambda row: row.step.at_min or 0,
            reverse=True,
        ),
        "objectives": progress.objectives or (),
        "curve": _curve(progress, run=run),
        "spread": progress.spread or (),
        "teams": _teams(run, crisis=crisis, viewer=viewer),
        "crisis": crises.crisis(crisis, viewer=viewer) if crisis else None,
        "observations": list(reversed(observations)),
        "member_titles": _member_titles(run),
        "titles": party_titles(),
        "instructions": reads.instructions(uid, viewer=viewer),
        "step_titles": {row.step.name: row.title for row in rows},
        "real_crises": real_crises(viewer=viewer),
    }


def playing_context(uid: UUID, *, viewer: Viewer, now: datetime) -> dict[str, object]:
    """Return the template context of what changes on the page of a party that plays."""
    run = reads.run(uid, viewer=viewer)
    crisis = reads.crisis_id(uid, viewer=viewer)
    observations: list[ObservationOut] = reads.observations(uid, viewer=viewer)
    return {
        "now": now,
        "run": run,
        "is_over": run.state is RunState.ENDED,
        "own": [row for row in run.members if row.party == viewer.name],
        "news": reads.news(uid, viewer=viewer, language=get_language() or "en"),
        "crisis": crises.crisis(crisis, viewer=viewer) if crisis else None,
        "observations": list(reversed(observations)),
        "member_titles": _member_titles(run),
        "titles": party_titles(),
    }


def real_crises(*, viewer: Viewer) -> list[CrisisOut]:
    """Return the real crises that are open, for which an exercise can pause."""
    return [row for row in crises.crises(viewer=viewer) if not row.exercise and not row.closed_at]


def _row(step: RunStepIn, run: RunOut) -> StepRow:
    """Return a step with its title and what the director can do with it."""
    titles = _member_titles(run)
    bots = {row.name for row in run.members if row.is_bot}
    is_open = step.state in _OPEN and run.state is not RunState.ENDED
    return StepRow(
        step=step,
        title=step.name.replace("-", " "),
        by=titles.get(step.by, ""),
        may_inject=is_open and (not step.by or step.by in bots),
        may_skip=is_open,
    )


def _order_of_open(row: StepRow) -> tuple[int, float]:
    """Return the order of open steps: what people do, then what is due by time, then the rest."""
    groups = {RunStepState.PEOPLE: 0, RunStepState.DUE: 1}
    return groups.get(row.step.state, 2), row.step.at_min or 0


def _member_titles(run: RunOut) -> dict[str, str]:
    """Return the titles of the cast, by name."""
    return {row.name: row.title for row in run.members}


def _teams(run: RunOut, *, crisis: UUID | None, viewer: Viewer) -> list[TeamRow]:
    """Return what each member of the cast has before it, and did last."""
    states: dict[str, JoinState] = {}
    if crisis is not None:
        states = {row.party: row.state for row in participants.participants(crisis, viewer=viewer)}
    news = reads.news(run.id, viewer=viewer, language=get_language() or "en")
    acts = reads.last_entries(run.id, viewer=viewer)
    titles = party_titles()
    return [
        TeamRow(
            member=member,
            party=titles.get(member.party, member.party),
            state=states.get(member.party),
            acts=as_sentences(acts.get(member.party, [])[:_LAST]),
            news=[row for row in news if row.member == member.name][:_LAST],
        )
        for member in run.members
    ]


def _curve(progress: ProgressIn, *, run: RunOut) -> Curve | None:
    """Draw the copies over the minutes of the exercise; None before the first."""
    began = run.created_at
    points = (
        [
            CurvePoint(began + timedelta(minutes=row.at_min), row.copies, row.matched)
            for row in (SpreadPointIn(at_min=0, copies=0, matched=0), *progress.spread)
        ]
        if progress.spread
        else []
    )
    curve = draw(points, names=_NAMES)
    if curve is None:
        return None
    span = max((curve.until - curve.since).total_seconds() / 60, 5)
    last = len(curve.ticks_x) - 1
    minutes = [f"{span * number / last:.0f}" for number in range(last + 1)]
    ticks = [
        (x, anchor, word) for (x, anchor, _time), word in zip(curve.ticks_x, minutes, strict=True)
    ]
    return replace(curve, ticks_x=ticks)
