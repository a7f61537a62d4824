# SPDX-License-Identifier: Apache-2.0
"""Write answers to orders: receipts, acknowledgement, Annex II and III, the end of a pause."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.retention.columns import basis_columns
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.orders.models import Copy, Order, OrderAnswer, Preservation, Receipt
from stemtide.hub.rooms.orders.reads import orders as reads
from stemtide.hub.rooms.orders.rules import lint, orders as rules
from stemtide.hub.rooms.orders.writes import entries, hour
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signals.rules.signals import uuid_at
from stemtide.protocol.enums.orders import OrderState
from stemtide.protocol.enums.referrals import ReceiptVia
from stemtide.protocol.law import deadlines
from stemtide.protocol.law.forms import moment_of
from stemtide.protocol.law.retention import RowClass
from stemtide.protocol.messages.orders import OrderAnswerIn, OrderOut, OrderReasonIn


@transaction.atomic
def record_receipt(
    uid: UUID,
    *,
    via: ReceiptVia,
    at: datetime,
    now: datetime,
    proof: str = "",
    by: Actor | None = None,
) -> bool:
    """Record that an order has arrived, and return whether that is new. The first starts the hour.

    at:    when it arrived. A receipt recorded later with an earlier time moves the hour forward.
    proof: what the other side's machine answered, in short.
    by:    who opened or fetched it; None where a machine of the addressee took it.

    Nothing is recorded for a draft, and each way of arrival is recorded once.

    raises: NotFoundError for an order that there is not.
    source: decision 0055 on what counts as receipt.
    """
    ledger.lock_ledger()
    row = Order.objects.select_related("issued_by", "addressee").filter(uid=uid).first()
    if row is None:
        raise NotFoundError("there is no removal order {uid}", uid=uid)
    if row.issued_at is None or (by is not None and by.party.pk != row.addressee_id):
        return False
    moment = min(max(at, row.issued_at), now)
    if row.receipts.filter(via=via).exists():
        return False
    Receipt.objects.create(order=row, via=via, at=moment, proof=proof[:500])
    hour.arrive(row, at=moment)
    detail: dict[str, object] = {"via": via.value, "at": moment.isoformat()}
    _tell("order.received", row, by=by, now=now, detail=detail)
    return True


@transaction.atomic
def receive_copy(uid: UUID, *, by: Actor, now: datetime) -> bool:
    """Note that an authority has its copy: its 72 hours begin. Whether it is news.

    raises: NotFoundError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    copy = Copy.objects.filter(order=row, sent_to=by.party, received_at=None).first()
    if copy is None:
        return False
    copy.received_at = now
    copy.save(update_fields=["received_at"])
    _tell("copy.received", row, by=by, now=now)
    return True


@transaction.atomic
def acknowledge(uid: UUID, *, by: Actor, now: datetime) -> OrderOut:
    """Acknowledge that a person at the provider has the order. Its deadline does not change.

    raises: NotFoundError, NotAllowedError; ConflictError if it is acknowledged already.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    rules.check_acknowledge(reads.facts(row), name=by.name, role=by.role)
    _receive_from(row, by=by, now=now)
    row.acknowledged_at = now
    row.save(update_fields=["acknowledged_at"])
    _tell("order.acknowledged", row, by=by, now=now, to=row.issuers)
    return reads.describe(row, viewer=by.party, now=now)


@transaction.atomic
def execute(uid: UUID, *, body: OrderAnswerIn, by: Actor, now: datetime) -> OrderOut:
    """Answer by Annex II: removed, or access disabled in all Member States. Preservation begins.

    raises: NotFoundError, NotAllowedError, ConflictError; InvalidError naming a field of the form.
    source: Regulation (EU) 2021/784 Art. 3(6), Art. 6(1).
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    facts = rules.after_receipt(reads.facts(row), now=now)
    after = rules.check_move(facts, "execute", name=by.name, role=by.role)
    lint.check_answer(body.annex, name=lint.ANNEX_2, now=now)
    _receive_from(row, by=by, now=now)
    measure_at = min(moment_of(body.annex["measure_at"]) or now, now)
    stood = reads.pauses(row)
    received_at = row.received_at or now
    was_late = rules.is_late(measure_at, received_at=received_at, pauses=stood)
    OrderAnswer.objects.filter(order=row, form=lint.ANNEX_3, resumed_at=None).update(
        resumed_at=now, resumed_by=by.party
    )
    OrderAnswer.objects.create(
        order=row,
        form=lint.ANNEX_2,
        annex=body.annex,
        answered_at=now,
        was_late=was_late,
    )
    row.state, row.measure = after, str(body.annex["measure"])
    row.executed_at, row.answered_at, row.due_at = measure_at, now, None
    row.save(update_fields=["state", "measure", "executed_at", "answered_at", "due_at"])
    until = deadlines.preserve_until(measure_at)
    Preservation.objects.create(
        uid=uuid_at(now),
        order=row,
        since=measure_at,
        until=until,
        **basis_columns(RowClass.PRESERVATION, kind=by.kind),
    )
    detail: dict[str, object] = {"measure": row.measure, "late": was_late}
    _tell("order.executed", row, by=by, now=now, to=row.issuers, detail=detail)
    began: dict[str, object] = {"until": until.isoformat()}
    _tell("preservation.started", row, by=by, now=now, detail=began)
    return reads.describe(row, viewer=by.party, now=now)


@transaction.atomic
def suspend(uid: UUID, *, body: OrderAnswerIn, by: Actor, now: datetime) -> OrderOut:
    """Answer by Annex III: the order cannot be carried out, for a ground. The clock stops.

    raises: NotFoundError, NotAllowedError, ConflictError; InvalidError naming a field of the form.
    source: Regulation (EU) 2021/784 Art. 3(7) and (8).
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    facts = rules.after_receipt(reads.facts(row), now=now)
    after = rules.check_move(facts, "suspend", name=by.name, role=by.role)
    lint.check_answer(body.annex, name=lint.ANNEX_3, now=now)
    _receive_from(row, by=by, now=now)
    was_late = row.due_at is not None and now > row.due_at
    OrderAnswer.objects.create(
        order=row,
        form=lint.ANNEX_3,
        annex=body.annex,
        answered_at=now,
        was_late=was_late,
    )
    row.state, row.due_at = after, None
    row.save(update_fields=["state", "due_at"])
    detail: dict[str, object] = {"grounds": body.annex["grounds"], "late": was_late}
    _tell("order.suspended", row, by=by, now=now, to=row.issuers, detail=detail)
    return reads.describe(row, viewer=by.party, now=now)


@transaction.atomic
def resume(
    uid: UUID, *, body: OrderReasonIn, by: Actor, now: datetime, side: rules.Side | None = None
) -> OrderOut:
    """End a pause: the issuer clarifies, or the addressee says that its ground is over.

    The hour starts again. side: set by an endpoint that is for one side only.

    raises: NotFoundError, NotAllowedError, ConflictError if it is not paused.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    facts = reads.facts(row)
    rules.check_resume(facts, name=by.name, role=by.role, side=side)
    OrderAnswer.objects.filter(order=row, form=lint.ANNEX_3, resumed_at=None).update(
        resumed_at=now, resumed_by=by.party, clarification=body.text
    )
    row.state = OrderState.RECEIVED
    hour.set_due(row)
    row.save(update_fields=["state", "due_at"])
    others = [row.addressee] if by.party.pk == row.issued_by_id else row.issuers
    _tell("order.resumed", row, by=by, now=now, to=others)
    return reads.describe(row, viewer=by.party, now=now)


@transaction.atomic
def reinstate(uid: UUID, *, by: Actor, now: datetime) -> OrderOut:
    """Record that the content of an order that lost its effect is available again.

    raises: NotFoundError, NotAllowedError, ConflictError.
    source: Regulation (EU) 2021/784 Art. 4(7): immediately, without prejudice to its own terms.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    facts = reads.facts(row)
    row.state = rules.check_move(facts, "reinstate", name=by.name, role=by.role)
    row.reinstated_at = now
    row.save(update_fields=["state", "reinstated_at"])
    homes = [copy.sent_to for copy in row.copies.select_related("sent_to")]
    _tell("order.reinstated", row, by=by, now=now, to=[*row.issuers, *homes])
    return reads.describe(row, viewer=by.party, now=now)


def _receive_from(row: Order, *, by: Actor, now: datetime) -> None:
    """Record the receipt of an order that is answered, if none was recorded yet.

    An answer also confirms an order that its issuer entered by hand.
    """
    entries.confirm_by_answer(row, by=by, now=now)
    if row.received_at is not None:
        return
    via = ReceiptVia.DESK if by.is_person else ReceiptVia.API
    Receipt.objects.create(order=row, via=via, at=now)
    hour.arrive(row, at=now)
    detail: dict[str, object] = {"via": via.value, "at": now.isoformat()}
    _tell("order.received", row, by=by, now=now, detail=detail)


def _tell(
    kind: str,
    row: Order,
    *,
    by: Actor | None,
    now: datetime,
    to: Iterable[Party] = (),
    detail: dict[str, object] | None = None,
) -> None:
    """Append to the ledger. to: the parties it concerns. by: None if a machine took an order."""
    concerned = list(to)
    detail = detail or {}
    if concerned:
        detail |= {"party": concerned[0].ref, "parties": [party.name for party in concerned]}
    ledger.append_by(kind, by=by, subject=row.ref, now=now, detail=detail, exercise=row.exercise)
