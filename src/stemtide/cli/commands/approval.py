# SPDX-License-Identifier: Apache-2.0
"""stemtide approval: acts that wait for a second look."""

from typing import Annotated, Any

import typer

from stemtide.cli.hub_command import Request, hub_command
from stemtide.protocol.enums import ApprovalState

approval = typer.Typer(
    no_args_is_help=True,
    help="Second looks: acts that wait for approval. People approve and refuse them at the desk.",
)

ApprovalId = Annotated[str, typer.Argument(help="Its id, from: stemtide approval list.")]


def _line(row: dict[str, Any]) -> str:
    """Describe an act on one line."""
    until = f" until {row['expires_at'][:16]}" if row["state"] == "waiting" else ""
    why = "; ".join(row["why"])
    return f"{row['id']}  {row['state']}{until}  {row['act']} {row['count']}  by {row['by']}: {why}"


def _lines(row: dict[str, Any]) -> str:
    """Describe an act, and its signals on further lines."""
    signals = [
        f"  {waiting['id']}  {waiting['signal']['kind']:6} {waiting['signal']['value'][:64]}"
        for waiting in row["signals"]
    ]
    signals += [f"  {affected['id']}  {affected['note']}" for affected in row["affected"]]
    return "\n".join([_line(row), f"  who may decide: {', '.join(row['who'])}", *signals])


@hub_command(approval, "list", line=_line, empty="Nothing waits for a second look.")
def list_all(
    state: Annotated[
        ApprovalState | None, typer.Option(help="Only those in this state. Default: all.")
    ] = None,
) -> Request:
    """List acts that need a second look, of or by your party."""
    return lambda client: client.list_approvals(state=state, limit=200).approvals


@hub_command(approval, "show", line=_lines)
def show(approval_id: ApprovalId) -> Request:
    """Show why an act waits, who may decide, and its first signals."""
    return lambda client: client.read_approval(uid=approval_id)


@hub_command(approval, "take-back", line=_line)
def take_back(
    approval_id: ApprovalId,
    note: Annotated[str, typer.Option(help="Why, for those who look at it.")] = "",
) -> Request:
    """Take back an act of your own party that waits."""
    from stemtide.protocol.approvals import RefuseIn

    return lambda client: client.take_back_approval(RefuseIn(note=note), uid=approval_id)
