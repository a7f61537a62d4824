# SPDX-License-Identifier: Apache-2.0
"""API keys of one's own party at the desk: the list, new keys shown once, replacing, revoking."""

from datetime import UTC, datetime, timedelta
from typing import cast

from django import forms
from django.conf import settings
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
from stemtide.hub.platform.permissions import check_person_may_manage
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

_OVERLAPS = {
    "24": gettext_lazy("1 day"),
    "72": gettext_lazy("3 days"),
    "168": gettext_lazy("7 days"),
    "1": gettext_lazy("1 hour"),
    "0": gettext_lazy("no time: it ends at once"),
}


def _certificate_field(help_text: object) -> forms.CharField:
    """Return the field for a client certificate."""
    return forms.CharField(
        label=gettext_lazy("Client certificate"),
        help_text=help_text,  # type: ignore[arg-type]  # a lazy text
        widget=forms.Textarea(attrs={"rows": 3}),
        required=False,
        max_length=20_000,
    )


class _CertificateForm(DeskForm):
    """A form with a certificate, if the hub reads client certificates."""

    def __init__(self, data: object = None) -> None:
        super().__init__(data)  # type: ignore[arg-type]  # of a request
        if not settings.READS_CLIENT_CERTIFICATES:
            self.fields.pop("certificate")


class ReplaceForm(_CertificateForm):
    """How long a replaced key goes on, and the certificate of the new key."""

    overlap_hours = forms.ChoiceField(
        label=gettext_lazy("The old key goes on for"), choices=list(_OVERLAPS.items())
    )
    certificate = _certificate_field(
        gettext_lazy("Of the new key. Leave it empty to keep the certificate of the old key.")
    )


class KeyForm(_CertificateForm):
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
    certificate = _certificate_field(
        gettext_lazy(
            "Optional: the certificate as PEM, or its SHA-256 fingerprint. The key then works only "
            "for a program that connects with this certificate."
        )
    )

    def __init__(self, by: Actor, data: object = None) -> None:
        super().__init__(data)
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
    check_person_may_manage(actor_of(request).role)
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
    check_person_may_manage(by.role)
    form = KeyForm(by, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        scopes = [Scope(scope) for scope in form.cleaned_data["scopes"]]
        try:
            key, text = writes.create_key(
                form.cleaned_data["name"],
                scopes=scopes,
                expires_at=form.expires_at(now),
                certificate=form.cleaned_data.get("certificate", ""),
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


@sensitive_variables("done")
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def replace(request: SignedInRequest, prefix: str) -> HttpResponse:
    """Show and save the form to replace a key, and show the new key once."""
    by, now = actor_of(request), datetime.now(UTC)
    check_person_may_manage(by.role)
    key = reads.own_key(prefix, viewer=by.party)
    form = ReplaceForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            done = writes.replace_own_key(
                prefix,
                overlap_hours=int(form.cleaned_data["overlap_hours"]),
                certificate=form.cleaned_data.get("certificate", ""),
                by=by,
                now=now,
            )
        except InvalidError as error:
            form.add_refusal(error)
        except ConflictError as error:
            form.add_error(None, error_text(error))
        else:
            context = {"key": done.key, "text": done.text, "old": done.old, "now": now}
            return render(request, "desk/machines/key_shown.html", context)
    status = 422 if form.errors else 200
    context = {"form": form, "key": key}
    return render(request, "desk/machines/key_replace.html", context, status=status)


@require_POST
@signed_in
def revoke(request: SignedInRequest, prefix: str) -> HttpResponse:
    """Revoke a key of the party."""
    by, now = actor_of(request), datetime.now(UTC)
    check_person_may_manage(by.role)
    if not request.POST.get("confirm"):
        messages.error(request, _("Nothing changed: tick the box to confirm, then send again."))
        return redirect("keys")
    with_related = bool(request.POST.get("related"))
    carry_out(
        request,
        lambda: writes.revoke_own_key(prefix, by=by, now=now, with_related=with_related),
        done=_("Key revoked. Programs with it no longer have access."),
    )
    return redirect("keys")
