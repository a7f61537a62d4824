# SPDX-License-Identifier: Apache-2.0
"""stemtide exercise learn: guide a new duty officer through the protocol, with bots for others."""

import webbrowser
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemtide.cli.output import fail, print_note

if TYPE_CHECKING:
    from stemtide.exercises.learn import LessonPlace
    from stemtide.exercises.play.player import StepResult

_SCENARIO = "learn-the-protocol"


def learn_protocol(
    scenario: Annotated[
        str, typer.Argument(help="Name of a scenario that ships and has a lesson.")
    ] = _SCENARIO,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the result, its pages and its tables.")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(help="Folder for the hub's files (default: removed at the end)."),
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(min=1, max=600, help="Exercise minutes for each real minute."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the hub; 0 for any.")] = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the desk in a browser.")
    ] = True,
) -> None:
    """Learn the protocol in ten minutes, at the desk.

    Starts a hub on this machine with bots for everybody else. The desk says what to do next, and
    why. It ends when you have done all steps, or when its time is over. Ctrl-C stops the hub.
    """
    from stemtide.exercises import learn
    from stemtide.exercises.stage import DemoError
    from stemtide.scenarios import reader

    if scenario not in reader.shipped():
        fail(f"there is no scenario {scenario} that ships: use {_SCENARIO}", code=2)
    plan = reader.read(scenario)
    if plan.lesson is None:
        fail(f"{scenario} has no lesson: use {_SCENARIO}", code=2)
    try:
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)  # fail before the lesson
        learn.learn(
            plan,
            plan.lesson,
            port=port,
            speed=speed,
            folder=folder,
            on_ready=lambda place: _show_place(place, opens=browser),
            on_step=_show_step,
            on_result=lambda result: _show_result(result, out=out),
        )
    except DemoError as error:
        fail(str(error))
    except OSError as error:
        fail(f"the result cannot be written to {out}: {error.strerror}")


def _show_place(place: "LessonPlace", *, opens: bool) -> None:
    """Say where the desk is and how to sign in, and open it."""
    print_note(f"The desk: {place.address}/")
    print_note(f"Sign in as {place.email} with the password {place.password}")
    if opens:
        webbrowser.open(f"{place.address}/exercises")


def _show_step(result: "StepResult") -> None:
    """Print a step."""
    print_note(f"T+{result.at_min:6.1f} min  {result.by or 'outside'}: {result.note}")


def _show_result(result: dict[str, object], *, out: Path | None) -> None:
    """Print the result, and write its pages. raises: OSError."""
    from stemtide.exercises.results import files
    from stemtide.exercises.results.stored import ResultFile

    content = ResultFile.model_validate(result)
    if out is not None:
        files.write(out, content, today=datetime.now(UTC).date())
        print_note(f"The debrief: {out / files.DEBRIEF}")
    print(files.summary(content), flush=True)
    print_note("The desk stays up. Ctrl-C stops it.")
