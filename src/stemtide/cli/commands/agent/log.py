# SPDX-License-Identifier: Apache-2.0
"""stemtide agent log: the hub's transparency log as an agent checks it."""

from typing import Annotated, Any

import typer

from stemtide.cli.commands.agent.requests import AgentAddress, AgentToken, ask
from stemtide.cli.output import AsJson, fail, print_note, print_result

log = typer.Typer(no_args_is_help=True, help="The hub's transparency log as the agent checks it.")


@log.command("show")
def show(agent: AgentAddress, token: AgentToken = "", as_json: AsJson = False) -> None:
    """Show the head that was checked last.

    It exits with 1 if there is an alarm.
    """
    row = ask("GET", agent, "/log", token=token)
    head, alarm = row["head"], row["alarm"]
    line = "The agent has checked no head of the hub's log yet."
    if head:
        line = f"{head['origin']}: {head['size']} leaves, checked at {row['checked_at']}"
    print_result(row, as_json=as_json, line=line)
    if alarm is None:
        return
    if not as_json:
        _print_alarm(alarm)
    fail("keep this output: both heads are signed, and only one of them can be right")


@log.command("accept")
def accept(
    size: Annotated[int, typer.Argument(help="Leaves of the new head, as `log show` prints them.")],
    root: Annotated[str, typer.Argument(help="Root of the new head, in base64.")],
    agent: AgentAddress,
    token: AgentToken = "",
    as_json: AsJson = False,
) -> None:
    """Go on from the new head of an alarm.

    Compare both heads before. The agent applies new entries again, and cosigns what continues
    this head.
    """
    row = ask("POST", agent, "/log/accept", token=token, sent={"size": size, "root": root})
    print_result(row, as_json=as_json, line=f"The agent goes on from {row['head']['size']} leaves.")


def _print_alarm(alarm: dict[str, Any]) -> None:
    """Print an alarm with both heads."""
    print_note(f"ALARM since {alarm['noticed_at']}: {alarm['text']}")
    for title, head in (("Before", alarm["kept"]), ("Now", alarm["shown"])):
        print_note(f"{title}: {head['size']} leaves, root {head['root']}, of {head['origin']}")
    shown = alarm["shown"]
    print_note(
        "Compare them with the hub's operator and with another member. To go on from the new one:"
        f" stemtide agent log accept {shown['size']} {shown['root']} --agent …"
    )
