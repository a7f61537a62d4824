# SPDX-License-Identifier: Apache-2.0
"""What the clock notes of orders: an hour that passed, a scrutiny that is overdue. Each once."""

from datetime import datetime

from django.db import transaction

from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.orders.models import Order, Scrutiny
from stemtide.protocol.enums.orders import ScrutinyState

AT_ONCE = 100
"""Orders, and scrutinies, that one look of the clock notes."""


def note_due(now: datetime) -> int:
    """Note what fell due; how many things. Whoever is late may still answer, and is late."""
    missed = Order.objects.filter(due_at__lt=now, missed_at=None)
    open_states = (ScrutinyState.OPENED, ScrutinyState.ANNOUNCED)
    overdue = Scrutiny.objects.filter(due_at__lt=now, missed_at=None, state__in=open_states)
    orders = list(missed.order_by("due_at").values_list("pk", flat=True)[:AT_ONCE])
    scrutinies = list(overdue.order_by("due_at").values_list("pk", flat=True)[:AT_ONCE])
    return sum(_miss_order(pk, now=now) for pk in orders) + sum(
        _miss_scrutiny(pk, now=now) for pk in scrutinies
    )


@transaction.atomic
def _miss_order(pk: int, *, now: datetime) -> int:
    """Note that an hour passed without an answer; 0 where another clock was first."""
    ledger.take_turn()
    if not Order.objects.filter(pk=pk, due_at__lt=now, missed_at=None).update(missed_at=now):
        return 0
    row = Order.objects.select_related("issued_by", "addressee").get(pk=pk)
    told = [row.issued_by, row.addressee]
    ledger.append(
        "order.missed",
        actor="clock",
        subject=row.ref,
        now=now,
        detail={"party": told[0].ref, "parties": [one.name for one in told]},
        exercise=row.exercise,
    )
    return 1


@transaction.atomic
def _miss_scrutiny(pk: int, *, now: datetime) -> int:
    """Note that scrutiny was not decided in time; 0 where another clock was first."""
    ledger.take_turn()
    open_states = (ScrutinyState.OPENED, ScrutinyState.ANNOUNCED)
    found = Scrutiny.objects.filter(pk=pk, due_at__lt=now, missed_at=None, state__in=open_states)
    if not found.update(missed_at=now):
        return 0
    scrutiny = Scrutiny.objects.select_related("order__addressee", "authority").get(pk=pk)
    row = scrutiny.order
    copies = row.copies.select_related("sent_to")
    told = [scrutiny.authority] if scrutiny.authority else [copy.sent_to for copy in copies]
    told = [*told, row.addressee]
    ledger.append(
        "scrutiny.missed",
        actor="clock",
        subject=row.ref,
        now=now,
        detail={"party": told[0].ref, "parties": [one.name for one in told]},
        exercise=row.exercise,
    )
    return 1
