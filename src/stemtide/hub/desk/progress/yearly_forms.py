# SPDX-License-Identifier: Apache-2.0
"""Forms of the yearly report: its year, and the figures that people enter."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.forms import ChoiceField
from django.utils.translation import gettext, gettext_lazy as _

from stemtide.hub.desk.forms import DeskForm
from stemtide.hub.rooms.reports.rules import yearly as rules
from stemtide.protocol.law.yearly import YearlyForm, YearlyKind, YearlyLineIn, YearlyReport

TITLES = {
    YearlyForm.ART_7: _("Provider, Art. 7"),
    YearlyForm.ART_8: _("Your authority, Art. 8"),
    YearlyForm.ART_21: _("Your Member State, Art. 21"),
}
"""Titles of the reports in the list of choices."""


class YearForm(DeskForm):
    """The year, sent as a query string so that each report has a URL."""

    exercise = forms.BooleanField(label=_("Count exercises instead"), required=False)

    number = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)

    def __init__(
        self,
        *args: Any,  # noqa: ANN401  # Django's own
        years: Sequence[int],
        forms: Sequence[YearlyForm],
        **named: Any,  # noqa: ANN401  # Django's own
    ) -> None:
        super().__init__(*args, **named)
        choices = [(str(year), str(year)) for year in years]
        self.fields = {
            "form": ChoiceField(
                label=_("Report"), choices=[(form.value, TITLES[form]) for form in forms]
            ),
            "year": ChoiceField(label=_("Year"), choices=choices),
            **self.fields,
        }
        self.has_choice = len(forms) > 1

    @property
    def form(self) -> YearlyForm:
        """Return the report. Call it on a valid form."""
        return YearlyForm(self.cleaned_data["form"])

    @property
    def version(self) -> int:
        """Return the number of a version, 0 for a draft. Call it on a valid form."""
        return int(self.cleaned_data["number"] or 0)

    @property
    def year(self) -> int:
        """Return the year. Call it on a valid form."""
        return int(self.cleaned_data["year"])

    @property
    def is_exercise(self) -> bool:
        """Whether exercises are requested. Call it on a valid form."""
        return bool(self.cleaned_data["exercise"])


class LinesForm(DeskForm):
    """A field for each figure that the hub does not count; empty means not known."""

    use_required_attribute = False

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        form: YearlyForm,
        report: YearlyReport | None = None,
    ) -> None:
        figures = [figure for part in report.parts for figure in part.figures] if report else []
        initial = {
            figure.name: figure.text if figure.kind is YearlyKind.WORDS else figure.count
            for figure in figures
        }
        super().__init__(data, initial=initial)
        for part, line in rules.to_write(form):
            title = f"{part.name}) {gettext(line.title)}"
            if line.kind is YearlyKind.COUNT:
                self.fields[line.name] = forms.IntegerField(
                    label=title, required=False, min_value=0, max_value=rules.MAX_COUNT
                )
            else:
                self.fields[line.name] = forms.CharField(
                    label=title,
                    required=False,
                    max_length=rules.MAX_LINE,
                    widget=forms.Textarea(attrs={"rows": 4}),
                )

    def lines(self) -> dict[str, YearlyLineIn]:
        """Return the entered values by the name of their figure. Call it on a valid form."""
        return {
            name: YearlyLineIn(text=value) if isinstance(value, str) else YearlyLineIn(count=value)
            for name, value in self.cleaned_data.items()
        }
