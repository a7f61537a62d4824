# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: orders, reads.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, File, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.enums.orders import OrderState, Side
    from stemtide.protocol.messages.documents import OrderAuthenticity
    from stemtide.protocol.messages.orders import (
        AgencyCopyOut,
        EntryOut,
        FinalOrdersOut,
        FormOut,
        InformationOut,
        LintFinding,
        OrderHead,
        OrderOut,
        OrdersInEffectOut,
        ScrutinyDecisionOut,
    )


def lint_order(*, uid: UUID | str) -> Call[list[LintFinding]]:
    """Check a draft: missing and contradictory fields; errors first, then warnings.

    Needs a key with the scope orders:write. raises: HubError. source: GET /api/v1/orders/{uid}/lint
    """
    from stemtide.protocol.messages.orders import LintFinding

    return Call((list[LintFinding],), "GET", f"/api/v1/orders/{part(uid)}/lint")


def list_final_orders() -> Call[list[FinalOrdersOut]]:
    """List final orders by provider: of your State's providers, if you oversee them, or yours.

    Needs a key with the scope requests:read. raises: HubError. source: GET /api/v1/final-orders
    """
    from stemtide.protocol.messages.orders import FinalOrdersOut

    return Call((list[FinalOrdersOut],), "GET", "/api/v1/final-orders")


def list_order_copies(*, limit: int | None = None) -> Call[list[AgencyCopyOut]]:
    """List copies of orders that authorities sent to your agency, latest first: Art. 14(6).

    limit: If left out: 100.

    Needs a key with the scope requests:read. raises: HubError. source: GET /api/v1/order-copies
    """
    from stemtide.protocol.messages.orders import AgencyCopyOut

    return Call((list[AgencyCopyOut],), "GET", "/api/v1/order-copies", query={"limit": limit})


def list_order_information() -> Call[list[InformationOut]]:
    """List information on procedures and deadlines that your party sent or received.

    Needs a key with the scope requests:read. raises: HubError. source: GET
    /api/v1/order-information
    """
    from stemtide.protocol.messages.orders import InformationOut

    return Call((list[InformationOut],), "GET", "/api/v1/order-information")


def list_orders(
    *,
    side: Side | None = None,
    state: OrderState | None = None,
    open: bool | None = None,
    limit: int | None = None,
) -> Call[list[OrderHead]]:
    """List orders that your party issued, received or has a copy of; open ones first.

    limit: If left out: 100.

    Needs a key with the scope requests:read. raises: HubError. source: GET /api/v1/orders
    """
    from stemtide.protocol.messages.orders import OrderHead

    return Call(
        (list[OrderHead],),
        "GET",
        "/api/v1/orders",
        query={"side": side, "state": state, "open": open, "limit": limit},
    )


def list_scrutiny_decisions(*, limit: int | None = None) -> Call[list[ScrutinyDecisionOut]]:
    """List decisions of scrutiny that were sent to your agency, latest first: Art. 4(6).

    limit: If left out: 100.

    Needs a key with the scope requests:read. raises: HubError. source: GET
    /api/v1/scrutiny-decisions
    """
    from stemtide.protocol.messages.orders import ScrutinyDecisionOut

    return Call(
        (list[ScrutinyDecisionOut],), "GET", "/api/v1/scrutiny-decisions", query={"limit": limit}
    )


def read_annex_1(*, uid: UUID | str) -> Call[FormOut]:
    """Retrieve Annex I of an order as data, with the hub's fields. This counts as receipt, too.

    Needs a key with the scope requests:read. raises: HubError. source: GET
    /api/v1/orders/{uid}/annex-1
    """
    from stemtide.protocol.messages.orders import FormOut

    return Call((FormOut,), "GET", f"/api/v1/orders/{part(uid)}/annex-1")


def read_order(*, uid: UUID | str) -> Call[OrderOut]:
    """Retrieve an order. This counts as receipt by its addressee, or of an authority's copy.

    Needs a key with the scope requests:read. raises: HubError. source: GET /api/v1/orders/{uid}
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "GET", f"/api/v1/orders/{part(uid)}")


def read_order_authenticity(*, uid: UUID | str) -> Call[OrderAuthenticity]:
    """Check in one step that an order is authentic: its issuer, and who seals it. No receipt.

    Needs a key with the scope requests:read. raises: HubError. source: GET
    /api/v1/orders/{uid}/authenticity
    """
    from stemtide.protocol.messages.documents import OrderAuthenticity

    return Call((OrderAuthenticity,), "GET", f"/api/v1/orders/{part(uid)}/authenticity")


def read_order_document(*, uid: UUID | str) -> Call[File]:
    """Download the PDF of an order that was made elsewhere. This counts as receipt, too.

    Needs a key with the scope requests:read. raises: HubError. source: GET
    /api/v1/orders/{uid}/document
    """
    return Call((File,), "GET", f"/api/v1/orders/{part(uid)}/document")


def read_order_history(*, uid: UUID | str) -> Call[list[EntryOut]]:
    """List the ledger entries of an order, oldest first.

    Needs a key with the scope requests:read. raises: HubError. source: GET
    /api/v1/orders/{uid}/history
    """
    from stemtide.protocol.messages.orders import EntryOut

    return Call((list[EntryOut],), "GET", f"/api/v1/orders/{part(uid)}/history")


def read_order_standing(*, url: str, exercise: bool | None = None) -> Call[OrdersInEffectOut]:
    """Retrieve who has an order in effect for a URL, for authorities and agencies.

    Needs a key with the scope requests:read. raises: HubError. source: GET /api/v1/order-standing
    """
    from stemtide.protocol.messages.orders import OrdersInEffectOut

    return Call(
        (OrdersInEffectOut,),
        "GET",
        "/api/v1/order-standing",
        query={"url": url, "exercise": exercise},
    )
