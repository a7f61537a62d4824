# SPDX-License-Identifier: Apache-2.0
"""State that acts read and change while a scenario is played."""

from dataclasses import dataclass, field
from uuid import UUID

from stemtide.client import Hub
from stemtide.exercises.play.content import ContentMaker
from stemtide.exercises.play.world import World
from stemtide.exercises.results.record import UploadedCopy
from stemtide.exercises.scenarios.schema import Scenario
from stemtide.fingerprints.sandbox.pool import Sandbox


class NotPossibleError(Exception):
    """An act is not possible now, because an act before it is missing; the message says which."""


@dataclass(slots=True)
class Context:
    """The state of a play.

    step, by: the step that is done now, and its party. crisis: None until somebody warns.
    made:     ids of the proposals, signals, leads, referrals and orders that steps made.
    copies:   all uploads so far. shared_at_min: when each content was first shared.
    reported: uploads that each provider's agent matched, and reports to the hub.
    """

    scenario: Scenario
    world: World
    content: ContentMaker
    sandbox: Sandbox
    step: str = ""
    by: str = ""
    minutes: float = 0.0
    crisis: UUID | None = None
    made: dict[str, list[UUID]] = field(default_factory=dict)
    copies: list[UploadedCopy] = field(default_factory=list)
    shared_at_min: dict[str, float] = field(default_factory=dict)
    reported: dict[str, int] = field(default_factory=dict)

    @property
    def hub(self) -> Hub:
        """Return the client of the party that acts."""
        return self.world.hubs[self.by]

    @property
    def open_crisis(self) -> UUID:
        """Return the crisis. raises: NotPossibleError before somebody warned."""
        if self.crisis is None:
            raise NotPossibleError("nobody has warned yet")
        return self.crisis

    def things(self, step: str) -> list[UUID]:
        """Return the ids that a step made. raises: NotPossibleError if it was not done."""
        if step not in self.made:
            raise NotPossibleError(f"{step} was not done")
        return self.made[step]


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, such as "1 signal" and "2 signals"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
