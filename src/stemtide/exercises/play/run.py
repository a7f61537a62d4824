# SPDX-License-Identifier: Apache-2.0
"""Run a scenario from the first inject to its result, on a hub that exists for the run."""

import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol

import httpx

from stemtide.client import HubError
from stemtide.exercises import pictures, processes
from stemtide.exercises.play import spread_acts
from stemtide.exercises.play.clock import ExerciseClock
from stemtide.exercises.play.content import ContentMaker
from stemtide.exercises.play.context import Context
from stemtide.exercises.play.player import Player, StepResult
from stemtide.exercises.play.world import open_world
from stemtide.exercises.results import figures, files
from stemtide.exercises.results.delays import compute_delays
from stemtide.exercises.results.record import RecordedEntry, RunRecord
from stemtide.exercises.stage import DemoError, RunningExercise
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.scenarios.schema import Scenario

if TYPE_CHECKING:
    from stemtide.hub.rooms.ledger.reads.ledger import EntryRow
    from stemtide.protocol.exercises import RunEntryOut

VERSION = 1
"""Version of the result's format."""


def run(
    scenario: Scenario,
    *,
    speed: float,
    seed: int,
    folder: Path | None = None,
    on_step: Callable[[StepResult], None] = lambda _: None,
) -> dict[str, Any]:
    """Play a scenario with bots for all parties; return the result as a JSON object.

    speed:  exercise minutes for each real minute. folder: keeps the hub's files; None: temporary.

    raises: DemoError if the machine, not the exercise, gives out.
    """
    with ExitStack() as stack:
        stack.enter_context(stopped_by_sigterm())
        where = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stemtide-")))
        stage = RunningExercise(folder=where)
        stack.callback(stage.clear)
        try:
            world = open_world(scenario, stage, within=stack)
            sandbox = stack.enter_context(Sandbox())
            content = ContentMaker(scenario.content)
            context = Context(scenario, world, content, sandbox, seed=seed)
            player = Player(context, ExerciseClock(speed=speed), seed, on_step)
            player.play()
        except (processes.ProcessError, pictures.PhotographsMissingError) as error:
            raise DemoError(str(error)) from error
        except (HubError, httpx.HTTPError) as error:
            raise DemoError(f"the exercise broke off: {error}; logs are in {where}") from error
        record = record_of(context, player.entries, clock=player.clock)
        return result_of(record, player.results, seed=seed, speed=speed)


@contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """Treat SIGTERM like Ctrl-C, so that the hub and its agents are stopped, too."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class ReadableClock(Protocol):
    """A clock of an exercise that says what it showed at a real time."""

    def minutes_at(self, at: datetime) -> float:
        """Return the clock's reading at a real time."""


def record_of(
    context: Context, entries: "Iterable[EntryRow | RunEntryOut]", *, clock: ReadableClock
) -> RunRecord:
    """Return the record of a play so far, from which all figures are computed."""
    recorded = tuple(
        RecordedEntry(
            number=entry.number,
            kind=entry.kind,
            actor=entry.actor.removeprefix("party:"),
            subject=entry.subject,
            detail=entry.detail,
            at_min=round(clock.minutes_at(entry.recorded_at), 2),
        )
        for entry in entries
    )
    return RunRecord(
        context.scenario,
        recorded,
        tuple(context.copies),
        dict(context.shared_at_min),
        spread_acts.outcome(context),
    )


def result_of(
    record: RunRecord, results: Iterable[StepResult], *, seed: int, speed: float
) -> dict[str, Any]:
    """Return the result: steps, objectives, figures, and the ledger entries that they name."""
    scenario = record.scenario
    return {
        "format": VERSION,
        "exercise": True,
        "scenario": scenario.name,
        "title": scenario.title,
        "right_answer": scenario.right_answer,
        "framework": scenario.framework,
        "cast": {name: member.title for name, member in scenario.cast.items()},
        "seed": seed,
        "speed": speed,
        "duration_min": scenario.duration_min,
        "played_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "objectives": [files.objective_row(result) for result in figures.judge(record)],
        "figures": [files.figure_row(figure) for figure in figures.compute_all(record)],
        "steps": [asdict(result) for result in results],
        "copies": [asdict(copy) for copy in record.copies],
        "spread": asdict(record.spread) if record.spread else None,
        "delays": [asdict(delay) for delay in compute_delays(record)],
        "entries": [
            {"number": entry.number, "kind": entry.kind, "actor": entry.actor}
            | {"subject": entry.subject, "at_min": entry.at_min}
            for entry in record.entries
        ],
        "observations": [],
        "actions": [],
    }


class Progress:
    """Shows each step on stderr; on a terminal over one line, which the next step replaces."""

    def __init__(self, scenario: Scenario) -> None:
        self._total = len(scenario.steps)
        self._count = 0
        self._is_terminal = sys.stderr.isatty()

    def show(self, result: StepResult) -> None:
        """Show a step."""
        self._count += 1
        line = f"T+{result.at_min:6.1f} min  {result.by or 'outside'}: {result.note}"
        if self._is_terminal:
            columns = shutil.get_terminal_size().columns
            begin = f"{self._count} of {self._total}  {line}"[: columns - 1]
            print(f"\r\x1b[2K{begin}", end="", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)

    def end(self) -> None:
        """End the line on a terminal."""
        if self._is_terminal:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)
