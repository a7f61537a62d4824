# SPDX-License-Identifier: Apache-2.0
"""Notify both sides where an order overlaps another order, or a hold.

source: Regulation (EU) 2021/784 recital 36 and Art. 14(1).
"""

from collections.abc import Iterable
from datetime import datetime

from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.orders.reads.interests import overlaps
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads.parties import Actor


def tell_interested(row: Order, *, by: Actor, now: datetime) -> None:
    """Notify the issuers of overlapping orders, and the holders of holds that the order overrides.

    The order is issued all the same.
    """
    nearby = overlaps(row, viewer=by.party, now=now)
    others = {order.pk: order for order, _ in nearby.orders if order.issued_by_id != by.party.pk}
    for order in others.values():
        _append("order.overlapped", order.ref, order.issuer, row=row, by=by, now=now)
    if others:
        issuers = {order.issuer for order in others.values()}
        ledger.append(
            "order.overlapped",
            actor=CLOCK,  # the issuer must be notified too, and actors are not
            subject=row.ref,
            now=now,
            detail=_detail(by.party, issuers),
            exercise=row.exercise,
        )
    holds = {hold.pk: hold for hold, _ in nearby.holds if hold.holder_id != by.party.pk}
    for hold in holds.values():
        _append("hold.ordered", hold.ref, hold.holder, row=row, by=by, now=now)


def _append(kind: str, subject: str, party: Party, *, row: Order, by: Actor, now: datetime) -> None:
    """Append to the ledger that an order meets an order or hold of another party."""
    ledger.append_by(
        kind,
        by=by,
        subject=subject,
        now=now,
        detail=_detail(party, [by.party]),
        exercise=row.exercise,
    )


def _detail(party: Party, others: Iterable[Party]) -> dict[str, object]:
    """Return the detail of such an entry: its addressee and the others."""
    names = sorted(other.name for other in others)
    return {"party": party.ref, "parties": [party.name], "others": names}
