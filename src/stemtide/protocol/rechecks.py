# SPDX-License-Identifier: Apache-2.0
"""Re-checks: whether content that a provider says is gone is gone, and whether it came back."""

import tomllib
from datetime import timedelta
from functools import cache
from importlib.resources import files
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from stemtide.protocol.words_rechecks import Reason, RequestKind, Verdict

_FROZEN = ConfigDict(frozen=True, extra="forbid")


PASSING = frozenset({Reason.BUSY, Reason.TIMED_OUT, Reason.NO_CONNECTION, Reason.BROKEN_OFF})
"""Reasons that may have passed an hour later."""


class _Again(BaseModel):
    """How often a visit without a usable answer is repeated."""

    model_config = _FROZEN

    after_minutes: int = Field(gt=0)
    times: int = Field(ge=0)


class Plan(BaseModel):
    """When addresses are visited, how often one host is, and what its answers mean."""

    model_config = _FROZEN

    schedule: dict[str, tuple[int, ...]]
    again: _Again
    host: dict[str, int]
    statuses: dict[str, frozenset[int]]
    words: dict[str, tuple[str, ...]]

    @property
    def after(self) -> tuple[timedelta, ...]:
        """How long after the measure each visit is due, soonest first."""
        return tuple(timedelta(minutes=one) for one in sorted(self.schedule["after_minutes"]))

    @property
    def again_after(self) -> timedelta:
        """How long after a visit without a usable answer the next is due."""
        return timedelta(minutes=self.again.after_minutes)

    @property
    def visits_per_minute(self) -> int:
        """How many visits one host gets in a minute at most."""
        return self.host["visits_per_minute"]


@cache
def plan() -> Plan:
    """The plan that this hub goes by: protocol/rechecks.toml."""
    text = files("stemtide.protocol").joinpath("rechecks.toml").read_text("utf-8")
    return Plan.model_validate(tomllib.loads(text))


class VisitOut(BaseModel):
    """One visit: what was seen of the address, never what it holds.

    status:    of HTTP; null where nothing answered. hops: redirects that were followed.
    digest:    SHA-256 of the first bytes of the answer, at most 1 MiB of them; "" where none came.
    asked_by:  the party that asked for it; "" where it was due.
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


class MetAgain(BaseModel):
    """Content of the linked signals that agents met since the removal, each upload once.

    noted_at:  when the hub first noted that there was any; null before.
    providers: by name, as far as the reader's party may see others' numbers.
    """

    total: int
    noted_at: AwareDatetime | None = None
    providers: dict[str, int]


class RecheckOut(BaseModel):
    """The re-check of one address that a provider says it removed or disabled.

    verdict:     of the last visit; null before the first.
    gone_at:     when a visit first found it gone. returned_at: when it was there again.
    next_at:     when it is visited next; null where no visit is due.
    ended_at:    when the provider's word was taken back, or the request: nothing to check any more.
    met_again:   null where no signal is linked.
    visits:      latest first.
    """

    id: UUID
    kind: RequestKind
    request: UUID
    reference: str
    requested_by: str
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
    met_again: MetAgain | None
    visits: list[VisitOut]
