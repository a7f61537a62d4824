# SPDX-License-Identifier: Apache-2.0
"""stemtide agent: run a provider's end of the wire."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from stemtide.cli.live import live
from stemtide.cli.speech import told

agent = typer.Typer(no_args_is_help=True, help="A provider's agent.")


@agent.command("start")
def start(
    config: Annotated[
        Path | None,
        typer.Option(help="Its agent.toml; settings may also come as STEMTIDE_AGENT_…"),
    ] = None,
    http_workers: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Processes that answer requests; goes over the settings."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Say the address as JSON.")] = False,
) -> None:
    """Start an agent beside the upload path.

    Settings and policy are in docs/use/agent.md. Ctrl-C or SIGTERM stops it.
    """
    # The agent multiplies no matrices, and a parent with threads of its own could not fork safely.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from stemtide.agent.config import ConfigError, load
    from stemtide.agent.fleet import serve

    with told(ConfigError, OSError):
        settings = load(config)
        if http_workers is not None:
            settings = replace(settings, http_workers=http_workers)
        serve(settings, as_json=as_json)


agent.command("live")(live)
