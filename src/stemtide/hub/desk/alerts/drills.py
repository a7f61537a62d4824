# SPDX-License-Identifier: Apache-2.0
"""Contact drills at the desk: start a drill, and watch who answers."""

from datetime import UTC, datetime
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in
from stemtide.hub.desk.error_messages import error_text
from stemtide.hub.platform.errors import ConflictError, InvalidError, NotFoundError
from stemtide.hub.rooms.alerts.reads import drills as reads
from stemtide.hub.rooms.alerts.rules import alerts as rules
from stemtide.hub.rooms.alerts.rules.alerts import allows
from stemtide.hub.rooms.alerts.writes import drills as writes
from stemtide.hub.rooms.parties.reads import parties
from stemtide.protocol.enums import PartyKind, Role

EVERYBODY = "everybody"


@require_safe
@signed_in
def drills(request: SignedInRequest) -> HttpResponse:
    """List the drills that the party takes part in, with a form to start one if allowed."""
    viewer = request.user.party
    others = _may_start(request, others=True)
    context = {
        "now": datetime.now(UTC),
        "drills": reads.drills(viewer=viewer),
        "may_start": _may_start(request, others=False),
        "may_start_all": others,
        "parties": parties.parties() if others else [viewer],
    }
    return render(request, "desk/alerts/drills.html", context)


@require_POST
@signed_in
def start(request: SignedInRequest) -> HttpResponse:
    """Start a drill of the chosen parties, or of all parties."""
    names = request.POST.getlist("party")
    is_for_all = request.POST.get("who") == EVERYBODY
    try:
        uid = writes.start(
            None if is_for_all else names,
            by=actor_of(request),
            now=datetime.now(UTC),
        )
    except (ConflictError, InvalidError, NotFoundError) as error:
        messages.error(request, error_text(error))
        return redirect("drills")
    messages.success(request, _("The drill has begun. This page shows who answers."))
    return redirect("drill", uid=uid)


@require_safe
@signed_in
def drill(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show one drill."""
    return render(request, "desk/alerts/drill.html", _context(request, uid))


@require_safe
@signed_in
def drill_block(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Render the drill's report alone, for HTMX to swap in."""
    return render(request, "desk/alerts/_drill_live.html", _context(request, uid))


def _context(request: SignedInRequest, uid: UUID) -> dict[str, object]:
    """Return the template context of one drill, for the signed-in person's party."""
    return {"now": datetime.now(UTC), "drill": reads.drill(uid, viewer=request.user.party)}


def _may_start(request: SignedInRequest, *, others: bool) -> bool:
    """Whether the rules let the signed-in person start a drill."""
    user = request.user
    return allows(
        rules.check_drill, kind=PartyKind(user.party.kind), role=Role(user.role), others=others
    )
