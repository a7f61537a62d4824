# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: complaints.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.complaints import (
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
    """Accept why it was kept: your dispute is taken back.

    Needs a key with the scope complaints:write. raises: HubError. source: POST
    /api/v1/complaints/{uid}/accept
    """
    from stemtide.protocol.complaints import ComplaintOut

    return Call((ComplaintOut,), "POST", f"/api/v1/complaints/{part(uid)}/accept")


def answer_redress(body: RedressIn, *, uid: UUID | str) -> Call[RedressOut]:
    """Take it back, which reaches every agent, or keep it and say why.

    Needs a key with the scope complaints:write. raises: HubError. source: POST
    /api/v1/redress/{uid}/answer
    """
    from stemtide.protocol.complaints import RedressOut

    return Call((RedressOut,), "POST", f"/api/v1/redress/{part(uid)}/answer", body=body)


def decide_complaint(body: ComplaintOutcomeIn, *, uid: UUID | str) -> Call[ComplaintOut]:
    """Pass on what a person decided, with the reasons that the uploader reads.

    Needs a key with the scope complaints:write. raises: HubError. source: POST
    /api/v1/complaints/{uid}/decide
    """
    from stemtide.protocol.complaints import ComplaintOut

    return Call((ComplaintOut,), "POST", f"/api/v1/complaints/{part(uid)}/decide", body=body)


def file_complaint(body: ComplaintIn) -> Call[ComplaintFiledOut]:
    """File a complaint that reached you in your own way, on the uploader's behalf.

    Needs a key with the scope complaints:write. raises: HubError. source: POST /api/v1/complaints
    """
    from stemtide.protocol.complaints import ComplaintFiledOut

    return Call((ComplaintFiledOut,), "POST", "/api/v1/complaints", body=body)


def list_complaints(*, open: bool | None = None) -> Call[list[ComplaintOut]]:
    """Complaints about your decisions: those that wait first, at most 200.

    Needs a key with the scope complaints:write. raises: HubError. source: GET /api/v1/complaints
    """
    from stemtide.protocol.complaints import ComplaintOut

    return Call((list[ComplaintOut],), "GET", "/api/v1/complaints", query={"open": open})


def list_redress() -> Call[list[RedressOut]]:
    """What decided complaints ask of you, about what you shared or asked for.

    Needs a key with the scope complaints:write. raises: HubError. source: GET /api/v1/redress
    """
    from stemtide.protocol.complaints import RedressOut

    return Call((list[RedressOut],), "GET", "/api/v1/redress")


def make_complaint_link(body: ComplaintLinkIn) -> Call[ComplaintLinkOut]:
    """A link for the statement of reasons of one decision of yours. Nothing is kept of it.

    Needs a key with the scope complaints:write. raises: HubError. source: POST
    /api/v1/complaint-links
    """
    from stemtide.protocol.complaints import ComplaintLinkOut

    return Call((ComplaintLinkOut,), "POST", "/api/v1/complaint-links", body=body)


def read_complaint(*, uid: UUID | str) -> Call[ComplaintOut]:
    """One complaint about a decision of yours.

    Needs a key with the scope complaints:write. raises: HubError. source: GET
    /api/v1/complaints/{uid}
    """
    from stemtide.protocol.complaints import ComplaintOut

    return Call((ComplaintOut,), "GET", f"/api/v1/complaints/{part(uid)}")


def read_redress(*, uid: UUID | str) -> Call[RedressOut]:
    """One of them.

    Needs a key with the scope complaints:write. raises: HubError. source: GET /api/v1/redress/{uid}
    """
    from stemtide.protocol.complaints import RedressOut

    return Call((RedressOut,), "GET", f"/api/v1/redress/{part(uid)}")


def take_complaint(body: ComplaintTakeIn, *, uid: UUID | str) -> Call[ComplaintOut]:
    """Say who reviews it.

    Needs a key with the scope complaints:write. raises: HubError. source: POST
    /api/v1/complaints/{uid}/take
    """
    from stemtide.protocol.complaints import ComplaintOut

    return Call((ComplaintOut,), "POST", f"/api/v1/complaints/{part(uid)}/take", body=body)
