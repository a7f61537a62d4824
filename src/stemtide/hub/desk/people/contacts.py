# SPDX-License-Identifier: Apache-2.0
"""Contact points at the desk: the directory, one's own points, and the escalation ladder."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in
from stemtide.hub.desk.error_messages import field_error_text
from stemtide.hub.desk.forms import DeskForm, TimeZoneField
from stemtide.hub.desk.labels import LABELS
from stemtide.hub.platform.errors import InvalidError, NotFoundError
from stemtide.hub.platform.permissions import allows, check_person_may_manage
from stemtide.hub.rooms.parties.reads import contacts as contacts_reads
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.writes import contacts as contacts_writes


class ContactForm(DeskForm):
    """A contact point."""

    title = forms.CharField(
        label=gettext_lazy("Name (optional)"),
        help_text=gettext_lazy("A desk or a duty, such as “duty desk”. Not a person."),
        max_length=80,
        required=False,
    )
    channel = forms.ChoiceField(
        label=gettext_lazy("Channel"), choices=list(LABELS["contact-channel"].items())
    )
    address = forms.CharField(
        label=gettext_lazy("Address"),
        help_text=gettext_lazy(
            "duty@agency.example, +32 2 555 01 00 or https://duty.example/stemtide. Not a person's"
            " own."
        ),
        max_length=300,
    )
    languages = forms.CharField(
        label=gettext_lazy("Languages (optional)"),
        help_text=gettext_lazy("Language codes, separated by commas: nl, fr-BE, en."),
        max_length=120,
        required=False,
    )
    time_zone = TimeZoneField(initial="UTC")
    is_24_7 = forms.BooleanField(
        label=gettext_lazy(
            "Staffed at all hours (24/7). Otherwise: Monday to Friday, 9 to 17 in this time zone."
        ),
        required=False,
    )

    def arguments(self) -> dict[str, Any]:
        """Return the arguments for the write. Call it on a valid form."""
        text = str(self.cleaned_data["languages"])
        languages = [tag.strip() for tag in text.split(",") if tag.strip()]
        time_zone = self.cleaned_data["time_zone"] or "UTC"
        return self.cleaned_data | {"languages": languages, "time_zone": time_zone}


@require_safe
@signed_in
def contacts(request: SignedInRequest) -> HttpResponse:
    """Show the directory: every contact point that the party may see."""
    viewer, now = request.user.party, datetime.now(UTC)
    context = {
        "rows": contacts_reads.contact_points(viewer=viewer, now=now),
        "viewer": viewer,
        "now": now,
    }
    return render(request, "desk/contacts.html", context)


@require_safe
@signed_in
def own_contacts(request: SignedInRequest) -> HttpResponse:
    """Show the party's own contact points and ladder, with forms if the role may change them."""
    return _own_page(request)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def contact(request: SignedInRequest, number: int = 0) -> HttpResponse:
    """Show and save the form for one contact point; number 0 is a new one."""
    by, now = actor_of(request), datetime.now(UTC)
    check_person_may_manage(by.role)
    points = [
        point
        for point in contacts_reads.own_contact_points(viewer=by.party, now=now)
        if point.number == number
    ]
    if number and not points:
        raise NotFoundError(
            "your party has no contact point {number}: see the list of them", number=number
        )
    form = ContactForm(
        request.POST if request.method == "POST" else None,
        initial=_initial(points[0]) if points else None,
    )
    if request.method == "POST" and form.is_valid():
        try:
            if number:
                contacts_writes.change_contact_point(number, **form.arguments(), by=by, now=now)
            else:
                contacts_writes.add_own_contact_point(**form.arguments(), by=by, now=now)
        except InvalidError as error:
            form.add_refusal(error)
        else:
            messages.success(request, _("Contact point saved."))
            return redirect("own-contacts")
    context = {"form": form, "number": number}
    return render(request, "desk/contact.html", context, status=422 if form.errors else 200)


@require_POST
@signed_in
def remove_contact(request: SignedInRequest, number: int) -> HttpResponse:
    """Take a contact point out of use."""
    contacts_writes.remove_contact_point(number, by=actor_of(request), now=datetime.now(UTC))
    messages.success(request, _("Contact point removed, also from the ladder."))
    return redirect("own-contacts")


@require_POST
@signed_in
def set_ladder(request: SignedInRequest) -> HttpResponse:
    """Set the escalation ladder: contact points in order of their step, with their minutes."""
    by, now = actor_of(request), datetime.now(UTC)
    try:
        contacts_writes.set_ladder(_steps(request, by=by, now=now), by=by, now=now)
    except InvalidError as error:
        return _own_page(request, error=field_error_text(error))
    messages.success(request, _("Ladder saved. It applies from the next alert."))
    return redirect("own-contacts")


def _own_page(request: SignedInRequest, *, error: str = "") -> HttpResponse:
    """Render the party's own contact points. error: why the ladder was refused."""
    viewer, now = request.user.party, datetime.now(UTC)
    steps = contacts_reads.own_ladder(viewer=viewer, now=now)
    step_of = {step.contact.number: step for step in steps}
    rows = contacts_reads.own_contact_points(viewer=viewer, now=now)
    context = {
        "now": now,
        "rows": [(row, step_of.get(row.number)) for row in rows],
        "has_ladder": bool(steps),
        "reached": contacts_reads.ladder(viewer, viewer=viewer, now=now),
        "may_manage": allows(check_person_may_manage, actor_of(request).role),
        "wrong": error,
    }
    return render(request, "desk/own_contacts.html", context, status=422 if error else 200)


def _steps(request: HttpRequest, *, by: Actor, now: datetime) -> list[tuple[int, int]]:
    """Return the ladder of a form: (contact point, minutes), in the order of the steps.

    raises: InvalidError if a step or its minutes are not a whole number.
    """
    steps = []
    for point in contacts_reads.own_contact_points(viewer=by.party, now=now):
        step = request.POST.get(f"step-{point.number}", "").strip()
        minutes = request.POST.get(f"minutes-{point.number}", "").strip() or "15"
        if not step:
            continue
        if not (step.isdecimal() and minutes.isdecimal()):
            raise InvalidError("steps", _("write whole numbers for steps and minutes"))
        steps.append((int(step), point.number, int(minutes)))
    return [(number, minutes) for _step, number, minutes in sorted(steps)]


def _initial(row: contacts_reads.ContactRow) -> dict[str, Any]:
    """Return a contact point as initial values of its form."""
    return {
        "title": row.title,
        "channel": row.channel,
        "address": row.address,
        "languages": ", ".join(row.languages),
        "time_zone": row.time_zone,
        "is_24_7": row.is_24_7,
    }
