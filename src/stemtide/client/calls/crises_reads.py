# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: crises, reads.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.messages.adoptions import AdoptionOut
    from stemtide.protocol.messages.crises import (
        CrisisClocks,
        CrisisLife,
        CrisisOut,
        ParticipantOut,
    )


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


def read_adoption(
    *,
    uid: UUID | str,
    after: UUID | str | None = None,
    limit: int | None = None,
    show: Literal["all", "suggested", "adopted", "left", "new"] | None = None,
    label: str | None = None,
    shared_by: str | None = None,
) -> Call[AdoptionOut]:
    """List the live signals of a crisis, which of them are pre-selected, and which stay.

    limit: If left out: 50.
    show: If left out: "all".

    Needs a key with the scope feed:read. raises: HubError. source: GET
    /api/v1/crises/{uid}/adoption
    """
    from stemtide.protocol.messages.adoptions import AdoptionOut

    return Call(
        (AdoptionOut,),
        "GET",
        f"/api/v1/crises/{part(uid)}/adoption",
        query={
            "after": after,
            "limit": limit,
            "show": show,
            "label": label,
            "shared_by": shared_by,
        },
    )


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
