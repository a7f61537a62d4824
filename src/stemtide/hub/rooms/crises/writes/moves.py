# SPDX-License-Identifier: Apache-2.0
"""Write moves of a crisis: four eyes, closing, calming down, reviews, the scheduler's moves."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import transaction

from stemtide.hub.rooms.crises.models import Crisis, Proposal, Review
from stemtide.hub.rooms.crises.reads import crises as reads, life
from stemtide.hub.rooms.crises.rules import moves
from stemtide.hub.rooms.crises.rules.crises import CrisisFacts
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.reads import independence
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.enums import ProposalAct, ProposalState, ReviewDecision
from stemtide.protocol.law.frameworks import framework
from stemtide.protocol.messages.crises import CloseIn, CrisisLife, KeepIn, ProposalIn, ReasonIn


@transaction.atomic
def propose(uid: UUID, *, body: ProposalIn, by: Actor, now: datetime) -> CrisisLife:
    """Propose to activate a crisis, or to close an active one. Another person confirms.

    A proposal whose checklist was answered again since makes way for the new one.

    raises: NotFoundError, NotAllowedError, ConflictError naming what is missing or open.
    """
    ledger.lock_ledger()
    crisis = reads.find(uid, viewer=by.party)
    facts = reads.facts(crisis)
    if body.adopt is not None:  # this request has answered: what came since is asked about later
        facts = replace(facts, is_current=facts.is_answered)
    moves.check_propose(facts, by=by, act=body.act)
    _open(crisis, body=body, hours=facts.framework.proposal_h, by=by, now=now)
    return life.describe(crisis, viewer=by.party)


@transaction.atomic
def activate_now(uid: UUID, *, body: ReasonIn, by: Actor, now: datetime) -> CrisisLife:
    """Activate a crisis as an emergency, before a second party agrees.

    The proposal stays open. If no second party confirms it in time, the activation ends by itself.
    An ordinary proposal of the same party makes way for it.

    raises: NotFoundError, NotAllowedError, ConflictError naming what is missing or open.
    """
    ledger.lock_ledger()
    crisis = reads.find(uid, viewer=by.party)
    facts = reads.facts(crisis)
    is_used = life.has_used_emergency(crisis, party=by.party)
    pending = life.pending_proposal(crisis, act=ProposalAct.ACTIVATE, now=now)
    pending_facts = life.proposal_facts(pending) if pending else None
    moves.check_emergency(facts, by=by, is_used=is_used, pending=pending_facts)
    if pending is not None:
        _withdraw(pending, by=by, now=now, detail={"replaced_by": "emergency"})
    proposed = ProposalIn(act=ProposalAct.ACTIVATE, reason=body.reason)
    hours = facts.framework.activation.emergency_h
    crisis.activated_at = now
    detail: dict[str, object] = {"from": crisis.stage, "emergency": True}
    _enter(crisis, facts.framework.active_stage, by=by, now=now)
    _record("crisis.activated", crisis, by=by, now=now, detail=detail)
    # After it, because the alert of a proposal ends once a crisis is activated.
    _open(crisis, body=proposed, hours=hours, by=by, now=now, is_emergency=True)
    return life.describe(crisis, viewer=by.party)


@transaction.atomic
def confirm(uid: UUID, proposal: UUID, *, by: Actor, now: datetime) -> CrisisLife:
    """Confirm another person's proposal: the crisis moves.

    raises: NotFoundError, NotAllowedError for the same hand, ConflictError naming why not.
    """
    ledger.lock_ledger()
    crisis = reads.find(uid, viewer=by.party)
    facts = reads.facts(crisis)
    row = life.find_proposal(crisis, proposal)
    proposal_facts = life.proposal_facts(row)
    moves.check_confirm(facts, by=by, proposal=proposal_facts, now=now)
    independence.check_second_person(by, first=row.by_ref)
    _decide(row, "confirm", by=by, now=now)
    detail = _named(row) | {"from": crisis.stage}
    if proposal_facts.is_emergency:
        _record("crisis.confirmed", crisis, by=by, now=now, detail=_named(row))
    elif proposal_facts.act is ProposalAct.ACTIVATE:
        crisis.activated_at = now
        _enter(crisis, facts.framework.active_stage, by=by, now=now)
        _record("crisis.activated", crisis, by=by, now=now, detail=detail)
    else:
        _close(crisis, facts, reason=row.reason, by=by, now=now)
        _record("crisis.closed", crisis, by=by, now=now, detail=detail)
    return life.describe(crisis, viewer=by.party)


@transaction.atomic
def refuse(uid: UUID, proposal: UUID, *, body: ReasonIn, by: Actor, now: datetime) -> CrisisLife:
    """Decline another person's proposal, with a reason.

    raises: NotFoundError, NotAllowedError, ConflictError for one that is decided or has run out.
    """
    ledger.lock_ledger()
    crisis = reads.find(uid, viewer=by.party)
    row = life.find_proposal(crisis, proposal)
    moves.check_refuse(
        reads.facts(crisis),
        by=by,
        proposal=life.proposal_facts(row),
        now=now,
    )
    _decide(row, "decline", by=by, now=now, reason=body.reason)
    _record("proposal.declined", crisis, by=by, now=now, detail=_named(row))
    _lapse(row, crisis, now=now)
    return life.describe(crisis, viewer=by.party)


@transaction.atomic
def withdraw(uid: UUID, proposal: UUID, *, by: Actor, now: datetime) -> CrisisLife:
    """Withdraw a proposal of one's own party.

    raises: NotFoundError, NotAllowedError, ConflictError for one that is decided or has run out.
    """
    ledger.lock_ledger()
    crisis = reads.find(uid, viewer=by.party)
    row = life.find_proposal(crisis, proposal)
    moves.check_withdraw(
        reads.facts(crisis),
        by=by,
        proposal=life.proposal_facts(row),
        now=now,
    )
    _withdraw(row, by=by, now=now, detail={})
    _lapse(row, crisis, now=now)
    return life.describe(crisis, viewer=by.party)


@transaction.atomic
def close(uid: UUID, *, body: CloseIn, by: Actor, now: datetime) -> CrisisLife:
    """Close a warning that came to nothing. An active crisis is closed by four eyes.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    crisis = reads.find(uid, viewer=by.party)
    facts = reads.facts(crisis)
    if body.adopt is not None:
        facts = replace(facts, is_current=facts.is_answered)
    moves.check_close(facts, by=by)
    _close(crisis, facts, reason=body.reason, by=by, now=now)
    detail: dict[str, object] = {"from": facts.stage}
    _record("crisis.closed", crisis, by=by, now=now, detail=detail)
    return life.describe(crisis, viewer=by.party)


@transaction.atomic
def deescalate(uid: UUID, *, body: ReasonIn, by: Actor, now: datetime) -> CrisisLife:
    """Move a live crisis to the stage of its framework that calms down.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    crisis = reads.find(uid, viewer=by.party)
    facts = reads.facts(crisis)
    moves.check_deescalate(facts, by=by)
    crisis.deescalated_at = now
    _enter(
        crisis,
        facts.framework.calming_stage,
        by=by,
        now=now,
        decision=ReviewDecision.DEESCALATE,
        reason=body.reason,
    )
    _record("crisis.deescalated", crisis, by=by, now=now, detail={})
    return life.describe(crisis, viewer=by.party)


@transaction.atomic
def resume(uid: UUID, *, body: ReasonIn, by: Actor, now: datetime) -> CrisisLife:
    """Make a crisis live again that was calming down.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    crisis = reads.find(uid, viewer=by.party)
    facts = reads.facts(crisis)
    moves.check_resume(facts, by=by)
    crisis.deescalated_at = None
    _enter(crisis, facts.framework.active_stage, by=by, now=now, reason=body.reason)
    _record("crisis.resumed", crisis, by=by, now=now, detail={})
    return life.describe(crisis, viewer=by.party)


@transaction.atomic
def keep(uid: UUID, *, body: KeepIn, by: Actor, now: datetime) -> CrisisLife:
    """Review a crisis and keep its stage until the next review.

    raises: NotFoundError, NotAllowedError, ConflictError; InvalidError for a review too late.
    """
    ledger.lock_ledger()
    crisis = reads.find(uid, viewer=by.party)
    facts = reads.facts(crisis)
    moves.check_keep(facts, by=by)
    spans = moves.next_spans(facts, next_h=body.next_h)
    _review(crisis, ReviewDecision.KEEP, by=by, now=now, reason=body.reason)
    _open_review(crisis, spans, now=now)
    _record("crisis.reviewed", crisis, by=by, now=now, detail={"decision": "keep"})
    return life.describe(crisis, viewer=by.party)


def note_due(now: datetime) -> int:
    """Carry out what is due: prompts, hard reviews, expired proposals, ends of tails.

    Nothing is closed by the clock but a tail. Returns how many things it noted; each row is
    changed by one clock alone.
    """
    if not life.is_anything_due(now):
        return 0
    with transaction.atomic():
        ledger.lock_ledger()
        return _note_reviews(now) + _expire_proposals(now) + _end_tails(now)


def _note_reviews(now: datetime) -> int:
    """Record prompts and hard reviews that have become due, and return how many."""
    noted = 0
    running = Review.objects.filter(decision="").select_related("crisis")
    for row in running.filter(prompted_at=None, prompt_due__lte=now):
        noted += Review.objects.filter(pk=row.pk, prompted_at=None).update(prompted_at=now)
        _record_clock("review.prompted", row.crisis, now=now)
    for row in running.filter(required_at=None, review_due__lte=now):
        noted += Review.objects.filter(pk=row.pk, required_at=None).update(required_at=now)
        _record_clock("review.required", row.crisis, now=now)
    return noted


def _expire_proposals(now: datetime) -> int:
    """Expire proposals that nobody confirmed in time, and return how many."""
    due = Proposal.objects.filter(state=ProposalState.OPEN, expires_at__lte=now)
    rows = list(due.select_related("crisis"))
    for row in rows:
        _expire(row, now=now)
    return len(rows)


def _end_tails(now: datetime) -> int:
    """End closed crises whose tail is over, and return how many."""
    noted = 0
    for crisis in Crisis.objects.filter(ended_at=None, tail_ends_at__lte=now):
        of = framework(crisis.framework)
        still = Crisis.objects.filter(pk=crisis.pk, ended_at=None)
        noted += still.update(stage=of.ended_stage, ended_at=now)
        _record_clock("crisis.ended", crisis, now=now)
    return noted


def _enter(
    crisis: Crisis,
    stage: str,
    *,
    by: Actor,
    now: datetime,
    decision: ReviewDecision = ReviewDecision.MOVED,
    reason: str = "",
) -> None:
    """Move a crisis: its running review ends, and one begins where the new stage asks for it."""
    _review(crisis, decision, by=by, now=now, reason=reason)
    crisis.stage = stage
    crisis.save()
    facts = reads.facts(crisis)
    _open_review(crisis, moves.next_spans(facts), now=now)


def _close(crisis: Crisis, facts: CrisisFacts, *, reason: str, by: Actor, now: datetime) -> None:
    """Close a crisis; its tail begins, with which signals end that nobody adopted."""
    crisis.closed_at = now
    crisis.close_reason = reason
    crisis.tail_ends_at = now + moves.tail_of(facts)
    crisis.ends_signals = True
    _enter(crisis, facts.framework.closed_stage, by=by, now=now, reason=reason)
    for row in crisis.proposals.filter(is_emergency=True, state=ProposalState.OPEN):
        _expire(row, now=now)


def _review(
    crisis: Crisis, decision: ReviewDecision, *, by: Actor, now: datetime, reason: str
) -> None:
    """End the running review of a crisis, if there is one."""
    crisis.reviews.filter(decision="").update(
        decision=decision,
        reason=reason,
        by=by.party,
        by_ref=by.ref,
        by_role=by.role or "",
        at=now,
    )


def _open_review(
    crisis: Crisis, spans: tuple[timedelta, timedelta] | None, *, now: datetime
) -> None:
    """Begin the review period of a crisis; do nothing if no review is due."""
    if spans is not None:
        prompt, review = spans
        crisis.reviews.create(since=now, prompt_due=now + prompt, review_due=now + review)


def _open(
    crisis: Crisis,
    *,
    body: ProposalIn,
    hours: int,
    by: Actor,
    now: datetime,
    is_emergency: bool = False,
) -> None:
    """Open a proposal. raises: ConflictError if another one waits that can be confirmed."""
    pending = life.pending_proposal(crisis, act=body.act, now=now)
    moves.check_none_pending(life.proposal_facts(pending) if pending else None, by=by)
    for before in crisis.proposals.filter(act=body.act, state=ProposalState.OPEN):
        _expire(before, now=now)
    proposal = Proposal.objects.create(
        uid=uuid4(),
        crisis=crisis,
        act=body.act,
        reason=body.reason,
        checked_to=life.checked_to(crisis),
        is_emergency=is_emergency,
        expires_at=now + timedelta(hours=hours),
        by=by.party,
        by_ref=by.ref,
        by_role=by.role or "",
        at=now,
    )
    _record("proposal.opened", crisis, by=by, now=now, detail=_named(proposal))


def _lapse(row: Proposal, crisis: Crisis, *, now: datetime) -> None:
    """End an emergency activation that no second party confirmed: it is a warning again.

    A crisis that was closed meanwhile stays closed.
    """
    of = framework(crisis.framework)
    if not row.is_emergency or not of.stages[crisis.stage].is_open:
        return
    crisis.reviews.filter(decision="").update(decision=ReviewDecision.MOVED, at=now)
    crisis.stage = of.first_stage
    crisis.activated_at = crisis.deescalated_at = None
    crisis.save()
    _record_clock("crisis.lapsed", crisis, now=now, detail=_named(row))


def _decide(row: Proposal, verb: str, *, by: Actor, now: datetime, reason: str = "") -> None:
    """Decide a proposal."""
    row.state = moves.PROPOSING[verb]
    row.decided_by = by.party
    row.decided_ref = by.ref
    row.decided_role = by.role or ""
    row.decided_at = now
    row.decided_reason = reason
    row.save()


def _withdraw(row: Proposal, *, by: Actor, now: datetime, detail: dict[str, object]) -> None:
    """Withdraw a proposal. detail: what the ledger says in addition."""
    _decide(row, "withdraw", by=by, now=now)
    _record("proposal.withdrawn", row.crisis, by=by, now=now, detail=_named(row) | detail)


def _expire(row: Proposal, *, now: datetime) -> None:
    """End a proposal that ran out, or whose ground moved."""
    row.state = moves.PROPOSING["run out"]
    row.decided_at = now
    row.save(update_fields=["state", "decided_at"])
    _record_clock("proposal.expired", row.crisis, now=now, detail=_named(row))
    _lapse(row, row.crisis, now=now)


def _named(row: Proposal) -> dict[str, object]:
    """Return a proposal as the ledger names it."""
    return {"proposal": str(row.uid), "act": str(row.act)}


def _record(
    kind: str, crisis: Crisis, *, by: Actor, now: datetime, detail: dict[str, object]
) -> None:
    """Append to the ledger: who did it, and through which hand."""
    ledger.append_by(
        kind, by=by, subject=crisis.ref, now=now, detail=detail, exercise=crisis.exercise
    )


def _record_clock(
    kind: str, crisis: Crisis, *, now: datetime, detail: dict[str, object] | None = None
) -> None:
    """Append to the ledger a change that time alone brought about."""
    ledger.append(
        kind,
        actor=CLOCK,
        subject=crisis.ref,
        now=now,
        detail=detail,
        exercise=crisis.exercise,
    )
