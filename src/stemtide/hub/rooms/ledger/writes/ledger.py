# SPDX-License-Identifier: Apache-2.0
"""The only writers of the ledger: numbers are given out under one lock, in order, without gaps."""

import secrets
from datetime import datetime
from uuid import UUID

from django.db import connection

from stemtide.hub.rooms.ledger.models import Entry, Numbering, Placement
from stemtide.hub.rooms.ledger.rules.ledger import SPACING, Hand, NoTransactionError, crisis_named
from stemtide.hub.rooms.ledger.rules.rate_limits import PACES
from stemtide.hub.rooms.ledger.writes.rate_limits import keep_pace

_ENTRIES = "UPDATE ledger_numbering SET entries = entries + %s RETURNING entries"
_POSITIONS = "UPDATE ledger_numbering SET positions = positions + %s RETURNING positions"

_MARK_BITS = 63  # what fits into a signed column

CHANNEL = "stemtide"
"""The PostgreSQL channel that says, at commit, which entry was written."""


def take_turn() -> None:
    """Wait until every other writer has committed or given up.

    A write that first reads, then changes what it read, calls this before reading: what it saw
    stays true until its own commit, and no two writers wait for each other in a circle.

    raises: NoTransactionError outside transaction.atomic().
    """
    _check_transaction()
    # On SQLite the transaction holds the write lock from its start (BEGIN IMMEDIATE).
    if connection.features.has_select_for_update:
        Numbering.objects.select_for_update().get()


def take_positions(count: int, *, now: datetime) -> int:
    """Give out feed positions; returns the first of count consecutive ones.

    Each gets a moment of its own, later than that of every position before it: readers who ask by
    time then lose and repeat no more than those who ask by position (decision 0061).

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
    """Record one act, inside the transaction that does it.

    kind:    thing.past_participle, as in "signal.shared".
    actor, subject: how the ledger names rows; no personal data, here or in detail.
    crisis:  the crisis whose timeline the act belongs to; an act on a crisis belongs to it anyway.

    An act that alerts people is counted, and refused where its party did too many of late.

    raises: NoTransactionError outside transaction.atomic(); TooManyError.
    """
    _check_transaction()
    if kind in PACES:
        take_turn()  # so that no other process counts meanwhile
        keep_pace(kind, by=actor, now=now, detail=detail or {}, exercise=exercise)
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


def append_by(
    kind: str,
    *,
    by: Hand,
    subject: str,
    now: datetime,
    detail: dict[str, object] | None = None,
    exercise: bool = False,
    crisis: UUID | None = None,
) -> Entry:
    """Record one act of somebody: their party is the actor, the detail says through which hand.

    raises: NoTransactionError outside transaction.atomic(); TooManyError.
    """
    return append(
        kind,
        actor=by.party.ref,
        subject=subject,
        now=now,
        detail={**(detail or {}), "through": by.ref},
        exercise=exercise,
        crisis=crisis,
    )


def _advance(statement: str, count: int) -> int:
    """Move one of the numbers on; where it stands then. In one statement: every write does it."""
    with connection.cursor() as cursor:
        cursor.execute(statement, [count])
        return int(cursor.fetchone()[0])


def _check_transaction() -> None:
    """Refuse to give out numbers that no transaction holds."""
    if not connection.in_atomic_block:
        raise NoTransactionError("write the ledger inside transaction.atomic(), with its act")


def _announce(number: int) -> None:
    """Wake those who listen, once the transaction commits. On SQLite they watch data_version."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, str(number)])
