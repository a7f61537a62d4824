# SPDX-License-Identifier: Apache-2.0
"""Lower new signals that would have matched implausibly many of the latest uploads.

Content that everybody has was uploaded before its fingerprint is shared by mistake. So a new
signal is compared with the latest uploads, and lowered before it stops any. The rules are those of
the flood guard, which keeps the mark (flood_guard.py). A snapshot is not compared: it holds what
matched before, and an agent that takes its first one has no uploads yet.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

from stemtide.agent.config.settings import Config
from stemtide.agent.recognise.policy import is_active
from stemtide.agent.recognise.recent import RecentUploads
from stemtide.agent.store import match_rates
from stemtide.agent.store.database import Store, Transaction
from stemtide.agent.store.match_rates import Runaway
from stemtide.agent.sync.flood_guard import support_for
from stemtide.protocol.sync.feed import FeedSignal
from stemtide.protocol.trust.runaway import (
    Rate,
    Traffic,
    assess,
    most_matches,
    runaway_limits,
)

logger = logging.getLogger(__name__)


def frequent(
    signals: Sequence[FeedSignal], recent: RecentUploads, *, now: datetime
) -> dict[str, Rate]:
    """Return the signals that match many of the latest uploads, with how many of how many."""
    able = [
        signal
        for signal in signals
        if is_active(signal, now=now, exercise=False) and not signal.cleared
    ]
    least = runaway_limits().growth.matches
    return {uid: rate for uid, rate in recent.rates(able).items() if rate.matches >= least}


def mark_frequent(
    tx: Transaction,
    signals: Sequence[FeedSignal],
    rates: Mapping[str, Rate],
    *,
    store: Store,
    config: Config,
    now: datetime,
    compared: str = "uploads before it",
) -> list[Runaway]:
    """Mark those of the new signals whose matches are implausible; return the marks.

    compared: a name for the content that they were compared with, for people.
    """
    second = int(now.timestamp())
    marked = []
    for signal in signals:
        rate = rates.get(str(signal.id))
        if rate is None:
            continue
        _, support = support_for(signal, store=store, config=config, now=now, tx=tx)
        verdict = assess(Traffic(rate, [rate], rate.lookups, None), support=support)
        if verdict is None:
            continue
        why = f"{rate.matches} of the {rate.lookups} {compared} would have matched it"
        most = most_matches(rate.lookups, usual=None)
        uid, state = str(signal.id), verdict[0]
        runaway = Runaway(uid, state, why, second, second, rate.matches, rate.lookups, most)
        match_rates.put_runaway(tx, runaway)
        logger.warning("signal %s is %s on arrival: %s", uid, state.value, why)
        marked.append(runaway)
    return marked
