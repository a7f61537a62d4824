# SPDX-License-Identifier: Apache-2.0
"""Acts on an exchange at the desk: confirm, decline, test, pause, resume, remove."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _, gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, carry_out, signed_in
from stemtide.hub.desk.labels import Words
from stemtide.hub.platform.permissions import allows, check_person_may_write
from stemtide.hub.rooms.exchanges import connection
from stemtide.hub.rooms.exchanges.reads import proposals as reads
from stemtide.hub.rooms.exchanges.rules import exchanges as rules, proposals as proposal_rules
from stemtide.hub.rooms.exchanges.writes import exchanges as writes, proposals
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.interop.exchanges import ExchangeOut, ExchangeState


@dataclass(frozen=True, slots=True)
class ExchangeAct:
    """An act on an exchange. text: what it does; where it is confirmed, beside the checkbox.

    is_primary: it is the next step, and shown open.
    """

    verb: str
    title: Words
    text: Words
    button: Words
    done: Words = ""
    is_confirmed: bool = True
    is_destructive: bool = False
    is_primary: bool = False


ACTS = {
    act.verb: act
    for act in (
        ExchangeAct(
            "confirm",
            gettext_lazy("Confirm as the second person"),
            gettext_lazy(
                "I have checked the address, the party and the direction. The "
                "exchange starts at once."
            ),
            gettext_lazy("Confirm the exchange"),
            gettext_lazy("Confirmed. The first run starts now."),
            is_primary=True,
        ),
        ExchangeAct(
            "decline",
            gettext_lazy("Drop the proposal"),
            gettext_lazy("The proposal and its secret are deleted."),
            gettext_lazy("Drop the proposal"),
            gettext_lazy("Proposal dropped."),
            is_destructive=True,
        ),
        ExchangeAct(
            "test",
            gettext_lazy("Test the connection"),
            gettext_lazy("The hub reads the first page of the other hub and stores nothing."),
            gettext_lazy("Test the connection"),
            is_confirmed=False,
        ),
        ExchangeAct(
            "pause",
            gettext_lazy("Pause"),
            gettext_lazy(
                "Nothing is received or sent while it is paused, not even "
                "withdrawals. Signals already received stay."
            ),
            gettext_lazy("Pause this exchange"),
            gettext_lazy("Paused. Signals already received stay."),
            is_destructive=True,
        ),
        ExchangeAct(
            "resume",
            gettext_lazy("Resume"),
            gettext_lazy("It continues at once from where it stopped."),
            gettext_lazy("Resume this exchange"),
            gettext_lazy("Resumed. It continues from where it stopped."),
        ),
        ExchangeAct(
            "remove",
            gettext_lazy("Remove"),
            gettext_lazy(
                "The exchange ends for good, and its secret is deleted. Signals that "
                "were received or sent stay."
            ),
            gettext_lazy("Remove this exchange"),
            gettext_lazy("Exchange removed."),
            is_destructive=True,
        ),
    )
}

_WRITES: dict[str, Callable[..., object]] = {
    "confirm": proposals.confirm,
    "decline": proposals.decline,
    "pause": lambda name, by, now: writes.pause(name, actor=by.ref, by=by, now=now),
    "resume": lambda name, by, now: writes.resume(name, actor=by.ref, by=by, now=now),
    "remove": lambda name, by, now: writes.remove(name, actor=by.ref, by=by, now=now),
}


def acts_on(row: ExchangeOut, *, by: Actor, now: datetime) -> list[ExchangeAct]:
    """Return the acts that the rules allow a person on an exchange now."""
    author = reads.author_of(row.name, viewer=by.party)
    is_open = row.state is ExchangeState.PROPOSED
    may_pause = allows(check_person_may_write, by.role) and allows(rules.check_manage, kind=by.kind)
    may_confirm = allows(
        proposal_rules.check_confirm, author=author, proposed_at=row.added_at, by=by, now=now
    )
    allowed = {
        "confirm": may_confirm,
        "decline": allows(proposal_rules.check_decline, author=author, by=by),
        "test": allows(proposal_rules.check_propose, by=by),
        "pause": may_pause and not is_open and row.state is not ExchangeState.PAUSED,
        "resume": may_pause and row.state is ExchangeState.PAUSED,
        "remove": allows(proposal_rules.check_remove, author=author, by=by),
    }
    return [act for verb, act in ACTS.items() if allowed[verb]]


@require_POST
@signed_in
def act(request: SignedInRequest, name: str, verb: str) -> HttpResponse:
    """Carry out an act on an exchange."""
    chosen = ACTS.get(verb)
    if chosen is None:
        raise Http404
    by, now = actor_of(request), datetime.now(UTC)
    check_person_may_write(by.role)
    rules.check_manage(kind=by.kind)
    if chosen.is_confirmed and not request.POST.get("confirm"):
        messages.error(request, _("Nothing changed: tick the box to confirm, then send again."))
    elif verb == "test":
        _test(request, name)
    else:
        carry_out(request, lambda: _WRITES[verb](name, by=by, now=now), done=str(chosen.done))
        if verb in {"decline", "remove"}:
            return redirect("exchanges")
    return redirect("exchange", name=name)


def _test(request: SignedInRequest, name: str) -> None:
    """Test the connection and say the result on the next page."""
    result = connection.try_connection(
        name, by=actor_of(request), now=datetime.now(UTC), loopback=settings.EXCHANGE_LOOPBACK
    )
    if result.why:
        messages.error(request, _("Connection failed: %s") % result.why)
        return
    text = ngettext(
        "It answers. Its first page has %(count)s signal.",
        "It answers. Its first page has %(count)s signals.",
        result.records,
    ) % {"count": result.records}
    if result.faults:
        text += " " + _("Records that cannot be read: %s") % result.faults
    messages.success(request, text)
