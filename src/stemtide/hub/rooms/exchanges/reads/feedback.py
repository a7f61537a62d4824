# SPDX-License-Identifier: Apache-2.0
"""Read opinions and sightings that came from other hubs."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, QuerySet

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


def due_signals(row: Exchange) -> list[Signal]:
    """Return some of the signals whose opinion is due, those that wait longest first.

    Only signals of others: the source's own are disputed as the source weighs them.
    """
    records = Record.objects.filter(exchange=row, is_own=False).exclude(signal=None)
    due = row.partner_opinions.filter(is_due=True)
    due = due.filter(Exists(records.filter(key=OuterRef("about")))).order_by("seen_at", "pk")
    abouts = set(due.values_list("about", flat=True)[: rules.DUE_AT_ONCE])
    standing = records.filter(key__in=abouts).select_related("signal").order_by("pk")
    return list(dict.fromkeys(record.signal for record in standing if record.signal is not None))


def opinions_of(row: Exchange, signal: Signal) -> tuple[dict[Opinion, int], str]:
    """Return how many opinions of each kind a source has of a signal, and a reason of a dispute.

    The database counts them: a source may have very many of one signal.
    """
    rows = row.partner_opinions.filter(about__in=_keys(row, signal).filter(ended=False))
    counts = rows.order_by().values_list("opinion").annotate(Count("pk"))
    disputes = rows.filter(opinion=Opinion.DISPUTE).exclude(note="").order_by("pk")
    reason = disputes.values_list("note", flat=True).first() or ""
    return {Opinion(opinion): count for opinion, count in counts}, reason


def due_of(row: Exchange, signal: Signal) -> QuerySet[PartnerOpinion]:
    """Return the opinions of a signal that have yet to be counted."""
    return row.partner_opinions.filter(is_due=True, about__in=_keys(row, signal))


def _keys(row: Exchange, signal: Signal) -> QuerySet[Record, str]:
    """Return the names at a source of the records that stand for another party's signal."""
    records = Record.objects.filter(exchange=row, signal=signal, is_own=False)
    return records.values_list("key", flat=True)


def partner_counts(uid: UUID, *, viewer: Party) -> list[PartnerCounts]:
    """Return how often content that matches a signal was met at other hubs, by partner."""
    signal = Signal.objects.filter(visible(viewer), uid=uid).first()
    if signal is None:
        return []
    records = Record.objects.filter(signal=signal, ended=False)
    rows = PartnerSighting.objects.filter(
        Exists(records.filter(exchange=OuterRef("exchange"), key=OuterRef("about"))),
        exchange__removed_at=None,
    ).exclude(outcomes={})
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
