# SPDX-License-Identifier: Apache-2.0
"""Read opinions and sightings that came from other hubs."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef

from stemtide.hub.rooms.exchanges.models import (
    Exchange,
    PartnerOpinion,
    PartnerSighting,
    Record,
)
from stemtide.hub.rooms.exchanges.rules import feedback as rules
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.protocol.enums import Opinion


@dataclass(frozen=True, slots=True)
class PartnerCounts:
    """Counts of one partner hub for a signal. title: of its party here."""

    title: str
    outcomes: dict[str, int]
    last_at: datetime

    @property
    def total(self) -> int:
        """Return the sum of its counts."""
        return sum(self.outcomes.values())


def due_signals(row: Exchange) -> dict[Signal, list[int]]:
    """Return the signals whose opinion is due, with the primary keys of the opinions there.

    Only signals of others: the source's own are disputed as the source weighs them.
    """
    records = Record.objects.filter(exchange=row, is_own=False).exclude(signal=None)
    due = row.partner_opinions.filter(is_due=True)
    due = due.filter(Exists(records.filter(key=OuterRef("about")))).order_by("pk")
    rows = list(due[: rules.DUE_AT_ONCE])
    abouts = {opinion.about for opinion in rows}
    signals = {
        record.key: record.signal
        for record in records.filter(key__in=abouts).select_related("signal")
    }
    by_signal: dict[Signal, list[int]] = {}
    for opinion in rows:
        signal = signals.get(opinion.about)
        if signal is not None:
            by_signal.setdefault(signal, []).append(opinion.pk)
    return by_signal


def opinions_of(row: Exchange, signal: Signal) -> list[tuple[Opinion, str]]:
    """Return the opinions at a source of the records that stand for a signal."""
    records = Record.objects.filter(exchange=row, signal=signal, is_own=False, ended=False)
    rows = PartnerOpinion.objects.filter(exchange=row, about__in=records.values("key"))
    return [(Opinion(stored.opinion), stored.note) for stored in rows.order_by("pk")]


def partner_counts(uid: UUID, *, viewer: Party) -> list[PartnerCounts]:
    """Return how often content that matches a signal was met at other hubs, by partner."""
    signal = Signal.objects.filter(visible(viewer), uid=uid).first()
    if signal is None:
        return []
    records = Record.objects.filter(signal=signal, ended=False)
    rows = PartnerSighting.objects.filter(
        Exists(records.filter(exchange=OuterRef("exchange"), key=OuterRef("about"))),
        exchange__removed_at=None,
    )
    sums: dict[str, PartnerCounts] = {}
    for row in rows.select_related("exchange__party").order_by("exchange__party__title", "pk"):
        title = row.exchange.party.title
        before = sums.get(title)
        outcomes = dict(before.outcomes) if before else {}
        for outcome, count in row.outcomes.items():
            outcomes[outcome] = outcomes.get(outcome, 0) + count
        last = max(row.last_at, before.last_at) if before else row.last_at
        sums[title] = PartnerCounts(title, outcomes, last)
    return list(sums.values())
