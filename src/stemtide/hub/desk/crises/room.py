# SPDX-License-Identifier: Apache-2.0
"""The room of one crisis: its page, live blocks and actions; and the list of crises."""

from datetime import UTC, datetime
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from stemtide.hub.desk.actions import Offer, perform
from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in
from stemtide.hub.desk.crises import blocks as room_blocks, last_look, offers
from stemtide.hub.desk.crises.forms import FormChoices, WarningForm
from stemtide.hub.desk.navigation import may_open
from stemtide.hub.desk.signals.content_acts import ActedContent, content_acts
from stemtide.hub.platform.errors import InvalidError, RateLimitError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.crises.rules import crises as rules
from stemtide.hub.rooms.crises.writes import crises as writes
from stemtide.hub.rooms.ledger.reads.rate_limits import check_may_alert
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.reads.parties import party_titles
from stemtide.protocol.enums import Role

RELOAD_S = "15"


@require_safe
@signed_in
def room(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show the whole page. ?every=15 reloads it, for browsers without JavaScript."""
    now = datetime.now(UTC)
    page = _page(request, uid, new_entries=last_look.new_entries(request, uid, now=now))
    last_look.remember(request, uid, response=page, now=now)
    if request.GET.get("every") == RELOAD_S:
        page.headers["Refresh"] = RELOAD_S
    return page


@require_safe
@signed_in
def blocks(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Render all blocks of the room, read at one time, for HTMX to swap in."""
    return HttpResponse(room_blocks.fragment(request, uid, by=actor_of(request)))


@require_POST
@signed_in
def act(request: SignedInRequest, uid: UUID, verb: str) -> HttpResponse:
    """Carry out one action of the room; errors are shown at their fields, with status 422.

    raises: NotFoundError if there is no such crisis or target, NotAllowedError.
    """
    offer = offers.sent_offer(request, uid, name=verb, by=actor_of(request))
    if perform(request, offer, uid):
        return redirect("crisis", uid=uid)
    return _page(request, uid, refused=offer)


@require_safe
@signed_in
def crises_page(request: SignedInRequest) -> HttpResponse:
    """List the crises that the person's party may see, open ones first."""
    viewer = request.user.party
    crisis_rows = crises.crises(viewer=viewer)
    context = {
        "now": datetime.now(UTC),
        "titles": party_titles(),
        "crises": [crisis for crisis in crisis_rows if not crisis.closed_at],
        "closed": [crisis for crisis in crisis_rows if crisis.closed_at],
        "may_warn": allows(rules.check_warn, by=actor_of(request)),
    }
    return render(request, "desk/crises.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def warn(request: SignedInRequest) -> HttpResponse:
    """Show the form for an early warning, and raise the warning that it sends."""
    by = actor_of(request)
    rules.check_warn(by=by)
    viewer = request.user.party
    if request.method != "POST":
        check_may_alert("crisis.warned", viewer=viewer, now=datetime.now(UTC), is_person=True)
    others = [(party.name, party.title) for party in parties.parties() if party.name != viewer.name]
    form = WarningForm(request.POST or None, prefix="warning", around=FormChoices(parties=others))
    message = form.message()
    if message is not None:
        try:
            crisis = writes.warn(message, by=by, now=datetime.now(UTC))
            return redirect("crisis", uid=crisis.id)
        except (InvalidError, RateLimitError) as error:
            form.add_refusal(error)
    status = 422 if request.method == "POST" else 200
    return render(request, "desk/warn.html", {"form": form}, status=status)


def _page(
    request: SignedInRequest,
    uid: UUID,
    *,
    refused: Offer | None = None,
    new_entries: last_look.NewEntries | None = None,
) -> HttpResponse:
    """Render the page. refused: a form that was sent with errors."""
    by = actor_of(request)
    context = room_blocks.page_context(request, uid, by=by, refused=refused)
    life = context["life"]
    content = ActedContent(crisis=life.id, exercise=life.exercise)
    is_at_work = life.in_room and not life.closed_at
    context["content_acts"] = content_acts(content, by=by) if is_at_work else []
    context["new_entries"] = new_entries if life.in_room else None
    is_offered = may_open("share", role=Role(request.user.role), kind=by.kind)
    context["may_share"] = life.accepts_signals and life.in_room and is_offered
    return render(request, "desk/room.html", context, status=422 if refused else 200)
