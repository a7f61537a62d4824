# SPDX-License-Identifier: Apache-2.0
"""Forms for referrals: assess and send content, upload a batch, ask for a hold."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk.forms import ContentLanguageField, CrisisField, MessageForm, SignalsField
from stemtide.hub.desk.labels import Words, ideology_title, label_title
from stemtide.hub.desk.labels.referrals import LABELS
from stemtide.protocol.labels import ideologies, labels
from stemtide.protocol.messages.holds import ExtendIn, HoldIn
from stemtide.protocol.messages.referrals import (
    MAX_URL_CHARS,
    MAX_WORDS,
    AssessIn,
    ContextIn,
    DropIn,
    SearchIn,
    SendIn,
    TakeBackIn,
)

_IMPERSONAL = _("The provider reads this. Do not include personal data.")
_HOURS = (
    (6, _("6 hours")),
    (12, _("12 hours")),
    (24, _("1 day")),
    (48, _("2 days")),
    (72, _("3 days")),
    (120, _("5 days")),
    (168, _("7 days")),
)
MAX_FILE_BYTES = 8 * 1024 * 1024
"""Largest file of a batch."""


def _area(rows: int) -> forms.Textarea:
    """Return a text area with so many rows."""
    return forms.Textarea(attrs={"rows": rows})


class AssessForm(MessageForm):
    """Assessed content, to be referred or not. searched: the last search before sending."""

    free_texts = frozenset({"despite"})

    message_type = AssessIn
    provider = forms.ChoiceField(
        label=_("Provider"), widget=forms.Select(attrs={"autofocus": True})
    )
    url = forms.CharField(
        label=_("Web address of the content"), max_length=MAX_URL_CHARS, strip=True
    )
    reason = forms.CharField(
        label=_("Reason for the referral"),
        help_text=_IMPERSONAL,
        max_length=MAX_WORDS,
        widget=_area(4),
    )
    content_type = forms.ChoiceField(
        label=_("Type of content"), choices=list(LABELS["content_type"].items())
    )
    labels = forms.MultipleChoiceField(label=_("Labels"), widget=forms.CheckboxSelectMultiple)
    terms = forms.CharField(
        label=_("Clause of the provider's terms (optional)"), required=False, max_length=300
    )
    language = ContentLanguageField()
    ideology = forms.TypedChoiceField(
        label=_("Ideology (optional)"), required=False, empty_value=None
    )
    signals = SignalsField(
        label=_("Signal ids (optional)"),
        help_text=_("The hub uses these signals to find the same content at other addresses."),
        required=False,
        max_length=4000,
    )
    again = forms.BooleanField(
        label=_("Refer again: this address was answered before, and the content is back"),
        required=False,
    )
    crisis = CrisisField()
    exercise = forms.BooleanField(label=_("This is an exercise"), required=False)
    despite = forms.CharField(
        label=_("Why send it, although another authority refers the same?"),
        required=False,
        max_length=500,
        widget=_area(2),
    )
    searched = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        *args: Any,  # noqa: ANN401  # Django's
        providers: Iterable[tuple[str, str]] = (),
        crises: Iterable[tuple[str, Words]] = (),
        **named: Any,  # noqa: ANN401  # Django's
    ) -> None:
        super().__init__(*args, **named)
        label_choices = [
            (label.name, label_title(label.name))
            for label in labels().values()
            if not label.refuse_to
        ]
        ideology_choices = [(name, ideology_title(name)) for name in ideologies()]
        choices_of = {
            "provider": [("", _("Choose a provider")), *providers],
            "labels": label_choices,
            "ideology": [("", _("not known")), *ideology_choices],
            "crisis": list(crises),
        }
        for name, choices in choices_of.items():
            self.fields[name].choices = choices  # type: ignore[attr-defined]  # a choice field

    def search(self) -> SearchIn | None:
        """Return the search before sending, or None if it is invalid."""
        message: SearchIn | None = self.read(SearchIn, **self.cleaned_data)
        return message


class SendForm(MessageForm):
    """Send an assessed referral."""

    message_type = SendIn
    despite = forms.CharField(
        label=_("Why send it, although another authority refers the same?"),
        required=False,
        max_length=500,
        widget=_area(2),
    )
    override = forms.CharField(
        label=_("The emergency for which it does not wait for a hold (optional)"),
        help_text=_("The holder is told at once."),
        required=False,
        max_length=500,
        widget=_area(2),
    )


class DropForm(MessageForm):
    """Decide not to refer."""

    message_type = DropIn
    reason = forms.ChoiceField(
        label=_("Why is it not referred?"),
        choices=[("", _("Choose a reason")), *LABELS["drop"].items()],
    )
    note = forms.CharField(label=_("Note (optional)"), required=False, max_length=500)


class TakeBackForm(MessageForm):
    """Withdraw a referral."""

    message_type = TakeBackIn
    reason = forms.ChoiceField(
        label=_("Why is it withdrawn?"),
        choices=[("", _("Choose a reason")), *LABELS["take_back"].items()],
    )
    note = forms.CharField(
        label=_("Note for the provider (optional)"), required=False, max_length=500
    )
    signals = forms.BooleanField(
        label=_("Withdraw our linked signals as well: every agent undoes what it did"),
        required=False,
    )


class ContextForm(MessageForm):
    """Give the context that the provider asked for."""

    message_type = ContextIn
    context = forms.CharField(
        label=_("What the provider asked for"),
        help_text=_IMPERSONAL,
        max_length=MAX_WORDS,
        widget=_area(3),
    )


class BatchForm(MessageForm):
    """A file of URLs, and default values for columns that it leaves empty."""

    free_texts = frozenset({"name"})

    name = forms.CharField(
        label=_("Name of the batch"),
        help_text=_(
            "Use the same name to continue a batch. Rows that were sent are not sent again."
        ),
        min_length=3,
        max_length=120,
    )
    file = forms.FileField(label=_("File of comma-separated values"), required=False)
    rows = forms.CharField(
        label=_("Or the rows themselves"),
        help_text=_("The first line names the columns: url, provider, reason, labels, …"),
        required=False,
        widget=_area(6),
    )
    provider = forms.ChoiceField(label=_("Provider, where the file names none"), required=False)
    label = forms.ChoiceField(label=_("Label, where the file names none"), required=False)
    reason = forms.CharField(
        label=_("Reason, where the file gives none"),
        help_text=_IMPERSONAL,
        required=False,
        max_length=MAX_WORDS,
        widget=_area(2),
    )
    again = forms.BooleanField(
        label=_("Also addresses that were referred and answered before"), required=False
    )
    exercise = forms.BooleanField(label=_("This is an exercise"), required=False)

    def __init__(self, *args: Any, providers: Iterable[tuple[str, str]] = (), **named: Any) -> None:  # noqa: ANN401  # Django's
        super().__init__(*args, **named)
        label_choices = [
            (label.name, label_title(label.name))
            for label in labels().values()
            if not label.refuse_to
        ]
        self.fields["provider"].choices = [("", _("the file names it")), *providers]  # type: ignore[attr-defined]  # a choice field
        self.fields["label"].choices = [("", _("the file names them")), *label_choices]  # type: ignore[attr-defined]  # the same

    def text(self) -> str | None:
        """Return the rows as text; None if there are none or the file is not UTF-8."""
        file = self.cleaned_data["file"]
        if file is None:
            if not self.cleaned_data["rows"].strip():
                self.add_error("file", _("Choose a file, or write the rows below."))
                return None
            return str(self.cleaned_data["rows"])
        if file.size > MAX_FILE_BYTES:
            self.add_error("file", _("The file is larger than 8 MB: send it in parts."))
            return None
        try:
            return str(file.read().decode("utf-8-sig"))
        except UnicodeDecodeError:
            self.add_error("file", _("The file is no text in UTF-8: save it so, as CSV."))
            return None

    def defaults(self) -> dict[str, str]:
        """Return default values for columns that the file leaves empty."""
        form_data = self.cleaned_data
        return {
            "provider": form_data["provider"],
            "labels": form_data["label"],
            "reason": form_data["reason"],
        }


class HoldForm(MessageForm):
    """Ask that content is left alone for some time."""

    free_texts = frozenset({"case_reference"})

    url = forms.CharField(
        label=_("Web address of the content"),
        help_text=_("The hub keeps only a digest of the address."),
        required=False,
        max_length=MAX_URL_CHARS,
    )
    signal = forms.UUIDField(
        label=_("Or a signal id"),
        error_messages={"invalid": _("This is no id of a signal.")},
        required=False,
        widget=forms.TextInput(attrs={"maxlength": 40}),
    )
    hours = forms.TypedChoiceField(
        label=_("For how long?"),
        help_text=_("A duty officer or coordinator can extend it later."),
        choices=_HOURS,
        coerce=int,
        initial=24,
    )
    reason = forms.ChoiceField(
        label=_("Reason (others see only this)"),
        choices=[("", _("Choose a reason")), *LABELS["hold_reason"].items()],
    )
    contact = forms.CharField(
        label=_("Contact for questions about the hold"),
        help_text=_("A desk, not a person."),
        min_length=3,
        max_length=200,
    )
    case_reference = forms.CharField(
        label=_("Your case reference (optional)"),
        help_text=_("Only your party can read this."),
        required=False,
        max_length=80,
    )
    exercise = forms.BooleanField(label=_("This is an exercise"), required=False)

    def message_at(self, now: datetime) -> HoldIn | None:
        """Return the message for the room, or None if it is invalid."""
        if not self.is_valid():
            return None
        until = now + timedelta(hours=self.cleaned_data["hours"])
        message: HoldIn | None = self.read(HoldIn, **self.cleaned_data, until=until)
        return message


class ExtendForm(MessageForm):
    """Extend a hold."""

    hours = forms.TypedChoiceField(
        label=_("Extend to (from now)"), choices=_HOURS, coerce=int, initial=24
    )

    def message_at(self, now: datetime) -> ExtendIn | None:
        """Return the message for the room, or None if it is invalid."""
        if not self.is_valid():
            return None
        until = now + timedelta(hours=self.cleaned_data["hours"])
        message: ExtendIn | None = self.read(ExtendIn, until=until)
        return message
