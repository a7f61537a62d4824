# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: crises.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.messages.crises import (
        CheckIn,
        CloseIn,
        CountriesIn,
        CrisisClocks,
        CrisisLife,
        CrisisOut,
        EventOut,
        InviteIn,
        KeepIn,
        LinkIn,
        MeasureIn,
        NeighbourIn,
        NeighbourUpdateIn,
        OptionalReasonIn,
        ParticipantOut,
        PartyIn,
        ProposalIn,
        ReasonIn,
        TriageIn,
        WarningIn,
    )


def answer_check(body: CheckIn, *, uid: UUID | str, test: str) -> Call[CrisisLife]:
    """Answer a question of the activation checklist.

    Needs a key with the scope crises:write. raises: HubError. source: PUT
    /api/v1/crises/{uid}/checks/{test}
    """
    from stemtide.protocol.messages.crises import CrisisLife

    return Call((CrisisLife,), "PUT", f"/api/v1/crises/{part(uid)}/checks/{part(test)}", body=body)


def close_crisis(body: CloseIn, *, uid: UUID | str) -> Call[CrisisLife]:
    """Close a warning that was never activated. Activated crises are closed by a proposal.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/close
    """
    from stemtide.protocol.messages.crises import CrisisLife

    return Call((CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/close", body=body)


def confirm_proposal(*, uid: UUID | str, proposal: UUID | str) -> Call[CrisisLife]:
    """Confirm another party's proposal, which moves the crisis to its new stage.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/proposals/{proposal}/confirm
    """
    from stemtide.protocol.messages.crises import CrisisLife

    return Call(
        (CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/proposals/{part(proposal)}/confirm"
    )


def consider_measure(body: MeasureIn, *, uid: UUID | str) -> Call[CrisisLife]:
    """Record a national measure that was considered, and why it does not suffice.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/measures
    """
    from stemtide.protocol.messages.crises import CrisisLife

    return Call((CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/measures", body=body)


def decline_crisis(body: OptionalReasonIn, *, uid: UUID | str) -> Call[CrisisOut]:
    """Decline an invitation, for your party. The reason is optional.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/decline
    """
    from stemtide.protocol.messages.crises import CrisisOut

    return Call((CrisisOut,), "POST", f"/api/v1/crises/{part(uid)}/decline", body=body)


def decline_proposal(body: ReasonIn, *, uid: UUID | str, proposal: UUID | str) -> Call[CrisisLife]:
    """Decline another party's proposal, with a reason.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/proposals/{proposal}/decline
    """
    from stemtide.protocol.messages.crises import CrisisLife

    return Call(
        (CrisisLife,),
        "POST",
        f"/api/v1/crises/{part(uid)}/proposals/{part(proposal)}/decline",
        body=body,
    )


def deescalate_crisis(body: ReasonIn, *, uid: UUID | str) -> Call[CrisisLife]:
    """De-escalate a live crisis.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/deescalate
    """
    from stemtide.protocol.messages.crises import CrisisLife

    return Call((CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/deescalate", body=body)


def invite_parties(body: InviteIn, *, uid: UUID | str) -> Call[CrisisLife]:
    """Invite parties to a crisis, by name or by kind.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/invite
    """
    from stemtide.protocol.messages.crises import CrisisLife

    return Call((CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/invite", body=body)


def join_crisis(*, uid: UUID | str) -> Call[CrisisOut]:
    """Join a crisis, for your party.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/join
    """
    from stemtide.protocol.messages.crises import CrisisOut

    return Call((CrisisOut,), "POST", f"/api/v1/crises/{part(uid)}/join")


def leave_crisis(body: OptionalReasonIn, *, uid: UUID | str) -> Call[CrisisOut]:
    """Leave a crisis, for your party. The reason is optional.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/leave
    """
    from stemtide.protocol.messages.crises import CrisisOut

    return Call((CrisisOut,), "POST", f"/api/v1/crises/{part(uid)}/leave", body=body)


def link_crises(body: LinkIn, *, uid: UUID | str) -> Call[CrisisLife]:
    """Link a crisis with another one about the same event.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/link
    """
    from stemtide.protocol.messages.crises import CrisisLife

    return Call((CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/link", body=body)


def list_crises() -> Call[list[CrisisOut]]:
    """List the crises that your party may see, latest warning first.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/crises
    """
    from stemtide.protocol.messages.crises import CrisisOut

    return Call((list[CrisisOut],), "GET", "/api/v1/crises")


def list_participants(*, uid: UUID | str) -> Call[list[ParticipantOut]]:
    """List the participants of a crisis: joined, invited, declined and left.

    Needs a key with the scope feed:read. raises: HubError. source: GET
    /api/v1/crises/{uid}/participants
    """
    from stemtide.protocol.messages.crises import ParticipantOut

    return Call((list[ParticipantOut],), "GET", f"/api/v1/crises/{part(uid)}/participants")


def mirror_neighbour(body: NeighbourIn, *, uid: UUID | str) -> Call[CrisisLife]:
    """Record another mechanism's activation about the event.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/neighbours
    """
    from stemtide.protocol.messages.crises import CrisisLife

    return Call((CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/neighbours", body=body)


def propose_move(body: ProposalIn, *, uid: UUID | str) -> Call[CrisisLife]:
    """Propose activation or closure. Proposals by API key are confirmed by another party.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/proposals
    """
    from stemtide.protocol.messages.crises import CrisisLife

    return Call((CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/proposals", body=body)


def read_crisis(*, uid: UUID | str) -> Call[CrisisLife]:
    """Retrieve a crisis with its full history. Parties outside it get its basic data only.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/crises/{uid}
    """
    from stemtide.protocol.messages.crises import CrisisLife

    return Call((CrisisLife,), "GET", f"/api/v1/crises/{part(uid)}")


def read_crisis_clocks(*, uid: UUID | str) -> Call[CrisisClocks]:
    """Retrieve the times from which a crisis is counted, from signals that your party may see.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/crises/{uid}/clocks
    """
    from stemtide.protocol.messages.crises import CrisisClocks

    return Call((CrisisClocks,), "GET", f"/api/v1/crises/{part(uid)}/clocks")


def read_event(*, uid: UUID | str) -> Call[EventOut]:
    """Retrieve all activations about the event of a crisis, beside each other.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/crises/{uid}/event
    """
    from stemtide.protocol.messages.crises import EventOut

    return Call((EventOut,), "GET", f"/api/v1/crises/{part(uid)}/event")


def resume_crisis(body: ReasonIn, *, uid: UUID | str) -> Call[CrisisLife]:
    """Make a crisis live again after de-escalation.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/resume
    """
    from stemtide.protocol.messages.crises import CrisisLife

    return Call((CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/resume", body=body)


def review_crisis(body: KeepIn, *, uid: UUID | str) -> Call[CrisisLife]:
    """Review a live crisis and keep it live until the next review.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/review
    """
    from stemtide.protocol.messages.crises import CrisisLife

    return Call((CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/review", body=body)


def triage_crisis(body: TriageIn, *, uid: UUID | str) -> Call[CrisisLife]:
    """Rate a warning by harm and virality. The matrix determines the outcome.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/triage
    """
    from stemtide.protocol.messages.crises import CrisisLife

    return Call((CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/triage", body=body)


def uninvite_party(body: PartyIn, *, uid: UUID | str) -> Call[CrisisLife]:
    """Withdraw an invitation before it is answered.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/uninvite
    """
    from stemtide.protocol.messages.crises import CrisisLife

    return Call((CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/uninvite", body=body)


def unlink_crisis(body: ReasonIn, *, uid: UUID | str) -> Call[CrisisLife]:
    """Unlink a crisis: it is about an event of its own after all.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/unlink
    """
    from stemtide.protocol.messages.crises import CrisisLife

    return Call((CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/unlink", body=body)


def update_neighbour(
    body: NeighbourUpdateIn, *, uid: UUID | str, neighbour: UUID | str
) -> Call[CrisisLife]:
    """Update the status of another mechanism's activation.

    Needs a key with the scope crises:write. raises: HubError. source: PUT
    /api/v1/crises/{uid}/neighbours/{neighbour}
    """
    from stemtide.protocol.messages.crises import CrisisLife

    return Call(
        (CrisisLife,), "PUT", f"/api/v1/crises/{part(uid)}/neighbours/{part(neighbour)}", body=body
    )


def warn_of_crisis(body: WarningIn) -> Call[CrisisLife]:
    """Raise an early warning, and invite the parties that it is addressed to.

    Needs a key with the scope crises:write. raises: HubError. source: POST /api/v1/crises
    """
    from stemtide.protocol.messages.crises import CrisisLife

    return Call((CrisisLife,), "POST", "/api/v1/crises", body=body)


def widen_crisis(body: CountriesIn, *, uid: UUID | str) -> Call[CrisisLife]:
    """Add countries that the crisis concerns. Their authorities are alerted.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/countries
    """
    from stemtide.protocol.messages.crises import CrisisLife

    return Call((CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/countries", body=body)


def withdraw_proposal(*, uid: UUID | str, proposal: UUID | str) -> Call[CrisisLife]:
    """Withdraw a proposal of your party.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/proposals/{proposal}/withdraw
    """
    from stemtide.protocol.messages.crises import CrisisLife

    return Call(
        (CrisisLife,), "POST", f"/api/v1/crises/{part(uid)}/proposals/{part(proposal)}/withdraw"
    )
