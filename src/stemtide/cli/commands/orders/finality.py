# SPDX-License-Identifier: Apache-2.0
"""stemtide order: appeals against an order, and final orders."""

from typing import Annotated, Any

import typer

from stemtide.cli.commands.orders.order import OrderId, order, order_line
from stemtide.cli.hub_command import Request, hub_command
from stemtide.protocol.enums.orders import AppealOutcome, Appellant, ReviewKind

Day = Annotated[str, typer.Option(help="The day, such as 2026-01-31.")]


def _provider_line(row: dict[str, Any]) -> str:
    """Return the final orders against one provider, each on a line."""
    first = f"{row['provider']}: {row['in_twelve_months']} final in the last twelve months"
    orders = [
        f"  {final['reference']:18} {final['issued_by']}  final from {final['final_on']} "
        f"({final['ground']})"
        + (f" entered by hand by {final['entered_by']}" if final["entered_by"] else "")
        + (" EXERCISE" if final["exercise"] else "")
        for final in row["orders"]
    ]
    return "\n".join([first, *orders])


@hub_command(order, "appeal", line=order_line)
def appeal(
    order_id: OrderId,
    by: Annotated[Appellant, typer.Option(help="Who appeals: a role, never a name.")],
    kind: Annotated[ReviewKind, typer.Option(help="Kind of the proceedings.")],
    before: Annotated[str, typer.Option(help="The authority or court that hears it.")],
    on: Day,
    reference: Annotated[str, typer.Option(help="Its file number.")] = "",
    provider: Annotated[
        bool, typer.Option("--as-provider", help="You are the order's addressee.")
    ] = False,
) -> Request:
    """Record an appeal. The order is not final until it is decided (Art. 3(9))."""
    from stemtide.protocol.messages.orders import AppealIn

    body = AppealIn.model_validate(
        {"lodged_by": by, "kind": kind, "body": before, "lodged_on": on, "reference": reference}
    )
    if provider:
        return lambda client: client.report_appeal(body, uid=order_id)
    return lambda client: client.record_appeal(body, uid=order_id)


@hub_command(order, "decide-appeal", line=order_line)
def decide_appeal(
    order_id: OrderId,
    appeal_id: Annotated[str, typer.Argument(help="The appeal's id, from: stemtide order show.")],
    text: Annotated[str, typer.Argument(help="The decision in short.")],
    outcome: Annotated[AppealOutcome, typer.Option(help="overturned ends the order's effect.")],
    on: Day,
) -> Request:
    """Record, as the issuer, how an appeal ended."""
    from stemtide.protocol.messages.orders import AppealDecisionIn

    body = AppealDecisionIn.model_validate({"outcome": outcome, "decided_on": on, "text": text})
    return lambda client: client.decide_appeal(body, uid=order_id, appeal=appeal_id)


@hub_command(order, "appeal-deadline", line=order_line)
def appeal_deadline(order_id: OrderId, until: Day) -> Request:
    """Enter the last day for appeal. The hub computes it where Section G names one term."""
    from stemtide.protocol.messages.orders import AppealDeadlineIn

    body = AppealDeadlineIn.model_validate({"until": until})
    return lambda client: client.set_appeal_deadline(body, uid=order_id)


@hub_command(
    order,
    "finalise",
    line=order_line,
    confirm="this records that order {order_id} is final, and informs authorities",
)
def finalise(order_id: OrderId) -> Request:
    """Record that an order is final (Art. 3(9)).

    Authorities of the provider's State get an alert.
    """
    return lambda client: client.finalise_order(uid=order_id)


@hub_command(order, "final", line=_provider_line, empty="No final orders.")
def final() -> Request:
    """List final orders by provider.

    Authorities that oversee specific measures see those of their State, providers their own.
    """
    return lambda client: client.list_final_orders()
