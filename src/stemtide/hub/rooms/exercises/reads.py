# SPDX-License-Identifier: Apache-2.0
"""Read runs of exercises: for their director and player, and for those who take part."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet, Sum

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.exercises.models import (
    ExerciseRun,
    Instruction,
    Observation,
    RunFile,
    RunMember,
)
from stemtide.hub.rooms.exercises.rules import OPEN, RunFacts, check_runs
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.ledger.reads.ledger import EntryRow
from stemtide.hub.rooms.parties.models import Party
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.exercises import (
    InstructionKind,
    PauseReason,
    RunState,
    RunStepState,
)
from stemtide.protocol.exercises import (
    InstructionOut,
    ObservationOut,
    PlayOut,
    ProgressIn,
    RunEntriesPage,
    RunEntryOut,
    RunFileOut,
    RunMemberOut,
    RunNewsOut,
    RunOut,
    ScenarioOut,
)
from stemtide.scenarios.lessons import HintState, hint_states
from stemtide.scenarios.schema import Lesson

_PAGE = 1000
_SHOWN_FOR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class RunLesson:
    """A guided exercise, as its learner sees it."""

    hints: list[HintState]

    @property
    def done(self) -> int:
        """Return how many hints are done."""
        return sum(state.is_done for state in self.hints)

    @property
    def next(self) -> HintState | None:
        """Return the hint that is next; None if all are done."""
        return next((state for state in self.hints if state.is_next), None)


def runs(*, viewer: Party) -> list[RunOut]:
    """Return the exercises that a party directs or plays in, the latest first."""
    return [describe(row, viewer=viewer) for row in _visible(viewer)]


def run(uid: UUID, *, viewer: Party) -> RunOut:
    """Return an exercise. raises: NotFoundError, also for one without the viewer."""
    return describe(find(uid, viewer=viewer), viewer=viewer)


def is_visible(uid: UUID, *, viewer: Party) -> bool:
    """Whether a party directs an exercise or plays in it."""
    return _visible(viewer).filter(uid=uid).exists()


def find(uid: UUID, *, viewer: Party) -> ExerciseRun:
    """Return the row of an exercise, for writes.

    raises: NotFoundError, also for one that the viewer neither directs nor plays in.
    """
    row = _visible(viewer).filter(uid=uid).first()
    if row is None:
        raise NotFoundError("there is no exercise {uid} that your party may see", uid=uid)
    return row


def find_directed(uid: UUID, *, viewer: Party) -> ExerciseRun:
    """Return the row of an exercise that a party directs. raises: NotFoundError."""
    row = _visible(viewer).filter(uid=uid, directed_by=viewer).first()
    if row is None:
        raise NotFoundError("there is no exercise {uid} that your party directs", uid=uid)
    return row


def find_to_end(uid: UUID, *, viewer: Party) -> ExerciseRun:
    """Return the row of an exercise that a party directs, to an agency every one.

    raises: NotFoundError.
    """
    if viewer.kind != PartyKind.AGENCY or viewer.exercise:
        return find_directed(uid, viewer=viewer)
    row = ExerciseRun.objects.select_related("directed_by").filter(uid=uid).first()
    if row is None:
        raise NotFoundError("there is no exercise {uid} that your party may see", uid=uid)
    return row


def open_of_others(*, viewer: Party) -> list[RunOut]:
    """Return to an agency the open exercises of others, which it may end; to others none."""
    if viewer.kind != PartyKind.AGENCY:
        return []
    return [describe(row, viewer=viewer) for row in open_runs() if row.directed_by != viewer]


def play(row: ExerciseRun, *, viewer: Party) -> PlayOut:
    """Return the state of an exercise for its player."""
    waiting = row.instructions.filter(done_at=None)
    return PlayOut(
        run=describe(row, viewer=viewer),
        instructions=[_describe_instruction(instruction) for instruction in waiting],
    )


def scenario(uid: UUID, *, viewer: Party) -> ScenarioOut:
    """Return the scenario of an exercise to the party that directs it. raises: NotFoundError."""
    definition = find_directed(uid, viewer=viewer).definition
    return ScenarioOut(scenario=definition, progress=progress(uid, viewer=viewer))


def progress(uid: UUID, *, viewer: Party) -> ProgressIn:
    """Return the last report of the player, to the party that directs. raises: NotFoundError."""
    row = find_directed(uid, viewer=viewer)
    return ProgressIn.model_validate_json(_json(row))


def instructions(uid: UUID, *, viewer: Party) -> list[Instruction]:
    """Return the latest instructions, to the party that directs. raises: NotFoundError."""
    row = find_directed(uid, viewer=viewer)
    return list(row.instructions.order_by("-given_at", "-pk")[:20])


def members(row: ExerciseRun) -> list[RunMember]:
    """Return the cast of an exercise with its parties, in the order of the scenario."""
    return list(row.members.select_related("party"))


def news(uid: UUID, *, viewer: Party, language: str = "en") -> list[RunNewsOut]:
    """Return the news for a party, the latest first: all of it for the party that directs.

    language: in which the scenario may have it; other news is as its player wrote it.

    raises: NotFoundError.
    """
    row = find(uid, viewer=viewer)
    rows = row.news.select_related("member").prefetch_related(
        Prefetch("files", RunFile.objects.defer("content"))
    )
    if row.directed_by != viewer:
        rows = rows.filter(member__party=viewer)
    translations = _translations(row, language=language)
    return [
        RunNewsOut(
            member=item.member.name,
            kind=item.kind,
            text=translations.get(item.text, item.text),
            at_min=item.at_min,
            at=item.at,
            files=[
                RunFileOut(number=file.pk, name=file.name, size_bytes=file.size_bytes)
                for file in item.files.all()
            ],
        )
        for item in rows[:200]
    ]


def file(uid: UUID, number: int, *, viewer: Party) -> tuple[str, bytes]:
    """Return name and content of a file for the party that it was sent to, and for nobody else.

    raises: NotFoundError, also once the exercise has ended.
    """
    rows = RunFile.objects.filter(news__run__uid=uid, news__member__party=viewer)
    row = rows.filter(pk=number).first()
    if row is None:
        raise NotFoundError("there is no file {number} for your party", number=number)
    return row.name, bytes(row.content)


def stored_bytes(row: ExerciseRun) -> int:
    """Return the size of all files of an exercise."""
    sizes = RunFile.objects.filter(news__run=row).aggregate(sum=Sum("size_bytes"))
    return sizes["sum"] or 0


def observations(uid: UUID, *, viewer: Party) -> list[ObservationOut]:
    """Return observations, oldest first: all for the party that directs, to others their own.

    raises: NotFoundError.
    """
    row = find(uid, viewer=viewer)
    rows = row.observations.select_related("by")
    if row.directed_by != viewer:
        rows = rows.filter(by=viewer)
    return [describe_observation(item) for item in rows]


def describe_observation(row: Observation) -> ObservationOut:
    """Return an observation as the message of the API."""
    return ObservationOut(
        id=row.uid, text=row.text, member=row.member, by=row.by.name, at_min=row.at_min, at=row.at
    )


def entries(uid: UUID, *, after: int, viewer: Party) -> RunEntriesPage:
    """Return the ledger entries of an exercise, to the party that directs it.

    Those of its cast since it was prepared. raises: NotFoundError.
    """
    row = find_directed(uid, viewer=viewer)
    names = {member.party.ref: member.name for member in members(row)}
    page = ledger.unfiltered(after=after, limit=_PAGE)
    until = page[-1].number if page else after
    return RunEntriesPage(
        entries=[_entry(entry, names) for entry in page if _is_of_run(entry, row, names)],
        next=until,
        more=len(page) == _PAGE,
    )


@needs_no_viewer("the operator and the scheduler end them")
def open_runs(*, unheard_since: datetime | None = None) -> list[ExerciseRun]:
    """Return exercises that have not ended. unheard_since: only without a player since then."""
    rows = ExerciseRun.objects.filter(state__in=OPEN).select_related("directed_by", "paused_for")
    if unheard_since is not None:
        rows = rows.filter(created_at__lte=unheard_since).exclude(heard_at__gt=unheard_since)
    return list(rows)


@needs_no_viewer("it returns titles for a rule; there is one at most")
def open_titles() -> list[str]:
    """Return the titles of exercises that have not ended."""
    return list(ExerciseRun.objects.filter(state__in=OPEN).values_list("title", flat=True))


def directed_now(*, viewer: Party) -> RunOut | None:
    """Return the exercise that a party directs and can pause for a real crisis; None without one.

    One that is paused for a real crisis already is left out.
    """
    rows = _visible(viewer).filter(directed_by=viewer, state__in=OPEN)
    row = rows.exclude(pause_reason=PauseReason.REAL_CRISIS).first()
    return describe(row, viewer=viewer) if row else None


def check_bot_acts(party: Party) -> None:
    """Check that the exercise in which a bot plays a party runs now. raises: ConflictError."""
    member = RunMember.objects.select_related("run").get(party=party, is_bot=True)
    check_runs(RunState(member.run.state))


def lesson(*, viewer: Party, now: datetime, language: str = "en") -> RunLesson | None:
    """Return the hints of the guided exercise in which a party plays the learner, or None.

    An exercise that ended is shown for an hour.
    """
    is_shown = Q(run__state__in=OPEN) | Q(run__ended_at__gte=now - _SHOWN_FOR)
    played = RunMember.objects.filter(is_shown, party=viewer, is_bot=False)
    member = played.select_related("run").order_by("-run__created_at").first()
    if member is None or (member.run.definition.get("lesson") or {}).get("plays") != member.name:
        return None
    row = member.run
    crisis = crisis_of(row)
    hints = hint_states(
        Lesson.model_validate(row.definition["lesson"]),
        kinds=ledger.kinds_of_exercise(viewer.ref, since=row.created_at),
        crisis=str(crisis.uid) if crisis else "",
        language=language,
    )
    return RunLesson(hints)


def facts(row: ExerciseRun) -> RunFacts:
    """Return the facts that the rules need of an exercise."""
    cast = members(row)
    played = {member.name for member in cast if not member.is_bot}
    return RunFacts(
        state=RunState(row.state),
        directed_by=row.directed_by.name,
        people=frozenset(member.party.name for member in cast if not member.is_bot),
        bots=frozenset(member.name for member in cast if member.is_bot),
        members=frozenset(member.name for member in cast),
        steps={step["name"]: RunStepState(step["state"]) for step in row.steps},
        by_people=frozenset(step["name"] for step in row.steps if step["by"] in played),
    )


def describe(row: ExerciseRun, *, viewer: Party) -> RunOut:
    """Return an exercise as the message of the API; who may not see its real crisis, without it."""
    return RunOut(
        id=row.uid,
        scenario=row.scenario,
        title=row.title,
        seed=row.seed,
        speed=row.speed,
        state=RunState(row.state),
        directed_by=row.directed_by.name,
        members=[
            RunMemberOut(
                name=member.name,
                title=member.title,
                kind=PartyKind(member.party.kind),
                party=member.party.name,
                is_bot=member.is_bot,
            )
            for member in members(row)
        ],
        minutes=row.minutes,
        duration_min=row.duration_min,
        pause_reason=PauseReason(row.pause_reason) if row.pause_reason else None,
        paused_for=crises.visible_id(row.paused_for, viewer=viewer),
        created_at=row.created_at,
        started_at=row.started_at,
        heard_at=row.heard_at,
        ended_at=row.ended_at,
    )


def last_entries(uid: UUID, *, viewer: Party) -> dict[str, list[EntryRow]]:
    """Return the last entries of each party of the cast, the newest first, to who directs.

    raises: NotFoundError.
    """
    row = find_directed(uid, viewer=viewer)
    latest = [
        entry
        for entry in ledger.latest_of_exercises(within=_PAGE)
        if entry.recorded_at >= row.created_at
    ]
    return {
        member.party.name: [entry for entry in latest if entry.actor == member.party.ref]
        for member in members(row)
    }


def crisis_id(uid: UUID, *, viewer: Party) -> UUID | None:
    """Return the crisis of an exercise if there is one that the viewer may see.

    raises: NotFoundError.
    """
    crisis = crisis_of(find(uid, viewer=viewer))
    return crises.visible_id(crisis, viewer=viewer)


def crisis_of(row: ExerciseRun) -> Crisis | None:
    """Return the crisis that the cast raised in an exercise; None before that."""
    parties = [member.party for member in members(row)]
    rows = Crisis.objects.filter(
        exercise=True, opened_by__in=parties, warned_at__gte=row.created_at
    )
    return rows.select_related("opened_by").order_by("warned_at").first()


def _translations(row: ExerciseRun, *, language: str) -> dict[str, str]:
    """Return the news of a scenario in a language, by its English text."""
    steps = (step["do"] for step in row.definition["injects"])
    return {step["text"]: step[language] for step in steps if step.get(language)}


def _describe_instruction(row: Instruction) -> InstructionOut:
    """Return an instruction as the message of the API."""
    return InstructionOut(
        id=row.uid,
        kind=InstructionKind(row.kind),
        step=row.step,
        member=row.member,
        text=row.text,
        speed=row.speed,
    )


def _entry(entry: EntryRow, names: dict[str, str]) -> RunEntryOut:
    """Return a ledger entry with the member of the cast that acted."""
    return RunEntryOut(
        number=entry.number,
        kind=entry.kind,
        actor=names.get(entry.actor, ""),
        subject=entry.subject,
        detail=entry.detail,
        recorded_at=entry.recorded_at,
    )


def _is_of_run(entry: EntryRow, row: ExerciseRun, names: dict[str, str]) -> bool:
    """Whether the cast of an exercise made an entry of an exercise since it was prepared."""
    return entry.exercise and entry.actor in names and entry.recorded_at >= row.created_at


def _json(row: ExerciseRun) -> str:
    """Return the report of the player as JSON."""
    fields: dict[str, Any] = {
        "minutes": row.minutes,
        "steps": row.steps,
        "objectives": row.objectives,
        "spread": row.spread,
    }
    return json.dumps(fields)


def _visible(viewer: Party) -> QuerySet[ExerciseRun]:
    """Return the exercises that a party directs, or in which its people play."""
    played = RunMember.objects.filter(party=viewer, is_bot=False).values("run")
    rows = ExerciseRun.objects.filter(Q(directed_by=viewer) | Q(pk__in=played))
    return rows.select_related("directed_by", "paused_for")
