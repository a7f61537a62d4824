# SPDX-License-Identifier: Apache-2.0
"""Count the figures of a Member State's return, from the rows of all its authorities.

Counts of complaints to providers under its jurisdiction are given once the year is over: before
that, they would show an authority what a single provider has on its table.

source: Regulation (EU) 2021/784 Art. 21(1). Decision 0149.
"""

from collections import Counter
from collections.abc import Iterable

from django.db.models import QuerySet

from stemtide.hub.platform.errors import NotAllowedError
from stemtide.hub.rooms.complaints.models import Complaint
from stemtide.hub.rooms.orders.models import Access, Appeal, Order
from stemtide.hub.rooms.orders.reads.entries import BY_ISSUER
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import competences
from stemtide.hub.rooms.reports.reads.orders import is_in_time, time_to_execute
from stemtide.hub.rooms.reports.rules import progress
from stemtide.hub.rooms.reports.rules.yearly import Counted, Year
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.complaints import ComplaintBasis
from stemtide.protocol.enums.orders import AppealOutcome, PreservationBasis

_NOT_ARTICLE_10 = (ComplaintBasis.REFERRAL, ComplaintBasis.ORDER)


def check_state(viewer: Party) -> None:
    """Check that an authority may make the return of its State: its State named it for a duty.

    raises: NotAllowedError.
    """
    if not viewer.country or not competences.duties(viewer):
        raise NotAllowedError(
            "the return of a Member State is for authorities that it named under Article 12: ask"
            " the hub's operator to add yours to the register"
        )


def counts(viewer: Party, year: Year) -> dict[str, Counted]:
    """Return the counts of the return of a party's Member State. raises: NotAllowedError."""
    check_state(viewer)
    issued = Order.objects.filter(
        BY_ISSUER,
        exercise=year.is_exercise,
        issued_by__country=viewer.country,
        issued_at__gte=year.since,
        issued_at__lt=year.until,
    )
    rows = list(issued.prefetch_related("answers", "addresses"))
    registered = {row.party for row in competences.register() if row.country == viewer.country}
    return {
        "ms_authorities": Counted(len(registered)),
        **_orders(rows),
        "ms_accesses": _accesses(viewer, year),
        **_appeals(viewer, year),
        **(_complaints(viewer, year) if year.is_over else {}),
    }


def _orders(rows: Iterable[Order]) -> dict[str, Counted]:
    """Return orders by outcome, items by measure, and speed."""
    orders = list(rows)
    executed = [row for row in orders if row.executed_at is not None]
    took = progress.times([time for row in executed if (time := time_to_execute(row)) is not None])
    in_time = sum(is_in_time(row) for row in executed)
    speed: dict[str, Counted] = {}
    if took.median_s is not None and took.p90_s is not None:
        speed = {
            "ms_speed_median": Counted(round(took.median_s / 60, 1)),
            "ms_speed_p90": Counted(round(took.p90_s / 60, 1)),
            "ms_in_hour_share": Counted(round(100 * in_time / len(executed), 1)),
        }
    return {
        "ms_orders": Counted.summed(
            progress.order_outcome(row.state, is_executed=row.executed_at is not None)
            for row in orders
        ),
        "ms_items": Counted.summed(row.measure for row in executed for _ in row.addresses.all()),
        "ms_in_hour": Counted(in_time),
        **speed,
    }


def _accesses(viewer: Party, year: Year) -> Counted:
    """Return accesses to content preserved by Art. 6 in the year, by purpose."""
    orders = Order.objects.filter(
        BY_ISSUER, issued_by__country=viewer.country, exercise=year.is_exercise
    )
    rows = Access.objects.filter(
        preservation__basis=PreservationBasis.TCO,
        preservation__order__in=orders,
        at__gte=year.since,
        at__lt=year.until,
    )
    return Counted.summed(rows.values_list("purpose", flat=True))


def _appeals(viewer: Party, year: Year) -> dict[str, Counted]:
    """Return appeals that were lodged, and that ended, in the year. Days have no zone."""
    orders = Order.objects.filter(
        BY_ISSUER, issued_by__country=viewer.country, exercise=year.is_exercise
    )
    rows = Appeal.objects.filter(order__in=orders)
    lodged = rows.filter(lodged_on__year=year.number)
    ended = rows.filter(decided_on__year=year.number).exclude(outcome=AppealOutcome.PENDING)
    return {
        "ms_reviews": Counted.summed(lodged.values_list("kind", flat=True)),
        "ms_review_decisions": Counted.summed(ended.values_list("outcome", flat=True)),
    }


def _complaints(viewer: Party, year: Year) -> dict[str, Counted]:
    """Return complaints to providers under the State's jurisdiction. source: Art. 10, Art. 16."""
    filed = _complaints_dated(viewer, year, date_field="filed_at")
    ended = _complaints_dated(viewer, year, date_field="decided_at")
    states = Counter(ended.values_list("state", flat=True))
    return {
        "ms_complaints": Counted(filed.count()),
        "ms_complaints_ended": Counted(states.total(), states),
    }


def _complaints_dated(viewer: Party, year: Year, *, date_field: str) -> QuerySet[Complaint]:
    """Return complaints with a date in the year. date_field: its name."""
    span = {f"{date_field}__gte": year.since, f"{date_field}__lt": year.until}
    rows = Complaint.objects.filter(
        party__country=viewer.country,
        party__kind=PartyKind.PROVIDER,
        exercise=year.is_exercise,
        **span,
    )
    return rows.exclude(basis__in=_NOT_ARTICLE_10)
