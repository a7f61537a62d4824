# SPDX-License-Identifier: Apache-2.0
"""Messages about progress: figures of referrals and of removal orders, never summed together.

A count is null if it is withheld: from a provider, its senders' assessments; in figures of all
providers together, counts from which a single provider's could be computed.
"""

from datetime import date

from pydantic import AwareDatetime, BaseModel, ConfigDict

from stemtide.protocol.enums.progress import ProgressBy, ProgressOf

_QUERY = ConfigDict(frozen=True, extra="forbid")


class ProgressQuery(BaseModel):
    """A query for figures: the days from first to last, both included, in the given time zone."""

    model_config = _QUERY

    of: ProgressOf = ProgressOf.OWN
    by: ProgressBy | None = None
    first: date
    last: date
    zone: str = "UTC"
    exercise: bool = False


class Times(BaseModel):
    """A distribution of durations, in seconds. count: number of measurements.

    median_s: the middle value, or the mean of the two in the middle. p90_s: the smallest value that
    nine in ten do not exceed.
    """

    count: int | None
    median_s: float | None
    p90_s: float | None


class NamedCount(BaseModel):
    """A count. count: null if it is withheld."""

    name: str
    count: int | None


class ReferralFigures(BaseModel):
    """Figures of referrals. name: of the row; "" for all of them, or if unknown.

    assessed, decided, not_referred: visible to their sender alone.
    referred:   sent. Each is exactly one of: removed, disabled, geo_blocked, refused, not_found,
                withdrawn (by its sender, before a response), waiting.
    reinstated: of those removed, disabled or blocked: put back.
    came_back:  of those that the hub visited with a clear verdict: there again after it was gone;
                null if it visited none.
    to_removal: from sending to removal or disabling everywhere, as reported by the provider.
    """

    name: str
    assessed: int | None
    decided: int | None
    not_referred: int | None
    referred: int | None
    acknowledged: int | None
    removed: int | None
    disabled: int | None
    geo_blocked: int | None
    refused: int | None
    not_found: int | None
    withdrawn: int | None
    waiting: int | None
    reinstated: int | None
    came_back: int | None
    to_acknowledge: Times
    to_removal: Times
    refusals: list[NamedCount]


class OrderFigures(BaseModel):
    """Figures of removal orders. name: as in ReferralFigures.

    issued:       each is exactly one of: executed, not_executed (a response of Annex III applies),
                  withdrawn, annulled (both before execution), open.
    in_time:      executed within the hour, without pauses.  overdue: no response within the hour.
    cross_border: to a provider of another Member State.  scrutinised: examined there.
    infringed:    scrutiny found an infringement.  undone: lost their effect after execution.
    unconfirmed:  issued at once, and ended because no second person confirmed them.
    reinstated:   of those undone: the content is back.  addresses: in the orders executed.
    to_execute:   from receipt to execution, without the pauses of Annex III.
    grounds:      of Annex III; a response may name several.
    """

    name: str
    issued: int | None
    received: int | None
    executed: int | None
    not_executed: int | None
    withdrawn: int | None
    annulled: int | None
    open: int | None
    in_time: int | None
    overdue: int | None
    cross_border: int | None
    scrutinised: int | None
    infringed: int | None
    undone: int | None
    unconfirmed: int | None
    reinstated: int | None
    addresses: int | None
    to_execute: Times
    grounds: list[NamedCount]


class Span(BaseModel):
    """A part of the period: requests sent or issued in it, and how many led to removal.

    first: its first day. assessed: visible to senders of referrals alone.
    """

    first: date
    assessed: int | None
    begun: int
    removed: int


class ReferralProgress(BaseModel):
    """Figures of referrals, as one party may see them. head: the ledger's number at that time."""

    seen_by: str
    asked: ProgressQuery
    made_at: AwareDatetime
    head: int
    total: ReferralFigures
    rows: list[ReferralFigures]
    spans: list[Span]


class OrderProgress(BaseModel):
    """Figures of removal orders, as one party may see them."""

    seen_by: str
    asked: ProgressQuery
    made_at: AwareDatetime
    head: int
    total: OrderFigures
    rows: list[OrderFigures]
    spans: list[Span]
