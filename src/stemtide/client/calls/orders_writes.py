# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: orders, writes.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.messages.orders import (
        AppealDeadlineIn,
        AppealDecisionIn,
        AppealIn,
        DraftIn,
        EnterIn,
        InformationOut,
        InformIn,
        OrderAnswerIn,
        OrderDocumentOut,
        OrderIn,
        OrderOut,
        OrderReasonIn,
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


def confirm_order(*, uid: UUID | str) -> Call[None]:
    """Confirm an order as the second person whom a bot plays in an exercise; refused to others.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/confirm
    """
    return Call((type(None),), "POST", f"/api/v1/orders/{part(uid)}/confirm")


def confirm_order_entry(*, uid: UUID | str) -> Call[OrderOut]:
    """Confirm an order that the other side entered by hand.

    Needs a key with the scope orders:write or answers:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/confirm-entry
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/confirm-entry")


def decide_appeal(body: AppealDecisionIn, *, uid: UUID | str, appeal: UUID | str) -> Call[OrderOut]:
    """Record the outcome of an appeal. An order that was overturned loses its effect.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/appeals/{appeal}/decide
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call(
        (OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/appeals/{part(appeal)}/decide", body=body
    )


def discard_order(*, uid: UUID | str) -> Call[OrderOut]:
    """Discard a draft.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/discard
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/discard")


def dispute_order_entry(body: OrderReasonIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Report that an order that the other side entered is not right. Its issuer ends it so.

    Needs a key with the scope orders:write or answers:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/dispute-entry
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/dispute-entry", body=body)


def draft_order(body: OrderIn) -> Call[OrderOut]:
    """Create a draft of a removal order. Nobody else sees it until it is issued.

    Needs a key with the scope orders:write. raises: HubError. source: POST /api/v1/orders
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", "/api/v1/orders", body=body)


def enter_order(body: EnterIn) -> Call[OrderOut]:
    """Enter an order that you received, or issued, elsewhere. Its hour began at its receipt.

    Needs a key with the scope orders:write or answers:write. raises: HubError. source: POST
    /api/v1/entered-orders
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", "/api/v1/entered-orders", body=body)


def execute_order(body: OrderAnswerIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Report execution by Annex II: content removed, or access disabled in all Member States.

    Needs a key with the scope answers:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/execute
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/execute", body=body)


def finalise_order(*, uid: UUID | str) -> Call[OrderOut]:
    """Record that an order is final, and alert authorities of the provider's State: Art. 3(9).

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/final
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/final")


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


def keep_order_document(body: bytes, *, name: str | None = None) -> Call[OrderDocumentOut]:
    """Send the PDF of an order that was made elsewhere. Enter the order within a day.

    Needs a key with the scope orders:write or answers:write. raises: HubError. source: POST
    /api/v1/order-documents
    """
    from stemtide.protocol.messages.orders import OrderDocumentOut

    return Call(
        (OrderDocumentOut,),
        "POST",
        "/api/v1/order-documents",
        query={"name": name},
        body=body,
        media_type="application/pdf",
    )


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


def record_appeal(body: AppealIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Record an appeal against an order, as its issuer. It is not final until that is decided.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/appeals
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/appeals", body=body)


def reinstate_content(*, uid: UUID | str) -> Call[OrderOut]:
    """Report that content was reinstated after the order lost its effect.

    Needs a key with the scope answers:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/reinstate
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/reinstate")


def report_appeal(body: AppealIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Record an appeal against an order, as its addressee: yours, or a content provider's.

    Needs a key with the scope answers:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/report-appeal
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/report-appeal", body=body)


def resume_order(body: OrderReasonIn, *, uid: UUID | str) -> Call[OrderOut]:
    """End the ground of Annex III, as the addressee. The deadline of one hour starts anew.

    Needs a key with the scope answers:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/resume
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/resume", body=body)


def set_appeal_deadline(body: AppealDeadlineIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Enter the last day for appeal, if Section G names no term or the law counts otherwise.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/appeal-deadline
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/appeal-deadline", body=body)


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


def void_order_entry(body: OrderReasonIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Take back an order that you entered by mistake, until the other side has confirmed it.

    Needs a key with the scope orders:write or answers:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/void-entry
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/void-entry", body=body)


def withdraw_order(body: OrderReasonIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Withdraw an order. The signals linked to it are withdrawn as well.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/withdraw
    """
    from stemtide.protocol.messages.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/withdraw", body=body)
