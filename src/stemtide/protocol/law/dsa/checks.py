# SPDX-License-Identifier: Apache-2.0
"""Check a DSA transparency report by the template's own rules, and find what is missing.

source: Commission Implementing Regulation (EU) 2024/2835 Annex II: whole numbers, shares from 0 to
1, medians in hours; sub-categories add up to their category; texts of at most 5,000 characters.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from stemtide.protocol.law.dsa.cells import Cells, Value
from stemtide.protocol.law.dsa.figures import CellIn, ReportForm
from stemtide.protocol.law.dsa.template import (
    CONTEXT,
    TOTAL,
    VALUE,
    CellKind,
    Indicator,
    Period,
    Place,
    Shape,
    Worksheet,
    template,
)
from stemtide.protocol.privacy.personal import describe_spans, find_personal

_FROZEN = ConfigDict(frozen=True)

_HAS_NOTHING = {"hours": "total", "implemented": "reversed", "accuracy": "automated"}
_HAS_NOTHING |= {"precision": "automated", "recall": "automated"}
"""The end of an indicator's name, and of the count that it is about: nothing of 0 is missing."""


class Fault(BaseModel):
    """A cell that breaks a rule. says: the key of its sentence in report.toml."""

    model_config = _FROZEN

    sheet: str
    row: str
    column: str
    scope: str
    other: str
    says: str
    facts: dict[str, str]

    @property
    def place(self) -> Place:
        """Return where it is."""
        return Place(self.sheet, self.row, self.column, self.scope, self.other)

    @property
    def message(self) -> str:
        """Return the message in English, with the place."""
        parts = [self.sheet, f"row {self.row}", f"column {self.column}"]
        parts += [part for part in (self.scope, self.other) if part not in ("", TOTAL)]
        return f"{', '.join(parts)}: {template().sentence(self.says).format(**self.facts)}"


class Missing(BaseModel):
    """A cell that somebody must fill in. title: the indicator or heading, as the template has it.

    group: the columns that may be declared complete instead; "" if they cannot.
    """

    model_config = _FROZEN

    sheet: str
    row: str
    column: str
    scope: str
    title: str
    group: str = ""


def fault(place: Place, says: str, **facts: object) -> Fault:
    """Return a fault of a cell."""
    return Fault(
        **place._asdict(), says=says, facts={name: str(value) for name, value in facts.items()}
    )


def row_scopes(row: Indicator) -> tuple[str, ...]:
    """Return the scopes of an indicator's rows: TOTAL, or each language or State."""
    if row.scope == "LANGUAGE":
        return template().languages
    return template().member_states if row.scope == "STATE" else (TOTAL,)


def is_asked(row: Indicator, form: ReportForm) -> bool:
    """Whether a row is filled in: it applies to the service, and can happen there."""
    return row.applies in template().kinds[form.kind] and row.name not in form.impossible


def check_form(form: ReportForm, *, period: Period) -> Iterator[Fault]:
    """Yield the faults of what people added, each with its place."""
    if form.published and form.published <= period.ends:
        yield fault(Place("1_report_identification", "published", VALUE), "before_end")
    for name in ("provider", "service"):
        if spans := find_personal(str(getattr(form, name))):
            place = Place("1_report_identification", name, VALUE)
            yield fault(place, "personal", places=describe_spans(spans))
    places: set[Place] = set()
    for cell in form.cells:
        reason = "twice" if cell.place in places else _wrong_place(cell, form)
        places.add(cell.place)
        if reason:
            yield fault(cell.place, reason)
        elif problem := _wrong_value(cell):
            yield fault(cell.place, problem[0], **problem[1])


def _wrong_place(cell: CellIn, form: ReportForm) -> str:
    """Return why a cell has no place in the template; "" if it has one."""
    sheet = template().sheet(cell.sheet)
    if sheet is None or sheet.shape is Shape.IDENTIFICATION:
        return "unknown_sheet"
    if sheet.shape in (Shape.INDICATORS, Shape.TEXTS):
        return _wrong_indicator(cell, sheet, form)
    is_names = sheet.shape is Shape.NAMES
    rows = template().categories if is_names else template().categories_in(sheet)
    category = next((row for row in rows if row.label == cell.row), None)
    if category is None:
        return "unknown_row"
    if cell.other and (is_names or not category.is_other):
        return "only_other"
    if is_names:
        return "" if (cell.column, cell.scope) == (CONTEXT, TOTAL) else "unknown_column"
    needs_words = category.is_other and not cell.other and cell.value != 0
    return "not_described" if needs_words else _wrong_figure(cell, sheet, form)


def _wrong_indicator(cell: CellIn, sheet: Worksheet, form: ReportForm) -> str:
    """Return why a cell has no place in a sheet by indicator; "" if it has one."""
    row = sheet.indicator(cell.row)
    if row is None:
        return "unknown_row"
    columns = {VALUE, CONTEXT} if "Contextual" in sheet.common[-1] else {VALUE}
    reasons = {
        "unknown_scope": cell.scope not in row_scopes(row),
        "unknown_column": cell.column not in columns,
        "impossible": row.name in form.impossible,
        "not_applicable": not is_asked(row, form),
        "only_other": bool(cell.other),
    }
    return next((reason for reason, is_so in reasons.items() if is_so), "")


def _wrong_figure(cell: CellIn, sheet: Worksheet, form: ReportForm) -> str:
    """Return why a cell has no place in a sheet by category; "" if it has one."""
    states = template().member_states if sheet.has_states else ()
    reasons = {
        "unknown_column": sheet.column(cell.column.removeprefix(f"{CONTEXT}_")) is None,
        "unknown_scope": cell.scope not in (TOTAL, *states),
        "not_applicable": sheet.applies not in template().kinds[form.kind],
    }
    return next((reason for reason, is_so in reasons.items() if is_so), "")


def kind_of(place: Place) -> CellKind:
    """Return the kind of content of a cell of the template."""
    sheet = template().sheet(place.sheet)
    if sheet is None or place.column.startswith(CONTEXT):
        return CellKind.TEXT
    if (column := sheet.column(place.column)) is not None:
        return column.kind
    row = sheet.indicator(place.row)
    return row.kind if row else CellKind.TEXT


def _wrong_value(cell: CellIn) -> tuple[str, dict[str, Any]] | None:
    """Return the fault of a value, None if it has none."""
    kind, value = kind_of(cell.place), cell.value
    if kind is CellKind.TEXT:
        text = str(value)
        if len(text) > template().max_text:
            return "too_long", {"most": f"{template().max_text:,}"}
        spans = find_personal(f"{text} {cell.other}")
        return ("personal", {"places": describe_spans(spans)}) if spans else None
    if cell.other and (spans := find_personal(cell.other)):
        return "personal", {"places": describe_spans(spans)}
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is CellKind.COUNT:
        is_sound = isinstance(value, int) and is_number and value >= 0
        return None if is_sound else ("not_count", {})
    if not is_number or float(value) < 0:
        return ("not_hours" if kind is CellKind.HOURS else "not_share"), {}
    return ("not_share", {}) if kind is CellKind.SHARE and float(value) > 1 else None


def check_sums(cells: Cells) -> Iterator[Fault]:
    """Yield categories that are not the sum of their parts, and parts that exceed their whole."""
    for sheet in template().of_shape(Shape.CATEGORIES):
        for scope in cells.scopes(sheet):
            for column in sheet.columns:
                if column.kind is CellKind.COUNT:
                    yield from _check_column(cells, sheet, column.name, scope)
                if column.at_most:
                    yield from _check_at_most(cells, sheet, column.name, column.at_most)


def _check_column(cells: Cells, sheet: Worksheet, column: str, scope: str) -> Iterator[Fault]:
    """Yield the faults of sums in a column, as far as all parts are known."""
    leaves = template().leaves(sheet)
    tops = list(dict.fromkeys(leaf.top for leaf in leaves))
    wholes = [(top, [leaf for leaf in leaves if leaf.top == top], "sum") for top in tops]
    categories = [row for row in template().categories_in(sheet) if row.label in tops]
    for whole, members, says in [*wholes, (TOTAL, categories, "total")]:
        place = Place(sheet.name, whole, column, scope)
        if place not in cells or [row.label for row in members] == [whole]:
            continue
        parts = cells.parts(sheet, members, column=column, scope=scope)
        values = [int(cells[part]) for part in parts if part in cells]
        value, is_all_known = int(cells[place]), len(values) == len(parts)
        if value < sum(values) or (is_all_known and value != sum(values)):
            yield fault(place, says, value=value, parts=sum(values))


def _check_at_most(cells: Cells, sheet: Worksheet, column: str, whole: str) -> Iterator[Fault]:
    """Yield cells that are larger than what they are a part of."""
    for place, value in cells.items():
        if place.sheet == sheet.name and place.column == column:
            other = cells.get(place._replace(column=whole))
            if other is not None and float(value) > float(other):
                yield fault(place, "more_than", value=value, whole=other, other=whole)


def find_missing(
    cells: Cells, form: ReportForm, *, counted: Mapping[Place, Value]
) -> Iterator[Missing]:
    """Yield what people must still fill in, in the template's order."""
    for name in ("provider", "service", "published"):
        if not getattr(form, name):
            place = Place("1_report_identification", name, VALUE)
            yield Missing(**_address(place), title=name)
    for sheet in template().sheets:
        if sheet.shape is Shape.CATEGORIES and sheet.applies in template().kinds[form.kind]:
            yield from _missing_figures(cells, sheet, counted)
        elif sheet.shape in (Shape.INDICATORS, Shape.TEXTS):
            yield from _missing_rows(cells, sheet, form)


def _address(place: Place) -> dict[str, str]:
    return {name: part for name, part in place._asdict().items() if name != "other"}


def _missing_figures(
    cells: Cells, sheet: Worksheet, counted: Mapping[Place, Value]
) -> Iterator[Missing]:
    """Yield the totals that nobody knows, and medians of what was counted.

    A median is not missing where the program knows that there is none, as for orders that were
    never carried out.
    """
    for group in sheet.groups:
        first = Place(sheet.name, TOTAL, group.columns[0])
        column = sheet.column(first.column)
        if first not in cells and column is not None:
            yield Missing(**_address(first), title=column.title, group=group.name)
    for column in sheet.columns:
        for place, value in cells.items():
            median = place._replace(column=column.name)
            if place.sheet != sheet.name or place.column != column.of or not value:
                continue
            terrorist = place._replace(row=template().terrorist)
            has_none = terrorist._replace(column=column.name) not in counted
            if median not in cells and not (has_none and counted.get(terrorist) == value):
                yield Missing(**_address(median), title=column.title)


def _missing_rows(cells: Cells, sheet: Worksheet, form: ReportForm) -> Iterator[Missing]:
    """Yield the indicators that nobody filled in, but those of something that never happened."""
    group = sheet.groups[0].name if sheet.groups else ""
    for row in sheet.rows:
        start, _, end = row.name.rpartition("_")
        whole = Place(sheet.name, f"{start}_{_HAS_NOTHING.get(end, '')}", VALUE)
        if not is_asked(row, form) or cells.get(whole) == 0:
            continue
        for scope in row_scopes(row):
            place = Place(sheet.name, row.name, VALUE, scope)
            if place not in cells:
                may_complete = row.kind is CellKind.COUNT
                yield Missing(
                    **_address(place), title=row.indicator, group=group if may_complete else ""
                )
