# SPDX-License-Identifier: Apache-2.0
"""stemtide agent companion: the sync of signals to a provider's own HMA."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtide.cli.output import fail, fail_on, print_note, print_result

if TYPE_CHECKING:  # at run time it is imported where used, so that --help stays fast
    from stemtide.agent.config.settings import Config

companion = typer.Typer(no_args_is_help=True, help="Sync of signals to a provider's own HMA.")

_Agent = Annotated[str, typer.Option(help="The agent's address (http://…).")]
_Token = Annotated[
    str, typer.Option(envvar="STEMTIDE_AGENT_TOKEN", help="The agent's token, if it has one.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]


@companion.command("status")
def status(agent: _Agent, token: _Token = "", as_json: _Json = False) -> None:
    """Show the sync with HMA: signals handed over, queued and matched.

    Exits with 1 while there is a problem.
    """
    report = _ask("GET", agent, "/companion", token=token)
    print_result(report, as_json=as_json, line=_status_text(report))
    if trouble := report.get("trouble"):
        fail(str(trouble))


@companion.command("rebuild")
def rebuild(
    agent: _Agent,
    token: _Token = "",
    anew: Annotated[bool, typer.Option("--anew", help="First delete the agent's banks.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Confirm the deletion.")] = False,
    as_json: _Json = False,
) -> None:
    """Make HMA hold exactly the signals that it should. Checks each, and sends missing ones.

    With --anew, the banks are deleted, created and filled again: use it if the agent lost its data,
    or if HMA was restored from a backup. Banks match nothing until HMA has indexed them.
    """
    if anew and not yes:
        fail("--anew deletes the agent's banks at HMA and fills them again; add --yes", code=2)
    report = _ask("POST", agent, "/companion/rebuild", token=token, sent={"anew": anew})
    done = "the banks are deleted and filled again" if anew else "each content is asked for"
    print_result(report, as_json=as_json, line=f"{done}; see `stemtide agent companion status`")


@companion.command("check")
def check(
    config: Annotated[Path | None, typer.Option(help="Path of the agent's agent.toml.")] = None,
    as_json: _Json = False,
) -> None:
    """Check whether the HMA that agent.toml names can be kept in sync. Changes nothing.

    The agent need not run.
    """
    from stemtide.agent.config.settings import ConfigError, load
    from stemtide.agent.hma.client import HmaError

    with fail_on(ConfigError, OSError):
        settings = load(config)
    with fail_on(HmaError):
        report = asyncio.run(_inspect(settings))
    print_result(report, as_json=as_json, line=_check_text(report))
    if report["missing_kinds"] or report["standing"]:
        print_note("stemtide: missing or unhealthy parts are not kept in sync")
        raise typer.Exit(1)


async def _inspect(settings: "Config") -> dict[str, Any]:
    """Ask HMA for its health, signal types and banks."""
    from stemtide.agent.config.companion import TYPE_OF
    from stemtide.agent.hma.client import HmaClient

    companion = settings.companion
    if companion is None:
        fail("agent.toml has no [companion] table; add one with the url of your HMA")
    async with HmaClient(companion) as client:
        standing, kinds = await client.status_problem(), await client.kinds()
        banks = {name: await client.bank(name) for name in companion.banks}
    return {
        "hma": companion.url,
        "standing": standing,
        "kinds": sorted(kinds & companion.kinds),
        "missing_kinds": sorted(TYPE_OF[kind] for kind in companion.kinds - kinds),
        "banks": {
            name: bank.matching_enabled_ratio if bank else None for name, bank in banks.items()
        },
    }


def _check_text(report: dict[str, Any]) -> str:
    lines = [f"{report['hma']}  {report['standing'] or 'is well'}"]
    lines.append(f"matches {', '.join(report['kinds']) or 'nothing'}")
    if report["missing_kinds"]:
        lines.append(f"does not match {', '.join(report['missing_kinds'])}")
    for name, ratio in report["banks"].items():
        is_there = "is not there yet" if ratio is None else f"answers {100 * ratio:.0f} %"
        lines.append(f"{name}  {is_there}")
    return "\n".join(lines)


def _status_text(report: dict[str, Any]) -> str:
    reached = "answers" if report.get("reachable") else "does not answer"
    lines = [f"{report.get('hma', 'HMA')}  {reached}"]
    lines.append(
        f"handed over: {report.get('handed')}, waiting: {report.get('waiting')}, "
        f"to be deleted: {report.get('leaving')}"
    )
    behind_s = report.get("behind_s")
    if behind_s is None:
        lines.append("matched: not known yet")
    elif behind_s:
        lines.append(f"not matched yet: {report['unmatched']}, the first for {behind_s:.0f} s")
    else:
        lines.append(f"matched: all of them, at {report['matched_at']}")
    more = [
        f"{words}: {report[name]}"
        for name, words in (("refused", "refused"), ("doubtful", "in doubt"))
        if report.get(name)
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
        body: dict[str, Any] = answer.json()
    except httpx.HTTPStatusError as error:
        fail(f"the agent at {agent} answered: {detail_of(error.response)}")
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        fail(f"the agent at {agent} cannot be reached ({error}); is it running?")
    return body
