# SPDX-License-Identifier: Apache-2.0
"""Read the ground of a decision: a signal, a referral or an order.

Links are made for all three, and all three may have been wrong.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from stemtide.hub.platform.errors import InvalidError, NotFoundError
from stemtide.hub.rooms.complaints.models import Complaint
from stemtide.hub.rooms.complaints.rules import complaints as rules
from stemtide.hub.rooms.complaints.rules.complaints import GroundFacts
from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.referrals.models import Referral
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import signals
from stemtide.protocol.enums import SignalState
from stemtide.protocol.enums.complaints import ComplaintBasis
from stemtide.protocol.handling import Pap
from stemtide.protocol.law.machines import machine
from stemtide.protocol.messages.complaints import ComplaintLinkIn


@dataclass(frozen=True, slots=True)
class Follows:
    """The effects of upholding a complaint. withdrawn, disputed: only if its ground is wrong.

    withdrawn, disputed: signals of the provider's own, and of others.
    asked: who is asked to look again, as a name; "" where nobody is.
    """

    withdrawn: tuple[UUID, ...]
    disputed: tuple[tuple[UUID, str], ...]
    asked: str
    is_reinstated: bool


@dataclass(frozen=True, slots=True)
class DecisionGround:
    """The ground of a decision; all None for a decision of the provider's own."""

    signal: Signal | None = None
    referral: Referral | None = None
    order: Order | None = None


def ground(decision: ComplaintLinkIn, *, party: Party, now: datetime) -> DecisionGround:
    """Return the ground of a decision.

    raises: InvalidError naming the field, also for what the party may not see.
    """
    row = _find(decision.basis, decision.ground, party=party)
    rules.check_decision(decision, ground=_facts(row), now=now)
    return row


def linked_ground(decision: ComplaintLinkIn, *, party: Party) -> DecisionGround:
    """Return the ground of a decision as of the time of its link, in any state since."""
    return _find(decision.basis, decision.ground, party=party)


def author(row: Complaint) -> Party | None:
    """Return the party that asked for the measure; None if only the provider decided."""
    if row.signal is not None:
        return row.signal.shared_by
    if row.referral is not None:
        return row.referral.sender
    return row.order.issued_by if row.order is not None else None


def ground_id(row: Complaint) -> UUID | None:
    """Return the id of a decision's ground."""
    ground = row.signal or row.referral or row.order
    return ground.uid if ground is not None else None


def signals_of(row: Complaint, *, viewer: Party) -> list[Signal]:
    """Return the live signals that a complaint speaks against, as far as the viewer sees them.

    A signal's own, and others of the same content: a film, its sound and its file are one content,
    and to take back one of them alone frees nothing. A referral's or an order's: those linked to
    it.
    """
    if row.signal is not None:
        linked = Q(pk=row.signal.pk)
        if row.signal.content_id is not None:
            linked |= Q(content=row.signal.content_id)
    elif row.referral is not None:
        linked = Q(referrals=row.referral)
    elif row.order is not None:
        linked = Q(orders=row.order)
    else:
        return []
    rows = Signal.objects.filter(signals.visible(viewer), linked, state=SignalState.LIVE)
    return list(rows.select_related("shared_by").order_by("pk"))


def own_and_others(row: Complaint, *, viewer: Party) -> tuple[list[Signal], list[Signal]]:
    """Return those live signals in two lists: the viewer's own, and those of others."""
    rows = signals_of(row, viewer=viewer)
    own = [signal for signal in rows if signal.shared_by_id == viewer.pk]
    return own, [signal for signal in rows if signal.shared_by_id != viewer.pk]


def may_reinstate(row: Complaint) -> bool:
    """Whether the content of a referral was taken away, and can be given back."""
    if row.referral is None:
        return False
    return "reinstate" in machine("referral").open_to(row.referral.state, side="addressee")


def redress_party(row: Complaint, *, viewer: Party, is_gone: bool) -> Party | None:
    """Return the party that is asked to look again. is_gone: no live signal of the ground is left.

    None where that is the provider itself, nobody, or where nothing is left to take back.
    """
    requester = author(row)
    if requester is None or requester == viewer or (row.signal is not None and is_gone):
        return None
    return requester


def effects_of(row: Complaint, *, viewer: Party) -> Follows:
    """Return the effects that upholding a complaint would have now."""
    own, others = own_and_others(row, viewer=viewer)
    requester = redress_party(row, viewer=viewer, is_gone=not own and not others)
    return Follows(
        withdrawn=tuple(signal.uid for signal in own),
        disputed=tuple((other.uid, other.shared_by.name) for other in others),
        asked=requester.name if requester is not None else "",
        is_reinstated=may_reinstate(row),
    )


def _find(basis: ComplaintBasis, uid: UUID | None, *, party: Party) -> DecisionGround:
    """Return the row that an id names. raises: InvalidError if the party may not see it."""
    if uid is None:
        return DecisionGround()
    try:
        if basis is ComplaintBasis.SIGNAL:
            return DecisionGround(signal=signals.find_known(uid, viewer=party))
        if basis is ComplaintBasis.REFERRAL:
            return DecisionGround(referral=_referral(uid, party=party))
        if basis is ComplaintBasis.ORDER:
            return DecisionGround(order=_order(uid, party=party))
    except NotFoundError as error:
        raise InvalidError.of("ground", error) from error
    return DecisionGround()


def _referral(uid: UUID, *, party: Party) -> Referral:
    """Return a referral that the provider received. raises: NotFoundError."""
    sent = Referral.objects.filter(uid=uid, provider=party, sent_at__isnull=False)
    row = sent.select_related("sender").first()
    if row is None:
        raise NotFoundError("your party received no referral {uid}", uid=uid)
    return row


def _order(uid: UUID, *, party: Party) -> Order:
    """Return an order that the provider received. raises: NotFoundError."""
    got = Order.objects.filter(uid=uid, addressee=party, received_at__isnull=False)
    row = got.select_related("issued_by").first()
    if row is None:
        raise NotFoundError("your party received no removal order {uid}", uid=uid)
    return row


def _facts(ground: DecisionGround) -> GroundFacts | None:
    """Return the facts that the rules need of a ground."""
    if ground.signal is not None:
        return GroundFacts(pap=Pap(ground.signal.pap), exercise=ground.signal.exercise)
    if ground.referral is not None:
        return GroundFacts(exercise=ground.referral.exercise)
    if ground.order is not None:
        return GroundFacts(exercise=ground.order.exercise, secret_until=ground.order.secret_until)
    return None
