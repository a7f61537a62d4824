# SPDX-License-Identifier: Apache-2.0
"""stemtide agent companion: how a provider's own HMA is kept up."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtide.cli.output import fail, give, tell, told

if TYPE_CHECKING:  # at run time it is imported where used, so that --help stays fast
    from stemtide.agent.config.settings import Config

companion = typer.Typer(no_args_is_help=True, help="A provider's own HMA, kept up by the agent.")

_Agent = Annotated[str, typer.Option(help="The agent's address (http://…).")]
_Token = Annotated[
    str, typer.Option(envvar="STEMTIDE_AGENT_TOKEN", help="The agent's token, if it has one.")
]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


@companion.command("status")
def status(agent: _Agent, token: _Token = "", as_json: _Json = False) -> None:
    """Say what HMA was handed, what waits, and what it matches.

    Exit code 1 while something is wrong.
    """
    found = _ask("GET", agent, "/companion", token=token)
    give(found, as_json=as_json, line=_standing(found))
    if trouble := found.get("trouble"):
        fail(str(trouble))


@companion.command("rebuild")
def rebuild(
    agent: _Agent,
    token: _Token = "",
    anew: Annotated[
        bool, typer.Option("--anew", help="Delete the agent's banks first, whoever filled them.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Really delete them.")] = False,
    as_json: _Json = False,
) -> None:
    """Have HMA hold exactly what it should: ask it for each content, and hand over what it lost.

    With --anew the banks are deleted, made and filled again: where the agent's memory was lost, or
    HMA was put back from a backup. They match nothing until HMA has indexed them.
    """
    if anew and not yes:
        fail("--anew deletes the agent's banks at HMA and fills them again; add --yes", code=2)
    found = _ask("POST", agent, "/companion/rebuild", token=token, sent={"anew": anew})
    done = "the banks are emptied and filled" if anew else "each content is asked for"
    give(found, as_json=as_json, line=f"{done}; see `stemtide agent companion status`")


@companion.command("check")
def check(
    config: Annotated[Path | None, typer.Option(help="The agent's agent.toml.")] = None,
    as_json: _Json = False,
) -> None:
    """Ask HMA, as agent.toml names it, whether it can be kept up. Changes nothing.

    The agent need not run.
    """
    from stemtide.agent.config.settings import ConfigError, load
    from stemtide.agent.hma.client import HmaError

    with told(ConfigError, OSError):
        settings = load(config)
    with told(HmaError):
        found = asyncio.run(_look(settings))
    give(found, as_json=as_json, line=_looked(found))
    if found["missing_kinds"] or found["standing"]:
        tell("stemtide: what is missing or not well is not kept up")
        raise typer.Exit(1)


async def _look(settings: "Config") -> dict[str, Any]:
    """What HMA says of itself."""
    from stemtide.agent.config.companion import TYPE_OF
    from stemtide.agent.hma.client import Line

    given = settings.companion
    if given is None:
        fail("agent.toml has no [companion]; write it, and the url of your HMA into it")
    async with Line(given) as line:
        standing, kinds = await line.standing(), await line.kinds()
        banks = {name: await line.bank(name) for name in given.banks}
    return {
        "hma": given.url,
        "standing": standing,
        "kinds": sorted(kinds & given.kinds),
        "missing_kinds": sorted(TYPE_OF[kind] for kind in given.kinds - kinds),
        "banks": {
            name: bank.matching_enabled_ratio if bank else None for name, bank in banks.items()
        },
    }


def _looked(found: dict[str, Any]) -> str:
    lines = [f"{found['hma']}  {found['standing'] or 'is well'}"]
    lines.append(f"matches {', '.join(found['kinds']) or 'nothing'}")
    if found["missing_kinds"]:
        lines.append(f"does not match {', '.join(found['missing_kinds'])}")
    for name, ratio in found["banks"].items():
        is_there = "is not there yet" if ratio is None else f"answers {100 * ratio:.0f} %"
        lines.append(f"{name}  {is_there}")
    return "\n".join(lines)


def _standing(found: dict[str, Any]) -> str:
    reached = "answers" if found.get("reachable") else "does not answer"
    lines = [f"{found.get('hma', 'HMA')}  {reached}"]
    lines.append(
        f"handed over: {found.get('handed')}, waiting: {found.get('waiting')}, "
        f"to be deleted: {found.get('leaving')}"
    )
    behind_s = found.get("behind_s")
    if behind_s is None:
        lines.append("matched: not known yet")
    elif behind_s:
        lines.append(f"not matched yet: {found['unmatched']}, the first for {behind_s:.0f} s")
    else:
        lines.append(f"matched: all of them, at {found['matched_at']}")
    more = [
        f"{words}: {found[name]}"
        for name, words in (("refused", "refused"), ("doubtful", "in doubt"))
        if found.get(name)
    ]
    return "\n".join([*lines, *more])


def _ask(
    method: str, agent: str, path: str, *, token: str, sent: dict[str, Any] | None = None
) -> dict[str, Any]:
    import httpx

    from stemtide.cli.commands.agent.lookup import detail_of

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        answer = httpx.request(
            method, f"{agent.rstrip('/')}{path}", headers=headers, json=sent, timeout=60
        )
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
    except httpx.HTTPStatusError as error:
        fail(f"the agent at {agent} said: {detail_of(error.response)}")
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        fail(f"the agent at {agent} cannot be reached ({error}); is it running?")
    return found
