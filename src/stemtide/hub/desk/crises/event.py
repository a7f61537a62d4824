# SPDX-License-Identifier: Apache-2.0
"""The page of an event: all activations about it, beside each other."""

from datetime import UTC, datetime
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, carry_out, signed_in
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.crises.reads import arrivals, crises
from stemtide.hub.rooms.crises.rules.events import check_neighbour
from stemtide.hub.rooms.crises.writes import arrivals as writes
from stemtide.hub.rooms.parties.reads.parties import party_titles
from stemtide.hub.rooms.situation.reads import activations


@require_safe
@signed_in
def event(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show who activated what about the event of a crisis, when, what each adds and what differs.

    raises: NotFoundError if the viewer may not see the crisis.
    """
    viewer = request.user.party
    row = crises.find(uid, viewer=viewer)
    context = {
        "life": crises.crisis(uid, viewer=viewer),
        "arrivals": arrivals.open_arrivals(viewer=viewer, exercise=row.exercise),
        "may_enter": allows(check_neighbour, crises.facts(row), by=actor_of(request)),
        "event": activations.event(uid, viewer=viewer),
        "titles": party_titles(),
    }
    return render(request, "desk/event.html", context)


@require_POST
@signed_in
def enter(request: SignedInRequest, uid: UUID, message: UUID) -> HttpResponse:
    """Enter an activation that a neighbour sent, beside those of this event.

    raises: NotFoundError, NotAllowedError.
    """
    carry_out(
        request,
        lambda: writes.enter(uid, message, by=actor_of(request), now=datetime.now(UTC)),
        done=_("The activation is entered."),
    )
    return redirect("crisis-event", uid=uid)
