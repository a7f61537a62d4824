# SPDX-License-Identifier: Apache-2.0
"""Read the work of the provider at the hub: orders, referrals, complaints, crisis invitations.

1 It is read when a person opens the page, and never by itself: for the sender of a referral that is
  the receipt. Removal orders are listed without their content, which is no receipt.
2 The scopes of the agent's key decide which of it can be read. A missing scope is named, so that
  somebody can add it.
3 Each process opens a connection of its own for it: only the leading one keeps one to the hub.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from pydantic import ValidationError

from stemtide.agent.config.settings import Config
from stemtide.agent.hub.client import Me
from stemtide.client import AsyncHub, HubError, Limits
from stemtide.client.call import Answer, Call
from stemtide.client.calls import agents
from stemtide.protocol.enums import JoinState, Scope
from stemtide.protocol.enums.complaints import ComplaintBasis, ComplaintState
from stemtide.protocol.enums.orders import OrderState, Side
from stemtide.protocol.enums.referrals import ReferralState

_TIMEOUT_S = 10.0
_LIMITS = Limits(answer_bytes=8 * 1024 * 1024, answer_s=_TIMEOUT_S, connect_s=3.0, patience_s=0.0)
_MOST = 100


@dataclass(frozen=True, slots=True)
class HubItem:
    """Something that waits at the hub.

    uid:    its id at the hub. path: of its page at the hub's desk. party: who sent it.
    about:  its subject, in words.
    state:  in words. since: when it came, or was issued. due_at: its deadline.
    """

    uid: UUID
    reference: str
    path: str
    party: str
    about: str
    state: str
    since: datetime | None
    due_at: datetime | None
    exercise: bool


@dataclass(frozen=True, slots=True)
class HubPart:
    """One kind of work. missing: a scope that the key lacks. trouble: the failure, in words."""

    items: tuple[HubItem, ...] = ()
    missing: Scope | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class HubWork:
    """All that waits at the hub. trouble: why none of it could be read; "" if it could."""

    orders: HubPart = HubPart()
    referrals: HubPart = HubPart()
    complaints: HubPart = HubPart()
    invitations: HubPart = HubPart()
    trouble: str = ""


class HubWorkError(Exception):
    """The hub could not be asked, or refused. The message is the hub's, or says why.

    status: of HTTP; None without a response.
    """

    def __init__(self, text: str, *, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


async def read_work(config: Config) -> HubWork:
    """Ask the hub for the work that waits. It never raises for a hub that is away or refuses."""
    hub = _hub(config)
    try:
        async with asyncio.timeout(_TIMEOUT_S), hub:
            me = Me.model_validate_json(await hub.ask_bytes(agents.whoami()))
            ask = partial(_part, frozenset(me.scopes))
            orders, referrals, complaints, invitations = await asyncio.gather(
                ask(Scope.REQUESTS_READ, partial(_orders, hub)),
                ask(Scope.REQUESTS_READ, partial(_referrals, hub, me.party)),
                ask(Scope.COMPLAINTS_WRITE, partial(_complaints, hub)),
                ask(Scope.FEED_READ, partial(_invitations, hub)),
            )
    except HubError as error:
        return HubWork(trouble=error.trouble)
    except ValidationError:
        return HubWork(trouble="it did not say whose key this is: is hub_url a hub?")
    except TimeoutError:
        return HubWork(trouble=f"it did not answer within {_TIMEOUT_S:.0f} s")
    return HubWork(orders, referrals, complaints, invitations)


async def ask_hub(config: Config, call: Call[Answer]) -> Answer:
    """Send one request with the agent's key. raises: HubWorkError, with the reason."""
    hub = _hub(config)
    try:
        async with asyncio.timeout(_TIMEOUT_S), hub:
            return await hub.ask(call)
    except HubError as error:
        raise HubWorkError(error.trouble, status=error.status) from error
    except TimeoutError as error:
        raise HubWorkError(f"it did not answer within {_TIMEOUT_S:.0f} s") from error


def _hub(config: Config) -> AsyncHub:
    return AsyncHub(
        config.hub_url,
        key=config.key,
        exercise=config.exercise,
        limits=_LIMITS,
        insecure=True,  # Config has checked it: plain http needs insecure_hub
    )


async def _part(
    scopes: frozenset[str], scope: Scope, read: Callable[[], Awaitable[Sequence[HubItem]]]
) -> HubPart:
    if scope not in scopes:
        return HubPart(missing=scope)
    try:
        return HubPart(tuple(await read()))
    except HubError as error:
        return HubPart(trouble=error.trouble)


_ORDER_STATES = {
    OrderState.ISSUED: "not opened yet: its time runs from when somebody opens it at the hub",
    OrderState.RECEIVED: "to be executed",
    OrderState.SUSPENDED: "suspended",
}


async def _orders(hub: AsyncHub) -> list[HubItem]:
    """Return the removal orders to this provider that are not executed, the most urgent first."""
    heads = await hub.list_orders(side=Side.ADDRESSEE, open=True, limit=_MOST)
    items = [
        HubItem(
            uid=head.id,
            reference=head.reference,
            path=f"orders/{head.id}",
            party=head.issued_by,
            about="removal order",
            state=_ORDER_STATES[head.state],
            since=head.received_at or head.issued_at,
            due_at=head.due_at,
            exercise=head.exercise,
        )
        for head in heads
        if head.state in _ORDER_STATES
    ]
    return sorted(items, key=lambda item: (item.due_at is None, item.due_at, item.reference))


async def _referrals(hub: AsyncHub, party: str) -> list[HubItem]:
    """Return the referrals to this provider that it has not answered, oldest first."""
    states = [ReferralState.SENT, ReferralState.ACKNOWLEDGED]
    page = await hub.list_referrals(state=states, provider=party, limit=_MOST)
    return [
        HubItem(
            uid=referral.id,
            reference=referral.reference,
            path=f"inbox/referrals/{referral.id}",
            party=referral.sender,
            about=referral.url,
            state="taken" if referral.acknowledged_at else "new",
            since=referral.sent_at,
            due_at=None,
            exercise=referral.exercise,
        )
        for referral in page.referrals
    ]


_BASES = {
    ComplaintBasis.SIGNAL: "a signal",
    ComplaintBasis.REFERRAL: "a referral",
    ComplaintBasis.ORDER: "a removal order",
    ComplaintBasis.OWN: "your own decision",
}


async def _complaints(hub: AsyncHub) -> list[HubItem]:
    """Return the complaints that are not decided, the most urgent first."""
    complaints = [
        complaint
        for complaint in await hub.list_complaints(open=True)
        if complaint.state in {ComplaintState.FILED, ComplaintState.IN_REVIEW}
    ]
    complaints.sort(key=lambda complaint: complaint.due_at)
    return [
        HubItem(
            uid=complaint.id,
            reference=complaint.number,
            path=f"complaints/{complaint.id}",
            party="an uploader",
            about=f"{complaint.measure}, because of {_BASES[complaint.basis]}",
            state="in review" if complaint.taken_at else "new",
            since=complaint.filed_at,
            due_at=complaint.due_at,
            exercise=complaint.exercise,
        )
        for complaint in complaints[:_MOST]
    ]


async def _invitations(hub: AsyncHub) -> list[HubItem]:
    """Return the crises to which this provider is invited and has not answered, latest first."""
    crises = [
        crisis
        for crisis in await hub.list_crises()
        if crisis.your_state is JoinState.INVITED and crisis.ended_at is None
    ]
    crises.sort(key=lambda crisis: crisis.warned_at, reverse=True)
    return [
        HubItem(
            uid=crisis.id,
            reference=crisis.name,
            path=f"crises/{crisis.id}",
            party=crisis.opened_by,
            about=f"{crisis.stage_title}; {', '.join(crisis.countries)}",
            state="invited",
            since=crisis.activated_at or crisis.warned_at,
            due_at=None,
            exercise=crisis.exercise,
        )
        for crisis in crises[:_MOST]
    ]
