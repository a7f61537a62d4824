# SPDX-License-Identifier: Apache-2.0
"""Blind checks: a colleague decides again, without seeing the first decision.

1 Nobody sees which decisions are looked at again, and the second person sees the content as it was
  before the first decision.
2 The answer is to block or to let pass. A dispute counts as letting pass.
3 If the two agree, nothing changes. If not, the content is held again, and comes back to the queue
  of everybody: a hold can still become either.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from stemtide.agent.config.settings import Config
from stemtide.agent.outbox.actions import MatchReason
from stemtide.agent.review.decisions import ReviewVerdict, load_reasons, undo_decision
from stemtide.agent.review.locks import lock_of, locks_by_ref
from stemtide.agent.review.sessions import ReviewSession, person_key
from stemtide.agent.store.database import Store, Transaction

ANSWERS = frozenset({ReviewVerdict.BLOCK, ReviewVerdict.PASS})

_OPEN = (
    "SELECT c.decision, d.ref, d.person, d.verdict, d.before FROM review_blind_checks AS c"
    " JOIN review_decisions AS d ON d.seq = c.decision"
    " WHERE c.verdict = '' AND d.undone_at IS NULL"
)
_COUNT_ANSWERS = (
    "SELECT coalesce(sum(agrees), 0), count(agrees) FROM review_blind_checks WHERE verdict != ''"
)


@dataclass(frozen=True, slots=True)
class BlindCheck:
    """A blind check that waits. number: of the first decision. reasons: those before it."""

    number: int
    ref: str
    first_person: str
    first_verdict: ReviewVerdict
    reasons: tuple[MatchReason, ...]


class Agreement(NamedTuple):
    """How often blind checks agreed with the first decision."""

    agreed: int
    answered: int

    @property
    def percent(self) -> int:
        """Return the share of agreement; 0 without any answer."""
        return round(100 * self.agreed / self.answered) if self.answered else 0


def checks_for(store: Store, session: ReviewSession) -> list[BlindCheck]:
    """Return the blind checks that a person may make, the oldest first."""
    rows = store.read(f"{_OPEN} ORDER BY c.decision")
    return [check for row in rows if _is_for(check := _read(row), session)]


def find_check(store: Store, number: int, *, session: ReviewSession) -> BlindCheck | None:
    """Return a blind check that this person may make; None if there is none of that number."""
    rows = store.read(f"{_OPEN} AND c.decision = ?", (number,))
    check = _read(rows[0]) if rows else None
    return check if check and _is_for(check, session) else None


def next_check(store: Store, session: ReviewSession, *, now: float) -> BlindCheck | None:
    """Return the oldest blind check for a person that nobody has open."""
    locks = locks_by_ref(store, now=now)
    for check in checks_for(store, session):
        lock = locks.get(check.ref)
        if lock is None or lock.session == session.key:
            return check
    return None


def count_agreement(store: Store) -> Agreement:
    """Return how often blind checks agreed, as far back as decisions are kept."""
    return Agreement(*store.read(_COUNT_ANSWERS)[0])


def answer_check(
    store: Store,
    number: int,
    *,
    verdict: ReviewVerdict,
    session: ReviewSession,
    config: Config,
    now: datetime,
) -> bool | None:
    """Store a second decision; return whether it agrees, None if somebody else was faster."""
    with store.write() as tx:
        row = tx.execute(f"{_OPEN} AND c.decision = ?", (number,)).fetchone()
        check = _read(row) if row else None
        if check is None or not _is_for(check, session) or _is_taken(tx, check, session, now):
            return None
        is_blocked = check.first_verdict is ReviewVerdict.BLOCK
        agrees = is_blocked == (verdict is ReviewVerdict.BLOCK)
        tx.execute(
            "UPDATE review_blind_checks SET person = ?, at = ?, verdict = ?, agrees = ?"
            " WHERE decision = ?",
            (session.person, now.timestamp(), verdict, int(agrees), number),
        )
        tx.execute("DELETE FROM review_locks WHERE ref = ?", (check.ref,))
        if not agrees:
            undo_decision(tx, number, why="two reviewers disagree", config=config, now=now)
    return agrees


def disagreed_refs(store: Store) -> frozenset[str]:
    """Return the content about which two people disagreed."""
    rows = store.read(
        "SELECT d.ref FROM review_blind_checks AS c JOIN review_decisions AS d"
        " ON d.seq = c.decision WHERE c.agrees = 0"
    )
    return frozenset(ref for (ref,) in rows)


def _is_taken(tx: Transaction, check: BlindCheck, session: ReviewSession, now: datetime) -> bool:
    lock = lock_of(tx, check.ref, now=now.timestamp())
    return lock is not None and lock.session != session.key


def _is_for(check: BlindCheck, session: ReviewSession) -> bool:
    return person_key(check.first_person) != person_key(session.person)


def _read(row: tuple[int, str, str, str, str]) -> BlindCheck:
    number, ref, person, verdict, before = row
    return BlindCheck(number, ref, person, ReviewVerdict(verdict), tuple(load_reasons(before)))
