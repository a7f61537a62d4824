# SPDX-License-Identifier: Apache-2.0
"""Rules of exercises: who directs, what a run may do in which state. Decisions 0173, 0185."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import allows, check_person_may_write
from stemtide.protocol.enums import PartyKind, Role, Standing
from stemtide.protocol.enums.exercises import InstructionKind, RunAct, RunState, RunStepState

__all__ = ["allows", "check_direct", "check_instruct", "check_observe", "check_people"]

DIRECTING = frozenset({PartyKind.AUTHORITY, PartyKind.AGENCY})
"""Kinds of party that direct exercises."""

OPEN = frozenset({RunState.READY, RunState.RUNNING, RunState.PAUSED})

MOST_FILE_BYTES = 100_000_000
"""Most bytes of files that an exercise stores."""

_FILES = {
    "png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "jpg": re.compile(rb"\xff\xd8\xff"),
    "mp4": re.compile(rb".{4}ftyp", re.DOTALL),
}
"""How files begin, by their suffix."""

ABANDONED_AFTER = timedelta(hours=24)
"""The time without a report of a player after which the hub ends an exercise."""

ACTS: Mapping[RunAct, tuple[frozenset[RunState], RunState]] = {
    RunAct.START: (frozenset({RunState.READY}), RunState.RUNNING),
    RunAct.PAUSE: (frozenset({RunState.READY, RunState.RUNNING}), RunState.PAUSED),
    RunAct.RESUME: (frozenset({RunState.PAUSED}), RunState.RUNNING),
    RunAct.END: (OPEN, RunState.ENDED),
}
"""Each act on a run: from which states, and to which."""


class ActingParty(Protocol):
    """The facts that the rules need of an actor."""

    @property
    def name(self) -> str:
        """Return the name of the actor's party."""

    @property
    def kind(self) -> PartyKind:
        """Return the kind of the actor's party."""

    @property
    def role(self) -> Role | None:
        """Return the person's role; None for a machine."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The facts of a run. people: parties whose people play. bots: members that bots play.

    steps: the state of each step, by name. by_people: steps of members that people play.
    """

    state: RunState
    directed_by: str
    people: frozenset[str] = frozenset()
    bots: frozenset[str] = frozenset()
    members: frozenset[str] = frozenset()
    steps: Mapping[str, RunStepState] = field(default_factory=dict)
    by_people: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CastPlayer:
    """A party that is to play a member of the cast."""

    name: str
    kind: PartyKind
    standing: Standing
    exercise: bool


def check_direct(by: ActingParty) -> None:
    """Check that the actor directs exercises: a coordinator of an authority or agency, or a key.

    A key was checked for its scope.
    """
    if by.kind not in DIRECTING:
        raise NotAllowedError("only an authority or an agency runs exercises: ask one")
    if by.role not in {None, Role.COORDINATOR}:
        raise NotAllowedError(
            "your role ({role}) cannot run exercises: ask a coordinator of your party",
            role=(by.role or "").replace("_", " "),
        )


def check_directs(facts: RunFacts, *, by: ActingParty) -> None:
    """Check that the actor directs this run."""
    check_direct(by)
    if by.name != facts.directed_by:
        raise NotAllowedError(
            "this exercise is directed by {party}: ask its coordinator", party=facts.directed_by
        )


def check_end(facts: RunFacts, *, by: ActingParty) -> None:
    """Check that the actor may end this run: who directs it, or an agency, for it blocks others."""
    check_direct(by)
    if by.kind is not PartyKind.AGENCY:
        check_directs(facts, by=by)
    check_open(facts)


def check_none_open(titles: Collection[str]) -> None:
    """Check that no exercise is open: their entries in the ledger could not be kept apart."""
    if titles:
        raise ConflictError(
            "{title!r} has not ended: a hub runs one exercise at a time. Ask its director, or an "
            "agency, to end it",
            title=next(iter(titles)),
        )


def check_people(member: str, *, kind: PartyKind, player: CastPlayer) -> None:
    """Check that a party can play a member of the cast of a kind."""
    if player.exercise or player.standing is Standing.SUSPENDED:
        raise InvalidError("people", "{party} cannot play: choose another party", party=player.name)
    if player.kind is not kind:
        raise InvalidError(
            "people",
            "{member} is played by a party of the kind {kind}, and {party} is not one",
            member=member,
            kind=kind,
            party=player.name,
        )


def check_cast(members: Collection[str], people: Mapping[str, str]) -> None:
    """Check that people play members that there are, and no party plays two."""
    if unknown := sorted(set(people) - set(members)):
        raise InvalidError(
            "people",
            "there is no {member!r} in this scenario; known are {known}",
            member=unknown[0],
            known=", ".join(members),
        )
    parties = sorted(people.values())
    if twice := next((name for name in parties if parties.count(name) > 1), None):
        raise InvalidError(
            "people", "{party} plays two members: choose another party for one", party=twice
        )


def check_act(
    facts: RunFacts, act: RunAct, *, by: ActingParty, is_for_crisis: bool = False
) -> RunState:
    """Check that the director may do an act on a run now; return the state that follows.

    is_for_crisis: for a real one, for which every exercise that has not ended pauses.
    """
    check_directs(facts, by=by)
    before, after = ACTS[act]
    if facts.state not in (OPEN if is_for_crisis and act is RunAct.PAUSE else before):
        raise ConflictError("this exercise is {state} now: reload the page", state=facts.state)
    return after


def check_instruct(
    facts: RunFacts, kind: InstructionKind, *, by: ActingParty, step: str = "", member: str = ""
) -> None:
    """Check that the director may give the player an instruction."""
    check_directs(facts, by=by)
    check_open(facts)
    steps = facts.steps
    if kind is InstructionKind.INJECT and step in facts.by_people:
        raise ConflictError("people do this step: tell them, or skip it")
    if kind in {InstructionKind.INJECT, InstructionKind.SKIP}:
        if step not in steps:
            raise InvalidError("step", "there is no step {step!r}", step=step[:60])
        if steps[step] not in {RunStepState.DUE, RunStepState.WAITING, RunStepState.PEOPLE}:
            raise ConflictError("this step is {state} already", state=steps[step])
    if kind is InstructionKind.SAY and member not in facts.bots:
        raise InvalidError("member", "no bot plays {member!r}: choose another", member=member[:60])


def check_file(name: str, content: bytes) -> None:
    """Check that a file is of the kind that its name says: people download it.

    raises: InvalidError.
    """
    begins = _FILES.get(name.rpartition(".")[2])
    is_good = begins.match(content) if begins else _is_text(content)
    if not is_good:
        raise InvalidError("files", "{name} is not what its name says", name=name)


def check_files(members: Mapping[str, PartyKind], *, stored_bytes: int, more_bytes: int) -> None:
    """Check that files go to providers alone, and are not too many for an exercise."""
    for name, kind in members.items():
        if kind is not PartyKind.PROVIDER:
            raise InvalidError("to", "{member} is no provider: send it no files", member=name)
    if stored_bytes + more_bytes > MOST_FILE_BYTES:
        raise ConflictError(
            "this exercise has {size} MB of files already: send fewer",
            size=stored_bytes // 1_000_000,
        )


def _is_text(content: bytes) -> bool:
    """Whether a file is plain text."""
    try:
        return content.decode("utf-8").replace("\n", "").isprintable()
    except UnicodeDecodeError:
        return False


def check_open(facts: RunFacts) -> None:
    """Check that a run has not ended."""
    if facts.state not in OPEN:
        raise ConflictError("this exercise has ended")


def check_runs(state: RunState) -> None:
    """Check that a run goes on now: bots act, and news reach people, at no other time."""
    if state is not RunState.RUNNING:
        raise ConflictError("this exercise is {state} now: wait for its director", state=state)


def check_observe(facts: RunFacts, *, by: ActingParty, member: str) -> None:
    """Check that the actor notes an observation: of the directing party, or one that plays."""
    if by.role is not None:
        check_person_may_write(by.role)
    if by.name != facts.directed_by and by.name not in facts.people:
        raise NotAllowedError("only parties that take part note observations")
    if member and member not in facts.members:
        raise InvalidError("member", "there is no {member!r} in this exercise", member=member[:60])


def check_speed(speed: float | None, *, most: float) -> None:
    """Check a speed: exercise minutes for each real minute."""
    if speed is None or not 0.1 <= speed <= most:  # noqa: PLR2004  # as in the message RunIn
        raise InvalidError("speed", "enter a number from 0.1 to {most:g}", most=most)


def check_is_real(*, exercise: bool) -> None:
    """Check that the crisis for which an exercise pauses is a real one."""
    if exercise:
        raise InvalidError("crisis", "this crisis is an exercise itself: choose a real one")
