# SPDX-License-Identifier: Apache-2.0
"""Write when the hour of an order begins and ends.

source: Regulation (EU) 2021/784 Art. 3(3), (7) and (8). Decision 0055.
"""

from datetime import datetime

from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.orders.reads import orders as reads
from stemtide.protocol.enums.orders import OrderState
from stemtide.protocol.law import deadlines
from stemtide.protocol.law.appeals import appeal_until


@needs_no_entry("the caller records the receipt")
@needs_no_lock("the caller has the lock")
def arrive(row: Order, *, at: datetime) -> None:
    """Start the hour of an order at its first receipt."""
    if row.received_at is not None and at >= row.received_at:
        return
    row.received_at = at
    if row.state == OrderState.ISSUED:
        row.state = OrderState.RECEIVED
    set_due(row)
    if row.appeal_until_by_id is None:  # Art. 3(9), from Section G
        row.appeal_until = appeal_until(
            str(row.annex.get("redress_deadline") or ""), received_at=at
        )
    row.save(update_fields=["state", "received_at", "due_at", "appeal_until"])


@needs_no_entry("the caller records what changed the hour, and saves")
@needs_no_lock("the caller has the lock")
def set_due(row: Order) -> None:
    """Set when the running hour of an order ends; None if no hour is running."""
    row.due_at = None
    if row.state == OrderState.RECEIVED and row.received_at is not None:
        stood = reads.pauses(row)
        row.due_at = deadlines.execute_due(row.received_at, pauses=stood)
