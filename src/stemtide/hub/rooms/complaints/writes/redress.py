# SPDX-License-Identifier: Apache-2.0
"""Write redress: answer a request, accept the answer, and end a request."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from stemtide.hub.rooms.complaints.models import Complaint
from stemtide.hub.rooms.complaints.reads import (
    complaints as reads,
    grounds,
    redress,
)
from stemtide.hub.rooms.complaints.rules import complaints as rules, redress as redress_rules
from stemtide.hub.rooms.complaints.writes.complaints import opine_all, withdraw_all
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.referrals.writes import referrals
from stemtide.protocol.enums import Opinion, SignalState
from stemtide.protocol.enums.complaints import Exemption, RedressState
from stemtide.protocol.enums.referrals import TakeBackReason
from stemtide.protocol.law.machines import machine
from stemtide.protocol.messages.complaints import ComplaintOut, RedressIn, RedressOut
from stemtide.protocol.messages.referrals import TakeBackIn

NOTE_AT_ONCE = 100
"""Rows that one transaction of lapse_due changes, so that others get their turn."""

_OPEN = (RedressState.ASKED, RedressState.KEPT)

_GONE = (
    Q(signal__state__in=[SignalState.WITHDRAWN, SignalState.EXPIRED])
    | Q(referral__withdrawn_at__isnull=False)
    | Q(order__ended_at__isnull=False)
)
"""What a complaint was about is over."""


@transaction.atomic
def answer(uid: UUID, *, body: RedressIn, by: Actor, now: datetime) -> RedressOut:
    """Answer for what one asked for: keep it with a reason, or take it back.

    Signals of one's own that belong to it are then withdrawn, which reaches every agent.

    raises: NotFoundError, NotAllowedError, ConflictError, InvalidError for a missing reason.
    """
    ledger.lock_ledger()
    row = redress.find(uid, viewer=by.party)
    facts = redress.facts(row)
    redress_rules.check_answer(facts, body, name=by.name, role=by.role)
    move = "keep" if body.keep else "grant"
    row.redress = rules.state_after("redress", row.redress, move, side="author")
    row.answer, row.answered_at = body.reason, now
    row.save(update_fields=["redress", "answer", "answered_at"])
    if not body.keep:
        linked = grounds.signals_of(row, viewer=by.party)
        wrong = [signal for signal in linked if signal.shared_by_id == by.party.pk]
        withdraw_all(wrong, note=body.reason, by=by, now=now)
        _take_back(row, note=body.reason, by=by, now=now)
    kind = "redress.declined" if body.keep else "redress.granted"
    _record_by(kind, row, by=by, now=now, detail={"party": row.party.ref})
    return redress.describe(row)


def _take_back(row: Complaint, *, note: str, by: Actor, now: datetime) -> None:
    """Withdraw the referral that a complaint is about, unless its content is back already."""
    referral = row.referral
    if referral is None or "withdraw" not in machine("referral").open_to(
        referral.state, side="sender"
    ):
        return
    is_exempt = row.exemption not in ("", Exemption.NONE)
    reason = TakeBackReason.CONTEXT if is_exempt else TakeBackReason.NOT_VIOLATING
    referrals.take_back(referral.uid, body=TakeBackIn(reason=reason, note=note), by=by, now=now)


@transaction.atomic
def accept(uid: UUID, *, by: Actor, now: datetime) -> ComplaintOut:
    """Accept the reason: the dispute is taken back, and agents act on the signal again.

    The complaint stays upheld: this content was restored.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    rules.check_asked(row.redress)
    facts = redress.facts(row)
    redress_rules.check_accept(facts, name=by.name, role=by.role)
    row.redress = rules.state_after("redress", row.redress, "accept", side="reviewer")
    row.save(update_fields=["redress"])
    others = Complaint.objects.filter(party=by.party, redress__in=_OPEN)
    if not others.filter(_about_the_same(row)).exists():
        linked = grounds.signals_of(row, viewer=by.party)
        right = [signal for signal in linked if signal.shared_by_id != by.party.pk]
        opine_all(right, opinion=Opinion.SEEN, note="", by=by, now=now)
    detail: dict[str, object] = {"party": f"party:{facts.author}"}
    _record_by("redress.accepted", row, by=by, now=now, detail=detail)
    return reads.describe(row)


def lapse_due(now: datetime) -> int:
    """Close requests whose subject ended in another way, and return how many."""
    count = 0
    while done := _lapse_some(now):
        count += done
    return count


@transaction.atomic
def _lapse_some(now: datetime) -> int:
    """Note one batch."""
    gone = Complaint.objects.filter(_GONE, redress__in=_OPEN)
    if not gone.exists():
        return 0
    ledger.lock_ledger()
    # Another scheduler may have run before ours: what it recorded is no longer open.
    rows = list(gone.select_related("party").order_by("pk")[:NOTE_AT_ONCE])
    for row in rows:
        row.redress = rules.state_after("redress", row.redress, "lapse", side=CLOCK)
        row.save(update_fields=["redress"])
        ledger.append(
            "redress.lapsed",
            actor=CLOCK,
            subject=row.ref,
            now=now,
            detail={"party": row.party.ref},
            exercise=row.exercise,
        )
    return len(rows)


def _about_the_same(row: Complaint) -> Q:
    """Return the complaints about the subject of one complaint."""
    return Q(signal=row.signal, referral=row.referral, order=row.order)


def _record_by(
    kind: str, row: Complaint, *, by: Actor, now: datetime, detail: dict[str, object]
) -> None:
    """Append an act of somebody of a party."""
    ledger.append_by(kind, by=by, subject=row.ref, now=now, detail=detail, exercise=row.exercise)
