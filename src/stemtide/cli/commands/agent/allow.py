# SPDX-License-Identifier: Apache-2.0
"""stemtide agent allow: an agent's own list of content that it never acts on by itself."""

from typing import Annotated, Any

import typer

from stemtide.cli.commands.agent.requests import AgentAddress, AgentToken, ask
from stemtide.cli.output import AsJson, print_note, print_result

allow = typer.Typer(
    no_args_is_help=True, help="The agent's own allow-list: content that it never acts on."
)


@allow.command("add")
def add(
    kind: Annotated[str, typer.Argument(help="pdq, sha256, md5 or url.")],
    value: Annotated[str, typer.Argument(help="The fingerprint in hex, or the web address.")],
    agent: AgentAddress,
    reason: Annotated[str, typer.Option(help="What the content is, for your moderators.")],
    source: Annotated[str, typer.Option(help="Who says that it is lawful.")],
    within_bits: Annotated[
        int | None, typer.Option(help="Distance of pictures, 0 to 31; 8 without it.")
    ] = None,
    reach: Annotated[str, typer.Option(help="Of an address: folder or host.")] = "",
    token: AgentToken = "",
    as_json: AsJson = False,
) -> None:
    """Add an entry. Earlier actions on what it covers become log."""
    body = {"kind": kind, "value": value, "reason": reason, "source": source}
    more = {"within_bits": within_bits, "reach": reach or None}
    row = ask("POST", agent, "/allowlist", token=token, sent=body | more)
    print_result(row, as_json=as_json, line=_line(row))


@allow.command("list")
def list_all(agent: AgentAddress, token: AgentToken = "", as_json: AsJson = False) -> None:
    """List the agent's own entries."""
    answer = ask("GET", agent, "/allowlist", token=token)
    for row in answer["entries"]:
        print_result(row, as_json=as_json, line=_line(row))
    print_note(f"{len(answer['entries'])} own entries, {answer['hub_entries']} of the hub")


@allow.command("remove")
def remove(
    entry: Annotated[str, typer.Argument(help="The id, from: stemtide agent allow list.")],
    agent: AgentAddress,
    token: AgentToken = "",
) -> None:
    """Remove an entry. New uploads that it covered are acted upon again."""
    ask("DELETE", agent, f"/allowlist/{entry}", token=token)
    print_note(f"{entry} is removed")


def _line(row: dict[str, Any]) -> str:
    """Describe an entry on one line."""
    return f"{row['id']}  {row['kind']:6} {row['value']}  {row['reason']} ({row['source']})"
