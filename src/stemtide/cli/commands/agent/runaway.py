# SPDX-License-Identifier: Apache-2.0
"""stemtide agent runaway: signals that match far more uploads than is plausible."""

from typing import Annotated, Any

import typer

from stemtide.cli.commands.agent.requests import AgentAddress, AgentToken, ask
from stemtide.cli.output import AsJson, print_note, print_result

runaway = typer.Typer(
    no_args_is_help=True, help="Signals that match far more uploads than is plausible."
)


@runaway.command("list")
def list_all(agent: AgentAddress, token: AgentToken = "", as_json: AsJson = False) -> None:
    """List signals that were lowered, raised an alarm, or were lifted."""
    rows = ask("GET", agent, "/runaways", token=token)["runaways"]
    for row in rows:
        print_result(row, as_json=as_json, line=_line(row))
    if not rows:
        print_note("No signal matches more than is plausible.")


@runaway.command("lift")
def lift(
    signal: Annotated[str, typer.Argument(help="The id, from: stemtide agent runaway list.")],
    agent: AgentAddress,
    token: AgentToken = "",
    as_json: AsJson = False,
) -> None:
    """Follow the policy for a signal again. What is on hold stays with your reviewers."""
    row = ask("POST", agent, f"/runaways/{signal}/lift", token=token)
    print_result(row, as_json=as_json, line=_line(row))


@runaway.command("watch")
def watch(
    signal: Annotated[str, typer.Argument(help="The id, from: stemtide agent runaway list.")],
    agent: AgentAddress,
    token: AgentToken = "",
) -> None:
    """Watch a signal again that you lifted. It is lowered again if it still matches too much."""
    ask("DELETE", agent, f"/runaways/{signal}/lift", token=token)
    print_note(f"{signal} is watched again")


def _line(row: dict[str, Any]) -> str:
    """Describe a signal that ran away on one line."""
    return (
        f"{row['signal']}  {row['state']:8} {row['matches']} of {row['lookups']} look-ups since"
        f" {row['since'][:16]}Z  {row['why']}"
    )
