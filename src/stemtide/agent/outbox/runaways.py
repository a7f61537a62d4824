# SPDX-License-Identifier: Apache-2.0
"""Report signals that match too much to the hub; never anything about an upload.

1 A report replaces the earlier one of this agent about the signal, so it may be sent twice.
2 It is sent when the state changes, and again whenever the matches have doubled.
3 What the hub refuses, for example because it is older, is noted and not sent again.
"""

import asyncio
import logging
import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from stemtide.agent.config.settings import Config
from stemtide.agent.hub.client import Client
from stemtide.agent.outbox.engine import Engine
from stemtide.agent.store import match_rates
from stemtide.agent.store.database import Store
from stemtide.client import AnswerError, DeclinedError, HubError, NotFoundError
from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.sync.agents import BUCKET
from stemtide.protocol.sync.runaways import MOST_BUCKETS, RunawayBucket, RunawayReportIn
from stemtide.protocol.trust.runaway import RunawayState, runaway_limits

logger = logging.getLogger(__name__)

_DUE = (
    "SELECT r.signal, s.kind, r.state, r.since, r.matches, r.lookups, r.most FROM runaways AS r"
    " JOIN signals AS s ON s.id = r.signal WHERE r.refused = '' AND r.matches >= ?"
    " AND (r.reported < 0 OR r.matches >= 2 * r.reported) ORDER BY r.at LIMIT 1"
)


class RunawayReporter(Engine):
    """Engine that reports the marks of the flood guard."""

    title = "signals that match too much are not reported"
    failures = (HubError,)

    def __init__(self, *, config: Config, store: Store, client: Client) -> None:
        super().__init__(store)
        self._name = config.name
        self._client = client

    async def _rest_s(self) -> float:
        return 60.0  # counts of a lasting mark change once a minute

    async def _send_batch(self) -> bool:
        """Send the report that is due first; return False if there is none."""
        report = await asyncio.to_thread(self._next_report)
        if report is None:
            return False
        uid, body = report
        refused = ""
        try:
            await self._client.report_runaway(self._name, uid, body)
        except (DeclinedError, NotFoundError, AnswerError) as error:
            refused = str(error)
            logger.warning("the hub takes no report about signal %s: %s", uid, error)
        await asyncio.to_thread(self._settle, uid, body, refused)
        return True

    def _next_report(self) -> tuple[UUID, RunawayReportIn] | None:
        rows = self._store.read(_DUE, (runaway_limits().growth.matches,))
        if not rows:
            return None
        uid, kind, state, since, matches, lookups, most = rows[0]
        return UUID(uid), RunawayReportIn(
            state=RunawayState(state),
            since=datetime.fromtimestamp(since, UTC),
            matches=min(matches, lookups),
            lookups=lookups,
            most=most,
            curve=self._curve(uid, Kind(kind)),
        )

    def _curve(self, uid: str, kind: Kind) -> tuple[RunawayBucket, ...]:
        """Return the latest spans of a signal's curve."""
        span_s = int(BUCKET.total_seconds())
        hours = runaway_limits().counts.minutes_for_hours
        begins_at = (int(time.time()) // span_s - hours * match_rates.HOUR_S // span_s) * span_s
        rates = match_rates.curve(
            self._store.read, uid, kind=kind, begins_at=begins_at, span_s=span_s
        )
        return tuple(
            RunawayBucket(
                begins_at=datetime.fromtimestamp(begins, UTC),
                matches=rate.matches,
                count=rate.lookups,
            )
            for begins, rate in list(rates.items())[-MOST_BUCKETS:]
        )

    def _settle(self, uid: UUID, body: RunawayReportIn, refused: str) -> None:
        """Note that a report arrived, or why it was refused, unless the state changed since."""
        values: tuple[Any, ...] = (body.matches, refused, str(uid), body.state)
        with self._store.write() as tx:
            tx.execute(
                "UPDATE runaways SET reported = ?, refused = ? WHERE signal = ? AND state = ?",
                values,
            )
