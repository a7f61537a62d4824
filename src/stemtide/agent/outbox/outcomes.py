# SPDX-License-Identifier: Apache-2.0
"""Count outcomes of content by signal, and report the counts to the hub; never user data.

1 A count is written in the transaction of the decision that it counts, under no report.
2 Before sending, open counts are assigned to a new report id.
3 A report is sent until the hub acknowledges it, then deleted. The hub counts each report id
  once, so a crash of either side at any point loses nothing and doubles nothing.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

from stemtide.agent.config.settings import Config
from stemtide.agent.hub.client import Client
from stemtide.agent.outbox.engine import Outbox
from stemtide.agent.outbox.uploads import UNSEALED
from stemtide.agent.store.database import Store, Transaction
from stemtide.client import AnswerError, DeclinedError, HubError
from stemtide.protocol.enums import Outcome
from stemtide.protocol.sync.agents import (
    EarlierUploads,
    OutcomeReportIn,
    OutcomeReportOut,
    OutcomeRow,
)

logger = logging.getLogger(__name__)

_MAX_ROWS = 10_000
_MAX_EARLIER = 1000
_NEWER = ("earlier", "lookups")
"""Fields of a report that an older hub does not know."""

_EARLIER = (
    "SELECT signal, count, first_hour FROM earlier_uploads WHERE count != reported"
    " ORDER BY signal LIMIT ?"
)

_REOPEN = """
INSERT INTO outcomes (report, signal, outcome, bucket, language, was, was_signal, count,
    first_at, last_at)
  SELECT '', signal, outcome, bucket, language, was, was_signal, sum(count), min(first_at),
      max(last_at)
    FROM outcomes WHERE refused != ''
    GROUP BY signal, outcome, bucket, language, was, was_signal
  ON CONFLICT DO UPDATE SET count = count + excluded.count,
    first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)"""


class Reporter(Outbox):
    """Outbox of the counts: a batch is a report.

    Rejected counts that are queued again get a new report id: under the old one the hub may have
    counted other rows already.
    """

    title = "outcomes wait in the outbox"
    failures = (HubError,)
    gather_s = 0.25
    counts_sql = (
        "SELECT coalesce(sum(count) FILTER (WHERE refused = ''), 0),"
        " coalesce(sum(count) FILTER (WHERE refused != ''), 0) FROM outcomes"
    )
    oldest_sql = "SELECT min(strftime('%s', first_at)) FROM outcomes WHERE refused = ''"
    retry_sql = (_REOPEN, "DELETE FROM outcomes WHERE refused != ''")

    def __init__(self, *, config: Config, store: Store, client: Client) -> None:
        super().__init__(store)
        self._name = config.name
        self._client = client

    async def _send_batch(self) -> bool:
        """Send the oldest report, or a new one; return False if there is nothing to send."""
        report = await asyncio.to_thread(self._next_report)
        if report is None:
            return False
        try:
            report, receipt = await self._send(report)
        except DeclinedError as error:
            # Sent again it would be refused again and hold up all others, so it is set aside,
            # where /health shows it and a person can retry it.
            logger.error("report %s is set aside: %s", report.report, error)  # noqa: TRY400 - no trace needed
            await asyncio.to_thread(self._set_aside, report.report, str(error))
            return True
        if receipt.report != report.report:
            raise AnswerError(self._client.hub, f"acknowledged another report: {receipt.report}")
        await asyncio.to_thread(self._settle, receipt, report)
        return True

    async def _send(self, report: OutcomeReportIn) -> tuple[OutcomeReportIn, OutcomeReportOut]:
        """Send a report; again without what an older hub does not know. Return what it took."""
        try:
            return report, await self._client.send_outcomes(report)
        except DeclinedError as error:
            present = {name for name in _NEWER if getattr(report, name)}
            unknown = {name for name in present if name in str(error)}
            if not unknown:
                raise
            fields = {name: getattr(report, name) for name in present - unknown}
            bare = OutcomeReportIn(
                report=report.report, agent=report.agent, rows=report.rows, **fields
            )
            return await self._send(bare)

    def _next_report(self) -> OutcomeReportIn | None:
        with self._store.write() as tx:
            unsent = tx.execute(
                "SELECT report FROM outcomes WHERE report != ? AND refused = '' LIMIT 1",
                (UNSEALED,),
            ).fetchone()
            report = unsent[0] if unsent else _assign_report(tx)
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
            earlier = tx.execute(_EARLIER, (_MAX_EARLIER,)).fetchall()
        if not rows:
            return None
        # Empty fields are not sent, as in rows.
        payload = {"report": UUID(report), "agent": self._name, "rows": map(_outcome_row, rows)}
        spans = [{"begins_at": bucket, "count": number} for bucket, number in lookups]
        optional = {"lookups": spans, "earlier": [_earlier_row(row) for row in earlier]}
        return OutcomeReportIn.model_validate(
            payload | {name: value for name, value in optional.items() if value}
        )

    def _settle(self, receipt: OutcomeReportOut, report: OutcomeReportIn) -> None:
        """Delete the counts that the hub took; keep rejected ones with the reason."""
        if receipt.set_aside:
            logger.warning(
                "the hub set %d uploads aside, which exceed this agent's look-ups: its agency or"
                " the sharer of the signal decides whether they count",
                receipt.set_aside,
            )
        with self._store.write() as tx:
            for rejection in receipt.rejected:
                logger.warning(
                    "the hub counts no outcome of %s: %s", rejection.signal, rejection.message
                )
                tx.execute(
                    "UPDATE outcomes SET refused = ? WHERE report = ? AND signal = ?",
                    (rejection.message or "rejected", str(receipt.report), str(rejection.signal)),
                )
            tx.execute(
                "DELETE FROM outcomes WHERE report = ? AND refused = ''", (str(receipt.report),)
            )
            # The hub reads a report once: numbers that are new in a repeat go with the next one.
            counted = () if receipt.is_repeat else report.earlier
            tx.executemany(
                "UPDATE earlier_uploads SET reported = ? WHERE signal = ?",
                [(row.count, str(row.signal)) for row in counted],
            )

    def _set_aside(self, report: UUID, why: str) -> None:
        with self._store.write() as tx:
            tx.execute("UPDATE outcomes SET refused = ? WHERE report = ?", (why, str(report)))


def _assign_report(tx: Transaction, *, new_id: Callable[[], UUID] = uuid4) -> str:
    """Assign the open counts to a report id, so that sending them twice counts them once.

    Counts of uploads leave before their corrections, and corrections in order of time.
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


def _earlier_row(row: tuple[str, int, int]) -> EarlierUploads:
    signal, count, first_hour = row
    return EarlierUploads(
        signal=UUID(signal), count=count, first_hour=datetime.fromtimestamp(first_hour, UTC)
    )


def _outcome_row(row: tuple[str, str, str, str, str, int, str, str]) -> OutcomeRow:
    signal, outcome, language, was, was_signal, number, first_at, last_at = row
    fields = {
        "signal": UUID(signal),
        "outcome": Outcome(outcome),
        "count": number,
        "first_at": datetime.fromisoformat(first_at),
        "last_at": datetime.fromisoformat(last_at),
    }
    # Empty fields are not sent: an older hub knows neither languages nor corrections.
    optional: dict[str, object] = {"language": language} if language else {}
    if was:
        optional["was"] = Outcome(was)
    if was_signal not in {"", signal}:
        optional["was_signal"] = UUID(was_signal)
    return OutcomeRow.model_validate(fields | optional)
