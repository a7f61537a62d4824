# SPDX-License-Identifier: Apache-2.0
"""stemtide order: answer, scrutinise and withdraw."""

from pathlib import Path
from typing import Annotated, Any

import typer

from stemtide.cli.commands.orders.order import (
    AnnexFile,
    Fields,
    OrderId,
    fields_of,
    order,
    order_line,
)
from stemtide.cli.hub_command import Request, hub_command
from stemtide.protocol.enums.orders import Measure, ScrutinyBasis

Words = Annotated[str, typer.Argument(help="Reasons or explanation.")]


@hub_command(order, "acknowledge", line=order_line)
def acknowledge(order_id: OrderId) -> Request:
    """Acknowledge an order. Its hour keeps running."""
    return lambda client: client.acknowledge_order(uid=order_id)


@hub_command(order, "execute", line=order_line)
def execute(
    order_id: OrderId,
    measure: Annotated[Measure | None, typer.Option(help="Measure that was taken.")] = None,
    at: Annotated[str, typer.Option(help="Time with UTC offset.")] = "",
    set_: Fields = None,
    annex: AnnexFile = None,
) -> Request:
    """Answer with Annex II: removed or disabled. Disabled means no access in any Member State."""
    from stemtide.protocol.messages.orders import OrderAnswerIn

    own = {"measure": measure and measure.value, "measure_at": at}
    body = _answer("tco-annex-2", annex, set_, own)
    return lambda client: client.execute_order(OrderAnswerIn.model_validate(body), uid=order_id)


@hub_command(order, "suspend", line=order_line)
def suspend(
    order_id: OrderId,
    ground: Annotated[list[str] | None, typer.Option(help="A ground of Annex III.")] = None,
    explanation: Annotated[str, typer.Option(help="Further information on it.")] = "",
    set_: Fields = None,
    annex: AnnexFile = None,
) -> Request:
    """Answer with Annex III: the order cannot be executed. The time limit is suspended."""
    from stemtide.protocol.messages.orders import OrderAnswerIn

    body = _answer("tco-annex-3", annex, set_, {"grounds": ground, "explanation": explanation})
    return lambda client: client.suspend_order(OrderAnswerIn.model_validate(body), uid=order_id)


@hub_command(order, "resume", line=order_line)
def resume(order_id: OrderId, words: Words) -> Request:
    """Report, as the addressee, that the obstacle is gone. The hour starts again."""
    from stemtide.protocol.messages.orders import OrderReasonIn

    return lambda client: client.resume_order(OrderReasonIn(text=words), uid=order_id)


@hub_command(order, "clarify", line=order_line)
def clarify(order_id: OrderId, words: Words) -> Request:
    """Clarify, as the issuer, an order after Annex III. The hour starts again."""
    from stemtide.protocol.messages.orders import OrderReasonIn

    return lambda client: client.clarify_order(OrderReasonIn(text=words), uid=order_id)


@hub_command(order, "reinstate", line=order_line)
def reinstate(order_id: OrderId) -> Request:
    """Report that content is back after its order lost effect."""
    return lambda client: client.reinstate_content(uid=order_id)


@hub_command(
    order,
    "withdraw",
    line=order_line,
    confirm="this ends order {order_id} and withdraws its signals",
)
def withdraw(order_id: OrderId, words: Words) -> Request:
    """Withdraw an order and the signals that it names."""
    from stemtide.protocol.messages.orders import OrderReasonIn

    return lambda client: client.withdraw_order(OrderReasonIn(text=words), uid=order_id)


@hub_command(order, "prolong", line=order_line)
def prolong(
    order_id: OrderId,
    reason: Words,
    until: Annotated[str, typer.Option(help="End, as a time with UTC offset.")],
) -> Request:
    """Keep an order secret for longer: at most 12 weeks in all.

    Its content provider does not learn of it.
    """
    from stemtide.protocol.messages.orders import SecrecyIn

    return lambda client: client.prolong_secrecy(
        SecrecyIn.model_validate({"until": until, "reason": reason}), uid=order_id
    )


@hub_command(order, "ask-scrutiny", line=order_line)
def ask_scrutiny(order_id: OrderId, words: Words) -> Request:
    """Ask your Member State's authority to examine an order. Do it within 48 hours of receipt."""
    from stemtide.protocol.messages.orders import ScrutinyIn

    return lambda client: client.ask_scrutiny(
        ScrutinyIn.model_validate({"basis": ScrutinyBasis.PROVIDER.value, "reasons": words}),
        uid=order_id,
    )


@hub_command(order, "scrutiny", line=order_line)
def open_scrutiny(
    order_id: OrderId,
    words: Words,
    informed_at: Annotated[
        str, typer.Option(help="For a content provider: time it was informed, with UTC offset.")
    ] = "",
) -> Request:
    """Examine an order that you have a copy of.

    On your initiative, or at a content provider's request.
    """
    from stemtide.protocol.messages.orders import ScrutinyIn

    basis = ScrutinyBasis.CONTENT_PROVIDER if informed_at else ScrutinyBasis.OWN_INITIATIVE
    return lambda client: client.open_scrutiny(
        ScrutinyIn.model_validate(
            {"basis": basis.value, "reasons": words, "informed_at": informed_at or None}
        ),
        uid=order_id,
    )


@hub_command(order, "announce", line=order_line)
def announce(order_id: OrderId, words: Words) -> Request:
    """Tell the issuer that you intend to find an infringement. Give the reasons."""
    from stemtide.protocol.messages.orders import OrderReasonIn

    return lambda client: client.announce_infringement(OrderReasonIn(text=words), uid=order_id)


@hub_command(order, "uphold", line=order_line)
def uphold(order_id: OrderId, words: Words) -> Request:
    """Find no infringement: the order stays in effect."""
    from stemtide.protocol.messages.orders import OrderReasonIn

    return lambda client: client.uphold_order(OrderReasonIn(text=words), uid=order_id)


@hub_command(order, "infringe", line=order_line, confirm="this ends the effect of order {order_id}")
def infringe(order_id: OrderId, words: Words) -> Request:
    """Find an infringement: the order loses effect. Its content is to be reinstated."""
    from stemtide.protocol.messages.orders import OrderReasonIn

    return lambda client: client.find_infringement(OrderReasonIn(text=words), uid=order_id)


def _answer(
    name: str, file: Path | None, assignments: list[str] | None, own: dict[str, Any]
) -> dict[str, Any]:
    """Return the message that answers an order with a form."""
    fields = fields_of(name, file, assignments)
    return {"annex": fields | {field: value for field, value in own.items() if value}}
