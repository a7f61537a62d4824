# SPDX-License-Identifier: Apache-2.0
"""Forms for reviewers: links, complaints of others, decisions, and answers to redress."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel

from stemtide.hub.desk.forms import MessageForm
from stemtide.hub.desk.labels.complaints import LABELS
from stemtide.hub.desk.labels.languages import WRITING_LANGUAGES, own_language
from stemtide.protocol.enums.complaints import ComplaintBasis, ComplaintFinding, Exemption
from stemtide.protocol.messages.complaints import (
    MAX_WORDS,
    MIN_WORDS,
    ComplaintIn,
    ComplaintLinkIn,
    ComplaintOutcomeIn,
    ComplaintTakeIn,
    RedressIn,
)

_IMPERSONAL = _("The recipient reads exactly this text. Do not include personal data.")
_NOTE_LENGTH = 500


def _area(rows: int) -> forms.Textarea:
    """Return a text area with so many rows."""
    return forms.Textarea(attrs={"rows": rows, "dir": "auto"})


class ComplaintLinkForm(MessageForm):
    """A decision of the provider that an uploader may complain about."""

    message_type: type[BaseModel] = ComplaintLinkIn
    reference = forms.CharField(
        label=_("Your reference for the decision"),
        help_text=_("Letters, digits and . _ : / -. Nothing that tells who somebody is."),
        max_length=120,
    )
    measure = forms.ChoiceField(
        label=_("What was done to the content"), choices=list(LABELS["restriction"].items())
    )
    basis = forms.ChoiceField(
        label=_("Basis of the decision"), choices=list(LABELS["complaint_basis"].items())
    )
    ground = forms.UUIDField(
        label=_("Id of the signal, referral or order (empty for your own decision)"),
        error_messages={"invalid": _("This is no id.")},
        required=False,
    )
    acted_at = forms.DateTimeField(
        label=_("When (empty: now)"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    acted_by = forms.CharField(
        label=_("Who decided, as your own tools name them (optional)"),
        help_text=_("Not their name. They will not reject a complaint about it."),
        max_length=80,
        required=False,
        empty_value=None,
    )
    is_automatic = forms.BooleanField(
        label=_("No person looked before it was done"), required=False
    )
    exercise = forms.BooleanField(label=_("This is an exercise"), required=False)

    def message_fields(self) -> dict[str, object]:
        """Return the fields of the message."""
        return {**self.cleaned_data, "acted_at": self.cleaned_data["acted_at"] or datetime.now(UTC)}


class FileComplaintForm(ComplaintLinkForm):
    """A decision, and the complaint about it that reached the provider by other means."""

    free_texts = frozenset({"text"})

    message_type = ComplaintIn
    text = forms.CharField(
        label=_("The uploader's complaint"),
        help_text=_("Leave out who they are: nobody here needs to know it."),
        min_length=MIN_WORDS,
        max_length=MAX_WORDS,
        widget=_area(6),
    )
    language = forms.ChoiceField(
        label=_("In which language"), choices=WRITING_LANGUAGES, initial=own_language
    )


class ReviewForm(MessageForm):
    """An action on a complaint. left_out: fields that are not asked of some bases."""

    left_out: Mapping[str, Collection[ComplaintBasis]] = {}

    def __init__(self, *args: Any, basis: ComplaintBasis, **named: Any) -> None:  # noqa: ANN401  # Django's
        super().__init__(*args, **named)
        for name, bases in self.left_out.items():
            if basis in bases:
                del self.fields[name]


class TakeForm(ReviewForm):
    """Take up a complaint."""

    message_type = ComplaintTakeIn


class UpholdForm(ReviewForm):
    """Uphold a complaint: the decision was wrong, and in which way."""

    message_type = ComplaintOutcomeIn
    left_out = dict.fromkeys(("finding", "note"), (ComplaintBasis.OWN,))
    exemption = forms.ChoiceField(
        label=_("Context of the content"),
        choices=[("", _("Choose a context")), *LABELS["exemption"].items()],
    )
    finding = forms.ChoiceField(
        label=_("What was wrong?"),
        choices=list(LABELS["complaint_finding"].items()),
        widget=forms.RadioSelect,
    )
    reasons = forms.CharField(
        label=_("Your answer to the uploader"),
        help_text=_IMPERSONAL,
        min_length=MIN_WORDS,
        max_length=MAX_WORDS,
        widget=_area(4),
    )
    note = forms.CharField(
        label=_("Note to the party that shared or requested it (required if the basis was wrong)"),
        help_text=_IMPERSONAL,
        max_length=_NOTE_LENGTH,
        required=False,
        widget=_area(2),
    )

    def message_fields(self) -> dict[str, object]:
        """Return the fields of the message."""
        return {"is_upheld": True, "finding": ComplaintFinding.CONTENT, **self.cleaned_data}


class RejectForm(ReviewForm):
    """Reject a complaint: the decision was right."""

    message_type = ComplaintOutcomeIn
    left_out = {"note": frozenset(ComplaintBasis) - {ComplaintBasis.ORDER}}
    reasons = forms.CharField(
        label=_("Your answer to the uploader"),
        help_text=_IMPERSONAL,
        min_length=MIN_WORDS,
        max_length=MAX_WORDS,
        widget=_area(4),
    )
    note = forms.CharField(
        label=_("Your doubts about the order, for its issuer (optional)"),
        help_text=_IMPERSONAL,
        max_length=_NOTE_LENGTH,
        required=False,
        widget=_area(2),
    )

    def message_fields(self) -> dict[str, object]:
        """Return the fields of the message."""
        return {"is_upheld": False, "exemption": Exemption.NONE, **self.cleaned_data}


class GrantRedressForm(MessageForm):
    """Withdraw the signal, referral or order that a complaint was about."""

    message_type = RedressIn
    reason = forms.CharField(
        label=_("What you say to it (optional)"),
        help_text=_IMPERSONAL,
        max_length=_NOTE_LENGTH,
        required=False,
        widget=_area(2),
    )
    confirm = forms.BooleanField(
        label=_("Withdraw: every agent undoes its actions based on this."),
        error_messages={"required": _("Tick this box to confirm.")},
    )

    def message_fields(self) -> dict[str, object]:
        """Return the fields of the message."""
        return {"keep": False, **self.cleaned_data}


class KeepMeasureForm(MessageForm):
    """Keep the signal, referral or order, and give the reason."""

    message_type = RedressIn
    reason = forms.CharField(
        label=_("Why does it stay as it is?"),
        help_text=_IMPERSONAL,
        max_length=_NOTE_LENGTH,
        widget=_area(3),
    )

    def message_fields(self) -> dict[str, object]:
        """Return the fields of the message."""
        return {"keep": True, **self.cleaned_data}
