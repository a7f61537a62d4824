# SPDX-License-Identifier: Apache-2.0
"""Alerts at the desk: the list, the count in the bar, acknowledging."""

from datetime import UTC, datetime
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.alerts import reads, rules, writes
from stemtide.hub.alerts.rules import Via, allows
from stemtide.hub.desk.people import SignedInRequest, actor_of, signed_in
from stemtide.hub.desk.refusals import in_words
from stemtide.hub.parties.rules import ConflictError
from stemtide.protocol.words import Role


@require_safe
@signed_in
def alerts(request: SignedInRequest) -> HttpResponse:
    """The party's alerts: those that wait for somebody first."""
    return render(request, "desk/alerts/alerts.html", _facts(request))


@require_safe
@signed_in
def blocks(request: SignedInRequest) -> HttpResponse:
    """The list and the bar, for HTMX to swap in."""
    return render(request, "desk/alerts/_blocks.html", _facts(request))


@require_safe
@signed_in
def bar(request: SignedInRequest) -> HttpResponse:
    """The bar's count alone, for pages that are live in another way."""
    return render(request, "desk/alerts/_bar_live.html", {"now": datetime.now(UTC)})


@require_POST
@signed_in
def acknowledge(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Say that the party has the alert."""
    user = request.user
    try:
        writes.acknowledge(
            uid,
            by=actor_of(request),
            person=user,
            via=Via.PAGE,
            now=datetime.now(UTC),
        )
    except ConflictError as error:
        messages.info(request, in_words(error))
    else:
        messages.success(request, _("Acknowledged. Nobody else of your party is asked."))
    return redirect("alerts")


def _facts(request: SignedInRequest) -> dict[str, object]:
    """What the list shows, read for the signed-in person's party."""
    found = reads.alerts(viewer=request.user.party)
    return {
        "now": datetime.now(UTC),
        "waiting": [one for one in found if one.is_waiting],
        "settled": [one for one in found if not one.is_waiting],
        "may_acknowledge": allows(rules.check_acknowledge, role=Role(request.user.role)),
    }
