# SPDX-License-Identifier: Apache-2.0
"""The only readers of what a decision rests on: a signal, a referral or an order of its provider's.

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
    """What upholding a complaint does. withdrawn, disputed: only where its ground is found wrong.

    withdrawn, disputed: signals of the provider's own, and of others.
    asked: who is asked to look again, as a name; "" where nobody is.
    """

    withdrawn: tuple[UUID, ...]
    disputed: tuple[tuple[UUID, str], ...]
    asked: str
    is_reinstated: bool


@dataclass(frozen=True, slots=True)
class Ground:
    """What a decision rests on; all None for one of a provider's own."""

    signal: Signal | None = None
    referral: Referral | None = None
    order: Order | None = None


def ground(decision: ComplaintLinkIn, *, party: Party, now: datetime) -> Ground:
    """What a decision rests on.

    raises: InvalidError naming the field, also for what the party may not see.
    """
    found = _find(decision.basis, decision.ground, party=party)
    rules.check_decision(decision, ground=_facts(found), now=now)
    return found


def linked_ground(decision: ComplaintLinkIn, *, party: Party) -> Ground:
    """What a decision rested on when its link was made, whatever became of it since."""
    return _find(decision.basis, decision.ground, party=party)


def author(row: Complaint, *, viewer: Party) -> Party | None:  # noqa: ARG001  # find() said for whom
    """Who asked for the measure that a complaint is about; None: nobody but the provider."""
    if row.signal is not None:
        return row.signal.shared_by
    if row.referral is not None:
        return row.referral.sender
    return row.order.issued_by if row.order is not None else None


def ground_id(row: Complaint, *, viewer: Party) -> UUID | None:  # noqa: ARG001  # find() said for whom
    """The id of what the decision rests on."""
    found = row.signal or row.referral or row.order
    return found.uid if found is not None else None


def signals_of(row: Complaint, *, viewer: Party) -> list[Signal]:
    """The live signals that a complaint speaks against, as far as the viewer sees them.

    A signal's own, and others of the same content: a film, its sound and its file are one content,
    and to take back one of them alone frees nothing. A referral's or an order's: those linked to
    it.
    """
    if row.signal is not None:
        them = Q(pk=row.signal.pk)
        if row.signal.content_id is not None:
            them |= Q(content=row.signal.content_id)
    elif row.referral is not None:
        them = Q(referrals=row.referral)
    elif row.order is not None:
        them = Q(orders=row.order)
    else:
        return []
    rows = Signal.objects.filter(signals.visible(viewer), them, state=SignalState.LIVE)
    return list(rows.select_related("shared_by").order_by("pk"))


def parted(row: Complaint, *, viewer: Party) -> tuple[list[Signal], list[Signal]]:
    """The live signals that a complaint speaks against: the viewer's own, and those of others."""
    them = signals_of(row, viewer=viewer)
    own = [one for one in them if one.shared_by_id == viewer.pk]
    return own, [one for one in them if one.shared_by_id != viewer.pk]


def may_reinstate(row: Complaint, *, viewer: Party) -> bool:  # noqa: ARG001  # find() said for whom
    """Whether the content of a referral was taken away, and can be given back."""
    if row.referral is None:
        return False
    return "reinstate" in machine("referral").open_to(row.referral.state, by="addressee")


def asked(row: Complaint, *, viewer: Party, is_gone: bool) -> Party | None:
    """Who is asked to look again. is_gone: no live signal is left of what it rests on.

    None where that is the provider itself, nobody, or where nothing is left to take back.
    """
    found = author(row, viewer=viewer)
    if found is None or found == viewer or (row.signal is not None and is_gone):
        return None
    return found


def follows(row: Complaint, *, viewer: Party) -> Follows:
    """What upholding a complaint would do now, by what the write itself asks."""
    own, others = parted(row, viewer=viewer)
    whom = asked(row, viewer=viewer, is_gone=not own and not others)
    return Follows(
        withdrawn=tuple(one.uid for one in own),
        disputed=tuple((other.uid, other.shared_by.name) for other in others),
        asked=whom.name if whom is not None else "",
        is_reinstated=may_reinstate(row, viewer=viewer),
    )


def _find(basis: ComplaintBasis, uid: UUID | None, *, party: Party) -> Ground:
    """What an id names. raises: InvalidError for what the party may not see."""
    if uid is None:
        return Ground()
    try:
        if basis is ComplaintBasis.SIGNAL:
            return Ground(signal=signals.find(uid, viewer=party))
        if basis is ComplaintBasis.REFERRAL:
            return Ground(referral=_referral(uid, party=party))
        if basis is ComplaintBasis.ORDER:
            return Ground(order=_order(uid, party=party))
    except NotFoundError as error:
        raise InvalidError.of("ground", error) from error
    return Ground()


def _referral(uid: UUID, *, party: Party) -> Referral:
    """A referral that the provider got. raises: NotFoundError."""
    sent = Referral.objects.filter(uid=uid, provider=party, sent_at__isnull=False)
    row = sent.select_related("sender").first()
    if row is None:
        raise NotFoundError("there is no referral {uid} that your party got", uid=uid)
    return row


def _order(uid: UUID, *, party: Party) -> Order:
    """An order that the provider got. raises: NotFoundError."""
    got = Order.objects.filter(uid=uid, addressee=party, received_at__isnull=False)
    row = got.select_related("issued_by").first()
    if row is None:
        raise NotFoundError("there is no removal order {uid} that your party got", uid=uid)
    return row


def _facts(found: Ground) -> GroundFacts | None:
    """What the rules must know of it."""
    if found.signal is not None:
        return GroundFacts(pap=Pap(found.signal.pap), exercise=found.signal.exercise)
    if found.referral is not None:
        return GroundFacts(exercise=found.referral.exercise)
    if found.order is not None:
        return GroundFacts(exercise=found.order.exercise, secret_until=found.order.secret_until)
    return None
