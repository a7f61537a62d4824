# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: alerts.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.messages.alerts import AlertOut


def acknowledge_alert(*, uid: UUID | str) -> Call[AlertOut]:
    """Acknowledge an alert for your party, which stops its escalation.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/alerts/{uid}/acknowledge
    """
    from stemtide.protocol.messages.alerts import AlertOut

    return Call((AlertOut,), "POST", f"/api/v1/alerts/{part(uid)}/acknowledge")


def list_alerts(*, waiting: bool | None = None) -> Call[list[AlertOut]]:
    """List your party's alerts, unacknowledged ones first; at most 200.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/alerts
    """
    from stemtide.protocol.messages.alerts import AlertOut

    return Call((list[AlertOut],), "GET", "/api/v1/alerts", query={"waiting": waiting})


def read_alert(*, uid: UUID | str) -> Call[AlertOut]:
    """Retrieve an alert of your party.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/alerts/{uid}
    """
    from stemtide.protocol.messages.alerts import AlertOut

    return Call((AlertOut,), "GET", f"/api/v1/alerts/{part(uid)}")
