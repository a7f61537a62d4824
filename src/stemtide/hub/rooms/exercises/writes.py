# SPDX-License-Identifier: Apache-2.0
"""Write runs of exercises: prepare, direct, report, observe. Decision 0173."""

from base64 import b64decode
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import transaction

from stemtide.hub.platform.errors import InvalidError, NotFoundError
from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.exercises import reads, rules
from stemtide.hub.rooms.exercises.models import (
    ExerciseRun,
    Instruction,
    Observation,
    RunFile,
    RunMember,
    RunNews,
)
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.writes import exercise_parties
from stemtide.protocol.enums import PartyKind, Standing
from stemtide.protocol.enums.exercises import InstructionKind, PauseReason, RunAct, RunState
from stemtide.protocol.exercises import (
    MAX_SPEED,
    BotKeyOut,
    ObservationIn,
    ObservationOut,
    PlayOut,
    ProgressIn,
    RunFileIn,
    RunIn,
    RunNewsIn,
    RunOut,
)
from stemtide.scenarios import reader
from stemtide.scenarios.schema import CastMember, Scenario

_KINDS = {
    RunAct.START: "exercise.started",
    RunAct.PAUSE: "exercise.paused",
    RunAct.RESUME: "exercise.resumed",
}
_INTERRUPTED = "exercise.interrupted"
"""The kind of a pause for a real crisis. It is real: its alert must not say EXERCISE."""


@transaction.atomic
def prepare(body: RunIn, *, by: Actor, now: datetime) -> RunOut:
    """Prepare an exercise, in numbered steps; its player may then begin.

    1 no other is open; 2 people play members of a kind of theirs; 3 each other member gets a party
    of its own; 4 the parties whose people play are told, by the entry's alert.

    raises: NotAllowedError, ConflictError, InvalidError naming the field.
    """
    rules.check_direct(by)
    scenario = _scenario(body.scenario)
    ledger.lock_ledger()
    rules.check_none_open(reads.open_titles())  # 1
    rules.check_cast(scenario.cast, body.people)
    people = {
        name: _player(name, scenario.cast[name], party=party)  # 2
        for name, party in body.people.items()
    }
    run = ExerciseRun.objects.create(
        uid=uuid4(),
        scenario=scenario.name,
        title=scenario.title,
        definition=scenario.model_dump(mode="json"),
        seed=body.seed,
        speed=body.speed,
        directed_by=by.party,
        directed_ref=by.ref,
        duration_min=scenario.duration_min,
        created_at=now,
    )
    _cast(run, scenario, people, by=by, now=now)  # 3
    invited = sorted(party.name for party in people.values() if party != by.party)
    detail: dict[str, object] = {"scenario": scenario.name, "parties": invited}
    _record("exercise.prepared", run, by=by, now=now, detail=detail)  # 4
    return reads.describe(run, viewer=by.party)


@needs_no_entry("each key that is created or revoked has an entry")
@transaction.atomic
def renew_keys(uid: UUID, *, by: Actor, now: datetime) -> list[BotKeyOut]:
    """Create a key for each bot; keys from before no longer work.

    raises: NotFoundError, NotAllowedError, ConflictError for an exercise that has ended.
    """
    ledger.lock_ledger()
    run = reads.find_directed(uid, viewer=by.party)
    facts = reads.facts(run)
    rules.check_directs(facts, by=by)
    rules.check_open(facts)
    return [
        BotKeyOut(
            member=member.name,
            key=exercise_parties.renew_bot_key(member.party, by=by, now=now),
        )
        for member in reads.members(run)
        if member.is_bot
    ]


@transaction.atomic
def act(
    uid: UUID,
    verb: RunAct,
    *,
    by: Actor,
    now: datetime,
    crisis: UUID | None = None,
) -> RunOut:
    """Start, pause, resume or end an exercise. crisis: the real one for which it pauses.

    raises: NotFoundError, NotAllowedError, ConflictError; InvalidError for a crisis of an exercise.
    """
    ledger.lock_ledger()
    if verb is RunAct.END:
        return _end_by_party(uid, by=by, now=now)
    run = reads.find_directed(uid, viewer=by.party)
    run.state = rules.check_act(reads.facts(run), verb, by=by, is_for_crisis=crisis is not None)
    run.paused_for, run.pause_reason = None, ""
    detail: dict[str, object] = {"parties": _playing(run, by=by)}
    if run.state is RunState.PAUSED:
        run.pause_reason = PauseReason.REAL_CRISIS if crisis else PauseReason.DIRECTOR
    if crisis is not None:
        run.paused_for = crises.find(crisis, viewer=by.party)
        rules.check_is_real(exercise=run.paused_for.exercise)
    if run.state is RunState.RUNNING and run.started_at is None:
        run.started_at = now
    run.save()
    kind = _INTERRUPTED if crisis else _KINDS[verb]
    _record(kind, run, by=by, now=now, detail=detail)
    return reads.describe(run, viewer=by.party)


@transaction.atomic
def end_open(*, actor: str, now: datetime, unheard: timedelta | None = None) -> list[str]:
    """End exercises that have not ended, without their director; return their titles.

    actor: the operator or the clock. unheard: only those whose player has not reported for so long.
    """
    ledger.lock_ledger()
    ended = reads.open_runs(unheard_since=now - unheard if unheard else None)
    for run in ended:
        _end(run, by=None, otherwise=actor, now=now)
    return [run.title for run in ended]


@needs_no_entry("end_open() records it")
def end_abandoned(now: datetime) -> int:
    """End exercises without a player for a day: they keep all others from beginning."""
    if not reads.open_runs(unheard_since=now - rules.ABANDONED_AFTER):
        return 0
    return len(end_open(actor=CLOCK, now=now, unheard=rules.ABANDONED_AFTER))


def _end_by_party(uid: UUID, *, by: Actor, now: datetime) -> RunOut:
    """End an exercise for its director, or for an agency. raises: as act()."""
    run = reads.find_to_end(uid, viewer=by.party)
    rules.check_end(reads.facts(run), by=by)
    _end(run, by=by, otherwise=CLOCK, now=now)
    return reads.describe(run, viewer=by.party)


@transaction.atomic
def instruct(
    uid: UUID,
    kind: InstructionKind,
    *,
    by: Actor,
    now: datetime,
    step: str = "",
    member: str = "",
    text: str = "",
    speed: float | None = None,
) -> None:
    """Give the player an instruction.

    raises: NotFoundError, NotAllowedError, ConflictError, InvalidError naming the field.
    """
    ledger.lock_ledger()
    run = reads.find_directed(uid, viewer=by.party)
    rules.check_instruct(reads.facts(run), kind, by=by, step=step, member=member)
    if kind is InstructionKind.SPEED:
        rules.check_speed(speed, most=MAX_SPEED)
        run.speed = speed or run.speed
        run.save(update_fields=["speed"])
    if kind is InstructionKind.SAY and not text.strip():
        raise InvalidError("text", "is empty: write what the bot shall say")
    Instruction.objects.create(
        uid=uuid4(),
        run=run,
        kind=kind,
        step=step,
        member=member,
        text=text.strip()[:2000],
        speed=speed,
        given_ref=by.ref,
        given_at=now,
    )
    detail: dict[str, object] = {"instruction": str(kind)}
    if step or member:
        detail["about"] = step or member
    _record("exercise.instructed", run, by=by, now=now, detail=detail)


@needs_no_entry("a report each second; the acts of bots are in the ledger themselves")
@transaction.atomic
def report(uid: UUID, *, body: ProgressIn, by: Actor, now: datetime) -> PlayOut:
    """Store a report of the player; return the state and the director's instructions.

    raises: NotFoundError, NotAllowedError.
    """
    ledger.lock_ledger()
    run = reads.find_directed(uid, viewer=by.party)
    rules.check_directs(reads.facts(run), by=by)
    run.minutes, run.heard_at = body.minutes, now
    for name in ("steps", "objectives", "spread"):
        rows = getattr(body, name)
        if rows is not None:
            setattr(run, name, [row.model_dump(mode="json") for row in rows])
    run.save(update_fields=["minutes", "heard_at", "steps", "objectives", "spread"])
    for done in body.carried_out:
        waiting = run.instructions.filter(uid=done.id, done_at=None)
        waiting.update(done_at=now, outcome=done.outcome)
    return reads.play(run, viewer=by.party)


@transaction.atomic
def bring_news(uid: UUID, *, body: RunNewsIn, by: Actor, now: datetime) -> None:
    """Bring news to members of the cast that people play; their parties are alerted.

    raises: NotFoundError, NotAllowedError, ConflictError, InvalidError.
    """
    ledger.lock_ledger()
    run = reads.find_directed(uid, viewer=by.party)
    facts = reads.facts(run)
    rules.check_directs(facts, by=by)
    rules.check_runs(facts.state)
    reached = [
        member for member in reads.members(run) if member.name in body.to and not member.is_bot
    ]
    rows = RunNews.objects.bulk_create(
        RunNews(run=run, member=member, kind=body.kind, text=body.text, at_min=body.at_min, at=now)
        for member in reached
    )
    if body.files:
        _keep_files(run, body.files, rows=rows)
    detail: dict[str, object] = {"parties": [member.party.name for member in reached]}
    _record("exercise.informed", run, by=by, now=now, detail=detail)


@transaction.atomic
def observe(uid: UUID, *, body: ObservationIn, by: Actor, now: datetime) -> ObservationOut:
    """Note an observation, at the minute that the player last reported.

    raises: NotFoundError, NotAllowedError, InvalidError.
    """
    ledger.lock_ledger()
    run = reads.find(uid, viewer=by.party)
    rules.check_observe(reads.facts(run), by=by, member=body.member)
    row = Observation.objects.create(
        uid=uuid4(),
        run=run,
        member=body.member,
        text=body.text,
        by=by.party,
        by_ref=by.ref,
        at_min=run.minutes,
        at=now,
    )
    _record("observation.noted", run, by=by, now=now, detail={})
    return reads.describe_observation(row)


def _keep_files(run: ExerciseRun, files: Iterable[RunFileIn], *, rows: list[RunNews]) -> None:
    """Store the files that came with news, once for each member. raises: InvalidError."""
    contents = {file.name: b64decode(file.content, validate=True) for file in files}
    rules.check_files(
        {row.member.name: PartyKind(row.member.party.kind) for row in rows},
        stored_bytes=reads.stored_bytes(run),
        more_bytes=len(rows) * sum(map(len, contents.values())),
    )
    for name, content in contents.items():
        rules.check_file(name, content)
    RunFile.objects.bulk_create(
        RunFile(news=row, name=name, content=content, size_bytes=len(content))
        for row in rows
        for name, content in contents.items()
    )


def _scenario(name: str) -> Scenario:
    """Return a scenario that ships with the program. raises: InvalidError."""
    if name not in reader.shipped():
        raise InvalidError(
            "scenario",
            "there is no scenario {name!r}; known are {known}",
            name=name[:60],
            known=", ".join(reader.shipped()),
        )
    return reader.read(name)


def _player(member: str, planned: CastMember, *, party: str) -> Party:
    """Return the party whose people play a member. raises: InvalidError."""
    try:
        row = parties.party(party)
    except NotFoundError as error:
        raise InvalidError.of("people", error) from error
    facts = rules.CastPlayer(row.name, PartyKind(row.kind), Standing(row.standing), row.exercise)
    rules.check_people(member, kind=planned.kind, player=facts)
    return row


def _cast(
    run: ExerciseRun, scenario: Scenario, people: Mapping[str, Party], *, by: Actor, now: datetime
) -> None:
    """Store the cast of a run; members without people get a party of their own."""
    for name, planned in scenario.cast.items():
        party = people.get(name) or exercise_parties.add_bot_party(
            name,
            run=run.pk,
            title=planned.title,
            kind=planned.kind,
            country=planned.country,
            duties=planned.competent,
            by=by,
            now=now,
        )
        RunMember.objects.create(
            run=run, name=name, title=planned.title, party=party, is_bot=name not in people
        )


def _end(run: ExerciseRun, *, by: Actor | None, otherwise: str, now: datetime) -> None:
    """End an exercise, and the parties that bots played in it."""
    run.state, run.ended_at = RunState.ENDED, now
    run.paused_for, run.pause_reason = None, ""
    run.save()
    RunFile.objects.filter(news__run=run).delete()
    for member in reads.members(run):
        if member.is_bot:
            exercise_parties.end_bot_party(member.party, by=by, otherwise=otherwise, now=now)
    detail: dict[str, object] = {"parties": _playing(run, by=by)}
    _record("exercise.ended", run, by=by, now=now, detail=detail, otherwise=otherwise)


def _playing(run: ExerciseRun, *, by: Actor | None) -> list[str]:
    """Return the parties whose people play, without that of who acts."""
    return sorted(
        member.party.name
        for member in reads.members(run)
        if not member.is_bot and (by is None or member.party != by.party)
    )


def _record(
    kind: str,
    run: ExerciseRun,
    *,
    by: Actor | None,
    now: datetime,
    detail: dict[str, object],
    otherwise: str = CLOCK,
) -> None:
    """Append an act on a run to the ledger."""
    ledger.append_by(
        kind,
        by=by,
        subject=run.ref,
        now=now,
        detail=detail,
        exercise=kind != _INTERRUPTED,
        otherwise=otherwise,
    )
