# SPDX-License-Identifier: Apache-2.0
"""Send the hub the questions of reviewers, and fetch the answers of the sharers.

1 The hub takes the same question twice as one, so it may be sent again after a crash.
2 A question that the hub refuses is kept with the reason, for the person who wrote it.
3 While questions are open, each is looked up at the hub every half minute.
"""

import asyncio
import logging
import time
from uuid import UUID

from stemtide.agent.hub.client import Client
from stemtide.agent.outbox.engine import Engine
from stemtide.agent.store.database import Store
from stemtide.client import AnswerError, DeclinedError, HubError, NotFoundError
from stemtide.protocol.messages.signals import QuestionIn, SignalQuestionOut

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 30.0
"""How often an open question is looked up at the hub."""

_REFUSALS = (DeclinedError, NotFoundError, AnswerError)
_REPLACED = "your party has sent another question about this signal since"
_MAX_ANSWER = 500

_DUE = (
    "SELECT signal, text, at FROM review_questions WHERE sent_at IS NULL AND refused = ''"
    " ORDER BY at LIMIT 1"
)
_OPEN = (
    "SELECT signal, text, at FROM review_questions WHERE sent_at IS NOT NULL"
    " AND answered_at IS NULL AND refused = '' AND checked_at <= ? ORDER BY checked_at LIMIT 1"
)


class QuestionSender(Engine):
    """Engine that sends questions, and brings their answers."""

    title = "questions of reviewers are not sent"
    failures = (HubError,)

    def __init__(self, *, store: Store, client: Client) -> None:
        super().__init__(store)
        self._client = client
        self._party = ""

    async def _rest_s(self) -> float:
        return min(5.0, LOOK_EVERY_S)  # another process may have stored a question

    async def _send_batch(self) -> bool:
        """Send a question, or look for one answer; return False if there is nothing to do."""
        if rows := await asyncio.to_thread(self._store.read, _DUE):
            await self._send(*rows[0])
            return True
        checked_before = time.time() - LOOK_EVERY_S
        if rows := await asyncio.to_thread(self._store.read, _OPEN, (checked_before,)):
            await self._look_up(*rows[0])
            return True
        return False

    async def _send(self, signal: str, text: str, at: float) -> None:
        """Send a question once."""
        refused = ""
        try:
            await self._client.send_question(UUID(signal), QuestionIn(text=text))
        except _REFUSALS as error:
            refused = str(error)
            logger.warning("the hub takes no question about signal %s: %s", signal, error)
        now = time.time()
        await self._store_state(signal, at, sent_at=now, checked_at=now, refused=refused)

    async def _look_up(self, signal: str, text: str, at: float) -> None:
        """Store the answer to a question if there is one."""
        self._party = self._party or (await self._client.whoami()).party
        try:
            questions = await self._client.questions(UUID(signal))
        except AnswerError as error:  # by a proxy, or of a newer hub: it is looked up again
            logger.warning("the answer about signal %s cannot be read: %s", signal, error)
            await self._store_state(signal, at, checked_at=time.time())
            return
        except (DeclinedError, NotFoundError) as error:
            await self._store_state(signal, at, refused=str(error))
            return
        own = [question for question in questions if question.party == self._party]
        await self._settle(own[0] if own else None, signal, text, at)

    async def _settle(
        self, question: SignalQuestionOut | None, signal: str, text: str, at: float
    ) -> None:
        """Store the hub's state of a question."""
        if question is None or question.text != text:
            await self._store_state(signal, at, refused=_REPLACED)
        elif question.answered_at is None:
            await self._store_state(signal, at, checked_at=time.time())
        else:
            answered_at = question.answered_at.timestamp()
            answer = question.answer[:_MAX_ANSWER]
            await self._store_state(signal, at, answer=answer, answered_at=answered_at)

    async def _store_state(self, signal: str, at: float, **columns: object) -> None:
        """Change the row of a question, unless a newer one replaced it."""
        await asyncio.to_thread(self._update, signal, at, columns)

    def _update(self, signal: str, at: float, columns: dict[str, object]) -> None:
        names = ", ".join(f"{name} = ?" for name in columns)
        with self._store.write() as tx:
            tx.execute(
                f"UPDATE review_questions SET {names} WHERE signal = ? AND at = ?",  # noqa: S608 - our own names
                (*columns.values(), signal, at),
            )
