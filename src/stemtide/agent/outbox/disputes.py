# SPDX-License-Identifier: Apache-2.0
"""Send the hub the disputes of reviewers: that a signal is wrong, or that they took that back.

1 An opinion of a party replaces its earlier one, so it may be sent twice.
2 A dispute that the hub refuses is noted and not sent again.
"""

import asyncio
import logging
from uuid import UUID

from stemtide.agent.hub.client import Client
from stemtide.agent.outbox.engine import Engine
from stemtide.agent.store.database import Store
from stemtide.client import AnswerError, DeclinedError, HubError, NotFoundError
from stemtide.protocol.enums import Opinion
from stemtide.protocol.messages.signals import OpinionIn

logger = logging.getLogger(__name__)

_DUE = (
    "SELECT signal, opinion, note, at FROM review_disputes WHERE sent = 0 AND refused = ''"
    " ORDER BY at LIMIT 1"
)


class DisputeReporter(Engine):
    """Engine that sends the opinions of reviewers."""

    title = "disputes of reviewers are not sent"
    failures = (HubError,)

    def __init__(self, *, store: Store, client: Client) -> None:
        super().__init__(store)
        self._client = client

    async def _rest_s(self) -> float:
        return 5.0  # another process may have stored one

    async def _send_batch(self) -> bool:
        """Send the opinion that is due first; return False if there is none."""
        rows = await asyncio.to_thread(self._store.read, _DUE)
        if not rows:
            return False
        signal, opinion, note, at = rows[0]
        refused = ""
        try:
            await self._client.give_opinion(
                UUID(signal), OpinionIn(opinion=Opinion(opinion), note=note)
            )
        except (DeclinedError, NotFoundError, AnswerError) as error:
            refused = str(error)
            logger.warning("the hub takes no dispute of signal %s: %s", signal, error)
        await asyncio.to_thread(self._settle, signal, at, refused)
        return True

    def _settle(self, signal: str, at: float, refused: str) -> None:
        """Note that an opinion arrived, or why it was refused, unless it was replaced since."""
        with self._store.write() as tx:
            tx.execute(
                "UPDATE review_disputes SET sent = ?, refused = ? WHERE signal = ? AND at = ?",
                (int(not refused), refused, signal, at),
            )
