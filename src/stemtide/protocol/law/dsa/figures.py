# SPDX-License-Identifier: Apache-2.0
"""The parts of a DSA transparency report: counts, and the form that people fill in."""

from collections.abc import Iterable
from datetime import date
from statistics import median
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictFloat,
    StrictInt,
    StrictStr,
    WithJsonSchema,
)

from stemtide.protocol.law.dsa.cells import Value
from stemtide.protocol.law.dsa.template import (
    APPEALS,
    AUTOMATED,
    CONTEXT,
    ORDERS,
    OWN_ILLEGAL,
    OWN_TERMS,
    TOTAL,
    VALUE,
    Place,
    ServiceKind,
    Shape,
    template,
)

_STRICT = ConfigDict(frozen=True, extra="forbid")

_EUROSTAT = {"GR": "EL"}
"""Codes of Eurostat that differ from ISO 3166-1."""

_MAX_VALUE = 10**15

MAX_CELLS = 5_000
"""Cells that a form may hold."""


_GROUPS = sorted(group.name for sheet in template().sheets for group in sheet.groups)
_ROWS = sorted(row.name for sheet in template().of_shape(Shape.INDICATORS) for row in sheet.rows)
_COLUMNS = [
    column.name for column in template().named(OWN_TERMS).columns if column.at_most == "measures"
]
_RESTRICTIONS = [name for name in _COLUMNS if name != "automated"]


def _check_group(name: str) -> str:
    return _check_name(name, _GROUPS)


def _check_row(name: str) -> str:
    return _check_name(name, _ROWS)


def _check_restriction(name: str) -> str:
    return _check_name(name, _RESTRICTIONS)


def _check_name(name: str, names: list[str]) -> str:
    if name not in names:
        raise ValueError(f"must be one of {', '.join(names)}")
    return name


GroupName = Annotated[
    str, AfterValidator(_check_group), WithJsonSchema({"type": "string", "enum": _GROUPS})
]
RowName = Annotated[
    str, AfterValidator(_check_row), WithJsonSchema({"type": "string", "enum": _ROWS})
]
RestrictionName = Annotated[
    str,
    AfterValidator(_check_restriction),
    WithJsonSchema({"type": "string", "enum": _RESTRICTIONS}),
]


def _sort(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return names in one order, each once."""
    return tuple(sorted(set(names)))


class OrderFact(BaseModel):
    """A removal order that was received. Hours are from its receipt; None if it never happened."""

    model_config = _STRICT

    country: str
    items: int
    receipt_hours: float | None = None
    effect_hours: float | None = None


class ComplaintCounts(BaseModel):
    """Complaints about restrictions: filed in the period, and those that ended in it.

    kept: the provider's decision stood; reversed: it did not; omitted: taken back.
    hours: from filing to each decision.
    """

    model_config = _STRICT

    filed: int
    kept: int
    reversed: int
    omitted: int
    hours: tuple[float, ...] = ()


class BlockCounts(BaseModel):
    """Uploads that were blocked because they matched a signal.

    undone: those that were given back, because the match or the signal was wrong.
    """

    model_config = _STRICT

    blocked: int
    undone: int


class ReportCounts(BaseModel):
    """Counts of the program. None: it cannot know, which is not the same as zero."""

    model_config = _STRICT

    orders: tuple[OrderFact, ...] | None = None
    complaints: ComplaintCounts | None = None
    blocks: BlockCounts | None = None


class CellIn(BaseModel):
    """A figure that people add. other: the description of a sub-category of your own.

    sheet, row, column: names from report.toml; a row of categories is a label, such as 10d.
    scope: a Member State or a language, such as DE or de.
    """

    model_config = _STRICT

    sheet: str = Field(max_length=40)
    row: str = Field(max_length=40)
    column: str = Field(VALUE, max_length=60)
    scope: str = Field(TOTAL, max_length=5)
    other: str = Field("", max_length=200)
    value: (
        Annotated[StrictInt, Field(ge=-_MAX_VALUE, le=_MAX_VALUE)]
        | Annotated[StrictFloat, Field(ge=-_MAX_VALUE, le=_MAX_VALUE, allow_inf_nan=False)]
        | Annotated[StrictStr, Field(max_length=20_000)]
    )

    @property
    def place(self) -> Place:
        """Return where it belongs."""
        return Place(self.sheet, self.row, self.column, self.scope, self.other)

    @property
    def address(self) -> str:
        """Return where it belongs as one text."""
        return self.place.address


class ReportForm(BaseModel):
    """The form that people fill in for a report.

    ground, measure: what blocks are based on and what they do, as the hub does not know.
    complete:     groups in which nothing happened beside what is counted or entered.
    restrictions: kinds of restriction that the service can impose (columns of own initiative).
    impossible:   rows that can never happen in the service: they stay blank.
    """

    model_config = _STRICT

    provider: str = Field("", max_length=200)
    service: str = Field("", max_length=200)
    kind: ServiceKind = ServiceKind.PLATFORM
    published: date | None = None
    previous: date | None = None
    ground: Literal["", "law", "terms"] = ""
    measure: Literal["", "removal", "disable"] = ""
    complete: Annotated[tuple[GroupName, ...], AfterValidator(_sort)] = ()
    restrictions: Annotated[tuple[RestrictionName, ...], AfterValidator(_sort)] = (
        "disable",
        "removal",
    )
    impossible: Annotated[tuple[RowName, ...], AfterValidator(_sort)] = ()
    cells: tuple[CellIn, ...] = Field((), max_length=MAX_CELLS)


def count(facts: ReportCounts, form: ReportForm) -> dict[Place, Value]:
    """Return the cells that the program knows."""
    cells: dict[Place, Value] = {}
    if facts.orders is not None:
        cells |= _count_orders(facts.orders)
    if facts.complaints is not None:
        cells |= _count_complaints(facts.complaints)
    if facts.blocks is not None:
        cells |= _count_blocks(facts.blocks, form)
    return cells


def scope_of(country: str) -> str:
    """Return a country's code as Eurostat writes it."""
    return _EUROSTAT.get(country, country)


def middle(hours: Iterable[float | None]) -> float | None:
    """Return the median, None if there is nothing to take it of."""
    times = [hour for hour in hours if hour is not None]
    return round(median(times), 4) if times else None


def _count_orders(orders: tuple[OrderFact, ...]) -> dict[Place, Value]:
    """Count orders by the State of their authority.

    Only States that sent an order get rows; the template asks for no others.
    """
    states = {scope_of(order.country) for order in orders} & set(template().member_states)
    cells: dict[Place, Value] = {}
    for scope in (TOTAL, *sorted(states)):
        rows = [order for order in orders if scope in (TOTAL, scope_of(order.country))]
        figures: dict[str, Value | None] = {
            "received": len(rows),
            "items": sum(order.items for order in rows),
            "receipt_hours": middle(order.receipt_hours for order in rows),
            "effect_hours": middle(order.effect_hours for order in rows),
        }
        for column, value in figures.items():
            if value is not None:
                cells[Place(ORDERS, template().terrorist, column, scope)] = value
    return cells


def _count_complaints(complaints: ComplaintCounts) -> dict[Place, Value]:
    """Count complaints. All are about restricted content, and none is decided in part.

    A complaint that is upheld is a decision of the provider that is reversed.
    """
    figures: dict[str, Value | None] = {
        "total": complaints.filed,
        "upheld": complaints.kept,
        "partially_reversed": 0,
        "reversed": complaints.reversed,
        "hours": middle(complaints.hours),
    }
    cells: dict[Place, Value] = {
        Place(APPEALS, f"{part}_{name}", VALUE): value
        for part in ("complaints", "visibility")
        for name, value in figures.items()
        if value is not None
    }
    return cells | {Place(APPEALS, "complaints_omitted", VALUE): complaints.omitted}


def _count_blocks(blocks: BlockCounts, form: ReportForm) -> dict[Place, Value]:
    """Count blocks as measures of own initiative that were detected and taken by a machine."""
    cells: dict[Place, Value] = {}
    if form.ground:
        sheet = OWN_ILLEGAL if form.ground == "law" else OWN_TERMS
        for column in ("measures", "automated", *([form.measure] if form.measure else [])):
            cells[Place(sheet, template().terrorist, column)] = blocks.blocked
    for part in ("all", "own"):
        cells[Place(AUTOMATED, f"{part}_automated", VALUE)] = blocks.blocked
        if blocks.blocked:
            share = round(1 - min(blocks.undone, blocks.blocked) / blocks.blocked, 6)
            cells[Place(AUTOMATED, f"{part}_precision", VALUE)] = share
            cells[Place(AUTOMATED, f"{part}_precision", CONTEXT)] = (
                f"Exact and near-exact matching: {blocks.undone:,} of {blocks.blocked:,} automatic"
                " blocks were undone, because the match or the signal was found to be wrong."
            )
    return cells
