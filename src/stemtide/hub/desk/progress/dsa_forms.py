# SPDX-License-Identifier: Apache-2.0
"""Forms of the DSA transparency report: its period, what people add, and a finished version."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from pydantic import ValidationError

from stemtide.hub.desk.forms import DeskForm
from stemtide.protocol.law.dsa.checks import is_asked, row_scopes
from stemtide.protocol.law.dsa.figures import MAX_CELLS, CellIn, ReportForm
from stemtide.protocol.law.dsa.template import (
    TOTAL,
    VALUE,
    CellKind,
    Indicator,
    Place,
    Shape,
    Worksheet,
    template,
)
from stemtide.protocol.law.dsa.versions import DsaReportOut

_COLUMNS = ("sheet", "row", "column", "scope", "value", "other")

_KINDS = [
    ("intermediary", _("Intermediary service")),
    ("hosting", _("Hosting service")),
    ("platform", _("Online platform")),
    ("vlop", _("Very large online platform")),
    ("vlose", _("Very large online search engine")),
]
_GROUPS = [
    ("orders", _("Orders to act against illegal content")),
    ("information_orders", _("Orders to provide information")),
    ("notices", _("Notices")),
    ("own_illegal", _("Own initiative: illegal content")),
    ("own_terms", _("Own initiative: terms and conditions")),
    ("appeals", _("Complaints, disputes and suspensions")),
]
_RESTRICTIONS = [
    ("removal", _("Removal")),
    ("disable", _("Access disabled")),
    ("demoted", _("Demotion")),
    ("age_restricted", _("Age restriction")),
    ("interaction_restricted", _("Interaction restricted")),
    ("labelled", _("Label")),
    ("visibility_other", _("Other restriction of visibility")),
    ("money_suspension", _("Payments suspended")),
    ("money_termination", _("Payments ended")),
    ("money_other", _("Other restriction of payments")),
    ("service_suspension", _("Service suspended")),
    ("service_termination", _("Service ended")),
    ("account_suspension", _("Account suspended")),
    ("account_termination", _("Account closed")),
]


class PeriodForm(DeskForm):
    """The period, sent as a query string so that each report has a URL."""

    half = forms.TypedChoiceField(
        label=_("Part of the year"),
        choices=[(0, _("Whole year")), (1, _("First half")), (2, _("Second half"))],
        coerce=int,
        required=False,
        empty_value="0",
    )
    number = forms.IntegerField(
        min_value=0, max_value=32_767, required=False, widget=forms.HiddenInput
    )

    def __init__(self, *args: Any, years: Sequence[int], **named: Any) -> None:  # noqa: ANN401  # Django's own
        super().__init__(*args, **named)
        choices = [(str(year), str(year)) for year in years]
        self.fields = {"year": forms.ChoiceField(label=_("Year"), choices=choices), **self.fields}

    @property
    def year(self) -> int:
        """Return the year. Call it on a valid form."""
        return int(self.cleaned_data["year"])

    @property
    def half_year(self) -> int:
        """Return the half of the year, 0 for all of it. Call it on a valid form."""
        return int(self.cleaned_data["half"])

    @property
    def version(self) -> int:
        """Return the number of a version, 0 for a draft. Call it on a valid form."""
        return int(self.cleaned_data["number"] or 0)


class FinishForm(DeskForm):
    """What a later version says about the one before."""

    free_texts = frozenset({"change"})

    change = forms.CharField(
        label=_("What changed since the version before, why, and by which method"),
        required=False,
        max_length=5_000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class ReportFields(DeskForm):
    """What people add: about the service, a field for each indicator and text, and other cells."""

    use_required_attribute = False

    provider = forms.CharField(label=_("Name of the provider"), max_length=200, required=False)
    service = forms.CharField(label=_("Name of the service"), max_length=200, required=False)
    kind = forms.ChoiceField(label=_("Kind of service"), choices=_KINDS)
    published = forms.DateField(
        label=_("Date of publication"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    previous = forms.DateField(
        label=_("Date of the report before"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    ground = forms.ChoiceField(
        label=_("Blocks are based on"),
        choices=[("", _("not stated")), ("law", _("the law")), ("terms", _("our terms"))],
        required=False,
    )
    measure = forms.ChoiceField(
        label=_("What blocks do"),
        choices=[
            ("", _("not stated")),
            ("removal", _("remove content")),
            ("disable", _("disable access to content")),
        ],
        required=False,
    )
    complete = forms.MultipleChoiceField(
        label=_("Complete sections"),
        help_text=_("Tick a section if your figures are complete. Its empty rows then become 0."),
        choices=_GROUPS,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    restrictions = forms.MultipleChoiceField(
        label=_("Restrictions that the service can impose"),
        help_text=_("Columns of other restrictions stay blank."),
        choices=_RESTRICTIONS,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    impossible = forms.CharField(
        label=_("Rows that do not apply to the service"),
        help_text=_("Names of rows, separated by spaces. They stay blank."),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    others = forms.CharField(
        label=_("Other cells"),
        help_text=_("One a line: sheet,row,column,scope,value,description"),
        required=False,
        max_length=500_000,
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false"}),
    )

    def __init__(
        self, data: Mapping[str, Any] | None, *, stored: ReportForm, initial: dict[str, Any]
    ) -> None:
        super().__init__(data, initial=initial)
        self.stored = stored
        self.own = dict(_own_rows(stored))
        for name, (_sheet, row) in self.own.items():
            self.fields[name] = _field(row)

    @classmethod
    def of(cls, report: DsaReportOut, *, data: Mapping[str, Any] | None = None) -> "ReportFields":
        """Return the form of a report: filled in with what is stored, or with what was sent."""
        stored = report.form
        own = dict(_own_rows(stored))
        cells = {cell.address: cell.value for cell in stored.cells}
        rest = [cell for cell in stored.cells if cell.address not in own]
        initial = stored.model_dump(exclude={"cells", "impossible"})
        initial |= {name: cells[name] for name in own if name in cells}
        initial |= {"impossible": " ".join(sorted(stored.impossible)), "others": _to_lines(rest)}
        return cls(data, stored=stored, initial=initial)

    def form(self) -> ReportForm | None:
        """Return what was entered; None if it is invalid, and the fields then say why."""
        if not self.is_valid():
            return None
        facts = {
            name: self.cleaned_data[name] for name in ReportForm.model_fields if name in self.fields
        }
        cells = [*self._own_cells(), *self._other_cells()]
        facts |= {"impossible": self.cleaned_data["impossible"].split(), "cells": cells}
        if self.errors:
            return None
        try:
            return ReportForm.model_validate(facts)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                name = str(detail["loc"][0])
                field = "others" if name == "cells" else name
                self.add_error(field if field in self.fields else None, str(detail["msg"]))
            return None

    def sections(self) -> Iterator[tuple[str, list[forms.BoundField], bool]]:
        """Yield the sheets that have fields of their own, with these, and whether any is wrong."""
        for sheet in template().sheets:
            names = [name for name, (own, _row) in self.own.items() if own.name == sheet.name]
            if names:
                yield sheet.name, [self[name] for name in names], any(map(self.errors.get, names))

    def general(self) -> list[forms.BoundField]:
        """Return the fields about the service."""
        return [self[name] for name in self.base_fields]

    def _own_cells(self) -> Iterator[CellIn]:
        for name, (sheet, row) in self.own.items():
            text = str(self.cleaned_data.get(name) or "").replace("\r\n", "\n").strip()
            if text:
                value = text if row.kind is CellKind.TEXT else _number(text)
                yield CellIn(sheet=sheet.name, row=row.name, column=VALUE, value=value)

    def _other_cells(self) -> Iterator[CellIn]:
        """Yield the cells of the last field; an error there names the line."""
        reader = csv.reader(io.StringIO(self.cleaned_data["others"], newline=""))
        for line, cells in enumerate(reader, 1):
            if not cells or line > MAX_CELLS:
                continue
            facts = dict(zip(_COLUMNS, (cell.strip() for cell in cells), strict=False))
            facts["scope"] = facts.get("scope") or TOTAL
            try:
                yield CellIn.model_validate(facts | {"value": _number(facts.get("value", ""))})
            except ValidationError as error:
                self.add_error("others", f"{line}: {error.errors()[0]['msg']}")
                return


def _own_rows(form: ReportForm) -> Iterator[tuple[str, tuple[Worksheet, Indicator]]]:
    """Yield the rows that have a field of their own, by the address of their cell."""
    for sheet in template().sheets:
        if sheet.shape in (Shape.INDICATORS, Shape.TEXTS):
            for row in sheet.rows:
                if is_asked(row, form) and row_scopes(row) == (TOTAL,):
                    yield Place(sheet.name, row.name, VALUE).address, (sheet, row)


def _field(row: Indicator) -> forms.Field:
    """Return the field of a row. Its label is the template's, in English."""
    parts = [row.indicator.strip(), row.scope.strip()]
    label = ": ".join(part for part in parts if part)
    if row.kind is CellKind.TEXT:
        area = forms.Textarea(attrs={"rows": 4})
        most = template().max_text
        return forms.CharField(label=label, required=False, max_length=most, widget=area)
    widget = forms.TextInput(attrs={"inputmode": "decimal"})
    return forms.CharField(label=label, required=False, max_length=30, widget=widget)


def _number(text: str) -> int | float | str:
    """Return a whole number or one with a fraction as such; anything else unchanged."""
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


def _to_lines(cells: Sequence[CellIn]) -> str:
    """Return cells as lines of CSV."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    for cell in cells:
        writer.writerow([getattr(cell, name) for name in _COLUMNS])
    return out.getvalue()
