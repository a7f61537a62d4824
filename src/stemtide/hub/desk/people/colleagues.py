# SPDX-License-Identifier: Apache-2.0
"""People of one's own party: the list, adding somebody, roles, and removing access."""

from collections.abc import Callable
from datetime import UTC, datetime

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in
from stemtide.hub.desk.error_messages import error_text
from stemtide.hub.desk.forms import DeskForm
from stemtide.hub.desk.labels import LABELS
from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.hub.platform.permissions import (
    allows,
    check_may_erase_people,
    check_may_see_people,
    check_person_may_manage,
)
from stemtide.hub.rooms.parties.reads import independence as independence_reads, people
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.rules import (
    independence as independence_rules,
    people as people_rules,
)
from stemtide.hub.rooms.parties.writes import independence, locks, people as people_writes
from stemtide.protocol.enums import Role
from stemtide.protocol.trust.parties import ConfirmPersonIn

_ROLES = [(role, LABELS["role"][role]) for role in Role]


class ColleagueForm(DeskForm):
    """Add a person."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=people_rules.MAX_NAME)
    email = forms.EmailField(label=gettext_lazy("Mail address"), max_length=254)
    role = forms.ChoiceField(
        label=gettext_lazy("Role"), choices=[("", gettext_lazy("Choose a role")), *_ROLES]
    )


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def colleagues(request: SignedInRequest) -> HttpResponse:
    """List the people of the party, with a form to add somebody if the role allows it."""
    by, now = actor_of(request), datetime.now(UTC)
    check_may_see_people(by.role)
    form = ColleagueForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            person, secret = people_writes.add_colleague(**form.cleaned_data, by=by, now=now)
        except InvalidError as error:
            form.add_refusal(error)
        except ConflictError as error:
            form.add_error("email", error_text(error))
        else:
            return invitation_page(request, email=person.email, secret=secret)
    rows = people.people(by=by, idle=settings.SESSION_IDLE_TIMEOUT, now=now)
    context = {
        "now": now,
        "form": form,
        "roles": _ROLES,
        "may_manage": allows(check_person_may_manage, by.role),
        "has_unconfirmed": any(person.controllers and person.is_active for person in rows),
        "rows": [(person, _allowed(person, by=by)) for person in rows],
    }
    return render(request, "desk/colleagues.html", context, status=422 if form.errors else 200)


@require_POST
@signed_in
def act(request: SignedInRequest, number: int, verb: str) -> HttpResponse:
    """Carry out an action on a colleague and confirm it; a new invitation shows its link once."""
    if verb not in _DONE:
        raise Http404
    by, now = actor_of(request), datetime.now(UTC)
    try:
        if verb == "invite":
            person, secret = people_writes.invite_again(number, by=by, now=now)
            return invitation_page(request, email=person.email, secret=secret)
        if verb == "name":
            people_writes.change_name(number, name=request.POST.get("name", ""), by=by)
        elif verb == "role":
            people_writes.change_role(number, role=request.POST.get("role", ""), by=by, now=now)
        elif verb in ("erase", "confirm") and not request.POST.get("confirm"):
            messages.error(request, _("Nothing changed: tick the box to confirm, then send again."))
            return redirect("colleagues")
        else:
            _VERBS[verb](number, by=by, now=now)
    except (ConflictError, InvalidError) as error:
        messages.error(request, error_text(error))
    else:
        messages.success(request, str(_DONE[verb]))
    return redirect("colleagues")


def _confirm(number: int, *, by: Actor, now: datetime) -> None:
    """Confirm that a colleague alone uses their account."""
    body = ConfirmPersonIn(person=number)
    independence.confirm_person(by.party.name, body=body, by=by, now=now)


_VERBS: dict[str, Callable[..., object]] = {
    "deactivate": people_writes.deactivate_person,
    "reactivate": people_writes.reactivate_person,
    "sign-out": people_writes.end_sessions,
    "unlock": locks.unlock_person,
    "factors": people_writes.remove_factors,
    "erase": people_writes.erase_person,
    "confirm": _confirm,
}

_DONE = {
    "invite": "",
    "name": gettext_lazy("Name changed."),
    "role": gettext_lazy("Role changed. It applies when they next sign in."),
    "deactivate": gettext_lazy("Deactivated. They can no longer sign in."),
    "reactivate": gettext_lazy("Reactivated. They can sign in again."),
    "sign-out": gettext_lazy("Signed out everywhere."),
    "unlock": gettext_lazy("Unlocked. They can sign in with their password again."),
    "factors": gettext_lazy("Second factors removed. They set up new ones at their next sign-in."),
    "confirm": gettext_lazy("Confirmed. They now count as a second person."),
    "erase": gettext_lazy("Personal data erased. Only the number stays in the ledger."),
}


def _allowed(row: people.PersonRow, *, by: Actor) -> dict[str, bool]:
    """Return the buttons to show for a person, by the checks that the writes make."""
    may_manage = allows(check_person_may_manage, by.role)
    is_other = allows(people_rules.check_not_oneself, by.ref, subject=row.ref)
    may_reactivate = allows(
        people_rules.check_reactivate, is_active=row.is_active, erased_at=row.erased_at
    )
    may_erase = allows(people_rules.check_erase, is_active=row.is_active, erased_at=row.erased_at)
    return {
        "invite": may_manage and allows(people_rules.check_invite, is_active=row.is_active),
        "name": may_manage and allows(people_rules.check_rename, erased_at=row.erased_at),
        "role": may_manage and is_other and row.is_active,
        "deactivate": may_manage
        and is_other
        and allows(people_rules.check_deactivate, is_active=row.is_active),
        "reactivate": may_manage and may_reactivate,
        "sign_out": may_manage and row.sittings > 0,
        "unlock": may_manage and is_other and row.is_locked,
        "factors": may_manage and is_other and bool(row.factors),
        "confirm": may_manage
        and allows(
            independence_rules.check_confirm,
            is_waiting=bool(row.controllers),
            is_active=row.is_active,
            has_joined=row.has_joined,
        )
        and independence_reads.may_be_second(by.ref, first=row.ref),
        "erase": allows(check_may_erase_people, by.role) and is_other and may_erase,
    }


@sensitive_variables("secret", "link")
def invitation_page(request: SignedInRequest, *, email: str, secret: str) -> HttpResponse:
    """Show the link of an invitation. It is not stored, so it is shown only once."""
    link = request.build_absolute_uri(reverse("invited", kwargs={"secret": secret}))
    hours = int(people_rules.INVITED_FOR.total_seconds() // 3600)
    return render(request, "desk/invitation.html", {"email": email, "link": link, "hours": hours})
