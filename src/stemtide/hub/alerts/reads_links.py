# SPDX-License-Identifier: Apache-2.0
"""What whoever holds a link is shown, and what they may answer by it. Decision 0059."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from stemtide.hub.alerts import enclosures, links, reads, reads_deliveries
from stemtide.hub.alerts.channels.port import Parcel
from stemtide.hub.alerts.enclosures import Request
from stemtide.hub.alerts.models import Delivery
from stemtide.hub.alerts.reads import AlertRow
from stemtide.hub.alerts.reads_deliveries import Home
from stemtide.hub.alerts.rules import Channel
from stemtide.hub.orders import reads as orders
from stemtide.hub.parties.models import Party
from stemtide.hub.parties.reads import Actor
from stemtide.hub.parties.rules import NotFoundError
from stemtide.hub.referrals import reads as referrals
from stemtide.hub.referrals.rules import AWAITING, ReferralFacts, allows, check_answer
from stemtide.protocol.orders import OrderOut
from stemtide.protocol.referrals import ReferralOut
from stemtide.protocol.words_orders import OrderState
from stemtide.protocol.words_referrals import Answer

BY_LINK = ("execute", "suspend", "resume", "reinstate", "ask_scrutiny")
"""Acts on an order that its addressee may do without an account."""

_BINDING = frozenset({OrderState.ISSUED, OrderState.RECEIVED, OrderState.SUSPENDED})
"""States of an order that waits for its addressee."""


@dataclass(frozen=True, slots=True)
class Linked:
    """What a link leads to. by: as whom its holder acts; mail: where it was sent, if by mail.

    request: what the alert carries; None where it carries nothing, or the link has expired.
    referrals: those that it is about and that still may be answered.
    may:     what its holder may do with the request now.
    """

    token: str
    alert: AlertRow
    by: Actor
    mail: str
    ends_at: datetime
    is_expired: bool
    parcel: Parcel
    request: Request | None = None
    order: OrderOut | None = None
    referrals: tuple[ReferralOut, ...] = ()
    may: tuple[str, ...] = ()

    @property
    def party(self) -> Party:
        """Whose link it is."""
        return self.by.party

    @property
    def binds(self) -> bool:
        """Whether it is an order that its party has to carry out."""
        order = self.order
        return order is not None and order.addressee == self.by.name and order.state in _BINDING

    @property
    def is_open(self) -> bool:
        """Whether there is something to answer."""
        return self.alert.is_waiting or bool(self.may)


def linked(token: str, *, by: str, now: datetime, language: str = "en") -> Linked:
    """What a link leads to. by: whoever holds it; language: in which they read.

    Of a link that has expired it says whether something is left to answer, and gives out nothing of
    the request.

    raises: NotFoundError for one that this hub never made.
    """
    link = links.opened(token)
    delivery = find(link.delivery, by=by)
    parcel = reads_deliveries.parcel(delivery, by=by, home=Home(), now=now)
    actor = Actor(delivery.alert.party, delivery.ref)
    order, asked, may = _asked(parcel, by=actor, now=now)
    found = Linked(
        token=token,
        alert=reads.alert(delivery.alert.uid, viewer=actor.party),
        by=actor,
        mail=parcel.address if delivery.channel == Channel.MAIL else "",
        ends_at=link.ends_at,
        is_expired=link.ends_at <= now,
        parcel=replace(parcel, language=language),
        may=may,
    )
    if found.is_expired:
        return found
    return replace(found, request=enclosures.request_of(found.parcel), order=order, referrals=asked)


def find(uid: UUID, *, by: str) -> Delivery:  # noqa: ARG001  # the link says for whom
    """The row of the delivery that a link came with, for writes.

    raises: NotFoundError, also where the contact point that it went to was removed since.
    """
    found = Delivery.objects.select_related("alert__party", "alert__crisis", "point")
    row = found.filter(uid=uid).first()
    if row is None or (row.point is not None and row.point.removed_at is not None):
        raise NotFoundError("this link is not known here, or no longer: sign in at the desk")
    return row


def _asked(
    parcel: Parcel, *, by: Actor, now: datetime
) -> tuple[OrderOut | None, tuple[ReferralOut, ...], tuple[str, ...]]:
    """What an alert asks of its party: an order, or referrals; and what may be done with it."""
    thing, _, name = parcel.subject.partition(":")
    try:
        if thing == "order":
            order = orders.order(UUID(name), viewer=by.party, now=now)
            is_asked = order.addressee == by.name
            may = tuple(one for one in BY_LINK if one in order.moves and is_asked)
            return order, (), may
        if thing == "referral":
            asked: tuple[ReferralOut, ...] = (referrals.referral(UUID(name), viewer=by.party),)
        elif thing == "batch":
            whole = enclosures.referrals_of(UUID(name), party=by.party)
            asked = tuple(one for one in whole if one.state in AWAITING)
        else:
            return None, (), ()
    except NotFoundError:  # the party may not see it any more
        return None, (), ()
    asked = tuple(one for one in asked if answers([one], by=by))
    return None, asked, ("answer",) if asked else ()


def answers(asked: Collection[ReferralOut], *, by: Actor) -> list[Answer]:
    """Answers that are open to somebody now for all of some referrals; a question is about one."""
    found = [
        answer
        for answer in Answer
        if all(allows(check_answer, _facts(each), answer, by=by) for each in asked)
    ]
    return [one for one in found if len(asked) == 1 or one is not Answer.NEEDS_CONTEXT]


def _facts(referral: ReferralOut) -> ReferralFacts:
    """What the rules must know of a referral."""
    return ReferralFacts(
        state=referral.state,
        sender=referral.sender,
        provider=referral.provider,
        is_sent=referral.sent_at is not None,
    )
