# SPDX-License-Identifier: Apache-2.0
"""What people fill in to begin an order, to inform before it, and to act on one."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel

from stemtide.hub.desk.annex_forms import MomentField
from stemtide.hub.desk.order_words import PHRASES
from stemtide.hub.desk.referral_words import PHRASES as CONTENT
from stemtide.hub.desk.situation_forms import OrderForm, uuid_or_none
from stemtide.hub.desk.words import ideology_title
from stemtide.protocol.forms import MAX_LONG_TEXT, MAX_URL, MAX_URLS
from stemtide.protocol.labels import ideologies
from stemtide.protocol.orders import (
    AccessIn,
    DraftIn,
    InformIn,
    OrderIn,
    PreserveIn,
    ScrutinyIn,
    SecrecyIn,
    WordsIn,
)
from stemtide.protocol.words_orders import AccessPurpose, ScrutinyBasis
from stemtide.protocol.words_referrals import ContentType

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

_LANGUAGES = (
    ("en", _("English")),
    ("nl", _("Dutch")),
    ("fr", _("French")),
    ("de", _("German")),
)
_SIGNALS = _("Ids of your own signals of it (may stay empty)")
_FALL = _("They are withdrawn at every agent if the order loses its effect.")


def _area(rows: int) -> forms.Textarea:
    """A field of several lines."""
    return forms.Textarea(attrs={"rows": rows})


class ActForm(OrderForm):
    """An act on an order. body() is None where the write takes none, or the form was refused."""

    takes_body = True

    def body(self) -> BaseModel | None:
        """What the room is asked to do. Only for a form that is valid."""
        return None


class PlainForm(ActForm):
    """An act that needs no words."""

    takes_body = False


class SureForm(PlainForm):
    """An act that needs no words, and cannot be undone."""

    confirm = forms.BooleanField(
        label=_("I mean it: it cannot be undone."),
        error_messages={"required": _("Tick this box to say that you mean it.")},
    )


class WordsForm(ActForm):
    """An act with its reasons. ask: what is asked for, and who reads it."""

    text = forms.CharField(
        label=_("Reasons"), min_length=3, max_length=MAX_LONG_TEXT, widget=_area(3)
    )

    def body(self) -> BaseModel | None:
        """What the room is asked to do."""
        found: WordsIn | None = self.read(WordsIn, text=self.cleaned_data["text"])
        return found


class GraveForm(WordsForm):
    """The same for what takes an order's effect away."""

    confirm = forms.BooleanField(
        label=_("I mean it: the order loses its effect at once, and does not get it back."),
        error_messages={"required": _("Tick this box to say that you mean it.")},
    )


class SecrecyForm(ActForm):
    """Keep an order from its content provider for longer."""

    until = MomentField(label=_("Until when?"))
    reason = forms.CharField(label=_("Why?"), min_length=3, max_length=2000, widget=_area(2))

    def body(self) -> BaseModel | None:
        """What the room is asked to do."""
        found: SecrecyIn | None = self.read(SecrecyIn, **self.cleaned_data)
        return found


class ScrutinyForm(ActForm):
    """Ask for scrutiny, or open one. basis: on which."""

    basis = ScrutinyBasis.PROVIDER
    reasons = forms.CharField(
        label=_("Why should it be examined?"),
        help_text=_("Such as: it seriously or manifestly infringes the Regulation, or a right."),
        min_length=3,
        max_length=MAX_LONG_TEXT,
        widget=_area(3),
    )

    def body(self) -> BaseModel | None:
        """What the room is asked to do."""
        found: ScrutinyIn | None = self.read(
            ScrutinyIn,
            basis=self.basis,
            reasons=self.cleaned_data["reasons"],
            informed_at=self.cleaned_data.get("informed_at"),
        )
        return found


class OwnScrutinyForm(ScrutinyForm):
    """An authority opens scrutiny by itself."""

    basis = ScrutinyBasis.OWN_INITIATIVE


class AskedScrutinyForm(ScrutinyForm):
    """An authority enters the request of a content provider, who is no party here."""

    basis = ScrutinyBasis.CONTENT_PROVIDER
    informed_at = MomentField(label=_("When was the content provider informed, or had the order?"))


class PreserveForm(ActForm):
    """Ask that what was removed is preserved longer, for review proceedings.

    source: Regulation (EU) 2021/784 Art. 6(2).
    """

    proceedings = forms.ChoiceField(
        label=_("Which review proceedings are going on?"),
        choices=[
            ("", _("Choose one")),
            *PHRASES["review"].items(),
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
        """Refuse reasons that do not prolong preservation, with what applies to them."""
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

    def body(self) -> BaseModel | None:
        """What the room is asked to do."""
        found: PreserveIn | None = self.read(PreserveIn, **self.cleaned_data)
        return found


class AccessForm(ActForm):
    """Note who had access to what is preserved."""

    purpose = forms.ChoiceField(
        label=_("For what?"), choices=list(PHRASES["access_purpose"].items())
    )
    who = forms.CharField(label=_("Which office? No person's name"), min_length=2, max_length=200)
    reference = forms.CharField(
        label=_("Their reference (may stay empty)"), required=False, max_length=200
    )

    def body(self) -> BaseModel | None:
        """What the room is asked to do."""
        said = self.cleaned_data
        found: AccessIn | None = self.read(
            AccessIn,
            purpose=AccessPurpose(said["purpose"]),
            who=said["who"],
            reference=said["reference"],
        )
        return found


class _Named(OrderForm):
    """A form that names a provider."""

    to = forms.ChoiceField(label=_("Provider"))

    def __init__(self, *args: Any, providers: Iterable[tuple[str, str]] = (), **named: Any) -> None:  # noqa: ANN401  # Django's
        super().__init__(*args, **named)
        self.fields["to"].choices = [("", _("Choose a provider")), *providers]  # type: ignore[attr-defined]  # a choice field


class BeginForm(_Named):
    """What a draft begins with: to whom, and which content."""

    urls = forms.CharField(
        label=_("Exact web addresses of the content, one on a line (may stay empty)"),
        required=False,
        max_length=MAX_URLS * (MAX_URL + 2),
        widget=_area(3),
    )
    signals = forms.CharField(label=_SIGNALS, help_text=_FALL, required=False, max_length=8000)
    exercise = forms.BooleanField(label=_("This is an exercise"), required=False)
    crisis = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def body(self) -> OrderIn | None:
        """What the room is asked to do; None where it is refused."""
        said = self.cleaned_data
        signals = _uuids(self, said["signals"])
        urls = [line.strip() for line in said["urls"].splitlines() if line.strip()]
        if signals is None:
            return None
        found: OrderIn | None = self.read(
            OrderIn,
            to=said["to"],
            annex={"urls": urls} if urls else {},
            signals=signals,
            exercise=said["exercise"],
            crisis=said["crisis"],
        )
        return found


class BesideForm(OrderForm):
    """What goes with Annex I and does not stand in it."""

    emergency = forms.CharField(
        label=_("Why it could not wait for twelve hours' notice (a first order only)"),
        required=False,
        max_length=2000,
        widget=_area(2),
    )
    emergency_ground = forms.ChoiceField(
        label=_("Which serious harm makes it an emergency? (recital 17)"),
        choices=[("", _("It is not an emergency")), *PHRASES["emergency"].items()],
        required=False,
    )
    language = forms.ChoiceField(label=_("Language of the order"), choices=_LANGUAGES)
    content_type = forms.ChoiceField(
        label=_("What is there?"), choices=list(CONTENT["content_type"].items())
    )
    ideology = forms.ChoiceField(label=_("What moved its makers (may stay open)"), required=False)
    signals = forms.CharField(label=_SIGNALS, help_text=_FALL, required=False, max_length=8000)

    def __init__(self, *args: Any, language: str = "", **named: Any) -> None:  # noqa: ANN401  # Django's
        super().__init__(*args, **named)
        known = [(ideology, ideology_title(ideology)) for ideology in ideologies()]
        self.fields["ideology"].choices = [("", _("not said")), *known]  # type: ignore[attr-defined]  # a choice field
        if language and language not in dict(_LANGUAGES):
            self.fields["language"].choices = [*_LANGUAGES, (language, language)]  # type: ignore[attr-defined]  # the same

    def changes(self, annex: dict[str, Any]) -> DraftIn | None:
        """What the room is asked to do; None where it is refused. annex: of the other form."""
        said = self.cleaned_data
        signals = _uuids(self, said["signals"])
        if signals is None:
            return None
        found: DraftIn | None = self.read(
            DraftIn,
            annex=annex,
            emergency=said["emergency"],
            emergency_ground=said["emergency_ground"] or None,
            language=said["language"],
            content_type=ContentType(said["content_type"]),
            ideology=said["ideology"] or None,
            signals=signals,
        )
        return found


class InformForm(_Named):
    """Tell a provider of procedures and deadlines before a first order."""

    text = forms.CharField(
        label=_("What the provider is told"),
        min_length=20,
        max_length=MAX_LONG_TEXT,
        widget=_area(8),
    )
    exercise = forms.BooleanField(label=_("This is an exercise"), required=False)

    def body(self) -> InformIn | None:
        """What the room is asked to do; None where it is refused."""
        found: InformIn | None = self.read(InformIn, **self.cleaned_data)
        return found


def _uuids(form: OrderForm, text: str) -> tuple[UUID, ...] | None:
    """Ids in a text, apart by spaces or commas; None where one is none: then the form says so."""
    found = []
    for one in text.replace(",", " ").split():
        uid = uuid_or_none(one)
        if uid is None:
            form.add_error("signals", _("This is no id of a signal: %s") % one[:60])
            return None
        found.append(uid)
    return tuple(found)


def relabelled(form: ActForm, ask: "str | _StrPromise") -> ActForm:
    """The same form, with words of its own for what it asks for."""
    if ask:
        name = next(one for one in ("text", "reasons") if one in form.fields)
        form.fields[name].label = ask
    return form
