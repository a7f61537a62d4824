# SPDX-License-Identifier: Apache-2.0
"""stemtide exercise play: play the exercise that a director prepared on a hub in use."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client
from stemtide.cli.output import fail, print_note

if TYPE_CHECKING:
    from stemtide.exercises.play.player import StepResult
    from stemtide.protocol.exercises import RunOut


def play_exercise(
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    out: Annotated[
        Path | None, typer.Option(help="Folder for the result, its pages and its tables.")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(help="Folder for the agents' files (default: removed at the end)."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as one JSON object.")
    ] = False,
) -> None:
    """Play the exercise that your party prepared at the desk.

    Bots act for the members of the cast that nobody plays, with keys of this exercise. The director
    starts, pauses and ends it on its page. The key needs the scope exercises:run.
    """
    from stemtide.exercises.live import run
    from stemtide.exercises.stage import DemoError

    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)  # fail before an exercise of an hour
        except OSError as error:
            fail(f"the result cannot be written to {out}: {error.strerror}")
    with open_client(hub, key) as client:
        try:
            result = run.play(
                client, address=hub, folder=folder, on_start=_print_start, on_step=_print_step
            )
        except DemoError as error:
            fail(str(error))
    _write(result, out=out, as_json=as_json)


def _print_start(run: "RunOut") -> None:
    """Say that the player is ready."""
    print_note(f"Ready to play {run.title}. Start it on its page at the desk.")


def _print_step(result: "StepResult") -> None:
    """Print a step."""
    print_note(f"T+{result.at_min:6.1f} min  {result.by or 'outside'}: {result.note}")


def _write(result: dict[str, Any], *, out: Path | None, as_json: bool) -> None:
    """Write the result into a folder, and print it or its summary."""
    from stemtide.exercises.results import files
    from stemtide.exercises.results.stored import ResultFile

    content = ResultFile.model_validate(result)
    if out is not None:
        try:
            files.write(out, content, today=datetime.now(UTC).date())
        except OSError as error:
            fail(f"the result cannot be written to {out}: {error.strerror}")
    print(content.model_dump_json() if as_json else files.summary(content))
