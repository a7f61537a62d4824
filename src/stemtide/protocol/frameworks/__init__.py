# SPDX-License-Identifier: Apache-2.0
"""Framework versions as data: stages, moves and the activation checklist of each."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stemtide.protocol.triage import triages
from stemtide.protocol.words import PartyKind

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class FrameworkError(ValueError):
    """A framework's data contradicts itself, or there is no such framework."""


class Stage(BaseModel):
    """One stage of a crisis.

    is_open:        it takes signals; a stage with tail_days takes them until its tail ends.
    two_people:     those of its moves that one person proposes and another confirms.
    opener_may:     those of its moves that the party which raised the warning may make, whatever
                    its kind, beside those who lead.
    leads:          kinds of party that decide here, where it differs from the framework.
    prompt_after_h: after so many hours people are asked whether it may calm down.
    review_after_h: after so many hours it must be reviewed.
    prompts:        what people are to think of here.
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
        """What a stage says of itself agrees."""
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
    """One test of the activation checklist."""

    model_config = _FROZEN

    name: str
    question: str
    source: str


class Framework(BaseModel):
    """One version of a crisis protocol.

    leads:           kinds of party that answer the checklist and decide on moves.
    needs_countries: how many countries a crisis touches at least when it is activated.
    needs_measures:  how many national measures are recorded as considered by then.
    proposal_h:      a proposal that nobody confirms runs out after so many hours.
    triage:          the name of its triage matrix: protocol/triage.toml.
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
    leads: tuple[PartyKind, ...] = Field(min_length=1)
    stages: dict[str, Stage]
    tests: dict[str, Test]

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Its parts name one another rightly."""
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
            if self.ended_stage not in self._reach(name):
                raise ValueError(f"stage {name}: nothing leads from it to {self.ended_stage}")
        if self.triage not in triages():
            raise ValueError(f"triage: there is none named {self.triage}")
        return self

    def _reach(self, name: str) -> set[str]:
        """The stages that can be reached from one, itself among them."""
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            one = waiting.pop()
            if one not in seen:
                seen.add(one)
                waiting.extend(self.stages[one].moves)
        return seen


def _read(name: str, text: str) -> Framework:
    """Read one framework from TOML.

    raises: FrameworkError naming the file and what is wrong with it.
    """
    try:
        raw = tomllib.loads(text)
        for part in ("stages", "tests"):
            for key, row in raw.get(part, {}).items():
                row["name"] = key
        return Framework.model_validate(raw | {"name": name})
    except tomllib.TOMLDecodeError as error:
        raise FrameworkError(f"framework {name}: {name}.toml is no TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        raise FrameworkError(
            f"framework {name}: in {name}.toml {f'at {where}: ' if where else ''}{what}"
        ) from error


@cache
def names() -> tuple[str, ...]:
    """Return the names of all framework versions, sorted."""
    entries = files("stemtide.protocol.frameworks").iterdir()
    return tuple(
        sorted(
            entry.name.removesuffix(".toml") for entry in entries if entry.name.endswith(".toml")
        )
    )


@cache
def frameworks() -> dict[str, Framework]:
    """All framework versions by name."""
    folder = files("stemtide.protocol.frameworks")
    return {name: _read(name, (folder / f"{name}.toml").read_text("utf-8")) for name in names()}


@cache
def newest() -> str:
    """Return the name of the framework version that was agreed last."""
    return max(frameworks().values(), key=lambda version: version.agreed_on).name


def framework(name: str) -> Framework:
    """One framework version.

    raises: FrameworkError naming those that exist.
    """
    if name not in frameworks():
        known = ", ".join(sorted(frameworks()))
        raise FrameworkError(f"there is no framework {name[:60]!r}; known are {known}")
    return frameworks()[name]
