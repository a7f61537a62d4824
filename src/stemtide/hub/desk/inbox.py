# SPDX-License-Identifier: Apache-2.0
"""A provider's inbox: invitations, removal orders with their hour and, apart, referrals."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from stemtide.hub.crises import reads_joining as crises
from stemtide.hub.desk.inbox_words import PHRASES
from stemtide.hub.desk.navigation import address
from stemtide.hub.desk.people import SignedInRequest, actor_of, signed_in
from stemtide.hub.desk.situation import titles_of
from stemtide.hub.orders import reads as orders
from stemtide.hub.parties.rules import allows, check_person_may_write
from stemtide.hub.referrals import reads_inbox as reads, rules
from stemtide.hub.referrals.reads_inbox import Parcel
from stemtide.protocol.orders import OrderHead
from stemtide.protocol.words_orders import OrderState
from stemtide.protocol.words_referrals import ReferralState

AT_ONCE = 50
"""Referrals on one page of the inbox."""

_WAITING_ORDERS = frozenset(
    {OrderState.ISSUED, OrderState.RECEIVED, OrderState.SUSPENDED, OrderState.UNDONE}
)
_BEFORE_SENDING = frozenset(
    {ReferralState.ASSESSED, ReferralState.HELD, ReferralState.NOT_REFERRED}
)
STATES = tuple(
    referral_state for referral_state in ReferralState if referral_state not in _BEFORE_SENDING
)
"""States of referrals that a provider meets."""

GROUPS = {
    "": tuple(state for state in STATES if state in rules.AWAITING),
    "decided": tuple(state for state in STATES if state not in rules.AWAITING),
    "all": STATES,
}
"""States that are asked for together. Asked for nothing, the inbox shows what waits."""


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order. address: of its page; "" where this hub has none. is_waiting: for the provider.

    stands: its state, or that its hour is over.
    """

    head: OrderHead
    address: str
    stands: str
    is_waiting: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """What waits in an inbox: never one number for orders and referrals. new: unacknowledged."""

    invitations: int
    orders: int
    referrals: int
    new: int


@require_safe
@signed_in
def inbox(request: SignedInRequest) -> HttpResponse:
    """Everything that was sent to the reader's provider."""
    return render(request, "desk/inbox/inbox.html", _facts(request))


@require_safe
@signed_in
def blocks(request: SignedInRequest) -> HttpResponse:
    """The parts of the inbox that change, for HTMX to swap in."""
    return render(request, "desk/inbox/_blocks.html", {**_facts(request), "is_fragment": True})


def counts_of(request: SignedInRequest) -> Counts:
    """What waits in the inbox of the reader's party."""
    viewer = request.user.party
    found = reads.waiting(viewer=viewer)
    return Counts(
        invitations=len(crises.invitations(viewer=viewer)),
        orders=orders.waiting(viewer=viewer),
        referrals=found.number,
        new=found.new,
    )


def states_asked(word: str) -> tuple[ReferralState, ...]:
    """The states that a word in an address asks for."""
    return GROUPS.get(word) or tuple(state for state in STATES if state.value == word) or GROUPS[""]


def page_asked(request: SignedInRequest) -> int:
    """The number of the page that is asked for."""
    page = request.GET.get("page", "1")
    return int(page) if page.isdecimal() and len(page) < 6 else 1  # noqa: PLR2004  # digits


def _facts(request: SignedInRequest) -> dict[str, object]:
    """What the inbox shows."""
    viewer, by = request.user.party, actor_of(request)
    rules.check_inbox(by.kind)
    asked = {name: request.GET.get(name, "")[:60] for name in ("orders", "state", "reference")}
    reference = asked["reference"].strip()
    states = states_asked("all" if reference and not asked["state"] else asked["state"])
    number = page_asked(request)
    rows, more = reads.singles(
        viewer=viewer, states=states, reference=reference, limit=AT_ONCE, page=number
    )
    return {
        "now": datetime.now(UTC),
        "titles": titles_of(request),
        "asked": asked,
        "query": request.GET.urlencode(),
        "counts": counts_of(request),
        "invitations": crises.invitations(viewer=viewer, role=by.role),
        "orders": _orders(request, is_all=asked["orders"] == "all"),
        "parcels": [] if reference else _parcels(request, states=states),
        "rows": rows,
        "states": [(state.value, PHRASES["referral_in"][state]) for state in STATES],
        "before": number - 1,
        "after": number + 1 if more else 0,
        "may_answer": allows(check_person_may_write, by.role),
    }


def _orders(request: SignedInRequest, *, is_all: bool) -> list[OrderRow]:
    """Orders, those whose hour ends first on top; without those that ended, unless asked for."""
    now = datetime.now(UTC)
    rows = [
        OrderRow(
            one,
            address=address("order", one.id),
            stands="over" if one.due_at and one.due_at < now else one.state.value,
            is_waiting=one.state in _WAITING_ORDERS,
        )
        for one in orders.inbox(viewer=request.user.party)
    ]
    return [row for row in rows if row.is_waiting or is_all]


def _parcels(request: SignedInRequest, *, states: tuple[ReferralState, ...]) -> list[Parcel]:
    """Batches in which a referral stands in one of some states."""
    found = reads.parcels(viewer=request.user.party)
    return [one for one in found if not one.counts.keys().isdisjoint(states)]


def uuids(request: SignedInRequest, name: str) -> list[UUID]:
    """The ids that came with a form, without what is none."""
    found = []
    for text in request.POST.getlist(name):
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found
