# SPDX-License-Identifier: Apache-2.0
"""Forms for removal orders: begin a draft, inform the provider before, act on an order."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk.forms import CrisisField, MessageForm, SignalsField
from stemtide.hub.desk.labels import Words, ideology_title
from stemtide.hub.desk.labels.orders import LABELS
from stemtide.hub.desk.labels.referrals import LABELS as CONTENT
from stemtide.hub.desk.orders.annex_forms import MomentField
from stemtide.protocol.enums.orders import AppealOutcome, PreservationBasis, ScrutinyBasis
from stemtide.protocol.labels import ideologies
from stemtide.protocol.law.forms import MAX_LONG_TEXT, MAX_URL, MAX_URLS
from stemtide.protocol.messages.orders import (
    AccessIn,
    AppealDeadlineIn,
    AppealDecisionIn,
    AppealIn,
    DraftIn,
    InformIn,
    LongerPreservationIn,
    OrderIn,
    OrderReasonIn,
    PreservationIn,
    PreserveIn,
    ScrutinyIn,
    SecrecyIn,
)

LANGUAGES = (
    ("en", _("English")),
    ("nl", _("Dutch")),
    ("fr", _("French")),
    ("de", _("German")),
)
_SIGNALS = _("Ids of your own signals of it (optional)")
_FALL = _("They are withdrawn at every agent if the order loses its effect.")


def _area(rows: int) -> forms.Textarea:
    """Return a text area with so many rows."""
    return forms.Textarea(attrs={"rows": rows})


class ConfirmForm(MessageForm):
    """An action that takes no message and cannot be undone: it must be confirmed."""

    confirm = forms.BooleanField(
        label=_("I confirm. This cannot be undone."),
        error_messages={"required": _("Tick this box to confirm.")},
    )


class ConfirmOrderForm(MessageForm):
    """Confirm another person's order: it must be read first."""

    confirm = forms.BooleanField(
        label=_(
            "I have read the order as the provider will see it. The provider must comply within one"
            " hour of receipt."
        ),
        error_messages={"required": _("Tick this box to say that you read it.")},
    )


class ReasonsForm(MessageForm):
    """An action with its reasons."""

    message_type = OrderReasonIn
    text = forms.CharField(
        label=_("Reasons"), min_length=3, max_length=MAX_LONG_TEXT, widget=_area(3)
    )


class ConfirmWithReasonsForm(ReasonsForm):
    """An action with its reasons that ends an order's effect: it must be confirmed."""

    confirm = forms.BooleanField(
        label=_("I mean it: the order loses its effect at once, and does not get it back."),
        error_messages={"required": _("Tick this box to confirm.")},
    )


class SecrecyForm(MessageForm):
    """Prolong the secrecy of an order towards its content provider."""

    message_type = SecrecyIn
    until = MomentField(label=_("Until when?"))
    reason = forms.CharField(label=_("Why?"), min_length=3, max_length=2000, widget=_area(2))


class ScrutinyForm(MessageForm):
    """Ask for scrutiny, or open it. basis: who asks."""

    message_type = ScrutinyIn
    basis = ScrutinyBasis.PROVIDER
    reasons = forms.CharField(
        label=_("Why should it be examined?"),
        help_text=_("Such as: it seriously or manifestly infringes the Regulation, or a right."),
        min_length=3,
        max_length=MAX_LONG_TEXT,
        widget=_area(3),
    )

    def message_fields(self) -> dict[str, object]:
        """Return the fields of the message."""
        return {"basis": self.basis, **self.cleaned_data}


class OwnScrutinyForm(ScrutinyForm):
    """Open scrutiny on the authority's own initiative."""

    basis = ScrutinyBasis.OWN_INITIATIVE


class RequestedScrutinyForm(ScrutinyForm):
    """Open scrutiny because a content provider asked, who is not a party here."""

    basis = ScrutinyBasis.CONTENT_PROVIDER
    informed_at = MomentField(label=_("When was the content provider informed, or had the order?"))


class PreserveForm(MessageForm):
    """Prolong preservation of removed content, for review proceedings.

    source: Regulation (EU) 2021/784 Art. 6(2).
    """

    message_type = PreserveIn
    proceedings = forms.ChoiceField(
        label=_("Which review proceedings are going on?"),
        choices=[
            ("", _("Choose one")),
            *LABELS["review"].items(),
            ("none", _("None: it is for an investigation, or for another reason")),
        ],
    )
    reviewed_by = forms.CharField(
        label=_("Before which authority or court?"), min_length=2, max_length=200
    )
    reviewed_since = forms.DateField(
        label=_("Since which day?"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    reference = forms.CharField(
        label=_("File number of the proceedings"), min_length=2, max_length=200
    )
    court = forms.CharField(
        label=_("The court that asks (empty if your authority asks)"),
        required=False,
        max_length=200,
    )
    until = MomentField(label=_("Until when?"))

    def clean_proceedings(self) -> str:
        """Refuse reasons that do not prolong preservation, and say which rule applies to them."""
        kind: str = self.cleaned_data["proceedings"]
        if kind == "none":
            raise forms.ValidationError(
                _(
                    "Only ongoing review proceedings prolong preservation (Art. 6(2)). For an"
                    " investigation, ask the provider for access to what is preserved (Art."
                    " 6(1)(b)), or use national law."
                )
            )
        return kind


class PreservationForm(MessageForm):
    """Record a preservation by another law than Article 6.

    source: Regulation (EU) 2023/1543 Art. 11(1).
    """

    message_type = PreservationIn
    basis = forms.ChoiceField(
        label=_("By which law?"),
        choices=[
            (basis, words)
            for basis, words in LABELS["preservation_basis"].items()
            if basis != PreservationBasis.TCO
        ],
    )
    authority = forms.CharField(
        label=_("Which office ordered it? No person's name"), min_length=2, max_length=200
    )
    reference = forms.CharField(label=_("File number of the order"), min_length=2, max_length=200)
    since = MomentField(label=_("When did the provider receive it?"))
    law = forms.CharField(
        label=_("Provision of national law (empty for an EPOC-PR)"), required=False, max_length=200
    )
    until = MomentField(
        label=_("Until when? (empty for an EPOC-PR, which ends after 60 days)"), required=False
    )


class LongerPreservationForm(MessageForm):
    """Extend a preservation by another law than Article 6.

    source: Regulation (EU) 2023/1543 Art. 11(1) and (2).
    """

    message_type = LongerPreservationIn
    production = forms.CharField(
        label=_("EPOC-PR: reference of the request for production that followed"),
        help_text=_("Leave it empty to add 30 days, which is possible once."),
        required=False,
        max_length=200,
    )
    reference = forms.CharField(
        label=_("National law: the decision that extends it"), required=False, max_length=200
    )
    until = MomentField(label=_("National law: until when?"), required=False)


class AccessForm(MessageForm):
    """Record who had access to preserved content."""

    message_type = AccessIn
    purpose = forms.ChoiceField(
        label=_("For what?"), choices=list(LABELS["access_purpose"].items())
    )
    who = forms.CharField(label=_("Which office? No person's name"), min_length=2, max_length=200)
    reference = forms.CharField(
        label=_("Their reference (optional)"), required=False, max_length=200
    )


def _day(label: Words) -> forms.DateField:
    """Return a field for a day."""
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, widget=widget)


class AppealForm(MessageForm):
    """Record an appeal against an order."""

    message_type = AppealIn
    lodged_by = forms.ChoiceField(
        label=_("Who appeals?"),
        help_text=_("Enter no name of a person."),
        choices=list(LABELS["appellant"].items()),
    )
    kind = forms.ChoiceField(
        label=_("Which kind of proceedings?"), choices=list(LABELS["review"].items())
    )
    body = forms.CharField(
        label=_("Before which authority or court?"), min_length=2, max_length=200
    )
    lodged_on = _day(_("Lodged on which day?"))
    reference = forms.CharField(
        label=_("File number of the proceedings (optional)"), required=False, max_length=200
    )


class AppealDecisionForm(MessageForm):
    """Record how an appeal ended."""

    message_type = AppealDecisionIn
    outcome = forms.ChoiceField(
        label=_("How did it end?"),
        help_text=_("If it was overturned, the order loses its effect at once."),
        choices=[
            (outcome, words)
            for outcome, words in LABELS["appeal"].items()
            if outcome != AppealOutcome.PENDING
        ],
    )
    decided_on = _day(_("On which day?"))
    text = forms.CharField(
        label=_("The decision in short; the other side reads it"),
        min_length=3,
        max_length=MAX_LONG_TEXT,
        widget=_area(3),
    )


class AppealDeadlineForm(MessageForm):
    """Enter the last day for appeal."""

    message_type = AppealDeadlineIn
    until = _day(_("Last day for appeal"))


class FinalForm(MessageForm):
    """Record that an order is final."""

    confirm = forms.BooleanField(
        label=_("I have checked that no appeal is pending before an authority or court."),
        error_messages={"required": _("Tick this box to say that you checked it.")},
    )


class _ProviderForm(MessageForm):
    """A form that names a provider."""

    to = forms.ChoiceField(label=_("Provider"), widget=forms.Select(attrs={"autofocus": True}))

    def __init__(self, *args: Any, providers: Iterable[tuple[str, str]] = (), **named: Any) -> None:  # noqa: ANN401  # Django's
        super().__init__(*args, **named)
        self.fields["to"].choices = [("", _("Choose a provider")), *providers]  # type: ignore[attr-defined]  # a choice field


class NewDraftForm(_ProviderForm):
    """The start of a draft: its addressee, and the content."""

    message_type = OrderIn
    urls = forms.CharField(
        label=_("Exact web addresses of the content, one on a line (optional)"),
        required=False,
        max_length=MAX_URLS * (MAX_URL + 2),
        widget=_area(3),
    )
    signals = SignalsField(label=_SIGNALS, help_text=_FALL, required=False, max_length=8000)
    crisis = CrisisField()
    exercise = forms.BooleanField(label=_("This is an exercise"), required=False)

    def __init__(self, *args: Any, crises: Iterable[tuple[str, Words]], **named: Any) -> None:  # noqa: ANN401  # Django's
        super().__init__(*args, **named)
        self.fields["crisis"].choices = list(crises)  # type: ignore[attr-defined]  # a choice field

    def message_fields(self) -> dict[str, object]:
        """Return the fields of the message."""
        urls = [line.strip() for line in self.cleaned_data["urls"].splitlines() if line.strip()]
        return {**self.cleaned_data, "annex": {"urls": urls} if urls else {}}


class DraftExtrasForm(MessageForm):
    """Fields of a draft that are not part of Annex I."""

    free_texts = frozenset({"emergency", "despite"})

    emergency = forms.CharField(
        label=_("Why it could not wait for twelve hours' notice (a first order only)"),
        required=False,
        max_length=2000,
        widget=_area(2),
    )
    emergency_ground = forms.TypedChoiceField(
        label=_("Which serious harm makes it an emergency? (recital 17)"),
        choices=[("", _("It is not an emergency")), *LABELS["emergency"].items()],
        required=False,
        empty_value=None,
    )
    language = forms.ChoiceField(label=_("Language of the order"), choices=LANGUAGES)
    content_type = forms.ChoiceField(
        label=_("Type of content"), choices=list(CONTENT["content_type"].items())
    )
    ideology = forms.TypedChoiceField(
        label=_("Ideology (optional)"), required=False, empty_value=None
    )
    signals = SignalsField(label=_SIGNALS, help_text=_FALL, required=False, max_length=8000)
    is_media_service = forms.BooleanField(
        label=_("The account belongs to a media service"),
        help_text=_("The provider marks it as one, or it declares itself one."),
        required=False,
    )
    copy_to_europol = forms.BooleanField(
        label=_("Send a copy to Europol when it is issued"),
        help_text=_("Encouraged by Art. 14(6). The agencies on this hub read it."),
        required=False,
    )
    despite = forms.CharField(
        label=_("If there are warnings: why you issue it all the same"),
        help_text=_(
            "Kept in the ledger with the warnings. The second person and an authority with a copy"
            " read it; the provider does not. Write no name of a person."
        ),
        required=False,
        max_length=1000,
        widget=_area(2),
    )

    def __init__(self, *args: Any, language: str = "", **named: Any) -> None:  # noqa: ANN401  # Django's
        super().__init__(*args, **named)
        choices = [(ideology, ideology_title(ideology)) for ideology in ideologies()]
        self.fields["ideology"].choices = [("", _("not said")), *choices]  # type: ignore[attr-defined]  # a choice field
        if language and language not in dict(LANGUAGES):
            self.fields["language"].choices = [*LANGUAGES, (language, language)]  # type: ignore[attr-defined]  # the same

    def changes(self, annex: dict[str, Any]) -> DraftIn | None:
        """Return the message for the room, or None if it is invalid. annex: values of Annex I."""
        message: DraftIn | None = self.read(DraftIn, **self.cleaned_data, annex=annex)
        return message


class InformForm(_ProviderForm):
    """Inform a provider of procedures and deadlines before a first order."""

    message_type = InformIn
    text = forms.CharField(
        label=_("What the provider is told"),
        min_length=20,
        max_length=MAX_LONG_TEXT,
        widget=_area(8),
    )
    exercise = forms.BooleanField(label=_("This is an exercise"), required=False)
