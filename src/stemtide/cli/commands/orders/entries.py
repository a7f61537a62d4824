# SPDX-License-Identifier: Apache-2.0
"""stemtide order: enter an order that was made elsewhere, and answer for one."""

from pathlib import Path
from typing import Annotated, Any

import typer

from stemtide.cli.commands.orders.answers import Words
from stemtide.cli.commands.orders.order import (
    AnnexFile,
    Fields,
    OrderId,
    Urls,
    fields_of,
    order,
    order_line,
)
from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client
from stemtide.cli.hub_command import Request, hub_command
from stemtide.cli.output import fail, print_note
from stemtide.protocol.enums.orders import OrderChannel


@hub_command(order, "enter", line=order_line, note="Its document is {document[verdict]}.")
def enter(
    file: Annotated[Path, typer.Argument(help="The PDF that was received.", dir_okay=False)],
    reference: Annotated[str, typer.Option(help="The reference on the order.")],
    channel: Annotated[OrderChannel, typer.Option(help="How it reached the provider.")],
    issued: Annotated[str, typer.Option(help="Time of issue, with UTC offset.")],
    received: Annotated[str, typer.Option(help="True time of receipt, with UTC offset.")],
    issuer: Annotated[str, typer.Option(help="The authority's name, if you received it.")] = "",
    issuer_title: Annotated[str, typer.Option(help="Title of an authority that is no party.")] = "",
    issuer_state: Annotated[str, typer.Option(help="Its country, such as DE.")] = "",
    issuer_contact: Annotated[str, typer.Option(help="How it is reached.")] = "",
    to: Annotated[str, typer.Option(help="The provider's name, if you issued it.")] = "",
    url: Urls = None,
    set_: Fields = None,
    annex: AnnexFile = None,
    language: Annotated[str, typer.Option(help="Language tag, such as en.")] = "en",
    exercise: Annotated[bool, typer.Option("--exercise", help="Mark as an exercise.")] = False,
) -> Request:
    """Enter an order that was made elsewhere, with its PDF.

    It reached you, or left you, through PERCI, by mail or on paper. Its hour began at the true time
    of receipt. Fields that a hub wrote into the PDF are read.
    """
    from stemtide.protocol.messages.orders import EnterIn

    pdf = _read(file)
    fields = fields_of("tco-annex-1", annex, set_) | ({"urls": url} if url else {})
    outside = {"name": issuer_title, "state": issuer_state, "contact": issuer_contact}
    body: dict[str, Any] = {
        "reference": reference,
        "channel": channel,
        "issued_at": issued,
        "received_at": received,
        "issuer": issuer,
        "outside_issuer": outside if issuer_title else None,
        "to": to,
        "language": language,
        "exercise": exercise,
    }

    def send(client: Any) -> Any:  # noqa: ANN401  # of the client's many methods
        document = client.keep_order_document(pdf, name=file.name)
        sent = body | {"document": document.id, "annex": document.values | fields}
        return client.enter_order(EnterIn.model_validate(sent))

    return send


@hub_command(order, "confirm-entry", line=order_line)
def confirm_entry(order_id: OrderId) -> Request:
    """Confirm an order that the other side entered."""
    return lambda client: client.confirm_order_entry(uid=order_id)


@hub_command(
    order,
    "dispute-entry",
    line=order_line,
    confirm="this disputes order {order_id}; if you are its issuer, it ends",
)
def dispute_entry(order_id: OrderId, reasons: Words) -> Request:
    """Report that an entered order is not right."""
    from stemtide.protocol.messages.orders import OrderReasonIn

    return lambda client: client.dispute_order_entry(OrderReasonIn(text=reasons), uid=order_id)


@hub_command(
    order, "void-entry", line=order_line, confirm="this takes order {order_id} back; it ends"
)
def void_entry(order_id: OrderId, reasons: Words) -> Request:
    """Take back an order that you entered by mistake.

    It ends, and counts in no figure.
    """
    from stemtide.protocol.messages.orders import OrderReasonIn

    return lambda client: client.void_order_entry(OrderReasonIn(text=reasons), uid=order_id)


@order.command("document")
def document(
    order_id: OrderId,
    out: Annotated[Path, typer.Option("--out", help="The PDF file to write.")],
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
) -> None:
    """Save the document of an order that was made elsewhere.

    This counts as receipt.
    """
    with open_client(hub, key) as client:
        out.write_bytes(client.read_order_document(uid=order_id).content)
    print_note(f"{out} written. Anybody may have made it: open it with care.")


def _read(path: Path) -> bytes:
    """Return a file's content; end the command if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        fail(f"{path} cannot be read: {error.strerror}", code=2)
