# SPDX-License-Identifier: Apache-2.0
"""Rules of participation: who invites whom, and who answers. Taking part is voluntary.

source: European Commission, IP/19/6009 (2019): a voluntary arrangement.
"""

from stemtide.hub.platform.errors import ConflictError, NotAllowedError
from stemtide.hub.platform.permissions import check_person_may_lead
from stemtide.hub.rooms.crises.rules.crises import (
    ASKED,
    Acting,
    CrisisFacts,
    PartyNamed,
    check_in_room,
)
from stemtide.protocol.enums import Capacity, JoinState, PartyKind

NOBODY_ASKED = None
"""Stands for the state of a party that has none."""

JOINING: dict[str, tuple[frozenset[JoinState | None], JoinState]] = {
    "invite": (
        frozenset({NOBODY_ASKED, JoinState.DECLINED, JoinState.LEFT, JoinState.UNINVITED}),
        JoinState.INVITED,
    ),
    "uninvite": (frozenset({JoinState.INVITED}), JoinState.UNINVITED),
    "join": (ASKED - {JoinState.JOINED} | {NOBODY_ASKED, JoinState.UNINVITED}, JoinState.JOINED),
    "decline": (frozenset({JoinState.INVITED}), JoinState.DECLINED),
    "leave": (frozenset({JoinState.JOINED}), JoinState.LEFT),
}
"""Each verb of joining: from which states, and to which. The diagram in the docs is drawn of it.

Nobody joins unasked or uninvited but the authority of an affected state.
"""


def check_invite(facts: CrisisFacts, *, by: Acting) -> None:
    """Check that the party may invite: authorities and agencies in the room may, and the opener."""
    if by.name != facts.opened_by and by.kind not in facts.leads:
        raise NotAllowedError(
            "only the party that opened it, an authority or an agency can invite: ask one"
        )
    check_in_room(facts, by)
    check_person_may_lead(by.role)
    if not facts.at.is_open:
        raise ConflictError("this crisis is closed: you can no longer join it")


def is_to_invite(facts: CrisisFacts, party: PartyNamed) -> bool:
    """Whether an invitation would change anything: not for who leads, was asked or has joined."""
    leads = party.name == facts.opened_by or party.kind == PartyKind.AGENCY
    return not leads and _may(facts, "invite", party.name)


def check_uninvite(facts: CrisisFacts, *, by: Acting, party: str) -> None:
    """Check that an invitation is taken back before it is answered."""
    check_invite(facts, by=by)
    if not _may(facts, "uninvite", party):
        raise ConflictError(
            "{party} has no open invitation: see the participants", party=party[:60]
        )


def check_join(facts: CrisisFacts, *, by: Acting) -> None:
    """Check that a party joins after an invitation, or as an affected state's authority."""
    check_person_may_lead(by.role)
    if by.name == facts.opened_by or by.kind is PartyKind.AGENCY:
        raise ConflictError("your party opened this crisis: it does not need to join")
    if not _may(facts, "join", by.name):
        raise ConflictError("your party has already joined")
    if not facts.at.is_open:
        raise ConflictError("this crisis is closed: you can no longer join it")
    is_affected = by.kind is PartyKind.AUTHORITY and by.country in facts.countries
    if facts.states.get(by.name) not in ASKED and not is_affected:
        raise NotAllowedError(
            "your party was not invited: ask the party that opened it, or an agency"
        )


def check_decline(facts: CrisisFacts, *, by: Acting) -> None:
    """Check that a party declines an invitation. It need not say why."""
    check_person_may_lead(by.role)
    if not _may(facts, "decline", by.name):
        raise ConflictError("your party has no open invitation to decline")


def check_leave(facts: CrisisFacts, *, by: Acting) -> None:
    """Check that a participant leaves. It may do so at any time."""
    check_person_may_lead(by.role)
    if not _may(facts, "leave", by.name):
        raise ConflictError("your party has not joined this crisis: there is nothing to leave")


def capacity_of(facts: CrisisFacts, party: PartyNamed, *, requested: Capacity | None) -> Capacity:
    """Return the capacity in which a party takes part, by default from its kind and country."""
    if party.kind == PartyKind.OBSERVER:
        return Capacity.OBSERVER
    if requested is not None:
        return requested
    is_affected = party.kind == PartyKind.AUTHORITY and party.country in facts.countries
    return Capacity.AFFECTED if is_affected else Capacity.SUPPORTING


def _may(facts: CrisisFacts, verb: str, party: str) -> bool:
    """Whether a party's state lets a verb of joining be."""
    return facts.states.get(party) in JOINING[verb][0]
