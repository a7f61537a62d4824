# SPDX-License-Identifier: Apache-2.0
"""Form for an order that was made elsewhere: the facts on its paper, beside Annex I."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk.error_messages import field_error_text
from stemtide.hub.desk.forms import MessageForm
from stemtide.hub.desk.labels.orders import LABELS
from stemtide.hub.desk.labels.referrals import LABELS as CONTENT
from stemtide.hub.desk.orders.annex_forms import MomentField
from stemtide.hub.desk.orders.forms import LANGUAGES
from stemtide.protocol.messages.documents import MAX_DOCUMENT_BYTES
from stemtide.protocol.messages.orders import EnterIn, OutsideIssuer

OUTSIDE = "-"
"""Choice for an issuer that is no party."""

_OUTSIDE_FIELDS = ("issuer_title", "issuer_state", "issuer_contact")


class EntryForm(MessageForm):
    """An order that was made elsewhere. kept: the id of its document, once that was sent."""

    message_type = EnterIn
    document = forms.FileField(
        label=_("The order as you received it, or sent it (PDF)"),
        help_text=_("At most 8 MB. It is kept encrypted, for the sides of the order."),
        required=False,
        widget=forms.FileInput(attrs={"accept": "application/pdf"}),
    )
    kept = forms.UUIDField(required=False, widget=forms.HiddenInput)
    reference = forms.CharField(label=_("Reference of the order"), max_length=100)
    issuer = forms.ChoiceField(label=_("Authority that issued it"))
    issuer_title = forms.CharField(
        label=_("Name of another authority"),
        help_text=_("Only if the authority is not in the list."),
        required=False,
        min_length=2,
        max_length=200,
    )
    issuer_state = forms.CharField(
        label=_("Country of that authority"),
        help_text=_("Two letters, as in BE or DE."),
        required=False,
        max_length=2,
    )
    issuer_contact = forms.CharField(
        label=_("How that authority is reached"), required=False, max_length=500
    )
    to = forms.ChoiceField(label=_("Provider"))
    channel = forms.ChoiceField(
        label=_("How did it reach the provider?"),
        choices=[("", _("Choose one")), *LABELS["order_channel"].items()],
    )
    issued_at = MomentField(label=_("Time of issue, as the order says"))
    received_at = MomentField(label=_("True time of receipt: the hour began then"))
    language = forms.ChoiceField(label=_("Language of the order"), choices=LANGUAGES)
    content_type = forms.ChoiceField(
        label=_("Type of content"), choices=list(CONTENT["content_type"].items())
    )
    exercise = forms.BooleanField(label=_("This is an exercise"), required=False)

    def __init__(
        self,
        *args: Any,  # noqa: ANN401  # Django's
        authorities: Iterable[tuple[str, str]] = (),
        providers: Iterable[tuple[str, str]] = (),
        is_provider: bool,
        **named: Any,  # noqa: ANN401  # Django's
    ) -> None:
        super().__init__(*args, **named)
        others = (OUTSIDE, _("Another authority, which is not on this hub"))
        self.fields["issuer"].choices = [("", _("Choose one")), *authorities, others]  # type: ignore[attr-defined]  # a choice field
        self.fields["to"].choices = [("", _("Choose a provider")), *providers]  # type: ignore[attr-defined]  # the same
        for name in ("to",) if is_provider else ("issuer", *_OUTSIDE_FIELDS):
            del self.fields[name]

    def clean_document(self) -> "UploadedFile[Any] | None":
        """Refuse files that are too large."""
        upload: UploadedFile[Any] | None = self.cleaned_data["document"]
        if upload is not None and (upload.size or 0) > MAX_DOCUMENT_BYTES:
            raise forms.ValidationError(
                _("This file is larger than 8 MB. Scan it again, in black and white.")
            )
        return upload

    def clean(self) -> dict[str, Any]:
        """Check that an authority that is no party has a name and a country."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("issuer") == OUTSIDE:
            if not cleaned.get("issuer_title"):
                self.add_error("issuer_title", _("Enter the name of the authority."))
            state = str(cleaned.get("issuer_state") or "")
            if len(state) != 2 or not (state.isascii() and state.isalpha()):  # noqa: PLR2004  # letters
                self.add_error("issuer_state", _("Enter the two letters of its country."))
        return cleaned

    def entry(self, *, document: object, annex: dict[str, Any]) -> EnterIn | None:
        """Return the message for the room; None if it is invalid."""
        fields = {**self.cleaned_data, "document": document, "annex": annex}
        if fields.get("issuer") == OUTSIDE:
            fields["issuer"] = ""
            fields["outside_issuer"] = OutsideIssuer(
                name=fields["issuer_title"],
                state=fields["issuer_state"].upper(),
                contact=fields["issuer_contact"],
            )
        message: EnterIn | None = self.read(EnterIn, **fields)
        return message

    def add_refusal(self, error: Exception) -> None:
        """Show an error of a room beside its field, or above the form."""
        field = getattr(error, "field", "")
        if field == "outside_issuer.name":
            self.add_error("issuer_title", field_error_text(error))
        else:
            super().add_refusal(error)
