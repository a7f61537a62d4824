# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: preservation.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.messages.orders import (
        AccessIn,
        LongerPreservationIn,
        OrderOut,
        PreservationIn,
        PreserveIn,
    )


def end_recorded_preservation(*, uid: UUID | str, preservation: UUID | str) -> Call[OrderOut]:
    """End a preservation that you recorded as an authority, once it is no longer necessary.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/preservations/{preservation}/end
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call(
        (OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/preservations/{part(preservation)}/end"
    )


def end_reported_preservation(*, uid: UUID | str, preservation: UUID | str) -> Call[OrderOut]:
    """Record, as the addressee, that an authority ended a preservation that you reported.

    Needs a key with the scope answers:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/report-preservation/{preservation}/end
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call(
        (OrderOut,),
        "POST",
        f"/api/v1/orders/{part(uid)}/report-preservation/{part(preservation)}/end",
    )


def extend_preservation(body: PreserveIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Request longer preservation of removed content for review proceedings: Art. 6(2).

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/preservation
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/preservation", body=body)


def extend_recorded_preservation(
    body: LongerPreservationIn, *, uid: UUID | str, preservation: UUID | str
) -> Call[OrderOut]:
    """Extend a preservation that you recorded as an authority, as its law allows.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/preservations/{preservation}/extend
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call(
        (OrderOut,),
        "POST",
        f"/api/v1/orders/{part(uid)}/preservations/{part(preservation)}/extend",
        body=body,
    )


def extend_reported_preservation(
    body: LongerPreservationIn, *, uid: UUID | str, preservation: UUID | str
) -> Call[OrderOut]:
    """Record, as the addressee, that an authority extended a preservation by another law.

    Needs a key with the scope answers:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/report-preservation/{preservation}/extend
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call(
        (OrderOut,),
        "POST",
        f"/api/v1/orders/{part(uid)}/report-preservation/{part(preservation)}/extend",
        body=body,
    )


def note_access(body: AccessIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Record an access to preserved content.

    Needs a key with the scope answers:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/preservation/access
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/preservation/access", body=body)


def note_destroyed(*, uid: UUID | str) -> Call[OrderOut]:
    """Record that preserved content was destroyed after its time.

    Needs a key with the scope answers:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/preservation/destroyed
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/preservation/destroyed")


def record_preservation(body: PreservationIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Record, as an authority, an EPOC-PR or an order of national law that preserves content.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/preservations
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/preservations", body=body)


def report_preservation(body: PreservationIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Record, as the addressee, an EPOC-PR or an order of national law that you received.

    Needs a key with the scope answers:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/report-preservation
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/report-preservation", body=body)
