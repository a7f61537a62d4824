# SPDX-License-Identifier: Apache-2.0
"""Count disputes, complaints, removal orders, referrals and crises for public figures.

They are counted under the ledger's lock, as they are then: answers that came after the end of the
quarter count as well.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Q

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.complaints.models import Complaint
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.orders.reads import entries
from stemtide.hub.rooms.referrals.models import Referral
from stemtide.hub.rooms.reports.reads.orders import outcome_of, time_to_execute
from stemtide.hub.rooms.reports.reads.referrals import (
    outcome_of as referral_outcome,
    removed_at,
)
from stemtide.hub.rooms.reports.rules.public_figures import (
    CLOSED,
    LAPSED,
    WARNING_CLOSED,
    Collected,
    Decided,
    EndedCrisis,
    Parts,
    Request,
    dispute_outcome,
)
from stemtide.hub.rooms.signals.models import OpinionRow, Signal
from stemtide.protocol.enums import Opinion, SignalState
from stemtide.protocol.enums.complaints import ComplaintState
from stemtide.protocol.figures.quarters import Quarter

_AT_ONCE = 500  # fewer than SQLite's parameters of one query
_SKEW = timedelta(days=1)
"""How far the times of entries may be out of their order: writers take it before they wait."""

_PARTY = "party:"


class OpenedDispute(NamedTuple):
    """A dispute of a signal that a party opened. party: its name."""

    signal: str
    party: str


@needs_no_viewer("public figures are the same for everybody")
def opened_disputes(quarter: Quarter) -> list[OpenedDispute]:
    """Return the disputes that parties opened in a quarter, each once."""
    first = _first_number(quarter.since - _SKEW)
    last = _first_number(quarter.until + _SKEW)
    opened = Entry.objects.filter(
        number__gte=first,
        number__lt=last,
        kind="opinion.given",
        recorded_at__gte=quarter.since,
        recorded_at__lt=quarter.until,
        exercise=False,
        detail__opinion=Opinion.DISPUTE.value,
    ).values_list("subject", "actor")
    pairs = {(subject.partition(":")[2], actor.removeprefix(_PARTY)) for subject, actor in opened}
    return [OpenedDispute(*pair) for pair in sorted(pairs)]


@needs_no_viewer("public figures are the same for everybody")
def count_requests(
    quarter: Quarter, *, disputes: Sequence[OpenedDispute], into: Collected
) -> Collected:
    """Add what happened in a quarter to its counts. disputes: those opened in it."""
    into.disputes = _disputes(disputes)
    filed = Complaint.objects.filter(
        exercise=False, filed_at__gte=quarter.since, filed_at__lt=quarter.until
    )
    for basis, party in filed.order_by().values_list("basis", "party__name"):
        into.filed.setdefault(basis, Counter())[party] += 1
    into.decided = list(_decided(quarter))
    into.orders = list(_orders(quarter))
    into.referrals = list(_referrals(quarter))
    into.crises = [*_closed(quarter), *_lapsed(quarter)]
    return into


def _first_number(at: datetime) -> int:
    """Return the number of the first entry from a time on, by halving."""
    newest = Entry.objects.order_by("-number").values_list("number", flat=True).first() or 0
    low, high = 1, newest + 1
    while low < high:
        middle = (low + high) // 2
        row = Entry.objects.filter(number__gte=middle).order_by("number")
        recorded_at = row.values_list("recorded_at", flat=True).first()
        if recorded_at is not None and recorded_at < at:
            low = middle + 1
        else:
            high = middle
    return low


def _disputes(opened: Sequence[OpenedDispute]) -> dict[str, Parts]:
    """Return disputes by outcome and party."""
    counts: dict[str, Parts] = {}
    for begin in range(0, len(opened), _AT_ONCE):
        batch = opened[begin : begin + _AT_ONCE]
        uids = {dispute.signal for dispute in batch}
        signals = Signal.objects.filter(uid__in=uids).values_list("uid", "state")
        states = {str(uid): SignalState(state) for uid, state in signals}
        opinions = OpinionRow.objects.filter(signal__uid__in=uids, opinion=Opinion.DISPUTE)
        rows = opinions.order_by().values_list("signal__uid", "party__name", "set_aside_at")
        standing = {(str(uid), party): set_aside_at for uid, party, set_aside_at in rows}
        for dispute in batch:
            outcome = dispute_outcome(
                state=states[dispute.signal],
                is_disputed=dispute in standing,
                is_set_aside=standing.get(dispute) is not None,
            )
            counts.setdefault(outcome, Counter())[dispute.party] += 1
    return counts


def _decided(quarter: Quarter) -> Iterator[Decided]:
    """Yield the complaints that were decided in a quarter."""
    rows = Complaint.objects.filter(
        exercise=False,
        state__in=(ComplaintState.UPHELD, ComplaintState.REJECTED),
        decided_at__gte=quarter.since,
        decided_at__lt=quarter.until,
    ).order_by()
    for row in rows.select_related("party").iterator(chunk_size=2000):
        decided_at = row.decided_at or row.filed_at
        took_s = (decided_at - row.filed_at).total_seconds()
        yield Decided(row.party.name, row.state, took_s)


def _orders(quarter: Quarter) -> Iterator[Request]:
    """Yield the removal orders that were issued in a quarter and count for both sides."""
    rows = Order.objects.filter(
        entries.BY_BOTH,
        exercise=False,
        issued_at__gte=quarter.since,
        issued_at__lt=quarter.until,
    )
    for row in rows.select_related("addressee", "entry").prefetch_related("answers"):
        took = time_to_execute(row)
        yield Request(
            row.addressee.name,
            outcome_of(row),
            row.ideology or "",
            row.language,
            took.total_seconds() if took is not None else None,
        )


def _referrals(quarter: Quarter) -> Iterator[Request]:
    """Yield the referrals that were sent in a quarter."""
    rows = Referral.objects.filter(
        Q(sent_at__gte=quarter.since, sent_at__lt=quarter.until), exercise=False
    ).select_related("provider")
    for row in rows.order_by().iterator(chunk_size=2000):
        gone_at = removed_at(row)
        took_s = None
        if gone_at is not None and row.sent_at is not None:
            took_s = max((gone_at - row.sent_at).total_seconds(), 0.0)
        yield Request(
            row.provider.name,
            referral_outcome(row),
            row.ideology or "",
            row.language or "",
            took_s,
        )


def _closed(quarter: Quarter) -> Iterator[EndedCrisis]:
    """Yield the crises that were closed in a quarter."""
    rows = Crisis.objects.filter(
        exercise=False, closed_at__gte=quarter.since, closed_at__lt=quarter.until
    )
    for row in rows.order_by("pk"):
        lasted_s = None
        if row.activated_at is not None and row.closed_at is not None:
            lasted_s = (row.closed_at - row.activated_at).total_seconds()
        outcome = WARNING_CLOSED if lasted_s is None else CLOSED
        yield EndedCrisis(outcome, _parties_of(row.ref), lasted_s)


def _lapsed(quarter: Quarter) -> Iterator[EndedCrisis]:
    """Yield the emergency activations that ended in a quarter without a second party."""
    lapses = Entry.objects.filter(
        crisis__isnull=False,
        kind="crisis.lapsed",
        exercise=False,
        recorded_at__gte=quarter.since,
        recorded_at__lt=quarter.until,
    )
    for lapse in lapses.order_by("number"):
        activations = Entry.objects.filter(
            crisis=lapse.crisis, kind="crisis.activated", number__lt=lapse.number
        )
        activation = activations.order_by("-number")[0]
        lasted_s = (lapse.recorded_at - activation.recorded_at).total_seconds()
        yield EndedCrisis(LAPSED, _parties_of(lapse.subject), lasted_s)


def _parties_of(crisis: str) -> frozenset[str]:
    """Return the parties that acted in a crisis, by the ledger. crisis: as entries name it."""
    acts = Entry.objects.filter(crisis=crisis.partition(":")[2], actor__startswith=_PARTY)
    acts = acts.exclude(kind="participant.declined").order_by()
    actors = acts.values_list("actor", flat=True).distinct()
    return frozenset(actor.removeprefix(_PARTY) for actor in actors)
