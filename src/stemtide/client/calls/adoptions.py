# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: adoptions.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.law.retention.adoptions import (
        AdoptIn,
        AdoptionAnswerIn,
        AdoptionOut,
        UnadoptIn,
    )


def adopt_signals(body: AdoptIn, *, uid: UUID | str) -> Call[AdoptionOut]:
    """Adopt signals of a crisis: they stay after it, on a legal basis of your party.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/adoption/adopt
    """
    from stemtide.protocol.law.retention.adoptions import AdoptionOut

    return Call((AdoptionOut,), "POST", f"/api/v1/crises/{part(uid)}/adoption/adopt", body=body)


def answer_adoption(body: AdoptionAnswerIn, *, uid: UUID | str) -> Call[AdoptionOut]:
    """Answer which signals stay after a crisis. Closing waits for this answer.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/adoption
    """
    from stemtide.protocol.law.retention.adoptions import AdoptionOut

    return Call((AdoptionOut,), "POST", f"/api/v1/crises/{part(uid)}/adoption", body=body)


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
    from stemtide.protocol.law.retention.adoptions import AdoptionOut

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


def unadopt_signals(body: UnadoptIn, *, uid: UUID | str) -> Call[AdoptionOut]:
    """Undo adoptions of your party, until the crisis is closed.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/adoption/unadopt
    """
    from stemtide.protocol.law.retention.adoptions import AdoptionOut

    return Call((AdoptionOut,), "POST", f"/api/v1/crises/{part(uid)}/adoption/unadopt", body=body)
