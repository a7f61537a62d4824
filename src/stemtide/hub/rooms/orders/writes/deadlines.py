# SPDX-License-Identifier: Apache-2.0
"""Record passed deadlines of orders, once each: the hour, overdue scrutiny, the day for appeal."""

from datetime import datetime, timedelta

from django.db import transaction

from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.orders.models import Appeal, Finality, Order, Scrutiny
from stemtide.hub.rooms.orders.reads.entries import BY_ADDRESSEE, BY_ISSUER
from stemtide.hub.rooms.orders.rules.orders import IN_EFFECT
from stemtide.protocol.enums.orders import AppealOutcome, ScrutinyState

AT_ONCE = 100
"""Maximum number of orders, and of scrutinies, in one run of the scheduler."""


def note_due(now: datetime) -> int:
    """Note missed deadlines and return how many. Late parties may still answer."""
    missed = Order.objects.filter(BY_ADDRESSEE, due_at__lt=now, missed_at=None)
    open_states = (ScrutinyState.OPENED, ScrutinyState.ANNOUNCED)
    overdue = Scrutiny.objects.filter(due_at__lt=now, missed_at=None, state__in=open_states)
    over = Order.objects.filter(
        BY_ISSUER,  # it is asked about its own orders, and those that it confirmed
        appeal_until__lt=(now - timedelta(hours=12)).date(),
        appeal_over_at=None,
    )
    appeals = list(over.order_by("appeal_until").values_list("pk", flat=True)[:AT_ONCE])
    orders = list(missed.order_by("due_at").values_list("pk", flat=True)[:AT_ONCE])
    scrutinies = list(overdue.order_by("due_at").values_list("pk", flat=True)[:AT_ONCE])
    return (
        sum(_miss_order(pk, now=now) for pk in orders)
        + sum(_miss_scrutiny(pk, now=now) for pk in scrutinies)
        + sum(_end_appeal_term(pk, now=now) for pk in appeals)
    )


@transaction.atomic
def _miss_order(pk: int, *, now: datetime) -> int:
    """Note that the hour passed without an answer; 0 if another clock was first."""
    ledger.lock_ledger()
    if not Order.objects.filter(pk=pk, due_at__lt=now, missed_at=None).update(missed_at=now):
        return 0
    row = Order.objects.select_related("issued_by", "addressee").get(pk=pk)
    concerned = [*row.issuers, row.addressee]
    ledger.append(
        "order.missed",
        actor=CLOCK,
        subject=row.ref,
        now=now,
        detail={"party": concerned[0].ref, "parties": [party.name for party in concerned]},
        exercise=row.exercise,
    )
    return 1


@transaction.atomic
def _miss_scrutiny(pk: int, *, now: datetime) -> int:
    """Note that scrutiny was not decided in time; 0 if another clock was first."""
    ledger.lock_ledger()
    open_states = (ScrutinyState.OPENED, ScrutinyState.ANNOUNCED)
    overdue = Scrutiny.objects.filter(pk=pk, due_at__lt=now, missed_at=None, state__in=open_states)
    if not overdue.update(missed_at=now):
        return 0
    scrutiny = Scrutiny.objects.select_related("order__addressee", "authority").get(pk=pk)
    row = scrutiny.order
    copies = row.copies.select_related("sent_to")
    concerned = [scrutiny.authority] if scrutiny.authority else [copy.sent_to for copy in copies]
    concerned = [*concerned, row.addressee]
    ledger.append(
        "scrutiny.missed",
        actor=CLOCK,
        subject=row.ref,
        now=now,
        detail={"party": concerned[0].ref, "parties": [party.name for party in concerned]},
        exercise=row.exercise,
    )
    return 1


@transaction.atomic
def _end_appeal_term(pk: int, *, now: datetime) -> int:
    """Note that the deadline for appeal has passed, and ask the issuer whether the order is final.

    source: Regulation (EU) 2021/784 Art. 3(9).
    """
    ledger.lock_ledger()
    if not Order.objects.filter(pk=pk, appeal_over_at=None).update(appeal_over_at=now):
        return 0
    row = Order.objects.select_related("issued_by").get(pk=pk)
    issuer = row.issued_by
    is_open = row.state in IN_EFFECT and not (
        Finality.objects.filter(order=row, ended_at=None).exists()
        or Appeal.objects.filter(order=row, outcome=AppealOutcome.PENDING).exists()
    )
    if is_open and issuer is not None:
        ledger.append(
            "appeal.expired",
            actor=CLOCK,
            subject=row.ref,
            now=now,
            detail={"party": issuer.ref, "parties": [issuer.name]},
            exercise=row.exercise,
        )
    return 1
