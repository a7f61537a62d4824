# SPDX-License-Identifier: Apache-2.0
"""Forms about a signal: withdraw it, or give an opinion."""

from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _
from pydantic import ValidationError

from stemtide.hub.desk.labels import LABELS
from stemtide.protocol.enums import Opinion, WithdrawReason
from stemtide.protocol.messages.signals import OpinionIn, WithdrawIn

_NOTE_LENGTH = 500
_NO_NAMES = _("Write nothing about a person: the note travels to every party that sees the signal.")


class MarkedForm(forms.Form):
    """A form whose invalid fields are marked for assistive technology as well."""

    use_required_attribute = True

    def mark_errors(self) -> None:
        """Set aria-invalid and aria-describedby on each field with an error."""
        for name in self.errors:
            if name in self.fields:
                field = self.fields[name].widget.attrs
                field["aria-invalid"] = "true"
                field["aria-describedby"] = f"{self[name].id_for_label}-error"


class MessageForm(MarkedForm):
    """A form that builds a message of the protocol, and shows that message's validation errors."""

    def read(self, message_type: type[Any], **fields: object) -> Any:  # noqa: ANN401  # of the type asked for
        """Return the message; None if it is invalid (the form then shows why)."""
        try:
            return message_type.model_validate(fields)
        except ValidationError as error:
            for detail in error.errors():
                name = str(detail["loc"][0]) if detail["loc"] else ""
                self.add_error(name if name in self.fields else None, str(detail["msg"]))
            return None


def uuid_or_none(text: str | None) -> UUID | None:
    """Return an id from a request; None if it is invalid."""
    try:
        return UUID(text or "")
    except ValueError:
        return None


class WhenField(forms.DateTimeField):
    """A date and time, in the reader's time zone."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


class WithdrawForm(MarkedForm):
    """Withdraw a signal, with a reason and a confirmation."""

    reason = forms.ChoiceField(
        label=_("Why is it taken back?"),
        choices=[("", _("Choose a reason")), *LABELS["reason"].items()],
    )
    note = forms.CharField(
        label=_("Note (may stay empty)"),
        help_text=_NO_NAMES,
        required=False,
        max_length=_NOTE_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    confirm = forms.BooleanField(
        label=_("Every agent forgets this signal at once and undoes what it did because of it."),
        error_messages={"required": _("Tick this box to say that you mean it.")},
    )

    def message(self) -> WithdrawIn:
        """Return the message for the room. Call it on a valid form."""
        return WithdrawIn(
            reason=WithdrawReason(self.cleaned_data["reason"]), note=self.cleaned_data["note"]
        )


class OpinionForm(MarkedForm):
    """Give the party's opinion of a signal."""

    opinion = forms.ChoiceField(
        label=_("What does your party say?"),
        choices=[
            ("", _("Choose an opinion")),
            (Opinion.AGREE, _("We looked, and agree with it")),
            (
                Opinion.DISPUTE,
                _("We looked, and dispute it: agents then stop acting by themselves"),
            ),
            (Opinion.SEEN, _("We have seen it, no more")),
        ],
    )
    note = forms.CharField(
        label=_("Note (may stay empty)"),
        help_text=_NO_NAMES,
        required=False,
        max_length=_NOTE_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def message(self) -> OpinionIn:
        """Return the message for the room. Call it on a valid form."""
        return OpinionIn(
            opinion=Opinion(self.cleaned_data["opinion"]), note=self.cleaned_data["note"]
        )
