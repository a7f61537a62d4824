# SPDX-License-Identifier: Apache-2.0
"""stemtide agent: run and inspect a provider's agent."""

import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from stemtide.cli.commands.agent.allow import allow
from stemtide.cli.commands.agent.check import check
from stemtide.cli.commands.agent.companion import companion
from stemtide.cli.commands.agent.journal import journal
from stemtide.cli.commands.agent.live import live
from stemtide.cli.commands.agent.log import log
from stemtide.cli.commands.agent.policy import policy
from stemtide.cli.commands.agent.report import report
from stemtide.cli.commands.agent.review import review
from stemtide.cli.commands.agent.runaway import runaway
from stemtide.cli.output import fail, fail_on, print_note, print_result

agent = typer.Typer(no_args_is_help=True, help="A provider's agent.")


@agent.command("start")
def start(
    config: Annotated[
        Path | None,
        typer.Option(help="Path of agent.toml; settings may also be set as STEMTIDE_AGENT_…"),
    ] = None,
    http_workers: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Processes that answer requests; overrides the settings."),
    ] = None,
    snapshot: Annotated[
        Path | None,
        typer.Option(
            help="A signed snapshot to start from, also while the hub is away; the hub's key must "
            "be in the settings. Goes over them.",
            show_default=False,
        ),
    ] = None,
    set_up: Annotated[
        bool,
        typer.Option(
            "--set-up",
            help="Ask for the settings in a browser first, and write agent.toml. On a terminal this"
            " happens by itself if there are no settings.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the address as JSON.")] = False,
) -> None:
    """Start an agent.

    Settings and policy are in docs/use/agent.md. Ctrl-C or SIGTERM stops it.
    """
    # The agent multiplies no matrices, and a parent with threads of its own could not fork safely.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from stemtide.agent.config.settings import PREFIX, ConfigError, load
    from stemtide.agent.process.supervisor import serve

    with fail_on(ConfigError, OSError):
        if set_up or _needs_set_up(config, prefix=PREFIX):
            _set_up(config or Path("agent.toml"), as_json=as_json)
        overrides = {f"{PREFIX}SNAPSHOT_FILE": str(snapshot.resolve())} if snapshot else {}
        settings = load(config, env={**os.environ, **overrides})
        if http_workers is not None:
            settings = replace(settings, http_workers=http_workers)
        serve(settings, as_json=as_json)


def _needs_set_up(config: Path | None, *, prefix: str) -> bool:
    """Whether a person at a terminal starts an agent that has no settings at all."""
    has_settings = config or Path("agent.toml").exists()
    return (
        not (has_settings or any(name.startswith(prefix) for name in os.environ))
        and sys.stderr.isatty()
    )


def _set_up(file: Path, *, as_json: bool) -> None:
    """Let a person answer the set-up in a browser on this machine."""
    from stemtide.agent.process.set_up import serve_set_up

    if file.exists():
        fail(f"{file} is there already: start without --set-up, or move it away", code=2)

    def announce(link: str) -> None:
        line = f"To set the agent up, open this on this machine: {link}"
        if as_json:
            print_result({"set_up": link}, as_json=True, line=line)
        else:
            print_note(line)

    if not serve_set_up(file, announce=announce):
        fail("the agent was not set up, and nothing was written")


@agent.command("statements")
def statements(
    config: Annotated[
        Path | None, typer.Option(help="Path of an agent.toml with a [transparency] table.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Only blocks since this day (UTC)."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Include those that the agent has posted.")
    ] = False,
) -> None:
    """Print statements of reasons for blocked content, as JSON lines.

    Use it for review, and for `stemtide statement post`. The agent may be running. Exercises, holds
    and logs restrict nothing and have none.
    """
    from stemtide.agent.config.settings import ConfigError, load
    from stemtide.agent.outbox.restrictions import POSTED, read_all
    from stemtide.agent.outbox.statements import statement
    from stemtide.agent.store.schema import StoreError

    with fail_on(ConfigError, StoreError):
        settings = load(config)
        first = since.replace(tzinfo=UTC) if since else None
        rows = read_all(settings.data_dir, since=first)
    if settings.transparency is None:
        fail("[transparency] is missing in agent.toml; see docs/use/statements.md", code=2)
    left = [row for row in rows if every or row.state != POSTED]
    for restriction in left:
        body = statement(restriction, settings.transparency)
        print_result(body, as_json=True, line="")
    print_note(f"{len(left):,} statements; {len(rows) - len(left):,} were posted before.")


agent.command("live")(live)
agent.add_typer(companion, name="companion")
agent.add_typer(allow, name="allow")
agent.add_typer(log, name="log")
agent.add_typer(policy, name="policy")
agent.add_typer(report, name="report")
agent.add_typer(runaway, name="runaway")
agent.add_typer(journal, name="journal")
agent.command("check")(check)
agent.add_typer(review, name="review")
