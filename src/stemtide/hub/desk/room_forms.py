# SPDX-License-Identifier: Apache-2.0
"""The forms of a crisis' room: each becomes the message that its write takes."""

from collections.abc import Hashable, Sequence
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk.forms import MarkedForm, WhenField
from stemtide.hub.desk.words import PHRASES, Words, told
from stemtide.protocol.crises import (
    CheckIn,
    CountriesIn,
    DecliningIn,
    InviteIn,
    KeepIn,
    LinkIn,
    MeasureIn,
    NeighbourIn,
    NeighbourNewsIn,
    PartyIn,
    ReasonIn,
    TriageIn,
    WarningIn,
)
from stemtide.protocol.frameworks import frameworks, newest
from stemtide.protocol.triage import Triage
from stemtide.protocol.words import (
    Capacity,
    CheckAnswer,
    NeighbourStatus,
    PartyKind,
    TriageOutcome,
)

NO_NAMES = _("Write nothing that names a person, unless it is needed.")
_LENGTH = 2000
_SPLIT = (",", " ", ";", "\n")


def _words(text: str) -> list[str]:
    """The words of a field where several are given."""
    for mark in _SPLIT[1:]:
        text = text.replace(mark, _SPLIT[0])
    return [one.strip() for one in text.split(_SPLIT[0]) if one.strip()]


def _area(label: Words, *, rows: int = 2, required: bool = True, **more: Any) -> forms.CharField:  # noqa: ANN401  # Django's own options
    """A field for some sentences."""
    return forms.CharField(
        label=label,
        max_length=_LENGTH,
        required=required,
        min_length=3 if required else None,
        widget=forms.Textarea(attrs={"rows": rows}),
        **more,
    )


class RoomForm(MarkedForm):
    """A form of the room. target: what of the room it is about (a test, a proposal, …)."""

    def __init__(self, *args: Any, around: "Around | None" = None, **more: Any) -> None:  # noqa: ANN401  # Django's own options
        super().__init__(*args, **more)
        self.around = around or Around()
        self.prepare()

    def prepare(self) -> None:
        """Put in the choices that depend on the crisis."""

    def order(self) -> Any:  # noqa: ANN401  # each form has its own message
        """What the room is asked to do. Only for a form that is valid."""


class Around:
    """What forms must know of a crisis. parties: names and titles of those to invite."""

    def __init__(
        self,
        *,
        triage: Triage | None = None,
        parties: Sequence[tuple[str, str]] = (),
        countries: Sequence[str] = (),
        review_h: int | None = None,
        others: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.triage = triage
        self.parties = parties
        self.countries = countries
        self.review_h = review_h
        self.others = others

    @property
    def key(self) -> Hashable:
        """All of it: what the forms made around it depend on, beside verb, target and reader."""
        triage = self.triage.name if self.triage else None
        choices = (tuple(self.parties), tuple(self.countries), tuple(self.others))
        return (triage, self.review_h, *choices)


class NothingForm(RoomForm):
    """An act that needs no more words than its button."""


class ReasonForm(RoomForm):
    """An act with its reason."""

    reason = _area(_("Why?"), help_text=NO_NAMES)

    def order(self) -> ReasonIn:
        """The reason."""
        return ReasonIn(reason=self.cleaned_data["reason"])


class MayReasonForm(RoomForm):
    """An answer of a party, which need not say why."""

    reason = _area(_("Why? (may stay empty)"), required=False, help_text=NO_NAMES)

    def order(self) -> DecliningIn:
        """The answer."""
        return DecliningIn(reason=self.cleaned_data["reason"])


class KeepForm(ReasonForm):
    """A review that keeps the crisis live."""

    next_h = forms.IntegerField(
        label=_("Review again within hours (empty: as the framework asks)"),
        required=False,
        min_value=1,
        max_value=1000,
    )

    def order(self) -> KeepIn:
        """The decision."""
        return KeepIn(reason=self.cleaned_data["reason"], next_h=self.cleaned_data["next_h"])


class TriageForm(RoomForm):
    """How grave, how fast."""

    harm = forms.TypedChoiceField(label=_("Harm"), coerce=int)
    virality = forms.TypedChoiceField(label=_("Virality"), coerce=int)
    outcome = forms.ChoiceField(
        label=_("Outcome"),
        required=False,
        choices=[("", _("As the matrix says")), *PHRASES["triage"].items()],
    )
    reason = _area(_("Why, if you differ from the matrix"), required=False)
    close = forms.BooleanField(
        label=_("Close the warning now, where it comes to business as usual"), required=False
    )

    def prepare(self) -> None:
        """The levels of the framework's matrix."""
        triage = self.around.triage
        for axis in ("harm", "virality"):
            levels = getattr(triage, axis) if triage else ()
            field = self.fields[axis]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101  # as declared above
            field.choices = [
                ("", _("Choose a level")),
                *((str(level), f"{level}: {told(words)}") for level, words in enumerate(levels)),
            ]

    def order(self) -> TriageIn:
        """The rating."""
        said = self.cleaned_data
        return TriageIn(
            harm=said["harm"],
            virality=said["virality"],
            outcome=TriageOutcome(said["outcome"]) if said["outcome"] else None,
            reason=said["reason"],
            close=said["close"],
        )


class CheckForm(RoomForm):
    """An answer to one test."""

    answer = forms.ChoiceField(
        label=_("Answer"),
        choices=[
            (CheckAnswer.YES, _("Yes")),
            (CheckAnswer.NO, _("No")),
            (CheckAnswer.UNKNOWN, _("Not known")),
        ],
        widget=forms.RadioSelect,
    )
    evidence = _area(_("Evidence"), required=False, help_text=NO_NAMES)

    def order(self) -> CheckIn:
        """The answer."""
        return CheckIn(
            answer=CheckAnswer(self.cleaned_data["answer"]), evidence=self.cleaned_data["evidence"]
        )


class CountriesForm(RoomForm):
    """Countries that the crisis turns out to concern."""

    countries = forms.CharField(
        label=_("Countries to add"), max_length=200, help_text=_("Two letters each, as in: BE, NL")
    )

    def order(self) -> CountriesIn:
        """The countries."""
        return CountriesIn(
            countries=tuple(word.upper() for word in _words(self.cleaned_data["countries"]))
        )


class MeasureForm(RoomForm):
    """A national measure that was considered."""

    country = forms.ChoiceField(label=_("Country"))
    measure = _area(_("Which measure was considered?"))
    insufficient = _area(_("Why does it not suffice?"))

    def prepare(self) -> None:
        """The countries of the crisis."""
        field = self.fields["country"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # as declared above
        field.choices = [(country, country) for country in self.around.countries]

    def order(self) -> MeasureIn:
        """The measure."""
        return MeasureIn(**self.cleaned_data)


class InviteForm(RoomForm):
    """Whom to ask to take part."""

    parties = forms.MultipleChoiceField(
        label=_("Parties"), required=False, widget=forms.CheckboxSelectMultiple
    )
    kinds = forms.MultipleChoiceField(
        label=_("Everyone of a kind"),
        required=False,
        choices=[(kind, PHRASES["parties"][kind]) for kind in PartyKind],
        widget=forms.CheckboxSelectMultiple,
    )
    capacity = forms.ChoiceField(
        label=_("As what?"),
        required=False,
        choices=[("", _("As the hub sees it")), *PHRASES["capacity"].items()],
    )

    def prepare(self) -> None:
        """Those who may be invited."""
        field = self.fields["parties"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101  # as declared above
        field.choices = list(self.around.parties)

    def clean(self) -> dict[str, Any]:
        """Somebody must be named."""
        said: dict[str, Any] = super().clean() or {}
        if not said.get("parties") and not said.get("kinds"):
            self.add_error("parties", _("Choose whom to invite."))
        return said

    def order(self) -> InviteIn:
        """The invitation."""
        said = self.cleaned_data
        return InviteIn(
            parties=tuple(said["parties"]),
            kinds=tuple(PartyKind(one) for one in said["kinds"]),
            capacity=Capacity(said["capacity"]) if said["capacity"] else None,
        )


class UninviteForm(RoomForm):
    """Whose invitation is taken back."""

    party = forms.CharField(widget=forms.HiddenInput, max_length=60)

    def order(self) -> PartyIn:
        """Whose."""
        return PartyIn(party=self.cleaned_data["party"])


class NeighbourForm(RoomForm):
    """What another mechanism did about the event."""

    framework = forms.CharField(
        label=_("Mechanism"), min_length=2, max_length=60, help_text=_("As in: gifct")
    )
    version = forms.CharField(label=_("Version"), max_length=40, help_text=_("As in: 2025"))
    type = forms.CharField(label=_("Type of activation"), max_length=80)
    reference = forms.CharField(
        label=_("What they call the event (may stay empty)"), required=False, max_length=200
    )
    status = forms.ChoiceField(label=_("How it stands"), choices=list(PHRASES["neighbour"].items()))
    started_at = WhenField(label=_("Since when"))

    def order(self) -> NeighbourIn:
        """The activation."""
        said = self.cleaned_data
        return NeighbourIn(**{**said, "status": NeighbourStatus(said["status"])})


class NeighbourNewsForm(RoomForm):
    """What became of it."""

    status = forms.ChoiceField(label=_("How it stands"), choices=list(PHRASES["neighbour"].items()))

    def order(self) -> NeighbourNewsIn:
        """The news. An activation that ended ends now."""
        status = NeighbourStatus(self.cleaned_data["status"])
        ended = datetime.now(UTC) if status is NeighbourStatus.ENDED else None
        return NeighbourNewsIn(status=status, ended_at=ended)


class LinkForm(ReasonForm):
    """Another crisis that speaks of the same event."""

    crisis = forms.ChoiceField(label=_("The other crisis"))
    field_order = ("crisis", "reason")

    def prepare(self) -> None:
        """The crises that the reader may see."""
        field = self.fields["crisis"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # as declared above
        field.choices = list(self.around.others)

    def order(self) -> LinkIn:
        """The link."""
        return LinkIn.model_validate(self.cleaned_data)


class WarningForm(RoomForm):
    """An early warning: the first word."""

    name = forms.CharField(
        label=_("What happened, in a few words"),
        min_length=3,
        max_length=200,
        help_text=_("As in: Attack at the harbour of Antwerp. No names of persons."),
    )
    happened_at = WhenField(
        label=_("When did it happen? (may stay empty)"),
        required=False,
        help_text=_("Leave blank if nobody knows yet. In the time zone of your preferences."),
    )
    countries = forms.CharField(
        label=_("Countries concerned"),
        max_length=300,
        help_text=_("Two letters each, as in: BE, NL"),
    )
    summary = _area(_("What is known (may stay empty)"), rows=4, required=False, help_text=NO_NAMES)
    framework = forms.ChoiceField(label=_("Framework"))
    event_refs = forms.CharField(
        label=_("What others call the event (may stay empty)"),
        required=False,
        max_length=1000,
        help_text=_("As in: gifct:2026-011"),
    )
    invite = forms.MultipleChoiceField(
        label=_("Address it to (may stay empty)"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    exercise = forms.BooleanField(
        label=_("This is an exercise. The mark stays for ever."), required=False
    )

    def prepare(self) -> None:
        """The frameworks there are, the newest first, and the parties."""
        known = sorted(frameworks().values(), key=lambda one: one.agreed_on, reverse=True)
        field, invite = self.fields["framework"], self.fields["invite"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # as declared above
        assert isinstance(invite, forms.ChoiceField)  # noqa: S101  # as declared above
        field.choices = [(one.name, f"{told(one.title)} ({one.agreed_on})") for one in known]
        invite.choices = list(self.around.parties)
        self.initial.setdefault("framework", newest())

    def order(self) -> WarningIn:
        """The warning."""
        said = self.cleaned_data
        return WarningIn(
            name=said["name"],
            framework=said["framework"],
            summary=said["summary"],
            happened_at=said["happened_at"],
            countries=tuple(word.upper() for word in _words(said["countries"])),
            event_refs=tuple(_words(said["event_refs"])),
            invite=tuple(said["invite"]),
            exercise=said["exercise"],
        )
