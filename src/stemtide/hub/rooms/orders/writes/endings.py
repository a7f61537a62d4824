# SPDX-License-Identifier: Apache-2.0
"""Write the end of orders: withdrawal, the end of secrecy, scrutiny and its decision."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.platform.errors import ConflictError
from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.approvals.writes import approvals
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.orders.models import DecisionCopy, Order, Scrutiny
from stemtide.hub.rooms.orders.reads import orders as reads, second_looks
from stemtide.hub.rooms.orders.rules import orders as rules, scrutiny as scrutiny_rules
from stemtide.hub.rooms.orders.rules.orders import IN_EFFECT, Side
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import competences, parties
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signals.rules.signals import uuid_at
from stemtide.hub.rooms.signals.writes import signals
from stemtide.protocol.approvals import RefuseIn
from stemtide.protocol.enums import ApprovalState, Duty, SignalState, WithdrawReason
from stemtide.protocol.enums.orders import OrderState, ScrutinyBasis, ScrutinyState
from stemtide.protocol.law import deadlines
from stemtide.protocol.messages.orders import OrderOut, OrderReasonIn, ScrutinyIn, SecrecyIn
from stemtide.protocol.messages.signals import WithdrawIn

_KINDS = {
    "announce": "scrutiny.announced",
    "uphold": "scrutiny.confirmed",
    "infringe": "scrutiny.infringed",
}


UNCONFIRMED = "No second person of the authority confirmed this order"
"""Reason of the end of such an order, as its provider reads it."""


@transaction.atomic
def withdraw(uid: UUID, *, body: OrderReasonIn, by: Actor, now: datetime) -> OrderOut:
    """Withdraw an order and its signals. Content that was removed is to be reinstated.

    An order that waits for a second person is a draft again.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    facts = reads.facts(row)
    move = rules.ending_move(facts.state, side=Side.ISSUER)
    after = rules.check_move(facts, move, name=by.name, role=by.role)
    if facts.state is OrderState.SUBMITTED:
        return recall(uid, by=by, now=now)
    end_effect(row, after=after, reason=body.text, by=by, now=now)
    homes = [copy.sent_to for copy in row.copies.select_related("sent_to")]
    _record("order.withdrawn", row, by=by, now=now, to=[row.addressee, *homes])
    return reads.describe(row, viewer=by.party, now=now)


@needs_no_entry("the room of approvals records it, and calls end_unapproved()")
def recall(uid: UUID, *, by: Actor, now: datetime) -> OrderOut:
    """Take back an order that waits for a second person: it is a draft again.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    look = second_looks.open_look(uid, viewer=by.party)
    approvals.take_back(look.uid, body=RefuseIn(), by=by, now=now)
    return reads.order(uid, viewer=by.party, now=now)


@transaction.atomic
def end_unconfirmed(row: Order, *, by: Actor | None, note: str, now: datetime) -> None:
    """End an order that was issued at once, because no second person has confirmed it.

    by: the person of the issuer who refused or took it back; None for the clock and other parties.
    note: the reasons of that person.
    """
    facts = reads.facts(row)
    if facts.state not in IN_EFFECT:
        return
    move = rules.ending_move(facts.state, side=Side.ISSUER)
    after = rules.check_clock(facts, move)
    reason = f"{UNCONFIRMED}: {note}" if note else f"{UNCONFIRMED}."
    end_effect(row, after=after, reason=reason, by=by, now=now)
    concerned = [row.addressee, *[copy.sent_to for copy in row.copies.select_related("sent_to")]]
    concerned += [] if by else row.issuers
    detail: dict[str, object] = {"unconfirmed": True}
    _record("order.withdrawn", row, by=by, now=now, to=concerned, detail=detail)


@transaction.atomic
def prolong(uid: UUID, *, body: SecrecyIn, by: Actor, now: datetime) -> OrderOut:
    """Keep an order from its content provider for longer: at most twelve weeks in all.

    raises: NotFoundError, NotAllowedError, ConflictError where nothing is kept; InvalidError.
    source: Regulation (EU) 2021/784 Art. 11(3).
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    facts = reads.facts(row)
    rules.check_prolong(facts, name=by.name, role=by.role, until=body.until, now=now)
    row.secret_until = body.until
    row.save(update_fields=["secret_until"])
    detail: dict[str, object] = {"until": body.until.isoformat()}
    _record("order.prolonged", row, by=by, now=now, to=[row.addressee], detail=detail)
    return reads.describe(row, viewer=by.party, now=now)


@transaction.atomic
def open_scrutiny(uid: UUID, *, body: ScrutinyIn, by: Actor, now: datetime) -> OrderOut:
    """Ask for scrutiny of an order, or open one: by the provider, or an authority with a copy.

    A request takes the place of an examination that an authority had opened by itself.

    raises: NotFoundError, NotAllowedError, ConflictError past its time; InvalidError.
    source: Regulation (EU) 2021/784 Art. 4(3) and (4).
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    facts = reads.facts(row)
    since = scrutiny_rules.check_open(
        facts, body.basis, name=by.name, role=by.role, informed_at=body.informed_at, now=now
    )
    is_asked = body.basis is ScrutinyBasis.PROVIDER
    if not is_asked:
        scrutiny_rules.check_competent(is_competent=_may_scrutinise(by))
    _close_scrutinies(row, by=by, now=now)
    Scrutiny.objects.create(
        uid=uuid_at(now),
        order=row,
        basis=body.basis,
        asked_by=by.party if is_asked else None,
        authority=None if is_asked else by.party,
        reasons=body.reasons,
        opened_at=now,
        due_at=deadlines.scrutiny_due(since),
    )
    homes = [copy.sent_to for copy in row.copies.select_related("sent_to")] if is_asked else []
    kind = "scrutiny.requested" if is_asked else "scrutiny.opened"
    detail: dict[str, object] = {"basis": body.basis.value}
    _record(kind, row, by=by, now=now, to=[*homes, *row.issuers], detail=detail)
    return reads.describe(row, viewer=by.party, now=now)


@transaction.atomic
def decide_scrutiny(
    uid: UUID, *, step: str, body: OrderReasonIn, by: Actor, now: datetime
) -> OrderOut:
    """Take a step of scrutiny: announce an infringement, find none, or find one.

    If an infringement is found, the order loses its effect: its signals are withdrawn, so that
    agents release what they held, and the provider is notified to reinstate what it removed.

    A decision goes to the agencies as well.

    step: announce, uphold or infringe.
    raises: NotFoundError, NotAllowedError, ConflictError.
    source: Regulation (EU) 2021/784 Art. 4(5) to (7).
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    scrutiny = row.scrutinies.select_related("authority").order_by("-opened_at", "-pk").first()
    if scrutiny is None:
        raise ConflictError("no scrutiny of this order is open: open one first")
    after = scrutiny_rules.check_decide(
        reads.facts(row),
        reads.scrutiny_facts(scrutiny),
        step,
        name=by.name,
        role=by.role,
        is_competent=_may_scrutinise(by),
        now=now,
    )
    scrutiny.state, scrutiny.authority = after, by.party
    if after is ScrutinyState.ANNOUNCED:
        scrutiny.announced_at, scrutiny.announcement = now, body.text
    else:
        scrutiny.decided_at, scrutiny.decision = now, body.text
    scrutiny.save()
    concerned = row.issuers if after is ScrutinyState.ANNOUNCED else [*row.issuers, row.addressee]
    detail: dict[str, object] = {"late": now > scrutiny.due_at}
    _record(_KINDS[step], row, by=by, now=now, to=concerned, detail=detail)
    if after is not ScrutinyState.ANNOUNCED:
        _communicate(scrutiny, by=by, now=now)
    if after is ScrutinyState.INFRINGED:
        move = rules.ending_move(OrderState(row.state), side=Side.HOME)
        ended = rules.check_move(reads.facts(row), move, name=by.name, role=by.role)
        end_effect(row, after=ended, reason=body.text, by=by, now=now)
        _record("order.annulled", row, by=by, now=now, to=[row.addressee, *row.issuers])
    return reads.describe(row, viewer=by.party, now=now)


def _communicate(scrutiny: Scrutiny, *, by: Actor, now: datetime) -> None:
    """Send a reasoned decision to the agencies, and record when.

    source: Regulation (EU) 2021/784 Art. 4(6): without delay, and to Europol.
    """
    agencies = list(parties.agencies(exercise=scrutiny.order.exercise).exclude(pk=by.party.pk))
    if not agencies:
        return
    DecisionCopy.objects.bulk_create(
        DecisionCopy(scrutiny=scrutiny, sent_to=agency, sent_at=now) for agency in agencies
    )
    ledger.append_by(
        "scrutiny.communicated",
        by=by,
        subject=scrutiny.ref,
        now=now,
        detail={"party": agencies[0].ref, "parties": [agency.name for agency in agencies]},
        exercise=scrutiny.order.exercise,
    )


@transaction.atomic
def end_effect(
    row: Order, *, after: OrderState, reason: str, by: Actor | None, now: datetime
) -> None:
    """End an order's effect, its open scrutiny, its second look and its signals."""
    row.state, row.ended_at, row.end_reason, row.due_at = after, now, reason, None
    row.save(update_fields=["state", "ended_at", "end_reason", "due_at"])
    _close_scrutinies(row, by=by, now=now)
    if row.approval is not None:
        approvals.drop(row.approval, by=by, now=now)
    _withdraw_signals(row, is_counted=_is_unseen(row), now=now)


def _is_unseen(row: Order) -> bool:
    """Whether one person or key alone issued an order and ends it, so that nobody else saw it.

    Its signals are then counted among the party's withdrawals: otherwise a stolen key would name
    them in orders of its own. An annulment is the act of another authority.
    """
    is_seen = row.approval is None or row.approval.state == ApprovalState.APPROVED
    return not is_seen and row.state not in (OrderState.ANNULLED, OrderState.UNDONE)


def _close_scrutinies(row: Order, *, by: Actor | None, now: datetime) -> None:
    """End the scrutinies of an order that are open, without a decision."""
    open_states = (ScrutinyState.OPENED, ScrutinyState.ANNOUNCED)
    for scrutiny in row.scrutinies.filter(state__in=open_states):
        scrutiny.state, scrutiny.decided_at = ScrutinyState.CLOSED, now
        scrutiny.save(update_fields=["state", "decided_at"])
        _record("scrutiny.closed", row, by=by, now=now)


def _withdraw_signals(row: Order, *, is_counted: bool, now: datetime) -> None:
    """Take back the signals that were shared for an order, where no other order needs them.

    The issuer shared them, so they are withdrawn in its name; the ledger says through which order.
    is_counted: beyond those of a day, the withdrawals wait for a second look.
    """
    for signal in row.signals.filter(state=SignalState.LIVE).order_by("pk"):
        if signal.orders.exclude(pk=row.pk).filter(state__in=IN_EFFECT).exists():
            continue
        signals.withdraw(
            signal.uid,
            body=WithdrawIn(reason=WithdrawReason.ORDER_ANNULLED),
            by=row.issuer,
            now=now,
            actor_ref=row.ref,
            is_counted=is_counted,
        )


def _may_scrutinise(by: Actor) -> bool:
    """Whether somebody acts for an authority that is registered for scrutiny."""
    return competences.is_competent(by.party, Duty.SCRUTINISE)


def _record(
    kind: str,
    row: Order,
    *,
    by: Actor | None,
    now: datetime,
    to: Iterable[Party] = (),
    detail: dict[str, object] | None = None,
) -> None:
    """Append to the ledger. to: the parties it concerns, except the actor.

    by: None for the clock.
    """
    concerned = [party for party in to if by is None or party.pk != by.party.pk]
    detail = detail or {}
    if concerned:
        detail |= {"party": concerned[0].ref, "parties": [party.name for party in concerned]}
    ledger.append_by(kind, by=by, subject=row.ref, now=now, detail=detail, exercise=row.exercise)
