# SPDX-License-Identifier: Apache-2.0
"""Requests of commands to a running agent."""

from typing import Annotated, Any

import typer

from stemtide.cli.output import fail

AgentAddress = Annotated[str, typer.Option(help="The agent's address (http://…).")]
AgentToken = Annotated[
    str, typer.Option(envvar="STEMTIDE_AGENT_TOKEN", help="The agent's token, if it has one.")
]


def ask(
    method: str, agent: str, path: str, *, token: str, sent: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Send a request to an agent, and return its JSON. An error ends the command."""
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
