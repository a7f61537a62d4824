# SPDX-License-Identifier: Apache-2.0
"""What people ask of a yearly report, and what they write into it."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext, gettext_lazy as _

from stemtide.hub.desk.forms import MarkedForm
from stemtide.hub.reports import rules_yearly as rules
from stemtide.protocol.yearly import YearlyForm, YearlyKind, YearlyLineIn, YearlyReport


class AskedForm(MarkedForm):
    """Which year: a query, so that a report has an address."""

    exercise = forms.BooleanField(label=_("Count exercises instead"), required=False)

    def __init__(self, *args: Any, years: Sequence[int], **named: Any) -> None:  # noqa: ANN401  # Django's own
        super().__init__(*args, **named)
        choices = [(str(year), str(year)) for year in years]
        self.fields = {"year": forms.ChoiceField(label=_("Year"), choices=choices), **self.fields}

    @property
    def year(self) -> int:
        """The year. Only for a valid form."""
        return int(self.cleaned_data["year"])

    @property
    def is_exercise(self) -> bool:
        """Whether exercises are asked for. Only for a valid form."""
        return bool(self.cleaned_data["exercise"])


class LinesForm(MarkedForm):
    """A field for each figure that the hub does not count; an empty one is not known."""

    use_required_attribute = False

    def __init__(
        self,
        sent: Mapping[str, Any] | None = None,
        *,
        form: YearlyForm,
        found: YearlyReport | None = None,
    ) -> None:
        told = [figure for part in found.parts for figure in part.figures] if found else []
        initial = {
            one.name: one.text if one.kind is YearlyKind.WORDS else one.count for one in told
        }
        super().__init__(sent, initial=initial)
        for part, one in rules.to_write(form):
            title = f"{part.name}) {gettext(one.title)}"
            if one.kind is YearlyKind.COUNT:
                self.fields[one.name] = forms.IntegerField(
                    label=title, required=False, min_value=0, max_value=rules.MAX_COUNT
                )
            else:
                self.fields[one.name] = forms.CharField(
                    label=title,
                    required=False,
                    max_length=rules.MAX_LINE,
                    widget=forms.Textarea(attrs={"rows": 4}),
                )

    def lines(self) -> dict[str, YearlyLineIn]:
        """What is written, by the name of the figure. Only for a valid form."""
        return {
            name: YearlyLineIn(text=said) if isinstance(said, str) else YearlyLineIn(count=said)
            for name, said in self.cleaned_data.items()
        }
