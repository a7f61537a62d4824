# SPDX-License-Identifier: Apache-2.0
"""Questions of reviewers to the sharer of a signal. The content stays held meanwhile.

A question names the signal and has the reviewer's words. Nothing of the upload and no name is sent.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec

from stemtide.agent.outbox import actions
from stemtide.agent.outbox.actions import UNREAD
from stemtide.agent.review.decisions import deciding_reason, is_waiting
from stemtide.agent.review.locks import lock_of
from stemtide.agent.review.sessions import ReviewSession
from stemtide.agent.store.database import Store
from stemtide.agent.store.own_banks import own_ids


class QuestionState(StrEnum):
    """The state of a question. queued: the hub does not have it yet."""

    QUEUED = "queued"
    SENT = "sent"
    REFUSED = "refused"
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True)
class ReviewQuestion:
    """The latest question about a signal, of this agent's reviewers.

    at, answered_at: Unix time. refused: why the hub does not take it; "" if it does.
    """

    signal: str
    text: str
    person: str
    at: float
    sent_at: float | None
    refused: str
    answer: str
    answered_at: float | None

    @property
    def state(self) -> QuestionState:
        """Return the state."""
        if self.answered_at is not None:
            return QuestionState.ANSWERED
        if self.refused:
            return QuestionState.REFUSED
        return QuestionState.QUEUED if self.sent_at is None else QuestionState.SENT

    @property
    def is_open(self) -> bool:
        """Whether an answer may still come."""
        return self.state in {QuestionState.QUEUED, QuestionState.SENT}


_OPEN = "SELECT 1 FROM review_questions WHERE signal = ? AND answered_at IS NULL AND refused = ''"
_COLUMNS = "signal, text, person, at, sent_at, refused, answer, answered_at"


def questions_about(store: Store, signals: Iterable[str]) -> dict[str, ReviewQuestion]:
    """Return the latest question about each of these signals."""
    ids = msgspec.json.encode(list(signals)).decode()
    rows = store.read(
        f"SELECT {_COLUMNS} FROM review_questions"  # noqa: S608 - our own names
        " WHERE signal IN (SELECT value FROM json_each(?))",
        (ids,),
    )
    return {row[0]: ReviewQuestion(*row) for row in rows}


def queue_question(
    store: Store, ref: str, *, text: str, session: ReviewSession, now: datetime
) -> str:
    """Queue a question to the sharer of the signal that holds content.

    returns: why it was not queued; "" if it was.
    """
    with store.write() as tx:
        reasons = actions.reasons_of(tx, ref)
        lock = lock_of(tx, ref, now=now.timestamp())
        if not is_waiting(reasons):
            return "That content is not held any more."
        if lock and lock.session != session.key:
            return "Somebody else has this content open."
        signal = deciding_reason(reasons).signal
        if signal == UNREAD.signal or own_ids(tx, [signal]):
            return "No other party knows what holds it."
        if tx.execute(_OPEN, (signal,)).fetchone():
            return "A question about this signal waits for its answer."
        tx.execute(
            "INSERT OR REPLACE INTO review_questions (signal, text, person, at)"
            " VALUES (?, ?, ?, ?)",
            (signal, text, session.person, now.timestamp()),
        )
    return ""
