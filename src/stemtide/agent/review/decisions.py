# SPDX-License-Identifier: Apache-2.0
"""Decide about held content, and take a decision back.

1 In one transaction: check that the content is still held and that nobody else has it open, change
  the action, queue the message to the provider and the count for the hub, store the decision.
2 Letting content pass makes its matches log, as an entry of an allow-list does.
3 Content that a person blocked is never released without a person: if its signal is withdrawn, or
  disputed more than when the person saw it, it is held again and comes back to the queue.
4 A dispute lets the content pass and tells the hub that the signal is wrong.
5 A decision is taken back only if nothing has changed the action since.
6 Of each decision the first piece of content may go to a colleague for a blind check: every
  dispute, and a sample of the others.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from uuid import uuid4

import msgspec

from stemtide.agent.config.settings import Config
from stemtide.agent.outbox import actions
from stemtide.agent.outbox.actions import UNREAD, MatchReason
from stemtide.agent.review.locks import lock_of
from stemtide.agent.review.sessions import ReviewSession
from stemtide.agent.store.database import Store, Transaction
from stemtide.agent.store.own_banks import own_ids
from stemtide.protocol.enums import Action, Opinion
from stemtide.protocol.sync.feed import FeedSignal

MAX_REASON = 500
UNDO_WITHIN_S = 3600.0


class ReviewVerdict(StrEnum):
    """A decision of a person about held content."""

    BLOCK = "block"
    PASS = "pass"  # noqa: S105 - a verdict, not a password
    ESCALATE = "escalate"
    DISPUTE = "dispute"


NEEDS_REASON = frozenset({ReviewVerdict.ESCALATE, ReviewVerdict.DISPUTE})

_SENTENCES = {
    ReviewVerdict.BLOCK: "a reviewer blocked it",
    ReviewVerdict.PASS: "a reviewer let it pass",
    ReviewVerdict.DISPUTE: "a reviewer let it pass and disputed the signal",
}


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """A stored decision. at, undone_at: Unix time. signal: the one that decided the hold."""

    seq: int
    batch: str
    ref: str
    at: float
    person: str
    verdict: ReviewVerdict
    reason: str
    signal: str
    undone_at: float | None


@dataclass(slots=True)
class DecisionCount:
    """The result of a decision: pieces of content decided, locked by others, and not held."""

    decided: int = 0
    locked: int = 0
    gone: int = 0


_BODIES = "SELECT body FROM signals WHERE id IN (SELECT value FROM json_each(?))"
_COLUMNS = "seq, batch, ref, at, person, verdict, reason, signal, undone_at"


def decide_items(
    store: Store,
    refs: Iterable[str],
    *,
    verdict: ReviewVerdict,
    reason: str,
    session: ReviewSession,
    config: Config,
    now: datetime,
) -> DecisionCount:
    """Decide about pieces of content in one step, which is taken back as one."""
    count, batch = DecisionCount(), uuid4().hex
    with store.write() as tx:
        for ref in refs:
            lock = lock_of(tx, ref, now=now.timestamp())
            before = actions.reasons_of(tx, ref)
            if not is_waiting(before):
                count.gone += 1
            elif lock and lock.session != session.key:
                count.locked += 1
            else:
                decision = _Decision(tx, ref, verdict, reason, config, now)
                seq = decision.make(before, batch=batch, person=session.person)
                if not count.decided and _needs_blind_check(verdict, config):
                    tx.execute("INSERT INTO review_blind_checks (decision) VALUES (?)", (seq,))
                count.decided += 1
    return count


def _needs_blind_check(verdict: ReviewVerdict, config: Config) -> bool:
    """Whether a colleague makes this decision again."""
    if verdict is ReviewVerdict.ESCALATE or not config.review.blind_check_percent:
        return False
    is_sampled = secrets.randbelow(100) < config.review.blind_check_percent
    return verdict is ReviewVerdict.DISPUTE or is_sampled


def is_waiting(reasons: Iterable[MatchReason]) -> bool:
    """Whether content with these reasons is held and not blocked."""
    present = {reason.action for reason in reasons}
    return Action.HOLD in present and Action.BLOCK not in present


def deciding_reason(reasons: Sequence[MatchReason]) -> MatchReason:
    """Return the reason that decides: the strongest action, then the surest match."""
    return min(
        reasons,
        key=lambda reason: (
            -reason.action.rank,
            reason.signal == UNREAD.signal,
            100 - reason.match_percent + reason.distance_bits,
            reason.signal,
        ),
    )


@dataclass(frozen=True, slots=True)
class _Decision:
    """A decision about one piece of content, in a transaction."""

    tx: Transaction
    ref: str
    verdict: ReviewVerdict
    reason: str
    config: Config
    now: datetime

    def make(self, before: Sequence[MatchReason], *, batch: str, person: str) -> int:
        """Change the action and store the decision; return its number."""
        signal = deciding_reason(before).signal
        after = list(before)
        if self.verdict is not ReviewVerdict.ESCALATE:
            after = _blocked(before) if self.verdict is ReviewVerdict.BLOCK else _passed(before)
            why = _SENTENCES[self.verdict] + (f": {self.reason}" if self.reason else "")
            facts = {"signal": signal, "why": why, "decided_by": "reviewer"}
            if self.verdict is not ReviewVerdict.BLOCK:
                facts["undoes"] = Action.HOLD.value
            actions.change_by_person(
                self.tx, ref=self.ref, after=after, facts=facts, config=self.config, now=self.now
            )
        if self.verdict is ReviewVerdict.DISPUTE and signal:
            _set_opinion(self.tx, signal, Opinion.DISPUTE, note=self.reason, now=self.now)
        stored = self.tx.execute(
            "INSERT INTO review_decisions"
            " (batch, ref, at, person, verdict, reason, signal, before, after, disputed)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(batch, self.ref, self.now.timestamp(), person, self.verdict, self.reason),
                *(signal, _dump(before), _dump(after), self._most_disputed(before)),
            ),
        )
        self.tx.execute("DELETE FROM review_locks WHERE ref = ?", (self.ref,))
        return stored.lastrowid or 0

    def _most_disputed(self, before: Sequence[MatchReason]) -> int:
        """Return how much the signals are disputed that the person saw."""
        ids = msgspec.json.encode([reason.signal for reason in before]).decode()
        rows = self.tx.execute(_BODIES, (ids,))
        signals = (FeedSignal.model_validate_json(body) for (body,) in rows)
        return max((dispute_level(signal) for signal in signals), default=0)


def dispute_level(signal: FeedSignal) -> int:
    """Return 2 if the agent's own party disputes a signal, 1 if others do so, and 0 otherwise."""
    return 2 if signal.disputed_by_you else int(signal.disputed)


def stands_against(tx: Transaction, ref: str, signal: FeedSignal) -> bool:
    """Whether a person blocked content and already knew the fact that a change brings."""
    row = tx.execute(
        "SELECT disputed FROM review_decisions WHERE ref = ? AND undone_at IS NULL"
        " AND verdict = ? ORDER BY seq DESC LIMIT 1",
        (ref, ReviewVerdict.BLOCK),
    ).fetchone()
    return row is not None and dispute_level(signal) <= row[0]


def _blocked(before: Sequence[MatchReason]) -> list[MatchReason]:
    """Return the reasons of content that a person blocked."""
    by_signal = [reason for reason in before if reason.signal != UNREAD.signal]
    if not by_signal:
        return [replace(UNREAD, action=Action.BLOCK)]
    raised = [
        replace(reason, action=Action.BLOCK) if reason.action is Action.HOLD else reason
        for reason in by_signal
    ]
    return [*raised, UNREAD]


def _passed(before: Sequence[MatchReason]) -> list[MatchReason]:
    """Return the reasons of content that a person let pass."""
    return [replace(reason, action=Action.LOG) for reason in before]


def _dump(reasons: Sequence[MatchReason]) -> str:
    return msgspec.json.encode([asdict(reason) for reason in reasons]).decode()


def load_reasons(body: str) -> list[MatchReason]:
    """Return reasons as they are stored with a decision."""
    return msgspec.json.decode(body, type=list[MatchReason])


def _set_opinion(
    tx: Transaction, signal: str, opinion: Opinion, *, note: str, now: datetime
) -> None:
    """Queue an opinion for the hub, unless of an own item; it replaces an earlier one."""
    if own_ids(tx, [signal]):
        return
    tx.execute(
        "INSERT OR REPLACE INTO review_disputes (signal, opinion, note, at) VALUES (?, ?, ?, ?)",
        (signal, opinion, note, now.timestamp()),
    )


def last_decision(store: Store, person: str, *, now: float) -> tuple[DecisionRow, int] | None:
    """Return the latest decision of a person that can be taken back, and how many items it has."""
    rows = store.read(
        f"SELECT {_COLUMNS} FROM review_decisions WHERE person = ? AND undone_at IS NULL"  # noqa: S608 - our own names
        " AND at > ? ORDER BY seq DESC LIMIT 1",
        (person, now - UNDO_WITHIN_S),
    )
    if not rows:
        return None
    row = _row(rows[0])
    sql = "SELECT count(*) FROM review_decisions WHERE batch = ?"
    ((number,),) = store.read(sql, (row.batch,))
    return row, number


def take_back(
    store: Store, *, batch: str, session: ReviewSession, config: Config, now: datetime
) -> DecisionCount:
    """Take a decision of this person back: the content is held again."""
    count = DecisionCount()
    with store.write() as tx:
        rows = tx.execute(
            "SELECT seq FROM review_decisions"
            " WHERE batch = ? AND person = ? AND undone_at IS NULL AND at > ?",
            (batch, session.person, now.timestamp() - UNDO_WITHIN_S),
        ).fetchall()
        for (seq,) in rows:
            if undo_decision(
                tx, seq, why="a reviewer took the decision back", config=config, now=now
            ):
                count.decided += 1
            else:
                count.gone += 1
    return count


def undo_decision(tx: Transaction, seq: int, *, why: str, config: Config, now: datetime) -> bool:
    """Undo a stored decision; return whether nothing had changed the action since."""
    ref, verdict, signal, before, after = tx.execute(
        "SELECT ref, verdict, signal, before, after FROM review_decisions WHERE seq = ?", (seq,)
    ).fetchone()
    if set(actions.reasons_of(tx, ref)) != set(load_reasons(after)):
        return False  # the signal was withdrawn, or the content was sent again
    if verdict != ReviewVerdict.ESCALATE:
        reasons = load_reasons(before)
        _restore(tx, ref, reasons, why=why, verdict=verdict, config=config, now=now)
    tx.execute("UPDATE review_decisions SET undone_at = ? WHERE seq = ?", (now.timestamp(), seq))
    if verdict == ReviewVerdict.DISPUTE and signal:
        _withdraw_dispute(tx, signal, now=now)
    return True


def _restore(
    tx: Transaction,
    ref: str,
    before: list[MatchReason],
    *,
    why: str,
    verdict: str,
    config: Config,
    now: datetime,
) -> None:
    """Hold content again as before a decision."""
    facts = {"signal": deciding_reason(before).signal, "why": why, "decided_by": "reviewer"}
    if verdict == ReviewVerdict.BLOCK:
        facts["undoes"] = Action.BLOCK.value
    actions.change_by_person(tx, ref=ref, after=before, facts=facts, config=config, now=now)


def _withdraw_dispute(tx: Transaction, signal: str, *, now: datetime) -> None:
    """Replace a dispute by an opinion that says nothing, unless another decision disputes too.

    Also if it was not sent yet: it may be on its way.
    """
    sql = (
        "SELECT 1 FROM review_decisions WHERE signal = ? AND verdict = ? AND undone_at IS NULL"
        " LIMIT 1"
    )
    if not tx.execute(sql, (signal, ReviewVerdict.DISPUTE)).fetchone():
        _set_opinion(tx, signal, Opinion.SEEN, note="", now=now)


def decisions_about(store: Store, ref: str) -> list[DecisionRow]:
    """Return the decisions about a piece of content, the latest first."""
    sql = f"SELECT {_COLUMNS} FROM review_decisions WHERE ref = ? ORDER BY seq DESC"  # noqa: S608 - our own names
    return [_row(row) for row in store.read(sql, (ref,))]


def escalated_by(store: Store) -> dict[str, DecisionRow]:
    """Return the standing escalations, by the content."""
    sql = (
        f"SELECT {_COLUMNS} FROM review_decisions WHERE verdict = ? AND undone_at IS NULL"  # noqa: S608 - our own names
        " ORDER BY seq"
    )
    rows = [_row(row) for row in store.read(sql, (ReviewVerdict.ESCALATE,))]
    return {row.ref: row for row in rows}


def has_person_decided(tx: Transaction, ref: str, signals: Iterable[str]) -> bool:
    """Whether a person let content pass, knowing that it matched all of these signals."""
    row = tx.execute(
        "SELECT before FROM review_decisions WHERE ref = ? AND undone_at IS NULL"
        " AND verdict IN (?, ?) ORDER BY seq DESC LIMIT 1",
        (ref, ReviewVerdict.PASS, ReviewVerdict.DISPUTE),
    ).fetchone()
    return bool(row) and {reason.signal for reason in load_reasons(row[0])}.issuperset(signals)


def _row(row: Sequence[object]) -> DecisionRow:
    values = list(row)
    values[5] = ReviewVerdict(str(values[5]))
    return DecisionRow(*values)  # type: ignore[arg-type]  # as the columns say


def utc(second: float) -> datetime:
    """Return a Unix time as an aware time."""
    return datetime.fromtimestamp(second, UTC)
