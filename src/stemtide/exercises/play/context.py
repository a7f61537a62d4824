# SPDX-License-Identifier: Apache-2.0
"""State that acts read and change while a scenario is played."""

from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

from stemtide.client import Hub
from stemtide.exercises.play.content import ContentMaker
from stemtide.exercises.play.world import World
from stemtide.exercises.results.record import UploadedCopy
from stemtide.exercises.spread.live import LiveSpread
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.scenarios.schema import Scenario


class NotPossibleError(Exception):
    """An act is not possible now, because an act before it is missing; the message says which."""


@dataclass(slots=True)
class Context:
    """The state of a play.

    step, by: the step that is done now, and its party. crisis: None until somebody warns.
    made:     ids of the proposals, signals, leads, referrals and orders that steps made.
    copies:   all uploads so far. shared_at_min: when each content was first shared.
    reported: uploads that each provider's agent matched, and reports to the hub.
    share_began_s: when each content was first shared, by the machine's clock.
    match_took_ms: real milliseconds from then until a copy matched, by provider and content.
    seed:     of the run. spread: the spread that a step began, at a minute.
    counted:  such uploads that the hub's ledger has, by provider, up to the entry read_until.
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
    counted: Counter[str] = field(default_factory=Counter)
    read_until: int = 0
    share_began_s: dict[str, float] = field(default_factory=dict)
    match_took_ms: dict[tuple[str, str], float] = field(default_factory=dict)
    seed: int = 1
    spread: LiveSpread | None = None
    spread_step: str = ""
    spread_began_min: float = 0.0

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


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun, such as "1 signal" and "2 signals".

    plural: of a noun that adds more than an s.
    """
    return f"{number} {noun}" if number == 1 else f"{number} {plural or f'{noun}s'}"
