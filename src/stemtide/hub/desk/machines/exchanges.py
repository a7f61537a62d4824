# SPDX-License-Identifier: Apache-2.0
"""Exchanges at the desk: the state of each connection, its records and errors; pause and resume.

Adding, running by hand and removing are commands on the hub's own machine: decision 0073.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk.auth.people import (
    SignedInRequest,
    actor_of,
    carry_out,
    signed_in,
    writers_only,
)
from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.permissions import allows, check_person_may_write
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.exchanges.reads import (
    exchanges as reads,
    outgoing as outgoing_reads,
    trouble,
)
from stemtide.hub.rooms.exchanges.rules import exchanges as rules
from stemtide.hub.rooms.exchanges.writes import exchanges as writes
from stemtide.hub.rooms.parties.reads import parties
from stemtide.interop.exchanges import ExchangeOut, ExchangeState, OutgoingState
from stemtide.protocol.enums import Direction, PartyKind, Role

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


class ConfirmExchangeForm(forms.Form):
    """The confirmation checkbox."""

    confirm = forms.BooleanField(label="")


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
        "titles": {party.name: party.title for party in parties.parties()},
    }
    return render(request, "desk/machines/exchanges.html", context)


@require_safe
@signed_in
def exchange(request: SignedInRequest, name: str) -> HttpResponse:
    """Show one exchange: its state, terms, counts of records and log."""
    viewer, now = request.user.party, datetime.now(UTC)
    exchange_out = reads.exchange(name, viewer=viewer)
    outgoing = outgoing_reads.counts_by_state(viewer=viewer).get(name, {})
    context = {
        "now": now,
        "row": _row(exchange_out, outgoing=outgoing, now=now),
        "counts": sorted(exchange_out.counts.items(), key=lambda count: (-count[1], count[0])),
        "troubled": outgoing_reads.failures(name, viewer=viewer) if exchange_out.pushes else [],
        "lines": reads.log(name, viewer=viewer)[:LINES],
        "titles": {party.name: party.title for party in parties.parties()},
        "crisis": _crisis(exchange_out, request=request),
        "verb": _verb(exchange_out, request=request),
    }
    return render(request, "desk/machines/exchange.html", context)


@require_POST
@signed_in
@writers_only
def act(request: SignedInRequest, name: str, verb: str) -> HttpResponse:
    """Pause or resume an exchange."""
    if verb not in _VERBS:
        raise Http404
    by, now = actor_of(request), datetime.now(UTC)
    rules.check_manage(kind=by.kind)
    if not ConfirmExchangeForm(request.POST).is_valid():
        messages.error(request, _("Tick the box beside it to say that you mean it."))
        return redirect("exchange", name=name)
    write, done = _VERBS[verb]
    carry_out(request, lambda: write(name, actor=by.ref, by=by, now=now), done=str(done))
    return redirect("exchange", name=name)


_VERBS: dict[str, tuple[Callable[..., object], object]] = {
    "pause": (
        writes.pause,
        gettext_lazy("Paused. What it brought stays; nothing comes or goes until it is resumed."),
    ),
    "resume": (writes.resume, gettext_lazy("It goes on from where it stood, at once.")),
}


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
        is_late=due is not None and now - due > trouble.LATE_AFTER,
        outgoing=outgoing,
    )


def _needs_attention(row: ExchangeRow) -> bool:
    """Whether the exchange is late or failing."""
    return row.is_late or row.exchange.state is ExchangeState.FAILING


def _verb(exchange_out: ExchangeOut, *, request: SignedInRequest) -> str:
    """Return the action that the signed-in person may take: "pause", "resume" or "" for none."""
    user = request.user
    is_allowed = allows(check_person_may_write, Role(user.role)) and allows(
        rules.check_manage, kind=PartyKind(user.party.kind)
    )
    if not is_allowed:
        return ""
    return "resume" if exchange_out.state is ExchangeState.PAUSED else "pause"


def _crisis(exchange_out: ExchangeOut, *, request: SignedInRequest) -> object:
    """Return the crisis that the exchange's signals join, if the viewer may see it."""
    if exchange_out.terms.crisis is None:
        return None
    try:
        return crises.crisis(exchange_out.terms.crisis, viewer=request.user.party)
    except NotFoundError:
        # A party that may see the exchange need not be in the room of its crisis.
        return None
