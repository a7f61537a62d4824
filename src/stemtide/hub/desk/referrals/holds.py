# SPDX-License-Identifier: Apache-2.0
"""Holds at the desk: the list, asking for a hold, extending and lifting it."""

from datetime import UTC, datetime
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from stemtide.hub.desk.auth.people import (
    SignedInRequest,
    actor_of,
    carry_out,
    signed_in,
    writers_only,
)
from stemtide.hub.desk.referrals.forms import ExtendForm, HoldForm
from stemtide.hub.platform.errors import InvalidError, NotAllowedError, RateLimitError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.ledger.reads.rate_limits import check_may_alert
from stemtide.hub.rooms.parties.reads.parties import party_titles
from stemtide.hub.rooms.referrals.reads import holds as reads
from stemtide.hub.rooms.referrals.rules import holds as rules
from stemtide.hub.rooms.referrals.rules.referrals import REFERRING
from stemtide.hub.rooms.referrals.writes import holds as writes


@require_safe
@signed_in
def holds(request: SignedInRequest) -> HttpResponse:
    """List the holds of the reader's party, active ones first."""
    by, now = actor_of(request), datetime.now(UTC)
    if by.kind not in REFERRING:
        raise NotAllowedError("only an authority or an agency can request a hold: contact one")
    rows = [
        (
            hold,
            allows(
                rules.check_move,
                rules.HoldFacts(state=hold.state, holder=hold.holder),
                "lift",
                by=by,
            ),
        )
        for hold in reads.holds(viewer=by.party)
    ]
    context = {
        "now": now,
        "titles": party_titles(),
        "rows": rows,
        "may_place": allows(rules.check_place, kind=by.kind, role=by.role),
        "form": ExtendForm(),
    }
    return render(request, "desk/referrals/holds.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@writers_only
def new(request: SignedInRequest) -> HttpResponse:
    """Show the form to ask for a hold, and place the hold that it sends."""
    by, now = actor_of(request), datetime.now(UTC)
    rules.check_place(kind=by.kind, role=by.role)
    if request.method != "POST":
        check_may_alert("hold.placed", viewer=by.party, now=now, is_person=True)
        initial = {name: request.GET.get(name, "") for name in ("url", "signal")}
        return render(request, "desk/referrals/hold_new.html", {"form": HoldForm(initial=initial)})
    form = HoldForm(request.POST)
    body = form.message_at(now)
    if body is not None:
        try:
            writes.place(body, by=by, now=now)
        except (InvalidError, RateLimitError) as error:
            form.add_refusal(error)
        else:
            messages.success(request, _("Placed. Referrals of this content wait from now on."))
            return redirect("holds")
    return render(request, "desk/referrals/hold_new.html", {"form": form}, status=422)


@require_POST
@signed_in
@writers_only
def act(request: SignedInRequest, uid: UUID, verb: str) -> HttpResponse:
    """Extend or lift a hold."""
    by, now = actor_of(request), datetime.now(UTC)
    reads.find_hold(uid, viewer=by.party)
    if verb == "lift":
        carry_out(
            request,
            lambda: writes.lift(uid, by=by, now=now),
            done=_("Lifted. Senders of waiting referrals are notified."),
        )
        return redirect("holds")
    if verb != "extend":
        raise Http404
    form = ExtendForm(request.POST)
    body = form.message_at(now)
    if body is None:
        messages.error(request, _("Choose for how long."))
        return redirect("holds")
    carry_out(
        request,
        lambda: writes.extend(uid, body=body, by=by, now=now),
        done=_("Extended."),
    )
    return redirect("holds")
