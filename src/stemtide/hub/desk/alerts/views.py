# SPDX-License-Identifier: Apache-2.0
"""Alerts at the desk: the list, the count in the top bar, and acknowledging."""

from datetime import UTC, datetime
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in
from stemtide.hub.desk.error_messages import error_text
from stemtide.hub.platform.errors import ConflictError
from stemtide.hub.rooms.alerts.reads import alerts as reads
from stemtide.hub.rooms.alerts.rules import alerts as rules
from stemtide.hub.rooms.alerts.rules.alerts import Via, allows
from stemtide.hub.rooms.alerts.writes import alerts as writes
from stemtide.protocol.enums import Role


@require_safe
@signed_in
def alerts(request: SignedInRequest) -> HttpResponse:
    """Show the party's alerts, those that wait for somebody first."""
    return render(request, "desk/alerts/alerts.html", _context(request))


@require_safe
@signed_in
def blocks(request: SignedInRequest) -> HttpResponse:
    """Render the list and the bar, for HTMX to swap in."""
    return render(request, "desk/alerts/_blocks.html", _context(request))


@require_safe
@signed_in
def bar(request: SignedInRequest) -> HttpResponse:
    """Render the bar's count alone, for pages that update in another way."""
    return render(request, "desk/alerts/_bar_live.html", {"now": datetime.now(UTC)})


@require_POST
@signed_in
def acknowledge(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Acknowledge an alert for the party."""
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
        messages.info(request, error_text(error))
    else:
        messages.success(request, _("Acknowledged. Nobody else of your party is asked."))
    return redirect("to-do" if request.POST.get("next") == "to-do" else "alerts")


def _context(request: SignedInRequest) -> dict[str, object]:
    """Return the template context of the list, for the signed-in person's party."""
    alert_rows = reads.alerts(viewer=request.user.party)
    return {
        "now": datetime.now(UTC),
        "waiting": [alert for alert in alert_rows if alert.is_waiting],
        "settled": [alert for alert in alert_rows if not alert.is_waiting],
        "may_acknowledge": allows(rules.check_acknowledge, role=Role(request.user.role)),
    }
