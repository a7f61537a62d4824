# SPDX-License-Identifier: Apache-2.0
"""Read DSA transparency reports: a provider's own counts, its form, and its finished versions."""

from datetime import UTC, datetime, time, timedelta

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.complaints.models import Complaint
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.orders.reads.entries import BY_ADDRESSEE
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.reports.models import DsaForm, DsaVersion
from stemtide.hub.rooms.reports.rules import dsa as rules
from stemtide.protocol.enums import Outcome, PartyKind
from stemtide.protocol.enums.complaints import ComplaintBasis, ComplaintState
from stemtide.protocol.law.dsa.figures import (
    BlockCounts,
    ComplaintCounts,
    OrderFact,
    ReportCounts,
    ReportForm,
)
from stemtide.protocol.law.dsa.report import DsaReport, Table, fill
from stemtide.protocol.law.dsa.template import Period
from stemtide.protocol.law.dsa.versions import DsaReportOut, DsaVersionOut


def dsa_report(year: int, half: int = 0, *, viewer: Party, now: datetime) -> DsaReportOut:
    """Return the draft of a provider's report, with its form and versions.

    raises: NotAllowedError for others; InvalidError for a period without a report.
    """
    rules.check_party(PartyKind(viewer.kind))
    period = rules.period_asked(year, half, now=now)
    form = form_of(period, viewer=viewer)
    report = filled(period, form, viewer=viewer, now=now)
    rows = DsaVersion.objects.filter(party=viewer, year=year, half=half).defer("tables")
    versions = [
        DsaVersionOut(
            number=row.number, change=row.change, finished_at=row.finished_at, head=row.head
        )
        for row in rows
    ]
    return DsaReportOut(
        party=viewer.name, year=year, half=half, form=form, report=report, versions=versions
    )


def filled(period: Period, form: ReportForm, *, viewer: Party, now: datetime) -> DsaReport:
    """Return a report filled in from the provider's own rows."""
    facts = facts_of(period, viewer=viewer)
    return fill(facts, form, period=period, today=now.astimezone(UTC).date())


def facts_of(period: Period, *, viewer: Party) -> ReportCounts:
    """Return what the hub counted for a provider in a period."""
    return ReportCounts(
        orders=_orders(period, viewer),
        complaints=_complaints(period, viewer),
        blocks=_blocks(period, viewer),
    )


def form_of(period: Period, *, viewer: Party) -> ReportForm:
    """Return what a provider added; an empty form if it added nothing."""
    row = DsaForm.objects.filter(party=viewer, year=period.year, half=period.half).first()
    return ReportForm.model_validate(row.form) if row else ReportForm()


def version_tables(
    year: int, half: int, number: int, *, viewer: Party
) -> tuple[list[Table], datetime]:
    """Return the tables of a finished version, and when it was finished.

    raises: NotFoundError, NotAllowedError.
    """
    rules.check_party(PartyKind(viewer.kind))
    rows = DsaVersion.objects.filter(party=viewer, year=year, half=half, number=number)
    if (row := rows.first()) is None:
        raise NotFoundError("your report has no such version")
    return [Table.model_validate(table) for table in row.tables], row.finished_at


def _span(period: Period) -> tuple[datetime, datetime]:
    """Return the times (UTC) at which a period begins and is over."""
    after = period.ends + timedelta(days=1)
    return (
        datetime.combine(period.begins, time.min, tzinfo=UTC),
        datetime.combine(after, time.min, tzinfo=UTC),
    )


def _hours(begins: datetime | None, ends: datetime | None) -> float | None:
    """Return the hours between two times, None if one of them never came."""
    if begins is None or ends is None:
        return None
    return max(0.0, (ends - begins).total_seconds() / 3600)


def _orders(period: Period, viewer: Party) -> tuple[OrderFact, ...]:
    """Return the removal orders that a provider received in a period."""
    since, until = _span(period)
    rows = (
        Order.objects.filter(
            BY_ADDRESSEE,
            addressee=viewer,
            exercise=False,
            received_at__gte=since,
            received_at__lt=until,
        )
        .select_related("issued_by", "entry")
        .prefetch_related("addresses")
    )
    return tuple(
        OrderFact(
            country=row.issuer_state,
            items=len(row.addresses.all()),
            receipt_hours=_hours(row.received_at, row.acknowledged_at or row.answered_at),
            effect_hours=_hours(row.received_at, row.executed_at),
        )
        for row in rows
    )


def _complaints(period: Period, viewer: Party) -> ComplaintCounts:
    """Return a provider's complaints; those because of orders were not its own decisions."""
    since, until = _span(period)
    rows = Complaint.objects.filter(party=viewer, exercise=False)
    rows = rows.exclude(basis=ComplaintBasis.ORDER)
    ended = list(rows.filter(decided_at__gte=since, decided_at__lt=until))
    decided = [row for row in ended if row.state != ComplaintState.WITHDRAWN]
    hours = [_hours(row.filed_at, row.decided_at) for row in decided]
    return ComplaintCounts(
        filed=rows.filter(filed_at__gte=since, filed_at__lt=until).count(),
        kept=sum(row.state == ComplaintState.REJECTED for row in ended),
        reversed=sum(row.state == ComplaintState.UPHELD for row in ended),
        omitted=sum(row.state == ComplaintState.WITHDRAWN for row in ended),
        hours=tuple(hour for hour in hours if hour is not None),
    )


def _blocks(period: Period, viewer: Party) -> BlockCounts:
    """Return the uploads that a provider's agents blocked and undid, as they reported them.

    Sums per report are in the ledger, with its time; rows of outcomes have no year.
    """
    since, until = _span(period)
    details = Entry.objects.filter(
        actor=viewer.ref,
        kind="outcomes.reported",
        exercise=False,
        recorded_at__gte=since,
        recorded_at__lt=until,
    ).values_list("detail", flat=True)
    blocked = undone = 0
    for detail in details.iterator():
        for name, number in detail.items():
            was, _, becomes = name.partition("_to_")
            if Outcome.BLOCKED in (name, becomes):
                blocked += number
            elif becomes and was == Outcome.BLOCKED:
                undone += number
    return BlockCounts(blocked=blocked, undone=undone)
