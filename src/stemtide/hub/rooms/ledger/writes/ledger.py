# SPDX-License-Identifier: Apache-2.0
"""Write the ledger: numbers are assigned under one lock, in order, without gaps."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from stemtide.hub.process_metrics import lock_wait_seconds
from stemtide.hub.rooms.ledger.models import Entry, Numbering, PacedAct, Placement
from stemtide.hub.rooms.ledger.reads.rate_limits import check_limit
from stemtide.hub.rooms.ledger.rules.ledger import (
    CLOCK,
    RUNS_AFTER,
    SPACING,
    ActorLike,
    NoTransactionError,
    acts_for_exercise,
    check_mark,
    check_runs,
    crisis_named,
)
from stemtide.hub.rooms.ledger.rules.rate_limits import (
    LIMIT_GROUPS,
    WINDOW,
    is_by_person,
    weight_of,
)

_ENTRIES = "UPDATE ledger_numbering SET entries = entries + %s RETURNING entries"
_POSITIONS = "UPDATE ledger_numbering SET positions = positions + %s RETURNING positions"

_MARK_BITS = 63  # the size of a signed column


CHANNEL = "stemtide"
"""The PostgreSQL channel that announces new entries at commit."""


class Act(NamedTuple):
    """An act that is appended together with others: the arguments of append()."""

    kind: str
    actor: str
    subject: str
    detail: dict[str, object]
    exercise: bool
    crisis: UUID | None


def lock_ledger() -> None:
    """Take the lock of the ledger: wait until every other writer has committed or rolled back.

    A write that first reads rows and then changes them calls this before reading: the rows stay
    unchanged until its own commit, and no deadlock is possible.

    raises: NoTransactionError outside transaction.atomic().
    """
    _check_transaction()
    # On SQLite the transaction holds the write lock from its start (BEGIN IMMEDIATE).
    if connection.features.has_select_for_update:
        with lock_wait_seconds.time():
            Numbering.objects.select_for_update().get()


def take_positions(count: int, *, now: datetime) -> int:
    """Assign consecutive feed positions; return the first of count.

    Each gets its own time, later than that of every position before it: clients that poll by time
    then lose and repeat no more than those that poll by position (decision 0061).

    raises: NoTransactionError outside transaction.atomic().
    """
    _check_transaction()
    first = _advance(_POSITIONS, count) - count + 1
    before = Placement.objects.order_by("-first").first()
    at = max(now, before.at + SPACING * before.count) if before else now
    mark = secrets.randbits(_MARK_BITS)
    Placement.objects.create(first=first, count=count, at=at, mark=mark)
    return first


def append(
    kind: str,
    *,
    actor: str,
    subject: str,
    now: datetime,
    detail: dict[str, object] | None = None,
    exercise: bool = False,
    crisis: UUID | None = None,
) -> Entry:
    """Append one act, inside the transaction that does it.

    kind:    thing.past_participle, as in "signal.shared".
    actor, subject: names of rows; no personal data, here or in detail.
    crisis:  the crisis whose timeline the act belongs to; an act on a crisis belongs to it anyway.

    An act that alerts people is counted, and refused if its party is over the rate limit.

    raises: NoTransactionError outside transaction.atomic(); RateLimitError; of a party that exists
            for an exercise only NotAllowedError for something real, and ConflictError for an act
            while the exercise does not run.
    """
    _check_transaction()
    _check_exercise(kind, actor=actor, exercise=exercise)
    if kind in LIMIT_GROUPS:
        lock_ledger()  # no other process may count meanwhile
        _count_act(kind, actor=actor, now=now, detail=detail or {}, exercise=exercise)
    entry = Entry.objects.create(
        number=_advance(_ENTRIES, 1),
        kind=kind,
        actor=actor,
        subject=subject,
        detail=detail or {},
        exercise=exercise,
        crisis=crisis or crisis_named(subject),
        recorded_at=now,
    )
    _announce(entry.number)
    return entry


def append_many(acts: Sequence[Act], *, now: datetime) -> None:
    """Append several acts that alert nobody, in order, in the transaction that does them.

    raises: NoTransactionError outside transaction.atomic().
    """
    _check_transaction()
    if not acts:
        return
    for act in acts:
        _check_exercise(act.kind, actor=act.actor, exercise=act.exercise)
    last = _advance(_ENTRIES, len(acts))
    Entry.objects.bulk_create(
        Entry(**act._asdict(), number=number, recorded_at=now)
        for number, act in enumerate(acts, start=last - len(acts) + 1)
    )
    _announce(last)


def append_by(
    kind: str,
    *,
    by: ActorLike | None,
    subject: str,
    now: datetime,
    detail: dict[str, object] | None = None,
    exercise: bool = False,
    crisis: UUID | None = None,
    otherwise: str = CLOCK,
) -> Entry:
    """Append one act of an actor: its party is the actor, the detail names the person or key.

    otherwise: the actor if by is None: by default the scheduler.

    raises: NoTransactionError outside transaction.atomic(); RateLimitError.
    """
    return append(
        kind,
        actor=by.party.ref if by else otherwise,
        subject=subject,
        now=now,
        detail=(detail or {}) | ({"through": by.ref} if by else {}),
        exercise=exercise,
        crisis=crisis,
    )


def _check_exercise(kind: str, *, actor: str, exercise: bool) -> None:
    """Check an act of a party that exists for one exercise only.

    A hub runs one at a time. Its state is read under the lock, so that no act follows a pause that
    has committed.

    raises: NotAllowedError, ConflictError.
    """
    check_mark(actor, exercise=exercise)
    if acts_for_exercise(kind, actor=actor):
        lock_ledger()
        changes = Entry.objects.filter(kind__in=RUNS_AFTER).order_by("-number")
        check_runs(changes.values_list("kind", flat=True).first())


def _advance(statement: str, count: int) -> int:
    """Increase a counter in one statement, as every write does it; return the new value."""
    with connection.cursor() as cursor:
        cursor.execute(statement, [count])
        return int(cursor.fetchone()[0])


def _check_transaction() -> None:
    """Refuse to assign numbers outside a transaction."""
    if not connection.in_atomic_block:
        raise NoTransactionError("write the ledger inside transaction.atomic(), with its act")


def _announce(number: int) -> None:
    """Notify listeners once the transaction commits. On SQLite they watch data_version."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, str(number)])


def _count_act(
    kind: str, *, actor: str, now: datetime, detail: Mapping[str, object], exercise: bool
) -> None:
    """Count an act that alerts people; ignore other kinds, and acts of the scheduler.

    The caller holds the write lock, so that no other process counts meanwhile. actor: that
    of the entry. Exercises are counted separately, so that they leave room for a real crisis.

    raises: RateLimitError, which rolls back the whole act.
    """
    pace = LIMIT_GROUPS.get(kind)
    if pace is None or not actor.startswith("party:"):
        return
    weight = weight_of(detail)
    is_person = is_by_person(detail)
    check_limit(kind, weight=weight, actor=actor, now=now, is_person=is_person, exercise=exercise)
    PacedAct.objects.filter(actor=actor, pace=pace, at__lte=now - WINDOW).delete()
    PacedAct.objects.create(actor=actor, pace=pace, weight=weight, exercise=exercise, at=now)
