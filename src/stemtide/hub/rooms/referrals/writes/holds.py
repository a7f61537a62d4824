# SPDX-License-Identifier: Apache-2.0
"""Write holds. The hub stores a digest of the address, and nothing about the case."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.fingerprints.url import canonical
from stemtide.hub.platform.errors import InvalidError, NotFoundError
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.writes.competences import next_state_reference
from stemtide.hub.rooms.referrals.models import Hold, Referral
from stemtide.hub.rooms.referrals.reads import holds as reads, search
from stemtide.hub.rooms.referrals.rules import holds, referrals as rules
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import signals, similar
from stemtide.hub.rooms.signals.rules.signals import uuid_at
from stemtide.protocol.enums.referrals import HoldState, ReferralState
from stemtide.protocol.law.machines import machine
from stemtide.protocol.messages.holds import ExtendIn, HoldIn, HoldOut

SERIES = "HD"
"""The series of file references of holds."""


@transaction.atomic
def place(body: HoldIn, *, by: Actor, now: datetime) -> HoldOut:
    """Ask that content be left alone until a time. Referrals sent before are not recalled.

    raises: NotAllowedError; InvalidError naming the field.
    """
    holds.check_place(kind=by.kind, role=by.role)
    holds.check_until(body.until, now=now)
    digest = canonical.digest(rules.read_url(body.url)[1]).hex() if body.url.strip() else ""
    ledger.lock_ledger()
    row = Hold.objects.create(
        uid=uuid_at(now),
        reference=next_state_reference(by.party, SERIES, now=now),
        holder=by.party,
        digest=digest,
        signal=_signal(body, by=by),
        until=body.until,
        reason=body.reason,
        contact=body.contact,
        case_reference=body.case_reference,
        exercise=body.exercise,
        placed_at=now,
    )
    detail: dict[str, object] = {"reason": row.reason, "until": row.until.isoformat()}
    out = _record("hold.placed", row, by=by, now=now, detail=detail)
    _tell_referred(row, by=by, now=now)
    return out


@transaction.atomic
def extend(uid: UUID, *, body: ExtendIn, by: Actor, now: datetime) -> HoldOut:
    """Extend a hold to at most a week from now.

    raises: NotFoundError, NotAllowedError, ConflictError for one that is over; InvalidError.
    """
    ledger.lock_ledger()
    row = reads.find_hold(uid, viewer=by.party)
    row.state = holds.check_move(reads.hold_facts(row), "extend", by=by)
    holds.check_until(body.until, now=now)
    row.until = body.until
    row.save(update_fields=["state", "until"])
    detail: dict[str, object] = {"until": row.until.isoformat()}
    return _record("hold.extended", row, by=by, now=now, detail=detail)


@transaction.atomic
def lift(uid: UUID, *, by: Actor, now: datetime) -> HoldOut:
    """End a hold before its time, and notify the senders of referrals that waited for it.

    raises: NotFoundError, NotAllowedError, ConflictError for one that is over.
    """
    ledger.lock_ledger()
    row = reads.find_hold(uid, viewer=by.party)
    row.state = holds.check_move(reads.hold_facts(row), "lift", by=by)
    row.ended_at = now
    row.save(update_fields=["state", "ended_at"])
    out = _record("hold.lifted", row, by=by, now=now, detail={})
    _free(row, actor=by.party.ref, side="holder", now=now)
    return out.model_copy(update={"met": 0})


def expire_due(now: datetime) -> int:
    """End holds that are due, notify the senders that waited, and return how many holds ended."""
    count = 0
    for pk in Hold.objects.filter(state=HoldState.PLACED, until__lte=now).values_list(
        "pk", flat=True
    ):
        count += _expire(pk, now=now)
    return count


@transaction.atomic
def _expire(pk: int, *, now: datetime) -> int:
    """End one hold."""
    ledger.lock_ledger()
    # Another scheduler may have run before ours, or the holder may have extended it.
    due = Hold.objects.filter(pk=pk, state=HoldState.PLACED, until__lte=now)
    row = due.select_related("holder").first()
    if row is None:
        return 0
    row.state = HoldState(machine("hold").to(row.state, "expire", side=CLOCK))
    row.ended_at = now
    row.save(update_fields=["state", "ended_at"])
    detail: dict[str, object] = {"party": row.holder.ref}
    ledger.append(
        "hold.expired",
        actor=CLOCK,
        subject=row.ref,
        now=now,
        detail=detail,
        exercise=row.exercise,
    )
    _free(row, actor=CLOCK, side=CLOCK, now=now)
    return 1


def _free(hold: Hold, *, actor: str, side: str, now: datetime) -> None:
    """Free the referrals that waited for this hold only, and notify each sender.

    They are not sent by this: what was right a week ago may be wrong now, so a person looks again.
    """
    waiting = Referral.objects.filter(meetings__hold=hold, state=ReferralState.HELD)
    others = Hold.objects.filter(state=HoldState.PLACED, until__gt=now)
    free = waiting.exclude(meetings__hold__in=others).select_related("sender", "provider", "crisis")
    for row in free.order_by("pk"):
        facts = rules.ReferralFacts(
            state=ReferralState(row.state), sender=row.sender.name, provider=row.provider.name
        )
        row.state = rules.move(facts, "free", side=side)
        row.freed_at = now
        row.save(update_fields=["state", "freed_at"])
        ledger.append(
            "referral.freed",
            actor=actor,
            subject=row.ref,
            now=now,
            detail={"party": row.sender.ref},
            exercise=row.exercise,
            crisis=row.crisis.uid if row.crisis else None,
        )


def _tell_referred(hold: Hold, *, by: Actor, now: datetime) -> None:
    """Notify both sides if content under a new hold was referred before.

    The referral is not withdrawn.
    """
    near = (
        similar.same_content([hold.signal.uid], viewer=by.party, exercise=hold.exercise)
        if hold.signal
        else frozenset()
    )
    rows = search.unanswered(hold.digest, near=near, exercise=hold.exercise)
    if not rows:
        return
    detail: dict[str, object] = {"party": hold.holder.ref, "count": len(rows)}
    _record("hold.met", hold, by=by, now=now, detail=detail)
    for row in rows:
        ledger.append_by(
            "referral.overlapped",
            by=by,
            subject=row.ref,
            now=now,
            detail={"party": row.sender.ref},
            exercise=row.exercise,
            crisis=row.crisis.uid if row.crisis else None,
        )


def _signal(body: HoldIn, *, by: Actor) -> Signal | None:
    """Return the signal that a hold is about. raises: InvalidError."""
    if body.signal is None:
        return None
    try:
        signal = signals.find(body.signal, viewer=by.party)
    except NotFoundError as error:
        raise InvalidError.of("signal", error) from error
    rules.check_same_mark(exercise=body.exercise, of_what="signal", is_exercise=signal.exercise)
    return signal


def _record(
    kind: str, row: Hold, *, by: Actor, now: datetime, detail: dict[str, object]
) -> HoldOut:
    """Append to the ledger and return the hold."""
    ledger.append_by(kind, by=by, subject=row.ref, now=now, detail=detail, exercise=row.exercise)
    return reads.describe_hold(row, viewer=by.party)
