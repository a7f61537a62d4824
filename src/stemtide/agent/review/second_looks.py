# SPDX-License-Identifier: Apache-2.0
"""Blind second looks: a colleague decides again, without seeing the first decision.

1 Nobody sees which decisions are looked at again, and the second person sees the content as it was
  before the first decision.
2 The answer is to block or to let pass. A dispute counts as letting pass.
3 If the two agree, nothing changes. If not, the content is held again, and comes back to the queue
  for whoever is there: between a block and a release, a hold is what can be taken back.
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
    "SELECT l.decision, d.ref, d.person, d.verdict, d.before FROM review_second_looks AS l"
    " JOIN review_decisions AS d ON d.seq = l.decision"
    " WHERE l.verdict = '' AND d.undone_at IS NULL"
)
_COUNT_ANSWERS = (
    "SELECT coalesce(sum(agrees), 0), count(agrees) FROM review_second_looks WHERE verdict != ''"
)


@dataclass(frozen=True, slots=True)
class SecondLook:
    """A decision that waits for a second look. reasons: before the first decision."""

    number: int
    ref: str
    first_person: str
    first_verdict: ReviewVerdict
    reasons: tuple[MatchReason, ...]


class Agreement(NamedTuple):
    """How often the second look agreed with the first."""

    agreed: int
    answered: int

    @property
    def percent(self) -> int:
        """Return the share of agreement; 0 without any answer."""
        return round(100 * self.agreed / self.answered) if self.answered else 0


def looks_for(store: Store, session: ReviewSession) -> list[SecondLook]:
    """Return the second looks that a person may give, the oldest first."""
    rows = store.read(f"{_OPEN} ORDER BY l.decision")
    return [look for row in rows if _is_for(look := _look(row), session)]


def find_look(store: Store, number: int, *, session: ReviewSession) -> SecondLook | None:
    """Return a second look that this person may give; None if there is none of that number."""
    rows = store.read(f"{_OPEN} AND l.decision = ?", (number,))
    look = _look(rows[0]) if rows else None
    return look if look and _is_for(look, session) else None


def next_look(store: Store, session: ReviewSession, *, now: float) -> SecondLook | None:
    """Return the oldest second look for a person that nobody has open."""
    locks = locks_by_ref(store, now=now)
    for look in looks_for(store, session):
        lock = locks.get(look.ref)
        if lock is None or lock.session == session.key:
            return look
    return None


def count_agreement(store: Store) -> Agreement:
    """Return how often second looks agreed, as far back as decisions are kept."""
    return Agreement(*store.read(_COUNT_ANSWERS)[0])


def answer_look(
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
        row = tx.execute(f"{_OPEN} AND l.decision = ?", (number,)).fetchone()
        look = _look(row) if row else None
        if look is None or not _is_for(look, session) or _is_taken(tx, look, session, now):
            return None
        is_blocked = look.first_verdict is ReviewVerdict.BLOCK
        agrees = is_blocked == (verdict is ReviewVerdict.BLOCK)
        tx.execute(
            "UPDATE review_second_looks SET person = ?, at = ?, verdict = ?, agrees = ?"
            " WHERE decision = ?",
            (session.person, now.timestamp(), verdict, int(agrees), number),
        )
        tx.execute("DELETE FROM review_locks WHERE ref = ?", (look.ref,))
        if not agrees:
            undo_decision(tx, number, why="two reviewers disagree", config=config, now=now)
    return agrees


def disagreed_refs(store: Store) -> frozenset[str]:
    """Return the content about which two people disagreed."""
    rows = store.read(
        "SELECT d.ref FROM review_second_looks AS l JOIN review_decisions AS d"
        " ON d.seq = l.decision WHERE l.agrees = 0"
    )
    return frozenset(ref for (ref,) in rows)


def _is_taken(tx: Transaction, look: SecondLook, session: ReviewSession, now: datetime) -> bool:
    lock = lock_of(tx, look.ref, now=now.timestamp())
    return lock is not None and lock.session != session.key


def _is_for(look: SecondLook, session: ReviewSession) -> bool:
    return person_key(look.first_person) != person_key(session.person)


def _look(row: tuple[int, str, str, str, str]) -> SecondLook:
    number, ref, person, verdict, before = row
    return SecondLook(number, ref, person, ReviewVerdict(verdict), tuple(load_reasons(before)))
