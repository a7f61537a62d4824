# SPDX-License-Identifier: Apache-2.0
"""Read progress figures of removal orders, separate from those of referrals.

source: Regulation (EU) 2021/784 Art. 3, 4 and 8.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from django.db.models import QuerySet

from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.orders.reads import entries
from stemtide.hub.rooms.orders.reads.second_looks import is_unconfirmed
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.reports.rules import progress as rules
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.orders import OrderState, ScrutinyState
from stemtide.protocol.enums.progress import ProgressBy, ProgressOf
from stemtide.protocol.law.deadlines import Pause, execute_due, time_taken
from stemtide.protocol.messages.progress import (
    OrderFigures,
    OrderProgress,
    ProgressQuery,
    Span,
    Times,
)

OUTCOMES = ("executed", "not_executed", "withdrawn", "annulled", "open")
"""Outcomes of an issued order; each order has exactly one."""

ANNEX_3 = "tco-annex-3"

_NAMED: dict[ProgressBy, Callable[[Order], str]] = {
    ProgressBy.PROVIDER: lambda row: row.addressee.name,
    ProgressBy.AUTHORITY: lambda row: row.issuer_name,
    ProgressBy.LANGUAGE: lambda row: row.language,
    ProgressBy.CONTENT_TYPE: lambda row: row.content_type,
    ProgressBy.IDEOLOGY: lambda row: row.ideology,
}
_BESIDE = (
    *("received", "in_time", "overdue", "cross_border", "scrutinised"),
    *("infringed", "undone", "unconfirmed", "reinstated"),
)
_UNDONE = frozenset({OrderState.UNDONE, OrderState.REINSTATED})


def orders(query: ProgressQuery, *, viewer: Party, now: datetime) -> OrderProgress:
    """Return the progress of the orders issued in a period, as one party may see it.

    raises: InvalidError, NotAllowedError.
    """
    kind = PartyKind(viewer.kind)
    today = now.astimezone(rules.zone_of(query.zone)).date()
    rules.check_asked(query, subject=rules.ORDERS, kind=kind, today=today)
    rows = list(_rows(query, viewer=viewer))
    total = _figures("", rows)
    if not rules.is_exact(query, subject=rules.ORDERS, kind=kind):
        return _progress(query, viewer=viewer, now=now, total=_veiled(total, rows))
    groups = rules.group_by_name(rows, _NAMED[query.by]) if query.by else []
    began = [(row.issued_at, True, row.executed_at is not None) for row in rows if row.issued_at]
    return _progress(
        query,
        viewer=viewer,
        now=now,
        total=total,
        rows=[_figures(name, group) for name, group in groups],
        spans=rules.spans_of(query, began, is_sender=False),
    )


def _progress(
    query: ProgressQuery,
    *,
    viewer: Party,
    now: datetime,
    total: OrderFigures,
    rows: Sequence[OrderFigures] = (),
    spans: Sequence[Span] = (),
) -> OrderProgress:
    return OrderProgress(
        seen_by=viewer.name,
        asked=query,
        made_at=now,
        head=ledger.heads().entries,
        total=total,
        rows=list(rows),
        spans=list(spans),
    )


def _rows(query: ProgressQuery, *, viewer: Party) -> QuerySet[Order]:
    """Return the orders of a period that count for a party, with their related rows."""
    since, until = rules.bounds(query)
    rows = (
        Order.objects.filter(exercise=query.exercise, issued_at__gte=since, issued_at__lt=until)
        .select_related("issued_by", "addressee", "approval", "entry")
        .prefetch_related("answers", "scrutinies", "addresses")
    )
    if query.of is ProgressOf.ALL:
        return rows.filter(entries.BY_BOTH)
    return rows.filter(entries.counts_for(viewer))


def _figures(name: str, rows: Iterable[Order]) -> OrderFigures:
    """Return the figures of some orders."""
    rows = list(rows)
    became = Counter(outcome_of(row) for row in rows)
    grounds = Counter(ground for row in rows for ground in _grounds_of(row))
    states = [{scrutiny.state for scrutiny in row.scrutinies.all()} for row in rows]
    times_taken = [time for row in rows if (time := time_to_execute(row)) is not None]
    return OrderFigures(
        name=name,
        issued=len(rows),
        received=sum(row.received_at is not None for row in rows),
        **{outcome: became[outcome] for outcome in OUTCOMES},
        in_time=sum(is_in_time(row) for row in rows),
        overdue=sum(row.missed_at is not None for row in rows),
        cross_border=sum(row.is_cross_border for row in rows),
        scrutinised=sum(bool(state) for state in states),
        infringed=sum(ScrutinyState.INFRINGED in state for state in states),
        undone=sum(row.state in _UNDONE for row in rows),
        unconfirmed=sum(is_unconfirmed(row) for row in rows),
        reinstated=sum(row.reinstated_at is not None for row in rows),
        addresses=sum(len(row.addresses.all()) for row in rows if row.executed_at is not None),
        to_execute=rules.times(times_taken),
        grounds=rules.largest_first(grounds),
    )


def outcome_of(row: Order) -> str:
    """Return the outcome of an issued order."""
    return rules.order_outcome(row.state, is_executed=row.executed_at is not None)


def _pauses_of(row: Order) -> list[Pause]:
    """Return the periods in which the deadline of an order was suspended."""
    return [
        Pause(answer.answered_at, answer.resumed_at)
        for answer in row.answers.all()
        if answer.form == ANNEX_3
    ]


def _grounds_of(row: Order) -> set[str]:
    """Return the grounds of Annex III that were named for an order."""
    return rules.grounds_in(answer.annex for answer in row.answers.all() if answer.form == ANNEX_3)


def is_in_time(row: Order) -> bool:
    """Whether an order was executed within its hour.

    source: Regulation (EU) 2021/784 Art. 3(3).
    """
    if row.executed_at is None or row.received_at is None:
        return False
    due = execute_due(row.received_at, pauses=_pauses_of(row))
    return due is None or row.executed_at <= due


def time_to_execute(row: Order) -> timedelta | None:
    """Return the time from receipt to execution, without pauses; None if it was not executed."""
    if row.executed_at is None or row.received_at is None:
        return None
    return time_taken(row.received_at, row.executed_at, pauses=_pauses_of(row))


def _veiled(total: OrderFigures, rows: Iterable[Order]) -> OrderFigures:
    """Return everybody's figures, without those from which one provider could derive another's."""
    parts: dict[str, Counter[str]] = {name: Counter() for name in OUTCOMES}
    beside: dict[str, Counter[str]] = {name: Counter() for name in _BESIDE}
    addresses: Counter[str] = Counter()
    for row in rows:
        name, figures = row.addressee.name, _figures("", [row])
        parts[outcome_of(row)][name] += 1
        addresses[name] += figures.addresses or 0
        for field_name, counts in beside.items():
            counts[name] += getattr(figures, field_name)
    hidden = rules.withheld(parts)
    whole = sum(parts.values(), Counter[str]())
    hidden |= {name for name, of in beside.items() if rules.withheld({name: of, "-": whole - of})}
    changed: dict[str, object] = dict.fromkeys(name or "issued" for name in hidden)
    if "executed" in hidden:
        changed["to_execute"] = Times(count=None, median_s=None, p90_s=None)
    if "executed" in hidden or rules.withheld({"addresses": addresses}):
        changed["addresses"] = None
    changed["grounds"] = []
    return total.model_copy(update=changed)
