# SPDX-License-Identifier: Apache-2.0
"""Guide one person through a scenario, alone on a machine, with bots for everybody else.

1 start a hub with two parties: that of the learner, and one that directs the exercise; 2 prepare
the exercise, in which the learner's party plays its member of the cast, and start it; 3 play it
until the learner has done all steps, or its time is over; 4 stay up, so that the learner can look
around, and stop everything with Ctrl-C.

The desk shows the hints beside each page, and reads from the ledger which are done.
"""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemtide.client import Hub, HubError
from stemtide.exercises import cast, processes
from stemtide.exercises.live import run
from stemtide.exercises.play.player import StepResult, StepState
from stemtide.exercises.play.run import stopped_by_sigterm
from stemtide.exercises.stage import DemoError, RunningExercise, forget_settings
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.exercises import RunAct
from stemtide.protocol.exercises import RunIn, RunOut
from stemtide.scenarios.schema import Lesson, Scenario

LEARNER, DIRECTOR = "your-party", "exercise-director"
EMAIL = "you@exercise.example"


@dataclass(frozen=True, slots=True)
class LessonPlace:
    """Where a lesson takes place, and how the learner signs in."""

    address: str
    email: str
    password: str


def learn(
    scenario: Scenario,
    lesson: Lesson,
    *,
    port: int = 0,
    seed: int = 1,
    speed: float | None = None,
    folder: Path | None = None,
    on_ready: Callable[[LessonPlace], None] = lambda _: None,
    on_step: Callable[[StepResult], None] = lambda _: None,
    on_result: Callable[[dict[str, Any]], None] = lambda _: None,
) -> None:
    """Guide a learner through a scenario that ships, and stay up until Ctrl-C.

    on_result: called with the result as a JSON object once it has ended.

    speed: minutes of the exercise for each real minute; None: as the lesson says.

    raises: DemoError.
    """
    lesson = lesson if speed is None else lesson.model_copy(update={"speed": speed})
    with ExitStack() as stack:
        stack.enter_context(stopped_by_sigterm())
        where = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stemtide-")))
        stage = RunningExercise(folder=where)
        stack.callback(stage.clear)
        try:
            people = _start_hub(scenario, lesson, stage=stage, port=port)  # 1
            address = stage.running[0].address
            director = stack.enter_context(Hub(address, key=people.keys[DIRECTOR], insecure=True))
            prepared = _prepare(scenario, lesson, director=director, seed=seed)  # 2
            on_ready(LessonPlace(address, people.email, people.password))
            finish = _Finish(scenario, lesson, director=director, run=prepared, on_step=on_step)
            result = run.play(  # 3
                director, address=address, folder=where / "agents", on_step=finish
            )
            on_result(result)
            stage.stay()  # 4
        except processes.ProcessError as error:
            raise DemoError(str(error)) from error
        except HubError as error:
            raise DemoError(f"the lesson broke off: {error}; logs are in {where}") from error


def _start_hub(
    scenario: Scenario, lesson: Lesson, *, stage: RunningExercise, port: int
) -> cast.Cast:
    """Start a hub with the learner's party and the one that directs (1)."""
    forget_settings()
    folder = stage.hub_folder()
    member = scenario.cast[lesson.plays]
    parties = [
        cast.PlannedParty(
            LEARNER,
            member.title,
            member.kind,
            member.country,
            duties=member.competent,
            email=EMAIL,
        ),
        cast.PlannedParty(DIRECTOR, "Director of the exercise", PartyKind.AGENCY, "NL"),
    ]
    people = cast.create_cast(folder, parties=parties)
    hub = processes.hub(folder, port=port)
    stage.running.append(hub)
    hub.start()
    return people


def _prepare(scenario: Scenario, lesson: Lesson, *, director: Hub, seed: int) -> RunOut:
    """Prepare the exercise and start it (2)."""
    body = RunIn(
        scenario=scenario.name, seed=seed, speed=lesson.speed, people={lesson.plays: LEARNER}
    )
    prepared = director.prepare_exercise(body)
    return director.direct_exercise(uid=prepared.id, verb=RunAct.START)


class _Finish:
    """Passes steps on, and ends the exercise once the learner has done all of theirs."""

    def __init__(
        self,
        scenario: Scenario,
        lesson: Lesson,
        *,
        director: Hub,
        run: RunOut,
        on_step: Callable[[StepResult], None],
    ) -> None:
        self._missing = {rule.name for rule in scenario.rules if rule.by == lesson.plays}
        self._director, self._run, self._on_step = director, run, on_step

    def __call__(self, result: StepResult) -> None:
        """Note a step."""
        self._on_step(result)
        if result.state is StepState.DONE and result.name in self._missing:
            self._missing.remove(result.name)
            if not self._missing:
                self._director.direct_exercise(uid=self._run.id, verb=RunAct.END)
