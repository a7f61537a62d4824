# SPDX-License-Identifier: Apache-2.0
"""Read final orders: for the authority of the provider's Member State, and for the provider.

An authority that oversees specific measures may find a provider exposed, among others because of
two final orders in twelve months. It reads whose orders they are and when they became final, and no
content. The hub shows and counts; it finds nobody exposed.

source: Regulation (EU) 2021/784 Art. 3(9), Art. 5(4)(a), Art. 12(1)(c).
"""

from datetime import datetime
from itertools import groupby
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet

from stemtide.hub.rooms.orders.models import Appeal, Finality, FinalNotice, Order
from stemtide.hub.rooms.orders.rules.finality import count_recent
from stemtide.hub.rooms.orders.rules.orders import AppealFacts
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import competences
from stemtide.protocol.enums import Duty
from stemtide.protocol.enums.orders import AppealOutcome, Appellant, FinalGround, ReviewKind
from stemtide.protocol.messages.orders import (
    AppealOut,
    FinalityOut,
    FinalNoticeOut,
    FinalOrderOut,
    FinalOrdersOut,
)

MAX_LIST = 1000
"""Final orders in one list."""


def final_orders(*, viewer: Party, now: datetime) -> list[FinalOrdersOut]:
    """Return the final orders that a party may read, by provider; most in twelve months first."""
    rows = _visible(viewer).order_by("order__addressee__name", "-final_on", "-pk")[:MAX_LIST]
    lists = []
    for provider, group in groupby(rows, key=lambda row: row.order.addressee.name):
        final = list(group)
        days = [row.final_on for row in final if _counts(row.order)]
        lists.append(
            FinalOrdersOut(
                provider=provider,
                in_twelve_months=count_recent(days, now=now),
                orders=[_describe(row, viewer=viewer) for row in final],
            )
        )
    return sorted(lists, key=lambda group: (-group.in_twelve_months, group.provider))


def _counts(order: Order) -> bool:
    """Whether a final order counts against its provider. The word of its issuer alone does not."""
    return not (order.exercise or order.is_of_one_side)


def may_see(uid: UUID, *, viewer: Party) -> bool:
    """Whether a party may read that an order became final. uid: of the finality.

    One that has ended stays readable to authorities that were informed of it.
    """
    was_informed = Q(sent__sent_to=viewer)
    every = _visible(viewer).filter(uid=uid).exists()
    return every or Finality.objects.filter(was_informed, uid=uid).exists()


def home_authorities(row: Order) -> list[Party]:
    """Return the authorities that oversee specific measures in the provider's Member State.

    source: Regulation (EU) 2021/784 Art. 3(9), Art. 12(1)(c).
    """
    return competences.competent(_home_state(row), Duty.MEASURES)


def current(row: Order) -> Finality | None:
    """Return the finality of an order; None while it is not final."""
    return next((final for final in row.finalities.all() if final.ended_at is None), None)


def appeal_facts(row: Appeal) -> AppealFacts:
    """Return the facts that the rules need of an appeal."""
    return AppealFacts(
        uid=str(row.uid),
        lodged_by=Appellant(row.lodged_by),
        lodged_on=row.lodged_on,
        outcome=AppealOutcome(row.outcome),
        decided_on=row.decided_on,
    )


def describe(row: Order) -> FinalityOut:
    """Return the appeals against an order and its finality as the message of the API."""
    final = current(row)
    return FinalityOut(
        appeal_until=row.appeal_until,
        entered_by=row.appeal_until_by.name if row.appeal_until_by else "",
        appeals=[_appeal(appeal) for appeal in row.appeals.all()],
        final_on=final.final_on if final else None,
        ground=FinalGround(final.ground) if final else None,
        recorded_at=final.recorded_at if final else None,
        sent=[
            FinalNoticeOut(to=notice.sent_to.name, sent_at=notice.sent_at)
            for notice in (final.sent.select_related("sent_to") if final else ())
        ],
    )


def _appeal(row: Appeal) -> AppealOut:
    """Return an appeal as the message of the API."""
    return AppealOut(
        id=row.uid,
        lodged_by=Appellant(row.lodged_by),
        kind=ReviewKind(row.kind),
        body=row.body,
        lodged_on=row.lodged_on,
        reference=row.reference,
        entered_by=row.entered_by.name,
        entered_at=row.entered_at,
        outcome=AppealOutcome(row.outcome),
        decided_on=row.decided_on,
        decision=row.decision,
    )


def _visible(viewer: Party) -> QuerySet[Finality]:
    """Return the final orders that a party may read: those against it, or against its providers."""
    is_readable = Q(order__addressee=viewer)
    if viewer.country and competences.is_competent(viewer, Duty.MEASURES):
        is_readable |= Q(order__addressee__country=viewer.country)
        is_readable |= Q(order__addressee__country="", order__annex__home_state=viewer.country)
    own_notices = FinalNotice.objects.filter(sent_to=viewer)
    return (
        Finality.objects.filter(is_readable, ended_at=None)
        .select_related("order__issued_by", "order__addressee", "order__entry__entered_by")
        .prefetch_related(Prefetch("sent", queryset=own_notices, to_attr="own_notices"))
    )


def _home_state(row: Order) -> str:
    """Return the provider's Member State; "" if nobody knows it."""
    return row.addressee.country or str(row.annex.get("home_state") or "")


def _describe(row: Finality, *, viewer: Party) -> FinalOrderOut:
    """Return a final order as the message that its reader receives."""
    order = row.order
    own = next((notice for notice in row.own_notices if notice.sent_to_id == viewer.pk), None)  # type: ignore[attr-defined]  # of the prefetch
    return FinalOrderOut(
        id=row.uid,
        reference=order.shown_reference,
        issued_by=order.issuer_name,
        entered_by=order.entered_by,
        issued_at=order.issued_at or row.recorded_at,
        received_at=order.received_at or row.recorded_at,
        final_on=row.final_on,
        ground=FinalGround(row.ground),
        sent_at=own.sent_at if own else None,
        exercise=order.exercise,
    )
