# SPDX-License-Identifier: Apache-2.0
"""Framework versions as data: the stages, moves and activation checklist of each."""

from functools import cache
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from stemtide.protocol.enums import PartyKind
from stemtide.protocol.law.toml_files import read_toml, toml_texts
from stemtide.protocol.law.triage import triages

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class FrameworkError(ValueError):
    """A framework's definition is inconsistent, or there is no such framework."""


class Stage(BaseModel):
    """A stage of a crisis.

    is_open:        it accepts signals; a stage with tail_days accepts them until its tail ends.
    two_people:     moves that one person proposes and another confirms.
    opener_may:     moves that the party which raised the warning may make, whatever its kind, in
                    addition to those who lead.
    leads:          kinds of party that decide in this stage, if other than the framework's.
    prompt_after_h: hours until people are asked whether the crisis may calm down.
    review_after_h: hours until it must be reviewed.
    prompts:        points that people should consider in this stage.
    """

    model_config = _FROZEN

    name: str
    title: str
    is_open: bool
    moves: tuple[str, ...]
    two_people: tuple[str, ...] = ()
    opener_may: tuple[str, ...] = ()
    leads: tuple[PartyKind, ...] = ()
    prompt_after_h: int | None = Field(default=None, ge=1)
    review_after_h: int | None = Field(default=None, ge=1)
    tail_days: int | None = Field(default=None, ge=0)
    prompts: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Require settings of a stage that do not contradict each other."""
        if self.is_open and self.tail_days is not None:
            raise ValueError("is_open and tail_days: an open stage has no tail")
        if (self.prompt_after_h is None) is not (self.review_after_h is None):
            raise ValueError("prompt_after_h and review_after_h: give both or neither")
        if (self.prompt_after_h or 0) > (self.review_after_h or 0):
            raise ValueError("prompt_after_h: is later than review_after_h")
        for field in ("two_people", "opener_may"):
            if odd := set(getattr(self, field)) - set(self.moves):
                raise ValueError(f"{field}: {', '.join(sorted(odd))} is not among its moves")
        return self


class Test(BaseModel):
    """A question of the activation checklist."""

    model_config = _FROZEN

    name: str
    question: str
    source: str


class Activation(BaseModel):
    """Who activates the protocol together.

    pairs:       kinds of party that agree; two authorities must be of two Member States.
    emergency_h: hours that an emergency activation by one party lasts without the second.
    """

    model_config = _FROZEN

    pairs: tuple[tuple[PartyKind, PartyKind], ...] = Field(min_length=1)
    emergency_h: int = Field(ge=1)

    def partners(self, kind: PartyKind) -> frozenset[PartyKind]:
        """Return the kinds of party that may confirm what a party of this kind proposes."""
        return frozenset(
            other for pair in self.pairs for first, other in (pair, pair[::-1]) if first is kind
        )


class Framework(BaseModel):
    """A version of a crisis protocol.

    leads:           kinds of party that answer the checklist and decide on moves.
    needs_countries: minimum number of countries concerned for activation.
    needs_measures:  minimum number of national measures recorded as considered.
    proposal_h:      hours after which an unconfirmed proposal expires.
    triage:          the name of its triage matrix: protocol/law/triage.toml.
    tells:           what neighbours hear of an activation: nothing; the activation with its times;
                     or the event as well, with its name, countries and references.
    """

    model_config = _FROZEN

    name: str
    title: str
    agreed_on: str
    first_stage: str
    active_stage: str
    calming_stage: str
    closed_stage: str
    ended_stage: str
    needs_countries: int = Field(ge=1)
    needs_measures: int = Field(ge=0)
    proposal_h: int = Field(ge=1)
    triage: str
    tells: Literal["nothing", "activation", "event"] = "activation"
    leads: tuple[PartyKind, ...] = Field(min_length=1)
    activation: Activation
    stages: dict[str, Stage]
    tests: dict[str, Test]

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Require that all names refer to existing parts, and that each stage can reach the end."""
        named = {
            *(self.first_stage, self.active_stage, self.calming_stage),
            *(self.closed_stage, self.ended_stage),
            *(move for stage in self.stages.values() for move in stage.moves),
        }
        if unknown := named - self.stages.keys():
            raise ValueError(f"there is no stage {', '.join(sorted(unknown))}")
        if not self.tests:
            raise ValueError("a checklist needs at least one test")
        if self.stages[self.ended_stage].moves:
            raise ValueError(f"ended_stage: {self.ended_stage} leads on, and is to be the end")
        if self.stages[self.closed_stage].tail_days is None:
            raise ValueError(f"closed_stage: {self.closed_stage} says no tail_days")
        for name in self.stages:
            if self.ended_stage not in self.reachable(name):
                raise ValueError(f"stage {name}: nothing leads from it to {self.ended_stage}")
        if odd := {kind for pair in self.activation.pairs for kind in pair} - set(self.leads):
            raise ValueError(f"activation: {', '.join(sorted(odd))} is not among those who lead")
        if self.triage not in triages():
            raise ValueError(f"triage: there is none named {self.triage}")
        return self

    def reachable(self, name: str) -> set[str]:
        """Return the stages that can be reached from a stage, including itself."""
        reached: set[str] = set()
        waiting = [name]
        while waiting:
            stage = waiting.pop()
            if stage not in reached:
                reached.add(stage)
                waiting.extend(self.stages[stage].moves)
        return reached


def _read(name: str, text: str) -> Framework:
    """Parse a framework. raises: FrameworkError."""
    return read_toml(
        Framework,
        text,
        name=name,
        noun="framework",
        error=FrameworkError,
        named=("stages", "tests"),
    )


@cache
def names() -> tuple[str, ...]:
    """Return the names of all framework versions, sorted."""
    return tuple(name for name, _ in toml_texts("stemtide.protocol.law.frameworks"))


@cache
def frameworks() -> dict[str, Framework]:
    """Return all framework versions by name."""
    return {
        name: _read(name, text) for name, text in toml_texts("stemtide.protocol.law.frameworks")
    }


@cache
def newest() -> str:
    """Return the name of the framework version that was agreed last."""
    return max(frameworks().values(), key=lambda version: version.agreed_on).name


def framework(name: str) -> Framework:
    """Return a framework version by name.

    raises: FrameworkError naming the existing versions.
    """
    if name not in frameworks():
        known_names = ", ".join(sorted(frameworks()))
        raise FrameworkError(f"there is no framework {name[:60]!r}; known are {known_names}")
    return frameworks()[name]
