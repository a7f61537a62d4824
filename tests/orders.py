# SPDX-License-Identifier: Apache-2.0
"""Issuing removal orders in tests that are about what comes after."""

from datetime import datetime
from uuid import UUID

from stemtide.hub.rooms.orders.writes import orders as writes
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.messages.orders import OrderOut


def issue_order(uid: UUID, *, by: Actor, now: datetime) -> OrderOut:
    """Issue a draft of an authority."""
    return writes.issue(uid, by=by, now=now)
