# SPDX-License-Identifier: Apache-2.0
"""Forms of a crisis' room: each builds the message that its write takes."""

from collections.abc import Collection, Hashable, Sequence
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel

from stemtide.hub.desk.forms import CountriesField, MessageForm, WhenField, WordsField
from stemtide.hub.desk.labels import LABELS, Words, translated
from stemtide.protocol.enums import CheckAnswer, NeighbourStatus, PartyKind
from stemtide.protocol.law.frameworks import frameworks, newest
from stemtide.protocol.law.triage import TriageMatrix
from stemtide.protocol.messages.crises import (
    CheckIn,
    CloseIn,
    CountriesIn,
    InviteIn,
    KeepIn,
    LinkIn,
    MeasureIn,
    NeighbourIn,
    NeighbourUpdateIn,
    OptionalReasonIn,
    PartyIn,
    ReasonIn,
    TriageIn,
    WarningIn,
)
from stemtide.protocol.messages.situation import MAX_NOTE, RoleGiveIn

NO_NAMES = _("Write nothing that names a person, unless it is needed.")
_LENGTH = 2000


def _area(label: Words, *, rows: int = 2, required: bool = True, **options: Any) -> forms.CharField:  # noqa: ANN401  # Django's own options
    """Return a field for some sentences."""
    return forms.CharField(
        label=label,
        max_length=_LENGTH,
        required=required,
        min_length=3 if required else None,
        widget=forms.Textarea(attrs={"rows": rows}),
        **options,
    )


class RoomForm(MessageForm):
    """A form of the room, with the choices that the crisis gives it."""

    def __init__(self, *args: Any, around: "FormChoices | None" = None, **options: Any) -> None:  # noqa: ANN401  # Django's own options
        super().__init__(*args, **options)
        self.around = around or FormChoices()
        self.prepare()

    def prepare(self) -> None:
        """Set the choices that depend on the crisis."""


class FormChoices:
    """Values of a crisis that its forms need.

    parties: names and titles of parties to invite. proposed: names of those that are ticked.
    holders: colleagues and parties that a role can be given to, in named groups.
    """

    def __init__(
        self,
        *,
        triage: TriageMatrix | None = None,
        parties: Sequence[tuple[str, str]] = (),
        countries: Sequence[str] = (),
        review_h: int | None = None,
        others: Sequence[tuple[str, str]] = (),
        holders: Sequence[tuple[Words, Sequence[tuple[str, str]]]] = (),
        proposed: Collection[str] = (),
    ) -> None:
        self.triage = triage
        self.parties = parties
        self.countries = countries
        self.review_h = review_h
        self.others = others
        self.holders = holders
        self.proposed = proposed

    @property
    def key(self) -> Hashable:
        """Return all values: the forms depend on these, and on action, target and reader."""
        triage = self.triage.name if self.triage else None
        parties = (tuple(self.parties), tuple(self.proposed))
        choices = (*parties, tuple(self.countries), tuple(self.others))
        holders = tuple((str(group), *people) for group, people in self.holders)
        return (triage, self.review_h, *choices, holders)


class EmptyForm(RoomForm):
    """An action that takes no message."""


class ReasonForm(RoomForm):
    """An action with its reason."""

    message_type: type[BaseModel] = ReasonIn
    reason = _area(_("Why?"), help_text=NO_NAMES)


class CloseForm(ReasonForm):
    """Closing a warning. Which signals stay is answered on a page of its own."""

    message_type = CloseIn


class OptionalReasonForm(RoomForm):
    """A party's answer, with an optional reason."""

    message_type = OptionalReasonIn
    reason = _area(_("Why? (optional)"), required=False, help_text=NO_NAMES)


class GiveRoleForm(RoomForm):
    """Give a role to a colleague or another party, with a note."""

    message_type = RoleGiveIn
    to = forms.ChoiceField(label=_("To"))
    note = _area(
        _("Note for the next holder (optional)"),
        required=False,
        help_text=_("What is under way, and what comes next. Everybody in the room can read it."),
    )

    def prepare(self) -> None:
        """Set the people and parties to choose from."""
        self.fields["to"].choices = [("", _("Choose a person or party")), *self.around.holders]  # type: ignore[attr-defined]  # a choice field
        self.fields["note"].max_length = MAX_NOTE  # type: ignore[attr-defined]  # a text field


class KeepForm(ReasonForm):
    """A review that keeps the crisis live."""

    message_type = KeepIn
    next_h = forms.IntegerField(
        label=_("Review again within hours (empty: as the framework asks)"),
        required=False,
        min_value=1,
        max_value=1000,
    )


class TriageForm(RoomForm):
    """Rate a warning by harm and virality."""

    message_type = TriageIn
    harm = forms.TypedChoiceField(label=_("Harm"), coerce=int)
    virality = forms.TypedChoiceField(label=_("Virality"), coerce=int)
    outcome = forms.TypedChoiceField(
        label=_("Outcome"),
        required=False,
        empty_value=None,
        choices=[("", _("As the matrix says")), *LABELS["triage"].items()],
    )
    reason = _area(_("Why, if you differ from the matrix"), required=False)
    close = forms.BooleanField(
        label=_("Close the warning now, where it comes to business as usual"), required=False
    )

    def prepare(self) -> None:
        """Set the levels of the framework's matrix."""
        triage = self.around.triage
        for axis in ("harm", "virality"):
            levels = getattr(triage, axis) if triage else ()
            field = self.fields[axis]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101  # as declared above
            field.choices = [
                ("", _("Choose a level")),
                *(
                    (str(level), f"{level}: {translated(words)}")
                    for level, words in enumerate(levels)
                ),
            ]


class CheckForm(RoomForm):
    """The answer to one test of the checklist."""

    message_type = CheckIn
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


class CountriesForm(RoomForm):
    """Add countries to a crisis."""

    message_type = CountriesIn
    countries = CountriesField(
        label=_("Countries to add"), max_length=200, help_text=_("Two letters each, as in: BE, NL")
    )


class MeasureForm(RoomForm):
    """Record a national measure that was considered."""

    message_type = MeasureIn
    country = forms.ChoiceField(label=_("Country"))
    measure = _area(_("Which measure was considered?"))
    insufficient = _area(_("Why does it not suffice?"))

    def prepare(self) -> None:
        """Set the countries of the crisis."""
        field = self.fields["country"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # as declared above
        field.choices = [(country, country) for country in self.around.countries]


class InviteForm(RoomForm):
    """Invite parties to take part."""

    message_type = InviteIn
    parties = forms.MultipleChoiceField(
        label=_("Parties"), required=False, widget=forms.CheckboxSelectMultiple
    )
    kinds = forms.MultipleChoiceField(
        label=_("Everyone of a kind"),
        required=False,
        choices=[(kind, LABELS["parties"][kind]) for kind in PartyKind],
        widget=forms.CheckboxSelectMultiple,
    )
    capacity = forms.TypedChoiceField(
        label=_("As what?"),
        required=False,
        empty_value=None,
        choices=[("", _("As the hub sees it")), *LABELS["capacity"].items()],
    )
    reason = forms.CharField(
        label=_("Why do you invite them? (optional)"),
        help_text=_("The invited parties read it at the desk. Do not include personal data."),
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def prepare(self) -> None:
        """Set the parties that may be invited."""
        field = self.fields["parties"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101  # as declared above
        field.choices = list(self.around.parties)
        field.initial = [name for name, _ in self.around.parties if name in self.around.proposed]

    def clean(self) -> dict[str, Any]:
        """Require at least one party or kind of party."""
        form_data: dict[str, Any] = super().clean() or {}
        if not form_data.get("parties") and not form_data.get("kinds"):
            self.add_error("parties", _("Choose whom to invite."))
        return form_data


class UninviteForm(RoomForm):
    """Withdraw a party's invitation."""

    message_type = PartyIn
    party = forms.CharField(widget=forms.HiddenInput, max_length=60)


class NeighbourForm(RoomForm):
    """Record another mechanism's activation for the event."""

    message_type = NeighbourIn
    framework = forms.CharField(
        label=_("Mechanism"), min_length=2, max_length=60, help_text=_("As in: gifct")
    )
    version = forms.CharField(label=_("Version"), max_length=40, help_text=_("As in: 2025"))
    type = forms.CharField(label=_("Type of activation"), max_length=80)
    reference = forms.CharField(
        label=_("What they call the event (optional)"), required=False, max_length=200
    )
    status = forms.ChoiceField(label=_("How it stands"), choices=list(LABELS["neighbour"].items()))
    started_at = WhenField(label=_("Since when"))


class NeighbourStatusForm(RoomForm):
    """Update the status of another mechanism's activation."""

    message_type = NeighbourUpdateIn
    status = forms.ChoiceField(label=_("How it stands"), choices=list(LABELS["neighbour"].items()))

    def message_fields(self) -> dict[str, object]:
        """Return the fields of the message; an activation that has ended ends now."""
        has_ended = self.cleaned_data["status"] == NeighbourStatus.ENDED
        return {**self.cleaned_data, "ended_at": datetime.now(UTC) if has_ended else None}


class LinkForm(ReasonForm):
    """Link another crisis about the same event."""

    message_type = LinkIn
    crisis = forms.ChoiceField(label=_("The other crisis"))
    field_order = ("crisis", "reason")

    def prepare(self) -> None:
        """Set the crises that the reader may see."""
        field = self.fields["crisis"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # as declared above
        field.choices = list(self.around.others)


_DETAILS = ("framework", "event_refs", "invite")


class WarningForm(RoomForm):
    """Raise an early warning."""

    message_type = WarningIn
    name = forms.CharField(
        label=_("What happened, in a few words"),
        min_length=3,
        max_length=200,
        help_text=_("As in: Attack at the harbour of Antwerp. No names of persons."),
        widget=forms.TextInput(attrs={"autofocus": True}),
    )
    countries = CountriesField(
        label=_("Countries concerned"),
        max_length=300,
        help_text=_("Two letters each, as in: BE, NL"),
    )
    happened_at = WhenField(
        label=_("When did it happen? (optional)"),
        required=False,
        help_text=_("Leave blank if nobody knows yet. In the time zone of your preferences."),
    )
    summary = _area(_("What is known (optional)"), rows=4, required=False, help_text=NO_NAMES)
    framework = forms.ChoiceField(label=_("Framework"))
    event_refs = WordsField(
        label=_("Reference of the event in other systems (optional)"),
        required=False,
        max_length=1000,
        help_text=_("As in: gifct:2026-011"),
    )
    invite = forms.MultipleChoiceField(
        label=_("Invite parties (optional)"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    exercise = forms.BooleanField(
        label=_("This is an exercise. You cannot change this later."), required=False
    )

    def prepare(self) -> None:
        """Set the frameworks, newest first, and the parties to invite."""
        versions = sorted(
            frameworks().values(), key=lambda version: version.agreed_on, reverse=True
        )
        field, invite = self.fields["framework"], self.fields["invite"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # as declared above
        assert isinstance(invite, forms.ChoiceField)  # noqa: S101  # as declared above
        field.choices = [
            (version.name, f"{translated(version.title)} ({version.agreed_on})")
            for version in versions
        ]
        invite.choices = list(self.around.parties)
        self.initial.setdefault("framework", newest())

    def essentials(self) -> list[forms.BoundField]:
        """Return what a warning needs, and what its readers look for first."""
        return [self[name] for name in self.fields if name not in _DETAILS]

    def details(self) -> list[forms.BoundField]:
        """Return the fields that can stay as they are."""
        return [self[name] for name in _DETAILS]
