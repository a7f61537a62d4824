# SPDX-License-Identifier: Apache-2.0
"""Messages about signals that match far more uploads than is plausible (the flood guard)."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from stemtide.protocol.sync.agents import Lookups
from stemtide.protocol.trust.runaway import RunawayState

_STRICT = ConfigDict(extra="forbid", frozen=True)

MOST_BUCKETS = 48
"""Spans of a curve in one report; the hub adds later ones to it."""

_Count = Annotated[int, Field(ge=0, le=1_000_000_000_000)]


class RunawayBucket(Lookups):
    """Matches of a signal, and look-ups of its kind, in one span of five minutes.

    count: the look-ups.
    """

    matches: _Count


class RunawayReportIn(BaseModel):
    """An agent's report about a signal that matches too much. Counts only, nothing about an upload.

    A later report of the same agent about the signal replaces it, so it may be sent again.

    since: the first match of the flood. matches, lookups: since then; look-ups of the signal's
    kind. most: matches within an hour that the agent would not have found out of line.
    """

    model_config = _STRICT

    state: RunawayState
    since: AwareDatetime
    matches: _Count
    lookups: _Count
    most: _Count
    curve: tuple[RunawayBucket, ...] = Field(default=(), max_length=MOST_BUCKETS)

    @model_validator(mode="after")
    def _no_more_matches_than_lookups(self) -> "RunawayReportIn":
        if self.matches > self.lookups:
            raise ValueError("matches: are more than the look-ups")
        return self


class RunawayDecisionIn(BaseModel):
    """An agency's decision about a signal that matches too much, with the reason."""

    model_config = _STRICT

    reason: Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"\S")]


class RunawayReportOut(BaseModel):
    """One agent's report. counts: it counts towards lowering; not after an agency decided."""

    party: str
    agent: str
    state: RunawayState
    since: AwareDatetime
    matches: int
    lookups: int
    most: int
    curve: list[RunawayBucket]
    reported_at: AwareDatetime
    counts: bool


class RunawayOut(BaseModel):
    """A signal that matches too much.

    lowered: agents everywhere hold at most. cleared: an agency decided that the matches are right.
    needed: independent parties that must report it before it is lowered; reporting: those that do.
    reports: for coordinating parties and the sharer all, for others their own.
    """

    signal: UUID
    shared_by: str
    exercise: bool
    lowered: bool
    cleared: bool
    needed: int
    reporting: int
    reports: list[RunawayReportOut]
    decided_by: str | None
    reason: str
    decided_at: AwareDatetime | None
