# SPDX-License-Identifier: Apache-2.0
"""The template of DSA transparency reports: sheets, columns, rows and periods, as report.toml says.

source: Commission Implementing Regulation (EU) 2024/2835, Annexes I and II.
"""

import calendar
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

_STRICT = ConfigDict(frozen=True, extra="forbid")

TOTAL = "TOTAL"
VALUE, CONTEXT = "value", "context"
"""Columns of an indicator."""

ORDERS = "3_member_states_orders"
NOTICES = "4_notices"
OWN_ILLEGAL = "5_own_initiative_illegal"
OWN_TERMS = "6_own_initiative_TC"
APPEALS = "7_appeals_and_recidivism"
AUTOMATED = "8_automated_means"
"""Sheets that the program counts in, or that belong to each other."""


class ServiceKind(StrEnum):
    """Kind of service that reports; it decides which rows apply."""

    INTERMEDIARY = "intermediary"
    HOSTING = "hosting"
    PLATFORM = "platform"
    VLOP = "vlop"
    VLOSE = "vlose"


class CellKind(StrEnum):
    """The kind of content of a cell."""

    COUNT = "count"
    HOURS = "hours"
    SHARE = "share"
    TEXT = "text"
    DATE = "date"


class Shape(StrEnum):
    """How a sheet is built: by category, by indicator, or in one of the other ways."""

    IDENTIFICATION = "identification"
    NAMES = "names"
    CATEGORIES = "categories"
    INDICATORS = "indicators"
    TEXTS = "texts"


class Place(NamedTuple):
    """Where a cell is. other: the description of an added sub-category; "" for all other rows."""

    sheet: str
    row: str
    column: str
    scope: str = TOTAL
    other: str = ""

    @property
    def address(self) -> str:
        """Return it as one text, such as 4_notices/10d/received."""
        more = [part for part in (self.scope, self.other) if part not in ("", TOTAL)]
        return "/".join([self.sheet, self.row, self.column, *more])


class Category(BaseModel):
    """A category of content, such as 10, or a sub-category, such as 10d."""

    model_config = _STRICT

    label: str
    code: str
    title: str

    @property
    def top(self) -> str:
        """Return the number of the category that it belongs to."""
        return self.label.rstrip("abcdefgh")

    @property
    def is_other(self) -> bool:
        """Whether it is the sub-category that providers add theirs to."""
        return self.code == "KEYWORD_OTHER"


class Column(BaseModel):
    """A column of figures. of: the count that a median is of; at_most: it never exceeds this."""

    model_config = _STRICT

    name: str
    kind: CellKind
    title: str
    of: str = ""
    at_most: str = ""


class Indicator(BaseModel):
    """A row of a sheet that is built by indicator. applies: a key of [applies]."""

    model_config = _STRICT

    name: str
    applies: str
    indicator: str
    kind: CellKind
    section: str = ""
    scope: str = ""


class Group(BaseModel):
    """Columns that are filled in together."""

    model_config = _STRICT

    name: str
    columns: tuple[str, ...]


class Worksheet(BaseModel):
    """A sheet. common: headings before the figures; top: its category beside 1 to 14."""

    model_config = _STRICT

    name: str
    shape: Shape
    common: tuple[str, ...]
    applies: str = "all"
    top: str = ""
    has_states: bool = False
    columns: tuple[Column, ...] = ()
    contexts: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    rows: tuple[Indicator, ...] = ()

    @property
    def header(self) -> list[str]:
        """Return all headings."""
        return [*self.common, *(column.title for column in self.columns), *self.contexts]

    def column(self, name: str) -> Column | None:
        """Return a column of figures, None if there is none of that name."""
        return next((column for column in self.columns if column.name == name), None)

    def indicator(self, name: str) -> Indicator | None:
        """Return a row by its name, None if there is none."""
        return next((row for row in self.rows if row.name == name), None)


class Sentence(BaseModel):
    """The fault of a cell, with placeholders."""

    model_config = _STRICT

    name: str
    text: str


class Template(BaseModel):
    """The whole template. says: sentences of problems."""

    model_config = _STRICT

    source: str
    compared: str
    first_year: int
    months_to_publish: int
    max_text: int
    terrorist: str
    member_states: tuple[str, ...]
    languages: tuple[str, ...]
    categories: tuple[Category, ...]
    applies: Mapping[str, str]
    kinds: Mapping[ServiceKind, frozenset[str]]
    says: tuple[Sentence, ...]
    sheets: tuple[Worksheet, ...]

    def sheet(self, name: str) -> Worksheet | None:
        """Return a sheet by its name, None if there is none."""
        return next((sheet for sheet in self.sheets if sheet.name == name), None)

    def named(self, name: str) -> Worksheet:
        """Return a sheet that is there. raises: KeyError."""
        return {sheet.name: sheet for sheet in self.sheets}[name]

    def sentence(self, name: str) -> str:
        """Return a sentence by its name. raises: KeyError."""
        return {sentence.name: sentence.text for sentence in self.says}[name]

    def of_shape(self, shape: Shape) -> Iterator[Worksheet]:
        """Yield the sheets that are built in one way, in order."""
        yield from (sheet for sheet in self.sheets if sheet.shape is shape)

    def categories_in(self, sheet: Worksheet) -> list[Category]:
        """Return the categories of a sheet, the total first."""
        extra = {"15", "16", "17"} - {sheet.top}
        return [category for category in self.categories if category.top not in extra]

    def leaves(self, sheet: Worksheet) -> list[Category]:
        """Return the rows that others add up: sub-categories, and categories without any."""
        rows = self.categories_in(sheet)
        parents = {row.top for row in rows if row.label != row.top}
        return [row for row in rows if row.label != TOTAL and row.label not in parents]


@cache
def template() -> Template:
    """Return the template, from its file."""
    text = files(__package__).joinpath("report.toml").read_text("utf-8")
    return Template.model_validate(tomllib.loads(text))


@dataclass(frozen=True, slots=True)
class Period:
    """The time that a report covers: a year, or a half of it for very large services.

    source: Implementing Regulation (EU) 2024/2835 Art. 2.
    """

    year: int
    half: int = 0

    @property
    def begins(self) -> date:
        """Return the first day."""
        return date(self.year, 7 if self.half == 2 else 1, 1)  # noqa: PLR2004 - the second half

    @property
    def ends(self) -> date:
        """Return the last day."""
        return date(self.year, 6, 30) if self.half == 1 else date(self.year, 12, 31)

    @property
    def due(self) -> date:
        """Return the last day on which the report is published in time."""
        month = self.ends.month + template().months_to_publish
        year, month = self.ends.year + (month - 1) // 12, (month - 1) % 12 + 1
        return date(year, month, min(self.ends.day, calendar.monthrange(year, month)[1]))

    @property
    def earlier(self) -> "Period":
        """Return the period before it: the year before, or the half before."""
        if self.half == 2:  # noqa: PLR2004 - the second half
            return Period(self.year, 1)
        return Period(self.year - 1, self.half * 2)

    @property
    def text(self) -> str:
        """Return it as the template writes periods."""
        return f"{self.begins.isoformat()}/{self.ends.isoformat()}"


def file_name(period: Period, version: int) -> str:
    """Return the name of a report's file, without its ending. version: 0 for a draft."""
    part = f"-h{period.half}" if period.half else ""
    return f"dsa-report-{period.year}{part}-{f'v{version}' if version else 'draft'}"


def due_year(today: date) -> int:
    """Return the year whose report is to be published next."""
    return today.year - 1 if today <= Period(today.year - 1).due else today.year
