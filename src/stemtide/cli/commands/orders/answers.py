# SPDX-License-Identifier: Apache-2.0
"""stemtide order: answer, scrutinise, withdraw and preserve."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtide.cli.commands.orders.order import (
    AnnexFile,
    AsJson,
    Fields,
    OrderId,
    fields_of,
    order,
    print_order,
)
from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client, to_json
from stemtide.cli.output import fail
from stemtide.protocol.enums.orders import AccessPurpose, Measure, ReviewKind, ScrutinyBasis

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel

    from stemtide.client import Hub as Client

Words = Annotated[str, typer.Argument(help="Reasons or explanation.")]
Yes = Annotated[bool, typer.Option("--yes", help="Confirm the action.")]


@order.command("acknowledge")
def acknowledge(
    order_id: OrderId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Acknowledge an order. Its hour keeps running."""
    _do(lambda client: client.acknowledge_order(uid=order_id), hub=hub, key=key, as_json=as_json)


@order.command("execute")
def execute(
    order_id: OrderId,
    measure: Annotated[Measure | None, typer.Option(help="Measure that was taken.")] = None,
    at: Annotated[str, typer.Option(help="Time with UTC offset.")] = "",
    set_: Fields = None,
    annex: AnnexFile = None,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Answer with Annex II: content removed, or access disabled in all Member States."""
    own = {"measure": measure and measure.value, "measure_at": at}
    body = _answer("tco-annex-2", annex, set_, own)
    from stemtide.protocol.messages.orders import OrderAnswerIn

    _do(
        lambda client: client.execute_order(OrderAnswerIn.model_validate(body), uid=order_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@order.command("suspend")
def suspend(
    order_id: OrderId,
    ground: Annotated[list[str] | None, typer.Option(help="A ground of Annex III.")] = None,
    explanation: Annotated[str, typer.Option(help="Further information on it.")] = "",
    set_: Fields = None,
    annex: AnnexFile = None,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Answer with Annex III: the order cannot be executed. The time limit is suspended."""
    body = _answer("tco-annex-3", annex, set_, {"grounds": ground, "explanation": explanation})
    from stemtide.protocol.messages.orders import OrderAnswerIn

    _do(
        lambda client: client.suspend_order(OrderAnswerIn.model_validate(body), uid=order_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@order.command("resume")
def resume(
    order_id: OrderId, words: Words, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Report, as the addressee, that the obstacle is gone. The hour starts again."""
    from stemtide.protocol.messages.orders import OrderReasonIn

    _do(
        lambda client: client.resume_order(OrderReasonIn(text=words), uid=order_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@order.command("clarify")
def clarify(
    order_id: OrderId, words: Words, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Clarify, as the issuer, an order after Annex III. The hour starts again."""
    from stemtide.protocol.messages.orders import OrderReasonIn

    _do(
        lambda client: client.clarify_order(OrderReasonIn(text=words), uid=order_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@order.command("reinstate")
def reinstate(
    order_id: OrderId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Report that content is reinstated after its order lost effect."""
    _do(lambda client: client.reinstate_content(uid=order_id), hub=hub, key=key, as_json=as_json)


@order.command("withdraw")
def withdraw(
    order_id: OrderId,
    words: Words,
    yes: Yes = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Withdraw an order and the signals that it names."""
    if not yes:
        fail(f"this ends order {order_id} and withdraws its signals; add --yes to confirm", code=2)
    from stemtide.protocol.messages.orders import OrderReasonIn

    _do(
        lambda client: client.withdraw_order(OrderReasonIn(text=words), uid=order_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@order.command("prolong")
def prolong(
    order_id: OrderId,
    reason: Words,
    until: Annotated[str, typer.Option(help="End, as a time with UTC offset.")],
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Keep an order secret from its content provider for longer: at most 12 weeks in all."""
    body = {"until": until, "reason": reason}
    from stemtide.protocol.messages.orders import SecrecyIn

    _do(
        lambda client: client.prolong_secrecy(SecrecyIn.model_validate(body), uid=order_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@order.command("ask-scrutiny")
def ask_scrutiny(
    order_id: OrderId, words: Words, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Ask the authority of your Member State to examine an order, within 48 hours of receipt."""
    body = {"basis": ScrutinyBasis.PROVIDER.value, "reasons": words}
    from stemtide.protocol.messages.orders import ScrutinyIn

    _do(
        lambda client: client.ask_scrutiny(ScrutinyIn.model_validate(body), uid=order_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@order.command("scrutiny")
def open_scrutiny(
    order_id: OrderId,
    words: Words,
    informed_at: Annotated[
        str, typer.Option(help="For a content provider: time it was informed, with UTC offset.")
    ] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Examine an order that you have a copy of, on your initiative or a content provider's."""
    basis = ScrutinyBasis.CONTENT_PROVIDER if informed_at else ScrutinyBasis.OWN_INITIATIVE
    body = {"basis": basis.value, "reasons": words, "informed_at": informed_at or None}
    from stemtide.protocol.messages.orders import ScrutinyIn

    _do(
        lambda client: client.open_scrutiny(ScrutinyIn.model_validate(body), uid=order_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@order.command("announce")
def announce(
    order_id: OrderId, words: Words, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Tell the issuer that you intend to find an infringement, and why."""
    from stemtide.protocol.messages.orders import OrderReasonIn

    _do(
        lambda client: client.announce_infringement(OrderReasonIn(text=words), uid=order_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@order.command("uphold")
def uphold(
    order_id: OrderId, words: Words, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Find no infringement: the order stays in effect."""
    from stemtide.protocol.messages.orders import OrderReasonIn

    _do(
        lambda client: client.uphold_order(OrderReasonIn(text=words), uid=order_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@order.command("infringe")
def infringe(
    order_id: OrderId,
    words: Words,
    yes: Yes = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Find an infringement: the order loses effect, and its content is to be reinstated."""
    if not yes:
        fail(f"this ends the effect of order {order_id}; add --yes to confirm", code=2)
    from stemtide.protocol.messages.orders import OrderReasonIn

    _do(
        lambda client: client.find_infringement(OrderReasonIn(text=words), uid=order_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@order.command("preserve")
def preserve(
    order_id: OrderId,
    until: Annotated[str, typer.Option(help="End, as a time with UTC offset.")],
    proceedings: Annotated[
        ReviewKind, typer.Option(help="Kind of the pending review proceedings.")
    ],
    before: Annotated[str, typer.Option(help="The authority or court in charge.")],
    since: Annotated[str, typer.Option(help="Date on which they began, such as 2026-01-31.")],
    reference: Annotated[str, typer.Option(help="Their file number.")],
    court: Annotated[str, typer.Option(help="The requesting court, if it is not you.")] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Ask the provider to preserve removed content for longer, for review proceedings.

    Art. 6(2) allows no other reason. For an investigation, ask the provider for access to the
    preserved content (Art. 6(1)(b)), or use national law.
    """
    body = {
        "until": until,
        "proceedings": proceedings,
        "reviewed_by": before,
        "reviewed_since": since,
        "reference": reference,
        "court": court,
    }
    from stemtide.protocol.messages.orders import PreserveIn

    _do(
        lambda client: client.extend_preservation(PreserveIn.model_validate(body), uid=order_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@order.command("note-access")
def note_access(
    order_id: OrderId,
    who: Annotated[str, typer.Argument(help="The office that had access; not a person.")],
    purpose: Annotated[AccessPurpose, typer.Option(help="Purpose of the access.")],
    reference: Annotated[str, typer.Option(help="Reference of the case.")] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Record that an office had access to content that you preserve."""
    body = {"who": who, "purpose": purpose, "reference": reference}
    from stemtide.protocol.messages.orders import AccessIn

    _do(
        lambda client: client.note_access(AccessIn.model_validate(body), uid=order_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@order.command("note-destroyed")
def note_destroyed(
    order_id: OrderId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Record that you destroyed preserved content after its period ended."""
    _do(lambda client: client.note_destroyed(uid=order_id), hub=hub, key=key, as_json=as_json)


def _answer(
    name: str, file: Path | None, assignments: list[str] | None, own: dict[str, Any]
) -> dict[str, Any]:
    """Return the message that answers an order with a form."""
    fields = fields_of(name, file, assignments)
    return {"annex": fields | {field: value for field, value in own.items() if value}}


def _do(ask: "Callable[[Client], BaseModel]", *, hub: str, key: str, as_json: bool) -> None:
    """Send one request about an order, and print the order."""
    with open_client(hub, key) as client:
        row = to_json(ask(client))
    print_order(row, as_json=as_json)
