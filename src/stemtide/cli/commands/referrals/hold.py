# SPDX-License-Identifier: Apache-2.0
"""stemtide hold: ask that content be left alone for a while."""

from typing import Annotated, Any

import typer

from stemtide.cli.commands.referrals.referral import Exercise
from stemtide.cli.commands.signals.signal import end_of
from stemtide.cli.hub_command import Request, hub_command
from stemtide.protocol.enums.referrals import HoldReason

hold = typer.Typer(
    no_args_is_help=True, help="Holds: ask to leave content alone. They delay only referrals."
)

HoldId = Annotated[str, typer.Argument(help="The hold's id, from: stemtide hold list.")]
Until = Annotated[str, typer.Option(help="End: 12h, 7d or an ISO time; at most 7 days.")]


def _line(row: dict[str, Any]) -> str:
    """Describe a hold on one line."""
    drill = " EXERCISE" if row["exercise"] else ""
    return (
        f"{row['id']}  {row['reference']:14} {row['state']:8} until {row['until']}  {row['reason']}"
        f"  {row['holder']}: {row['met']} waiting, {row['overridden']} sent over it{drill}"
    )


@hub_command(hold, "place", line=_line)
def place(
    until: Until,
    reason: Annotated[HoldReason, typer.Option(help="Reason; no other details of the case.")],
    contact: Annotated[str, typer.Option(help="Contact for those affected: a desk, not a person.")],
    url: Annotated[str, typer.Option(help="The address of the content; it is not kept.")] = "",
    signal: Annotated[str, typer.Option(help="Id of a signal of the content.")] = "",
    case_reference: Annotated[
        str, typer.Option(help="Your own reference; not shown to others.")
    ] = "",
    exercise: Exercise = False,
) -> Request:
    """Ask that content be left alone until a given time. Never delays a removal order."""
    from stemtide.protocol.messages.holds import HoldIn

    body = {
        "url": url,
        "signal": signal or None,
        "until": end_of(until),
        "reason": reason,
        "contact": contact,
        "case_reference": case_reference,
        "exercise": exercise,
    }
    return lambda client: client.place_hold(HoldIn.model_validate(body))


@hub_command(hold, "list", line=_line, empty="No hold that your party may see.")
def list_holds(
    all_: Annotated[bool, typer.Option("--all", help="Include ended holds.")] = False,
) -> Request:
    """List your party's holds, the next to end first."""
    return lambda client: client.list_holds(open=None if all_ else True)


@hub_command(hold, "extend", line=_line)
def extend(hold_id: HoldId, until: Until) -> Request:
    """Extend a hold."""
    from stemtide.protocol.messages.holds import ExtendIn

    return lambda client: client.extend_hold(
        ExtendIn.model_validate({"until": end_of(until)}), uid=hold_id
    )


@hub_command(hold, "lift", line=_line)
def lift(hold_id: HoldId) -> Request:
    """End a hold early and notify the senders of waiting referrals."""
    return lambda client: client.lift_hold(uid=hold_id)
