# SPDX-License-Identifier: Apache-2.0
"""Issuing removal orders in tests that are about what comes after."""

from datetime import datetime
from uuid import UUID

from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.orders.reads import orders
from stemtide.hub.rooms.orders.writes import issue
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.enums import Role
from stemtide.protocol.messages.orders import OrderOut


def issue_order(uid: UUID, *, by: Actor, now: datetime) -> OrderOut:
    """Issue a draft of an authority, and have a second person of it confirm it."""
    issue.issue(uid, by=by, now=now)
    confirm_order(uid, now=now)
    return orders.order(uid, viewer=by.party, now=now)


def confirm_order(uid: UUID, *, now: datetime) -> None:
    """Have a second person of its authority confirm an order."""
    issuer = Order.objects.get(uid=uid).issued_by
    issue.confirm(uid, by=Actor(issuer, "person:9999", Role.DUTY_OFFICER), now=now)
