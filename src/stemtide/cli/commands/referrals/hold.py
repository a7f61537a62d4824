# SPDX-License-Identifier: Apache-2.0
"""stemtide hold: ask that content be left alone for a while."""

from typing import Annotated, Any

import typer

from stemtide.cli.commands.referrals.referral import AsJson, Exercise
from stemtide.cli.commands.signals.signal import end_of
from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client, to_json
from stemtide.cli.output import print_note, print_result
from stemtide.protocol.enums.referrals import HoldReason

hold = typer.Typer(
    no_args_is_help=True, help="Holds: ask to leave content alone. They delay only referrals."
)

HoldId = Annotated[str, typer.Argument(help="The hold's id, from: stemtide hold list.")]
Until = Annotated[str, typer.Option(help="End: 12h, 7d or an ISO time; at most 7 days.")]


@hold.command("place")
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
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Ask that content be left alone until a given time. Never delays a removal order."""
    body = {
        "url": url,
        "signal": signal or None,
        "until": end_of(until),
        "reason": reason,
        "contact": contact,
        "case_reference": case_reference,
        "exercise": exercise,
    }
    from stemtide.protocol.messages.holds import HoldIn

    with open_client(hub, key) as client:
        _print_row(to_json(client.place_hold(HoldIn.model_validate(body))), as_json=as_json)


@hold.command("list")
def list_holds(
    all_: Annotated[bool, typer.Option("--all", help="Include ended holds.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """List your party's holds, the next to end first."""
    with open_client(hub, key) as client:
        rows = to_json(client.list_holds(open=None if all_ else True))
    if not rows:
        print_note("No hold that your party may see.")
    for row in rows:
        _print_row(row, as_json=as_json)


@hold.command("extend")
def extend(
    hold_id: HoldId, until: Until, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Extend a hold."""
    from stemtide.protocol.messages.holds import ExtendIn

    with open_client(hub, key) as client:
        body = {"until": end_of(until)}
        _print_row(
            to_json(client.extend_hold(ExtendIn.model_validate(body), uid=hold_id)), as_json=as_json
        )


@hold.command("lift")
def lift(hold_id: HoldId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False) -> None:
    """End a hold early and notify the senders of referrals that waited for it."""
    with open_client(hub, key) as client:
        _print_row(to_json(client.lift_hold(uid=hold_id)), as_json=as_json)


def _print_row(row: dict[str, Any], *, as_json: bool) -> None:
    """Print one hold."""
    drill = " EXERCISE" if row["exercise"] else ""
    line = (
        f"{row['id']}  {row['reference']:14} {row['state']:8} until {row['until']}  {row['reason']}"
        f"  {row['holder']}: {row['met']} waiting, {row['overridden']} sent over it{drill}"
    )
    print_result(row, as_json=as_json, line=line)
