# SPDX-License-Identifier: Apache-2.0
"""The file of a result: its schema, and how it is read and written.

A file may come from another state, so it is read as hostile input: its size is limited, each text
has a length and no character that a terminal obeys, and what the schema does not name is dropped.
"""

import os
import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from stemtide.scenarios.acts import PRINTABLE_PATTERN, Name, Text
from stemtide.scenarios.measures import MEASURES, Unit
from stemtide.scenarios.schema import Title

MAX_BYTES = 20_000_000
"""Largest file of a result. A night of 2,000 referrals makes one of 1 MB."""

MAX_ACTIONS = 1000
MAX_NOTES = 5000
_ROWS = 200_000

Line = Annotated[str, StringConstraints(max_length=5000, pattern=PRINTABLE_PATTERN)]
"""A text without a control character; it may be empty."""

Word = Annotated[str, StringConstraints(max_length=120, pattern=PRINTABLE_PATTERN)]
Named = Annotated[Word, Field(min_length=1)]
Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e12, le=1e12)]
Minute = Annotated[float, Field(allow_inf_nan=False, ge=0, le=1e6)]
Entries = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(max_length=_ROWS)]

_FIRST_PROBLEMS = 5


class ResultError(Exception):
    """A result cannot be used; the message names the file and the remedy."""


class _Part(BaseModel):
    """A part of a result. Keys of later versions are dropped."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class ResultFigure(_Part):
    """A measure and its value. party: of which alone; "" for all."""

    measure: Named
    party: Word = ""
    unit: Unit
    value: Number | None
    entries: Entries = ()

    @property
    def title(self) -> str:
        """Return the measure's title; its name if a later version made the file."""
        return MEASURES[self.measure].title if self.measure in MEASURES else self.measure


class ObjectiveRow(ResultFigure):
    """An objective with its figure and its bounds."""

    text: Line
    is_met: bool
    at_least: Number | None = None
    at_most: Number | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse a verdict that does not follow from the value and its bounds."""
        value = self.value
        is_within = value is not None and not (
            (self.at_least is not None and value < self.at_least)
            or (self.at_most is not None and value > self.at_most)
        )
        if self.is_met != is_within:
            raise ValueError("is_met does not follow from value, at_least and at_most")
        return self


class StoredStep(_Part):
    """An inject or a rule and its result; the states are those of the player."""

    name: Word
    by: Word
    act: Word
    state: Word
    at_min: Minute | None
    note: Line


class StoredCopies(_Part):
    """An upload. provider: "" in the common view."""

    at_min: Minute
    step: Word
    provider: Word
    content: Word
    variant: Word
    is_harmless: bool
    is_match: bool


class StoredEntry(_Part):
    """An entry of the ledger."""

    number: Annotated[int, Field(ge=0)]
    kind: Word
    actor: Word
    subject: Word
    at_min: Minute


Count = Annotated[int, Field(ge=0, lt=2**53)]


class SpreadPointRow(_Part):
    """Sums of a spread up to a minute; see SpreadPoint."""

    at_min: Minute
    uploads: Count
    at_agents: Count
    stopped: Count
    deleted: Count
    visible: Count
    visible_without: Count
    visible_min: Count
    visible_min_without: Count


class SampleRow(_Part):
    """A real copy and how many it represents. provider: "" in the common view."""

    at_min: Minute
    provider: Word
    variant: Count
    weight: Count
    is_match: bool


class SpreadRow(_Part):
    """A spread with real agents at its providers."""

    step: Word
    content: Word
    services: Annotated[int, Field(ge=1, le=1_000_000)]
    providers: Annotated[tuple[Word, ...], Field(max_length=100)]
    points: Annotated[tuple[SpreadPointRow, ...], Field(max_length=5000)]
    samples: Annotated[tuple[SampleRow, ...], Field(max_length=_ROWS)] = ()


class DelayRow(_Part):
    """The time that a party took. minutes: None if it had not answered when the exercise ended."""

    party: Word
    reaction: Named
    began_min: Minute
    minutes: Minute | None
    entries: Entries = ()


class StoredObservation(_Part):
    """A note of a person. about: the party that alone reads it; "" for all."""

    at_min: Minute
    by: Title
    text: Text
    about: Word = ""


class FollowUp(_Part):
    """A follow-up action. owner: a party of the cast, or anybody's name.

    is_private: only on the page of its owner.
    """

    number: Annotated[int, Field(ge=1, le=MAX_ACTIONS)]
    text: Text
    owner: Title
    due: date
    done_on: date | None = None
    is_private: bool = False

    def is_overdue(self, today: date) -> bool:
        """Whether it is not done and its day has passed."""
        return self.done_on is None and self.due < today


class ResultFile(_Part):
    """A result as it is stored.

    played_at: None in files of earlier versions. is_common: parts of single parties are left out.
    """

    format: Literal[1]
    exercise: Literal[True]
    scenario: Name
    title: Title
    right_answer: Text
    framework: Word
    cast: Annotated[dict[Name, Title], Field(max_length=40)]
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)]
    speed: Number = 1.0
    duration_min: Annotated[Minute, Field(gt=0)]
    played_at: datetime | None = None
    is_common: bool = False
    objectives: Annotated[tuple[ObjectiveRow, ...], Field(max_length=100)]
    figures: Annotated[tuple[ResultFigure, ...], Field(max_length=5000)]
    steps: Annotated[tuple[StoredStep, ...], Field(max_length=1000)]
    copies: Annotated[tuple[StoredCopies, ...], Field(max_length=_ROWS)] = ()
    entries: Annotated[tuple[StoredEntry, ...], Field(max_length=_ROWS)] = ()
    spread: SpreadRow | None = None
    delays: Annotated[tuple[DelayRow, ...], Field(max_length=_ROWS)] = ()
    observations: Annotated[tuple[StoredObservation, ...], Field(max_length=MAX_NOTES)] = ()
    actions: Annotated[tuple[FollowUp, ...], Field(max_length=MAX_ACTIONS)] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse two actions of one number: commands name an action by it."""
        if len({action.number for action in self.actions}) < len(self.actions):
            raise ValueError("two actions have the same number")
        return self

    @property
    def met(self) -> int:
        """Return how many objectives are met."""
        return sum(row.is_met for row in self.objectives)

    def title_of(self, party: str) -> str:
        """Return a party's title; its name if the cast does not have it."""
        return self.cast.get(party, party)


def read(path: Path) -> ResultFile:
    """Read a result. raises: ResultError."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ResultError(f"{path} cannot be read: {error.strerror}") from error
    return parse(raw, file=str(path))


def parse(raw: bytes, *, file: str) -> ResultFile:
    """Parse and check a result. raises: ResultError with the first problems."""
    if len(raw) > MAX_BYTES:
        raise ResultError(f"{file} has more than {MAX_BYTES:,} bytes: name a result.json")
    try:
        return ResultFile.model_validate_json(raw)
    except ValidationError as error:
        raise ResultError(
            f"{file} is no result of stemtide exercise run: name a result.json. {_problems(error)}"
        ) from error


def _problems(error: ValidationError) -> str:
    """Return the first problems of a file, each with its place; nothing of the file's own text."""
    details = error.errors(include_url=False, include_input=False, include_context=False)
    lines = [
        f"{'.'.join(map(str, detail['loc'])) or 'the file'}: {detail['msg']}"
        for detail in details[:_FIRST_PROBLEMS]
    ]
    more = len(details) - _FIRST_PROBLEMS
    text = "; ".join(lines) + (f"; and {more} more" if more > 0 else "")
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def as_text(result: ResultFile) -> str:
    """Return a result as JSON text, as it is stored."""
    return result.model_dump_json(indent=1) + "\n"


def write(path: Path, result: ResultFile) -> None:
    """Write a result at once, so that a reader never sees half of it. raises: OSError."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as draft:
        draft.write(as_text(result))
        draft.flush()
        os.fsync(draft.fileno())
    Path(draft.name).replace(path)
