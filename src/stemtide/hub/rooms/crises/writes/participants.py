# SPDX-License-Identifier: Apache-2.0
"""Write the participants of a crisis: invite, join, decline, leave."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.rooms.crises.models import Crisis, Participation
from stemtide.hub.rooms.crises.reads import crises as reads, life
from stemtide.hub.rooms.crises.rules import participants
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.enums import JoinState
from stemtide.protocol.messages.crises import (
    CrisisLife,
    CrisisOut,
    InviteIn,
    OptionalReasonIn,
    PartyIn,
)

_ANSWERS = {
    "participant.joined": participants.JOINING["join"][1],
    "participant.declined": participants.JOINING["decline"][1],
    "participant.left": participants.JOINING["leave"][1],
}
"""What a party's answer makes of its state, by the entry's kind."""


@transaction.atomic
def invite(uid: UUID, *, body: InviteIn, by: Actor, now: datetime) -> CrisisLife:
    """Ask parties to take part; those that were asked or have joined stay as they are.

    A party that declined, left or was uninvited is asked again. The reason is for those asked now,
    and not in the ledger, which everybody reads.

    raises: NotFoundError, NotAllowedError, ConflictError; InvalidError for an unknown party.
    """
    ledger.lock_ledger()
    crisis = reads.find(uid, viewer=by.party)
    facts = reads.facts(crisis)
    participants.check_invite(facts, by=by)
    named = _invited_parties(body, exercise=crisis.exercise)
    invited = [party for party in named if participants.is_to_invite(facts, party)]
    for party in invited:
        capacity = participants.capacity_of(facts, party, requested=body.capacity)
        Participation.objects.update_or_create(
            crisis=crisis,
            party=party,
            defaults={
                "state": JoinState.INVITED,
                "capacity": capacity,
                "invited_by": by.party,
                "invited_ref": by.ref,
                "invited_at": now,
                "invite_reason": body.reason.strip(),
                "answered_at": None,
                "answered_ref": "",
                "answered_role": "",
                "reason": "",
            },
        )
    if invited:
        _record("participant.invited", crisis, by=by, now=now, parties=[p.name for p in invited])
    return life.describe(crisis, viewer=by.party)


@transaction.atomic
def uninvite(uid: UUID, *, body: PartyIn, by: Actor, now: datetime) -> CrisisLife:
    """Take an invitation back before it is answered; the crisis is gone from the party's sight.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    crisis = reads.find(uid, viewer=by.party)
    facts = reads.facts(crisis)
    participants.check_uninvite(facts, by=by, party=body.party)
    row = crisis.participations.get(party__name=body.party)
    row.state = JoinState.UNINVITED
    row.save(update_fields=["state"])
    _record("participant.uninvited", crisis, by=by, now=now, parties=[body.party])
    return life.describe(crisis, viewer=by.party)


@transaction.atomic
def join(uid: UUID, *, by: Actor, now: datetime) -> CrisisOut:
    """Take part in a crisis, for one's own party.

    raises: NotFoundError, NotAllowedError without an invitation, ConflictError.
    """
    ledger.lock_ledger()
    crisis = reads.find(uid, viewer=by.party)
    facts = reads.facts(crisis)
    participants.check_join(facts, by=by)
    capacity = participants.capacity_of(facts, by, requested=None)
    row, _ = Participation.objects.get_or_create(
        crisis=crisis, party=by.party, defaults={"state": JoinState.JOINED, "capacity": capacity}
    )
    return _answer("participant.joined", row, by=by, now=now)


@transaction.atomic
def decline(uid: UUID, *, body: OptionalReasonIn, by: Actor, now: datetime) -> CrisisOut:
    """Decline an invitation, for one's own party.

    raises: NotFoundError, NotAllowedError, ConflictError without an open invitation.
    """
    ledger.lock_ledger()
    crisis = reads.find(uid, viewer=by.party)
    participants.check_decline(reads.facts(crisis), by=by)
    row = crisis.participations.get(party=by.party)
    return _answer("participant.declined", row, by=by, now=now, reason=body.reason)


@transaction.atomic
def leave(uid: UUID, *, body: OptionalReasonIn, by: Actor, now: datetime) -> CrisisOut:
    """Take part no longer, for one's own party.

    raises: NotFoundError, NotAllowedError, ConflictError for who has not joined.
    """
    ledger.lock_ledger()
    crisis = reads.find(uid, viewer=by.party)
    participants.check_leave(reads.facts(crisis), by=by)
    row = crisis.participations.get(party=by.party)
    return _answer("participant.left", row, by=by, now=now, reason=body.reason)


def _invited_parties(body: InviteIn, *, exercise: bool) -> list[Party]:
    """Return the parties that an invitation names, each once, by name.

    raises: InvalidError.
    """
    if not body.parties and not body.kinds:
        raise InvalidError("parties", "no party is named: name parties, or kinds of party")
    everyone = {party.name: party for party in parties.parties() if exercise or not party.exercise}
    if unknown := sorted(set(body.parties) - everyone.keys()):
        raise InvalidError(
            "parties", "there is no party {unknown!r}: see the list of parties", unknown=unknown[0]
        )
    return [
        member
        for name, member in everyone.items()
        if name in body.parties or member.kind in body.kinds
    ]


def _answer(
    kind: str, row: Participation, *, by: Actor, now: datetime, reason: str = ""
) -> CrisisOut:
    """Record a party's answer on its row and in the ledger, and return the crisis."""
    row.state = _ANSWERS[kind]
    row.answered_at = now
    row.answered_ref = by.ref
    row.answered_role = by.role or ""
    row.reason = reason
    row.save()
    _record(kind, row.crisis, by=by, now=now, parties=[by.name])
    return reads.describe(row.crisis, viewer=by.party)


def _record(kind: str, crisis: Crisis, *, by: Actor, now: datetime, parties: list[str]) -> None:
    """Append to the ledger: the actor, and the parties it concerns."""
    ledger.append_by(
        kind,
        by=by,
        subject=crisis.ref,
        now=now,
        detail={"parties": parties},
        exercise=crisis.exercise,
    )
