# SPDX-License-Identifier: Apache-2.0
"""Read removal orders, for the issuer, the addressee, and authorities with a copy."""

from collections.abc import Iterable
from copy import copy
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import (
    Case,
    F,
    IntegerField,
    Prefetch,
    Q,
    QuerySet,
    Value,
    When,
    prefetch_related_objects,
)

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.orders.models import (
    Appeal,
    Copy,
    DecisionCopy,
    Information,
    Order,
    OrderAddress,
    OrderAnswer,
    Scrutiny,
)
from stemtide.hub.rooms.orders.reads import (
    doubts,
    entries,
    finality,
    preservations,
    second_looks,
)
from stemtide.hub.rooms.orders.rules import offers
from stemtide.hub.rooms.orders.rules.lint import ANNEX_3
from stemtide.hub.rooms.orders.rules.orders import (
    OrderFacts,
    ScrutinyFacts,
    Side,
)
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import competences
from stemtide.hub.rooms.parties.reads.parties import Actor, marked_for
from stemtide.hub.rooms.signals.reads import signals
from stemtide.protocol.enums import Duty
from stemtide.protocol.enums.orders import (
    EmergencyGround,
    FinalGround,
    Measure,
    OrderState,
    ScrutinyBasis,
    ScrutinyState,
)
from stemtide.protocol.enums.referrals import ContentType, ReceiptVia
from stemtide.protocol.law import deadlines
from stemtide.protocol.law.deadlines import Pause
from stemtide.protocol.law.machines import machine
from stemtide.protocol.messages.orders import (
    AnswerOut,
    CopyOut,
    DecisionSentOut,
    InformationOut,
    OrderHead,
    OrderOut,
    ReceiptOut,
    ScrutinyOut,
    Values,
)

MAX_LIST = 200
"""Orders in one list."""

_OF_ISSUER = frozenset(
    {
        *("order.overlapped", "order.submitted", "order.recalled", "order.confirmed"),
        "order.doubted",  # it says whether there was a hold, which is told to nobody else
    }
)
"""Ledger entries of an order that its issuer alone reads."""

_NOT_OF_ADDRESSEE = frozenset({"order.communicated"})
"""Ledger entries of an order that its addressee does not read."""

_WAITING = (OrderState.ISSUED, OrderState.RECEIVED, OrderState.SUSPENDED, OrderState.UNDONE)


def orders(
    *,
    viewer: Party,
    side: Side | None = None,
    state: OrderState | None = None,
    is_open: bool | None = None,
    limit: int = MAX_LIST,
) -> list[OrderHead]:
    """Return the orders that a party sees: waiting ones first, by their due time.

    side: only those that the party issued, was addressed, or has a copy of.
    """
    visible = _visible(viewer)
    if side is not None:
        visible = visible.filter(_of_side(side, viewer))
    if state is not None:
        visible = visible.filter(state=state)
    if is_open is not None:
        open_states = Q(state__in=machine("order").open_states - {OrderState.EXECUTED})
        visible = visible.filter(open_states if is_open else ~open_states)
    waits = Case(
        When(state__in=_WAITING, then=Value(0)), default=Value(1), output_field=IntegerField()
    )
    rows = visible.annotate(waits=waits).order_by(
        "waits", F("due_at").asc(nulls_last=True), "-drafted_at", "-pk"
    )
    return [head(row, viewer=viewer) for row in rows[: max(1, min(limit, MAX_LIST))]]


def first_addresses(heads: Iterable[OrderHead], *, viewer: Party) -> dict[UUID, str]:
    """Return the first address of each order that the viewer wrote or has received."""
    is_read = Q(issued_by=viewer) | Q(addressee=viewer, received_at__isnull=False)
    rows = Order.objects.filter(is_read, uid__in=[head.id for head in heads])
    annexes = rows.values_list("uid", "annex")
    return {uid: urls[0] for uid, annex in annexes if (urls := annex.get("urls"))}


def inbox(*, viewer: Party) -> list[OrderHead]:
    """Return the orders addressed to a provider, waiting ones first. Reading records no receipt."""
    return orders(viewer=viewer, side=Side.ADDRESSEE)


def waiting(*, viewer: Party) -> int:
    """Count the orders that wait for a provider: to be executed, or their content reinstated."""
    states = {*_WAITING} - {OrderState.SUSPENDED}
    waiting_orders = Order.objects.filter(
        addressee=viewer, issued_at__isnull=False, state__in=states
    )
    return waiting_orders.count()


def order(uid: UUID, *, viewer: Party, now: datetime) -> OrderOut:
    """Return one order. A caller that shows it to its addressee records the receipt.

    raises: NotFoundError, also for one that the viewer may not see.
    """
    return describe(find(uid, viewer=viewer), viewer=viewer, now=now)


def find(uid: UUID, *, viewer: Party) -> Order:
    """Return the row of an order, for writes.

    raises: NotFoundError, also for one that the viewer may not see.
    """
    row = _visible(viewer).filter(uid=uid).first()
    if row is None:
        raise NotFoundError("there is no removal order {uid} that your party may see", uid=uid)
    return row


def names(uids: Iterable[UUID], *, viewer: Party) -> dict[UUID, str]:
    """Return the references of those of these orders that a party sees; "" of drafts."""
    return dict(_visible(viewer).filter(uid__in=list(uids)).values_list("uid", "reference"))


def by_reference(reference: str, *, viewer: Party) -> list[OrderHead]:
    """Return the orders with a file reference that a party sees; old references may repeat."""
    rows = _visible(viewer).filter(reference=reference).exclude(reference="")
    return [head(row, viewer=viewer) for row in rows[:MAX_LIST]]


def by_address(digest: str, *, viewer: Party) -> list[OrderHead]:
    """Return the orders that a party sees about an address, by its digest."""
    about = OrderAddress.objects.filter(digest=digest).values("order")
    return [head(row, viewer=viewer) for row in _visible(viewer).filter(pk__in=about)[:MAX_LIST]]


def facts(row: Order) -> OrderFacts:
    """Return the facts that the rules need of an order."""
    row = _with_parts(row)
    stopped = _open_pause(row)
    final = finality.current(row)
    return OrderFacts(
        state=OrderState(row.state),
        issued_by=row.issued_by.name if row.issued_by else "",
        addressee=row.addressee.name,
        homes=tuple((sent.sent_to.name, sent.received_at) for sent in row.copies.all()),
        is_cross_border=row.is_cross_border,
        issued_at=row.issued_at,
        received_at=row.received_at,
        is_acknowledged=row.acknowledged_at is not None,
        grounds=frozenset(stopped.annex.get("grounds", ())) if stopped else frozenset(),
        secret_until=row.secret_until,
        scrutinies=tuple(scrutiny_facts(scrutiny) for scrutiny in row.scrutinies.all()),
        preservations=preservations.facts(row),
        appeals=tuple(finality.appeal_facts(appeal) for appeal in row.appeals.all()),
        appeal_until=row.appeal_until,
        final=FinalGround(final.ground) if final else None,
        entry=entries.facts(row),
    )


def scrutiny_facts(row: Scrutiny) -> ScrutinyFacts:
    """Return the facts that the rules need of a scrutiny."""
    return ScrutinyFacts(
        state=ScrutinyState(row.state),
        basis=ScrutinyBasis(row.basis),
        due_at=row.due_at,
        authority=row.authority.name if row.authority else "",
    )


def pauses(row: Order) -> list[Pause]:
    """Return the times in which the clock of an order was stopped."""
    return [
        Pause(answer.answered_at, answer.resumed_at)
        for answer in row.answers.all()
        if answer.form == ANNEX_3
    ]


def moves(row: Order, *, by: Actor, now: datetime) -> list[str]:
    """Return the moves that an actor may make with an order now."""
    of_sides = offers.offers(
        facts(row),
        name=by.name,
        role=by.role,
        may_issue=competences.is_competent(by.party, Duty.ISSUE),
        may_scrutinise=competences.is_competent(by.party, Duty.SCRUTINISE),
        now=now,
    )
    return of_sides + second_looks.moves(row, by=by, now=now)


def annex_1(row: Order) -> Values:
    """Return all fields of Annex I, with those that the hub fills in."""
    written: Values = row.annex
    return written | {
        "issuing_state": row.issuer_state,
        "addressee": row.addressee.title,
        "issued_at": row.issued_at.isoformat() if row.issued_at else None,
        "reference": row.reference,
        "emergency": bool(row.emergency),
        "emergency_ground": row.emergency_ground,
        "emergency_reasons": row.emergency,
    }


def answer_head(row: Order) -> Values:
    """Return the fields of section A of Annex II and III, which the hub fills in."""
    return {
        "addressee": row.addressee.title,
        "authority_name": str(row.annex.get("authority_name") or row.issuer_title),
        "reference": row.reference,
        "received_at": row.received_at.isoformat() if row.received_at else None,
    }


def head(row: Order, *, viewer: Party) -> OrderHead:
    """Return an order as a row of a list."""
    return OrderHead(
        id=row.uid,
        reference=row.reference,
        state=OrderState(row.state),
        issued_by=row.issuer_name,
        addressee=row.addressee.name,
        exercise=row.exercise,
        entry=entries.describe(row),
        is_cross_border=row.is_cross_border,
        confirm_due_at=second_looks.confirm_due(row, viewer=viewer),
        issued_at=row.issued_at,
        received_at=row.received_at,
        due_at=row.due_at,
        missed_at=row.missed_at,
        executed_at=row.executed_at,
        measure=Measure(row.measure) if row.measure else None,
    )


def describe(row: Order, *, viewer: Party, now: datetime) -> OrderOut:
    """Return an order as the message of the API."""
    row = _with_parts(row)
    time_taken = None
    if row.received_at and row.executed_at:
        time_taken = deadlines.time_taken(row.received_at, row.executed_at, pauses=pauses(row))
    linked = signals.visible_by_uid(row.signals.values_list("uid", flat=True), viewer=viewer)
    return OrderOut(
        **head(row, viewer=viewer).model_dump(),
        language=row.language,
        annex=annex_1(row),
        urls=[address.url for address in row.addresses.all()],
        is_first=row.is_first,
        emergency=row.emergency,
        emergency_ground=EmergencyGround(row.emergency_ground) if row.emergency_ground else None,
        content_type=ContentType(row.content_type),
        ideology=row.ideology or None,
        signals=sorted(linked),
        crisis=crises.visible_id(row.crisis, viewer=viewer),
        document=entries.document_of(row),
        drafted_at=row.drafted_at,
        acknowledged_at=row.acknowledged_at,
        answered_at=row.answered_at,
        minutes_taken=None if time_taken is None else round(time_taken.total_seconds() / 60, 2),
        secret_until=row.secret_until,
        ended_at=row.ended_at,
        end_reason=row.end_reason,
        is_unconfirmed=second_looks.is_unconfirmed(row),
        second_look=second_looks.of_order(row, viewer=viewer),
        reinstated_at=row.reinstated_at,
        receipts=[
            ReceiptOut(via=ReceiptVia(receipt.via), at=receipt.at, proof=receipt.proof)
            for receipt in row.receipts.all()
        ],
        answers=[_answer(answer, row=row) for answer in row.answers.all()],
        copies=[_copy(sent) for sent in row.copies.all()],
        scrutinies=[describe_scrutiny(scrutiny) for scrutiny in row.scrutinies.all()],
        **_beside(row, viewer=viewer),
        preservations=preservations.describe(row, viewer=viewer),
        finality=finality.describe(row),
        moves=moves(row, by=Actor(viewer, viewer.ref), now=now),
    )


def _beside(row: Order, *, viewer: Party) -> dict[str, Any]:
    """Return the facts that an issuer keeps beside an order; empty for its addressee."""
    may_read_doubts = doubts.may_read(row, viewer=viewer)
    may_read = may_read_doubts or second_looks.may_read(row, viewer=viewer)
    return {
        "is_media_service": may_read and row.is_media_service,
        "copy_to_europol": may_read and row.copy_to_europol,
        "despite": row.despite if may_read else "",
        "doubts": doubts.of_order(row, viewer=viewer) if may_read_doubts else None,
        "agency_copies": doubts.copies_sent(row) if may_read_doubts else [],
    }


def describe_scrutiny(row: Scrutiny) -> ScrutinyOut:
    """Return a scrutiny as the message of the API."""
    return ScrutinyOut(
        id=row.uid,
        state=ScrutinyState(row.state),
        basis=ScrutinyBasis(row.basis),
        by=row.authority.name if row.authority else "",
        reasons=row.reasons,
        opened_at=row.opened_at,
        due_at=row.due_at,
        announced_at=row.announced_at,
        announcement=row.announcement,
        decided_at=row.decided_at,
        decision=row.decision,
        was_late=(row.decided_at or row.missed_at or row.due_at) > row.due_at,
        sent=[
            DecisionSentOut(to=sent.sent_to.name, sent_at=sent.sent_at) for sent in row.sent.all()
        ],
    )


def informations(*, viewer: Party, limit: int = MAX_LIST) -> list[InformationOut]:
    """Return the informations that a party sent before first orders, or received, newest first."""
    visible = Information.objects.filter(Q(sent_by=viewer) | Q(sent_to=viewer))
    rows = visible.select_related("sent_by", "sent_to")[:limit]
    return [describe_information(row) for row in rows]


def describe_information(row: Information) -> InformationOut:
    """Return an information before a first order as the message of the API."""
    return InformationOut(
        id=row.uid,
        sent_by=row.sent_by.name,
        to=row.sent_to.name,
        text=row.text,
        sent_at=row.sent_at,
        order_from=deadlines.first_order_from(row.sent_at),
        exercise=row.exercise,
    )


def history(uid: UUID, *, viewer: Party) -> list[ledger.EntryRow]:
    """Return the ledger entries of an order, oldest first, for those who see the order.

    Persons are named to their own party only. Entries before it was issued are the issuer's.

    raises: NotFoundError.
    """
    row = find(uid, viewer=viewer)
    rows = ledger.entries(viewer=viewer, subject=row.ref, limit=500, opens=set)
    readable = [entry for entry in rows if _concerns(entry, row=row, viewer=viewer)]
    return [ledger.without_through(entry, viewer=viewer) for entry in readable]


def _concerns(entry: ledger.EntryRow, *, row: Order, viewer: Party) -> bool:
    """Whether an entry of an order is the viewer's to read.

    Drafts, whose order meets it, and the second look are their issuer's alone.
    """
    if entry.kind in _OF_ISSUER:
        return row.issued_by_id == viewer.pk
    if entry.kind in _NOT_OF_ADDRESSEE and row.addressee_id == viewer.pk:
        return False
    is_before = row.issued_at is None or entry.recorded_at < row.issued_at
    return row.issued_by_id == viewer.pk or not is_before


def _visible(viewer: Party) -> QuerySet[Order]:
    """Return the orders of which the viewer is on some side, as rules.side_of() decides it.

    Parties whose people may confirm an order see it until that is decided.
    """
    rows = marked_for(viewer, Order.objects.all()).select_related(
        "issued_by", "addressee", "crisis", "approval__decided_by", "entry__entered_by"
    )
    every = second_looks.waiting_for(viewer)
    for side in Side:
        every |= _of_side(side, viewer)
    return rows.filter(every)


def _of_side(side: Side, viewer: Party) -> Q:
    """Return the filter for orders that have a party on one side."""
    if side is Side.ISSUER:
        return Q(issued_by=viewer)
    if side is Side.ADDRESSEE:
        return Q(addressee=viewer, issued_at__isnull=False)
    return Q(pk__in=Copy.objects.filter(sent_to=viewer).values("order"))


def _with_parts(row: Order) -> Order:
    """Return an order with the rows beside it that its facts and its message need, read once.

    It is a copy: a write that goes on with the order reads them again.
    """
    if "answers" in getattr(row, "_prefetched_objects_cache", ()):
        return row
    whole = copy(row)
    prefetch_related_objects(
        [whole],
        Prefetch("answers", OrderAnswer.objects.select_related("resumed_by")),
        Prefetch("copies", Copy.objects.select_related("sent_to")),
        Prefetch("scrutinies", with_decisions(Scrutiny.objects.all())),
        Prefetch("preservations", preservations.with_accesses()),
        Prefetch("appeals", Appeal.objects.select_related("entered_by")),
        "finalities",
    )
    return whole


@needs_no_viewer("find() checked the viewer")
def with_decisions(rows: QuerySet[Scrutiny]) -> QuerySet[Scrutiny]:
    """Prefetch for scrutinies the rows that describe_scrutiny() needs."""
    sent = DecisionCopy.objects.select_related("sent_to")
    return rows.select_related("authority").prefetch_related(Prefetch("sent", queryset=sent))


def _open_pause(row: Order) -> OrderAnswer | None:
    """Return the Annex III that stops the clock of an order now."""
    stopped = [
        answer for answer in row.answers.all() if answer.form == ANNEX_3 and not answer.resumed_at
    ]
    return max(stopped, key=lambda answer: answer.pk, default=None)


def _answer(answer: OrderAnswer, *, row: Order) -> AnswerOut:
    """Return an answer with the section that the hub fills in."""
    return AnswerOut(
        form=answer.form,
        values=answer.annex | answer_head(row),
        answered_at=answer.answered_at,
        was_late=answer.was_late,
        resumed_at=answer.resumed_at,
        resumed_by=answer.resumed_by.name if answer.resumed_by else "",
        clarification=answer.clarification,
    )


def _copy(row: Copy) -> CopyOut:
    """Return a copy as the message of the API."""
    until = deadlines.scrutiny_due(row.received_at) if row.received_at else None
    return CopyOut(
        to=row.sent_to.name, sent_at=row.sent_at, received_at=row.received_at, scrutiny_until=until
    )
