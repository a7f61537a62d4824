# SPDX-License-Identifier: Apache-2.0
"""Play the exercise that a director prepared on a hub, to its result."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from stemtide.client import Hub
from stemtide.exercises import pictures, processes
from stemtide.exercises.live.clock import LiveClock
from stemtide.exercises.live.player import LivePlayer
from stemtide.exercises.live.world import open_live_world
from stemtide.exercises.play.content import ContentMaker
from stemtide.exercises.play.context import Context
from stemtide.exercises.play.player import StepResult
from stemtide.exercises.play.run import record_of, result_of, stopped_by_sigterm
from stemtide.exercises.stage import DemoError, RunningExercise
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.protocol.enums.exercises import RunState
from stemtide.protocol.exercises import ProgressIn, RunOut
from stemtide.scenarios import acts
from stemtide.scenarios.schema import Scenario


def open_exercise(director: Hub) -> RunOut:
    """Return the exercise that the key's party directs and that has not ended.

    raises: HubError; DemoError if there is none.
    """
    for run in director.list_exercises():
        if run.state is not RunState.ENDED and run.directed_by == director.whoami().party:
            return run
    raise DemoError(
        "your party has no open exercise: prepare one at the desk, under Crises, Exercises"
    )


def play(
    director: Hub,
    *,
    address: str,
    folder: Path | None = None,
    on_start: Callable[[RunOut], None] = lambda _: None,
    on_step: Callable[[StepResult], None] = lambda _: None,
) -> dict[str, Any]:
    """Play the open exercise until its end; return the result as a JSON object.

    folder: keeps the files of the agents; None: temporary.

    raises: HubError; DemoError if there is no exercise, or the machine gives out.
    """
    run = open_exercise(director)
    plan = director.read_exercise_scenario(uid=run.id)
    scenario = Scenario.model_validate(plan.scenario, strict=False)
    with ExitStack() as stack:
        stack.enter_context(stopped_by_sigterm())
        where = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stemtide-")))
        stage = RunningExercise(folder=where)
        stack.callback(stage.clear)
        _announce(director, run)
        try:
            world = open_live_world(
                scenario, run, director=director, address=address, stage=stage, within=stack
            )
            sandbox = stack.enter_context(Sandbox())
            content = ContentMaker(scenario.content)
            context = Context(scenario, world, content, sandbox, seed=run.seed)
            player = LivePlayer(
                context,
                LiveClock(speed=run.speed, minutes=run.minutes),
                run.seed,
                director=director,
                run=run.id,
                people=frozenset(row.name for row in run.members if not row.is_bot),
                on_step=on_step,
            )
            _make_content(context, announce=lambda: _announce(director, run))
            if run.minutes:
                player.restore(plan.progress)
            on_start(run)
            player.play()
        except (processes.ProcessError, pictures.PhotographsMissingError) as error:
            raise DemoError(str(error)) from error
        except httpx.HTTPError as error:
            raise DemoError(f"an agent broke off: {error}; logs are in {where}") from error
        record = record_of(context, player.entries, clock=player.clock)
        result = result_of(record, player.results, seed=run.seed, speed=run.speed)
        return result | {"observations": _observations(director, run)}


def _observations(director: Hub, run: RunOut) -> list[dict[str, Any]]:
    """Return what people observed, as the result holds it. raises: HubError."""
    return [
        {"at_min": row.at_min, "by": row.by, "text": row.text, "about": row.member}
        for row in director.list_observations(uid=run.id)
    ]


def _announce(director: Hub, run: RunOut) -> None:
    """Report that the player is there, while it prepares itself. raises: HubError."""
    director.report_exercise(ProgressIn(minutes=run.minutes), uid=run.id)


def _make_content(context: Context, *, announce: Callable[[], None]) -> None:
    """Make all copies before the clock runs: a film takes seconds, and would make bots late."""
    for step in context.scenario.steps:
        act = step.do
        if isinstance(act, acts.UploadCopies):
            announce()
            context.content.make(act)
