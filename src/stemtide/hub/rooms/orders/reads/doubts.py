# SPDX-License-Identifier: Apache-2.0
"""Read the doubts with which an order was issued, and the copies that agencies got.

Decision 0155.
"""

from datetime import datetime

from stemtide.hub.rooms.orders.models import AgencyCopy, Order, OrderDoubt
from stemtide.hub.rooms.orders.rules.findings import Doubt, is_readable
from stemtide.hub.rooms.orders.rules.orders import Side
from stemtide.hub.rooms.parties.models import Party
from stemtide.protocol.enums.orders import DoubtKind
from stemtide.protocol.enums.referrals import ContentType
from stemtide.protocol.messages.orders import (
    AgencyCopyOut,
    AgencyCopySentOut,
    DoubtsOut,
    LintFinding,
)

MAX_LIST = 200
"""Copies in one list."""


def kept_doubts(row: Order, *, viewer: Party) -> list[Doubt]:
    """Return the doubts with which an order was issued that a party may read, untranslated."""
    side = _side(row, viewer=viewer)
    return [
        _doubt(doubt) for doubt in row.doubts.all() if is_readable(DoubtKind(doubt.kind), side=side)
    ]


def of_order(row: Order, *, viewer: Party) -> DoubtsOut | None:
    """Return the doubts with which an order was issued, to a party that may read them."""
    if row.issued_at is None:
        return None
    doubts = [
        LintFinding(field=doubt.field, is_error=False, message=doubt.message, kind=doubt.kind)
        for doubt in kept_doubts(row, viewer=viewer)
    ]
    return DoubtsOut(doubts=doubts, despite=row.despite)


def may_read(row: Order, *, viewer: Party) -> bool:
    """Whether a party reads the facts kept beside an order: its issuer, authorities with a copy."""
    return is_readable(DoubtKind.FORM, side=_side(row, viewer=viewer))


def copies_sent(row: Order) -> list[AgencyCopySentOut]:
    """Return which agencies got a copy of an order, for those who may_read()."""
    copies = row.agency_copies.select_related("sent_to")
    return [AgencyCopySentOut(to=copy.sent_to.name, sent_at=copy.sent_at) for copy in copies]


def agency_copies(*, viewer: Party, limit: int = MAX_LIST) -> list[AgencyCopyOut]:
    """Return the copies of orders that were sent to an agency, the latest first."""
    copies = AgencyCopy.objects.filter(sent_to=viewer).select_related(
        "order__issued_by", "order__addressee"
    )
    latest = copies.order_by("-sent_at", "-pk")[: max(1, min(limit, MAX_LIST))]
    return [_describe(copy) for copy in latest]


def _side(row: Order, *, viewer: Party) -> Side | None:
    """Return the side on which a party reads the facts kept beside an order."""
    if row.issued_by_id == viewer.pk:
        return Side.ISSUER
    return Side.HOME if row.copies.filter(sent_to=viewer).exists() else None


def _doubt(row: OrderDoubt) -> Doubt:
    """Return a stored doubt as a finding, with its times."""
    facts = {
        name: datetime.fromisoformat(value["at"]) if isinstance(value, dict) else value
        for name, value in row.facts.items()
    }
    return Doubt(row.field, row.template, **facts).of(DoubtKind(row.kind))


def _describe(copy: AgencyCopy) -> AgencyCopyOut:
    """Return a copy as the message that an agency receives."""
    order = copy.order
    return AgencyCopyOut(
        id=order.uid,
        reference=order.shown_reference,
        issued_by=order.issuer.name,
        addressee=order.addressee.name,
        annex=order.annex,
        content_type=ContentType(order.content_type),
        ideology=order.ideology or None,
        issued_at=order.issued_at or copy.sent_at,
        sent_at=copy.sent_at,
        exercise=order.exercise,
    )
