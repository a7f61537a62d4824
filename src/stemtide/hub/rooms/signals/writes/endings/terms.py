# SPDX-License-Identifier: Apache-2.0
"""End signals: agents get tombstones, and the hub keeps what ended until complaints are over."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.signals import bulk_sql, long_values
from stemtide.hub.rooms.signals.models import Signal
from stemtide.protocol.enums import SignalState
from stemtide.protocol.law.retention import GIVEN, RowClass, after_end, signal_term_ends


def expire(pks: Sequence[int], *, exercise: bool, crisis: UUID | None, now: datetime) -> None:
    """Expire live signals of one mark and crisis, and append to the ledger. They release nothing.

    A signal without an expiry of its own gets one, which says when it ended. The caller holds the
    lock.
    """
    detail = end(pks, state=SignalState.EXPIRED, now=now)
    for numbers in long_values.batches(pks):
        Signal.objects.filter(pk__in=numbers, expires_at=None).update(expires_at=now)
    ledger.append(
        "signals.expired",
        actor=CLOCK,
        subject="signals",
        now=now,
        detail=detail,
        exercise=exercise,
        crisis=crisis,
    )


@needs_no_entry("the caller records the end")
@needs_no_lock("the caller holds it")
def end(pks: Sequence[int], *, state: SignalState, now: datetime) -> dict[str, object]:
    """Move live signals to a state in which they no longer match; return the entry's detail."""
    first = ledger.take_positions(len(pks), now=now)
    bulk_sql.move_signals(pks, state=state, first=first, now=now)
    latest = after_end(RowClass.SIGNAL, now)
    for numbers in long_values.batches(pks):
        for row in Signal.objects.filter(pk__in=numbers, erase_due__gt=latest):
            row.erase_due = due_once_ended(row, now=now)
            row.save(update_fields=["erase_due"])
    return {"count": len(pks), "first": first, "last": first + len(pks) - 1}


def due_once_ended(row: Signal, *, now: datetime) -> datetime | None:
    """Return when a signal that ends now is erased: once complaints about it are over.

    A later date stays if somebody gave it with a reason.
    """
    if row.erase_due is None or _is_kept_longer(row):
        return row.erase_due
    return min(row.erase_due, after_end(RowClass.SIGNAL, now))


def _is_kept_longer(row: Signal) -> bool:
    """Whether somebody gave a signal a date of its own: neither its term nor its expiry did."""
    ends_at = row.expires_at or signal_term_ends(row.shared_at)
    is_given = (row.retention_rule or "").endswith(GIVEN)
    return is_given and row.erase_due != after_end(RowClass.SIGNAL, ends_at)
