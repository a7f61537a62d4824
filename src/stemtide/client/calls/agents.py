# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: agents.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.keys import KeyReplacedOut, KeyReplaceIn
    from stemtide.protocol.sync.agents import (
        AgentStatusIn,
        OutcomeReportIn,
        OutcomeReportOut,
        OutlierDecisionIn,
        OutlierOut,
        ReviewPageIn,
        ReviewPageOut,
        StatusTaken,
        Whoami,
    )
    from stemtide.protocol.sync.runaways import RunawayDecisionIn, RunawayOut, RunawayReportIn


def clear_runaway(body: RunawayDecisionIn, *, uid: UUID | str) -> Call[RunawayOut]:
    """Decide, as an agency, that a signal's matches are right, so that no agent lowers it.

    Needs a key with the scope signals:write. raises: HubError. source: POST
    /api/v1/signals/{uid}/runaway/clear
    """
    from stemtide.protocol.sync.runaways import RunawayOut

    return Call((RunawayOut,), "POST", f"/api/v1/signals/{part(uid)}/runaway/clear", body=body)


def decide_outlier(body: OutlierDecisionIn, *, uid: UUID | str) -> Call[OutlierOut]:
    """Count these uploads, or leave them out. Deciding again replaces the decision.

    Needs a key with the scope feedback:write. raises: HubError. source: PUT
    /api/v1/outliers/{uid}/decision
    """
    from stemtide.protocol.sync.agents import OutlierOut

    return Call((OutlierOut,), "PUT", f"/api/v1/outliers/{part(uid)}/decision", body=body)


def list_outliers(
    *, signal: UUID | str | None = None, is_open: bool | None = None
) -> Call[list[OutlierOut]]:
    """List reported uploads that exceed the agent's look-ups, undecided ones first; at most 200.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/outliers
    """
    from stemtide.protocol.sync.agents import OutlierOut

    return Call(
        (list[OutlierOut],), "GET", "/api/v1/outliers", query={"signal": signal, "is_open": is_open}
    )


def list_runaways(*, signal: UUID | str | None = None) -> Call[list[RunawayOut]]:
    """List signals that match far more uploads than is plausible, latest first; at most 200.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/runaways
    """
    from stemtide.protocol.sync.runaways import RunawayOut

    return Call((list[RunawayOut],), "GET", "/api/v1/runaways", query={"signal": signal})


def lower_runaway(body: RunawayDecisionIn, *, uid: UUID | str) -> Call[RunawayOut]:
    """Lower a signal to hold everywhere, as an agency.

    Needs a key with the scope signals:write. raises: HubError. source: POST
    /api/v1/signals/{uid}/runaway/lower
    """
    from stemtide.protocol.sync.runaways import RunawayOut

    return Call((RunawayOut,), "POST", f"/api/v1/signals/{part(uid)}/runaway/lower", body=body)


def register_review_page(body: ReviewPageIn, *, name: str) -> Call[ReviewPageOut]:
    """Let people of your party sign in to your agent's review page through the hub.

    The address must be of the agent's own machine. Registering it again changes nothing.

    Needs a key with the scope feedback:write. raises: HubError. source: PUT
    /api/v1/agents/{name}/review-page
    """
    from stemtide.protocol.sync.agents import ReviewPageOut

    return Call((ReviewPageOut,), "PUT", f"/api/v1/agents/{part(name)}/review-page", body=body)


def replace_key(body: KeyReplaceIn) -> Call[KeyReplacedOut]:
    """Replace your API key by one with the same name and scopes. The new key is shown once.

    The old key goes on for an overlap. The new key expires when the old one would have.

    Any key will do. raises: HubError. source: POST /api/v1/keys/replace
    """
    from stemtide.protocol.keys import KeyReplacedOut

    return Call((KeyReplacedOut,), "POST", "/api/v1/keys/replace", body=body)


def report_outcomes(body: OutcomeReportIn) -> Call[OutcomeReportOut]:
    """Report outcomes of matched content. A report counts once, however often it is sent.

    Needs a key with the scope feedback:write. raises: HubError. source: POST /api/v1/outcomes
    """
    from stemtide.protocol.sync.agents import OutcomeReportOut

    return Call((OutcomeReportOut,), "POST", "/api/v1/outcomes", body=body)


def report_runaway(body: RunawayReportIn, *, name: str, uid: UUID | str) -> Call[RunawayOut]:
    """Report that a signal matches too much at an agent. A later report replaces this one.

    Needs a key with the scope feedback:write. raises: HubError. source: PUT
    /api/v1/agents/{name}/runaways/{uid}
    """
    from stemtide.protocol.sync.runaways import RunawayOut

    return Call(
        (RunawayOut,), "PUT", f"/api/v1/agents/{part(name)}/runaways/{part(uid)}", body=body
    )


def report_status(body: AgentStatusIn, *, name: str) -> Call[StatusTaken]:
    """Report an agent's status. Without a report every few seconds it counts as disconnected.

    Needs a key with the scope feedback:write. raises: HubError. source: PUT /api/v1/agents/{name}
    """
    from stemtide.protocol.sync.agents import StatusTaken

    return Call((StatusTaken,), "PUT", f"/api/v1/agents/{part(name)}", body=body)


def whoami() -> Call[Whoami]:
    """Retrieve the party and the scopes of your API key.

    Any key will do. raises: HubError. source: GET /api/v1/whoami
    """
    from stemtide.protocol.sync.agents import Whoami

    return Call((Whoami,), "GET", "/api/v1/whoami")
