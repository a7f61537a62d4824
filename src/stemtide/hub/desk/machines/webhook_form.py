# SPDX-License-Identifier: Apache-2.0
"""Register a webhook at the desk. Its secret is shown once."""

from datetime import UTC, datetime
from typing import cast

from django import forms
from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in
from stemtide.hub.desk.error_messages import error_text
from stemtide.hub.desk.forms import MessageForm
from stemtide.hub.desk.labels import LABELS
from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.hub.platform.permissions import check_may_manage_webhooks
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.webhooks.writes import webhooks as writes
from stemtide.protocol.messages.webhooks import MAX_URL_CHARS, WebhookIn


class WebhookForm(MessageForm):
    """A new webhook. Its key bounds what it is sent: decision 0126."""

    message_type = WebhookIn
    url = forms.CharField(
        label=_("Address"),
        help_text=_("A public https address, such as https://machines.example.eu/stemtide."),
        max_length=MAX_URL_CHARS,
        widget=forms.TextInput(attrs={"inputmode": "url", "spellcheck": "false"}),
    )
    key = forms.ChoiceField(
        label=_("Key that it belongs to"),
        help_text=_("It is sent only what this key may read, and ends when the key does."),
    )
    event_types = forms.MultipleChoiceField(
        label=_("Events"),
        choices=list(LABELS["event-group"].items()),
        widget=forms.CheckboxSelectMultiple,
    )
    exercise = forms.BooleanField(label=_("Also send events of exercises"), required=False)

    def __init__(self, by: Actor, data: object = None, *, now: datetime) -> None:
        super().__init__(data, initial={"event_types": ["*"]})  # type: ignore[arg-type]  # of a request
        keys = [key for key in parties.keys(viewer=by.party) if key.is_valid(now)]
        field = cast("forms.ChoiceField", self.fields["key"])
        field.choices = [(key.prefix, f"{key.name} (st_{key.prefix}_…)") for key in keys]
        self.has_keys = bool(keys)


@sensitive_variables()
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new(request: SignedInRequest) -> HttpResponse:
    """Show and save the form for a webhook, and show its secret once."""
    by, now = actor_of(request), datetime.now(UTC)
    check_may_manage_webhooks(by.role)
    form = WebhookForm(by, request.POST if request.method == "POST" else None, now=now)
    body = form.message() if request.method == "POST" else None
    if body is not None:
        try:
            added = writes.add(
                body,
                by=by,
                now=now,
                loopback=settings.WEBHOOK_LOOPBACK,
                prefix=form.cleaned_data["key"],
            )
        except InvalidError as error:
            form.add_refusal(error)
        except ConflictError as error:
            form.add_error(None, error_text(error))
        else:
            context = {"one": added, "made": added}
            return render(request, "desk/machines/webhook_secret.html", context)
    status = 422 if form.errors else 200
    return render(request, "desk/machines/webhook_new.html", {"form": form}, status=status)
