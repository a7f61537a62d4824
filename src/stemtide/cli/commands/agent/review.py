# SPDX-License-Identifier: Apache-2.0
"""stemtide agent review: the page on which people decide about held content."""

import time
from pathlib import Path
from typing import Annotated

import typer

from stemtide.cli.output import AsJson, fail, fail_on, print_result

review = typer.Typer(
    no_args_is_help=True, help="The page on which people decide about what is held."
)


@review.command("link")
def link(
    config: Annotated[
        Path | None,
        typer.Option(help="Path of agent.toml; without it, ./agent.toml or the environment."),
    ] = None,
    reason: Annotated[
        str,
        typer.Option(
            help="Why the person who signs in may see more pictures today, although their limit "
            "is reached. It is stored.",
            show_default=False,
        ),
    ] = "",
    port: Annotated[
        int | None, typer.Option(help="The agent's port, if it chose one itself (port = 0).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print a link to sign in to the review page. It works once, for 15 minutes.

    Run it on the agent's machine, as the agent's user: it writes to data_dir.
    """
    from stemtide.agent.config.settings import ConfigError, load
    from stemtide.agent.review.sessions import make_link
    from stemtide.agent.store.schema import StoreError

    with fail_on(ConfigError, StoreError):
        settings = load(config)
        if not settings.review.enabled:
            fail("[review] of agent.toml lacks enabled = true, so there is no review page", code=2)
        number = port or settings.port
        if not number:
            fail("the agent chose its port itself: name it with --port", code=2)
        token = make_link(settings.data_dir, now=time.time(), reason=reason.strip()[:500])
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{host}:{number}/review/sign-in?link={token}"
    print_result({"link": url}, as_json=as_json, line=url)
