# SPDX-License-Identifier: Apache-2.0
"""Read the rows that a party keeps: until when, on which basis, and why they are not erased."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Max, Min, Q, QuerySet

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.platform.retention.columns import describe_retention
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.retention.models import LegalHold, RetentionChange
from stemtide.hub.rooms.retention.reads.rows import KINDS, WHY, Row, RowKind, find, held_ids, own
from stemtide.hub.rooms.retention.rules import REST_AFTER_LIFT
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads.signals import matches_until
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.law.retention import RowClass
from stemtide.protocol.law.retention.messages import (
    KeptRowOut,
    LegalHoldOut,
    RetentionChangeOut,
    RetentionOverview,
    RetentionSum,
)

MOST_ROWS = 50
"""Rows that an overview names; the sums count all."""


def overview(
    *, viewer: Party, now: datetime, row_class: RowClass | None = None, is_stopped: bool = False
) -> RetentionOverview:
    """Return the rows that a party keeps. row_class: of those that are named; None for all.

    is_stopped: name only rows whose erasure something stops.
    """
    chosen = [row_class] if row_class in KINDS else list(KINDS)
    rows: list[tuple[datetime, RowClass, Row]] = []
    for name in chosen:
        kind = KINDS[name]
        part = own(name, viewer=viewer).filter(**{kind.gone: None, f"{kind.date}__isnull": False})
        if is_stopped:
            part = part.filter(_stops(kind, now=now))
        part = part.order_by(kind.date, "pk")[:MOST_ROWS]
        rows += [(getattr(row, kind.date), name, row) for row in part]
    rows.sort(key=lambda row: row[0])
    return RetentionOverview(
        sums=[_sum(kind, viewer=viewer, now=now) for kind in KINDS.values()],
        rows=[describe(name, row, viewer=viewer, now=now) for _, name, row in rows[:MOST_ROWS]],
    )


def kept_row(row_class: RowClass, uid: UUID, *, viewer: Party, now: datetime) -> KeptRowOut:
    """Return one row that a party answers for. raises: NotFoundError."""
    return describe(row_class, find(row_class, uid, viewer=viewer), viewer=viewer, now=now)


def describe(row_class: RowClass, row: Row, *, viewer: Party, now: datetime) -> KeptRowOut:
    """Return a row with what stops its erasure."""
    kind = KINDS[row_class]
    facts = kind.rows.filter(pk=row.pk)
    holds = list(running(row_class, row.uid, now=now).select_related("party"))
    not_before = _erased_not_before(row_class, row.uid, now=now)
    changes = RetentionChange.objects.filter(row_class=row_class, row=row.uid)
    party, exercise = facts.values_list(f"{kind.party}__name", kind.exercise).get()
    until = getattr(row, kind.date)
    ends_at = matches_until(row) if isinstance(row, Signal) else None
    return KeptRowOut(
        row_class=row_class,
        id=row.uid,
        party=party or "",
        exercise=exercise,
        retention=describe_retention(row, until=until, ends_at=ends_at),
        kept_by=[
            *_causes(row, kind, viewer=viewer),
            *([WHY["held"]] if holds else []),
            *([WHY["lifted"]] if not_before else []),
        ],
        holds=[_describe_hold(row, viewer=viewer) for row in holds],
        not_before=not_before,
        changes=[
            RetentionChangeOut(by=change.party.name, reason=change.reason, at=change.at)
            for change in changes.select_related("party")
        ],
        erased_at=getattr(row, kind.gone),
    )


def _causes(row: Row, kind: RowKind, *, viewer: Party) -> list[str]:
    """Return why a row is not erased, besides holds; of others' procedures that there is one."""
    facts = kind.rows.filter(pk=row.pk)
    names = [name for name, condition in kind.kept.items() if facts.filter(condition).exists()]
    shown_names = [
        name
        for name in names
        if name not in kind.knows or facts.filter(kind.knows[name](viewer)).exists()
    ]
    return [WHY[name] for name in shown_names] + (
        [WHY["other"]] if len(shown_names) < len(names) else []
    )


def _erased_not_before(row_class: RowClass, uid: UUID, *, now: datetime) -> datetime | None:
    """Return until when a lifted hold still stops the erasure; None if none does."""
    lifted = LegalHold.objects.filter(LegalHold.lifted_lately(now), row_class=row_class, row=uid)
    last: datetime | None = lifted.aggregate(last=Max("lifted_at"))["last"]
    return last + REST_AFTER_LIFT if last else None


@needs_no_viewer("the callers show a hold to whoever answers for the row")
def running(row_class: RowClass, uid: UUID, *, now: datetime) -> QuerySet[LegalHold]:
    """Return the running holds on a row."""
    return LegalHold.objects.filter(LegalHold.running_at(now), row_class=row_class, row=uid)


def _describe_hold(row: LegalHold, *, viewer: Party) -> LegalHoldOut:
    """Return a hold; its reason is for its party and agencies."""
    may_read = row.party == viewer or viewer.kind == PartyKind.AGENCY
    return LegalHoldOut(
        by=row.party.name, reason=row.reason if may_read else "", at=row.placed_at, until=row.until
    )


def _stops(kind: RowKind, *, now: datetime) -> Q:
    """Return the condition of rows whose erasure something stops."""
    condition = Q(uid__in=held_ids(kind.row_class, now=now))
    for reason in kind.kept.values():
        condition |= Q(reason)
    return condition


def _sum(kind: RowKind, *, viewer: Party, now: datetime) -> RetentionSum:
    """Return the sums of a class."""
    there = {kind.gone: None}
    until = {f"{kind.date}__lte": now}
    month = {f"{kind.date}__gt": now, f"{kind.date}__lte": now + timedelta(days=30)}
    year = {
        f"{kind.date}__gt": now + timedelta(days=30),
        f"{kind.date}__lte": now + timedelta(days=365),
    }
    rows = own(kind.row_class, viewer=viewer).order_by()
    holds = LegalHold.objects.filter(LegalHold.running_at(now), row_class=kind.row_class)
    counts = rows.aggregate(
        total=Count("pk", filter=Q(**there)),
        overdue=Count("pk", filter=Q(**there, **until)),
        in_30_days=Count("pk", filter=Q(**there, **month)),
        in_a_year=Count("pk", filter=Q(**there, **year)),
        held=Count("pk", filter=Q(**there, uid__in=holds.order_by().values("row"))),
        erased=Count("pk", filter=~Q(**there)),
        next_at=Min(kind.date, filter=Q(**there, **{f"{kind.date}__gt": now})),
    )
    named = counts["overdue"] + counts["in_30_days"] + counts["in_a_year"]
    return RetentionSum(row_class=kind.row_class, later=counts["total"] - named, **counts)
