# SPDX-License-Identifier: Apache-2.0
"""What people fill in on a post-crisis report: notes, actions, who reads it."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk.situation_forms import OrderForm
from stemtide.protocol.reports import ActionIn, NoteIn, PublishIn
from stemtide.protocol.words import NoteTopic, ReportAudience

FORM = "report-edit"
"""The id of the one form of the page: whichever button is pressed, all of it is sent."""


def _join(form: forms.Form) -> None:
    """Make the fields of a form part of the page's one form."""
    for field in form.fields.values():
        field.widget.attrs["form"] = FORM


class NoteForm(OrderForm):
    """Say something in the debrief."""

    topic = forms.ChoiceField(
        label=_("About"),
        choices=[
            (NoteTopic.WENT_WELL, _("what went well")),
            (NoteTopic.WENT_BADLY, _("what went badly")),
            (NoteTopic.IDEA, _("an idea")),
        ],
    )
    text = forms.CharField(
        label=_("Note"),
        help_text=_("Write nothing about a person."),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, **named: Any) -> None:  # noqa: ANN401  # Django's
        super().__init__(*args, **named)
        _join(self)

    def order(self) -> NoteIn | None:
        """What the room is asked to do; None where it is refused."""
        topic = NoteTopic(self.cleaned_data["topic"])
        found: NoteIn | None = self.read(NoteIn, topic=topic, text=self.cleaned_data["text"])
        return found


class ActionForm(OrderForm):
    """Give out something to be done."""

    text = forms.CharField(label=_("What is to be done"), max_length=500)
    owner = forms.ChoiceField(label=_("By whom"))
    due = forms.DateField(
        label=_("Until which day"), widget=forms.DateInput(attrs={"type": "date"})
    )

    def __init__(self, *args: Any, parties: Iterable[tuple[str, str]] = (), **named: Any) -> None:  # noqa: ANN401  # Django's
        super().__init__(*args, **named)
        self.fields["owner"].choices = list(parties)  # type: ignore[attr-defined]  # a choice field
        _join(self)

    def order(self) -> ActionIn | None:
        """What the room is asked to do; None where it is refused."""
        found: ActionIn | None = self.read(ActionIn, **self.cleaned_data)
        return found


class PublishForm(forms.Form):
    """Who reads the report."""

    audience = forms.ChoiceField(
        label=_("Who reads it"),
        choices=[
            ("", _("Choose who")),
            (ReportAudience.ROOM, _("those who were in the room")),
            (ReportAudience.PARTIES, _("every party of this hub")),
            (ReportAudience.PUBLIC, _("every party, who may pass it on to anyone")),
        ],
    )

    def __init__(self, *args: Any, **named: Any) -> None:  # noqa: ANN401  # Django's
        super().__init__(*args, **named)
        _join(self)

    def order(self) -> PublishIn:
        """What the room is asked to do. Only for a form that is valid."""
        return PublishIn(audience=ReportAudience(self.cleaned_data["audience"]))
