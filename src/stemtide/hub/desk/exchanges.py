# SPDX-License-Identifier: Apache-2.0
"""Exchanges at the desk: how each other hub stands, what it brought, why it fails; stop and go.

They are added, run by hand and removed on the hub's own machine alone: decision 0073.
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

from stemtide.hub.crises import reads as crises
from stemtide.hub.desk.people import SignedInRequest, actor_of, carry_out, signed_in, writing
from stemtide.hub.exchanges import reads, reads_outgoing, reads_trouble, rules, writes
from stemtide.hub.parties import reads as parties
from stemtide.hub.parties.rules import NotFoundError, allows, check_person_may_write
from stemtide.protocol.exchanges import ExchangeOut, ExchangeState, OutgoingState
from stemtide.protocol.words import Direction, PartyKind, Role

LINES = 100
"""Lines of the log on the page; the API has twice as many."""


@dataclass(frozen=True, slots=True)
class ExchangeRow:
    """An exchange, and what its page says beside it.

    is_late: it should have run by now. told: signals on their way there, by where they stand.
    """

    one: ExchangeOut
    direction: Direction
    is_late: bool
    told: dict[OutgoingState, int]

    @property
    def sent(self) -> int:
        """How many signals stand there because of this hub."""
        return self.told.get(OutgoingState.SENT, 0) + self.told.get(OutgoingState.TAKING_BACK, 0)


class SureForm(forms.Form):
    """Say that one means it."""

    confirm = forms.BooleanField(label="")


@require_safe
@signed_in
def exchanges(request: SignedInRequest) -> HttpResponse:
    """All exchanges, what is wrong first."""
    viewer, now = request.user.party, datetime.now(UTC)
    found = reads.exchanges(viewer=viewer)
    told = reads_outgoing.told(viewer=viewer)
    rows = [_row(one, told=told.get(one.name, {}), now=now) for one in found]
    facts = {
        "now": now,
        "rows": sorted(rows, key=lambda row: (not _is_wrong(row), row.one.name)),
        "titles": {party.name: party.title for party in parties.parties(viewer=viewer)},
    }
    return render(request, "desk/machines/exchanges.html", facts)


@require_safe
@signed_in
def exchange(request: SignedInRequest, name: str) -> HttpResponse:
    """One exchange: how it stands, its terms, what became of records, its log."""
    viewer, now = request.user.party, datetime.now(UTC)
    found = reads.exchange(name, viewer=viewer)
    told = reads_outgoing.told(viewer=viewer).get(name, {})
    facts = {
        "now": now,
        "row": _row(found, told=told, now=now),
        "counts": sorted(found.counts.items(), key=lambda one: (-one[1], one[0])),
        "troubled": reads_outgoing.troubled(name, viewer=viewer) if found.pushes else [],
        "lines": reads.log(name, viewer=viewer)[:LINES],
        "titles": {party.name: party.title for party in parties.parties(viewer=viewer)},
        "crisis": _crisis(found, request=request),
        "verb": _verb(found, request=request),
    }
    return render(request, "desk/machines/exchange.html", facts)


@require_POST
@signed_in
@writing
def act(request: SignedInRequest, name: str, verb: str) -> HttpResponse:
    """Pause an exchange, or let it go on, for an agency."""
    if verb not in _VERBS:
        raise Http404
    by, now = actor_of(request), datetime.now(UTC)
    rules.check_manage(kind=by.kind)
    if not SureForm(request.POST).is_valid():
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


def _row(one: ExchangeOut, *, told: dict[OutgoingState, int], now: datetime) -> ExchangeRow:
    """An exchange with what its page says beside it."""
    direction = Direction.BOTH
    if not (one.pulls and one.pushes):
        direction = Direction.PULL if one.pulls else Direction.PUSH
    due = one.next_at
    return ExchangeRow(
        one=one,
        direction=direction,
        is_late=due is not None and now - due > reads_trouble.LATE_AFTER,
        told=told,
    )


def _is_wrong(row: ExchangeRow) -> bool:
    """Whether somebody should look at it."""
    return row.is_late or row.one.state is ExchangeState.FAILING


def _verb(found: ExchangeOut, *, request: SignedInRequest) -> str:
    """What the signed-in person may do with it now; "" for nothing."""
    user = request.user
    may = allows(check_person_may_write, Role(user.role)) and allows(
        rules.check_manage, kind=PartyKind(user.party.kind)
    )
    if not may:
        return ""
    return "resume" if found.state is ExchangeState.PAUSED else "pause"


def _crisis(found: ExchangeOut, *, request: SignedInRequest) -> object:
    """The crisis that its signals join, if there is one that the viewer may see."""
    if found.terms.crisis is None:
        return None
    try:
        return crises.crisis(found.terms.crisis, viewer=request.user.party)
    except NotFoundError:
        # Whom the exchange is shown to need not be in the room of its crisis.
        return None
