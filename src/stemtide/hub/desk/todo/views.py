# SPDX-License-Identifier: Apache-2.0
"""The page of everything that waits for the signed-in person."""

from datetime import UTC, datetime

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in
from stemtide.hub.desk.todo import items, sources
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.alerts.reads import alerts
from stemtide.hub.rooms.alerts.rules import alerts as rules


@require_safe
@signed_in
def todo(request: SignedInRequest) -> HttpResponse:
    """Show the to-do list, the most urgent first."""
    return render(request, "desk/todo/todo.html", _context(request))


@require_safe
@signed_in
def blocks(request: SignedInRequest) -> HttpResponse:
    """Render the list and the bar, for HTMX to swap in."""
    return render(request, "desk/todo/_blocks.html", _context(request))


def _context(request: SignedInRequest) -> dict[str, object]:
    """Return the template context of the list."""
    by, now = actor_of(request), datetime.now(UTC)
    rows = alerts.alerts(viewer=by.party, is_waiting=True)
    muted_kinds = alerts.muted_kinds(viewer=request.user, now=now)
    shown = [row for row in rows if not row.is_aside(muted=muted_kinds, now=now)]
    merged = items.merge(sources.waiting_items(by, now=now), shown)
    return {
        "now": now,
        "items": items.in_order(merged, now=now),
        "aside": len(rows) - len(shown),
        "may_acknowledge": allows(rules.check_acknowledge, role=by.role),
    }
