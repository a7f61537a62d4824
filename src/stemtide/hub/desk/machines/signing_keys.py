# SPDX-License-Identifier: Apache-2.0
"""Public keys with which parties sign signals, at the desk: the list, registering, revoking."""

from datetime import UTC, datetime
from typing import cast

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, carry_out, signed_in
from stemtide.hub.desk.error_messages import error_text
from stemtide.hub.desk.forms import DeskForm
from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.hub.platform.permissions import allows, check_may_manage_signing_keys
from stemtide.hub.rooms.signing import reads, rules, writes
from stemtide.protocol.signing.messages import SigningKeyIn


class SigningKeyForm(DeskForm):
    """The public half of a new key, and the key that it replaces."""

    key = forms.CharField(
        label=gettext_lazy("Public key"),
        help_text=gettext_lazy(
            "The line that the command stemtide signer show prints. It begins with the name of your"
            " party."
        ),
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        max_length=140,
    )
    replaces = forms.ChoiceField(label=gettext_lazy("It replaces"), required=False)

    def __init__(self, valid: list[str], data: object = None) -> None:
        super().__init__(data)  # type: ignore[arg-type]  # of a request
        field = cast("forms.ChoiceField", self.fields["replaces"])
        field.choices = [("", _("No key: it is one more")), *((text, text) for text in valid)]

    @property
    def body(self) -> SigningKeyIn:
        """Return the key as the API takes it. Call it on a valid form."""
        fields = self.cleaned_data
        return SigningKeyIn(key=fields["key"], replaces=fields["replaces"] or None)


@require_safe
@signed_in
def signing_keys(request: SignedInRequest) -> HttpResponse:
    """List the keys of the party, and those of all other parties."""
    by = actor_of(request)
    check_may_manage_signing_keys(by.role)
    keys = reads.describe_all()
    own = [key for key in keys if key.party == by.name]
    context = {
        "now": datetime.now(UTC),
        "valid": [key for key in own if key.end is None],
        "ended": [key for key in own if key.end is not None],
        "others": [key for key in keys if key.party != by.name and key.end is None],
        "may_sign": allows(rules.check_may_sign, by.kind),
    }
    return render(request, "desk/machines/signing_keys.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new(request: SignedInRequest) -> HttpResponse:
    """Show the form for a public key, and register the key."""
    by = actor_of(request)
    check_may_manage_signing_keys(by.role)
    rules.check_may_sign(by.kind)
    valid = [str(key) for key in reads.valid_keys(by=by.party)]
    form = SigningKeyForm(valid, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            writes.add_key(form.body, by=by, now=datetime.now(UTC))
        except InvalidError as error:
            form.add_refusal(error)
        except ConflictError as error:
            form.add_error("key", error_text(error))
        else:
            messages.success(
                request,
                _(
                    "Key registered. Send it to providers by another channel, so that they can"
                    " compare."
                ),
            )
            return redirect("signing-keys")
    status = 422 if form.errors else 200
    return render(request, "desk/machines/signing_key_new.html", {"form": form}, status=status)


@require_POST
@signed_in
def revoke(request: SignedInRequest) -> HttpResponse:
    """Revoke a key of the party."""
    by = actor_of(request)
    check_may_manage_signing_keys(by.role)
    if not request.POST.get("confirm"):
        messages.error(request, _("Nothing changed: tick the box to confirm, then send again."))
        return redirect("signing-keys")
    carry_out(
        request,
        lambda: writes.revoke_key(request.POST.get("key", ""), by=by, now=datetime.now(UTC)),
        done=_("Key revoked. Tell providers: agents believe the keys of their own policy."),
    )
    return redirect("signing-keys")
