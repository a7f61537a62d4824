# SPDX-License-Identifier: Apache-2.0
"""Messages from an agent to the hub: its status, and outcomes of matched content."""

from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from stemtide.protocol.enums import Outcome, PartyKind, Scope

_STRICT = ConfigDict(extra="forbid", frozen=True)

HOUR_S = 3600

BUCKET = timedelta(minutes=5)
"""Spans of time in which outcomes are counted; they begin at full multiples of it, in UTC."""

MOST_A_MINUTE = 1_000_000
"""How many uploads the rows of a signal may count for each minute that they span."""

LANGUAGE = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$"
"""A language tag. source: RFC 5646 (BCP 47), in its common shapes."""

AGENT_NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"

REVIEW_PAGE = r"^http://(127(\.[0-9]{1,3}){3}|\[::1\]):[0-9]{1,5}/review/sign-in/back$"
"""Where people return who signed in to a review page: on their own machine, and nowhere else.

source: RFC 8252 section 8.3: the literal address, because a name may mean another machine.
"""

REPORT_DELAY_S = 0.2
"""Delay of a report after a change, so that a burst is reported once."""

_REST = 10
"""An agent rests so many times as long as its last report took."""


def rest_after_report_s(
    took_s: float, *, asked_s: float = 0.0, before_s: float, most_s: float
) -> float:
    """Return how long an agent sends no report about a change, after one that took so long.

    A busy hub gets fewer reports, and none of them is needed: the next one says it all. The rest
    before, before_s, is at most halved, so that one quick answer does not end it. asked_s: the
    rest that the hub asked for. most_s: the interval of reports without a change.
    """
    return min(most_s, max(_REST * took_s, asked_s, before_s / 2))


class Whoami(BaseModel):
    """The identity behind an API key. key: the key's prefix."""

    party: str
    kind: PartyKind
    key: str
    scopes: list[Scope]


class Accepted(BaseModel):
    """An empty confirmation: the hub has stored the message."""


class StatusTaken(BaseModel):
    """The confirmation of a report.

    rest_s: seconds in which the hub needs no further report about a change, because it has many
            agents. Reports without a change are due as before.
    """

    rest_s: float = Field(default=0.0, ge=0, le=60)


class AgentTrouble(StrEnum):
    """A problem of an agent that its hub cannot see: it responds, but is not up to date."""

    DISK = "disk"
    STALLED = "stalled"


class AgentStatusIn(BaseModel):
    """The status of an agent. position: the feed position that its index is at.

    troubles: disk: it cannot write to its disk. stalled: it does not take in new feed entries.
    """

    model_config = _STRICT

    version: str = Field(max_length=40)
    position: int = Field(ge=0, le=2**63 - 1)
    signals: int = Field(ge=0, le=2**63 - 1)
    exercise: bool = False
    started_at: AwareDatetime
    troubles: list[AgentTrouble] = Field(default_factory=list, max_length=10)


class ReviewPageIn(BaseModel):
    """The review page of an agent, to which people sign in through the hub.

    address: where their browsers return: http, the literal loopback address and the port.
    """

    model_config = _STRICT

    address: str = Field(pattern=REVIEW_PAGE, max_length=200)


class ReviewPageOut(BaseModel):
    """A registered review page.

    client_id: of the agent at the hub's OpenID provider.
    people: the people of the party who may review now, as the ID token's sub names them.
    """

    client_id: str
    people: list[str]


class OutcomeRow(BaseModel):
    """Counts of one outcome for content that matched one signal, in one time span.

    Counts only: never anything about a user, an upload or an account. An agent sends one row for
    each span of BUCKET, so that the hub can tell when content was matched even after an outage; a
    longer span counts at its end. Together, the rows of a signal in a report may count at most
    MOST_A_MINUTE for each minute from a row's first_at to its last_at.

    language: of the content, as the provider knows it (BCP 47); None if unknown.
    was: the outcome that was reported for the same uploads before, for the same signal or for
    was_signal: the hub moves the uploads from there. None for uploads not reported yet.
    """

    model_config = _STRICT

    signal: UUID
    outcome: Outcome
    language: str | None = Field(default=None, pattern=LANGUAGE, max_length=35)
    was: Outcome | None = None
    was_signal: UUID | None = None
    count: int = Field(ge=1, le=1_000_000_000)
    first_at: AwareDatetime
    last_at: AwareDatetime

    @model_validator(mode="after")
    def _in_order(self) -> "OutcomeRow":
        if self.last_at < self.first_at:
            raise ValueError("last_at: lies before first_at")
        if self.was_signal and not self.was:
            raise ValueError("was_signal: say with was which outcome these uploads had there")
        return self


class Lookups(BaseModel):
    """Number of look-ups that an agent answered in one span of BUCKET, matched or not."""

    model_config = _STRICT

    begins_at: AwareDatetime
    count: int = Field(ge=0, le=1_000_000_000_000)

    @model_validator(mode="after")
    def _at_multiple(self) -> "Lookups":
        if self.begins_at.timestamp() % BUCKET.total_seconds():
            raise ValueError("begins_at: is not a full multiple of 5 minutes in UTC")
        return self


class EarlierUploads(BaseModel):
    """How many uploads that an agent remembered matched a signal that came later.

    count: all of them so far, so that a newer report replaces an older one.
    first_hour: the full hour (UTC) of the first of these uploads; nobody is found by an hour.
    """

    model_config = _STRICT

    signal: UUID
    count: int = Field(ge=1, le=1_000_000_000)
    first_hour: AwareDatetime

    @model_validator(mode="after")
    def _at_hour(self) -> "EarlierUploads":
        if self.first_hour.timestamp() % HOUR_S:
            raise ValueError("first_hour: is not a full hour in UTC")
        return self


class OutcomeReportIn(BaseModel):
    """A report of outcomes. The hub counts a report id once, however often it is sent.

    earlier: uploads that came before their signals, for signals whose number has changed.
    lookups: for the time spans of the rows. A row that adds more uploads than look-ups is set aside
    until a person decides. Without lookups only the limit per minute applies.
    """

    model_config = _STRICT

    report: UUID
    agent: str = Field(pattern=AGENT_NAME)
    rows: tuple[OutcomeRow, ...] = Field(min_length=1, max_length=10_000)
    lookups: tuple[Lookups, ...] = Field(default=(), max_length=10_000)
    earlier: tuple[EarlierUploads, ...] = Field(default=(), max_length=1000)

    @model_validator(mode="after")
    def _no_span_twice(self) -> "OutcomeReportIn":
        if len({lookup.begins_at for lookup in self.lookups}) < len(self.lookups):
            raise ValueError("lookups: name each span of time once")
        if len({row.signal for row in self.earlier}) < len(self.earlier):
            raise ValueError("earlier: name each signal once")
        return self


class RejectedOutcome(BaseModel):
    """A row that was not counted, with the reason."""

    signal: UUID
    message: str


class OutcomeReportOut(BaseModel):
    """The result of a report. counted is 0 for a report that was counted before.

    set_aside: uploads in rows that exceed the look-ups of their time span; a person decides.
    """

    report: UUID
    counted: int
    is_repeat: bool
    rejected: list[RejectedOutcome]
    set_aside: int = 0


class OutlierOut(BaseModel):
    """A row of a report that was set aside: it adds more uploads than the agent looked up.

    is_counted: whether the row counts in sums; None until somebody decides.
    """

    id: UUID
    signal: UUID
    party: str
    agent: str
    outcome: Outcome
    count: int
    lookups: int
    first_at: AwareDatetime
    last_at: AwareDatetime
    received_at: AwareDatetime
    exercise: bool
    is_counted: bool | None
    decided_by: str
    decided_at: AwareDatetime | None


class OutlierDecisionIn(BaseModel):
    """Whether a row that was set aside counts."""

    model_config = _STRICT

    is_counted: bool
