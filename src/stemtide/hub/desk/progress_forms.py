# SPDX-License-Identifier: Apache-2.0
"""What people ask of the figures of progress: which days, whose, divided by what."""

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk.forms import MarkedForm
from stemtide.hub.desk.progress_words import BY, OF
from stemtide.hub.reports import rules_progress as rules
from stemtide.protocol.progress import ProgressAsked
from stemtide.protocol.words import PartyKind
from stemtide.protocol.words_progress import ProgressBy, ProgressOf


class ProgressForm(MarkedForm):
    """The days, whose requests, and what the rows are: a query, so that a page has an address."""

    of = forms.ChoiceField(label=_("Whose"), choices=[])
    by = forms.ChoiceField(
        label=_("A row for each"), required=False, choices=[("", _("no rows")), *BY.items()]
    )
    exercise = forms.BooleanField(label=_("Count exercises instead"), required=False)

    def __init__(self, *args: Any, owns: bool, **named: Any) -> None:  # noqa: ANN401  # Django's own
        super().__init__(*args, **named)
        day = {"type": "date"}
        self.fields = {
            "from": forms.DateField(label=_("From"), widget=forms.DateInput(day, "%Y-%m-%d")),
            "to": forms.DateField(
                label=_("To, and with it"), widget=forms.DateInput(day, "%Y-%m-%d")
            ),
            **self.fields,
        }
        choices = [(one, word) for one, word in OF.items() if owns or one == ProgressOf.ALL]
        self.fields["of"] = forms.ChoiceField(label=_("Whose"), choices=choices)

    def asked(self, *, zone: str) -> ProgressAsked:
        """What is asked of the room; everybody's days are those of UTC. Only for a valid form."""
        said = self.cleaned_data
        of = ProgressOf(said["of"])
        return ProgressAsked(
            of=of,
            by=ProgressBy(said["by"]) if said["by"] else None,
            first=said["from"],
            last=said["to"],
            zone="UTC" if of is ProgressOf.ALL else zone,
            exercise=said["exercise"],
        )


def usual(kind: PartyKind, *, subject: rules.Subject, today: date) -> dict[str, object]:
    """What is asked where nothing is: a party's own of this year, or everybody's of a quarter."""
    if kind in subject.own:
        first, last, of = date(today.year, 1, 1), today, ProgressOf.OWN
    else:
        (first, last), of = rules.last_quarter(today), ProgressOf.ALL
    return {"from": first.isoformat(), "to": last.isoformat(), "of": of.value, "by": ""}
