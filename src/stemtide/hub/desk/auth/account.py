# SPDX-License-Identifier: Apache-2.0
"""One's own account: name, second factors, sessions, password, language and time zone."""

from datetime import UTC, datetime

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk.auth import sessions
from stemtide.hub.desk.auth.people import (
    SignedInRequest,
    carry_out,
    lacks_factor,
    signed_in_without_factor,
)
from stemtide.hub.rooms.parties.reads import people
from stemtide.hub.rooms.parties.rules.people import MAX_NAME
from stemtide.hub.rooms.parties.writes import people as people_writes, sessions as sessions_writes


@require_safe
@signed_in_without_factor
def you(request: SignedInRequest) -> HttpResponse:
    """Show the account page; a missing second factor is shown first."""
    person, now = request.user, datetime.now(UTC)
    authenticators = list(Authenticator.objects.filter(user=person).order_by("created_at"))
    kinds = Authenticator.Type
    context = {
        "now": now,
        "codes": next(
            (authenticator for authenticator in authenticators if authenticator.type == kinds.TOTP),
            None,
        ),
        "paper": next(
            (
                authenticator
                for authenticator in authenticators
                if authenticator.type == kinds.RECOVERY_CODES
            ),
            None,
        ),
        "passkeys": [
            authenticator
            for authenticator in authenticators
            if authenticator.type == kinds.WEBAUTHN
        ],
        "lacks_factor": lacks_factor(request, person),
        "sittings": people.open_sessions(
            viewer=person, idle=settings.SESSION_IDLE_TIMEOUT, now=now
        ),
        "here": sessions.number(request),
        "max_name": MAX_NAME,
        "idle_minutes": int(settings.SESSION_IDLE_TIMEOUT.total_seconds() // 60),
    }
    return render(request, "desk/you.html", context)


@require_POST
@signed_in_without_factor
def change_name(request: SignedInRequest) -> HttpResponse:
    """Change one's own name."""
    name = request.POST.get("name", "")
    carry_out(
        request,
        lambda: people_writes.change_own_name(request.user, name=name),
        done=_("Name changed."),
    )
    return redirect("you")


@require_POST
@signed_in_without_factor
def end_sitting(request: SignedInRequest) -> HttpResponse:
    """End one's own session on another browser, or all other sessions."""
    person, now = request.user, datetime.now(UTC)
    number = request.POST.get("number", "")
    if number.isdecimal():
        sessions_writes.end_session(int(number), person=person, now=now)
    else:
        sessions_writes.end_other_sessions(sessions.number(request), person=person, now=now)
    messages.success(request, _("Signed out."))
    return redirect("you")
