# SPDX-License-Identifier: Apache-2.0
"""State machines as data: what may become of a request, and by whose hand."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class MachineError(ValueError):
    """A machine's data contradicts itself, or there is no such machine."""


class WrongMoveError(Exception):
    """A machine does not move so. Its text says which moves there are."""


class State(BaseModel):
    """One state. is_end: nothing leads on from it."""

    model_config = _FROZEN

    name: str
    title: str
    is_end: bool = False


class Move(BaseModel):
    """One move. title: what people call it. by: who makes it, as seen from the thing that moves.

    The names in by are the machine's own ("sender", "addressee", "clock"); a room says who
    stands behind each.
    """

    model_config = _FROZEN

    name: str
    title: str
    source: tuple[str, ...] = Field(alias="from", min_length=1)
    target: str = Field(alias="to")
    by: tuple[str, ...] = Field(min_length=1)


class Machine(BaseModel):
    """One machine. first: the state that a thing is born in."""

    model_config = _FROZEN

    name: str
    title: str
    source: str = ""
    first: str
    states: dict[str, State] = Field(min_length=2)
    moves: dict[str, Move] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Its parts name one another rightly; every state is reached, and reaches an end."""
        named = {self.first}
        for move in self.moves.values():
            named |= {move.target, *move.source}
        if unknown := named - self.states.keys():
            raise ValueError(f"there is no state {', '.join(sorted(unknown))}")
        if lost := self.states.keys() - self._reach(self.first):
            raise ValueError(f"nothing leads to {', '.join(sorted(lost))}")
        for state in self.states.values():
            leads_on = any(state.name in move.source for move in self.moves.values())
            if leads_on is state.is_end:
                what = "is an end, and a move leads on" if leads_on else "leads nowhere"
                raise ValueError(f"state {state.name}: {what}")
        for state in self.states.values():
            if not any(self.states[one].is_end for one in self._reach(state.name)):
                raise ValueError(f"state {state.name}: no end can be reached")
        return self

    def _reach(self, name: str) -> set[str]:
        """The states that can be reached from one, itself among them."""
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            one = waiting.pop()
            if one not in seen:
                seen.add(one)
                waiting.extend(m.target for m in self.moves.values() if one in m.source)
        return seen

    def to(self, state: str, move: str, *, by: str) -> str:
        """The state after a move.

        raises: WrongMoveError where it is not made from here, or not by them.
        """
        found = self.moves.get(move)
        if found is None or state not in found.source or by not in found.by:
            can = ", ".join(self.moves[one].title for one in self.open_to(state, by=by))
            stands = self.states[state].title if state in self.states else state
            raise WrongMoveError(
                f"{self.title}: from {stands!r} the {by} cannot {found.title if found else move};"
                f" possible: {can or 'nothing'}"
            )
        return found.target

    def open_to(self, state: str, *, by: str) -> tuple[str, ...]:
        """Names of the moves that somebody can make from a state, in the order of the data."""
        return tuple(
            name for name, move in self.moves.items() if state in move.source and by in move.by
        )

    @property
    def open_states(self) -> frozenset[str]:
        """States that something still leads on from."""
        return frozenset(state.name for state in self.states.values() if not state.is_end)


def _read(name: str, text: str) -> Machine:
    """Read one machine from TOML.

    raises: MachineError naming the file and what is wrong with it.
    """
    try:
        raw = tomllib.loads(text)
        for part in ("states", "moves"):
            for key, row in raw.get(part, {}).items():
                row["name"] = key
        return Machine.model_validate(raw | {"name": name})
    except tomllib.TOMLDecodeError as error:
        raise MachineError(f"machine {name}: {name}.toml is no TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        raise MachineError(
            f"machine {name}: in {name}.toml {f'at {where}: ' if where else ''}{what}"
        ) from error


@cache
def machines() -> dict[str, Machine]:
    """All machines by name."""
    found = {}
    for entry in sorted(files("stemtide.protocol.machines").iterdir(), key=lambda one: one.name):
        if entry.name.endswith(".toml"):
            name = entry.name.removesuffix(".toml")
            found[name] = _read(name, entry.read_text("utf-8"))
    return found


def machine(name: str) -> Machine:
    """One machine.

    raises: MachineError naming those that exist.
    """
    if name not in machines():
        known = ", ".join(machines())
        raise MachineError(f"there is no machine {name[:60]!r}; known are {known or 'none'}")
    return machines()[name]
