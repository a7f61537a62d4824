# SPDX-License-Identifier: Apache-2.0
"""State machines as data: the states of requests, and who may make which move."""

from functools import cache
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from stemtide.protocol.law.toml_files import read_toml, toml_texts

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class MachineError(ValueError):
    """A machine's definition is inconsistent, or there is no such machine."""


class WrongMoveError(Exception):
    """The move is not allowed in this state. The message lists the possible moves."""


class State(BaseModel):
    """A state. is_end: no move leads on from it."""

    model_config = _FROZEN

    name: str
    title: str
    is_end: bool = False


class Move(BaseModel):
    """A move between states. title: its name for people. by: the roles that may make it.

    Roles are the machine's own ("sender", "addressee", "clock"), as seen from the object that
    moves; a room says who has which role.
    """

    model_config = _FROZEN

    name: str
    title: str
    source: tuple[str, ...] = Field(alias="from", min_length=1)
    target: str = Field(alias="to")
    by: tuple[str, ...] = Field(min_length=1)


class Machine(BaseModel):
    """A state machine. first: the initial state."""

    model_config = _FROZEN

    name: str
    title: str
    source: str = ""
    first: str
    states: dict[str, State] = Field(min_length=2)
    moves: dict[str, Move] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Require existing names, and that each state is reachable and can reach an end."""
        named = {self.first}
        for move in self.moves.values():
            named |= {move.target, *move.source}
        if unknown := named - self.states.keys():
            raise ValueError(f"there is no state {', '.join(sorted(unknown))}")
        if lost := self.states.keys() - self.reachable(self.first):
            raise ValueError(f"nothing leads to {', '.join(sorted(lost))}")
        for state in self.states.values():
            leads_on = any(state.name in move.source for move in self.moves.values())
            if leads_on is state.is_end:
                problem = "is an end, and a move leads on" if leads_on else "leads nowhere"
                raise ValueError(f"state {state.name}: {problem}")
        for state in self.states.values():
            if not any(self.states[reached].is_end for reached in self.reachable(state.name)):
                raise ValueError(f"state {state.name}: no end can be reached")
        return self

    def reachable(self, name: str) -> set[str]:
        """Return the states that can be reached from a state, including itself."""
        reached: set[str] = set()
        waiting = [name]
        while waiting:
            state = waiting.pop()
            if state not in reached:
                reached.add(state)
                waiting.extend(m.target for m in self.moves.values() if state in m.source)
        return reached

    def to(self, state: str, move: str, *, side: str) -> str:
        """Return the state after a move.

        raises: WrongMoveError if the move is not allowed from this state, or not to this role.
        """
        chosen = self.moves.get(move)
        if chosen is None or state not in chosen.source or side not in chosen.by:
            possible = ", ".join(self.moves[name].title for name in self.open_to(state, side=side))
            move_title = chosen.title if chosen else move
            state_title = self.states[state].title if state in self.states else state
            raise WrongMoveError(
                f"{self.title}: from {state_title!r} the {side} cannot {move_title};"
                f" possible: {possible or 'nothing'}"
            )
        return chosen.target

    def open_to(self, state: str, *, side: str) -> tuple[str, ...]:
        """Return the names of the moves that a role can make from a state, in data order."""
        return tuple(
            name for name, move in self.moves.items() if state in move.source and side in move.by
        )

    @property
    def open_states(self) -> frozenset[str]:
        """Return the states that are not an end."""
        return frozenset(state.name for state in self.states.values() if not state.is_end)


def _read(name: str, text: str) -> Machine:
    """Parse a machine. raises: MachineError."""
    return read_toml(
        Machine, text, name=name, noun="machine", error=MachineError, named=("states", "moves")
    )


@cache
def machines() -> dict[str, Machine]:
    """Return all machines by name."""
    return {name: _read(name, text) for name, text in toml_texts("stemtide.protocol.law.machines")}


def machine(name: str) -> Machine:
    """Return a machine by name.

    raises: MachineError naming the existing machines.
    """
    if name not in machines():
        known_names = ", ".join(machines())
        raise MachineError(f"there is no machine {name[:60]!r}; known are {known_names or 'none'}")
    return machines()[name]
