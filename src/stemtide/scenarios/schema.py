# SPDX-License-Identifier: Apache-2.0
"""The schema of a scenario: cast, content, injects, rules of bots and objectives."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from stemtide.protocol.enums import Duty, PartyKind
from stemtide.protocol.law import frameworks
from stemtide.protocol.places import Country
from stemtide.scenarios.acts import PRINTABLE_PATTERN, Act, Name, Names, Text

_STRICT = ConfigDict(extra="forbid", frozen=True)

MAX_MINUTES = 3 * 24 * 60
"""Longest exercise: three days."""

URL_PATTERN = r"^https?://\S+$"
PAGE_PATTERN = r"^/([a-z0-9/-]|\{crisis\})*(\?crisis=\{crisis\})?$"
KIND_PATTERN = r"^[a-z_]+\.[a-z_]+$"

Title = Annotated[str, StringConstraints(min_length=3, max_length=200, pattern=PRINTABLE_PATTERN)]


class ContentKind(StrEnum):
    """Kind of content that the program makes."""

    PICTURE = "picture"
    FILM = "film"
    TEXT = "text"
    ADDRESS = "address"


VARIANTS: dict[ContentKind, tuple[str, ...]] = {
    ContentKind.PICTURE: ("untouched", "reencoded", "resized", "watermarked", "cropped"),
    ContentKind.FILM: ("untouched", "recut", "sound-over-a-still"),
    ContentKind.TEXT: ("untouched", "excerpt"),
    ContentKind.ADDRESS: ("untouched", "other-spelling"),
}
"""Alterations of copies, by kind of content."""


class ScenarioSource(BaseModel):
    """A public source on which the scenario builds."""

    model_config = _STRICT

    title: Title
    url: Annotated[str, StringConstraints(pattern=URL_PATTERN, max_length=500)]


class CastMember(BaseModel):
    """A party of the exercise.

    agent:     it runs a real agent in exercise mode (providers).
    competent: duties of Regulation (EU) 2021/784 for which it is named (authorities).
    """

    model_config = _STRICT

    title: Title
    kind: PartyKind
    country: Country
    agent: bool = False
    competent: tuple[Duty, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse agents of parties that have no uploads, and duties of others than authorities."""
        if self.agent and self.kind is not PartyKind.PROVIDER:
            raise ValueError("agent: only providers run agents: remove it")
        if self.competent and self.kind is not PartyKind.AUTHORITY:
            raise ValueError("competent: only authorities are named for duties: remove it")
        return self


class ScenarioContent(BaseModel):
    """Content of the exercise, which the program makes and marks with the word EXERCISE.

    seed:     another number makes other content of the same kind.
    harmless: ordinary content that must not match; a match of it counts as false.
    """

    model_config = _STRICT

    kind: ContentKind
    seed: int = Field(ge=0, le=10_000)
    harmless: bool = False


class Step(BaseModel):
    """An inject or a rule: a party and its act.

    by:      the party; "" for acts of the world outside.
    only_if: steps and milestones that must all have happened; unless: none of them may have.
    """

    model_config = _STRICT

    name: Name
    by: str = ""
    only_if: Names = ()
    unless: Names = ()
    do: Act

    @model_validator(mode="before")
    @classmethod
    def _collect_act(cls, row: object) -> object:
        """Collect the keys of the act, which stand beside those of the step in the file."""
        if not isinstance(row, dict) or "do" in row:
            return row
        own = {key: value for key, value in row.items() if key in cls.model_fields}
        return own | {"do": {key: value for key, value in row.items() if key not in own}}


class Inject(Step):
    """A step on the time line. at_min: minutes after the start."""

    at_min: float = Field(ge=0, le=MAX_MINUTES)


class BotRule(Step):
    """An act of a bot, some minutes after another step or a milestone.

    jitter_min: up to so many minutes more, by the seed of the run.
    """

    by: str = Field(min_length=1)
    after: Name
    delay_min: float = Field(ge=0, le=MAX_MINUTES)
    jitter_min: float = Field(default=0, ge=0, le=600)


class Objective(BaseModel):
    """An aim of the exercise: a measure and its bounds. party: of this party alone."""

    model_config = _STRICT

    text: Text
    measure: str
    party: str = ""
    at_most: float | None = Field(default=None, ge=0)
    at_least: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Require bounds that something can fulfil."""
        if self.at_most is None and self.at_least is None:
            raise ValueError("at_most: say what is good: give at_most, at_least or both")
        if None not in {self.at_most, self.at_least} and (self.at_least or 0) > (self.at_most or 0):
            raise ValueError("at_least: is more than at_most: nothing can fulfil both")
        return self


class HintWords(BaseModel):
    """The words of a hint. why: the reason for it in the protocol."""

    model_config = _STRICT

    title: Title
    text: Text
    why: Text


class Hint(HintWords):
    """The next thing that a learner does, in English.

    nl, fr, de: the same in these languages.
    page:    of the desk where it is done; {crisis} is replaced by the id of the crisis.
    done_by: kinds of ledger entries of the learner's party, of which one shows that it is done.
    """

    page: Annotated[str, StringConstraints(pattern=PAGE_PATTERN, max_length=100)]
    done_by: tuple[Annotated[str, StringConstraints(pattern=KIND_PATTERN)], ...] = Field(
        min_length=1, max_length=8
    )
    nl: HintWords | None = None
    fr: HintWords | None = None
    de: HintWords | None = None

    def words(self, language: str) -> tuple[HintWords, str]:
        """Return the words in a language, and the language that they are in: English if missing."""
        translations = {"nl": self.nl, "fr": self.fr, "de": self.de}
        translation = translations.get(language)
        return (translation, language) if translation else (self, "en")


class Lesson(BaseModel):
    """A guided run. plays: the member of the cast that the learner plays.

    speed: minutes of the exercise for each real minute.
    """

    model_config = _STRICT

    plays: Name
    speed: float = Field(ge=1, le=60)
    hints: tuple[Hint, ...] = Field(min_length=1, max_length=30)


class Scenario(BaseModel):
    """A scenario. name: that of its file.

    duration_min: the exercise ends then, even if steps are still due.
    right_answer: a good response, in one sentence, for the debrief.
    """

    model_config = _STRICT

    name: Name
    title: Title
    summary: Text
    right_answer: Text
    framework: str = frameworks.newest()
    duration_min: float = Field(gt=0, le=MAX_MINUTES)
    sources: tuple[ScenarioSource, ...] = Field(min_length=1)
    cast: dict[Name, CastMember] = Field(min_length=2, max_length=40)
    content: dict[Name, ScenarioContent] = Field(default={}, max_length=200)
    injects: tuple[Inject, ...] = Field(min_length=1, max_length=500)
    rules: tuple[BotRule, ...] = Field(default=(), max_length=500)
    objectives: tuple[Objective, ...] = Field(min_length=1, max_length=100)
    lesson: Lesson | None = None

    @property
    def steps(self) -> tuple[Inject | BotRule, ...]:
        """Return all injects, then all rules."""
        return (*self.injects, *self.rules)
