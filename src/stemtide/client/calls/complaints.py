# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: complaints.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.messages.complaints import (
        ComplaintFiledOut,
        ComplaintIn,
        ComplaintLinkIn,
        ComplaintLinkOut,
        ComplaintOut,
        ComplaintOutcomeIn,
        ComplaintTakeIn,
        RedressIn,
        RedressOut,
    )


def accept_answer(*, uid: UUID | str) -> Call[ComplaintOut]:
    """Accept the reasons for keeping the measure, which withdraws your dispute.

    Needs a key with the scope complaints:write. raises: HubError. source: POST
    /api/v1/complaints/{uid}/accept
    """
    from stemtide.protocol.messages.complaints import ComplaintOut

    return Call((ComplaintOut,), "POST", f"/api/v1/complaints/{part(uid)}/accept")


def answer_redress(body: RedressIn, *, uid: UUID | str) -> Call[RedressOut]:
    """Answer a request for redress: take back, which reaches every agent, or keep with a reason.

    Needs a key with the scope complaints:write. raises: HubError. source: POST
    /api/v1/redress/{uid}/answer
    """
    from stemtide.protocol.messages.complaints import RedressOut

    return Call((RedressOut,), "POST", f"/api/v1/redress/{part(uid)}/answer", body=body)


def decide_complaint(body: ComplaintOutcomeIn, *, uid: UUID | str) -> Call[ComplaintOut]:
    """Submit a reviewer's decision, with the reasons for the uploader.

    Needs a key with the scope complaints:write. raises: HubError. source: POST
    /api/v1/complaints/{uid}/decide
    """
    from stemtide.protocol.messages.complaints import ComplaintOut

    return Call((ComplaintOut,), "POST", f"/api/v1/complaints/{part(uid)}/decide", body=body)


def file_complaint(body: ComplaintIn) -> Call[ComplaintFiledOut]:
    """File a complaint that you received elsewhere, on the uploader's behalf.

    Needs a key with the scope complaints:write. raises: HubError. source: POST /api/v1/complaints
    """
    from stemtide.protocol.messages.complaints import ComplaintFiledOut

    return Call((ComplaintFiledOut,), "POST", "/api/v1/complaints", body=body)


def list_complaints(*, open: bool | None = None) -> Call[list[ComplaintOut]]:
    """List complaints about your decisions, open ones first; at most 200.

    Needs a key with the scope complaints:write. raises: HubError. source: GET /api/v1/complaints
    """
    from stemtide.protocol.messages.complaints import ComplaintOut

    return Call((list[ComplaintOut],), "GET", "/api/v1/complaints", query={"open": open})


def list_redress() -> Call[list[RedressOut]]:
    """List requests for redress from complaints about your party's signals and requests.

    Needs a key with the scope complaints:write. raises: HubError. source: GET /api/v1/redress
    """
    from stemtide.protocol.messages.complaints import RedressOut

    return Call((list[RedressOut],), "GET", "/api/v1/redress")


def make_complaint_link(body: ComplaintLinkIn) -> Call[ComplaintLinkOut]:
    """Create a complaint link for the statement of reasons of a decision. Nothing is stored.

    Needs a key with the scope complaints:write. raises: HubError. source: POST
    /api/v1/complaint-links
    """
    from stemtide.protocol.messages.complaints import ComplaintLinkOut

    return Call((ComplaintLinkOut,), "POST", "/api/v1/complaint-links", body=body)


def read_complaint(*, uid: UUID | str) -> Call[ComplaintOut]:
    """Retrieve a complaint about your decision.

    Needs a key with the scope complaints:write. raises: HubError. source: GET
    /api/v1/complaints/{uid}
    """
    from stemtide.protocol.messages.complaints import ComplaintOut

    return Call((ComplaintOut,), "GET", f"/api/v1/complaints/{part(uid)}")


def read_redress(*, uid: UUID | str) -> Call[RedressOut]:
    """Retrieve a request for redress.

    Needs a key with the scope complaints:write. raises: HubError. source: GET /api/v1/redress/{uid}
    """
    from stemtide.protocol.messages.complaints import RedressOut

    return Call((RedressOut,), "GET", f"/api/v1/redress/{part(uid)}")


def take_complaint(body: ComplaintTakeIn, *, uid: UUID | str) -> Call[ComplaintOut]:
    """Assign a reviewer to a complaint.

    Needs a key with the scope complaints:write. raises: HubError. source: POST
    /api/v1/complaints/{uid}/take
    """
    from stemtide.protocol.messages.complaints import ComplaintOut

    return Call((ComplaintOut,), "POST", f"/api/v1/complaints/{part(uid)}/take", body=body)
