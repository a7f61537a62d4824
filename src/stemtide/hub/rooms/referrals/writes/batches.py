# SPDX-License-Identifier: Apache-2.0
"""Write batches: thousands of referrals in a few acts.

A provider is told once for each part of a batch that reaches it, not once for each address: an
entry names the batch, the provider, how many and from which file reference to which.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.platform.errors import InvalidError
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
"""More rows than these take turns with other long acts: a search goes before each."""


@transaction.atomic
def open_batch(body: BatchIn, *, by: Actor, now: datetime) -> BatchOut:
    """Open a batch; opening it again under the same name gives the one that is there.

    raises: NotAllowedError; InvalidError for a crisis that does not fit.
    """
    check_open(kind=by.kind, role=by.role)
    crisis = targets.crisis(body.crisis, exercise=body.exercise, viewer=by.party)
    ledger.take_turn()
    row, is_new = Batch.objects.get_or_create(
        sender=by.party,
        name=" ".join(body.name.split()),
        exercise=body.exercise,
        defaults={"uid": uuid_at(now), "crisis": crisis, "opened_at": now},
    )
    if row.crisis_id != (crisis.pk if crisis else None):
        raise InvalidError("crisis", "the batch of this name belongs to another: name that one")
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
    ledger.take_turn()
    batch = reads.find_batch(uid, viewer=by.party)
    check_open(kind=by.kind, role=by.role)
    check_owner(batch.sender.name, name=by.name)
    known = {
        row.number: row
        for row in batch.rows.filter(number__in=[one.number for one in body.rows]).select_related(
            "referral"
        )
    }
    fresh = list({one.number: one for one in body.rows if one.number not in known}.values())
    check_size(batch.rows.count() + len(fresh))
    judged = reads.judge(fresh, viewer=by.party, exercise=batch.exercise, again=body.again, now=now)
    made = _make(batch, judged, by=by, now=now)
    rows = _store(batch, fresh, judged=judged, made=made)
    _tell(batch, judged, made=made, by=by, now=now)
    known.update((row.number, row) for row in rows)
    return RowsOut(rows=[_told(known[one.number], by=by) for one in body.rows])


def _make(
    batch: Batch, judged: Sequence[Judged], *, by: Actor, now: datetime
) -> dict[int, Referral]:
    """Make the referrals of good rows, by the rows' numbers."""
    good = [one for one in judged if one.outcome in _MADE]
    if not good:
        return {}
    references = next_references(by.party, SERIES, count=len(good), now=now)
    rows = [
        _row(one, reference, batch=batch, by=by, now=now)
        for one, reference in zip(good, references, strict=True)
    ]
    Referral.objects.bulk_create(rows, batch_size=500)
    return {one.number: row for one, row in zip(good, rows, strict=True)}


def _row(one: Judged, reference: str, *, batch: Batch, by: Actor, now: datetime) -> Referral:
    """Return the row of one referral, sent or waiting for a hold."""
    assert one.draft is not None  # noqa: S101  # only good rows come here
    assert one.provider is not None  # noqa: S101  # the same
    body, is_sent = one.draft.body, one.outcome is RowOutcome.SENT
    facts = rules.ReferralFacts(
        state=ReferralState.ASSESSED, sender=by.name, provider=one.provider.name
    )
    return Referral(
        uid=uuid_at(now),
        reference=reference,
        sender=by.party,
        provider=one.provider,
        url=one.draft.url,
        digest=one.draft.digest,
        content_type=body.content_type,
        language=body.language or "",
        ideology=body.ideology or "",
        labels=sorted(set(body.labels)),
        terms=body.terms,
        reason=body.reason,
        crisis=batch.crisis,
        batch=batch,
        exercise=batch.exercise,
        state=rules.move(facts, "send" if is_sent else "wait", by="sender"),
        assessed_at=now,
        decided_at=now,
        sent_at=now if is_sent else None,
        held_at=None if is_sent else now,
    )


def _store(
    batch: Batch,
    said: Sequence[BatchRowIn],
    *,
    judged: Sequence[Judged],
    made: dict[int, Referral],
) -> list[BatchRow]:
    """Store the outcome of each row."""
    return BatchRow.objects.bulk_create(
        [
            BatchRow(
                batch=batch,
                number=one.number,
                url=row.url[:4096],
                provider=row.provider[:60],
                outcome=one.outcome,
                message=one.message,
                referral=made.get(one.number) or one.own,
            )
            for row, one in zip(said, judged, strict=True)
        ],
        batch_size=500,
    )


def _tell(
    batch: Batch,
    judged: Sequence[Judged],
    *,
    made: dict[int, Referral],
    by: Actor,
    now: datetime,
) -> None:
    """Record the act: an entry for each provider that is sent something, and for each hold met."""
    sent: dict[Party, list[Referral]] = {}
    holds: dict[Hold, list[Referral]] = {}
    for one in judged:
        if one.outcome is RowOutcome.SENT and one.provider:
            sent.setdefault(one.provider, []).append(made[one.number])
        for hold in one.holds:
            holds.setdefault(hold, []).append(made[one.number])
    for provider, rows in sent.items():
        detail: dict[str, object] = {
            "party": provider.ref,
            "count": len(rows),
            "first": rows[0].reference,
            "last": rows[-1].reference,
        }
        _append("referrals.sent", batch, by=by, now=now, detail=detail)
    waiting = sum(one.outcome is RowOutcome.HELD for one in judged)
    if waiting:
        _append("referrals.held", batch, by=by, now=now, detail={"count": waiting})
    for hold, rows in holds.items():
        meet(hold, rows, by=by, now=now)


def _told(row: BatchRow, *, by: Actor) -> BatchRowOut:
    """Return the outcome of one row."""
    return reads.describe_row(row, viewer=by.party)


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
