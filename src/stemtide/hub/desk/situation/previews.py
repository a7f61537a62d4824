# SPDX-License-Identifier: Apache-2.0
"""Viewing a preview of content: state a purpose, see it blurred, then reveal it."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from pydantic import ValidationError

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in
from stemtide.hub.desk.error_messages import error_text, field_error_text
from stemtide.hub.desk.forms import DeskForm
from stemtide.hub.desk.labels import LABELS
from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.hub.platform.permissions import check_may_see_preview_counts, check_person_may_write
from stemtide.hub.rooms.ledger.reads import hub_settings
from stemtide.hub.rooms.media import reads, rules, writes
from stemtide.hub.rooms.media.keys import keys_in
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.retention.reads.rows import held_ids
from stemtide.hub.rooms.signals.reads import clusters, signals
from stemtide.protocol.enums import Role
from stemtide.protocol.law.retention import RowClass
from stemtide.protocol.messages.previews import (
    MAX_EXCERPT_CHARS,
    MAX_STILL_BYTES,
    PreviewIn,
    Purpose,
)

_SANDBOX = "default-src 'none'; sandbox"
"""Content-Security-Policy of a picture that is opened by itself: nothing may run or load."""


class LookForm(DeskForm):
    """The purpose of viewing a preview."""

    purpose = forms.ChoiceField(
        label=gettext_lazy("What do you look for?"),
        choices=list(LABELS["purpose"].items()),
        widget=forms.RadioSelect,
    )


class PreviewForm(DeskForm):
    """A preview to send with a signal."""

    still = forms.FileField(label=gettext_lazy("A picture"), required=False)
    excerpt = forms.CharField(
        label=gettext_lazy("Or a short excerpt"),
        required=False,
        max_length=MAX_EXCERPT_CHARS,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    days = forms.IntegerField(
        label=gettext_lazy("Destroy it after days"), min_value=1, max_value=366, initial=3
    )

    def clean_still(self) -> "UploadedFile[Any] | None":
        """Refuse a picture that is too large."""
        file: UploadedFile[Any] | None = self.cleaned_data["still"]
        if file is not None and (file.size or 0) > MAX_STILL_BYTES:
            raise forms.ValidationError(_("A picture has at most 4 MiB here: send a smaller one."))
        return file

    def clean(self) -> dict[str, Any]:
        """Require either a picture or an excerpt, not both."""
        form_data: dict[str, Any] = super().clean() or {}
        if bool(form_data.get("still")) is bool(form_data.get("excerpt")):
            self.add_error("still", _("Give either a picture or an excerpt."))
        return form_data

    def message(self, *, now: datetime) -> PreviewIn:
        """Return the message for the room.

        raises: ValidationError.
        """
        form_data = self.cleaned_data
        expires_at = now + timedelta(days=form_data["days"]) - timedelta(seconds=1)
        if form_data["still"]:
            still = base64.b64encode(form_data["still"].read()).decode()
            return PreviewIn(still=still, expires_at=expires_at)
        return PreviewIn(excerpt=form_data["excerpt"], expires_at=expires_at)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Ask for the purpose of a view, then open it."""
    by, now = actor_of(request), datetime.now(UTC)
    row = signals.find(uid, viewer=by.party)
    rules.check_look(reads.facts(row, viewer=by.party), kind=by.kind, role=by.role)
    assert row.crisis is not None  # noqa: S101  # check_look refuses signals without a crisis
    form = LookForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        purpose = Purpose(form.cleaned_data["purpose"])
        return redirect("look", uid=writes.open_look(uid, purpose=purpose, by=by, now=now))
    cluster = clusters.cluster_of(uid, crisis=row.crisis.uid, viewer=by.party)
    context = {
        "form": form,
        "signal": uid,
        "crisis": row.crisis.uid,
        "crisis_name": row.crisis.name,
        "exercise": row.crisis.exercise,
        "cluster": cluster,
        "has_seen": cluster is not None and reads.has_opened(cluster.members, by=by),
        "exposure": reads.exposure(row.crisis.uid, by=by, now=now),
    }
    return render(
        request, "desk/look_new.html", context, status=422 if request.method == "POST" else 200
    )


@require_safe
@signed_in
def look(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show a preview: blurred, or revealed."""
    by, now = actor_of(request), datetime.now(UTC)
    look_out = reads.look(uid, by=by, now=now)
    excerpts = {}
    if look_out.revealed_at:
        keys = keys_in(settings.MEDIA_KEY_FILE)
        excerpts = {
            preview: reads.content(uid, preview, by=by, now=now, keys=keys).decode()
            for preview, kind in look_out.previews
            if kind == "excerpt"
        }
    context = {
        "look": look_out,
        "now": now,
        "ends_at": (look_out.revealed_at or look_out.opened_at) + rules.LOOK_LASTS,
        "shown": [
            (preview, kind, excerpts.get(preview, "")) for preview, kind in look_out.previews
        ],
        "exposure": reads.exposure(look_out.crisis, by=by, now=now),
    }
    return render(request, "desk/look.html", context)


@require_POST
@signed_in
def reveal(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Reveal a preview."""
    try:
        writes.reveal(uid, by=actor_of(request), now=datetime.now(UTC))
    except ConflictError as error:
        messages.error(request, error_text(error))
        return redirect("crises")
    return redirect("look", uid=uid)


@require_safe
@signed_in
def still(request: SignedInRequest, uid: UUID, preview: UUID) -> HttpResponse:
    """Return the picture of a revealed preview, for this session and this moment only."""
    content = reads.content(
        uid,
        preview,
        by=actor_of(request),
        now=datetime.now(UTC),
        keys=keys_in(settings.MEDIA_KEY_FILE),
    )
    response = HttpResponse(content, content_type="image/jpeg")
    response.headers["Content-Security-Policy"] = _SANDBOX
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Disposition"] = "inline"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-store"
    return response


@require_safe
@signed_in
def counts(request: SignedInRequest) -> HttpResponse:
    """Show how many previews a party's people viewed each day: counts without names."""
    check_may_see_preview_counts(Role(request.user.role))
    days = reads.days_of_looks(viewer=request.user.party)
    return render(request, "desk/look_counts.html", {"days": days})


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def send(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Send a preview with a signal of one's own party."""
    by, now = actor_of(request), datetime.now(UTC)
    row = signals.find(uid, viewer=by.party)
    check_person_may_write(by.role)
    rules.check_add(reads.facts(row, viewer=by.party), kind=by.kind, name=by.party.name)
    form = PreviewForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid() and _is_sent(form, uid, by=by, now=now):
        messages.success(request, _("The preview is kept, encrypted, until its date."))
        return redirect("signal", uid=uid)
    context = {"form": form, "signal": uid, "most": hub_settings.longest_preview().days}
    return render(
        request, "desk/preview_send.html", context, status=422 if request.method == "POST" else 200
    )


def _is_sent(form: PreviewForm, uid: UUID, *, by: Actor, now: datetime) -> bool:
    """Send a preview. Return whether it was accepted; the form shows why not."""
    try:
        writes.add(
            uid,
            body=form.message(now=now),
            by=by,
            now=now,
            keys=keys_in(settings.MEDIA_KEY_FILE),
            most=hub_settings.longest_preview(),
        )
    except InvalidError as error:
        field = {"expires_at": "days"}.get(error.field, error.field)
        form.add_error(field if field in form.fields else None, field_error_text(error))
    except (ConflictError, ValidationError) as error:
        form.add_refusal(error)
    else:
        return True
    return False


@require_POST
@signed_in
def destroy(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Destroy a preview before its expiry date."""
    now = datetime.now(UTC)
    on_hold = held_ids(RowClass.PREVIEW, now=now)
    try:
        preview = writes.destroy(uid, by=actor_of(request), now=now, on_hold=on_hold)
    except ConflictError as error:
        messages.error(request, error_text(error))
        return redirect("crises")
    messages.success(request, _("The preview is destroyed."))
    return redirect("signal", uid=preview.signal)
