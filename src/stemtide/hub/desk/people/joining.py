# SPDX-License-Identifier: Apache-2.0
"""Taking parties in at the desk: a new party, and its first person."""

from datetime import UTC, datetime

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from stemtide.hub.desk.auth.member_states import member_states
from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in
from stemtide.hub.desk.error_messages import error_text
from stemtide.hub.desk.forms import DeskForm
from stemtide.hub.desk.labels import LABELS
from stemtide.hub.desk.people.colleagues import ColleagueForm, invitation_page
from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.hub.rooms.parties.reads import joining as reads, parties
from stemtide.hub.rooms.parties.rules import joining as rules
from stemtide.hub.rooms.parties.writes import joining as writes
from stemtide.protocol.enums import PartyKind


class PartyForm(DeskForm):
    """A new party."""

    free_texts = frozenset({"reason"})

    title = forms.CharField(
        label=gettext_lazy("Name of the organisation"),
        help_text=gettext_lazy("Its full name. All parties see it."),
        max_length=200,
        widget=forms.TextInput(attrs={"autofocus": True}),
    )
    name = forms.CharField(
        label=gettext_lazy("Short name"),
        help_text=gettext_lazy(
            "Lower-case letters, digits and hyphens, such as eu-agency. It cannot be changed later."
        ),
        max_length=60,
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        help_text=gettext_lazy(
            "Another coordinator must confirm an authority or an agency before it can act."
        ),
        choices=[
            ("", gettext_lazy("Choose a kind")),
            *((kind, LABELS["party"][kind]) for kind in PartyKind),
        ],
    )
    country = forms.ChoiceField(
        label=gettext_lazy("Member State"), choices=member_states, required=False
    )
    reason = forms.CharField(
        label=gettext_lazy("How did you check its identity?"),
        help_text=gettext_lazy("Other coordinators read this. Name no person."),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def clean(self) -> None:
        """Require the Member State of an authority."""
        super().clean()
        fields = self.cleaned_data
        if fields.get("kind") == PartyKind.AUTHORITY and not fields.get("country"):
            self.add_error("country", _("Choose the Member State of the authority."))


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new_party(request: SignedInRequest) -> HttpResponse:
    """Show and save the form for a party; its first person is next."""
    by, now = actor_of(request), datetime.now(UTC)
    rules.check_take_in(by=by)
    form = PartyForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        fields = form.cleaned_data | {"kind": PartyKind(form.cleaned_data["kind"])}
        try:
            party = writes.take_in(writes.NewParty(**fields), by=by, now=now)
        except InvalidError as error:
            form.add_refusal(error)
        except ConflictError as error:
            form.add_error("name", error_text(error))
        else:
            messages.success(request, _("Party added. Now invite its first person."))
            return redirect("first-person", name=party.name)
    status = 422 if form.errors else 200
    return render(request, "desk/parties/new.html", {"form": form}, status=status)


@sensitive_variables("secret")
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def first_person(request: SignedInRequest, name: str) -> HttpResponse:
    """Show and save the form for the first person of a party; the link is shown once."""
    by, now = actor_of(request), datetime.now(UTC)
    rules.check_take_in(by=by)
    party = parties.party(name)
    rules.check_invite_first(
        has_people=reads.has_people(party), has_keys=reads.has_keys(party), by=by
    )
    form = ColleagueForm(
        request.POST if request.method == "POST" else None, initial={"role": "coordinator"}
    )
    if request.method == "POST" and form.is_valid():
        try:
            person, secret = writes.invite_first(
                party.name,
                name=form.cleaned_data["name"],
                email=form.cleaned_data["email"],
                role=form.cleaned_data["role"],
                by=by,
                now=now,
            )
        except InvalidError as error:
            form.add_refusal(error)
        except ConflictError as error:
            form.add_error("email", error_text(error))
        else:
            return invitation_page(request, email=person.email, secret=secret)
    context = {"form": form, "party": party}
    status = 422 if form.errors else 200
    return render(request, "desk/parties/first_person.html", context, status=status)
