# SPDX-License-Identifier: Apache-2.0
"""Write batches: thousands of referrals in a few acts.

A provider gets one notification for each part of a batch, not one for each address. Its ledger
entry names the batch, the provider, the number of referrals, the first and last file reference.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.platform.retention.columns import retention_columns
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.ledger.writes.transactions import part
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.writes.competences import next_references
from stemtide.hub.rooms.referrals.models import Batch, BatchRow, Hold, Referral
from stemtide.hub.rooms.referrals.reads import batches as reads, targets
from stemtide.hub.rooms.referrals.reads.batches import Judged
from stemtide.hub.rooms.referrals.rules import referrals as rules
from stemtide.hub.rooms.referrals.rules.batches import check_open, check_owner, check_size
from stemtide.hub.rooms.referrals.writes.referrals import SERIES, meet
from stemtide.hub.rooms.signals.rules.signals import uuid_at
from stemtide.protocol.enums.referrals import ReferralState, RowOutcome
from stemtide.protocol.law.retention import RowClass
from stemtide.protocol.messages.batches import (
    BatchIn,
    BatchOut,
    BatchRowIn,
    BatchRowOut,
    RowsIn,
    RowsOut,
)

_MADE = frozenset({RowOutcome.SENT, RowOutcome.HELD})
"""Outcomes of rows that become referrals."""

ROWS_BESIDE_OTHERS = 50
"""A batch with more rows than this waits for other long transactions: each row needs a search."""


@transaction.atomic
def open_batch(body: BatchIn, *, by: Actor, now: datetime) -> BatchOut:
    """Open a batch; opening it again under the same name gives the one that is there.

    raises: NotAllowedError; InvalidError for a crisis that does not fit.
    """
    check_open(kind=by.kind, role=by.role)
    crisis = targets.crisis(body.crisis, exercise=body.exercise, viewer=by.party)
    ledger.lock_ledger()
    row, is_new = Batch.objects.get_or_create(
        sender=by.party,
        name=" ".join(body.name.split()),
        exercise=body.exercise,
        defaults={"uid": uuid_at(now), "crisis": crisis, "opened_at": now},
    )
    if row.crisis_id != (crisis.pk if crisis else None):
        raise InvalidError("crisis", "another batch has this name: choose another name")
    if is_new:
        _append("batch.opened", row, by=by, now=now, detail={})
    return reads.describe_batch(row, viewer=by.party)


def add_rows(uid: UUID, *, body: RowsIn, by: Actor, now: datetime) -> RowsOut:
    """Refer the addresses of some rows in one act, and return the outcome of each.

    A row whose number the batch has already is not done again: sending the same rows twice tells
    the same twice. What a search before sending speaks against is not sent, and the row says why.

    raises: NotFoundError, NotAllowedError; ConflictError where the batch is full.
    """
    with part() if len(body.rows) > ROWS_BESIDE_OTHERS else transaction.atomic():
        return _add_rows(uid, body=body, by=by, now=now)


def _add_rows(uid: UUID, *, body: RowsIn, by: Actor, now: datetime) -> RowsOut:
    """Do as add_rows says, in its transaction."""
    ledger.lock_ledger()
    batch = reads.find_batch(uid, viewer=by.party)
    check_open(kind=by.kind, role=by.role)
    check_owner(batch.sender.name, name=by.name)
    rows_by_number = {
        row.number: row
        for row in batch.rows.filter(
            number__in=[row_in.number for row_in in body.rows]
        ).select_related("referral")
    }
    fresh = list(
        {
            row_in.number: row_in for row_in in body.rows if row_in.number not in rows_by_number
        }.values()
    )
    check_size(batch.rows.count() + len(fresh))
    judged = reads.judge(fresh, viewer=by.party, exercise=batch.exercise, again=body.again, now=now)
    referrals = _make(batch, judged, by=by, now=now)
    rows = _store(batch, fresh, judged=judged, referrals=referrals)
    _tell(batch, judged, referrals=referrals, by=by, now=now)
    rows_by_number.update((row.number, row) for row in rows)
    return RowsOut(rows=[_row_out(rows_by_number[row_in.number]) for row_in in body.rows])


def _make(
    batch: Batch, judged: Sequence[Judged], *, by: Actor, now: datetime
) -> dict[int, Referral]:
    """Make the referrals of good rows, by the rows' numbers."""
    good = [judged_row for judged_row in judged if judged_row.outcome in _MADE]
    if not good:
        return {}
    references = next_references(by.party, SERIES, count=len(good), now=now)
    rows = [
        _row(judged_row, reference, batch=batch, by=by, now=now)
        for judged_row, reference in zip(good, references, strict=True)
    ]
    Referral.objects.bulk_create(rows, batch_size=500)
    return {judged_row.number: row for judged_row, row in zip(good, rows, strict=True)}


def _row(judged: Judged, reference: str, *, batch: Batch, by: Actor, now: datetime) -> Referral:
    """Return the row of one referral, sent or waiting for a hold."""
    assert judged.draft is not None  # noqa: S101  # rows with errors were filtered out
    assert judged.provider is not None  # noqa: S101  # rows with errors were filtered out
    body, is_sent = judged.draft.body, judged.outcome is RowOutcome.SENT
    facts = rules.ReferralFacts(
        state=ReferralState.ASSESSED, sender=by.name, provider=judged.provider.name
    )
    return Referral(
        uid=uuid_at(now),
        reference=reference,
        sender=by.party,
        provider=judged.provider,
        url=judged.draft.url,
        digest=judged.draft.digest,
        crisis=batch.crisis,
        batch=batch,
        exercise=batch.exercise,
        state=rules.move(facts, "send" if is_sent else "wait", side="sender"),
        assessed_at=now,
        decided_at=now,
        sent_at=now if is_sent else None,
        held_at=None if is_sent else now,
        **rules.columns_of(body),
        **retention_columns(RowClass.REFERRAL, kind=by.kind, now=now),
    )


def _store(
    batch: Batch,
    fresh: Sequence[BatchRowIn],
    *,
    judged: Sequence[Judged],
    referrals: dict[int, Referral],
) -> list[BatchRow]:
    """Store the outcome of each row."""
    return BatchRow.objects.bulk_create(
        [
            BatchRow(
                batch=batch,
                number=judged_row.number,
                url=row.url[:4096],
                provider=row.provider[:60],
                outcome=judged_row.outcome,
                message=judged_row.message,
                referral=referrals.get(judged_row.number) or judged_row.own,
            )
            for row, judged_row in zip(fresh, judged, strict=True)
        ],
        batch_size=500,
    )


def _tell(
    batch: Batch,
    judged: Sequence[Judged],
    *,
    referrals: dict[int, Referral],
    by: Actor,
    now: datetime,
) -> None:
    """Record the act: an entry for each provider that is sent something, and for each hold met."""
    sent: dict[Party, list[Referral]] = {}
    holds: dict[Hold, list[Referral]] = {}
    for judged_row in judged:
        if judged_row.outcome is RowOutcome.SENT and judged_row.provider:
            sent.setdefault(judged_row.provider, []).append(referrals[judged_row.number])
        for hold in judged_row.holds:
            holds.setdefault(hold, []).append(referrals[judged_row.number])
    for provider, rows in sent.items():
        detail: dict[str, object] = {
            "party": provider.ref,
            "count": len(rows),
            "first": rows[0].reference,
            "last": rows[-1].reference,
        }
        _append("referrals.sent", batch, by=by, now=now, detail=detail)
    waiting = sum(judged_row.outcome is RowOutcome.HELD for judged_row in judged)
    if waiting:
        _append("referrals.held", batch, by=by, now=now, detail={"count": waiting})
    for hold, rows in holds.items():
        meet(hold, rows, by=by, now=now)


def _row_out(row: BatchRow) -> BatchRowOut:
    """Return the outcome of one row."""
    return reads.describe_row(row)


def _append(
    kind: str, batch: Batch, *, by: Actor, now: datetime, detail: dict[str, object]
) -> None:
    """Append an act on a batch to the ledger."""
    ledger.append_by(
        kind,
        by=by,
        subject=batch.ref,
        now=now,
        detail=detail,
        exercise=batch.exercise,
        crisis=batch.crisis.uid if batch.crisis else None,
    )
