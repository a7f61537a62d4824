# SPDX-License-Identifier: Apache-2.0
"""Write complaints. None of their words enters the ledger.

Their entries name no crisis: a complaint is between a provider and its uploader.
"""

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.platform.retention.columns import basis_columns
from stemtide.hub.rooms.complaints import encryption
from stemtide.hub.rooms.complaints.models import Complaint
from stemtide.hub.rooms.complaints.reads import complaints as reads, grounds
from stemtide.hub.rooms.complaints.reads.complaints import COMPLAINANT
from stemtide.hub.rooms.complaints.reads.grounds import DecisionGround
from stemtide.hub.rooms.complaints.rules import complaints as rules
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.writes.competences import next_reference
from stemtide.hub.rooms.referrals.writes import answers
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.rules.signals import uuid_at
from stemtide.hub.rooms.signals.writes import signals
from stemtide.protocol.enums import Opinion, WithdrawReason
from stemtide.protocol.enums.complaints import ComplaintBasis, ComplaintFinding, RedressState
from stemtide.protocol.law.machines import machine
from stemtide.protocol.law.retention import RowClass
from stemtide.protocol.messages.complaints import (
    ComplaintFiledOut,
    ComplaintIn,
    ComplaintLinkIn,
    ComplaintOut,
    ComplaintOutcomeIn,
    ComplaintStatusOut,
    ComplaintTakeIn,
)
from stemtide.protocol.messages.referrals import ReinstateIn
from stemtide.protocol.messages.signals import OpinionIn, WithdrawIn

ERASE_AT_ONCE = 100
"""Complaints that one transaction empties or notes as overdue, so that others get their turn."""


@transaction.atomic
def file_for(body: ComplaintIn, *, by: Actor, now: datetime) -> ComplaintFiledOut:
    """File a complaint that reached the provider in its own way, on the uploader's behalf.

    raises: NotAllowedError for all but providers; InvalidError naming the field; ConflictError
    where somebody complained of this decision already.
    """
    rules.check_link(kind=by.kind, role=by.role)
    ledger.lock_ledger()
    ground = grounds.ground(body, party=by.party, now=now)
    row = _file(
        body, party=by.party, ground=ground, text=body.text, language=body.language, now=now
    )
    _record_by("complaint.filed", row, by=by, now=now, detail=_filed(row))
    return ComplaintFiledOut(complaint=reads.describe(row), code=_code(row))


@transaction.atomic
def file_by_link(
    token: str, *, text: str, language: str, now: datetime
) -> tuple[str, ComplaintStatusOut]:
    """Complain with a link; return the code to ask with, and the state of the complaint.

    raises: NotFoundError for a link that opens nothing; ConflictError for one that was used.
    """
    ticket = encryption.read_link(token, now=now)
    ledger.lock_ledger()
    rules.check_file(is_there=reads.complaint_about(ticket) is not None)
    party = parties.party(ticket.party)
    ground = grounds.linked_ground(ticket.decision, party=party)
    row = _file(ticket.decision, party=party, ground=ground, text=text, language=language, now=now)
    _record("complaint.filed", row, actor=COMPLAINANT, now=now, detail=_filed(row))
    return _code(row), reads.linked(token, now=now)


def _file(
    decision: ComplaintLinkIn,
    *,
    party: Party,
    ground: DecisionGround,
    text: str,
    language: str,
    now: datetime,
) -> Complaint:
    """Store a complaint with its words sealed. raises: ConflictError where one is there."""
    named = {"party": party, "reference": decision.reference, "exercise": decision.exercise}
    rules.check_file(is_there=Complaint.objects.filter(**named).exists())
    code = encryption.code_of(party.name, reference=decision.reference, exercise=decision.exercise)
    return Complaint.objects.create(
        uid=uuid_at(now),
        **named,
        number=next_reference(party, "CP", now=now),
        basis=decision.basis,
        signal=ground.signal,
        referral=ground.referral,
        order=ground.order,
        measure=decision.measure,
        acted_at=decision.acted_at,
        acted_by=decision.acted_by or "",
        is_automatic=decision.is_automatic,
        text=encryption.seal(text),
        language=language,
        salt=secrets.token_hex(32),
        code_hash=encryption.hash_code(code),
        filed_at=now,
        due_at=rules.answer_due(now),
        erase_due=rules.erase_due(now),
        **basis_columns(RowClass.COMPLAINT, kind=party.kind),
    )


def _code(row: Complaint) -> str:
    """Return the code of a complaint."""
    return encryption.code_of(row.party.name, reference=row.reference, exercise=row.exercise)


def _filed(row: Complaint) -> dict[str, object]:
    """Return a complaint's detail for the ledger: addressee, basis and a proof of its words."""
    digest = rules.seal_digest(encryption.unseal(row.text), salt=row.salt)
    detail: dict[str, object] = {"party": row.party.ref, "basis": row.basis, "digest": digest}
    return detail


@transaction.atomic
def withdraw(code: str, *, now: datetime) -> ComplaintStatusOut:
    """Withdraw a complaint, as its maker with its code.

    raises: NotFoundError; ConflictError for one that was decided.
    """
    ledger.lock_ledger()
    row = reads.find_by_code(code)
    row.state = rules.state_after("complaint", row.state, "withdraw", side="complainant")
    row.decided_at, row.erase_due = now, rules.erase_due(row.filed_at, decided_at=now)
    row.save(update_fields=["state", "decided_at", "erase_due"])
    _record("complaint.withdrawn", row, actor=COMPLAINANT, now=now, detail=_addressed(row))
    return reads.state_of(code)


@transaction.atomic
def take(uid: UUID, *, body: ComplaintTakeIn, by: Actor, now: datetime) -> ComplaintOut:
    """Take a complaint up, or over from a colleague.

    raises: NotFoundError, NotAllowedError, ConflictError for one that was decided.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    rules.check_take(reads.facts(row, viewer=by.party), name=by.name, role=by.role)
    row.state = rules.state_after("complaint", row.state, "take", side="reviewer")
    row.taken_at, row.reviewer = row.taken_at or now, rules.hand_of(by.ref, body.reviewed_by)
    row.save(update_fields=["state", "taken_at", "reviewer"])
    _record_by("complaint.taken", row, by=by, now=now, detail={})
    return reads.describe(row)


@transaction.atomic
def decide(uid: UUID, *, body: ComplaintOutcomeIn, by: Actor, now: datetime) -> ComplaintOut:
    """Decide a complaint, in numbered steps and one transaction.

    1. Ask the rules.  2. Store outcome and reasons.  3. Correct its ground, and request redress
    from the party that asked for the measure.

    raises: NotFoundError, NotAllowedError, ConflictError, InvalidError naming the field.
    source: Regulation (EU) 2021/784 Art. 10(2); Regulation (EU) 2022/2065 Art. 20(4) to (6).
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    facts = reads.facts(row, viewer=by.party)
    hand = rules.hand_of(by.ref, body.reviewed_by)
    rules.check_decide(facts, body, name=by.name, role=by.role, hand=hand)  # 1
    move = "uphold" if body.is_upheld else "reject"
    row.state = rules.state_after("complaint", row.state, move, side="reviewer")  # 2
    row.exemption, row.finding = body.exemption, body.finding or ""
    row.reasons, row.note, row.reviewer = encryption.seal(body.reasons), body.note, hand
    row.decided_at, row.erase_due = now, rules.erase_due(row.filed_at, decided_at=now)
    effect = _put_right(row, body=body, by=by, now=now)  # 3
    row.save()
    detail: dict[str, object] = {"outcome": row.state, "exemption": row.exemption, "ground": effect}
    _record_by("complaint.decided", row, by=by, now=now, detail=detail)
    if row.asked_of is not None:
        redress_detail: dict[str, object] = {"party": row.asked_of.ref, "basis": row.basis}
        _record_by("redress.asked", row, by=by, now=now, detail=redress_detail)
    return reads.describe(row)


def _put_right(row: Complaint, *, body: ComplaintOutcomeIn, by: Actor, now: datetime) -> str:
    """Correct what was found wrong, and return in one word what that was.

    1. Signals of one's own are withdrawn, those of others disputed.
    2. A referral is answered: the content is there again.
    3. If another party asked for the measure, it is requested to withdraw it.
    """
    effect = "stands"
    if body.finding is ComplaintFinding.GROUND:  # 1
        own, others = grounds.own_and_others(row, viewer=by.party)
        withdraw_all(own, note=body.note, by=by, now=now)
        opine_all(others, opinion=Opinion.DISPUTE, note=body.note, by=by, now=now)
        effect = "disputed" if others else "withdrawn" if own else "gone"
    if body.is_upheld and grounds.may_reinstate(row):  # 2
        assert row.referral is not None  # noqa: S101  # may_reinstate() needs one
        again = ReinstateIn(note=body.note)
        answers.reinstate(row.referral.uid, body=again, by=by, now=now)
    if rules.asks_author(body, basis=ComplaintBasis(row.basis)):  # 3
        requester = grounds.redress_party(row, viewer=by.party, is_gone=effect == "gone")
        if requester is not None:
            row.redress, row.asked_of = RedressState.ASKED, requester
    return effect


@needs_no_entry("signals record each withdrawal")
def withdraw_all(wrong: Sequence[Signal], *, note: str, by: Actor, now: datetime) -> None:
    """Withdraw signals because a complaint was upheld: every agent undoes their effects."""
    body = WithdrawIn(reason=WithdrawReason.COMPLAINT_UPHELD, note=note)
    for signal in wrong:
        signals.withdraw(
            signal.uid,
            body=body,
            by=by.party,
            now=now,
            actor_ref=by.ref,
            role=by.role,
            is_counted=False,
        )


@needs_no_entry("signals record each opinion")
def opine_all(
    disputed: Sequence[Signal], *, opinion: Opinion, note: str, by: Actor, now: datetime
) -> None:
    """Give the same opinion on several signals."""
    body = OpinionIn(opinion=opinion, note=note)
    for signal in disputed:
        signals.give_opinion(
            signal.uid, body=body, by=by.party, now=now, actor_ref=by.ref, role=by.role
        )


def note_overdue(now: datetime) -> int:
    """Note complaints whose two weeks are over, once each; how many."""
    count = 0
    while done := _note_some(now):
        count += done
    return count


@transaction.atomic
def _note_some(now: datetime) -> int:
    """Note one batch."""
    waiting = machine("complaint").open_states
    late = Complaint.objects.filter(state__in=waiting, overdue_at=None, due_at__lte=now)
    if not late.exists():
        return 0
    ledger.lock_ledger()
    # Another scheduler may have run before ours: what it recorded is not recorded twice.
    rows = list(late.select_related("party").order_by("due_at")[:ERASE_AT_ONCE])
    for row in rows:
        row.overdue_at = now
        row.save(update_fields=["overdue_at"])
        _record("complaint.prompted", row, actor=CLOCK, now=now, detail=_addressed(row))
    return len(rows)


def erase_due_words(now: datetime, *, except_for: Collection[UUID] = ()) -> int:
    """Erase the words of complaints whose time has come; how many. The ledger keeps its proof.

    except_for: those on a legal hold.
    """
    count = 0
    while done := _erase_some(now, except_for=except_for):
        count += done
    return count


@transaction.atomic
def _erase_some(now: datetime, *, except_for: Collection[UUID]) -> int:
    """Erase one batch."""
    due = Complaint.objects.filter(erased_at__isnull=True, erase_due__lte=now)
    due = due.exclude(uid__in=except_for)
    if not due.exists():
        return 0
    ledger.lock_ledger()
    # Another scheduler may have run before ours: what it erased is no longer due.
    rows = list(due.select_related("party").order_by("erase_due")[:ERASE_AT_ONCE])
    for row in rows:
        _erase(row, actor=CLOCK, now=now)
    return len(rows)


@transaction.atomic
def erase_again(uid: UUID, *, actor: str, now: datetime) -> bool:
    """Erase the words of a complaint that a restored backup has again; return whether it did."""
    ledger.lock_ledger()
    row = Complaint.objects.filter(uid=uid, erased_at__isnull=True).first()
    if row is not None:
        _erase(row, actor=actor, now=now)
    return row is not None


def _erase(row: Complaint, *, actor: str, now: datetime) -> None:
    """Erase the words of one complaint."""
    row.text = row.reasons = row.salt = ""
    row.erased_at = now
    row.save(update_fields=["text", "reasons", "salt", "erased_at"])
    _record("complaint.erased", row, actor=actor, now=now, detail={})


def _addressed(row: Complaint) -> dict[str, object]:
    """Return the party that an entry is for."""
    return {"party": row.party.ref}


def _record(
    kind: str, row: Complaint, *, actor: str, now: datetime, detail: dict[str, object]
) -> None:
    """Append an act of the scheduler or of a complainant."""
    ledger.append(kind, actor=actor, subject=row.ref, now=now, detail=detail, exercise=row.exercise)


def _record_by(
    kind: str, row: Complaint, *, by: Actor, now: datetime, detail: dict[str, object]
) -> None:
    """Append an act of somebody of a party."""
    ledger.append_by(kind, by=by, subject=row.ref, now=now, detail=detail, exercise=row.exercise)
