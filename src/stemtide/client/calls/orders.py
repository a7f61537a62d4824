# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: orders.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.orders import (
        AccessIn,
        DecisionOut,
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
        PreserveIn,
        ScrutinyIn,
        SecrecyIn,
        StandingOut,
        WordsIn,
    )
    from stemtide.protocol.words_orders import OrderState, Side


def acknowledge_order(*, uid: UUID | str) -> Call[OrderOut]:
    """Say that somebody of yours has the order. Its hour goes on.

    Needs a key with the scope answers:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/acknowledge
    """
    from stemtide.protocol.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/acknowledge")


def announce_infringement(body: WordsIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Tell the issuer that you intend to find an infringement, and why.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/scrutiny/announce
    """
    from stemtide.protocol.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/scrutiny/announce", body=body)


def ask_scrutiny(body: ScrutinyIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Ask the authority of your Member State to examine an order, within 48 hours of receipt.

    Needs a key with the scope answers:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/ask-scrutiny
    """
    from stemtide.protocol.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/ask-scrutiny", body=body)


def change_order(body: DraftIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Change a draft, field by field.

    Needs a key with the scope orders:write. raises: HubError. source: PATCH /api/v1/orders/{uid}
    """
    from stemtide.protocol.orders import OrderOut

    return Call((OrderOut,), "PATCH", f"/api/v1/orders/{part(uid)}", body=body)


def clarify_order(body: WordsIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Clear up, as the issuer, what Annex III asked. The hour starts anew.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/clarify
    """
    from stemtide.protocol.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/clarify", body=body)


def discard_order(*, uid: UUID | str) -> Call[OrderOut]:
    """Throw a draft away.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/discard
    """
    from stemtide.protocol.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/discard")


def draft_order(body: OrderIn) -> Call[OrderOut]:
    """Begin a removal order. Nobody else sees it before it is issued.

    Needs a key with the scope orders:write. raises: HubError. source: POST /api/v1/orders
    """
    from stemtide.protocol.orders import OrderOut

    return Call((OrderOut,), "POST", "/api/v1/orders", body=body)


def execute_order(body: OrderAnswerIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Answer by Annex II: removed, or access disabled in all Member States, and when.

    Needs a key with the scope answers:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/execute
    """
    from stemtide.protocol.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/execute", body=body)


def extend_preservation(body: PreserveIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Ask the provider to preserve longer what it removed, for review proceedings: Art. 6(2).

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/preservation
    """
    from stemtide.protocol.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/preservation", body=body)


def find_infringement(body: WordsIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Find an infringement: the order loses its effect, and what it removed is reinstated.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/scrutiny/infringe
    """
    from stemtide.protocol.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/scrutiny/infringe", body=body)


def inform_provider(body: InformIn) -> Call[InformationOut]:
    """Tell a provider of procedures and deadlines, twelve hours before your first order to it.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/order-information
    """
    from stemtide.protocol.orders import InformationOut

    return Call((InformationOut,), "POST", "/api/v1/order-information", body=body)


def issue_order(*, uid: UUID | str) -> Call[OrderOut]:
    """Issue a draft: it gets its reference, leaves, and does not change any more.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/issue
    """
    from stemtide.protocol.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/issue")


def lint_order(*, uid: UUID | str) -> Call[list[LintFinding]]:
    """What is missing in a draft or contradicts itself: errors first, then what may stand.

    Needs a key with the scope orders:write. raises: HubError. source: GET /api/v1/orders/{uid}/lint
    """
    from stemtide.protocol.orders import LintFinding

    return Call((list[LintFinding],), "GET", f"/api/v1/orders/{part(uid)}/lint")


def list_order_information() -> Call[list[InformationOut]]:
    """What your party told providers before first orders, or was told.

    Needs a key with the scope requests:read. raises: HubError. source: GET
    /api/v1/order-information
    """
    from stemtide.protocol.orders import InformationOut

    return Call((list[InformationOut],), "GET", "/api/v1/order-information")


def list_orders(
    *,
    side: Side | None = None,
    state: OrderState | None = None,
    open: bool | None = None,
    limit: int | None = None,
) -> Call[list[OrderHead]]:
    """Orders that your party issued, was addressed or has a copy of; those that wait come first.

    limit: If left out: 100.

    Needs a key with the scope requests:read. raises: HubError. source: GET /api/v1/orders
    """
    from stemtide.protocol.orders import OrderHead

    return Call(
        (list[OrderHead],),
        "GET",
        "/api/v1/orders",
        query={"side": side, "state": state, "open": open, "limit": limit},
    )


def list_scrutiny_decisions(*, limit: int | None = None) -> Call[list[DecisionOut]]:
    """Decisions of scrutiny that were sent to your agency, the latest first: Art. 4(6).

    limit: If left out: 100.

    Needs a key with the scope requests:read. raises: HubError. source: GET
    /api/v1/scrutiny-decisions
    """
    from stemtide.protocol.orders import DecisionOut

    return Call((list[DecisionOut],), "GET", "/api/v1/scrutiny-decisions", query={"limit": limit})


def note_access(body: AccessIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Note that somebody had access to what you preserve.

    Needs a key with the scope answers:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/preservation/access
    """
    from stemtide.protocol.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/preservation/access", body=body)


def note_destroyed(*, uid: UUID | str) -> Call[OrderOut]:
    """Note that you destroyed what you preserved, once its time was over.

    Needs a key with the scope answers:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/preservation/destroyed
    """
    from stemtide.protocol.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/preservation/destroyed")


def open_scrutiny(body: ScrutinyIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Examine an order that you have a copy of, by yourself or for a content provider.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/scrutiny
    """
    from stemtide.protocol.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/scrutiny", body=body)


def prolong_secrecy(body: SecrecyIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Keep the order from its content provider for longer: at most twelve weeks in all.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/prolong
    """
    from stemtide.protocol.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/prolong", body=body)


def read_annex_1(*, uid: UUID | str) -> Call[FormOut]:
    """Annex I of an order as data, with the fields that the hub fills in. It is a receipt, too.

    Needs a key with the scope requests:read. raises: HubError. source: GET
    /api/v1/orders/{uid}/annex-1
    """
    from stemtide.protocol.orders import FormOut

    return Call((FormOut,), "GET", f"/api/v1/orders/{part(uid)}/annex-1")


def read_order(*, uid: UUID | str) -> Call[OrderOut]:
    """One order. Its addressee has received it by that, and an authority its copy.

    Needs a key with the scope requests:read. raises: HubError. source: GET /api/v1/orders/{uid}
    """
    from stemtide.protocol.orders import OrderOut

    return Call((OrderOut,), "GET", f"/api/v1/orders/{part(uid)}")


def read_order_history(*, uid: UUID | str) -> Call[list[EntryOut]]:
    """What the ledger says of an order, oldest first.

    Needs a key with the scope requests:read. raises: HubError. source: GET
    /api/v1/orders/{uid}/history
    """
    from stemtide.protocol.orders import EntryOut

    return Call((list[EntryOut],), "GET", f"/api/v1/orders/{part(uid)}/history")


def read_order_standing(*, url: str, exercise: bool | None = None) -> Call[StandingOut]:
    """Who has an order in effect for an address: for authorities and agencies, and no more.

    Needs a key with the scope requests:read. raises: HubError. source: GET /api/v1/order-standing
    """
    from stemtide.protocol.orders import StandingOut

    return Call(
        (StandingOut,), "GET", "/api/v1/order-standing", query={"url": url, "exercise": exercise}
    )


def reinstate_content(*, uid: UUID | str) -> Call[OrderOut]:
    """Say that the content of an order that lost its effect is there again.

    Needs a key with the scope answers:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/reinstate
    """
    from stemtide.protocol.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/reinstate")


def resume_order(body: WordsIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Say, as the addressee, that the ground of Annex III is over. The hour starts anew.

    Needs a key with the scope answers:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/resume
    """
    from stemtide.protocol.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/resume", body=body)


def suspend_order(body: OrderAnswerIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Answer by Annex III: why the order cannot be executed. The clock stands still.

    Needs a key with the scope answers:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/suspend
    """
    from stemtide.protocol.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/suspend", body=body)


def uphold_order(body: WordsIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Find no infringement: the order stands.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/scrutiny/uphold
    """
    from stemtide.protocol.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/scrutiny/uphold", body=body)


def withdraw_order(body: WordsIn, *, uid: UUID | str) -> Call[OrderOut]:
    """Take an order back. The signals that it names are withdrawn with it.

    Needs a key with the scope orders:write. raises: HubError. source: POST
    /api/v1/orders/{uid}/withdraw
    """
    from stemtide.protocol.orders import OrderOut

    return Call((OrderOut,), "POST", f"/api/v1/orders/{part(uid)}/withdraw", body=body)
