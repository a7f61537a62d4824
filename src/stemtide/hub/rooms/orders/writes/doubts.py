# SPDX-License-Identifier: Apache-2.0
"""Keep the doubts with which an order is issued, and send agencies their copies.

Decision 0155.
"""

from datetime import datetime

from stemtide.hub.platform.exemptions import needs_no_lock
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.orders.models import AgencyCopy, Order, OrderDoubt
from stemtide.hub.rooms.orders.reads import decisions, drafts
from stemtide.hub.rooms.orders.rules.findings import Doubt
from stemtide.hub.rooms.parties.reads.parties import Actor


@needs_no_lock("issue calls it, with the lock")
def keep_doubts(row: Order, *, by: Actor, now: datetime) -> None:
    """Keep the doubts of an order that is being issued, with its issuer's reason.

    The ledger has their kinds and the reason, and no address: Art. 3 names no doubts.
    """
    findings = drafts.findings(row, viewer=row.issuer, now=now)
    doubts = [finding for finding in findings if isinstance(finding, Doubt)]
    if not doubts:
        return
    OrderDoubt.objects.bulk_create(
        OrderDoubt(
            order=row,
            kind=doubt.kind,
            field=doubt.field,
            template=doubt.template,
            facts={name: _stored(value) for name, value in doubt.facts.items()},
        )
        for doubt in doubts
    )
    detail: dict[str, object] = {
        "doubts": sorted({doubt.kind.value for doubt in doubts}),
        "reason": row.despite,
    }
    _append("order.doubted", row, by=by, now=now, detail=detail)


@needs_no_lock("issue calls it, with the lock")
def send_to_agencies(row: Order, *, by: Actor, now: datetime) -> None:
    """Send agencies a copy of an order that is being issued, if its issuer asked for that.

    source: Regulation (EU) 2021/784 Art. 14(6).
    """
    agencies = decisions.agencies(by=row.issuer, exercise=row.exercise)
    if not (row.copy_to_europol and agencies):
        return
    AgencyCopy.objects.bulk_create(
        AgencyCopy(order=row, sent_to=agency, sent_at=now) for agency in agencies
    )
    detail: dict[str, object] = {
        "party": agencies[0].ref,
        "parties": [agency.name for agency in agencies],
    }
    _append("order.communicated", row, by=by, now=now, detail=detail)


def _append(kind: str, row: Order, *, by: Actor, now: datetime, detail: dict[str, object]) -> None:
    """Append to the ledger."""
    ledger.append_by(kind, by=by, subject=row.ref, now=now, detail=detail, exercise=row.exercise)


def _stored(value: object) -> object:
    """Return a value of a message as JSON holds it."""
    if isinstance(value, datetime):
        return {"at": value.isoformat()}
    return value if isinstance(value, int) else str(value)
