# SPDX-License-Identifier: Apache-2.0
"""Write suspensions: one person of an agency proposes, another confirms. Decision 0098.

A suspension changes one row. Everything that the party has reads that row, so that lifting it
brings all of it back.
"""

from datetime import datetime
from uuid import UUID, uuid4

from django.db import transaction

from stemtide.hub.platform.errors import ConflictError
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Party, StandingChange, SuspensionProposal
from stemtide.hub.rooms.parties.reads import independence, parties, suspensions as reads
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.rules import suspensions as rules
from stemtide.hub.rooms.parties.rules.proposals import PROPOSED_FOR
from stemtide.hub.rooms.parties.writes.standing import save_change
from stemtide.protocol.enums import ProposalState, Role, Standing
from stemtide.protocol.trust.parties import SuspensionIn, SuspensionOut, SuspensionReasonIn


@transaction.atomic
def propose(name: str, *, body: SuspensionIn, by: Actor, now: datetime) -> SuspensionOut:
    """Propose to suspend a party, or to lift its suspension. Another person confirms.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    party = parties.party(name)
    rules.check_propose(reads.suspension_facts(party, lifts=body.lifts), by=by)
    _expire_due(now, party=party)
    if SuspensionProposal.objects.filter(party=party, state=ProposalState.OPEN).exists():
        raise ConflictError(
            "a proposal about {party} waits already: confirm or decline that one", party=name
        )
    row = SuspensionProposal.objects.create(
        uid=uuid4(),
        party=party,
        lifts=body.lifts,
        reason=body.reason,
        by=by.party,
        by_ref=by.ref,
        by_role=by.role or "",
        at=now,
        expires_at=now + PROPOSED_FOR,
    )
    _record("suspension.proposed", row, by=by, now=now)
    return reads.describe_proposal(row)


@transaction.atomic
def confirm(uid: UUID, *, by: Actor, now: datetime) -> SuspensionOut:
    """Confirm another person's proposal: the party is suspended, or its suspension is lifted.

    raises: NotFoundError, NotAllowedError for the same hand, ConflictError.
    """
    ledger.lock_ledger()
    row = reads.find_proposal(uid, viewer=by.party)
    party, before = row.party, row.party.standing
    rules.check_confirm(_facts(row), by=by, now=now)
    independence.check_second_person(by, first=row.by_ref)
    _decide(row, ProposalState.CONFIRMED, by=by, now=now)
    party.standing = _standing_before(party) if row.lifts else Standing.SUSPENDED
    author = Actor(row.by, row.by_ref, Role(row.by_role) if row.by_role else None)
    save_change(party, before=before, reason=row.reason, by=author, second=by, now=now)
    if not row.lifts:
        _withdraw_proposals_of(party, now=now)
    _record("party.restored" if row.lifts else "party.suspended", row, by=by, now=now)
    return reads.describe_proposal(row)


@transaction.atomic
def decline(uid: UUID, *, body: SuspensionReasonIn, by: Actor, now: datetime) -> SuspensionOut:
    """Decline another person's proposal, with a reason.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    row = reads.find_proposal(uid, viewer=by.party)
    rules.check_decline(_facts(row), by=by, now=now)
    _decide(row, ProposalState.DECLINED, by=by, now=now, reason=body.reason)
    _record("suspension.declined", row, by=by, now=now)
    return reads.describe_proposal(row)


@transaction.atomic
def withdraw(uid: UUID, *, by: Actor, now: datetime) -> SuspensionOut:
    """Withdraw a proposal of one's own party.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    row = reads.find_proposal(uid, viewer=by.party)
    rules.check_withdraw(_facts(row), by=by, now=now)
    _decide(row, ProposalState.WITHDRAWN, by=by, now=now)
    _record("suspension.withdrawn", row, by=by, now=now)
    return reads.describe_proposal(row)


def expire_due(now: datetime) -> int:
    """Expire proposals that nobody confirmed in time, and return how many."""
    if not SuspensionProposal.objects.filter(
        state=ProposalState.OPEN, expires_at__lte=now
    ).exists():
        return 0
    with transaction.atomic():
        ledger.lock_ledger()
        return _expire_due(now)


def _expire_due(now: datetime, *, party: Party | None = None) -> int:
    """Expire what is due, of one party or of all."""
    due = SuspensionProposal.objects.filter(state=ProposalState.OPEN, expires_at__lte=now)
    rows = list((due.filter(party=party) if party else due).select_related("party"))
    for row in rows:
        row.state, row.decided_at = ProposalState.EXPIRED, now
        row.save(update_fields=["state", "decided_at"])
        _record_clock("suspension.expired", row, now=now)
    return len(rows)


def _withdraw_proposals_of(party: Party, *, now: datetime) -> None:
    """Withdraw the open proposals of a party that was suspended: its word no longer counts."""
    rows = SuspensionProposal.objects.filter(by=party, state=ProposalState.OPEN)
    for row in rows.select_related("party"):
        row.state, row.decided_at = ProposalState.WITHDRAWN, now
        row.save(update_fields=["state", "decided_at"])
        _record_clock("suspension.withdrawn", row, now=now)


def _standing_before(party: Party) -> str:
    """Return the standing that a suspended party had."""
    change = StandingChange.objects.filter(party=party, after=Standing.SUSPENDED).first()
    return change.before if change else Standing.NEW


def _facts(row: SuspensionProposal) -> rules.SuspensionFacts:
    """Return the facts of a proposal."""
    return reads.suspension_facts(row.party, lifts=row.lifts, proposal=row)


def _decide(
    row: SuspensionProposal, state: ProposalState, *, by: Actor, now: datetime, reason: str = ""
) -> None:
    """Decide a proposal."""
    row.state = state
    row.decided_by = by.party
    row.decided_ref = by.ref
    row.decided_role = by.role or ""
    row.decided_at = now
    row.decided_reason = reason
    row.save()


def _record(kind: str, row: SuspensionProposal, *, by: Actor, now: datetime) -> None:
    """Append to the ledger: who did it, and through which hand."""
    ledger.append_by(kind, by=by, subject=row.party.ref, now=now, detail=_detail(row))


def _record_clock(kind: str, row: SuspensionProposal, *, now: datetime) -> None:
    """Append to the ledger a change that nobody made by hand."""
    ledger.append(kind, actor=CLOCK, subject=row.party.ref, now=now, detail=_detail(row))


def _detail(row: SuspensionProposal) -> dict[str, object]:
    """Return a proposal as the ledger names it."""
    return {"proposal": str(row.uid), "act": "lift" if row.lifts else "suspend"}
