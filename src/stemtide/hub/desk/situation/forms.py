# SPDX-License-Identifier: Apache-2.0
"""Forms of a crisis' room: messages, public statements, leads."""

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk.forms import MessageForm
from stemtide.hub.desk.labels.languages import CONTENT_LANGUAGES, own_language
from stemtide.hub.desk.labels.situation import LABELS
from stemtide.hub.desk.situation.references import with_tokens
from stemtide.protocol.enums import (
    LeadBasis,
)
from stemtide.protocol.handling import Tlp
from stemtide.protocol.messages.situation import (
    MAX_TEXT,
    LeadCloseIn,
    LeadIn,
    LeadPassIn,
    MessageIn,
    PublicStatementIn,
    VoteIn,
)

NO_NAMES = _("Write nothing about a person: everybody in the room reads it, and it stays.")


def _area(rows: int) -> forms.Textarea:
    """Return a text area with so many rows."""
    return forms.Textarea(attrs={"rows": rows})


class LogMessageForm(MessageForm):
    """Write into the log."""

    message_type = MessageIn
    kind = forms.ChoiceField(label=_("What is it?"), choices=list(LABELS["message"].items()))
    text = forms.CharField(
        label=_("Message"), max_length=MAX_TEXT, help_text=NO_NAMES, widget=_area(4)
    )
    urgency = forms.ChoiceField(
        label=_("How soon must it be read?"), choices=list(LABELS["urgency"].items())
    )
    tlp = forms.ChoiceField(
        label=_("Who may read it"),
        choices=[(tlp.value, f"TLP:{tlp.upper()}") for tlp in Tlp],
        initial=Tlp.AMBER,
    )
    audience = forms.MultipleChoiceField(
        label=_("Only these parties (optional)"),
        help_text=_("TLP:RED needs at least one."),
        required=False,
        widget=forms.SelectMultiple(attrs={"size": 4}),
    )
    language = forms.ChoiceField(
        label=_("Language"), choices=CONTENT_LANGUAGES, initial=own_language
    )
    signal = forms.UUIDField(label=_("Id of a signal it speaks of (optional)"), required=False)
    answers = forms.UUIDField(required=False, widget=forms.HiddenInput)
    corrects = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        *args: Any,  # noqa: ANN401  # Django's
        parties: Iterable[tuple[str, str]] = (),
        host: str = "",
        **named: Any,  # noqa: ANN401  # Django's
    ) -> None:
        super().__init__(*args, **named)
        self.host = host
        self.fields["audience"].choices = list(parties)  # type: ignore[attr-defined]  # a choice field

    def clean_text(self) -> str:
        """Return the text with links in place of addresses of this desk's pages."""
        return with_tokens(self.cleaned_data["text"], host=self.host)


class StatementForm(MessageForm):
    """Propose a public statement, in up to four languages at once."""

    message_type = PublicStatementIn
    free_texts = frozenset({"text_0", "text_1", "text_2", "text_3"})
    replaces = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **named: Any) -> None:  # noqa: ANN401  # Django's
        super().__init__(*args, **named)
        for number in range(4):
            self.fields[f"language_{number}"] = forms.ChoiceField(
                label=_("Language"),
                choices=[("", _("Choose a language")), *CONTENT_LANGUAGES],
                initial="" if number else own_language,
                required=not number,
            )
            self.fields[f"text_{number}"] = forms.CharField(
                label=_("What may be said in public"),
                max_length=2000,
                required=not number,
                widget=_area(2),
            )

    @property
    def pairs(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        """Return the fields of each language and its text."""
        return [(self[f"language_{number}"], self[f"text_{number}"]) for number in range(4)]

    def message_fields(self) -> dict[str, object]:
        """Return the fields of the message."""
        texts = {
            self.cleaned_data[f"language_{number}"]: self.cleaned_data[f"text_{number}"]
            for number in range(4)
            if self.cleaned_data.get(f"text_{number}")
        }
        return {"texts": texts, "replaces": self.cleaned_data["replaces"]}


class VoteForm(MessageForm):
    """Agree or object to a public statement, with a reason."""

    message_type = VoteIn
    vote = forms.ChoiceField(label=_("Your party"), choices=list(LABELS["vote"].items()))
    note = forms.CharField(label=_("Why (optional)"), required=False, max_length=500)


class LeadForm(MessageForm):
    """Report a lead: information about a threat to life."""

    message_type = LeadIn
    level = forms.ChoiceField(
        label=_("How much is known?"),
        choices=[("", _("Choose a level")), *reversed(LABELS["level"].items())],
    )
    bases = forms.MultipleChoiceField(
        label=_("Basis of the report"), widget=forms.CheckboxSelectMultiple
    )
    country = forms.CharField(
        label=_("Country concerned (optional)"),
        help_text=_("Two letters, such as BE. Empty: it goes to the agency."),
        required=False,
        max_length=2,
    )
    country_grounds = forms.MultipleChoiceField(
        label=_("Why that country? (optional)"),
        choices=list(LABELS["country_ground"].items()),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    to = forms.ChoiceField(
        label=_("Addressed to"),
        help_text=_("Leave it open unless a country has more than one authority here."),
        required=False,
    )
    facts = forms.CharField(label=_("What you know"), max_length=MAX_TEXT, widget=_area(4))
    reasons = forms.CharField(
        label=_("Why you think that a life is in danger"), max_length=2000, widget=_area(2)
    )
    address = forms.CharField(
        label=_("Web address of the content (optional)"), required=False, max_length=4096
    )
    posted_at = forms.CharField(
        label=_("When it was posted, with its time zone (optional)"),
        help_text=_("Such as 2026-11-24T09:30:00+01:00."),
        required=False,
        max_length=40,
        empty_value=None,
    )
    locate = forms.CharField(
        label=_("What helps to find the person (optional)"),
        help_text=_("The only place for personal data, and no more than is needed."),
        required=False,
        max_length=2000,
        widget=_area(2),
    )
    callback = forms.CharField(label=_("Call-back number, staffed at all hours"), max_length=300)
    crisis = forms.UUIDField(required=False, widget=forms.HiddenInput)
    exercise = forms.BooleanField(label=_("This is an exercise"), required=False)

    def __init__(
        self,
        *args: Any,  # noqa: ANN401  # Django's
        bases: Sequence[LeadBasis] = (),
        parties: Iterable[tuple[str, str]] = (),
        **named: Any,  # noqa: ANN401  # Django's
    ) -> None:
        super().__init__(*args, **named)
        self.fields["bases"].choices = [(base, LABELS["basis"][base]) for base in bases]  # type: ignore[attr-defined]  # a choice field
        self.fields["to"].choices = [("", _("the competent authority")), *parties]  # type: ignore[attr-defined]  # the same

    def clean_country(self) -> str:
        """Return the country in capitals."""
        country: str = self.cleaned_data["country"].strip().upper()
        return country


class PassLeadForm(MessageForm):
    """Pass a lead on to another party."""

    message_type = LeadPassIn
    to = forms.ChoiceField(label=_("To whom"), required=False)

    def __init__(self, *args: Any, parties: Iterable[tuple[str, str]] = (), **named: Any) -> None:  # noqa: ANN401  # Django's
        super().__init__(*args, **named)
        outside = ("", _("investigators of your own state, outside this hub"))
        self.fields["to"].choices = [outside, *parties]  # type: ignore[attr-defined]  # a choice field


class CloseLeadForm(MessageForm):
    """Close a lead with its outcome."""

    message_type = LeadCloseIn
    outcome = forms.ChoiceField(
        label=_("Outcome"),
        choices=[("", _("Choose an outcome")), *LABELS["lead_outcome"].items()],
    )
