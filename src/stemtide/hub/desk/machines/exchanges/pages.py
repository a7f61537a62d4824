# SPDX-License-Identifier: Apache-2.0
"""Exchanges at the desk: the state of each connection, its records and errors.

Two coordinators of agencies add one (form.py, acts.py): decision 0127.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk.actions import Offer
from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in, writers_only
from stemtide.hub.desk.machines.exchanges import withdrawal as withdrawal_acts
from stemtide.hub.desk.machines.exchanges.acts import acts_on
from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.exchanges.reads import (
    exchanges as reads,
    outgoing as outgoing_reads,
    proposals as reads_proposals,
)
from stemtide.hub.rooms.exchanges.rules.proposals import check_propose
from stemtide.hub.rooms.parties.reads.parties import party_titles
from stemtide.hub.rooms.parties.rules.proposals import PROPOSED_FOR
from stemtide.interop.exchanges import ExchangeOut, ExchangeState, OutgoingState
from stemtide.protocol.enums import Direction

LINES = 100
"""Lines of the log on the page; the API has twice as many."""


@dataclass(frozen=True, slots=True)
class ExchangeRow:
    """An exchange with the figures that its page shows.

    is_late: it should have run by now. outgoing: signals on their way to the other hub, by state.
    """

    exchange: ExchangeOut
    direction: Direction
    is_late: bool
    outgoing: dict[OutgoingState, int]

    @property
    def sent(self) -> int:
        """Return how many signals are at the other hub because of this one."""
        return self.outgoing.get(OutgoingState.SENT, 0) + self.outgoing.get(
            OutgoingState.TAKING_BACK, 0
        )


@require_safe
@signed_in
def exchanges(request: SignedInRequest) -> HttpResponse:
    """List all exchanges, those that need attention first."""
    viewer, now = request.user.party, datetime.now(UTC)
    exchange_rows = reads.exchanges(viewer=viewer)
    outgoing_of = outgoing_reads.counts_by_state(viewer=viewer)
    rows = [
        _row(exchange_out, outgoing=outgoing_of.get(exchange_out.name, {}), now=now)
        for exchange_out in exchange_rows
    ]
    context = {
        "now": now,
        "rows": sorted(rows, key=lambda row: (not _needs_attention(row), row.exchange.name)),
        "titles": party_titles(),
        "may_add": allows(check_propose, by=actor_of(request)),
    }
    return render(request, "desk/machines/exchanges.html", context)


@require_safe
@signed_in
def exchange(request: SignedInRequest, name: str) -> HttpResponse:
    """Show one exchange: its state, terms, counts of records and log."""
    return _page(request, name)


@require_POST
@signed_in
@writers_only
def withdrawal(request: SignedInRequest, name: str, verb: str) -> HttpResponse:
    """Withdraw all that an exchange brought, or share it again."""
    refused = withdrawal_acts.sent(request, name, verb)
    return _page(request, name, refused=refused) if refused else redirect("exchange", name=name)


def _page(request: SignedInRequest, name: str, *, refused: Offer | None = None) -> HttpResponse:
    """Render the page of an exchange. refused: an act that was refused."""
    by, now = actor_of(request), datetime.now(UTC)
    viewer = by.party
    exchange_out = reads.exchange(name, viewer=viewer)
    outgoing = outgoing_reads.counts_by_state(viewer=viewer).get(name, {})
    context = {
        "now": now,
        "row": _row(exchange_out, outgoing=outgoing, now=now),
        "counts": sorted(exchange_out.counts.items(), key=lambda count: (-count[1], count[0])),
        "troubled": outgoing_reads.failures(name, viewer=viewer) if exchange_out.pushes else [],
        "lines": reads.log(name, viewer=viewer)[:LINES],
        "titles": party_titles(),
        "crisis": _crisis(exchange_out, request=request),
        "acts": acts_on(exchange_out, by=by, now=now),
        "is_own": reads_proposals.author_of(name, viewer=viewer) == by.ref,
        "expires_at": exchange_out.added_at + PROPOSED_FOR,
        **withdrawal_acts.withdrawal_context(name, by=by, now=now, refused=refused),
    }
    status = 422 if refused else 200
    return render(request, "desk/machines/exchange.html", context, status=status)


def _row(
    exchange_out: ExchangeOut, *, outgoing: dict[OutgoingState, int], now: datetime
) -> ExchangeRow:
    """Return an exchange with the figures that its page shows."""
    direction = Direction.BOTH
    if not (exchange_out.pulls and exchange_out.pushes):
        direction = Direction.PULL if exchange_out.pulls else Direction.PUSH
    due = exchange_out.next_at
    return ExchangeRow(
        exchange=exchange_out,
        direction=direction,
        is_late=due is not None and now - due > reads.LATE_AFTER,
        outgoing=outgoing,
    )


def _needs_attention(row: ExchangeRow) -> bool:
    """Whether the exchange is late or failing, or waits for a second person."""
    return row.is_late or row.exchange.state in {ExchangeState.FAILING, ExchangeState.PROPOSED}


def _crisis(exchange_out: ExchangeOut, *, request: SignedInRequest) -> object:
    """Return the crisis that the exchange's signals join, if the viewer may see it."""
    if exchange_out.terms.crisis is None:
        return None
    try:
        return crises.crisis(exchange_out.terms.crisis, viewer=request.user.party)
    except NotFoundError:
        # A party that may see the exchange need not be in the room of its crisis.
        return None
