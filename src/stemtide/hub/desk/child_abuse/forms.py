# SPDX-License-Identifier: Apache-2.0
"""The form that prepares a report to NCMEC for a provider."""

from datetime import UTC, datetime

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy as _

from stemtide.hub.desk.forms import DeskForm
from stemtide.protocol.files.cybertip import (
    MAX_REFERENCE,
    MAX_URL,
    CyberTipFacts,
    FileHash,
    IncidentType,
)


class CyberTipForm(DeskForm):
    """What a provider can enter here. The uploader is not among it: that stays at the provider."""

    at = forms.DateTimeField(
        label=_("When it happened (UTC)"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    reference = forms.CharField(
        label=_("Your own reference"),
        help_text=_("Optional. For example the number of the upload. No name of a person."),
        max_length=MAX_REFERENCE,
        required=False,
    )
    url = forms.URLField(
        label=_("Address of the content"),
        help_text=_("Optional."),
        max_length=MAX_URL,
        required=False,
        assume_scheme="https",
    )
    sha256 = forms.CharField(
        label=_("SHA-256 of the file"),
        help_text=_("Optional. 64 hexadecimal digits."),
        required=False,
        validators=[
            RegexValidator(r"^[0-9A-Fa-f]{64}\Z", _("Enter 64 digits: 0 to 9 and a to f."))
        ],
    )

    def clean_at(self) -> datetime:
        """Take the time as UTC, and refuse the future."""
        entered: datetime = self.cleaned_data["at"]
        at = timezone.make_naive(entered).replace(tzinfo=UTC)
        if at > datetime.now(UTC):
            raise ValidationError(gettext("This is in the future: enter when it happened."))
        return at

    def clean_reference(self) -> str:
        """Refuse characters that XML cannot hold."""
        reference: str = self.cleaned_data["reference"]
        if not reference.isprintable():
            raise ValidationError(gettext("Remove control characters."))
        return reference

    def facts(self) -> CyberTipFacts:
        """Return the facts of a valid form."""
        entered = self.cleaned_data
        digest = entered["sha256"].lower()
        return CyberTipFacts(
            incident=IncidentType.MATERIAL,
            at=entered["at"],
            reference=entered["reference"],
            url=entered["url"],
            hashes=[FileHash("SHA256", digest)] if digest else [],
        )
