# SPDX-License-Identifier: Apache-2.0
"""Forms of exercises: prepare one, speak as a bot, note an observation, change the speed."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk.forms import MessageForm
from stemtide.hub.desk.labels import label
from stemtide.hub.rooms.parties.reads import parties
from stemtide.protocol.exercises import MAX_SPEED, ObservationIn, RunIn, RunMemberOut
from stemtide.scenarios.schema import CastMember, Scenario

_MEMBER = "member-"


class RunForm(MessageForm):
    """Prepare an exercise: who plays which party, how fast, with which seed."""

    message_type = RunIn
    speed = forms.FloatField(
        label=_("Speed"),
        help_text=_("Minutes of the exercise for each real minute. 1 is real time."),
        initial=1,
        min_value=0.1,
        max_value=MAX_SPEED,
    )
    seed = forms.IntegerField(
        label=_("Seed"),
        help_text=_("The same number gives the same delays of the bots."),
        initial=1,
        min_value=0,
        max_value=1_000_000,
    )

    def __init__(self, scenario: Scenario, data: object = None) -> None:
        super().__init__(data)  # type: ignore[arg-type]  # of a request
        self.scenario = scenario
        for name, member in scenario.cast.items():
            self.fields[f"{_MEMBER}{name}"] = forms.ChoiceField(
                label=member.title,
                help_text=f"{label(member.kind, 'party')}, {member.country}",
                required=False,
                choices=_players(member),
            )

    def message_fields(self) -> dict[str, object]:
        """Return the fields of the message, with the people by member."""
        people = {
            name.removeprefix(_MEMBER): party
            for name, party in self.cleaned_data.items()
            if name.startswith(_MEMBER) and party
        }
        own = {name: self.cleaned_data[name] for name in ("speed", "seed")}
        return own | {"scenario": self.scenario.name, "people": people}


def _players(member: CastMember) -> list[tuple[str, Any]]:
    """Return who can play a member: a bot, or people of a party of its kind."""
    people = [
        (party.name, party.title)
        for party in parties.parties()
        if party.kind == member.kind and not party.exercise and not party.is_suspended
    ]
    return [("", _("a bot")), *people]


class SpeedForm(forms.Form):
    """Change the speed of an exercise."""

    speed = forms.FloatField(label=_("Speed"), min_value=0.1, max_value=MAX_SPEED)


class SayForm(forms.Form):
    """Speak in the name of a bot."""

    member = forms.ChoiceField(label=_("As"))
    text = forms.CharField(
        label=_("Message"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("The bot posts it in the situation log."),
    )

    def __init__(self, data: object = None, *, members: Sequence[RunMemberOut]) -> None:
        super().__init__(data, auto_id="say_%s")  # type: ignore[arg-type]  # of a request
        choices = [(row.name, row.title) for row in members if row.is_bot]
        self.fields["member"].choices = choices  # type: ignore[attr-defined]  # a choice field


class ObserveForm(MessageForm):
    """Note an observation at the present minute of the exercise."""

    message_type = ObservationIn
    member = forms.ChoiceField(label=_("About"), required=False)
    text = forms.CharField(
        label=_("Observation"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("The minute of the exercise is added. Write nothing about a person."),
    )

    def __init__(self, data: object = None, *, members: Sequence[RunMemberOut]) -> None:
        super().__init__(data, auto_id="observe_%s")  # type: ignore[arg-type]  # of a request
        choices = [("", _("everybody")), *((row.name, row.title) for row in members)]
        self.fields["member"].choices = choices  # type: ignore[attr-defined]  # a choice field
