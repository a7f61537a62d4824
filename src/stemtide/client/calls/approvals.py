# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: approvals.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.approvals import ApprovalOut, ApprovalPage, RefuseIn
    from stemtide.protocol.enums import ApprovalState


def list_approvals(
    *,
    state: ApprovalState | None = None,
    before: UUID | str | None = None,
    limit: int | None = None,
) -> Call[ApprovalPage]:
    """List acts that need a second look: your party's, and those that its people may decide.

    limit: If left out: 50.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/approvals
    """
    from stemtide.protocol.approvals import ApprovalPage

    return Call(
        (ApprovalPage,),
        "GET",
        "/api/v1/approvals",
        query={"state": state, "before": before, "limit": limit},
    )


def read_approval(*, uid: UUID | str) -> Call[ApprovalOut]:
    """Retrieve an act that waits or waited: why, who may decide, until when, and its signals.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/approvals/{uid}
    """
    from stemtide.protocol.approvals import ApprovalOut

    return Call((ApprovalOut,), "GET", f"/api/v1/approvals/{part(uid)}")


def take_back_approval(body: RefuseIn, *, uid: UUID | str) -> Call[ApprovalOut]:
    """Take back an act of your own party that waits. What was done at once is undone.

    Needs a key with the scope signals:write. raises: HubError. source: POST
    /api/v1/approvals/{uid}/take-back
    """
    from stemtide.protocol.approvals import ApprovalOut

    return Call((ApprovalOut,), "POST", f"/api/v1/approvals/{part(uid)}/take-back", body=body)
