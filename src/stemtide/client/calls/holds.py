# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: holds.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.holds import ExtendIn, HoldIn, HoldOut


def extend_hold(body: ExtendIn, *, uid: UUID | str) -> Call[HoldOut]:
    """Let a hold stand longer.

    Needs a key with the scope referrals:write. raises: HubError. source: POST
    /api/v1/holds/{uid}/extend
    """
    from stemtide.protocol.holds import HoldOut

    return Call((HoldOut,), "POST", f"/api/v1/holds/{part(uid)}/extend", body=body)


def lift_hold(*, uid: UUID | str) -> Call[HoldOut]:
    """End a hold before its time; senders of what waited for it are told.

    Needs a key with the scope referrals:write. raises: HubError. source: POST
    /api/v1/holds/{uid}/lift
    """
    from stemtide.protocol.holds import HoldOut

    return Call((HoldOut,), "POST", f"/api/v1/holds/{part(uid)}/lift")


def list_holds(*, open: bool | None = None) -> Call[list[HoldOut]]:
    """Your party's holds, the next to end first; agencies see all of them.

    Needs a key with the scope requests:read. raises: HubError. source: GET /api/v1/holds
    """
    from stemtide.protocol.holds import HoldOut

    return Call((list[HoldOut],), "GET", "/api/v1/holds", query={"open": open})


def place_hold(body: HoldIn) -> Call[HoldOut]:
    """Ask that content be left alone until a moment. It delays referrals, and no removal order.

    Needs a key with the scope referrals:write. raises: HubError. source: POST /api/v1/holds
    """
    from stemtide.protocol.holds import HoldOut

    return Call((HoldOut,), "POST", "/api/v1/holds", body=body)


def read_hold(*, uid: UUID | str) -> Call[HoldOut]:
    """One hold.

    Needs a key with the scope requests:read. raises: HubError. source: GET /api/v1/holds/{uid}
    """
    from stemtide.protocol.holds import HoldOut

    return Call((HoldOut,), "GET", f"/api/v1/holds/{part(uid)}")
