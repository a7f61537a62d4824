# SPDX-License-Identifier: Apache-2.0
"""What people at a provider fill in: an answer to one referral or to several, and beside it."""

import re
from collections.abc import Collection
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk.forms import WhenField
from stemtide.hub.desk.inbox_words import PHRASES
from stemtide.hub.desk.referral_words import PHRASES as OF_REFERRALS
from stemtide.hub.desk.situation_forms import OrderForm
from stemtide.protocol.referrals import (
    MAX_WORDS,
    MEASURES,
    AcknowledgeIn,
    AnswerIn,
    ReinstateIn,
)
from stemtide.protocol.words_referrals import Answer, RefusalReason

_IMPERSONAL = _("The sender reads it. Write nothing about a person.")

PARTS: dict[str, frozenset[Answer]] = {
    "measure_at": MEASURES,
    "countries": frozenset({Answer.GEO_BLOCKED}),
    "reason": frozenset({Answer.REFUSED}),
    "question": frozenset({Answer.NEEDS_CONTEXT}),
}
"""Fields that belong to some answers alone."""


class AnswerForm(OrderForm):
    """What became of referred content. All fields are shown where a browser cannot hide some."""

    answer = forms.ChoiceField(
        label=_("What do you say?"),
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose an answer.")},
    )
    measure_at = WhenField(
        label=_("When was it done? (empty: now)"),
        help_text=_("In the time zone of your preferences."),
        required=False,
    )
    countries = forms.CharField(
        label=_("Countries where it is blocked"),
        help_text=_("Two letters each, as in: BE, NL"),
        required=False,
        max_length=1000,
    )
    reason = forms.ChoiceField(
        label=_("Why does it stay?"),
        choices=[("", _("Choose a reason")), *OF_REFERRALS["refusal"].items()],
        required=False,
    )
    question = forms.CharField(
        label=_("What must you know?"),
        help_text=_IMPERSONAL,
        required=False,
        max_length=MAX_WORDS,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    note = forms.CharField(
        label=_("Note (may stay empty)"),
        help_text=_IMPERSONAL,
        required=False,
        max_length=MAX_WORDS,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    reference = forms.CharField(
        label=_("Your own reference (may stay empty)"), required=False, max_length=100
    )

    def __init__(self, *args: Any, answers: Collection[Answer] = (), **named: Any) -> None:  # noqa: ANN401  # Django's
        super().__init__(*args, **named)
        said = PHRASES["referral_answer"]
        self.fields["answer"].choices = [  # type: ignore[attr-defined]  # a choice field
            (answer.value, said[answer]) for answer in Answer if answer in answers
        ]
        if Answer.NEEDS_CONTEXT not in answers:
            del self.fields["question"]

    def order(self) -> AnswerIn | None:
        """What the room is asked to do; None where it is refused: then the form says why.

        A field of another answer is left out where it holds only what was filled in beforehand.
        """
        said = self.cleaned_data
        answer = Answer(said["answer"])
        self._check_parts(answer)
        if self.errors:
            return None
        own = {name: said.get(name) for name, answers in PARTS.items() if answer in answers}
        if "countries" in own:
            own["countries"] = self._countries()
        if "reason" in own:
            own["reason"] = RefusalReason(said["reason"])
        found: AnswerIn | None = self.read(
            AnswerIn, answer=answer, note=said["note"], reference=said["reference"].strip(), **own
        )
        return found

    def _countries(self) -> tuple[str, ...]:
        """The countries, as they were written."""
        return tuple(re.findall(r"[^\s,;]+", self.cleaned_data["countries"].upper()))

    def _check_parts(self, answer: Answer) -> None:
        """Each answer says what it needs, and nothing of another; the form says what is wrong."""
        said = self.cleaned_data
        for name, answers in PARTS.items():
            if answer not in answers and name in self.changed_data and said.get(name):
                self.add_error(name, _("This belongs to another answer: empty it, or choose that."))
        if answer is Answer.GEO_BLOCKED and not said.get("countries"):
            self.add_error("countries", _("Say in which countries."))
        elif answer is Answer.GEO_BLOCKED and any(
            len(country) != 2  # noqa: PLR2004  # ISO 3166-1 alpha-2
            for country in self._countries()
        ):
            self.add_error("countries", _("Two letters each, as in: BE, NL"))
        if answer is Answer.REFUSED and not said.get("reason"):
            self.add_error("reason", _("Choose a reason."))
        is_other = answer is Answer.REFUSED and said.get("reason") == RefusalReason.OTHER
        if is_other and not said.get("note", "").strip():
            self.add_error("note", _("Say in words why."))
        if answer is Answer.NEEDS_CONTEXT and not said.get("question"):
            self.add_error("question", _("Say what you must know."))


class AcknowledgeForm(OrderForm):
    """Say that a person has it."""

    reference = forms.CharField(
        label=_("Your own reference (may stay empty)"), required=False, max_length=100
    )

    def order(self) -> AcknowledgeIn | None:
        """What the room is asked to do; None where it is refused."""
        found: AcknowledgeIn | None = self.read(AcknowledgeIn, **self.cleaned_data)
        return found


class ReinstateForm(OrderForm):
    """Say that the content is there again."""

    note = forms.CharField(
        label=_("Why? (may stay empty)"), help_text=_IMPERSONAL, required=False, max_length=500
    )

    def order(self) -> ReinstateIn | None:
        """What the room is asked to do; None where it is refused."""
        found: ReinstateIn | None = self.read(ReinstateIn, **self.cleaned_data)
        return found
