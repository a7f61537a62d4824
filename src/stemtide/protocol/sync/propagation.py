# SPDX-License-Identifier: Apache-2.0
"""Messages about the propagation of signals: when they reached agents, and what followed.

They are about parties and their agents, never about users.
"""

from datetime import date
from uuid import UUID

from pydantic import AwareDatetime, BaseModel

from stemtide.protocol.enums import Outcome
from stemtide.protocol.enums.propagation import PropagationStage


class StageSum(BaseModel):
    """How many recipients reached a stage, of how many, and how long it took, in seconds.

    Times begin when the signal was shared; those of withdrawn and released when it ended.

    count: with a known time. p50_s: half of them took so long at most; p95_s, p99_s: 95 and 99 %.
    """

    stage: PropagationStage
    count: int
    of: int
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None


class RecipientOut(BaseModel):
    """The times of one recipient: an agent; null for what did not happen or is not known.

    agent:   "" for a party that reports matches and has no agent.
    is_applied: whether the agent has applied it. Without applied_at: it is not known when.
    matched_at, acted_at, released_at: of the party's first match, first block or hold, and first
             release, as it reports them.
    withdrawn_at: when the agent had applied the end of the signal.
    earlier_uploads: uploads that came before the signal and match it, as the agent reports them.
    earlier_since: the full hour (UTC) of the first of them.
    """

    party: str
    agent: str
    delivered_at: AwareDatetime | None
    applied_at: AwareDatetime | None
    is_applied: bool
    matched_at: AwareDatetime | None
    acted_at: AwareDatetime | None
    withdrawn_at: AwareDatetime | None
    released_at: AwareDatetime | None
    earlier_uploads: int = 0
    earlier_since: AwareDatetime | None = None


class EarlierSum(BaseModel):
    """Uploads that came before the signal and match it, of all agents that report some.

    since: the full hour (UTC) of the first of them; null if there are none.
    """

    uploads: int
    agents: int
    since: AwareDatetime | None


class OtherOutcomeSum(BaseModel):
    """How many other parties reported an outcome. parties: null if they are fewer than three."""

    outcome: Outcome
    parties: int | None


class OtherOutcomesOut(BaseModel):
    """The outcomes at other parties for one signal: counts of parties, never names or uploads.

    A party that reported several outcomes counts at each of them.
    """

    signal: UUID
    sums: list[OtherOutcomeSum]


class SignalPropagationOut(BaseModel):
    """The propagation of one signal.

    sums: null if your party may not see them, or if there are too few recipients to show sums.
    earlier: uploads that came before the signal; null as for sums.
    recipients: those that your party may see: its own, or all for an agency.
    """

    signal: UUID
    shared_at: AwareDatetime
    ended_at: AwareDatetime | None
    sums: list[StageSum] | None
    earlier: EarlierSum | None = None
    recipients: list[RecipientOut]


class PropagationDayOut(BaseModel):
    """How long the shares of a day (UTC) took to reach agents, or their withdrawals.

    party:   "" for all parties together.
    is_sharer: whether the row is about what the party shared; if not, about what it received.
    count:   deliveries or applications that were measured; a bulk counts once at each agent.
    late:    those that took more than ten minutes, or did not happen. They count in the times.
    p50_s, p95_s, p99_s: in seconds, up to 10 % too high; null if it is more than ten minutes.
    """

    day: date
    party: str
    is_sharer: bool
    stage: PropagationStage
    count: int
    late: int
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None
