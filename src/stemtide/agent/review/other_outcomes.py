# SPDX-License-Identifier: Apache-2.0
"""Read what other providers decided about content of a signal: numbers of parties, from the hub.

The hub is asked when a person wants to see the numbers, and never by itself: a number of others is
no reason, and should not be the first thing that a moderator sees.
"""

from dataclasses import dataclass
from uuid import UUID

from stemtide.agent.config.settings import Config
from stemtide.agent.review.hub_work import HubWorkError, ask_hub
from stemtide.client.calls import signals
from stemtide.protocol.enums import Outcome


@dataclass(frozen=True, slots=True)
class OtherOutcomes:
    """Other parties by the outcome that they reported for a signal.

    parties: numbers; None for fewer than three. trouble: why there are none, in words.
    """

    signal: str
    parties: dict[Outcome, int | None]
    trouble: str = ""


async def read_other_outcomes(config: Config, signal: str) -> OtherOutcomes:
    """Ask the hub for the outcomes at other parties. It never raises for a hub that is away."""
    try:
        uid = UUID(signal)
    except ValueError:
        return OtherOutcomes(signal, {}, trouble="this is no id of a signal")
    try:
        answer = await ask_hub(config, signals.read_other_outcomes(uid=uid))
    except HubWorkError as error:
        return OtherOutcomes(signal, {}, trouble=str(error))
    return OtherOutcomes(signal, {row.outcome: row.parties for row in answer.sums})
