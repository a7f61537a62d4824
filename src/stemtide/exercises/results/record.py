# SPDX-License-Identifier: Apache-2.0
"""The record of an exercise, from which all figures are computed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from stemtide.exercises.spread.live import SpreadOutcome
from stemtide.protocol.enums import PartyKind
from stemtide.scenarios.schema import Scenario


@dataclass(frozen=True, slots=True)
class RecordedEntry:
    """An entry of the ledger. at_min: minutes of the exercise; actor: the party's name alone."""

    number: int
    kind: str
    actor: str
    subject: str
    detail: Mapping[str, object]
    at_min: float

    @property
    def count(self) -> int:
        """Return how many things the entry is about."""
        count = self.detail.get("count", 1)
        return count if isinstance(count, int) else 1

    @property
    def party(self) -> str:
        """Return the name of the party that the entry concerns; "" if it names none."""
        return str(self.detail.get("party", "")).removeprefix("party:")

    @property
    def addressees(self) -> tuple[str, ...]:
        """Return the names of the parties that the entry addresses, each once."""
        parties = self.detail.get("parties")
        names = list(parties) if isinstance(parties, list | tuple) else []
        names = [self.party, *(str(name).removeprefix("party:") for name in names)]
        return tuple(dict.fromkeys(name for name in names if name))


@dataclass(frozen=True, slots=True)
class UploadedCopy:
    """An upload at a provider and its result. step: that uploaded it.

    is_match: an agent matched it with a signal that is not disputed.
    """

    at_min: float
    step: str
    provider: str
    content: str
    variant: str
    is_harmless: bool
    is_match: bool


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The events of a run: entries and copies in order, and when each content was first shared."""

    scenario: Scenario
    entries: tuple[RecordedEntry, ...]
    copies: tuple[UploadedCopy, ...] = ()
    shared_at_min: Mapping[str, float] = field(default_factory=dict)
    spread: SpreadOutcome | None = None

    def of_kinds(self, kinds: Collection[str], *, party: str = "") -> list[RecordedEntry]:
        """Return entries of some kinds, oldest first. party: only those that it caused."""
        return [
            entry
            for entry in self.entries
            if entry.kind in kinds and (not party or entry.actor == party)
        ]

    def copies_after_share(self, *, party: str = "") -> list[UploadedCopy]:
        """Return copies that came after the first signal of their content, and is not harmless.

        party: only those at this provider.
        """
        return [
            copy
            for copy in self.copies
            if not copy.is_harmless
            and copy.at_min >= self.shared_at_min.get(copy.content, float("inf"))
            and (not party or copy.provider == party)
        ]

    def providers(self) -> list[str]:
        """Return the providers of the cast."""
        cast = self.scenario.cast
        return [name for name, member in cast.items() if member.kind is PartyKind.PROVIDER]
