# SPDX-License-Identifier: Apache-2.0
"""stemtide recheck: whether removed content is gone, and whether it came back."""

from typing import Annotated, Any

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client, to_json
from stemtide.cli.hub_command import Request, hub_command
from stemtide.cli.output import AsJson, print_note, print_result
from stemtide.protocol.enums.rechecks import Verdict

recheck = typer.Typer(no_args_is_help=True, help="Whether removed content is gone.")

RecheckId = Annotated[str, typer.Argument(help="The re-check's id, from: stemtide recheck list.")]


def _line(row: dict[str, Any]) -> str:
    """Describe a re-check on one line."""
    drill = " EXERCISE" if row["exercise"] else ""
    back = " CAME BACK" if row["returned_at"] else ""
    verdict = row["verdict"] or "not visited yet"
    why = f" ({row['reason']})" if row["reason"] else ""
    which = f"{row['id']}  {row['kind']:8} {row['reference']}"
    return f"{which}  {verdict}{why}{back}  {row['url']}{drill}"


@hub_command(recheck, "list", line=_line, empty="No re-check that your party may see.")
def list_rechecks(
    referral: Annotated[str, typer.Option(help="Only of the referral with this id.")] = "",
    order: Annotated[str, typer.Option(help="Only of the removal order with this id.")] = "",
    verdict: Annotated[Verdict | None, typer.Option(help="Only with this verdict.")] = None,
    returned: Annotated[
        bool, typer.Option("--returned", help="Only content that came back.")
    ] = False,
) -> Request:
    """List re-checks of your party's referrals and orders, latest first."""
    return lambda client: client.list_rechecks(
        referral=referral or None,
        order=order or None,
        verdict=verdict,
        returned=True if returned else None,
    )


@recheck.command("show")
def show(
    recheck_id: RecheckId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Show one re-check with every visit."""
    with open_client(hub, key) as client:
        row = to_json(client.read_recheck(uid=recheck_id))
    print_result(row, as_json=as_json, line=_line(row))
    if as_json:
        return
    for visit in row["visits"]:
        status = visit["status"] or "-"
        requested = f"  asked by {visit['asked_by']}" if visit["asked_by"] else ""
        print_note(
            f"  {visit['at']}  {visit['verdict']:7} {visit['reason']} (status {status}){requested}"
        )


@hub_command(recheck, "visit", line=_line)
def visit(recheck_id: RecheckId) -> Request:
    """Request a visit to the address now. It follows within seconds, as the host's pace allows."""
    return lambda client: client.ask_for_visit(uid=recheck_id)
