# SPDX-License-Identifier: Apache-2.0
"""Messages about the record of a crisis: its timeline and its post-crisis report."""

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from stemtide.protocol.enums import NoteTopic, ReportAudience, ReportState

_STRICT = ConfigDict(extra="forbid", frozen=True)

MAX_SECTION = 20_000
"""Maximum characters of a section."""


@dataclass(frozen=True, slots=True)
class SectionDefinition:
    """A section of a report. asks: the question that it should answer."""

    name: str
    title: str
    asks: str
    source: str


@cache
def sections_of(framework: str) -> tuple[SectionDefinition, ...]:
    """Return the sections that a framework version asks for, in order.

    raises: KeyError for a framework without a list: the data is checked by a test.
    """
    raw = tomllib.loads(
        files("stemtide.protocol.messages").joinpath("reports.toml").read_text("utf-8")
    )
    return tuple(
        SectionDefinition(name=name, **raw["sections"][name])
        for name in raw["frameworks"][framework]
    )


class TimelineEntry(BaseModel):
    """An entry of a timeline. actor, subject: "withheld" if the reader may not see them."""

    number: int
    kind: str
    actor: str
    subject: str
    detail: dict[str, JsonValue]
    exercise: bool
    recorded_at: AwareDatetime


class TimelinePage(BaseModel):
    """A page of a timeline, oldest first. next: the number to continue after."""

    entries: list[TimelineEntry]
    next: int
    more: bool


class TimelineExport(BaseModel):
    """A complete timeline, as one party may see it at one time.

    head: the ledger's highest number then. withheld: number of entries with names withheld.
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
    """The text of a section, without personal data."""

    model_config = _STRICT

    text: str = Field(max_length=MAX_SECTION)


class NoteIn(BaseModel):
    """A debrief note, without personal data."""

    model_config = _STRICT

    topic: NoteTopic
    text: str = Field(min_length=3, max_length=2000)


class ActionIn(BaseModel):
    """An action for a party to complete by a date."""

    model_config = _STRICT

    text: str = Field(min_length=3, max_length=500)
    owner: str = Field(min_length=1, max_length=60)
    due: date


class PublishIn(BaseModel):
    """The audience of a published report."""

    model_config = _STRICT

    audience: ReportAudience


class SectionOut(BaseModel):
    """A section with its text and its last author."""

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
    """A time in a crisis. after_s: seconds since the event, None if that is unknown."""

    name: str
    at: AwareDatetime
    after_s: int | None


class Cell(BaseModel):
    """A count. count: None if withheld, as a single provider's count could be computed from it."""

    name: str
    count: int | None


class Figures(BaseModel):
    """Figures of a crisis: only counts, categories and times.

    seen_by: the party that may see them: only signals that it may see were counted.
    outcomes, matches: of all providers together, withheld if these are too few.
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
    """A post-crisis report. figures: frozen at publication, live before."""

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
