# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: orders.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.enums.orders import OrderState, Side
    from stemtide.protocol.messages.orders import (
        AccessIn,
        DraftIn,
        EntryOut,
        FormOut,
        InformationOut,
        InformIn,
        LintFinding,
        OrderAnswerIn,
        OrderHead,
        OrderIn,
        OrderOut,
        OrderReasonIn,
        OrdersInEffectOut,
        PreserveIn,
        ScrutinyDecisionOut,
        ScrutinyIn,
        SecrecyIn,
    )


def acknowledge_order(*, uid: UUID | str) -> Call[OrderOut]:
    """Acknowledge an order. Its deadline of one hour keeps running.

    Needs a key with the scope answers:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/acknowledge
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/acknowledge")


def announce_infringement(body: OrderReasonIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Inform the issuer that you intend to find an infringement, with reasons.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/scrutiny/announce
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/scrutiny/announce", body=body)


def ask_scrutiny(body: ScrutinyIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Request scrutiny by the authority of your Member State, within 48 hours of receipt.

    Needs a key with the scope answers:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/ask-scrutiny
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/ask-scrutiny", body=body)


def change_order(body: DraftIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Change a draft, field by field.

    Needs a key with the scope orders:write. raises: HubError. source: PATCH /api/v1/orders/{uid}
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "PATCH", f"/api/v1/orders/{part(uid)}", body=body)


def clarify_order(body: OrderReasonIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Provide the clarification requested by Annex III, as the issuer. The deadline starts anew.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/clarify
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/clarify", body=body)


def discard_order(*, uid: UUID | str) -> Call[OrderOut]:
    """Discard a draft.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/discard
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/discard")


def draft_order(body: OrderIn) -> Call[OrderOut]:
    """Create a draft of a removal order. Nobody else sees it until it is issued.

    Needs a key with the scope orders:write. raises: HubError. source: POST /api/v1/orders
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", "/api/v1/orders", body=body)


def execute_order(body: OrderAnswerIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Report execution by Annex II: content removed, or access disabled in all Member States.

    Needs a key with the scope answers:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/execute
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/execute", body=body)


def extend_preservation(body: PreserveIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Request longer preservation of removed content for review proceedings: Art. 6(2).

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/preservation
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/preservation", body=body)


def find_infringement(body: OrderReasonIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Decide that there is an infringement: the order loses its effect, content is reinstated.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/scrutiny/infringe
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/scrutiny/infringe", body=body)


def inform_provider(body: InformIn) -> Call[InformationOut]:
    """Inform a provider of procedures and deadlines, twelve hours before your first order to it.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/order-information
    """
    from stemtide.protocol.messages.orders import InformationOut

    return Call((InformationOut,), "POST", "/api/v1/order-information", body=body)


def issue_order(*, uid: UUID | str) -> Call[OrderOut]:
    """Issue a draft: it gets its reference, is sent, and cannot be changed any more.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/issue
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/issue")


def lint_order(*, uid: UUID | str) -> Call[list[LintFinding]]:
    """Check a draft: missing and contradictory fields; errors first, then warnings.

    Needs a key with the scope orders:write. raises: HubError. source: GET /api/v1/orders/{uid}/lint
    """
    from stemtide.protocol.messages.orders import LintFinding

    return Call((list[LintFinding],), "GET", f"/api/v1/orders/{part(uid)}/lint")


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


def open_scrutiny(body: ScrutinyIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Open scrutiny of an order that you have a copy of, on your own or for a content provider.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/scrutiny
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/scrutiny", body=body)


def prolong_secrecy(body: SecrecyIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Extend the non-disclosure to the content provider, to at most twelve weeks in all.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/prolong
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/prolong", body=body)


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


def reinstate_content(*, uid: UUID | str) -> Call[OrderOut]:
    """Report that content was reinstated after the order lost its effect.

    Needs a key with the scope answers:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/reinstate
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/reinstate")


def resume_order(body: OrderReasonIn, *, uid: UUID | str) -> Call[OrderOut]:
    """End the ground of Annex III, as the addressee. The deadline of one hour starts anew.

    Needs a key with the scope answers:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/resume
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/resume", body=body)


def suspend_order(body: OrderAnswerIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Report by Annex III why the order cannot be executed. The deadline is suspended.

    Needs a key with the scope answers:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/suspend
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/suspend", body=body)


def uphold_order(body: OrderReasonIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Decide that there is no infringement: the order remains in effect.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/scrutiny/uphold
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/scrutiny/uphold", body=body)


def withdraw_order(body: OrderReasonIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Withdraw an order. The signals linked to it are withdrawn as well.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/withdraw
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/withdraw", body=body)
