# SPDX-License-Identifier: Apache-2.0
"""Read opinions and sightings that came from other hubs."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Exists, Max, OuterRef, QuerySet, Sum, Value
from django.db.models.functions import Coalesce, NullIf

from stemtide.hub.rooms.exchanges.models import (
    Exchange,
    PartnerOpinion,
    Record,
)
from stemtide.hub.rooms.exchanges.rules import feedback as rules
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.interop.stix.context import MAX_COUNT
from stemtide.protocol.enums import Opinion, Outcome
from stemtide.protocol.handling import Tlp

_AUTHOR = Coalesce(NullIf("author", Value("")), "key")
"""Who gave an opinion; without a name each opinion has its own author."""


@dataclass(slots=True)
class PartnerCounts:
    """Counts of one partner hub for a signal. title: of its party here.

    outcomes: uploads by outcome. last_at: of the last of them; None if there are none.
    disputes, confirmations: authors there by opinion.
    """

    title: str
    outcomes: dict[str, int] = field(default_factory=dict)
    last_at: datetime | None = None
    disputes: int = 0
    confirmations: int = 0

    @property
    def total(self) -> int:
        """Return the sum of its counts of uploads."""
        return sum(self.outcomes.values())

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show."""
        return self.last_at is None and not (self.disputes or self.confirmations)

    def add(self, outcome: str, count: int, *, last_at: datetime) -> None:
        """Add uploads of one outcome."""
        self.outcomes[outcome] = min(self.outcomes.get(outcome, 0) + count, MAX_COUNT)
        self.last_at = max(last_at, self.last_at or last_at)


def due_signals(row: Exchange) -> list[Signal]:
    """Return some of the signals whose opinion is due, those that wait longest first.

    Only signals of others: the source's own are disputed as the source weighs them.
    """
    records = records_of_others(row)
    due = row.partner_opinions.filter(is_due=True)
    due = due.filter(Exists(records.filter(key=OuterRef("about")))).order_by("seen_at", "pk")
    abouts = set(due.values_list("about", flat=True)[: rules.DUE_AT_ONCE])
    standing = records.filter(key__in=abouts).select_related("signal").order_by("pk")
    return list(dict.fromkeys(record.signal for record in standing if record.signal is not None))


def records_of_others(row: Exchange) -> QuerySet[Record]:
    """Return the records of a source that signals of other parties stand for."""
    return Record.objects.filter(exchange=row, is_own=False).exclude(signal=None)


def opinions_of(row: Exchange, signal: Signal) -> tuple[dict[Opinion, int], str]:
    """Return how many authors have an opinion of a signal, by kind, and a reason of a dispute.

    The database counts them: a source may have very many of one signal. Those whose mark is
    stricter than the signal's do not count, because its readers see the result.
    """
    rows = row.partner_opinions.filter(
        about__in=_keys(row, signal).filter(ended=False),
        tlp__in=rules.marks_within(Tlp(signal.tlp)),
    )
    disputes = rows.filter(opinion=Opinion.DISPUTE).exclude(note="").order_by("pk")
    reason = disputes.values_list("note", flat=True).first() or ""
    return _authors(rows), reason


def _authors(opinions: QuerySet[PartnerOpinion]) -> dict[Opinion, int]:
    """Return how many authors have each opinion."""
    counts = opinions.order_by().values_list("opinion")
    counted = counts.annotate(authors=Count(_AUTHOR, distinct=True))
    return {Opinion(opinion): count for opinion, count in counted}


def due_of(row: Exchange, signal: Signal) -> QuerySet[PartnerOpinion]:
    """Return the opinions of a signal that have yet to be counted."""
    return row.partner_opinions.filter(is_due=True, about__in=_keys(row, signal))


def _keys(row: Exchange, signal: Signal) -> QuerySet[Record, str]:
    """Return the names at a source of the records that stand for another party's signal."""
    records = Record.objects.filter(exchange=row, signal=signal, is_own=False)
    return records.values_list("key", flat=True)


def partner_counts(uid: UUID, *, viewer: Party) -> list[PartnerCounts]:
    """Return how often content that matches a signal was met at other hubs, by partner.

    With it, how many authors there dispute and confirm the signal.
    """
    signal = Signal.objects.filter(visible(viewer), uid=uid).first()
    if signal is None:
        return []
    records = Record.objects.filter(signal=signal, ended=False)
    sources = Exchange.objects.filter(
        Exists(records.filter(exchange=OuterRef("pk"))), removed_at=None
    )
    by_title: dict[str, PartnerCounts] = {}
    for row in sources.select_related("party").order_by("party__title", "pk"):
        title = row.party.title
        keys = records.filter(exchange=row).values_list("key", flat=True)
        _add(by_title.setdefault(title, PartnerCounts(title)), row, keys=keys, tlp=Tlp(signal.tlp))
    return [counts for counts in by_title.values() if not counts.is_empty]


def _add(counts: PartnerCounts, row: Exchange, *, keys: QuerySet[Record, str], tlp: Tlp) -> None:
    """Add what a source has of a signal. keys: of the records that represent it."""
    for sighting in row.partner_sightings.filter(about__in=keys):
        for outcome, count in sighting.outcomes.items():
            counts.add(outcome, count, last_at=sighting.last_at)
    among = {"about__in": keys, "tlp__in": rules.marks_within(tlp)}
    single = row.single_sightings.filter(**among).aggregate(sum=Sum("count"), last=Max("last_at"))
    if single["sum"]:
        counts.add(Outcome.LOGGED.value, single["sum"], last_at=single["last"])
    authors = _authors(row.partner_opinions.filter(**among))
    counts.disputes += authors.get(Opinion.DISPUTE, 0)
    counts.confirmations += authors.get(Opinion.AGREE, 0)
