# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: holds.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.messages.holds import ExtendIn, HoldIn, HoldOut


def extend_hold(body: ExtendIn, *, uid: UUID | str) -> Call[HoldOut]:
    """Extend a hold.

    Needs a key with the scope referrals:write. raises: HubError. source: POST
    /api/v1/holds/{uid}/extend
    """
    from stemtide.protocol.messages.holds import HoldOut

    return Call((HoldOut,), "POST", f"/api/v1/holds/{part(uid)}/extend", body=body)


def lift_hold(*, uid: UUID | str) -> Call[HoldOut]:
    """Lift a hold early. Senders of waiting referrals are notified.

    Needs a key with the scope referrals:write. raises: HubError. source: POST
    /api/v1/holds/{uid}/lift
    """
    from stemtide.protocol.messages.holds import HoldOut

    return Call((HoldOut,), "POST", f"/api/v1/holds/{part(uid)}/lift")


def list_holds(*, open: bool | None = None) -> Call[list[HoldOut]]:
    """List your party's holds, the next to end first. Agencies see the holds of all parties.

    Needs a key with the scope requests:read. raises: HubError. source: GET /api/v1/holds
    """
    from stemtide.protocol.messages.holds import HoldOut

    return Call((list[HoldOut],), "GET", "/api/v1/holds", query={"open": open})


def place_hold(body: HoldIn) -> Call[HoldOut]:
    """Place a hold on content until a given time. It delays referrals, but not removal orders.

    Needs a key with the scope referrals:write. raises: HubError. source: POST /api/v1/holds
    """
    from stemtide.protocol.messages.holds import HoldOut

    return Call((HoldOut,), "POST", "/api/v1/holds", body=body)


def read_hold(*, uid: UUID | str) -> Call[HoldOut]:
    """Retrieve a hold.

    Needs a key with the scope requests:read. raises: HubError. source: GET /api/v1/holds/{uid}
    """
    from stemtide.protocol.messages.holds import HoldOut

    return Call((HoldOut,), "GET", f"/api/v1/holds/{part(uid)}")
