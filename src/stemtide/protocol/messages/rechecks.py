# SPDX-License-Identifier: Apache-2.0
"""Re-checks of content that a provider reports as gone: whether it is, and stays, gone."""

import tomllib
from datetime import timedelta
from functools import cache
from importlib.resources import files
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from stemtide.protocol.enums.rechecks import Reason, RequestKind, Verdict

_FROZEN = ConfigDict(frozen=True, extra="forbid")


PASSING = frozenset({Reason.BUSY, Reason.TIMED_OUT, Reason.NO_CONNECTION, Reason.BROKEN_OFF})
"""Reasons that may have passed an hour later."""


class _Retry(BaseModel):
    """Retries of visits that had no usable response."""

    model_config = _FROZEN

    after_minutes: int = Field(gt=0)
    times: int = Field(ge=0)


class Plan(BaseModel):
    """The schedule of visits, the rate per host, and the meaning of responses."""

    model_config = _FROZEN

    schedule: dict[str, tuple[int, ...]]
    again: _Retry
    host: dict[str, int]
    statuses: dict[str, frozenset[int]]
    words: dict[str, tuple[str, ...]]

    @property
    def after(self) -> tuple[timedelta, ...]:
        """Return the delays of the visits after the measure, shortest first."""
        return tuple(
            timedelta(minutes=minutes) for minutes in sorted(self.schedule["after_minutes"])
        )

    @property
    def again_after(self) -> timedelta:
        """Delay of the next visit after one without a usable response."""
        return timedelta(minutes=self.again.after_minutes)

    @property
    def visits_per_minute(self) -> int:
        """Return the maximum number of visits to a host in a minute."""
        return self.host["visits_per_minute"]


@cache
def plan() -> Plan:
    """Return this hub's plan, from protocol/messages/rechecks.toml."""
    text = files("stemtide.protocol.messages").joinpath("rechecks.toml").read_text("utf-8")
    return Plan.model_validate(tomllib.loads(text))


class VisitOut(BaseModel):
    """A visit: what was observed at the URL, never its content.

    status:    of HTTP; null if there was no response. hops: redirects that were followed.
    digest:    SHA-256 of the response's first bytes, at most 1 MiB; "" if there were none.
    asked_by:  the party that requested the visit; "" if it was scheduled.
    """

    at: AwareDatetime
    verdict: Verdict
    reason: Reason
    status: int | None
    hops: int
    size_bytes: int
    digest: str
    content_type: str
    asked_by: str


class MatchesSinceRemoval(BaseModel):
    """Matches of the linked signals that agents reported since the removal, each upload once.

    noted_at:  when the hub first noted one; null if there was none.
    providers: by name, as far as the reader's party may see others' numbers.
    """

    total: int
    noted_at: AwareDatetime | None = None
    providers: dict[str, int]


class RecheckOut(BaseModel):
    """The re-check of a URL that a provider reports as removed or disabled.

    verdict:     of the last visit; null before the first.
    gone_at:     when a visit first found it gone. returned_at: when it was found again.
    next_at:     when the next visit is due; null if none is.
    ended_at:    when the provider's report or the request was withdrawn: there is nothing to check.
    entered_by:  who entered the order by hand, if it was made elsewhere; empty otherwise.
    met_again:   null if no signal is linked.
    visits:      latest first.
    """

    id: UUID
    kind: RequestKind
    request: UUID
    reference: str
    requested_by: str
    entered_by: str
    provider: str
    url: str
    since: AwareDatetime
    verdict: Verdict | None
    reason: Reason | None
    gone_at: AwareDatetime | None
    returned_at: AwareDatetime | None
    next_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    exercise: bool
    met_again: MatchesSinceRemoval | None
    visits: list[VisitOut]
