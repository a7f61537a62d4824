# SPDX-License-Identifier: Apache-2.0
"""Outcomes of matching content by provider, as bars and figures."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from stemtide.hub.rooms.exchanges.reads import feedback
from stemtide.hub.rooms.parties.reads.parties import Viewer
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.rooms.signals.views import SightingRow
from stemtide.protocol.enums import Outcome


@dataclass(frozen=True, slots=True)
class OutcomeBar:
    """One provider, another hub, or all together. counts: by outcome.

    disputes, confirmations: opinions at another hub.
    """

    title: str
    counts: dict[str, int]
    signals: int
    last_at: datetime | None
    disputes: int = 0
    confirmations: int = 0

    @property
    def height(self) -> int:
        """Return the height of the bar: the sum of its counts."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Summary:
    """Providers as the viewer may see them, and their total. largest: the longest bar."""

    providers: list[OutcomeBar]
    total: OutcomeBar
    largest: int


def summary(*, viewer: Viewer, signal: UUID | None = None) -> Summary:
    """Return the outcomes of all real signals that the viewer may see, or of one signal."""
    rows = reads.sightings(viewer=viewer, signal=signal, exercise=None if signal else False)
    providers = [_bar(row) for row in rows if not row.is_total]
    total = next((_bar(row) for row in rows if row.is_total), None) or _sum(providers)
    largest = max((bar.height for bar in providers), default=0)
    return Summary(providers=providers, total=total, largest=largest or total.height)


def partners(*, viewer: Viewer, signal: UUID) -> list[OutcomeBar]:
    """Return the counts and opinions of a signal that other hubs report, by partner."""
    return [
        OutcomeBar(
            title=row.title,
            counts={str(outcome): row.outcomes.get(outcome, 0) for outcome in Outcome},
            signals=1,
            last_at=row.last_at,
            disputes=row.disputes,
            confirmations=row.confirmations,
        )
        for row in feedback.partner_counts(signal, viewer=viewer)
    ]


def _bar(row: SightingRow) -> OutcomeBar:
    """Return a row of the room as a bar."""
    counts = {str(outcome): int(getattr(row, outcome)) for outcome in Outcome}
    return OutcomeBar(title=row.title, counts=counts, signals=row.signals, last_at=row.last_at)


def _sum(bars: list[OutcomeBar]) -> OutcomeBar:
    """Return the total of all providers, for viewers who see each of them.

    Signals are not added up: the same one may have been seen at several providers.
    """
    return OutcomeBar(
        title="",
        counts={str(outcome): sum(bar.counts[outcome] for bar in bars) for outcome in Outcome},
        signals=0,
        last_at=max((bar.last_at for bar in bars if bar.last_at), default=None),
    )
