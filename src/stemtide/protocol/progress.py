# SPDX-License-Identifier: Apache-2.0
"""Messages about progress: how far referrals came, and how far orders did. Never both in one sum.

A count is null where it is not told: to a provider what its senders assessed, and in figures of all
providers together what would let one reckon another's.
"""

from datetime import date

from pydantic import AwareDatetime, BaseModel, ConfigDict

from stemtide.protocol.words_progress import ProgressBy, ProgressOf

_ASKED = ConfigDict(frozen=True, extra="forbid")


class ProgressAsked(BaseModel):
    """What is asked for: days from first to last, both of them in it, as zone counts days."""

    model_config = _ASKED

    of: ProgressOf = ProgressOf.OWN
    by: ProgressBy | None = None
    first: date
    last: date
    zone: str = "UTC"
    exercise: bool = False


class Times(BaseModel):
    """How long something took, in seconds. count: how often it was measured.

    median_s: the middle one, or half way between the two in the middle. p90_s: the smallest that
    nine in ten did not exceed.
    """

    count: int | None
    median_s: float | None
    p90_s: float | None


class NamedCount(BaseModel):
    """One count. count: null where it is withheld."""

    name: str
    count: int | None


class ReferralFigures(BaseModel):
    """How far referrals came. name: the row's, "" for all of them or where it is not known.

    assessed, decided, not_referred: told to their sender alone.
    referred:   sent. Each is exactly one of: removed, disabled, geo_blocked, refused, not_found,
                withdrawn (by its sender, before an answer), waiting.
    reinstated: of those removed, disabled or blocked: put back.
    came_back:  of those that the hub visited with a clear verdict: there again after it was gone;
                null where it visited none.
    to_removal: from sending to removal or disabling everywhere, as the provider says it.
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
    """How far removal orders came. name: as in ReferralFigures.

    issued:       each is exactly one of: executed, not_executed (an answer of Annex III stands),
                  withdrawn, annulled (both before execution), open.
    in_time:      executed within the hour that ran.  overdue: the hour passed without an answer.
    cross_border: to a provider of another Member State.  scrutinised: examined there.
    infringed:    scrutiny found an infringement.  undone: lost their effect after execution.
    reinstated:   of those undone: the content is back.  addresses: in the orders executed.
    to_execute:   from receipt to execution, without the pauses of Annex III.
    grounds:      of Annex III; one answer may name several.
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
    reinstated: int | None
    addresses: int | None
    to_execute: Times
    grounds: list[NamedCount]


class Span(BaseModel):
    """A stretch of the period: what began in it (sent, issued), and how much of that was removed.

    first: its first day. assessed: told to senders of referrals alone.
    """

    first: date
    assessed: int | None
    begun: int
    removed: int


class ReferralProgress(BaseModel):
    """Figures of referrals as one party may see them. head: the ledger's highest number then."""

    seen_by: str
    asked: ProgressAsked
    made_at: AwareDatetime
    head: int
    total: ReferralFigures
    rows: list[ReferralFigures]
    spans: list[Span]


class OrderProgress(BaseModel):
    """Figures of removal orders as one party may see them."""

    seen_by: str
    asked: ProgressAsked
    made_at: AwareDatetime
    head: int
    total: OrderFigures
    rows: list[OrderFigures]
    spans: list[Span]
