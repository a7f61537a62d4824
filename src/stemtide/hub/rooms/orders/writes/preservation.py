# SPDX-License-Identifier: Apache-2.0
"""Write preservation of removed content: extensions, accesses and destruction.

The hub holds none of the content. It keeps the rows by which a provider shows that it kept it, for
how long, and for whom.

source: Regulation (EU) 2021/784 Art. 6.
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.orders.models import Access, Order, Preservation
from stemtide.hub.rooms.orders.reads import orders as reads
from stemtide.hub.rooms.orders.rules import orders as rules
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.messages.orders import AccessIn, OrderOut, PreserveIn


@transaction.atomic
def extend(uid: UUID, *, body: PreserveIn, by: Actor, now: datetime) -> OrderOut:
    """Ask for longer preservation of removed content, for named review proceedings.

    raises: NotFoundError, NotAllowedError, ConflictError where nothing is kept; InvalidError.
    source: Regulation (EU) 2021/784 Art. 6(2).
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    facts = reads.facts(row)
    rules.check_extend(facts, name=by.name, role=by.role, until=body.until, now=now)
    rules.check_review(facts, since=body.reviewed_since, now=now)
    preservation = Preservation.objects.get(order=row)
    preservation.until, preservation.extended_by = body.until, by.party
    preservation.proceedings, preservation.reviewed_by = body.proceedings, body.reviewed_by
    preservation.reviewed_since, preservation.reference = body.reviewed_since, body.reference
    preservation.court, preservation.reason = body.court, ""
    preservation.save()
    detail: dict[str, object] = {
        "until": body.until.isoformat(),
        "proceedings": body.proceedings.value,
        "asked_by": "court" if body.court else "authority",
        "party": row.addressee.ref,
        "parties": [row.addressee.name],
    }
    return _record("preservation.extended", row, by=by, now=now, detail=detail)


@transaction.atomic
def note_access(uid: UUID, *, body: AccessIn, by: Actor, now: datetime) -> OrderOut:
    """Note that somebody had access to preserved content, and for which purpose.

    raises: NotFoundError, NotAllowedError, ConflictError where nothing is kept.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    facts = reads.facts(row)
    rules.check_note_access(facts, name=by.name, role=by.role)
    Access.objects.create(
        preservation=Preservation.objects.get(order=row),
        purpose=body.purpose,
        who=body.who,
        reference=body.reference,
        at=now,
    )
    detail: dict[str, object] = {"purpose": body.purpose.value}
    return _record("preservation.accessed", row, by=by, now=now, detail=detail)


@transaction.atomic
def note_destroyed(uid: UUID, *, by: Actor, now: datetime) -> OrderOut:
    """Note that preserved content was destroyed.

    raises: NotFoundError, NotAllowedError, ConflictError before its time.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    facts = reads.facts(row)
    rules.check_note_destroyed(facts, name=by.name, role=by.role, now=now)
    Preservation.objects.filter(order=row).update(destroyed_at=now)
    return _record("preservation.destroyed", row, by=by, now=now, detail={})


def _record(
    kind: str, row: Order, *, by: Actor, now: datetime, detail: dict[str, object]
) -> OrderOut:
    """Append to the ledger and return the order."""
    ledger.append_by(kind, by=by, subject=row.ref, now=now, detail=detail, exercise=row.exercise)
    return reads.describe(row, viewer=by.party, now=now)
