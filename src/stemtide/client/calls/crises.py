# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: crises.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.crises import (
        CheckIn,
        CloseIn,
        CountriesIn,
        CrisisClocks,
        CrisisLife,
        CrisisOut,
        DecliningIn,
        InviteIn,
        KeepIn,
        LinkIn,
        MeasureIn,
        NeighbourIn,
        NeighbourNewsIn,
        ParticipantOut,
        PartyIn,
        ProposalIn,
        ReasonIn,
        TriageIn,
        WarningIn,
    )


def answer_check(body: CheckIn, *, uid: UUID | str, test: str) -> Call[CrisisLife]:
    """Answer one test of the activation checklist.

    Needs a key with the scope crises:write. raises: HubError. source: PUT
    /api/v1/crises/{uid}/checks/{test}
    """
    from stemtide.protocol.crises import CrisisLife

    return Call((CrisisLife,), "PUT", f"/api/v1/crises/{part(uid)}/checks/{part(test)}", body=body)


def close_crisis(body: CloseIn, *, uid: UUID | str) -> Call[CrisisLife]:
    """Close a warning that came to nothing; what was activated is closed by a proposal.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/close
    """
    from stemtide.protocol.crises import CrisisLife

    return Call((CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/close", body=body)


def confirm_proposal(*, uid: UUID | str, proposal: UUID | str) -> Call[CrisisLife]:
    """Confirm what another party proposed: the crisis moves.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/proposals/{proposal}/confirm
    """
    from stemtide.protocol.crises import CrisisLife

    return Call(
        (CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/proposals/{part(proposal)}/confirm"
    )


def consider_measure(body: MeasureIn, *, uid: UUID | str) -> Call[CrisisLife]:
    """Record a national measure that was considered, and why it does not suffice.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/measures
    """
    from stemtide.protocol.crises import CrisisLife

    return Call((CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/measures", body=body)


def decline_crisis(body: DecliningIn, *, uid: UUID | str) -> Call[CrisisOut]:
    """Decline an invitation, for your party; you need not say why.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/decline
    """
    from stemtide.protocol.crises import CrisisOut

    return Call((CrisisOut,), "POST", f"/api/v1/crises/{part(uid)}/decline", body=body)


def decline_proposal(body: ReasonIn, *, uid: UUID | str, proposal: UUID | str) -> Call[CrisisLife]:
    """Decline what another proposed, and say why.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/proposals/{proposal}/decline
    """
    from stemtide.protocol.crises import CrisisLife

    return Call(
        (CrisisLife,),
        "POST",
        f"/api/v1/crises/{part(uid)}/proposals/{part(proposal)}/decline",
        body=body,
    )


def deescalate_crisis(body: ReasonIn, *, uid: UUID | str) -> Call[CrisisLife]:
    """Let a live crisis calm down.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/deescalate
    """
    from stemtide.protocol.crises import CrisisLife

    return Call((CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/deescalate", body=body)


def invite_parties(body: InviteIn, *, uid: UUID | str) -> Call[CrisisLife]:
    """Ask parties to take part, by name or by kind.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/invite
    """
    from stemtide.protocol.crises import CrisisLife

    return Call((CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/invite", body=body)


def join_crisis(*, uid: UUID | str) -> Call[CrisisOut]:
    """Take part, for your party.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/join
    """
    from stemtide.protocol.crises import CrisisOut

    return Call((CrisisOut,), "POST", f"/api/v1/crises/{part(uid)}/join")


def leave_crisis(body: DecliningIn, *, uid: UUID | str) -> Call[CrisisOut]:
    """Take part no longer, for your party; you need not say why.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/leave
    """
    from stemtide.protocol.crises import CrisisOut

    return Call((CrisisOut,), "POST", f"/api/v1/crises/{part(uid)}/leave", body=body)


def link_crises(body: LinkIn, *, uid: UUID | str) -> Call[CrisisLife]:
    """Say that it speaks of the same event as another crisis.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/link
    """
    from stemtide.protocol.crises import CrisisLife

    return Call((CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/link", body=body)


def list_crises() -> Call[list[CrisisOut]]:
    """The crises that your party may see, the latest warning first.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/crises
    """
    from stemtide.protocol.crises import CrisisOut

    return Call((list[CrisisOut],), "GET", "/api/v1/crises")


def list_participants(*, uid: UUID | str) -> Call[list[ParticipantOut]]:
    """Who takes part, who was asked, who declined or left.

    Needs a key with the scope feed:read. raises: HubError. source: GET
    /api/v1/crises/{uid}/participants
    """
    from stemtide.protocol.crises import ParticipantOut

    return Call((list[ParticipantOut],), "GET", f"/api/v1/crises/{part(uid)}/participants")


def mirror_neighbour(body: NeighbourIn, *, uid: UUID | str) -> Call[CrisisLife]:
    """Note another mechanism's activation about the event.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/neighbours
    """
    from stemtide.protocol.crises import CrisisLife

    return Call((CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/neighbours", body=body)


def propose_move(body: ProposalIn, *, uid: UUID | str) -> Call[CrisisLife]:
    """Propose activation or closure; what a key proposes, another party confirms.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/proposals
    """
    from stemtide.protocol.crises import CrisisLife

    return Call((CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/proposals", body=body)


def read_crisis(*, uid: UUID | str) -> Call[CrisisLife]:
    """One crisis with its whole life; who takes no part in it reads its facts alone.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/crises/{uid}
    """
    from stemtide.protocol.crises import CrisisLife

    return Call((CrisisLife,), "GET", f"/api/v1/crises/{part(uid)}")


def read_crisis_clocks(*, uid: UUID | str) -> Call[CrisisClocks]:
    """The moments from which a crisis is counted; signals' are of those that your party sees.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/crises/{uid}/clocks
    """
    from stemtide.protocol.crises import CrisisClocks

    return Call((CrisisClocks,), "GET", f"/api/v1/crises/{part(uid)}/clocks")


def resume_crisis(body: ReasonIn, *, uid: UUID | str) -> Call[CrisisLife]:
    """Make a crisis live again that was calming down.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/resume
    """
    from stemtide.protocol.crises import CrisisLife

    return Call((CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/resume", body=body)


def review_crisis(body: KeepIn, *, uid: UUID | str) -> Call[CrisisLife]:
    """Review a live crisis and keep it so, until the next review.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/review
    """
    from stemtide.protocol.crises import CrisisLife

    return Call((CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/review", body=body)


def triage_crisis(body: TriageIn, *, uid: UUID | str) -> Call[CrisisLife]:
    """Rate a warning by harm and virality; the matrix says what follows, and why.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/triage
    """
    from stemtide.protocol.crises import CrisisLife

    return Call((CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/triage", body=body)


def uninvite_party(body: PartyIn, *, uid: UUID | str) -> Call[CrisisLife]:
    """Take an invitation back before it is answered.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/uninvite
    """
    from stemtide.protocol.crises import CrisisLife

    return Call((CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/uninvite", body=body)


def unlink_crisis(body: ReasonIn, *, uid: UUID | str) -> Call[CrisisLife]:
    """Say that it speaks of an event of its own after all.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/unlink
    """
    from stemtide.protocol.crises import CrisisLife

    return Call((CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/unlink", body=body)


def update_neighbour(
    body: NeighbourNewsIn, *, uid: UUID | str, neighbour: UUID | str
) -> Call[CrisisLife]:
    """Note what became of another mechanism's activation.

    Needs a key with the scope crises:write. raises: HubError. source: PUT
    /api/v1/crises/{uid}/neighbours/{neighbour}
    """
    from stemtide.protocol.crises import CrisisLife

    return Call(
        (CrisisLife,), "PUT", f"/api/v1/crises/{part(uid)}/neighbours/{part(neighbour)}", body=body
    )


def warn_of_crisis(body: WarningIn) -> Call[CrisisLife]:
    """Raise an early warning, and invite those that it is addressed to.

    Needs a key with the scope crises:write. raises: HubError. source: POST /api/v1/crises
    """
    from stemtide.protocol.crises import CrisisLife

    return Call((CrisisLife,), "POST", "/api/v1/crises", body=body)


def widen_crisis(body: CountriesIn, *, uid: UUID | str) -> Call[CrisisLife]:
    """Add countries that the crisis turns out to concern; their authorities are alerted.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/countries
    """
    from stemtide.protocol.crises import CrisisLife

    return Call((CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/countries", body=body)


def withdraw_proposal(*, uid: UUID | str, proposal: UUID | str) -> Call[CrisisLife]:
    """Take back what your party proposed.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/proposals/{proposal}/withdraw
    """
    from stemtide.protocol.crises import CrisisLife

    return Call(
        (CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/proposals/{part(proposal)}/withdraw"
    )
