# SPDX-License-Identifier: Apache-2.0
"""Erase what is due: rows, salts of leaves and a certificate in one transaction. Decision 0190.

A hub that dies in between has erased nothing of that batch, and begins it again. Two schedulers at
once are safe: under the lock each sees what the other has erased.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.orders.writes import erasure as orders
from stemtide.hub.rooms.rechecks import writes as rechecks
from stemtide.hub.rooms.referrals.writes import erasure as referrals
from stemtide.hub.rooms.retention.reads import rows as reads
from stemtide.hub.rooms.retention.reads.rows import KINDS, PURGED
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.writes.endings import erasure as signals, terms
from stemtide.hub.rooms.situation.writes import erasure as situation
from stemtide.hub.rooms.stix.writes import erasure as stix
from stemtide.hub.rooms.transparency.models import Purge
from stemtide.hub.rooms.transparency.writes import purges as log
from stemtide.protocol.enums import SignalState
from stemtide.protocol.law.deadlines import months_after
from stemtide.protocol.law.retention import RowClass, retention

AT_ONCE = 500
"""Rows that one transaction erases, so that other writers get their turn."""

BATCHES = 10
"""The most transactions of one run, of each class: the scheduler has other work."""

_RETRY_FOR = timedelta(minutes=10)


@needs_no_entry("the certificate of each batch records it")
def purge_due(now: datetime) -> int:
    """Erase the rows whose time has come and that nothing keeps; return how many.

    Live signals whose term is over expire first: agents learn of it, and release nothing.
    What one run does not finish, the next one goes on with.

    raises: SigningKeyError.
    """
    _in_batches(partial(_expire_some, now))
    purges = [partial(_purge_some, row_class, now=now) for row_class in PURGED]
    return sum(_in_batches(purge) for purge in purges)


def _in_batches(do_batch: Callable[[], int]) -> int:
    """Do a part of something until nothing is left, or the run has had its share; return how many.

    do_batch: does one batch, and returns how many.
    """
    count = 0
    for _ in range(BATCHES):
        done = do_batch()
        count += done
        if not done:
            break
    return count


@needs_no_entry("it changes no row")
@needs_no_lock("it changes no row")
def empty_write_ahead_log(now: datetime) -> None:
    """Remove what was erased from SQLite's write-ahead log, too.

    A reader can be in the way; so each run tries for some minutes after an erasure.
    """
    is_recent = Purge.objects.filter(purged_at__gt=now - _RETRY_FOR).exists()
    if is_recent and connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@transaction.atomic
def _expire_some(now: datetime) -> int:
    """Expire live signals whose term is over, so that they are erased once its rest is over too.

    Those with an expiry of their own match until then. The term is compared at its start as well:
    the rest after it can end on the same last day of a month for ends up to three days apart.
    """
    rule = retention().classes[RowClass.SIGNAL]
    due = Signal.objects.filter(
        state=SignalState.LIVE,
        erased_at=None,
        expires_at=None,
        shared_at__lte=months_after(now, -rule.months),
        erase_due__lte=months_after(now, rule.after_end),
    )
    if not due.exists():
        return 0
    ledger.lock_ledger()
    by_group = due.order_by("exercise", "crisis__uid", "position")
    facts = list(by_group.values_list("exercise", "crisis__uid", "pk")[:AT_ONCE])
    for (exercise, crisis), group in groupby(facts, key=lambda fact: fact[:2]):
        terms.expire([pk for *_, pk in group], exercise=exercise, crisis=crisis, now=now)
    return len(facts)


@transaction.atomic
def _purge_some(row_class: RowClass, *, now: datetime) -> int:
    """Erase one batch of rows of a class."""
    if not _due(row_class, now=now).exists():
        return 0
    ledger.lock_ledger()
    rows = list(_due(row_class, now=now).order_by(KINDS[row_class].date, "pk")[:AT_ONCE])
    for (rule, exercise), group in _by_rule(rows):
        _purge(row_class, group, rule=rule, exercise=exercise, now=now)
    return len(rows)


def _due(row_class: RowClass, *, now: datetime) -> QuerySet[Any]:
    """Return the rows of a class that are due. A live signal expires first."""
    rows = reads.due(row_class, now=now)
    return rows.exclude(state=SignalState.LIVE) if row_class is RowClass.SIGNAL else rows


def _by_rule(rows: list[Any]) -> Iterator[tuple[tuple[str, bool], list[Any]]]:
    """Yield rows with the same rule and exercise mark."""
    groups: dict[tuple[str, bool], list[Any]] = {}
    for row in rows:
        groups.setdefault((row.retention_rule or "", row.exercise), []).append(row)
    yield from groups.items()


def _purge(
    row_class: RowClass,
    rows: list[Any],
    *,
    rule: str,
    exercise: bool,
    now: datetime,
    actor: str = CLOCK,
) -> None:
    """Erase rows: first the salts, while the content that they hide can still be read."""
    shared_at = [row.shared_at for row in rows] if row_class is RowClass.SIGNAL else []
    leaves = log.forget_salts([row.ref for row in rows], shared_at=shared_at)
    _ERASE[row_class](rows, now)
    ids = [str(row.uid) for row in rows]
    certified = log.Erased(row_class, rule=rule, ids=ids, leaves=leaves, exercise=exercise)
    log.certify(certified, actor=actor, now=now)


def _erase_signals(rows: list[Any], now: datetime) -> None:
    """Erase signals, and STIX objects made of them."""
    signals.erase(rows, now=now)
    stix.erase([row.pk for row in rows])


def _erase_referrals(rows: list[Any], now: datetime) -> None:
    """Erase referrals, and visits to their addresses."""
    referrals.erase(rows, now=now)
    rechecks.forget(referrals=[row.pk for row in rows])


def _erase_orders(rows: list[Any], now: datetime) -> None:
    """Erase orders, and visits to their addresses."""
    orders.erase(rows, now=now)
    rechecks.forget(orders=[row.pk for row in rows])


def _erase_messages(rows: list[Any], now: datetime) -> None:
    """Erase the texts of a situation log."""
    situation.erase(rows, now=now)


_ERASE: dict[RowClass, Callable[[list[Any], datetime], None]] = {
    RowClass.SIGNAL: _erase_signals,
    RowClass.REFERRAL: _erase_referrals,
    RowClass.ORDER: _erase_orders,
    RowClass.MESSAGE: _erase_messages,
}


@needs_no_entry("the certificate records it")
@transaction.atomic
def purge_again(row_class: RowClass, uid: UUID, *, actor: str, now: datetime) -> bool:
    """Erase a row that a restored backup has again; return whether it had it."""
    ledger.lock_ledger()
    row = KINDS[row_class].rows.filter(uid=uid, erased_at=None).first()
    if row is None:
        return False
    if row_class is RowClass.SIGNAL and row.state == SignalState.LIVE:
        crisis = row.crisis.uid if row.crisis else None
        terms.expire([row.pk], exercise=row.exercise, crisis=crisis, now=now)
    rule = row.retention_rule or ""
    _purge(row_class, [row], rule=rule, exercise=row.exercise, now=now, actor=actor)
    return True
