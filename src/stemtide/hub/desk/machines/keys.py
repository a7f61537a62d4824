# SPDX-License-Identifier: Apache-2.0
"""API keys of one's own party at the desk: the list, a new key shown once, revoking."""

from datetime import UTC, datetime, timedelta
from typing import cast

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, carry_out, signed_in
from stemtide.hub.desk.error_messages import error_text
from stemtide.hub.desk.forms import DeskForm
from stemtide.hub.desk.labels import LABELS
from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.hub.rooms.parties.reads import parties as reads
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.rules import keys as rules
from stemtide.hub.rooms.parties.writes import keys as writes
from stemtide.protocol.enums import Scope

_VALID_FOR = {
    "365": gettext_lazy("1 year"),
    "90": gettext_lazy("90 days"),
    "30": gettext_lazy("30 days"),
    "0": gettext_lazy("until it is revoked"),
}


class KeyForm(DeskForm):
    """A new key."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        help_text=gettext_lazy(
            "The program that uses it, such as agent-1. Use one key for each program."
        ),
        max_length=60,
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("Permissions"), widget=forms.CheckboxSelectMultiple
    )
    days = forms.ChoiceField(label=gettext_lazy("Valid for"), choices=list(_VALID_FOR.items()))

    def __init__(self, by: Actor, data: object = None) -> None:
        super().__init__(data)  # type: ignore[arg-type]  # of a request
        allowed = rules.grantable(role=by.role, kind=by.kind)
        field = cast("forms.MultipleChoiceField", self.fields["scopes"])
        field.choices = [(scope, LABELS["scope"][scope]) for scope in Scope if scope in allowed]

    def expires_at(self, now: datetime) -> datetime | None:
        """Return when the key expires; None for never. Call it on a valid form."""
        days = int(self.cleaned_data["days"])
        return now + timedelta(days=days) if days else None


@require_safe
@signed_in
def keys(request: SignedInRequest) -> HttpResponse:
    """List the keys of the party, without their secrets: valid ones first."""
    rules.check_manage_keys(actor_of(request).role)
    now = datetime.now(UTC)
    own = list(reads.keys(viewer=request.user.party))
    valid = [key for key in own if key.is_valid(now)]
    ended = [key for key in own if not key.is_valid(now)]
    context = {"now": now, "valid": valid, "ended": ended}
    return render(request, "desk/machines/keys.html", context)


@sensitive_variables("text")
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new(request: SignedInRequest) -> HttpResponse:
    """Show and save the form for a key, and show the key once."""
    by, now = actor_of(request), datetime.now(UTC)
    rules.check_manage_keys(by.role)
    form = KeyForm(by, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        scopes = [Scope(scope) for scope in form.cleaned_data["scopes"]]
        try:
            key, text = writes.create_key(
                form.cleaned_data["name"],
                scopes=scopes,
                expires_at=form.expires_at(now),
                by=by,
                now=now,
            )
        except InvalidError as error:
            form.add_refusal(error)
        except ConflictError as error:
            form.add_error("name", error_text(error))
        else:
            return render(request, "desk/machines/key_shown.html", {"key": key, "text": text})
    status = 422 if form.errors else 200
    return render(request, "desk/machines/key_new.html", {"form": form}, status=status)


@require_POST
@signed_in
def revoke(request: SignedInRequest, prefix: str) -> HttpResponse:
    """Revoke a key of the party."""
    by, now = actor_of(request), datetime.now(UTC)
    rules.check_manage_keys(by.role)
    if not request.POST.get("confirm"):
        messages.error(request, _("Nothing changed: tick the box to confirm, then send again."))
        return redirect("keys")
    carry_out(
        request,
        lambda: writes.revoke_own_key(prefix, by=by, now=now),
        done=_("Key revoked. Programs with it no longer have access."),
    )
    return redirect("keys")
