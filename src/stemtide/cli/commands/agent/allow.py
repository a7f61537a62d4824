# SPDX-License-Identifier: Apache-2.0
"""stemtide agent allow: an agent's own list of content that it never acts on by itself."""

from typing import Annotated, Any

import typer

from stemtide.cli.output import AsJson, fail, print_note, print_result

allow = typer.Typer(
    no_args_is_help=True, help="The agent's own allow-list: content that it never acts on."
)

_Agent = Annotated[str, typer.Option(help="The agent's address (http://…).")]
_Token = Annotated[
    str, typer.Option(envvar="STEMTIDE_AGENT_TOKEN", help="The agent's token, if it has one.")
]


@allow.command("add")
def add(
    kind: Annotated[str, typer.Argument(help="pdq, sha256, md5 or url.")],
    value: Annotated[str, typer.Argument(help="The fingerprint in hex, or the web address.")],
    agent: _Agent,
    reason: Annotated[str, typer.Option(help="What the content is, for your moderators.")],
    source: Annotated[str, typer.Option(help="Who says that it is lawful.")],
    within_bits: Annotated[
        int | None, typer.Option(help="Distance of pictures, 0 to 31; 8 without it.")
    ] = None,
    reach: Annotated[str, typer.Option(help="Of an address: folder or host.")] = "",
    token: _Token = "",
    as_json: AsJson = False,
) -> None:
    """Add an entry. Earlier actions on what it covers become log."""
    body = {"kind": kind, "value": value, "reason": reason, "source": source}
    more = {"within_bits": within_bits, "reach": reach or None}
    row = _ask("POST", agent, "/allowlist", token=token, sent=body | more)
    print_result(row, as_json=as_json, line=_line(row))


@allow.command("list")
def list_all(agent: _Agent, token: _Token = "", as_json: AsJson = False) -> None:
    """List the agent's own entries."""
    answer = _ask("GET", agent, "/allowlist", token=token)
    for row in answer["entries"]:
        print_result(row, as_json=as_json, line=_line(row))
    print_note(f"{len(answer['entries'])} own entries, {answer['hub_entries']} of the hub")


@allow.command("remove")
def remove(
    entry: Annotated[str, typer.Argument(help="The id, from: stemtide agent allow list.")],
    agent: _Agent,
    token: _Token = "",
) -> None:
    """Remove an entry. New uploads that it covered are acted upon again."""
    _ask("DELETE", agent, f"/allowlist/{entry}", token=token)
    print_note(f"{entry} is removed")


def _line(row: dict[str, Any]) -> str:
    """Describe an entry on one line."""
    return f"{row['id']}  {row['kind']:6} {row['value']}  {row['reason']} ({row['source']})"


def _ask(
    method: str, agent: str, path: str, *, token: str, sent: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Send a request to an agent, and return its JSON."""
    import httpx

    from stemtide.cli.commands.agent.lookup import detail_of

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        response = httpx.request(method, f"{agent}{path}", headers=headers, json=sent, timeout=60)
        response.raise_for_status()
    except httpx.HTTPStatusError as error:
        fail(f"the agent at {agent} answered: {detail_of(error.response)}")
    except httpx.HTTPError as error:
        fail(f"the agent at {agent} cannot be reached ({error}); is it running?")
    answer: dict[str, Any] = response.json() if response.content else {}
    return answer
