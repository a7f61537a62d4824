# SPDX-License-Identifier: Apache-2.0
"""stemtide demo: play a crisis on this machine, from the first warning to the last count."""

from pathlib import Path
from typing import Annotated

import typer

from stemtide.cli.output import fail, print_note


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Play the crisis, then stop everything and exit.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --once: print what happened as one JSON object.")
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option(help="Folder for its files (default: a temporary one, removed at the end)."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the hub; 0 for any.")] = 0,
    hub_only: Annotated[
        bool,
        typer.Option("--hub-only", help="Start an empty hub to test a client against."),
    ] = False,
    env_file: Annotated[
        Path | None,
        typer.Option(help="With --hub-only: where to write its addresses and secrets."),
    ] = None,
) -> None:
    """Start a hub and three agents and play a short crisis. Uses real photographs, and stays up.

    Prints the address of the board and an account to sign in with. Ctrl-C stops everything.
    """
    print_note("[  0.00 s] Loading the programs of the demo")
    from stemtide.exercises.demo import play
    from stemtide.exercises.hub_only import run_hub
    from stemtide.exercises.stage import DemoError

    if as_json and not once:
        fail("--json requires --once", code=2)
    if hub_only is not (env_file is not None) or (hub_only and once):
        fail("--hub-only requires --env-file FILE and excludes --once", code=2)
    try:
        if env_file is not None:
            run_hub(env_file=env_file, folder=folder, port=port)
            return
        is_good = play(once=once, as_json=as_json, folder=folder, port=port)
    except DemoError as error:
        fail(str(error))
    raise typer.Exit(0 if is_good else 1)
