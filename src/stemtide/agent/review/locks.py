# SPDX-License-Identifier: Apache-2.0
"""Locks on held content: while one person has it open, nobody else can decide about it."""

from typing import NamedTuple

from stemtide.agent.config.review import ReviewSettings
from stemtide.agent.review.sessions import ReviewSession
from stemtide.agent.store.database import Store, Transaction


class ReviewLock(NamedTuple):
    """A lock. session: the key of the session that has it. until: Unix time."""

    session: str
    person: str
    until: float


def lock_of(tx: Transaction, ref: str, *, now: float) -> ReviewLock | None:
    """Return the lock on a piece of content, or None."""
    row = tx.execute(
        "SELECT session, person, until FROM review_locks WHERE ref = ? AND until > ?", (ref, now)
    ).fetchone()
    return ReviewLock(*row) if row else None


def take_lock(
    store: Store, ref: str, *, session: ReviewSession, settings: ReviewSettings, now: float
) -> ReviewLock:
    """Lock content for a session, which gives up its other locks; return the lock in force."""
    with store.write() as tx:
        tx.execute("DELETE FROM review_locks WHERE session = ? AND ref != ?", (session.key, ref))
        lock = lock_of(tx, ref, now=now)
        if lock and lock.session != session.key:
            return lock
        lock = ReviewLock(session.key, session.person, now + settings.lock_min * 60)
        tx.execute("INSERT OR REPLACE INTO review_locks VALUES (?, ?, ?, ?)", (ref, *lock))
    return lock


def release_locks(store: Store, session: ReviewSession) -> None:
    """Give up all locks of a session."""
    if store.read("SELECT 1 FROM review_locks WHERE session = ?", (session.key,)):
        with store.write() as tx:
            tx.execute("DELETE FROM review_locks WHERE session = ?", (session.key,))


def locks_by_ref(store: Store, *, now: float) -> dict[str, ReviewLock]:
    """Return all locks that stand."""
    sql = "SELECT ref, session, person, until FROM review_locks WHERE until > ?"
    return {ref: ReviewLock(*lock) for ref, *lock in store.read(sql, (now,))}
