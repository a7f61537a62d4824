# SPDX-License-Identifier: Apache-2.0
"""Messages about exercises that a hub runs: between its director, the player and the hub."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.exercises import (
    InstructionKind,
    PauseReason,
    RunState,
    RunStepState,
)

_STRICT = ConfigDict(extra="forbid", frozen=True)

MAX_STEPS = 1000
"""Most steps of a scenario: injects and rules."""

MAX_SPEED = 10_000

MAX_FILE_BYTES = 3_000_000
"""Largest file of an exercise."""

FILE_NAME_PATTERN = r"^[a-z0-9][a-z0-9-]{0,120}\.(png|jpg|mp4|txt)$"
BASE64 = r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"

Minutes = Annotated[float, Field(ge=0, le=1e6)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=60)]
Words = Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class RunIn(BaseModel):
    """An exercise to prepare.

    scenario: the name of one that ships with the program.
    people:   the members of the cast that people play, each with the party that plays it; bots
              play the others.
    speed:    minutes of the exercise for each real minute.
    """

    model_config = _STRICT

    scenario: Name
    seed: int = Field(default=1, ge=0, le=1_000_000)
    speed: float = Field(default=1, ge=0.1, le=MAX_SPEED)
    people: dict[Name, Name] = Field(
        default={}, max_length=40, json_schema_extra={"additionalProperties": {"type": "string"}}
    )


class RunMemberOut(BaseModel):
    """A member of the cast. party: the one that plays it. is_bot: whether a bot acts for it."""

    name: str
    title: str
    kind: PartyKind
    party: str
    is_bot: bool


class RunOut(BaseModel):
    """A run of a scenario on this hub.

    minutes:  the clock of the exercise, as the player last reported it.
    heard_at: when the player last reported.
    paused_for: the id of the real crisis for which it is paused, if you may see that crisis.
    """

    id: UUID
    scenario: str
    title: str
    seed: int
    speed: float
    state: RunState
    directed_by: str
    members: list[RunMemberOut]
    minutes: float
    duration_min: float
    pause_reason: PauseReason | None
    paused_for: UUID | None
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    heard_at: AwareDatetime | None
    ended_at: AwareDatetime | None


class InstructionOut(BaseModel):
    """An instruction of the director that the player has not carried out.

    step: of inject and skip. member, text: of say. speed: of speed.
    """

    id: UUID
    kind: InstructionKind
    step: str
    member: str
    text: str
    speed: float | None


class PlayOut(BaseModel):
    """A run for its player: its state, and the director's instructions."""

    run: RunOut
    instructions: list[InstructionOut]


class RunStepIn(BaseModel):
    """A step as the player sees it. at_min: when it was done, or is due."""

    model_config = _STRICT

    name: Name
    by: str = Field(default="", max_length=60)
    act: Name
    state: RunStepState
    at_min: Minutes | None = None
    note: str = Field(default="", max_length=2000)


class RunObjectiveIn(BaseModel):
    """An objective with its value so far. is_met: None while that is open."""

    model_config = _STRICT

    text: Words
    value: str = Field(max_length=100)
    bounds: str = Field(max_length=100)
    is_met: bool | None


class SpreadPointIn(BaseModel):
    """Copies so far. matched: those that agents recognised."""

    model_config = _STRICT

    at_min: Minutes
    copies: int = Field(ge=0)
    matched: int = Field(ge=0)


class CarriedOutIn(BaseModel):
    """An instruction that the player carried out, or could not; outcome says which."""

    model_config = _STRICT

    id: UUID
    outcome: str = Field(max_length=2000)


class ProgressIn(BaseModel):
    """A report of the player. steps, objectives, spread: None if nothing changed."""

    model_config = _STRICT

    minutes: Minutes
    steps: tuple[RunStepIn, ...] | None = Field(default=None, max_length=MAX_STEPS)
    objectives: tuple[RunObjectiveIn, ...] | None = Field(default=None, max_length=100)
    spread: tuple[SpreadPointIn, ...] | None = Field(default=None, max_length=5000)
    carried_out: tuple[CarriedOutIn, ...] = Field(default=(), max_length=200)
    is_over: bool = False


class ScenarioOut(BaseModel):
    """The scenario of a run, as a JSON object, and what its player last reported."""

    scenario: dict[str, Any]
    progress: ProgressIn


class BotKeyOut(BaseModel):
    """The key with which a bot acts for a member of the cast."""

    member: str
    key: str


class RunFileIn(BaseModel):
    """A file that people are to send through their own upload path. content: in base64."""

    model_config = _STRICT

    name: Annotated[str, StringConstraints(pattern=FILE_NAME_PATTERN)]
    content: Annotated[
        str, StringConstraints(min_length=4, max_length=MAX_FILE_BYTES * 4 // 3, pattern=BASE64)
    ]


class RunNewsIn(BaseModel):
    """News that reaches people by another way than the hub: a tip, a press call, a rumour.

    files: harmless copies for the people of a provider, made by the player of the exercise.
    """

    model_config = _STRICT

    to: tuple[Name, ...] = Field(min_length=1, max_length=40)
    kind: Name
    text: Words
    at_min: Minutes
    files: tuple[RunFileIn, ...] = Field(default=(), max_length=10)


class RunFileOut(BaseModel):
    """A file that came with news. number: for its address."""

    number: int
    name: str
    size_bytes: int


class RunNewsOut(BaseModel):
    """News of an exercise, as the party that it is for reads it."""

    member: str
    kind: str
    text: str
    at_min: float
    at: AwareDatetime
    files: list[RunFileOut] = []


class RunEntryOut(BaseModel):
    """A ledger entry of an exercise. actor: the member of the cast, "" for others."""

    number: int
    kind: str
    actor: str
    subject: str
    detail: dict[str, Any]
    recorded_at: AwareDatetime


class RunEntriesPage(BaseModel):
    """A page of the ledger entries of a run, oldest first. next: the number to continue after."""

    entries: list[RunEntryOut]
    next: int
    more: bool


class ObservationIn(BaseModel):
    """An observation during an exercise. member: of the cast that it is about."""

    model_config = _STRICT

    text: Words
    member: str = Field(default="", max_length=60)


class ObservationOut(BaseModel):
    """An observation. at_min: the minute of the exercise. by: the party that observed."""

    id: UUID
    text: str
    member: str
    by: str
    at_min: float
    at: AwareDatetime
