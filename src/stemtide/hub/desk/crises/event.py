# SPDX-License-Identifier: Apache-2.0
"""The page of an event: all activations about it, beside each other."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, signed_in
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.parties.reads.parties import party_titles
from stemtide.hub.rooms.situation.reads import activations


@require_safe
@signed_in
def event(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show who activated what about the event of a crisis, when, what each adds and what differs.

    raises: NotFoundError if the viewer may not see the crisis.
    """
    viewer = request.user.party
    context = {
        "life": crises.crisis(uid, viewer=viewer),
        "event": activations.event(uid, viewer=viewer),
        "titles": party_titles(),
    }
    return render(request, "desk/event.html", context)
