# SPDX-License-Identifier: Apache-2.0
"""Fill in the template of DSA transparency reports.

1. Cells that the program counted, then those that people gave: a person's figure goes first.
2. In groups that are said to be complete: zeros for what could have happened and did not, sums of
   sub-categories and States, and medians where only one row has any.
3. Tables as in the template. Rows that do not apply, and what nobody knows, stay blank.

source: Commission Implementing Regulation (EU) 2024/2835 Annex II, Part I, points 1 and 4.
"""

from collections.abc import Iterable, Iterator
from datetime import date

from pydantic import BaseModel, ConfigDict

from stemtide.protocol.law.dsa import checks
from stemtide.protocol.law.dsa.cells import Cells, Value
from stemtide.protocol.law.dsa.checks import Fault, Missing
from stemtide.protocol.law.dsa.figures import ReportCounts, ReportForm, count
from stemtide.protocol.law.dsa.template import (
    CONTEXT,
    OWN_ILLEGAL,
    OWN_TERMS,
    TOTAL,
    VALUE,
    CellKind,
    Column,
    Group,
    Period,
    Place,
    Shape,
    Worksheet,
    template,
)

_FROZEN = ConfigDict(frozen=True)


class Table(BaseModel):
    """A filled sheet. None: a blank cell."""

    model_config = _FROZEN

    name: str
    header: list[str]
    rows: list[list[int | float | str | None]]


class DsaReport(BaseModel):
    """A report in the template. It is whole once nothing is missing and no fault is left.

    due: the last day to publish it. counted: cells that the program knew; added: those of people.
    """

    model_config = _FROZEN

    begins: date
    ends: date
    due: date
    is_over: bool
    is_whole: bool
    counted: int
    added: int
    missing: list[Missing]
    faults: list[Fault]
    tables: list[Table]


def fill(facts: ReportCounts, form: ReportForm, *, period: Period, today: date) -> DsaReport:
    """Return the report of a period."""
    faults = list(checks.check_form(form, period=period))
    refused = {fault.place for fault in faults}
    entries = {cell.place: cell.value for cell in form.cells if cell.place not in refused}
    counted = count(facts, form)
    cells = Cells({**counted, **entries})
    for sheet in template().sheets:
        for group in sheet.groups:
            if group.name in form.complete:
                _complete(cells, sheet, group, form)
    faults += checks.check_sums(cells)
    missing = list(checks.find_missing(cells, form, counted=counted))
    is_over = today > period.ends
    return DsaReport(
        begins=period.begins,
        ends=period.ends,
        due=period.due,
        is_over=is_over,
        is_whole=is_over and not missing and not faults,
        counted=len(counted),
        added=len(entries),
        missing=missing,
        faults=faults,
        tables=[_table(sheet, cells, form, period) for sheet in template().sheets],
    )


def _complete(cells: Cells, sheet: Worksheet, group: Group, form: ReportForm) -> None:
    """Fill in what is known because nothing else happened."""
    if sheet.applies not in template().kinds[form.kind]:
        return
    if sheet.shape is Shape.INDICATORS:
        for row in sheet.rows:
            if row.kind is CellKind.COUNT and checks.is_asked(row, form):
                cells.setdefault(Place(sheet.name, row.name, VALUE), 0)
        return
    columns = [column for name in group.columns if (column := sheet.column(name)) is not None]
    if sheet.name in (OWN_ILLEGAL, OWN_TERMS):
        possible = {"measures", "automated", *form.restrictions}
        columns = [column for column in columns if column.name in possible]
    states = cells.scopes(sheet)[1:]
    for column in columns:
        _complete_leaves(cells, sheet, column, states)
        for scope in (*states, TOTAL):
            _add_up(cells, sheet, column, scope)


def _complete_leaves(cells: Cells, sheet: Worksheet, column: Column, states: list[str]) -> None:
    """Fill in the rows that others add up: zeros, and the sum of the States."""
    for leaf in template().leaves(sheet):
        for other in cells.others(sheet, leaf):
            parts = [Place(sheet.name, leaf.label, column.name, state, other) for state in states]
            whole = Place(sheet.name, leaf.label, column.name, TOTAL, other)
            _combine(cells, whole, parts, column)


def _add_up(cells: Cells, sheet: Worksheet, column: Column, scope: str) -> None:
    """Fill in the categories of a scope, and its total."""
    leaves = template().leaves(sheet)
    tops = list(dict.fromkeys(leaf.top for leaf in leaves))
    for top in tops:
        members = [leaf for leaf in leaves if leaf.top == top]
        parts = cells.parts(sheet, members, column=column.name, scope=scope)
        if [member.label for member in members] != [top]:
            _combine(cells, Place(sheet.name, top, column.name, scope), parts, column)
    parts = [Place(sheet.name, top, column.name, scope) for top in tops]
    _combine(cells, Place(sheet.name, TOTAL, column.name, scope), parts, column)


def _combine(cells: Cells, whole: Place, parts: list[Place], column: Column) -> None:
    """Fill in a cell that is made of others.

    A count is their sum. A median cannot be made of medians: it is known if only one has any.
    """
    if column.kind is CellKind.COUNT:
        for part in parts:
            cells.setdefault(part, 0)
        cells.setdefault(whole, sum(int(cells[part]) for part in parts))
        return
    busy = [part for part in parts if cells.get(part._replace(column=column.of), 0)]
    if len(busy) == 1 and busy[0] in cells:
        cells.setdefault(whole, cells[busy[0]])


def _table(sheet: Worksheet, cells: Cells, form: ReportForm, period: Period) -> Table:
    """Return a sheet with its rows."""
    rows: Iterable[list[Value | None]]
    if sheet.shape is Shape.IDENTIFICATION:
        rows = _identification(sheet, form, period)
    elif sheet.shape is Shape.NAMES:
        rows = _name_rows(sheet, cells)
    elif sheet.shape is Shape.CATEGORIES:
        rows = _category_rows(sheet, cells, form, period)
    else:
        rows = _indicator_rows(sheet, cells, form, period)
    return Table(name=sheet.name, header=sheet.header, rows=list(rows))


def _identification(
    sheet: Worksheet, form: ReportForm, period: Period
) -> Iterator[list[Value | None]]:
    values: dict[str, date | str | None] = {
        "provider": form.provider,
        "published": form.published,
        "previous": form.previous,
        "begins": period.begins,
        "ends": period.ends,
    }
    for row in sheet.rows:
        value = values[row.name]
        text = str(value) if value else None
        yield [template().applies[row.applies], form.service or None, row.indicator, text]


def _name_rows(sheet: Worksheet, cells: Cells) -> Iterator[list[Value | None]]:
    """Yield the categories with what the provider says about its reading of them."""
    for row in template().categories:
        label = row.label if row.label == TOTAL else f"Category {row.label}"
        yield [label, row.title, row.code, cells.get(Place(sheet.name, row.label, CONTEXT))]


def _category_rows(
    sheet: Worksheet, cells: Cells, form: ReportForm, period: Period
) -> Iterator[list[Value | None]]:
    """Yield a row for each scope, category and added sub-category."""
    applies = template().applies[sheet.applies]
    columns = [column.name for column in sheet.columns]
    columns += [f"{CONTEXT}_{name}" for name in columns]
    is_asked = sheet.applies in template().kinds[form.kind]
    for scope in cells.scopes(sheet):
        for category in template().categories_in(sheet):
            for other in cells.others(sheet, category):
                head: list[Value | None] = [applies, form.service or None, period.text]
                head += [category.code, other or None, *([scope] if sheet.has_states else [])]
                yield head + [
                    cells.get(Place(sheet.name, category.label, name, scope, other))
                    if is_asked
                    else None
                    for name in columns
                ]


def _indicator_rows(
    sheet: Worksheet, cells: Cells, form: ReportForm, period: Period
) -> Iterator[list[Value | None]]:
    """Yield a row for each indicator, and for each language or State where it asks for them."""
    for row in sheet.rows:
        for scope in checks.row_scopes(row):
            cell = Place(sheet.name, row.name, VALUE, scope)
            is_asked = checks.is_asked(row, form)
            value = cells.get(cell) if is_asked else None
            context = cells.get(cell._replace(column=CONTEXT)) if is_asked else None
            yield [
                {
                    "Applicability": template().applies[row.applies],
                    "Service": form.service or None,
                    "Reporting period": period.text,
                    "Section": row.section,
                    "Indicator": row.indicator,
                    "Scope": row.scope if scope == TOTAL else scope,
                    "Value": value,
                }.get(heading, context)
                for heading in sheet.common
            ]
