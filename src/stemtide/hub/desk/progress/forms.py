# SPDX-License-Identifier: Apache-2.0
"""The query form of the statistics: period, scope and grouping."""

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk.forms import DeskForm
from stemtide.hub.desk.labels.progress import BY, OF
from stemtide.hub.rooms.reports.rules import progress as rules
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.progress import ProgressBy, ProgressOf
from stemtide.protocol.messages.progress import ProgressQuery


class ProgressForm(DeskForm):
    """Period, scope and grouping, sent as a query string so that each page has a URL."""

    of = forms.ChoiceField(label=_("Requests of"), choices=[])
    by = forms.ChoiceField(
        label=_("Group by"), required=False, choices=[("", _("no grouping")), *BY.items()]
    )
    exercise = forms.BooleanField(label=_("Count exercises instead"), required=False)

    def __init__(self, *args: Any, owns: bool, **named: Any) -> None:  # noqa: ANN401  # Django's own
        super().__init__(*args, **named)
        day = {"type": "date"}
        self.fields = {
            "from": forms.DateField(label=_("From"), widget=forms.DateInput(day, "%Y-%m-%d")),
            "to": forms.DateField(
                label=_("To (inclusive)"), widget=forms.DateInput(day, "%Y-%m-%d")
            ),
            **self.fields,
        }
        choices = [(scope, word) for scope, word in OF.items() if owns or scope == ProgressOf.ALL]
        self.fields["of"] = forms.ChoiceField(label=_("Requests of"), choices=choices)

    def query(self, *, zone: str) -> ProgressQuery:
        """Return the query for the room; days of all parties are UTC. Call it on a valid form."""
        form_data = self.cleaned_data
        of = ProgressOf(form_data["of"])
        return ProgressQuery(
            of=of,
            by=ProgressBy(form_data["by"]) if form_data["by"] else None,
            first=form_data["from"],
            last=form_data["to"],
            zone="UTC" if of is ProgressOf.ALL else zone,
            exercise=form_data["exercise"],
        )


def default_query(kind: PartyKind, *, subject: rules.Subject, today: date) -> dict[str, object]:
    """Return the default query: the party's own of the year that is due, or all of last quarter."""
    if kind in subject.own:
        (first, last), of = rules.due_period(today), ProgressOf.OWN
    else:
        (first, last), of = rules.last_quarter(today), ProgressOf.ALL
    return {"from": first.isoformat(), "to": last.isoformat(), "of": of.value, "by": ""}
