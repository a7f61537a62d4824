# SPDX-License-Identifier: Apache-2.0
"""Read the participants of a crisis."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from stemtide.hub.platform.permissions import allows, check_person_may_lead
from stemtide.hub.rooms.crises.models import Crisis, Participation
from stemtide.hub.rooms.crises.reads import crises as reads
from stemtide.hub.rooms.crises.rules import crises as rules
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import parties
from stemtide.protocol.enums import Capacity, JoinState, PartyKind, Role
from stemtide.protocol.messages.crises import ParticipantOut


def participants(uid: UUID, *, viewer: Party) -> list[ParticipantOut]:
    """Return the parts of parties in a crisis, by name: all for insiders, its own for others.

    raises: NotFoundError.
    """
    row = reads.find(uid, viewer=viewer)
    return describe_all(row, facts=reads.facts(row), viewer=viewer)


def in_room(uid: UUID, *, viewer: Party) -> list[Party]:
    """Return the parties that take part in a crisis and may read its log.

    raises: NotFoundError.
    """
    row = reads.find(uid, viewer=viewer)
    facts = reads.facts(row)
    return [party for party in _reachable(row) if rules.is_in_room(facts, party)]


def _reachable(row: Crisis) -> list[Party]:
    """Return the parties that a crisis can concern: a real one none that exist for an exercise."""
    return [party for party in parties.parties() if row.exercise or not party.exercise]


@dataclass(frozen=True, slots=True)
class Invitation:
    """A crisis that a party is asked to take part in. invited_by: a title; reason: its words."""

    crisis: UUID
    name: str
    exercise: bool
    countries: list[str]
    invited_by: str
    invited_at: datetime
    reason: str
    may_answer: bool


def invitations(*, viewer: Party, role: Role | None = None) -> list[Invitation]:
    """Return the invitations of a party to open crises that it has not answered, latest first."""
    rows = Participation.objects.filter(
        party=viewer, state=JoinState.INVITED, crisis__closed_at=None
    ).select_related("crisis__opened_by", "invited_by")
    return [
        Invitation(
            crisis=row.crisis.uid,
            name=row.crisis.name,
            exercise=row.crisis.exercise,
            countries=row.crisis.countries,
            invited_by=(row.invited_by or row.crisis.opened_by).title,
            invited_at=row.invited_at or row.crisis.warned_at,
            reason=row.invite_reason,
            may_answer=allows(check_person_may_lead, role),
        )
        for row in rows.order_by("-invited_at")
    ]


def room(row: Crisis) -> list[Party]:
    """Return everybody in the room for notifications: the opener, agencies, participants."""
    opener = Party.objects.filter(pk=row.opened_by_id)
    agencies = parties.agencies(exercise=row.exercise)
    joined = Party.objects.filter(
        participations__crisis=row, participations__state=JoinState.JOINED
    )
    return list(dict.fromkeys([*opener, *agencies, *joined.order_by("name")]))


def describe_all(row: Crisis, *, facts: rules.CrisisFacts, viewer: Party) -> list[ParticipantOut]:
    """Return the participants of a crisis from its row; leaders come first."""
    is_insider = rules.is_insider(facts, viewer)
    participants = [
        _describe(participation, viewer=viewer)
        for participation in reads.participations(row)
        if participation.state != JoinState.UNINVITED
        and (is_insider or participation.party == viewer)
    ]
    named = {participant.party for participant in participants}
    leads = [
        _leader(party)
        for party in _reachable(row)
        if party.name not in named
        and (party.kind == PartyKind.AGENCY or party == row.opened_by)
        and (is_insider or party == row.opened_by)
    ]
    return leads + participants


def _leader(party: Party) -> ParticipantOut:
    """Return a party that leads without an invitation as a participant."""
    return ParticipantOut(
        party=party.name,
        title=party.title,
        kind=PartyKind(party.kind),
        state=JoinState.LEADS,
        capacity=None,
        invited_by=None,
        invited_at=None,
        answered_at=None,
        answered_role=None,
        reason="",
    )


def invite_reason(crisis: Crisis, *, at: datetime) -> str:
    """Return the reason that was given with the invitations of one act; "" if none was."""
    rows = crisis.participations.filter(invited_at=at).exclude(invite_reason="")
    return rows.values_list("invite_reason", flat=True).first() or ""


def _describe(row: Participation, *, viewer: Party) -> ParticipantOut:
    """Return a party that was invited or came by itself as a participant."""
    reads_why = viewer.kind == PartyKind.AGENCY or viewer in {row.party, row.invited_by}
    return ParticipantOut(
        party=row.party.name,
        title=row.party.title,
        kind=PartyKind(row.party.kind),
        state=JoinState(row.state),
        capacity=Capacity(row.capacity),
        invited_by=row.invited_by.name if row.invited_by else None,
        invited_at=row.invited_at,
        answered_at=row.answered_at,
        answered_role=Role(row.answered_role) if row.answered_role else None,
        reason=row.reason,
        invite_reason=row.invite_reason if reads_why else "",
    )
