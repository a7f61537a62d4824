# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: parties.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.trust.parties import (
        DigestsIn,
        GroupIn,
        MechanismIn,
        PartyDetailOut,
        PartyOut,
        StandingIn,
        SuspensionIn,
        SuspensionOut,
        SuspensionReasonIn,
    )


def confirm_suspension(*, uid: UUID | str) -> Call[SuspensionOut]:
    """Confirm what a person of another agency proposed. The party is suspended or back at once.

    Needs a key with the scope parties:write. raises: HubError. source: POST
    /api/v1/suspensions/{uid}/confirm
    """
    from stemtide.protocol.trust.parties import SuspensionOut

    return Call((SuspensionOut,), "POST", f"/api/v1/suspensions/{part(uid)}/confirm")


def decline_suspension(body: SuspensionReasonIn, *, uid: UUID | str) -> Call[SuspensionOut]:
    """Decline a proposal of another person.

    Needs a key with the scope parties:write. raises: HubError. source: POST
    /api/v1/suspensions/{uid}/decline
    """
    from stemtide.protocol.trust.parties import SuspensionOut

    return Call((SuspensionOut,), "POST", f"/api/v1/suspensions/{part(uid)}/decline", body=body)


def grant_digests(body: DigestsIn, *, name: str) -> Call[PartyDetailOut]:
    """Let a party speak alone for exact digests, or no longer. For agencies.

    Needs a key with the scope parties:write. raises: HubError. source: PUT
    /api/v1/parties/{name}/digests
    """
    from stemtide.protocol.trust.parties import PartyDetailOut

    return Call((PartyDetailOut,), "PUT", f"/api/v1/parties/{part(name)}/digests", body=body)


def grant_standing(body: StandingIn, *, name: str) -> Call[PartyDetailOut]:
    """Move a party one standing up or down: new, member, trusted. For agencies.

    Needs a key with the scope parties:write. raises: HubError. source: PUT
    /api/v1/parties/{name}/standing
    """
    from stemtide.protocol.trust.parties import PartyDetailOut

    return Call((PartyDetailOut,), "PUT", f"/api/v1/parties/{part(name)}/standing", body=body)


def list_parties() -> Call[list[PartyOut]]:
    """List all parties with their standing, by name.

    Any key will do. raises: HubError. source: GET /api/v1/parties
    """
    from stemtide.protocol.trust.parties import PartyOut

    return Call((list[PartyOut],), "GET", "/api/v1/parties")


def list_suspensions() -> Call[list[SuspensionOut]]:
    """List proposals to suspend a party or to lift its suspension, latest first. For agencies.

    Needs a key with the scope parties:write. raises: HubError. source: GET /api/v1/suspensions
    """
    from stemtide.protocol.trust.parties import SuspensionOut

    return Call((list[SuspensionOut],), "GET", "/api/v1/suspensions")


def propose_suspension(body: SuspensionIn, *, name: str) -> Call[SuspensionOut]:
    """Propose to suspend a party, or to lift its suspension; another person confirms.

    After a proposal with a key, a person of another agency must confirm.

    Needs a key with the scope parties:write. raises: HubError. source: POST
    /api/v1/parties/{name}/suspensions
    """
    from stemtide.protocol.trust.parties import SuspensionOut

    return Call((SuspensionOut,), "POST", f"/api/v1/parties/{part(name)}/suspensions", body=body)


def read_party(*, name: str) -> Call[PartyDetailOut]:
    """Retrieve a party; agencies, and the party itself, also get the history of its standing.

    Any key will do. raises: HubError. source: GET /api/v1/parties/{name}
    """
    from stemtide.protocol.trust.parties import PartyDetailOut

    return Call((PartyDetailOut,), "GET", f"/api/v1/parties/{part(name)}")


def set_mechanism(body: MechanismIn, *, name: str) -> Call[PartyDetailOut]:
    """Let a party note and end the activations of a crisis mechanism itself. For agencies.

    Needs a key with the scope parties:write. raises: HubError. source: PUT
    /api/v1/parties/{name}/mechanism
    """
    from stemtide.protocol.trust.parties import PartyDetailOut

    return Call((PartyDetailOut,), "PUT", f"/api/v1/parties/{part(name)}/mechanism", body=body)


def set_party_group(body: GroupIn, *, name: str) -> Call[PartyDetailOut]:
    """Put a party into a group, whose parties count once. For agencies.

    Needs a key with the scope parties:write. raises: HubError. source: PUT
    /api/v1/parties/{name}/group
    """
    from stemtide.protocol.trust.parties import PartyDetailOut

    return Call((PartyDetailOut,), "PUT", f"/api/v1/parties/{part(name)}/group", body=body)


def withdraw_suspension(*, uid: UUID | str) -> Call[SuspensionOut]:
    """Withdraw a proposal of your own party.

    Needs a key with the scope parties:write. raises: HubError. source: POST
    /api/v1/suspensions/{uid}/withdraw
    """
    from stemtide.protocol.trust.parties import SuspensionOut

    return Call((SuspensionOut,), "POST", f"/api/v1/suspensions/{part(uid)}/withdraw")
