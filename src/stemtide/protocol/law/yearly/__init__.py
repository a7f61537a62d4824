# SPDX-License-Identifier: Apache-2.0
"""Yearly reports required by law: the figures of each article as data, and the completed report.

A figure that the hub cannot know is marked as unknown, never as zero.

source: Regulation (EU) 2021/784 Art. 7, 8 and 21.
"""

import tomllib
from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class YearlyForm(StrEnum):
    """The yearly report, each defined in a file of its own."""

    ART_7 = "tco-art-7"
    ART_8 = "tco-art-8"
    ART_21 = "tco-art-21"


class YearlyKind(StrEnum):
    """Kind of a figure: a count, a measured number, or text by the party that reports.

    minutes and percent are rounded to one decimal.
    """

    COUNT = "count"
    MINUTES = "minutes"
    PERCENT = "percent"
    WORDS = "words"


class PieceDefinition(BaseModel):
    """A part of a count's breakdown. is_asked: the article requires it."""

    model_config = _FROZEN

    name: str
    title: str
    is_asked: bool = True


class FigureDefinition(BaseModel):
    """A figure of a report.

    is_known: the hub counts it. is_asked: the article requires it; others are additional.
    pieces:   breakdown of the count, in order.
    """

    model_config = _FROZEN

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    kind: YearlyKind
    title: str = Field(min_length=1)
    note: str = ""
    is_known: bool = False
    is_asked: bool = True
    pieces: tuple[PieceDefinition, ...] = ()

    @model_validator(mode="after")
    def _is_sound(self) -> "FigureDefinition":
        """Require that text is not counted, and that only counted figures have a breakdown."""
        if self.is_known and self.kind is YearlyKind.WORDS:
            raise ValueError(f"{self.name}: the hub writes no words, so they cannot be is_known")
        if self.pieces and not self.is_known:
            raise ValueError(f"{self.name}: only what is_known has pieces")
        return self


class PartDefinition(BaseModel):
    """A point of the article, with its figures."""

    model_config = _FROZEN

    name: str
    article: str
    title: str
    note: str = ""
    figures: tuple[FigureDefinition, ...]


class ReportDefinition(BaseModel):
    """A report's definition. before: publication deadline in the next year (month and day), or "".

    remark: guidance for lawyers. caution: points to check before publishing.
    nothing: the consequence if nothing was counted.
    """

    model_config = _FROZEN

    title: str
    source: str
    from_memory: bool
    remark: str
    before: str = Field("", pattern=r"^(\d\d-\d\d)?$")
    caution: str
    nothing: str
    parts: tuple[PartDefinition, ...]

    def figures(self) -> Iterator[FigureDefinition]:
        """Yield every figure, in order."""
        for part in self.parts:
            yield from part.figures

    def due(self, year: int) -> date | None:
        """Return the first day on which a year's report is late, None without a deadline."""
        return date.fromisoformat(f"{year + 1}-{self.before}") if self.before else None


@cache
def report_definition(form: YearlyForm) -> ReportDefinition:
    """Return the definition of a report, from its file."""
    raw = files(__package__).joinpath(f"{form}.toml").read_text("utf-8")
    return ReportDefinition.model_validate(tomllib.loads(raw))


class YearlyPiece(BaseModel):
    """A part of a count's breakdown."""

    name: str
    title: str
    count: int
    is_asked: bool


class YearlyLineIn(BaseModel):
    """A party's entry for a figure that the hub does not count. Entries cannot be deleted."""

    model_config = _FROZEN

    count: int | None = None
    text: str = ""


class YearlyFigure(BaseModel):
    """A figure in a report.

    is_known: the hub counted it. is_given: its party entered it. If neither, it is not known yet:
    count is null and text is empty.
    pieces: breakdown of the count; they overlap if the note says so.
    """

    name: str
    kind: YearlyKind
    title: str
    note: str
    is_known: bool
    is_asked: bool
    is_given: bool
    count: int | float | None
    text: str
    pieces: list[YearlyPiece]


class YearlyPart(BaseModel):
    """A point of the article, with its completed figures."""

    name: str
    article: str
    title: str
    note: str
    figures: list[YearlyFigure]


class YearlyVersionIn(BaseModel):
    """A request to finish a report. change: what changed, and why; empty for the first version."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    change: str = Field("", max_length=5_000)


class YearlyVersionOut(BaseModel):
    """A finished version. head: the ledger's highest number when it was finished."""

    number: int
    change: str
    finished_at: AwareDatetime
    head: int


class YearlyReport(BaseModel):
    """The yearly report of a party, from its own data; under Art. 21 that of its Member State.

    country: the Member State whose return it is; empty for other reports.
    until: end of the counted period; is_over: whether that is the end of the year.
    due: the first day on which it is late. is_empty: nothing was counted or entered.
    is_whole: the year is over, and every figure that the article requires is present.
    head: the ledger's highest number at that time.
    """

    form: YearlyForm
    party: str
    country: str = ""
    year: int
    zone: str
    exercise: bool
    made_at: AwareDatetime
    until: AwareDatetime
    head: int
    is_over: bool
    is_empty: bool
    is_whole: bool
    due: date | None
    title: str
    source: str
    from_memory: bool
    remark: str
    caution: str
    nothing: str
    parts: list[YearlyPart]
    versions: list[YearlyVersionOut] = []
