# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: rights.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.law.rights.messages import (
        RightsAnswerIn,
        RightsExtensionIn,
        RightsRequestIn,
        RightsRequestOut,
        RightsRequestPage,
    )


def answer_rights_request(body: RightsAnswerIn, *, uid: UUID | str) -> Call[RightsRequestOut]:
    """Note how a request was answered, and when.

    Needs a key with the scope retention:manage. raises: HubError. source: POST
    /api/v1/rights-requests/{uid}/answer
    """
    from stemtide.protocol.law.rights.messages import RightsRequestOut

    return Call(
        (RightsRequestOut,), "POST", f"/api/v1/rights-requests/{part(uid)}/answer", body=body
    )


def extend_rights_request(body: RightsExtensionIn, *, uid: UUID | str) -> Call[RightsRequestOut]:
    """Take more time, once the person was told why.

    Needs a key with the scope retention:manage. raises: HubError. source: POST
    /api/v1/rights-requests/{uid}/extend
    """
    from stemtide.protocol.law.rights.messages import RightsRequestOut

    return Call(
        (RightsRequestOut,), "POST", f"/api/v1/rights-requests/{part(uid)}/extend", body=body
    )


def list_rights_requests(
    *, open: bool | None = None, after: UUID | str | None = None, limit: int | None = None
) -> Call[RightsRequestPage]:
    """List requests of data subjects to your party, by due time. `open`: only those that wait.

    limit: If left out: 50.

    Needs a key with the scope retention:manage. raises: HubError. source: GET
    /api/v1/rights-requests
    """
    from stemtide.protocol.law.rights.messages import RightsRequestPage

    return Call(
        (RightsRequestPage,),
        "GET",
        "/api/v1/rights-requests",
        query={"open": open, "after": after, "limit": limit},
    )


def note_rights_request(body: RightsRequestIn) -> Call[RightsRequestOut]:
    """Note a request of a data subject that reached your party, under your own reference.

    Needs a key with the scope retention:manage. raises: HubError. source: POST
    /api/v1/rights-requests
    """
    from stemtide.protocol.law.rights.messages import RightsRequestOut

    return Call((RightsRequestOut,), "POST", "/api/v1/rights-requests", body=body)


def read_rights_request(*, uid: UUID | str) -> Call[RightsRequestOut]:
    """Return one request of a data subject.

    Needs a key with the scope retention:manage. raises: HubError. source: GET
    /api/v1/rights-requests/{uid}
    """
    from stemtide.protocol.law.rights.messages import RightsRequestOut

    return Call((RightsRequestOut,), "GET", f"/api/v1/rights-requests/{part(uid)}")


def withdraw_rights_request(*, uid: UUID | str) -> Call[RightsRequestOut]:
    """Note that the person withdrew the request.

    Needs a key with the scope retention:manage. raises: HubError. source: POST
    /api/v1/rights-requests/{uid}/withdraw
    """
    from stemtide.protocol.law.rights.messages import RightsRequestOut

    return Call((RightsRequestOut,), "POST", f"/api/v1/rights-requests/{part(uid)}/withdraw")
