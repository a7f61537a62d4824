# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: leads.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.messages.situation import LeadCloseIn, LeadIn, LeadOut, LeadPassIn


def close_lead(body: LeadCloseIn, *, uid: UUID | str) -> Call[LeadOut]:
    """Close a lead with its outcome.

    Needs a key with the scope leads:write. raises: HubError. source: POST /api/v1/leads/{uid}/close
    """
    from stemtide.protocol.messages.situation import LeadOut

    return Call((LeadOut,), "POST", f"/api/v1/leads/{part(uid)}/close", body=body)


def list_leads(*, open: bool | None = None) -> Call[list[LeadOut]]:
    """List the leads that your party may see: open ones first, by level.

    Needs a key with the scope leads:write. raises: HubError. source: GET /api/v1/leads
    """
    from stemtide.protocol.messages.situation import LeadOut

    return Call((list[LeadOut],), "GET", "/api/v1/leads", query={"open": open})


def pass_on_lead(body: LeadPassIn, *, uid: UUID | str) -> Call[LeadOut]:
    """Pass a lead on to a party that can act.

    Needs a key with the scope leads:write. raises: HubError. source: POST
    /api/v1/leads/{uid}/pass-on
    """
    from stemtide.protocol.messages.situation import LeadOut

    return Call((LeadOut,), "POST", f"/api/v1/leads/{part(uid)}/pass-on", body=body)


def read_lead(*, uid: UUID | str) -> Call[LeadOut]:
    """Retrieve a lead.

    Needs a key with the scope leads:write. raises: HubError. source: GET /api/v1/leads/{uid}
    """
    from stemtide.protocol.messages.situation import LeadOut

    return Call((LeadOut,), "GET", f"/api/v1/leads/{part(uid)}")


def receive_lead(*, uid: UUID | str) -> Call[LeadOut]:
    """Confirm that you received a lead.

    Needs a key with the scope leads:write. raises: HubError. source: POST
    /api/v1/leads/{uid}/receive
    """
    from stemtide.protocol.messages.situation import LeadOut

    return Call((LeadOut,), "POST", f"/api/v1/leads/{part(uid)}/receive")


def report_lead(body: LeadIn) -> Call[LeadOut]:
    """Report a lead to the authority of its country, or to the agency.

    Needs a key with the scope leads:write. raises: HubError. source: POST /api/v1/leads
    """
    from stemtide.protocol.messages.situation import LeadOut

    return Call((LeadOut,), "POST", "/api/v1/leads", body=body)
