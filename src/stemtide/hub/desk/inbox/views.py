# SPDX-License-Identifier: Apache-2.0
"""A provider's inbox: invitations, removal orders with their hour and, apart, referrals."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in
from stemtide.hub.desk.forms import page_number
from stemtide.hub.desk.labels.inbox import LABELS
from stemtide.hub.desk.navigation import address
from stemtide.hub.platform.permissions import allows, check_person_may_write
from stemtide.hub.rooms.approvals.reads import approvals
from stemtide.hub.rooms.crises.reads import participants
from stemtide.hub.rooms.orders.reads import orders
from stemtide.hub.rooms.parties.reads.parties import party_titles
from stemtide.hub.rooms.referrals.reads import inbox as reads
from stemtide.hub.rooms.referrals.reads.inbox import Parcel
from stemtide.hub.rooms.referrals.rules import referrals as rules
from stemtide.protocol.enums.orders import OrderState
from stemtide.protocol.enums.referrals import ReferralState
from stemtide.protocol.messages.orders import OrderHead

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
"""States of referrals that a provider sees."""

GROUPS = {
    "": tuple(state for state in STATES if state in rules.AWAITING),
    "decided": tuple(state for state in STATES if state not in rules.AWAITING),
    "all": STATES,
}
"""Groups of states that can be selected; the default, "", selects those that wait."""


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order. address: of its page, "" if this hub has none. is_waiting: for the provider.

    status: its state, or "over" if its hour is over. url: its first; "" before it is received.
    """

    head: OrderHead
    address: str
    status: str
    is_waiting: bool
    url: str


@dataclass(frozen=True, slots=True)
class InboxCounts:
    """The number of open items, orders and referrals apart. new: not yet acknowledged."""

    invitations: int
    orders: int
    referrals: int
    new: int


@require_safe
@signed_in
def inbox(request: SignedInRequest) -> HttpResponse:
    """Show everything that was sent to the reader's provider."""
    return render(request, "desk/inbox/inbox.html", _context(request))


@require_safe
@signed_in
def blocks(request: SignedInRequest) -> HttpResponse:
    """Render the parts of the inbox that change, for HTMX to swap in."""
    return render(request, "desk/inbox/_blocks.html", {**_context(request), "is_fragment": True})


def counts_of(request: SignedInRequest) -> InboxCounts:
    """Return the number of open items in the inbox of the reader's party."""
    viewer = request.user.party
    waiting = reads.waiting(viewer=viewer)
    return InboxCounts(
        invitations=len(participants.invitations(viewer=viewer)),
        orders=orders.waiting(viewer=viewer),
        referrals=waiting.number,
        new=waiting.new,
    )


def requested_states(word: str) -> tuple[ReferralState, ...]:
    """Return the referral states that a value of ?state= selects."""
    return GROUPS.get(word) or tuple(state for state in STATES if state.value == word) or GROUPS[""]


def _context(request: SignedInRequest) -> dict[str, object]:
    """Return the template context of the inbox."""
    viewer, by = request.user.party, actor_of(request)
    rules.check_inbox(by.kind)
    query = {name: request.GET.get(name, "")[:60] for name in ("orders", "state", "reference")}
    reference = query["reference"].strip()
    states = requested_states("all" if reference and not query["state"] else query["state"])
    number = page_number(request.GET.get("page"))
    rows, more = reads.singles(
        viewer=viewer, states=states, reference=reference, limit=AT_ONCE, page=number
    )
    return {
        "now": datetime.now(UTC),
        "looks": approvals.waiting(viewer=viewer),
        "titles": party_titles(),
        "asked": query,
        "query": request.GET.urlencode(),
        "counts": counts_of(request),
        "invitations": participants.invitations(viewer=viewer, role=by.role),
        "orders": _orders(request, is_all=query["orders"] == "all"),
        "parcels": [] if reference else _parcels(request, states=states),
        "rows": rows,
        "states": [(state.value, LABELS["referral_in"][state]) for state in STATES],
        "before": number - 1,
        "after": number + 1 if more else 0,
        "may_answer": allows(check_person_may_write, by.role),
    }


def _orders(request: SignedInRequest, *, is_all: bool) -> list[OrderRow]:
    """Return orders by the end of their hour; ended ones only if is_all."""
    now, viewer = datetime.now(UTC), request.user.party
    heads = orders.inbox(viewer=viewer)
    urls = orders.first_addresses(heads, viewer=viewer)
    rows = [
        OrderRow(
            head,
            address=address("order", head.id),
            status="over" if head.due_at and head.due_at < now else head.state.value,
            is_waiting=head.state in _WAITING_ORDERS,
            url=urls.get(head.id, ""),
        )
        for head in heads
    ]
    return [row for row in rows if row.is_waiting or is_all]


def _parcels(request: SignedInRequest, *, states: tuple[ReferralState, ...]) -> list[Parcel]:
    """Return batches with at least one referral in the given states."""
    parcels = reads.parcels(viewer=request.user.party)
    return [parcel for parcel in parcels if not parcel.counts.keys().isdisjoint(states)]


def uuids(request: SignedInRequest, name: str) -> list[UUID]:
    """Return the ids that a form sent under a name; invalid ones are left out."""
    uids = []
    for text in request.POST.getlist(name):
        try:
            uids.append(UUID(text))
        except ValueError:
            continue
    return uids
