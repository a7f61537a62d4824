# SPDX-License-Identifier: Apache-2.0
"""Read copies of orders: those that an authority of the provider's Member State may examine.

source: Regulation (EU) 2021/784 Art. 4.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch

from stemtide.hub.rooms.orders.models import Copy, Scrutiny
from stemtide.hub.rooms.orders.reads import orders as reads
from stemtide.hub.rooms.orders.rules.orders import IN_EFFECT
from stemtide.hub.rooms.parties.models import Party
from stemtide.protocol.enums.orders import ScrutinyState
from stemtide.protocol.law import deadlines
from stemtide.protocol.messages.orders import OrderHead, ScrutinyOut

MAX_LIST = 200
"""Copies in one list."""

_OPEN = frozenset({ScrutinyState.OPENED, ScrutinyState.ANNOUNCED})


@dataclass(frozen=True, slots=True)
class CopyRow:
    """A copy of an order. until: the end of the term for own initiative; None once nothing is left.

    scrutiny: the latest one, requested by anyone.
    """

    order: OrderHead
    sent_at: datetime
    received_at: datetime | None
    until: datetime | None
    scrutiny: ScrutinyOut | None

    @property
    def due_at(self) -> datetime | None:
        """Return when the pending scrutiny decision is due; None if none is pending."""
        is_open = self.scrutiny is not None and self.scrutiny.state in _OPEN
        return self.scrutiny.due_at if self.scrutiny is not None and is_open else None


def copies(*, viewer: Party, now: datetime, limit: int = MAX_LIST) -> list[CopyRow]:
    """Return the copies of an authority: waiting scrutiny first, then those it may examine."""
    latest_copies = Copy.objects.filter(sent_to=viewer).order_by("-sent_at", "-pk")[:limit]
    rows = Scrutiny.objects.order_by("opened_at", "pk")
    examined = reads.with_decisions(rows)
    whole = latest_copies.select_related(
        *("order__issued_by", "order__addressee", "order__approval"),
        "order__entry__entered_by",
    ).prefetch_related(Prefetch("order__scrutinies", queryset=examined))
    return sorted((_row(copy, viewer=viewer, now=now) for copy in whole), key=_urgency)


def _row(copy: Copy, *, viewer: Party, now: datetime) -> CopyRow:
    """Return a copy with the facts that its authority decides on."""
    order = copy.order
    latest = next(reversed(order.scrutinies.all()), None)
    until = deadlines.scrutiny_due(copy.received_at or now)
    is_open = order.state in IN_EFFECT and now <= until
    return CopyRow(
        order=reads.head(order, viewer=viewer),
        sent_at=copy.sent_at,
        received_at=copy.received_at,
        until=until if is_open and latest is None and copy.received_at else None,
        scrutiny=reads.describe_scrutiny(latest) if latest else None,
    )


def _urgency(row: CopyRow) -> tuple[int, float]:
    """Return the sort key: decisions by due time, own initiative by its end, then the rest."""
    if row.due_at is not None:
        return 0, row.due_at.timestamp()
    if row.received_at is None:
        return 1, row.sent_at.timestamp()
    if row.until is not None:
        return 2, row.until.timestamp()
    return 3, -row.sent_at.timestamp()
