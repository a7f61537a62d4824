# SPDX-License-Identifier: Apache-2.0
"""Read the request behind a link, and the answers that its holder may give. Decision 0059."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.alerts import enclosures, links
from stemtide.hub.rooms.alerts.channels.channel import OutgoingAlert
from stemtide.hub.rooms.alerts.enclosures import EnclosedRequest
from stemtide.hub.rooms.alerts.reads import alerts, deliveries
from stemtide.hub.rooms.alerts.reads.alerts import AlertRow
from stemtide.hub.rooms.alerts.reads.deliveries import Home
from stemtide.hub.rooms.alerts.rules.alerts import Channel
from stemtide.hub.rooms.orders.reads import orders
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.referrals.reads import referrals
from stemtide.hub.rooms.referrals.rules.referrals import (
    AWAITING,
    ReferralFacts,
    allows,
    check_answer,
)
from stemtide.protocol.enums.orders import OrderState
from stemtide.protocol.enums.referrals import Answer
from stemtide.protocol.messages.orders import OrderOut
from stemtide.protocol.messages.referrals import ReferralOut

BY_LINK = ("execute", "suspend", "resume", "reinstate", "ask_scrutiny")
"""Actions on an order that its addressee may take without an account."""

_BINDING = frozenset({OrderState.ISSUED, OrderState.RECEIVED, OrderState.SUSPENDED})
"""States of an order that its addressee must still execute."""


@dataclass(frozen=True, slots=True)
class LinkedAlert:
    """The alert behind a link. by: the actor that its holder acts as; mail: its address, if mailed.

    request: the alert's request; None if it has none, or the link has expired.
    referrals: those that the alert is about and that can still be answered.
    may:     the actions that the holder may take on the request now.
    """

    token: str
    alert: AlertRow
    by: Actor
    mail: str
    ends_at: datetime
    is_expired: bool
    outgoing: OutgoingAlert
    request: EnclosedRequest | None = None
    order: OrderOut | None = None
    referrals: tuple[ReferralOut, ...] = ()
    may: tuple[str, ...] = ()

    @property
    def party(self) -> Party:
        """Return the party that the link was sent to."""
        return self.by.party

    @property
    def binds(self) -> bool:
        """Whether it is an order that its party must execute."""
        order = self.order
        return order is not None and order.addressee == self.by.name and order.state in _BINDING

    @property
    def is_open(self) -> bool:
        """Whether there is something to answer."""
        return self.alert.is_waiting or bool(self.may)


@needs_no_viewer("everybody who has the link may read it")
def alert_behind(token: str, *, now: datetime, language: str = "en") -> LinkedAlert:
    """Return the alert behind a link. language: of the reader.

    For an expired link it tells only whether something is left to answer, and nothing of the
    request.

    raises: NotFoundError if this hub never made the link.
    """
    link = links.parse_token(token)
    delivery = deliveries.find_by_link(link.delivery)
    outgoing = deliveries.outgoing(delivery, home=Home(), now=now)
    actor = Actor(delivery.alert.party, delivery.ref)
    order, referrals_asked, may = _pending_request(outgoing, by=actor, now=now)
    result = LinkedAlert(
        token=token,
        alert=alerts.alert(delivery.alert.uid, viewer=actor.party),
        by=actor,
        mail=outgoing.address if delivery.channel == Channel.MAIL else "",
        ends_at=link.ends_at,
        is_expired=link.ends_at <= now,
        outgoing=replace(outgoing, language=language),
        may=may,
    )
    if result.is_expired:
        return result
    return replace(
        result,
        request=enclosures.request_of(result.outgoing),
        order=order,
        referrals=referrals_asked,
    )


def _pending_request(
    outgoing: OutgoingAlert, *, by: Actor, now: datetime
) -> tuple[OrderOut | None, tuple[ReferralOut, ...], tuple[str, ...]]:
    """Return the order or referrals that an alert is about, and the actions that are possible."""
    thing, _, name = outgoing.subject.partition(":")
    try:
        if thing == "order":
            order = orders.order(UUID(name), viewer=by.party, now=now)
            is_asked = order.addressee == by.name
            may = tuple(action for action in BY_LINK if action in order.moves and is_asked)
            return order, (), may
        if thing == "referral":
            pending: tuple[ReferralOut, ...] = (referrals.referral(UUID(name), viewer=by.party),)
        elif thing == "batch":
            whole = enclosures.referrals_of(UUID(name), party=by.party)
            pending = tuple(referral for referral in whole if referral.state in AWAITING)
        else:
            return None, (), ()
    except NotFoundError:  # the party may not see it any more
        return None, (), ()
    pending = tuple(referral for referral in pending if answers([referral], by=by))
    return None, pending, ("answer",) if pending else ()


def answers(pending: Collection[ReferralOut], *, by: Actor) -> list[Answer]:
    """Return the answers that are possible for all these referrals; a question only for one."""
    possible = [
        answer
        for answer in Answer
        if all(allows(check_answer, _facts(referral), answer, by=by) for referral in pending)
    ]
    return [
        answer for answer in possible if len(pending) == 1 or answer is not Answer.NEEDS_CONTEXT
    ]


def _facts(referral: ReferralOut) -> ReferralFacts:
    """Return the facts about a referral that the rules need."""
    return ReferralFacts(
        state=referral.state,
        sender=referral.sender,
        provider=referral.provider,
        is_sent=referral.sent_at is not None,
    )
