# SPDX-License-Identifier: Apache-2.0
"""The queue of held content, most urgent first.

Urgency is severity times reach times time. Severity goes from 1 (low) to 4 (critical). Reach is 1
for content that is alone, and 1 more whenever the pieces of held content of the same signal or
cluster of variants double. Time is 1 for new content, 2 once it should be decided, and grows on, so
that nothing is left for ever. Unreadable content that no signal stops has severity 1, reach 1 and a
time of at most 2, so that nobody buries matches under damaged files.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log2
from typing import Any

from stemtide.agent.config.settings import Config
from stemtide.agent.outbox.actions import REASON_COLUMNS, UNREAD, MatchReason, read_reason
from stemtide.agent.review.blind_checks import disagreed_refs
from stemtide.agent.review.decisions import deciding_reason, escalated_by
from stemtide.agent.review.locks import ReviewLock, locks_by_ref
from stemtide.agent.review.sessions import ReviewSession
from stemtide.agent.store.database import Store
from stemtide.agent.store.review import IS_WAITING
from stemtide.protocol.enums import Severity

_WAITING = f"SELECT ref, at, {REASON_COLUMNS} FROM acted WHERE {IS_WAITING} ORDER BY ref"  # noqa: S608 - our own names
_STATE = (
    f"SELECT count(DISTINCT ref), max(at) FROM acted WHERE {IS_WAITING}",  # noqa: S608 - our own names
    "SELECT max(seq), max(undone_at) FROM review_decisions",
    "SELECT count(*), max(at) FROM review_blind_checks WHERE verdict != ''",
    "SELECT ref, person FROM review_locks ORDER BY ref",
    "SELECT count(*), max(at), max(answered_at) FROM review_questions",
)
_UNREAD = (
    "SELECT ref, json_extract(body, '$.unread[0]') FROM review_events"
    " WHERE ref IN (SELECT ref FROM acted WHERE signal = '' AND action = 'hold')"
    " AND ref NOT IN (SELECT ref FROM review_decisions"
    " WHERE verdict = 'block' AND undone_at IS NULL)"
)
_SIGNALS = (
    "SELECT id, json_extract(body, '$.severity'), json_extract(body, '$.content'),"
    " json_extract(body, '$.shared_by'), 0 FROM signals"
    " WHERE id IN (SELECT signal FROM acted WHERE action = 'hold')"
    " UNION ALL SELECT id, 'medium', NULL, bank, 1 FROM own_entries"
    " WHERE id IN (SELECT signal FROM acted WHERE action = 'hold')"
)


_MOST_UNREAD = 2.0
"""Urgency of what could not be read, however long it waits: that of a new match of severity 2."""


@dataclass(frozen=True, slots=True)
class QueueItem:
    """A piece of content that is held.

    at:        Unix time of the action. due_at: when it should be decided.
    is_own:    the deciding signal is an item of an own bank, which shared_by names.
    signal:    the deciding signal; "" if no signal is left, or it could not be read.
    unread:    why it could not be read, if no signal holds it; "" otherwise.
    clusters:  what its signals are of: a signal, or the content that several are variants of.
    copies:    pieces of held content of the same cluster, this one included.
    escalated: who escalated it; "" for nobody. lock: who has it open, or None.
    is_disagreed: two people decided otherwise about it.
    """

    ref: str
    at: float
    due_at: float
    signal: str
    unread: str
    reason: MatchReason
    severity: Severity | None
    shared_by: str
    is_own: bool
    clusters: frozenset[str]
    copies: int
    escalated: str
    escalation: str
    is_disagreed: bool
    lock: ReviewLock | None

    @property
    def key(self) -> str:
        """Return a short name of the content for the page."""
        return hashlib.sha256(self.ref.encode()).hexdigest()[:12]

    def urgency(self, now: float) -> float:
        """Return severity times reach times time."""
        time = 1 + max(0.0, now - self.at) / (self.due_at - self.at)
        if self.unread:
            return min(time, _MOST_UNREAD)
        severity = (self.severity or Severity.MEDIUM).rank + 1
        return severity * (1 + log2(self.copies)) * time


def read_queue(store: Store, *, config: Config, now: float) -> list[QueueItem]:
    """Return all held content, most urgent first."""
    by_ref: dict[str, list[MatchReason]] = defaultdict(list)
    times: dict[str, float] = {}
    for ref, at, *columns in store.read(_WAITING):
        by_ref[ref].append(read_reason(columns))
        times[ref] = max(at, times.get(ref, at))
    signals = {uid: facts for uid, *facts in store.read(_SIGNALS)}
    clusters = {
        ref: frozenset(_cluster(reason.signal, signals) for reason in reasons)
        for ref, reasons in by_ref.items()
    }
    deciding = {ref: deciding_reason(reasons) for ref, reasons in by_ref.items()}
    copies = Counter(_cluster(reason.signal, signals) for reason in deciding.values())
    unread = dict(store.read(_UNREAD))
    locks, escalated = locks_by_ref(store, now=now), escalated_by(store)
    disagreed = disagreed_refs(store)
    term_s = config.review.decide_within_hours * 3600
    items = []
    for ref, reason in deciding.items():
        severity, _, shared_by, is_own = signals.get(reason.signal, (None, None, "", 0))
        escalation, is_unread = escalated.get(ref), reason.signal == UNREAD.signal
        items.append(
            QueueItem(
                ref=ref,
                at=times[ref],
                due_at=times[ref] + term_s,
                signal=reason.signal,
                unread=(unread.get(ref) or "") if is_unread else "",
                reason=reason,
                severity=Severity(severity) if severity else None,
                shared_by=shared_by,
                is_own=bool(is_own),
                clusters=clusters[ref],
                copies=1 if is_unread else copies[_cluster(reason.signal, signals)],
                escalated=escalation.person if escalation else "",
                escalation=escalation.reason if escalation else "",
                is_disagreed=ref in disagreed,
                lock=locks.get(ref),
            )
        )
    return sorted(items, key=lambda item: (-item.urgency(now), item.at, item.ref))


def _cluster(signal: str, signals: Mapping[str, Sequence[Any]]) -> str:
    """Return the content of which a signal is a variant, or the signal itself."""
    facts = signals.get(signal)
    return (facts and facts[1]) or signal


def queue_state(store: Store) -> list[object]:
    """Return a mark that changes with the queue, without reading the queue."""
    return [store.read(sql) for sql in _STATE]


def next_item(items: list[QueueItem], session: ReviewSession, *, now: float) -> QueueItem | None:
    """Return the most urgent item for a person: not open elsewhere, not escalated by them."""
    for item in items:
        is_taken = item.lock and item.lock.session != session.key and item.lock.until > now
        if not is_taken and item.escalated != session.person:
            return item
    return None


def same_items(items: list[QueueItem], item: QueueItem) -> list[QueueItem]:
    """Return the held content that was held for the same signals or variants, this first."""
    if not item.signal:
        return [item]
    others = [
        other
        for other in items
        if other.ref != item.ref and other.signal and other.clusters <= item.clusters
    ]
    return [item, *others]
