# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: rechecks.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.enums.rechecks import Verdict
    from stemtide.protocol.messages.rechecks import RecheckOut


def ask_for_visit(*, uid: UUID | str) -> Call[RecheckOut]:
    """Request an immediate visit to the URL. It does not change the request.

    Needs a key with the scope requests:read. raises: HubError. source: POST
    /api/v1/rechecks/{uid}/visit
    """
    from stemtide.protocol.messages.rechecks import RecheckOut

    return Call((RecheckOut,), "POST", f"/api/v1/rechecks/{part(uid)}/visit")


def list_rechecks(
    *,
    referral: UUID | str | None = None,
    order: UUID | str | None = None,
    verdict: Verdict | None = None,
    returned: bool | None = None,
) -> Call[list[RecheckOut]]:
    """List re-checks of requests that your party sent or received, latest first; at most 200.

    Needs a key with the scope requests:read. raises: HubError. source: GET /api/v1/rechecks
    """
    from stemtide.protocol.messages.rechecks import RecheckOut

    return Call(
        (list[RecheckOut],),
        "GET",
        "/api/v1/rechecks",
        query={"referral": referral, "order": order, "verdict": verdict, "returned": returned},
    )


def read_recheck(*, uid: UUID | str) -> Call[RecheckOut]:
    """Retrieve a re-check with its visits.

    Needs a key with the scope requests:read. raises: HubError. source: GET /api/v1/rechecks/{uid}
    """
    from stemtide.protocol.messages.rechecks import RecheckOut

    return Call((RecheckOut,), "GET", f"/api/v1/rechecks/{part(uid)}")
