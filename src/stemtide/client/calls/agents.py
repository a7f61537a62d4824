# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: agents.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from stemtide.protocol.agents import (
        AgentStatusIn,
        Noted,
        OutcomeReportIn,
        OutcomeReportOut,
        Whoami,
    )


def report_outcomes(body: OutcomeReportIn) -> Call[OutcomeReportOut]:
    """Report what became of content that matched. The same report counts once.

    Needs a key with the scope feedback:write. raises: HubError. source: POST /api/v1/outcomes
    """
    from stemtide.protocol.agents import OutcomeReportOut

    return Call((OutcomeReportOut,), "POST", "/api/v1/outcomes", body=body)


def report_status(body: AgentStatusIn, *, name: str) -> Call[Noted]:
    """Say how an agent stands; every few seconds, or it counts as not connected.

    Needs a key with the scope feedback:write. raises: HubError. source: PUT /api/v1/agents/{name}
    """
    from stemtide.protocol.agents import Noted

    return Call((Noted,), "PUT", f"/api/v1/agents/{part(name)}", body=body)


def whoami() -> Call[Whoami]:
    """Whom your key stands for, and what it opens.

    Any key will do. raises: HubError. source: GET /api/v1/whoami
    """
    from stemtide.protocol.agents import Whoami

    return Call((Whoami,), "GET", "/api/v1/whoami")
