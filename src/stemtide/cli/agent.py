# SPDX-License-Identifier: Apache-2.0
"""stemtide agent: run a provider's end of the wire."""

from pathlib import Path
from typing import Annotated

import typer

from stemtide.cli.speech import told

agent = typer.Typer(no_args_is_help=True, help="A provider's agent.")


@agent.command("start")
def start(
    config: Annotated[
        Path | None,
        typer.Option(help="Its agent.toml; settings may also come as STEMTIDE_AGENT_…"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Say the address as JSON.")] = False,
) -> None:
    """Start an agent beside the upload path.

    Settings and policy are in docs/use/agent.md. Ctrl-C or SIGTERM stops it.
    """
    from stemtide.agent.app import serve
    from stemtide.agent.config import ConfigError, load

    with told(ConfigError, OSError):
        settings = load(config)
        serve(settings, as_json=as_json)
