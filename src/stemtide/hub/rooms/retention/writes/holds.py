# SPDX-License-Identifier: Apache-2.0
"""Place and lift legal holds, and extend the date of a row: always with a reason."""

from datetime import datetime
from uuid import UUID, uuid4

from django.db import transaction

from stemtide.hub.platform.permissions import check_may_stop_erasure
from stemtide.hub.platform.retention import rules as retention_rules
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.retention import rules
from stemtide.hub.rooms.retention.models import LegalHold, RetentionChange
from stemtide.hub.rooms.retention.reads import rows as reads, shown
from stemtide.hub.rooms.retention.reads.rows import KINDS, Row, RowKind
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.rules.signals import check_readers, unpack_audience
from stemtide.protocol.law.retention import GIVEN, RowClass
from stemtide.protocol.law.retention.messages import (
    KeptRowOut,
    LegalHoldIn,
    LiftIn,
    RetentionChangeIn,
    RetentionIn,
)


@transaction.atomic
def hold(
    row_class: RowClass, uid: UUID, *, body: LegalHoldIn, by: Actor, now: datetime
) -> KeptRowOut:
    """Stop the erasure of a row, with a reason.

    raises: NotAllowedError, NotFoundError, ConflictError, InvalidError.
    """
    check_may_stop_erasure(role=by.role)
    rules.check_until(body.until, now=now)
    ledger.lock_ledger()
    row = reads.find(row_class, uid, viewer=by.party)
    kind = KINDS[row_class]
    own = shown.running(row_class, uid, now=now).filter(party=by.party)
    rules.check_place(erased_at=getattr(row, kind.gone), is_held=own.exists())
    placed = LegalHold.objects.create(
        uid=uuid4(),
        row_class=row_class,
        row=uid,
        party=by.party,
        reason=body.reason.strip(),
        placed_ref=by.ref,
        placed_at=now,
        until=body.until,
    )
    _record("legal_hold.placed", placed.ref, row_class, by=by, now=now, exercise=_mark(row, kind))
    return shown.describe(row_class, row, viewer=by.party, now=now)


@transaction.atomic
def lift(row_class: RowClass, uid: UUID, *, body: LiftIn, by: Actor, now: datetime) -> KeptRowOut:
    """Lift the party's own hold on a row. It is erased seven days later at the earliest.

    raises: NotAllowedError, also for a machine; NotFoundError; ConflictError without a hold.
    """
    ledger.lock_ledger()
    row = reads.find(row_class, uid, viewer=by.party)
    placed = shown.running(row_class, uid, now=now).filter(party=by.party).first()
    rules.check_lift(role=by.role, is_held=placed is not None)
    if placed is not None:
        placed.lifted_at, placed.lifted_ref = now, by.ref
        placed.lift_reason = body.reason.strip()
        placed.save(update_fields=["lifted_at", "lifted_ref", "lift_reason"])
        mark = _mark(row, KINDS[row_class])
        _record("legal_hold.lifted", placed.ref, row_class, by=by, now=now, exercise=mark)
    return shown.describe(row_class, row, viewer=by.party, now=now)


@transaction.atomic
def change(
    row_class: RowClass, uid: UUID, *, body: RetentionChangeIn, by: Actor, now: datetime
) -> KeptRowOut:
    """Keep an own row for longer, on another basis or for another purpose, with a reason.

    raises: NotAllowedError, NotFoundError, ConflictError; InvalidError naming the field.
    """
    check_may_stop_erasure(role=by.role)
    ledger.lock_ledger()
    row = reads.find(row_class, uid, viewer=by.party)
    kind = KINDS[row_class]
    rules.check_there(getattr(row, kind.gone))
    owner = kind.rows.filter(pk=row.pk).values_list(f"{kind.party}__name", flat=True).get()
    rules.check_change(is_own=owner == by.party.name, party=owner)
    retention_rules.check_basis(body.legal_basis, kind=by.kind)
    if isinstance(row, Signal):
        _check_readers(row, body)
    if body.until is not None:
        before = getattr(row, kind.date)
        rules.check_extend(row_class, before=before, until=body.until, now=now)
    kind.rows.filter(pk=row.pk).update(**_columns(row, body, kind=kind))
    ledger.append_by(
        "retention.changed",
        by=by,
        subject=f"retention:{uid}",
        now=now,
        detail={"class": row_class.value} | _detail(body),
        exercise=_mark(row, kind),
    )
    RetentionChange.objects.create(
        row_class=row_class,
        row=uid,
        party=by.party,
        ref=by.ref,
        reason=body.reason.strip(),
        until=body.until,
        at=now,
    )
    row.refresh_from_db()
    return shown.describe(row_class, row, viewer=by.party, now=now)


def _columns(row: Row, body: RetentionChangeIn, *, kind: RowKind) -> dict[str, object]:
    """Return the columns that a change sets."""
    columns: dict[str, object] = {
        kind.date: body.until,
        "legal_basis": body.legal_basis,
        "purpose": body.purpose,
    }
    columns = {name: value for name, value in columns.items() if value is not None}
    if row.retention_rule and not row.retention_rule.endswith(GIVEN):
        columns["retention_rule"] = row.retention_rule + GIVEN
    return columns


def _detail(body: RetentionChangeIn) -> dict[str, object]:
    """Return the ledger's detail of a change: never its reason."""
    facts = {
        "basis": body.legal_basis and body.legal_basis.value,
        "purpose": body.purpose and body.purpose.value,
        "until": body.until and body.until.isoformat(),
    }
    return {name: fact for name, fact in facts.items() if fact}


def _check_readers(row: Signal, body: RetentionChangeIn) -> None:
    """Refuse a purpose whose readers are fewer than those who may see the signal."""
    if body.purpose is not None:
        sent = RetentionIn(purpose=body.purpose)
        kinds = parties.kinds_of(unpack_audience(row.audience))
        check_readers(sent, sharer=row.shared_by.name, audience=kinds)


def _mark(row: Row, kind: RowKind) -> bool:
    """Return whether a row belongs to an exercise."""
    return bool(kind.rows.filter(pk=row.pk).values_list(kind.exercise, flat=True).get())


def _record(
    act: str, ref: str, row_class: RowClass, *, by: Actor, now: datetime, exercise: bool
) -> None:
    """Append an act on a hold to the ledger."""
    detail: dict[str, object] = {"class": row_class.value}
    ledger.append_by(act, by=by, subject=ref, now=now, detail=detail, exercise=exercise)
