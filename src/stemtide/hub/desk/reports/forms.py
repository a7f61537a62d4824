# SPDX-License-Identifier: Apache-2.0
"""Forms of a post-crisis report: notes, actions, audience."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk.forms import MessageForm
from stemtide.protocol.enums import NoteTopic, ReportAudience
from stemtide.protocol.messages.reports import ActionIn, NoteIn, PublishIn

FORM = "report-edit"
"""The id of the only form of the page: every button sends all of it."""


def _join(form: forms.Form) -> None:
    """Make the fields of a form part of the page's one form."""
    for field in form.fields.values():
        field.widget.attrs["form"] = FORM


class NoteForm(MessageForm):
    """Add a debrief note."""

    message_type = NoteIn
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


class ActionForm(MessageForm):
    """Add an action with an owner and a due day."""

    message_type = ActionIn
    text = forms.CharField(label=_("Task"), max_length=500)
    owner = forms.ChoiceField(label=_("Owner"))
    due = forms.DateField(label=_("Due date"), widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, parties: Iterable[tuple[str, str]] = (), **named: Any) -> None:  # noqa: ANN401  # Django's
        super().__init__(*args, **named)
        self.fields["owner"].choices = list(parties)  # type: ignore[attr-defined]  # a choice field
        _join(self)


class PublishForm(MessageForm):
    """The audience of the report."""

    message_type = PublishIn
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
