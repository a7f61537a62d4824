# SPDX-License-Identifier: Apache-2.0
"""Read yearly reports of providers and authorities, filled from their own rows only.

Counts are exact, as the law asks for the number; none is broken down by person or party.

source: Regulation (EU) 2021/784 Art. 7(3), 8(1) and 21(1).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from django.db.models import Q, QuerySet

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.complaints.models import Complaint
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.orders.models import Order, Scrutiny
from stemtide.hub.rooms.orders.reads.entries import BY_ADDRESSEE, BY_ISSUER
from stemtide.hub.rooms.orders.reads.second_looks import is_unconfirmed
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.reports.models import YearlyLine, YearlyVersion
from stemtide.hub.rooms.reports.reads import member_state
from stemtide.hub.rooms.reports.reads.orders import ANNEX_3
from stemtide.hub.rooms.reports.rules import progress, yearly as rules
from stemtide.hub.rooms.reports.rules.yearly import Counted, Year
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.complaints import ComplaintBasis, ComplaintState
from stemtide.protocol.enums.orders import ScrutinyState
from stemtide.protocol.law.yearly import (
    FigureDefinition,
    YearlyFigure,
    YearlyForm,
    YearlyPart,
    YearlyPiece,
    YearlyReport,
    YearlyVersionOut,
    report_definition,
)

_FOUND = (ScrutinyState.INFRINGED, ScrutinyState.UPHELD)
"""Findings of a scrutiny, the most serious first."""


def yearly(
    year: int,
    *,
    viewer: Party,
    now: datetime,
    zone: str = "UTC",
    is_exercise: bool = False,
    form: YearlyForm | None = None,
) -> YearlyReport:
    """Return the yearly report of a party, from its own rows, or the return of its Member State.

    form: None for the party's own report.

    raises: NotAllowedError for who publishes none; InvalidError for a year without a report.
    """
    form = rules.form_for(PartyKind(viewer.kind), form)
    within = rules.year_asked(year, zone=zone, now=now, is_exercise=is_exercise)
    counted, lines = _COUNTS[form](viewer, within), _lines(year, viewer, is_exercise=is_exercise)
    form_asked = report_definition(form)
    parts = [
        YearlyPart(
            name=part.name,
            article=part.article,
            title=part.title,
            note=part.note,
            figures=[_figure(figure, counted, lines) for figure in part.figures],
        )
        for part in form_asked.parts
    ]
    return YearlyReport(
        form=form,
        party=viewer.name,
        country=viewer.country if form is YearlyForm.ART_21 else "",
        year=year,
        zone=zone,
        exercise=is_exercise,
        made_at=now,
        until=within.until,
        head=ledger.heads().entries,
        is_over=within.is_over,
        is_empty=not (lines.keys() & {figure.name for figure in form_asked.figures()})
        and not any(count.count for name, count in counted.items() if name != "ms_authorities"),
        is_whole=within.is_over and not _missing(parts, form=form),
        due=form_asked.due(year),
        parts=parts,
        versions=versions(year, viewer=viewer, is_exercise=is_exercise, form=form),
        **form_asked.model_dump(
            include={"title", "source", "from_memory", "remark", "caution", "nothing"}
        ),
    )


def versions(
    year: int, *, viewer: Party, form: YearlyForm, is_exercise: bool = False
) -> list[YearlyVersionOut]:
    """Return the finished versions of a party's report, oldest first."""
    rows = _versions(year, viewer, form=form, is_exercise=is_exercise)
    return [
        YearlyVersionOut(
            number=row.number, change=row.change, finished_at=row.finished_at, head=row.head
        )
        for row in rows
    ]


def version(
    year: int, number: int, *, viewer: Party, form: YearlyForm, is_exercise: bool = False
) -> YearlyReport:
    """Return a finished version of a party's report, as it was. raises: NotFoundError."""
    row = _versions(year, viewer, form=form, is_exercise=is_exercise).filter(number=number).first()
    if row is None:
        raise NotFoundError(
            "there is no version {number} of the report for {year}", number=number, year=str(year)
        )
    return YearlyReport.model_validate(row.report)


def _versions(
    year: int, viewer: Party, *, form: YearlyForm, is_exercise: bool
) -> QuerySet[YearlyVersion]:
    """Return the rows of the versions of a party's report."""
    return YearlyVersion.objects.filter(
        party=viewer, form=form, year=year, exercise=is_exercise
    ).order_by("number")


def _lines(year: int, viewer: Party, *, is_exercise: bool) -> dict[str, YearlyLine]:
    """Return the figures that a party wrote for a year, by name."""
    rows = YearlyLine.objects.filter(party=viewer, year=year, exercise=is_exercise)
    return {row.figure: row for row in rows}


def _missing(parts: Iterable[YearlyPart], *, form: YearlyForm) -> bool:
    """Whether something that the article asks for is to be written by people, and is not."""
    to_write = {figure.name for _, figure in rules.to_write(form)}
    return any(
        figure.is_asked and figure.name in to_write and not figure.is_given
        for part in parts
        for figure in part.figures
    )


def _figure(
    figure: FigureDefinition, counted: Mapping[str, Counted], lines: Mapping[str, YearlyLine]
) -> YearlyFigure:
    """Return a figure; the count of a figure that nobody knows is None, not zero."""
    counted_figure = counted.get(figure.name) if figure.is_known else None
    line = None if figure.is_known else lines.get(figure.name)
    return YearlyFigure(
        **figure.model_dump(exclude={"pieces", "is_known"}),
        is_known=counted_figure is not None,
        is_given=line is not None,
        count=counted_figure.count if counted_figure else line.count if line else None,
        text=line.text if line else "",
        pieces=[
            YearlyPiece(
                name=piece.name,
                title=piece.title,
                count=counted_figure.pieces.get(piece.name, 0),
                is_asked=piece.is_asked,
            )
            for piece in figure.pieces
            if counted_figure
        ],
    )


def _orders(year: Year, *, date_field: str) -> QuerySet[Order]:
    """Return the orders with a date in the year. date_field: its name."""
    span = {f"{date_field}__gte": year.since, f"{date_field}__lt": year.until}
    return Order.objects.filter(exercise=year.is_exercise, **span)


def _provider_counts(viewer: Party, year: Year) -> dict[str, Counted]:
    """Return the counts that Article 7 asks of a provider: events of the year."""

    def orders(*, date_field: str) -> QuerySet[Order]:
        return _orders(year, date_field=date_field).filter(BY_ADDRESSEE, addressee=viewer)

    executed = orders(date_field="executed_at")
    received = orders(date_field="received_at")
    back = orders(date_field="reinstated_at")
    impossible = Order.objects.filter(
        pk__in=_answered_with_a_ground(viewer, year),
        exercise=year.is_exercise,
        executed_at__isnull=True,
    ).prefetch_related("answers")
    ended = _complaints(viewer, year, date_field="decided_at")
    states = Counter(order.state for order in ended)
    return {
        "orders_received": Counted(received.count()),
        "items_by_orders": Counted.summed(
            row.measure
            for row in executed.prefetch_related("addresses")
            for _ in row.addresses.all()
        ),
        "orders_not_executed": _grounds(impossible),
        "complaints_filed": Counted.summed(
            complaint.basis for complaint in _complaints(viewer, year, date_field="filed_at")
        ),
        "complaints_decided": Counted(states.total(), states),
        "reinstated_after_orders": Counted(back.count()),
        "reinstated_after_complaints": Counted(states[ComplaintState.UPHELD]),
    }


def _answered_with_a_ground(viewer: Party, year: Year) -> QuerySet[Order, int]:
    """Return the orders that a provider answered with a ground of Annex III in the year."""
    answered = Q(
        answers__form=ANNEX_3,
        answers__answered_at__gte=year.since,
        answers__answered_at__lt=year.until,
    )
    return Order.objects.filter(answered, BY_ADDRESSEE, addressee=viewer).values_list(
        "pk", flat=True
    )


def _complaints(viewer: Party, year: Year, *, date_field: str) -> QuerySet[Complaint]:
    """Return the complaints with a date in the year. date_field: its name.

    Complaints about referrals fall under another Regulation and are left out.
    """
    span = {f"{date_field}__gte": year.since, f"{date_field}__lt": year.until}
    complaints = Complaint.objects.filter(party=viewer, exercise=year.is_exercise, **span)
    return complaints.exclude(basis=ComplaintBasis.REFERRAL)


def _authority_counts(viewer: Party, year: Year) -> dict[str, Counted]:
    """Return the figures of Article 8 for an authority: outcomes of the year's orders."""
    rows = list(
        _orders(year, date_field="issued_at")
        .filter(BY_ISSUER, issued_by=viewer)
        .select_related("approval")
        .prefetch_related("answers", "scrutinies", "addresses")
    )
    became = Counter(
        progress.order_outcome(row.state, is_executed=row.executed_at is not None) for row in rows
    )
    executed = [row for row in rows if row.executed_at is not None]
    examined = Scrutiny.objects.filter(
        authority=viewer,
        order__exercise=year.is_exercise,
        decided_at__gte=year.since,
        decided_at__lt=year.until,
        state__in=_FOUND,
    )
    became_else = {name: count for name, count in became.items() if name != "executed"}
    return {
        "orders_issued": Counted(len(rows)),
        "orders_cross_border": Counted(sum(row.is_cross_border for row in rows)),
        "orders_unconfirmed": Counted(sum(is_unconfirmed(row) for row in rows)),
        "orders_scrutinised": Counted.summed(
            finding for row in rows if (finding := _finding_of(row))
        ),
        "orders_executed": Counted.summed(row.measure for row in executed),
        "orders_not_executed": Counted(sum(became_else.values()), became_else),
        "grounds": _grounds(rows),
        "items": Counted(sum(len(row.addresses.all()) for row in executed)),
        "scrutinies": Counted.summed(scrutiny.state for scrutiny in examined),
    }


def _finding_of(row: Order) -> str:
    """Return the finding of an order's scrutiny; "" if nobody examined it."""
    states = {scrutiny.state for scrutiny in row.scrutinies.all()}
    finding = next((state for state in _FOUND if state in states), None)
    return finding or ("other" if states else "")


def _grounds(rows: Iterable[Order]) -> Counted:
    """Count the orders that were answered with a ground, by ground: an order may have several."""
    named = [
        progress.grounds_in(answer.annex for answer in row.answers.all() if answer.form == ANNEX_3)
        for row in rows
    ]
    grounds_named = [grounds for grounds in named if grounds]
    return Counted(
        len(grounds_named), Counter(ground for grounds in grounds_named for ground in grounds)
    )


_COUNTS: Mapping[YearlyForm, Callable[[Party, Year], dict[str, Counted]]] = {
    YearlyForm.ART_7: _provider_counts,
    YearlyForm.ART_8: _authority_counts,
    YearlyForm.ART_21: member_state.counts,
}
