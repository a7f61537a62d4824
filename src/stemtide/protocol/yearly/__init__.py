# SPDX-License-Identifier: Apache-2.0
"""Yearly reports that the law asks for: what each article asks as data, and the filled report.

A figure that the hub cannot know says so. It is never a nought.

source: Regulation (EU) 2021/784 Art. 7 and 8.
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
    """Which report: each has a file of its own here."""

    ART_7 = "tco-art-7"
    ART_8 = "tco-art-8"


class YearlyKind(StrEnum):
    """What a figure is: how many, or words of whoever publishes the report."""

    COUNT = "count"
    WORDS = "words"


class PieceAsked(BaseModel):
    """One of the pieces that a count is divided into. is_asked: the article asks for it."""

    model_config = _FROZEN

    name: str
    title: str
    is_asked: bool = True


class FigureAsked(BaseModel):
    """One figure of a report.

    is_known: the hub counts it. is_asked: the article asks for it; what is not stands beside.
    pieces:   what the count is divided into, in order.
    """

    model_config = _FROZEN

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    kind: YearlyKind
    title: str = Field(min_length=1)
    note: str = ""
    is_known: bool = False
    is_asked: bool = True
    pieces: tuple[PieceAsked, ...] = ()

    @model_validator(mode="after")
    def _is_sound(self) -> "FigureAsked":
        """The hub writes no words, and divides only what it counts."""
        if self.is_known and self.kind is YearlyKind.WORDS:
            raise ValueError(f"{self.name}: the hub writes no words, so they cannot be is_known")
        if self.pieces and not self.is_known:
            raise ValueError(f"{self.name}: only what is_known has pieces")
        return self


class PartAsked(BaseModel):
    """One point of the article, with its figures."""

    model_config = _FROZEN

    name: str
    article: str
    title: str
    note: str = ""
    figures: tuple[FigureAsked, ...]


class ReportAsked(BaseModel):
    """A whole report. before: month and day of the next year by which it is published, or "".

    remark: what a lawyer should know. caution: what to look at before publishing.
    nothing: what follows where nothing was counted.
    """

    model_config = _FROZEN

    title: str
    source: str
    from_memory: bool
    remark: str
    before: str = Field("", pattern=r"^(\d\d-\d\d)?$")
    caution: str
    nothing: str
    parts: tuple[PartAsked, ...]

    def figures(self) -> Iterator[FigureAsked]:
        """Every figure, in order."""
        for part in self.parts:
            yield from part.figures

    def due(self, year: int) -> date | None:
        """The first day on which the report of a year is late, where the article names one."""
        return date.fromisoformat(f"{year + 1}-{self.before}") if self.before else None


@cache
def report_asked(form: YearlyForm) -> ReportAsked:
    """What a report asks for, from its file."""
    raw = files(__package__).joinpath(f"{form}.toml").read_text("utf-8")
    return ReportAsked.model_validate(tomllib.loads(raw))


class YearlyPiece(BaseModel):
    """One piece of a count."""

    name: str
    title: str
    count: int
    is_asked: bool


class YearlyLineIn(BaseModel):
    """What a party writes for one figure that the hub does not count; nothing takes it away."""

    model_config = _FROZEN

    count: int | None = None
    text: str = ""


class YearlyFigure(BaseModel):
    """One figure as it stands in a report.

    is_known: the hub counted it. is_given: its party wrote it. Where neither is, nobody knows it
    yet: count is null and text is empty.
    pieces: what the count is divided into; they overlap where the note says so.
    """

    name: str
    kind: YearlyKind
    title: str
    note: str
    is_known: bool
    is_asked: bool
    is_given: bool
    count: int | None
    text: str
    pieces: list[YearlyPiece]


class YearlyPart(BaseModel):
    """One point of the article, filled."""

    name: str
    article: str
    title: str
    note: str
    figures: list[YearlyFigure]


class YearlyReport(BaseModel):
    """The report of one party on one year, as its own rows tell it.

    until: up to which moment of the year is counted; is_over: whether that is its end.
    due: the first day on which it is late. is_empty: nothing was counted, and nothing written.
    is_whole: the year is over, and of what the article asks nothing is missing.
    head: the ledger's highest number then.
    """

    form: YearlyForm
    party: str
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
