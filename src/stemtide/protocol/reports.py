# SPDX-License-Identifier: Apache-2.0
"""Messages about what stays of a crisis: its timeline and its post-crisis report."""

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from stemtide.protocol.words import NoteTopic, ReportAudience, ReportState

_ORDERS = ConfigDict(extra="forbid", frozen=True)

MAX_SECTION = 20_000
"""Characters that one section has at most."""


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a report, and what it is to answer."""

    name: str
    title: str
    asks: str
    source: str


@cache
def sections_of(framework: str) -> tuple[Section, ...]:
    """The sections that a framework version asks for, in order.

    raises: KeyError for a framework without a list: the data is checked by a test.
    """
    raw = tomllib.loads(files("stemtide.protocol").joinpath("reports.toml").read_text("utf-8"))
    return tuple(
        Section(name=name, **raw["sections"][name]) for name in raw["frameworks"][framework]
    )


class TimelineEntry(BaseModel):
    """One entry of a timeline. actor and subject: "withheld" where they are not for the reader."""

    number: int
    kind: str
    actor: str
    subject: str
    detail: dict[str, JsonValue]
    exercise: bool
    recorded_at: AwareDatetime


class TimelinePage(BaseModel):
    """A part of a timeline, oldest first; next: the number to go on after."""

    entries: list[TimelineEntry]
    next: int
    more: bool


class TimelineExport(BaseModel):
    """A whole timeline, as it was for one party at one moment.

    head: the ledger's highest number then. withheld: how many entries keep their names to others.
    """

    hub: UUID
    head: int
    crisis: UUID
    name: str
    framework: str
    exercise: bool
    tlp: str
    made_by: str
    made_at: AwareDatetime
    withheld: int
    entries: list[TimelineEntry]


class SectionIn(BaseModel):
    """The text of one section. No personal data."""

    model_config = _ORDERS

    text: str = Field(max_length=MAX_SECTION)


class NoteIn(BaseModel):
    """A debrief note. No personal data."""

    model_config = _ORDERS

    topic: NoteTopic
    text: str = Field(min_length=3, max_length=2000)


class ActionIn(BaseModel):
    """Something that is to be done, by a party, until a day."""

    model_config = _ORDERS

    text: str = Field(min_length=3, max_length=500)
    owner: str = Field(min_length=1, max_length=60)
    due: date


class PublishIn(BaseModel):
    """Who reads the report."""

    model_config = _ORDERS

    audience: ReportAudience


class SectionOut(BaseModel):
    """One section with its text, and who wrote it last."""

    name: str
    title: str
    asks: str
    source: str
    text: str
    written_by: str | None
    written_at: AwareDatetime | None


class NoteOut(BaseModel):
    """A debrief note."""

    id: UUID
    topic: NoteTopic
    text: str
    added_by: str
    added_at: AwareDatetime


class ActionOut(BaseModel):
    """An action of the debrief."""

    id: UUID
    text: str
    owner: str
    due: date
    done_at: AwareDatetime | None


class Moment(BaseModel):
    """A moment of a crisis, and how long after the event it was; None where that is not known."""

    name: str
    at: AwareDatetime
    after_s: int | None


class Cell(BaseModel):
    """A count. None: withheld, because somebody could reckon one provider's own from it."""

    name: str
    count: int | None


class Figures(BaseModel):
    """What the hub counted in a crisis. Everything here is a count, a word or a time.

    seen_by: the party whose view this is: what its marks let it see is what was counted.
    outcomes, matches: of all providers together, withheld where these are too few.
    """

    seen_by: str
    head: int
    moments: list[Moment]
    checks: list[Cell]
    participants: list[Cell]
    signals: int
    signals_by_kind: list[Cell]
    signals_by_label: list[Cell]
    signals_by_state: list[Cell]
    withdrawn_by_reason: list[Cell]
    disputed: int
    opinions: list[Cell]
    providers: int
    outcomes: list[Cell]
    matches: int | None
    messages_by_kind: list[Cell]
    public_lines: int


class ReportOut(BaseModel):
    """A post-crisis report. figures: frozen once it is published, live before."""

    id: UUID
    crisis: UUID
    crisis_name: str
    version: int
    framework: str
    state: ReportState
    audience: ReportAudience | None
    opened_by: str
    opened_at: AwareDatetime
    agreed_by: str | None
    agreed_at: AwareDatetime | None
    published_by: str | None
    published_at: AwareDatetime | None
    exercise: bool
    sections: list[SectionOut]
    notes: list[NoteOut]
    actions: list[ActionOut]
    figures: Figures
