# SPDX-License-Identifier: Apache-2.0
"""Forms for a provider: answer one referral or several, acknowledge, reinstate."""

from collections.abc import Collection
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk.forms import CountriesField, MessageForm, WhenField
from stemtide.hub.desk.labels.inbox import LABELS
from stemtide.hub.desk.labels.referrals import LABELS as OF_REFERRALS
from stemtide.protocol.enums.referrals import Answer, RefusalReason
from stemtide.protocol.messages.referrals import (
    MAX_WORDS,
    MEASURES,
    AcknowledgeIn,
    AnswerIn,
    ReinstateIn,
)

_IMPERSONAL = _("The sender reads this. Do not include personal data.")

PARTS: dict[str, frozenset[Answer]] = {
    "measure_at": MEASURES,
    "countries": frozenset({Answer.GEO_BLOCKED}),
    "reason": frozenset({Answer.REFUSED}),
    "question": frozenset({Answer.NEEDS_CONTEXT}),
}
"""Fields that only some answers have."""


class AnswerForm(MessageForm):
    """The answer to a referral. Without JavaScript, the fields of all answers are shown."""

    message_type = AnswerIn
    answer = forms.ChoiceField(
        label=_("Your decision"),
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose an answer.")},
    )
    measure_at = WhenField(
        label=_("When was it done? (empty: now)"),
        help_text=_("In the time zone of your preferences."),
        required=False,
    )
    countries = CountriesField(
        label=_("Countries where it is blocked"),
        help_text=_("Two letters each, as in: BE, NL"),
        required=False,
        max_length=1000,
    )
    reason = forms.ChoiceField(
        label=_("Reason for leaving it online"),
        choices=[("", _("Choose a reason")), *OF_REFERRALS["refusal"].items()],
        required=False,
    )
    question = forms.CharField(
        label=_("Your question"),
        help_text=_IMPERSONAL,
        required=False,
        max_length=MAX_WORDS,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    note = forms.CharField(
        label=_("Note (optional)"),
        help_text=_IMPERSONAL,
        required=False,
        max_length=MAX_WORDS,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    reference = forms.CharField(
        label=_("Your own reference (optional)"), required=False, max_length=100
    )

    def __init__(self, *args: Any, answers: Collection[Answer] = (), **named: Any) -> None:  # noqa: ANN401  # Django's
        super().__init__(*args, **named)
        labels = LABELS["referral_answer"]
        self.fields["answer"].choices = [  # type: ignore[attr-defined]  # a choice field
            (answer.value, labels[answer]) for answer in Answer if answer in answers
        ]
        if Answer.NEEDS_CONTEXT not in answers:
            del self.fields["question"]

    def clean(self) -> dict[str, Any]:
        """Check the fields that belong to the answer."""
        form_data: dict[str, Any] = super().clean() or {}
        if form_data.get("answer"):
            self._check_parts(Answer(form_data["answer"]))
        return form_data

    def message_fields(self) -> dict[str, object]:
        """Return the fields of the message.

        A field of another answer is ignored if it holds only its initial value.
        """
        answer = Answer(self.cleaned_data["answer"])
        others = {name for name, answers in PARTS.items() if answer not in answers}
        return {name: value for name, value in self.cleaned_data.items() if name not in others}

    def _check_parts(self, answer: Answer) -> None:
        """Check that this answer's fields are filled in, and other answers' fields are not."""
        form_data = self.cleaned_data
        for name, answers in PARTS.items():
            if answer not in answers and name in self.changed_data and form_data.get(name):
                self.add_error(name, _("This belongs to another answer: empty it, or choose that."))
        if answer is Answer.GEO_BLOCKED and not form_data.get("countries"):
            self.add_error("countries", _("Say in which countries."))
        elif answer is Answer.GEO_BLOCKED and any(
            len(country) != 2  # noqa: PLR2004  # ISO 3166-1 alpha-2
            for country in form_data.get("countries", ())
        ):
            self.add_error("countries", _("Two letters each, as in: BE, NL"))
        if answer is Answer.REFUSED and not form_data.get("reason"):
            self.add_error("reason", _("Choose a reason."))
        is_other = answer is Answer.REFUSED and form_data.get("reason") == RefusalReason.OTHER
        if is_other and not form_data.get("note", "").strip():
            self.add_error("note", _("Say in words why."))
        if answer is Answer.NEEDS_CONTEXT and not form_data.get("question"):
            self.add_error("question", _("Enter your question."))


class AcknowledgeForm(MessageForm):
    """Acknowledge a referral: a person has seen it."""

    message_type = AcknowledgeIn
    reference = forms.CharField(
        label=_("Your own reference (optional)"), required=False, max_length=100
    )


class ReinstateForm(MessageForm):
    """Report that the content is online again."""

    message_type = ReinstateIn
    note = forms.CharField(
        label=_("Why? (optional)"), help_text=_IMPERSONAL, required=False, max_length=500
    )
