# SPDX-License-Identifier: Apache-2.0
"""Framework versions as data: stages, moves and the activation checklist of each."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


class FrameworkError(ValueError):
    """A framework's data contradicts itself, or there is no such framework."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a crisis. is_open: it still takes signals."""

    name: str
    title: str
    is_open: bool
    moves: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Test:
    """One test of the activation checklist."""

    name: str
    question: str
    source: str


@dataclass(frozen=True, slots=True)
class Framework:
    """One version of a crisis protocol."""

    name: str
    title: str
    agreed_on: str
    first_stage: str
    active_stage: str
    closed_stage: str
    needs_countries: int
    stages: dict[str, Stage]
    tests: dict[str, Test]


def _read(name: str, text: str) -> Framework:
    """Read one framework from TOML.

    raises: FrameworkError naming the framework and what is wrong with it.
    """
    raw = tomllib.loads(text)
    stages = {
        key: Stage(name=key, title=row["title"], is_open=row["is_open"], moves=tuple(row["moves"]))
        for key, row in raw["stages"].items()
    }
    tests = {key: Test(name=key, **row) for key, row in raw["tests"].items()}
    named = {raw["first_stage"], raw["active_stage"], raw["closed_stage"]}
    named.update(move for stage in stages.values() for move in stage.moves)
    if unknown := named - stages.keys():
        raise FrameworkError(f"framework {name}: there is no stage {', '.join(sorted(unknown))}")
    if not tests:
        raise FrameworkError(f"framework {name}: a checklist needs at least one test")
    return Framework(
        name=name,
        title=raw["title"],
        agreed_on=raw["agreed_on"],
        first_stage=raw["first_stage"],
        active_stage=raw["active_stage"],
        closed_stage=raw["closed_stage"],
        needs_countries=raw["needs_countries"],
        stages=stages,
        tests=tests,
    )


@cache
def frameworks() -> dict[str, Framework]:
    """All framework versions by name."""
    found = {}
    for entry in files("stemtide.protocol.frameworks").iterdir():
        if entry.name.endswith(".toml"):
            name = entry.name.removesuffix(".toml")
            found[name] = _read(name, entry.read_text("utf-8"))
    return found


def framework(name: str) -> Framework:
    """One framework version.

    raises: FrameworkError naming those that exist.
    """
    if name not in frameworks():
        known = ", ".join(sorted(frameworks()))
        raise FrameworkError(f"there is no framework {name[:60]!r}; known are {known}")
    return frameworks()[name]
