# SPDX-License-Identifier: Apache-2.0
"""Republish a signal: its surroundings changed, it joins a crisis, is named or expires later."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.platform.errors import ConflictError
from stemtide.hub.platform.permissions import check_person_may_write
from stemtide.hub.rooms.ledger.reads import ledger as ledger_reads
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.rules.parties import check_expiry
from stemtide.hub.rooms.signals import bulk_sql
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.rooms.signals.reads.sharing.bulk import BulkContext
from stemtide.hub.rooms.signals.rules import signals as rules
from stemtide.protocol.enums import Role
from stemtide.protocol.law.retention import RowClass, after_end
from stemtide.protocol.messages.signals import SignalOut, TitleIn


@transaction.atomic
def republish(uid: UUID, *, by: Party, now: datetime, through: str) -> int:
    """Move a signal up in the feed after its sharer changed its description; return its position.

    raises: NotFoundError, NotAllowedError for all but its sharer, ConflictError for an ended
    signal.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by)
    rules.check_republish(reads.facts(row), name=by.name)
    row.position = ledger.take_positions(1, now=now)
    row.save(update_fields=["position"])
    _record("signal.repeated", row, by=by, now=now, through=through)
    return row.position


@transaction.atomic
def join_crisis(uid: UUID, *, crisis: UUID, by: Party, now: datetime, through: str) -> int:
    """Add a signal to a crisis, under the rules of sharing into it; return its position.

    Who may see the signal does not change: its marks apply in the crisis as well.

    raises: NotFoundError, NotAllowedError for all but its sharer, ConflictError if the signal has
            ended or is in another crisis, InvalidError for a crisis that does not accept it.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by)
    rules.check_republish(reads.facts(row), name=by.name)
    if row.crisis is not None and row.crisis.uid == crisis:
        return row.position
    if row.crisis is not None:
        raise ConflictError(
            "this signal is in another crisis, and a signal is in one at a time: withdraw it, then"
            " share it in this crisis"
        )
    context = BulkContext(by, hub=ledger_reads.heads().hub, now=now)
    context.check_crisis(crisis, exercise=row.exercise)
    row.crisis_id = context.crises[crisis]
    row.position = ledger.take_positions(1, now=now)
    row.stamp_s = bulk_sql.next_stamp(now)
    row.save(update_fields=["crisis", "position", "stamp_s"])
    _record("signal.joined", row, by=by, now=now, through=through)
    return row.position


@transaction.atomic
def name(
    uid: UUID, *, body: TitleIn, by: Party, now: datetime, through: str, role: Role | None = None
) -> SignalOut:
    """Give a signal a title, which everybody who sees the signal reads at this hub.

    Agents get no title. The signal takes a new position, so that cached pages are made anew. The
    ledger keeps that it was named, not the text.

    role: of the person who acts for the party; None for a machine.

    raises: NotFoundError, NotAllowedError for all but its sharer, ConflictError for an ended
            signal, InvalidError for personal data.
    """
    check_person_may_write(role)
    rules.check_impersonal(body.title, field="title")
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by)
    rules.check_republish(reads.facts(row), name=by.name)
    row.title = " ".join(body.title.split())
    row.position = ledger.take_positions(1, now=now)
    row.save(update_fields=["title", "position"])
    _record("signal.named", row, by=by, now=now, through=through, is_named=bool(row.title))
    return reads.describe(row, viewer=by)


@transaction.atomic
def extend(
    uid: UUID, *, until: datetime, by: Party, now: datetime, through: str, role: Role | None = None
) -> SignalOut:
    """Have a signal expire later: every agent learns of it from the feed.

    role: of the person who acts for the party; None for a machine.

    raises: NotFoundError, NotAllowedError for all but its sharer, ConflictError for an ended
            signal or one that would not expire later, InvalidError for a date after the term.
    """
    check_person_may_write(role)
    check_expiry(until, now=now)
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by)
    rules.check_extend(reads.facts(row), name=by.name, before=row.expires_at, until=until, now=now)
    rules.check_within_crisis(until, ends_at=reads.crisis_ends_at(row))
    row.expires_at = until
    if row.erase_due is not None:
        row.erase_due = max(row.erase_due, after_end(RowClass.SIGNAL, until))
    row.position = ledger.take_positions(1, now=now)
    row.stamp_s = bulk_sql.next_stamp(now)
    row.save(update_fields=["expires_at", "erase_due", "position", "stamp_s"])
    _record("signal.extended", row, by=by, now=now, through=through, until=until.isoformat())
    return reads.describe(row, viewer=by)


def _record(
    kind: str, row: Signal, *, by: Party, now: datetime, through: str, **facts: object
) -> None:
    """Append to the ledger that a signal took a new position. facts: more of the entry's detail."""
    ledger.append(
        kind,
        actor=by.ref,
        subject=row.ref,
        now=now,
        detail={"position": row.position, "through": through, **facts},
        exercise=row.exercise,
        crisis=row.crisis.uid if row.crisis else None,
    )
