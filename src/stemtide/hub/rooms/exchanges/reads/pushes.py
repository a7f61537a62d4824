# SPDX-License-Identifier: Apache-2.0
"""Read signals for pushing: the facts for the rules, and batches to send."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, Sum

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.exchanges.models import Exchange, GroupEvent, Outgoing, Record
from stemtide.hub.rooms.exchanges.reads.exchanges import ClaimedRun
from stemtide.hub.rooms.exchanges.rules import pushes as rules
from stemtide.hub.rooms.exchanges.rules.pushes import OutgoingFacts
from stemtide.hub.rooms.exchanges.sources.source import OutgoingSignal
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import OpinionRow, Sighting, Signal
from stemtide.hub.rooms.signals.reads import collection
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.interop.exchanges import OutgoingState
from stemtide.interop.misp.pushed import EventKey
from stemtide.protocol.enums import Opinion, Outcome, SignalState, Standing
from stemtide.protocol.handling import Pap, Tlp


def facts(row: Signal, *, is_brought: bool = False) -> OutgoingFacts:
    """Return the facts about a signal that the rules for pushing need."""
    return OutgoingFacts(
        kind=Kind(row.kind),
        tlp=Tlp(row.tlp),
        pap=Pap(row.pap),
        url=row.url,
        reach=row.reach,
        is_disputed=row.is_disputed,
        exercise=row.exercise,
        crisis=UUID(str(row.crisis.uid)) if row.crisis else None,
        via=tuple(row.via.split()),
        is_brought=is_brought,
        has_audience=bool(row.audience),
    )


@needs_no_viewer("names of parties, for the rules for pushing")
def bringers() -> set[int]:
    """Return the parties, by primary key, whose signals exchanges bring or brought."""
    return set(Exchange.objects.filter(pulls=True).values_list("party_id", flat=True))


@needs_no_viewer("counts of opinions, for the source whose records they are about")
def reactions_due(run: ClaimedRun, *, limit: int) -> dict[int, tuple[str, str, str]]:
    """Return opinions of parties here on a source's records that it does not have yet.

    Those of parties that speak for other hubs and lists do not count, nor does a dispute that was
    set aside.

    returns: by record: its name there, the reaction, and the one to take back ("" for none).
    """
    rows = Record.objects.filter(exchange=run.pk, ended=False, is_own=True)
    rows = rows.filter(signal__state=SignalState.LIVE, signal__exercise=False).exclude(place="")
    is_seen = Exists(Sighting.objects.filter(signal=OuterRef("signal")))
    opinions = OpinionRow.objects.filter(signal=OuterRef("signal")).exclude(party__in=bringers())
    counting = Q(set_aside_by=None) | Q(set_aside_by__standing=Standing.SUSPENDED)
    disputes = opinions.filter(counting, opinion=Opinion.DISPUTE)
    agreeing = opinions.filter(opinion=Opinion.AGREE)
    due: dict[int, tuple[str, str, str]] = {}
    judged = Q(signal__disputes__gt=0) | Q(signal__confirmations__gt=0) | Q(is_seen=True)
    rows = rows.annotate(is_seen=is_seen).filter(judged | ~Q(reaction=""))
    rows = rows.annotate(is_doubted=Exists(disputes), is_confirmed=Exists(agreeing))
    facts_of = ("is_doubted", "is_confirmed", "is_seen")
    for pk, place, before, *marks in rows.order_by("pk").values_list(
        "pk", "place", "reaction", *facts_of
    ):
        is_doubted, is_confirmed, is_met = marks
        reaction = rules.reaction_to(
            is_disputed=is_doubted, is_confirmed=is_confirmed, is_seen=is_met
        )
        if reaction != before:
            due[pk] = (place, reaction, before)
        if len(due) == limit:
            break
    return due


def outgoing_signals(
    run: ClaimedRun, *, viewer: Party, now: datetime, limit: int
) -> list[OutgoingSignal]:
    """Return the signals that are due to be sent, withdrawals first: they must not wait.

    Refused ones come last, so that they never delay the rest. A withdrawal is sent even if the
    party may no longer see the signal; a new signal only while viewer may see it.
    """
    is_new = Q(visible(viewer, "signal__"), state=OutgoingState.WAITING)
    is_new &= Q(signal__state=SignalState.LIVE) & (Q(event=None) | Q(event__is_over=False))
    due = Outgoing.objects.filter(exchange=run.pk, next_at__lte=now)
    due = due.filter(Q(state=OutgoingState.TAKING_BACK) | is_new)
    last = F("refused_since").asc(nulls_first=True)
    outgoing = list(due.select_related("signal", "event").order_by("state", last, "pk")[:limit])
    chosen = Signal.objects.filter(pk__in=[item.signal_id for item in outgoing])
    rows, _ = collection.page(chosen, viewer=viewer, limit=limit)
    by_pk = {row["pk"]: row for row in rows}
    return [
        OutgoingSignal(
            pk=item.pk,
            row=by_pk[item.signal_id],
            remote=item.remote,
            is_back=item.state == OutgoingState.TAKING_BACK,
            withdrawn_at=_ended_at(item.signal, now=now),
            refused_since=item.refused_since,
            event=key_of(item.event) if item.event else None,
        )
        for item in outgoing
        if item.signal_id in by_pk
    ]


def key_of(event: GroupEvent) -> EventKey:
    """Return how an event in a sharing group is built."""
    return EventKey(Tlp(event.tlp), event.block, event.group, event.uuid, event.group_uuid)


@dataclass(frozen=True, slots=True)
class DueSighting:
    """A signal that was met again. pk: of its outgoing row. total: uploads that match it."""

    pk: int
    remote: str
    total: int


@needs_no_viewer("the scheduler reads for all parties")
def due_sightings(run: ClaimedRun, *, limit: int) -> list[DueSighting]:
    """Return signals at another hub that were met since it learned of a sighting.

    Reversed uploads do not count: there the match was wrong.
    """
    met = Sum("signal__sightings__count", filter=~Q(signal__sightings__outcome=Outcome.REVERSED))
    rows = Outgoing.objects.filter(exchange=run.pk, state=OutgoingState.SENT).annotate(total=met)
    due = rows.filter(total__gt=F("sighted")).order_by("pk")[:limit]
    return [DueSighting(*columns) for columns in due.values_list("pk", "remote", "total")]


def _ended_at(row: Signal, *, now: datetime) -> datetime | None:
    """Return when a signal ended; now for a signal that is live here and withdrawn only there."""
    return now if row.state == SignalState.LIVE else row.withdrawn_at or row.expires_at
