# SPDX-License-Identifier: Apache-2.0
"""One's own account: second factors, where one is signed in, password, language and time."""

from datetime import UTC, datetime

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk import sittings
from stemtide.hub.desk.people import SignedInRequest, at_the_door, lacks_factor
from stemtide.hub.parties import reads_people, writes_sittings


@require_safe
@at_the_door
def you(request: SignedInRequest) -> HttpResponse:
    """The page. Where a second factor is missing, it says so before all else."""
    person, now = request.user, datetime.now(UTC)
    mine = list(Authenticator.objects.filter(user=person).order_by("created_at"))
    kinds = Authenticator.Type
    facts = {
        "now": now,
        "codes": next((one for one in mine if one.type == kinds.TOTP), None),
        "paper": next((one for one in mine if one.type == kinds.RECOVERY_CODES), None),
        "passkeys": [one for one in mine if one.type == kinds.WEBAUTHN],
        "lacks_factor": lacks_factor(request, person),
        "sittings": reads_people.sittings(viewer=person, idle=settings.SITTING_IDLE, now=now),
        "here": sittings.number(request),
        "idle_minutes": int(settings.SITTING_IDLE.total_seconds() // 60),
    }
    return render(request, "desk/you.html", facts)


@require_POST
@at_the_door
def end_sitting(request: SignedInRequest) -> HttpResponse:
    """Sign oneself out on another browser, or on all others."""
    person, now = request.user, datetime.now(UTC)
    number = request.POST.get("number", "")
    if number.isdecimal():
        writes_sittings.end_sitting(int(number), person=person, now=now)
    else:
        writes_sittings.end_others(sittings.number(request), person=person, now=now)
    messages.success(request, _("Signed out there."))
    return redirect("you")
