# SPDX-License-Identifier: Apache-2.0
"""Counts outcomes of content per signal, and reports them to the hub: never anything of a user.

1 A count is written in the transaction of the decision that it counts, under no report.
2 Before anything is sent, counts are sealed under a fresh report id.
3 A sealed report is sent until the hub acknowledges it, then deleted. The hub counts a report id
  once, so a kill of either side at any point loses nothing and doubles nothing.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from stemtide.agent.backoff import Backoff
from stemtide.agent.client import Client
from stemtide.agent.config import Config
from stemtide.agent.store import Store, Transaction
from stemtide.agent.uploads import UNSEALED
from stemtide.client import AnswerError, DeclinedError, HubError
from stemtide.protocol.agents import OutcomeReportIn, OutcomeReportOut, OutcomeRow
from stemtide.protocol.words import Outcome

logger = logging.getLogger(__name__)

GATHER_S = 0.25
"""How long counts gather before a report leaves."""

_MAX_ROWS = 10_000

_REOPEN = """
INSERT INTO outcomes (report, signal, outcome, bucket, language, was, was_signal, count,
    first_at, last_at)
  SELECT '', signal, outcome, bucket, language, was, was_signal, sum(count), min(first_at),
      max(last_at)
    FROM outcomes WHERE refused != ''
    GROUP BY signal, outcome, bucket, language, was, was_signal
  ON CONFLICT DO UPDATE SET count = count + excluded.count,
    first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)"""


@dataclass(frozen=True, slots=True)
class OutboxSize:
    """Counts not yet acknowledged by the hub, and those that it refused."""

    waiting: int
    refused: int


class Reporter:
    """Sends the counts, for as long as run() runs."""

    def __init__(self, *, config: Config, store: Store, client: Client) -> None:
        self._name = config.name
        self._store = store
        self._client = client
        self._wake = asyncio.Event()
        self._wake.set()  # what an earlier run left
        self._backoff = Backoff(first_s=0.25, cap_s=5.0)

    def wake(self) -> None:
        """Say that something was counted. Call it on the event loop."""
        self._wake.set()

    def size(self) -> OutboxSize:
        """How much waits."""
        ((waiting, refused),) = self._store.read(
            "SELECT coalesce(sum(count) FILTER (WHERE refused = ''), 0),"
            " coalesce(sum(count) FILTER (WHERE refused != ''), 0) FROM outcomes"
        )
        return OutboxSize(int(waiting), int(refused))

    def retry_refused(self) -> int:
        """Report anew what the hub refused; return how many rows those are.

        They leave under a new id: under the old one the hub may have counted their neighbours.
        """
        with self._store.write() as tx:
            tx.execute(_REOPEN)
            return tx.execute("DELETE FROM outcomes WHERE refused != ''").rowcount

    async def run(self) -> None:
        """Report whatever is counted, until cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(GATHER_S)
            self._wake.clear()
            try:
                while await self._send_one():
                    self._backoff.reset()
            except HubError as error:
                logger.warning("outcomes wait in the outbox: %s", error)
                self._wake.set()
                await asyncio.sleep(self._backoff.next_s())

    async def _send_one(self) -> bool:
        """Send the oldest report, sealing one if need be; False when there is nothing to send."""
        report = await asyncio.to_thread(self._next_report)
        if report is None:
            return False
        try:
            answer = await self._send(report)
        except DeclinedError as error:
            # Sent again it would be refused again and hold up all others, so it is set aside,
            # where /health shows it and a person can retry it.
            logger.error("report %s is set aside: %s", report.report, error)  # noqa: TRY400 - no trace needed
            await asyncio.to_thread(self._set_aside, report.report, str(error))
            return True
        if answer.report != report.report:
            raise AnswerError(self._client.hub, f"acknowledged another report: {answer.report}")
        await asyncio.to_thread(self._settle, answer)
        return True

    async def _send(self, report: OutcomeReportIn) -> OutcomeReportOut:
        """Send a report; without look-ups to an older hub, which does not know them."""
        try:
            return await self._client.send_outcomes(report)
        except DeclinedError as error:
            if not report.lookups or "lookups" not in str(error):
                raise
            bare = OutcomeReportIn(report=report.report, agent=report.agent, rows=report.rows)
            return await self._client.send_outcomes(bare)

    def _next_report(self) -> OutcomeReportIn | None:
        with self._store.write() as tx:
            found = tx.execute(
                "SELECT report FROM outcomes WHERE report != ? AND refused = '' LIMIT 1",
                (UNSEALED,),
            ).fetchone()
            report = found[0] if found else _seal(tx)
            rows = tx.execute(
                "SELECT signal, outcome, language, was, was_signal, count, first_at, last_at"
                " FROM outcomes WHERE report = ? AND refused = '' ORDER BY was != '', first_at",
                (report,),
            ).fetchall()
            lookups = tx.execute(
                "SELECT bucket, count FROM lookups"
                " WHERE bucket IN (SELECT bucket FROM outcomes WHERE report = ? AND refused = '')",
                (report,),
            ).fetchall()
        if not rows:
            return None
        # What is not set is not sent, as in rows.
        sent = {"report": UUID(report), "agent": self._name, "rows": map(_outcome_row, rows)}
        spans = [{"begins_at": bucket, "count": number} for bucket, number in lookups]
        return OutcomeReportIn.model_validate(sent | ({"lookups": spans} if spans else {}))

    def _settle(self, answer: OutcomeReportOut) -> None:
        """Delete what the hub counted or set aside; keep what it rejected, with its reason."""
        if answer.set_aside:
            logger.warning(
                "the hub set %d uploads aside, which exceed this agent's look-ups: its agency or"
                " the sharer of the signal decides whether they count",
                answer.set_aside,
            )
        with self._store.write() as tx:
            for one in answer.rejected:
                logger.warning("the hub counts no outcome of %s: %s", one.signal, one.message)
                tx.execute(
                    "UPDATE outcomes SET refused = ? WHERE report = ? AND signal = ?",
                    (one.message or "rejected", str(answer.report), str(one.signal)),
                )
            tx.execute(
                "DELETE FROM outcomes WHERE report = ? AND refused = ''", (str(answer.report),)
            )

    def _set_aside(self, report: UUID, why: str) -> None:
        with self._store.write() as tx:
            tx.execute("UPDATE outcomes SET refused = ? WHERE report = ?", (why, str(report)))


def _seal(tx: Transaction, *, new_id: Callable[[], UUID] = uuid4) -> str:
    """Put the open counts under a report id, so that sending them twice counts them once.

    Uploads leave before what moves them, and moves in the order of their times.
    """
    report = str(new_id())
    tx.execute(
        "UPDATE outcomes SET report = ? WHERE report = ?"
        " AND (signal, outcome, bucket, language, was, was_signal) IN"
        " (SELECT signal, outcome, bucket, language, was, was_signal FROM outcomes"
        " WHERE report = ? ORDER BY was != '', first_at LIMIT ?)",
        (report, UNSEALED, UNSEALED, _MAX_ROWS),
    )
    return report


def _outcome_row(row: tuple[str, str, str, str, str, int, str, str]) -> OutcomeRow:
    signal, outcome, language, was, was_signal, number, first_at, last_at = row
    sent = {
        "signal": UUID(signal),
        "outcome": Outcome(outcome),
        "count": number,
        "first_at": datetime.fromisoformat(first_at),
        "last_at": datetime.fromisoformat(last_at),
    }
    # What is not set is not sent: an older hub knows no language, and no moves.
    more: dict[str, object] = {"language": language} if language else {}
    if was:
        more["was"] = Outcome(was)
    if was_signal not in {"", signal}:
        more["was_signal"] = UUID(was_signal)
    return OutcomeRow.model_validate(sent | more)
