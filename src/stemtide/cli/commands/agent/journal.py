# SPDX-License-Identifier: Apache-2.0
"""stemtide agent journal: what an agent remembers of earlier uploads."""

from typing import Annotated
from urllib.parse import quote

import typer

from stemtide.cli.commands.agent.requests import AgentAddress, AgentToken, ask
from stemtide.cli.output import AsJson, print_note, print_result

journal = typer.Typer(no_args_is_help=True, help="What an agent remembers of earlier uploads.")


@journal.command("show")
def show(agent: AgentAddress, token: AgentToken = "", as_json: AsJson = False) -> None:
    """Show how many uploads the agent remembers, and since when."""
    size = ask("GET", agent, "/journal", token=token)
    if not size["enabled"]:
        line = "The upload journal is off: set enabled = true in [journal] of agent.toml"
    elif not size["entries"]:
        line = "The upload journal is empty."
    else:
        megabytes = size["size_bytes"] / 1_000_000
        line = f"{size['entries']} uploads since {size['oldest'][:16]}Z, {megabytes:.1f} MB"
    print_result(size, as_json=as_json, line=line)


@journal.command("erase")
def erase(
    ref: Annotated[str, typer.Argument(help="Your own id of the upload.")],
    agent: AgentAddress,
    token: AgentToken = "",
) -> None:
    """Erase what the agent remembers of an upload. Later signals do not find it."""
    ask("DELETE", agent, f"/journal/{quote(ref, safe='')}", token=token)
    print_note(f"{ref} is erased from the upload journal")
