# SPDX-License-Identifier: Apache-2.0
"""Write a provider's answers to referrals. It is free to answer, and to answer in any way."""

from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.referrals.models import Question, Referral
from stemtide.hub.rooms.referrals.reads import referrals as reads
from stemtide.hub.rooms.referrals.rules import referrals as rules
from stemtide.protocol.enums.referrals import Answer, ReceiptVia, ReferralState
from stemtide.protocol.messages.referrals import (
    MEASURES,
    AcknowledgeIn,
    AnswerIn,
    ReferralOut,
    ReinstateIn,
)

_SAID = (
    *("state", "provider_reference", "received_at", "received_via", "acknowledged_at"),
    *("measure_at", "answer", "answered_at", "countries", "refusal_reason", "answer_note"),
)
"""Fields of a referral that answers to several change."""


@transaction.atomic
def record_receipt(
    uid: UUID, *, provider: Party, via: ReceiptVia, at: datetime, by: Actor | None = None
) -> bool:
    """Note that a referral reached its provider; False where that was known. The first one counts.

    by: who opened or fetched it; None: the hub saw the other side's server take it.
    """
    return _receive([uid], provider=provider, via=via, at=at, by=by) == 1


@transaction.atomic
def record_receipts(
    uids: Iterable[UUID],
    *,
    provider: Party,
    via: ReceiptVia,
    at: datetime,
    by: Actor | None = None,
) -> int:
    """Note that referrals reached their provider, in one act; how many of them were new to it."""
    return _receive(uids, provider=provider, via=via, at=at, by=by)


def _receive(
    uids: Iterable[UUID],
    *,
    provider: Party,
    via: ReceiptVia,
    at: datetime,
    by: Actor | None,
) -> int:
    """Mark those of some referrals that are new to their provider, and record it."""
    ledger.lock_ledger()
    fresh = reads.unreceived(viewer=provider, uids=list(uids))
    if not fresh:
        return 0
    rows = Referral.objects.filter(uid__in=fresh)
    rows.update(received_at=at, received_via=via)
    for exercise in sorted(set(rows.values_list("exercise", flat=True))):
        received = list(rows.filter(exercise=exercise))
        kind, subject = ("referrals.received", provider.ref)
        detail: dict[str, object] = {"via": via.value, "count": len(received)}
        if len(received) == 1:
            kind, subject = "referral.received", received[0].ref
            detail["party"] = received[0].sender.ref
        if by is not None:
            detail["through"] = by.ref
        ledger.append(
            kind,
            actor=provider.ref if by else CLOCK,
            subject=subject,
            now=at,
            detail=detail,
            exercise=exercise,
        )
    return len(fresh)


@transaction.atomic
def acknowledge(uid: UUID, *, body: AcknowledgeIn, by: Actor, now: datetime) -> ReferralOut:
    """Acknowledge that a person at the provider has the referral.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    row.state = rules.check_move(reads.facts(row), "acknowledge", by=by)
    row.provider_reference = body.reference or row.provider_reference
    _note_seen(row, by=by, now=now)
    row.save()
    return _record("referral.acknowledged", row, by=by, now=now)


@transaction.atomic
def answer(uid: UUID, *, body: AnswerIn, by: Actor, now: datetime) -> ReferralOut:
    """Answer a referral with the outcome, or ask for context. The answer may be changed later.

    raises: NotFoundError, NotAllowedError, ConflictError; InvalidError naming the field.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    row.state = rules.check_answer(reads.facts(row), body.answer, by=by)
    row.provider_reference = body.reference or row.provider_reference
    _note_seen(row, by=by, now=now)
    if body.answer is Answer.NEEDS_CONTEXT:
        Question.objects.create(referral=row, question=body.question, asked_at=now)
    else:
        _decide(row, body, now=now)
    row.save()
    return _record("referral.answered", row, by=by, now=now, answer=body.answer.value)


@transaction.atomic
def reinstate(uid: UUID, *, body: ReinstateIn, by: Actor, now: datetime) -> ReferralOut:
    """Record that content is available again, because acting on it was wrong.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    row.state = rules.check_move(reads.facts(row), "reinstate", by=by)
    row.reinstated_at, row.reinstate_note = now, body.note
    row.save()
    return _record("referral.reinstated", row, by=by, now=now)


@transaction.atomic
def acknowledge_many(
    uids: Collection[UUID], *, body: AcknowledgeIn, by: Actor, now: datetime
) -> int:
    """Acknowledge several referrals; return how many were not acknowledged before.

    raises: NotAllowedError.
    """
    ledger.lock_ledger()
    rows = [
        referral for referral in _undecided(uids, by=by) if referral.state == ReferralState.SENT
    ]
    for row in rows:
        row.state = rules.check_move(reads.facts(row), "acknowledge", by=by)
        row.provider_reference = body.reference or row.provider_reference
        _note_seen(row, by=by, now=now)
    _save_all("referral.acknowledged", rows, by=by, now=now)
    return len(rows)


@transaction.atomic
def answer_many(uids: Collection[UUID], *, body: AnswerIn, by: Actor, now: datetime) -> int:
    """Give several waiting referrals the same answer, and return how many got it.

    Referrals that were decided or withdrawn in the meantime stay as they are. Each referral gets a
    ledger entry of its own: its sender, its history and its re-check need it. A question is about
    one referral.

    raises: NotAllowedError, ConflictError; InvalidError naming the field.
    """
    rules.check_answer_to_many(body.answer)
    ledger.lock_ledger()
    rows = _undecided(uids, by=by)
    for row in rows:
        row.state = rules.check_answer(reads.facts(row), body.answer, by=by)
        row.provider_reference = body.reference or row.provider_reference
        _note_seen(row, by=by, now=now)
        _decide(row, body, now=now)
    _save_all("referral.answered", rows, by=by, now=now, answer=body.answer.value)
    return len(rows)


def _undecided(uids: Collection[UUID], *, by: Actor) -> list[Referral]:
    """Return those of some referrals that wait for a party's answer, oldest first."""
    rows = Referral.objects.filter(provider=by.party, state__in=rules.AWAITING, uid__in=list(uids))
    return list(rows.select_related("sender", "provider", "crisis").order_by("pk"))


def _save_all(kind: str, rows: list[Referral], *, by: Actor, now: datetime, **more: object) -> None:
    """Store the answer of several referrals, and append it to the ledger one by one."""
    for row in rows:
        row.save(update_fields=_SAID)  # bulk_update() took four times as long for 200 rows
        _append(kind, row, by=by, now=now, **more)


def _note_seen(row: Referral, *, by: Actor, now: datetime) -> None:
    """Record the receipt and acknowledgement that an answer implies."""
    if row.received_at is None:
        row.received_at = now
        row.received_via = ReceiptVia.DESK if by.is_person else ReceiptVia.API
    row.acknowledged_at = row.acknowledged_at or now


def _decide(row: Referral, body: AnswerIn, *, now: datetime) -> None:
    """Write a decision into its row, in place of an earlier one."""
    is_measure = body.answer in MEASURES
    if is_measure:
        at = body.measure_at or now
        rules.check_measure(at, sent_at=row.sent_at or now, now=now)
        row.measure_at = at
    row.answer, row.answered_at = body.answer, now
    row.countries = sorted(set(body.countries))
    row.refusal_reason = body.reason or ""
    row.answer_note = body.note


def _record(kind: str, row: Referral, *, by: Actor, now: datetime, **more: object) -> ReferralOut:
    """Append to the ledger and return the referral."""
    _append(kind, row, by=by, now=now, **more)
    return reads.referral(row.uid, viewer=by.party)


def _append(kind: str, row: Referral, *, by: Actor, now: datetime, **more: object) -> None:
    """Append to the ledger, for the referral's sender to see."""
    ledger.append_by(
        kind,
        by=by,
        subject=row.ref,
        now=now,
        detail={"party": row.sender.ref, **more},
        exercise=row.exercise,
        crisis=row.crisis.uid if row.crisis else None,
    )
