# SPDX-License-Identifier: Apache-2.0
"""stemtide exercise: list, check and run scenarios, and simulate spread."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from stemtide.cli.commands.operator import debrief
from stemtide.cli.commands.operator.learn import learn_protocol
from stemtide.cli.commands.operator.player import play_exercise
from stemtide.cli.local_hub import OPERATOR, DataDir, now, open_hub
from stemtide.cli.output import AsJson, fail, print_note, print_result

if TYPE_CHECKING:
    from stemtide.scenarios.schema import Scenario

exercise = typer.Typer(
    no_args_is_help=True, help="Exercises: rehearse a crisis by a scenario. See docs/use/exercises."
)
exercise.command("compare")(debrief.compare_results)
exercise.command("report")(debrief.write_report)
exercise.command("export")(debrief.export_file)
exercise.command("import")(debrief.import_files)
exercise.add_typer(debrief.action, name="action")
exercise.add_typer(debrief.note, name="note")

exercise.command("play")(play_exercise)
exercise.command("learn")(learn_protocol)


@exercise.command("list")
def list_scenarios(
    results: Annotated[
        Path | None,
        typer.Option(help="List the results below a folder instead.", metavar="FOLDER"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the scenarios that ship, or results with open actions."""
    from stemtide.scenarios import reader

    if results is not None:
        debrief.list_results(results, as_json=as_json)
        return
    for name in reader.shipped():
        scenario = reader.read(name)
        row: dict[str, object] = {
            "name": name,
            "title": scenario.title,
            "duration_min": scenario.duration_min,
            "parties": len(scenario.cast),
            "injects": len(scenario.injects),
            "rules": len(scenario.rules),
            "objectives": len(scenario.objectives),
            "summary": scenario.summary,
        }
        size = f"{scenario.duration_min:g} min, {len(scenario.cast)} parties"
        print_result(row, as_json=as_json, line=f"{name}: {scenario.title} ({size})")


@exercise.command("check")
def check_scenarios(
    files: Annotated[
        list[str],
        typer.Argument(help="Files of scenarios, or names of those that ship.", metavar="FILE…"),
    ],
    as_json: AsJson = False,
) -> None:
    """Print the problems of scenarios.

    Each problem names its file, table, key and remedy. Exits with 1 if there is one.
    """
    from stemtide.scenarios import reader

    is_good = True
    for file in files:
        try:
            scenario = reader.read(file)
        except reader.ScenarioError as error:
            is_good = False
            for problem in error.problems:
                print_result(asdict(problem), as_json=as_json, line=str(problem))
            continue
        row: dict[str, object] = {"file": file, "name": scenario.name, "is_good": True}
        steps = f"{len(scenario.injects)} injects, {len(scenario.rules)} rules"
        line = f"{file}: good: {steps}, {len(scenario.objectives)} objectives"
        print_result(row, as_json=as_json, line=line)
    if not is_good:
        print_note("stemtide: correct these problems, then check again")
        raise typer.Exit(1)


@exercise.command("end")
def end_exercise(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """End the open exercise of a hub, on its own machine.

    For an exercise that its director left open: no other can begin before. Exits with 1 if none is
    open.
    """
    open_hub(data_dir)
    from stemtide.hub.rooms.exercises import writes

    titles = writes.end_open(actor=OPERATOR, now=now())
    if not titles:
        fail("no exercise is open on this hub")
    for title in titles:
        print_result({"ended": title}, as_json=as_json, line=f"{title} has ended")


@exercise.command("run")
def run_scenario(
    scenario: Annotated[
        str, typer.Argument(help="Name of a scenario that ships, or a file.", metavar="SCENARIO")
    ],
    _bots: Annotated[
        Literal["all"],
        typer.Option("--bots", help="Parties that bots play. At the desk people may play, too."),
    ] = "all",
    speed: Annotated[
        float, typer.Option(min=1, max=1e9, help="Exercise minutes for each real minute.")
    ] = 60,
    seed: Annotated[int, typer.Option(help="The same seed gives the same acts.")] = 1,
    out: Annotated[
        Path | None, typer.Option(help="Folder for result.json, its pages and its tables.")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(help="Folder for the hub's files (default: removed at the end)."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as one JSON object.")
    ] = False,
) -> None:
    """Run a scenario with bots for all parties.

    Starts a hub for this run and real agents in exercise mode, plays the time line, and measures
    the objectives from the ledger. Exits with 1 if an objective was missed.
    """
    plan = _read(scenario)
    from stemtide.exercises.play import run
    from stemtide.exercises.results import files
    from stemtide.exercises.results.stored import ResultFile
    from stemtide.exercises.stage import DemoError

    progress = run.Progress(plan)
    try:
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)  # fail before an exercise of an hour
        result = run.run(
            plan,
            speed=speed,
            seed=seed,
            folder=folder,
            on_step=(lambda _: None) if as_json else progress.show,
        )
        progress.end()
        content = ResultFile.model_validate(result)
        if out is not None:
            files.write(out, content, today=datetime.now(UTC).date())
    except DemoError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename or 'a file of the exercise'} cannot be used: {error.strerror}")
    print(content.model_dump_json() if as_json else files.summary(content))
    raise typer.Exit(0 if content.met == len(content.objectives) else 1)


@exercise.command("spread")
def simulate_spread(
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same curve.")] = 1,
    services: Annotated[int, typer.Option(min=1, max=100_000, help="How many services.")] = 1000,
    agents: Annotated[
        int, typer.Option(min=0, max=100, help="How many have an agent, largest first.")
    ] = 1,
    hours: Annotated[int, typer.Option(min=1, max=168, help="How long.")] = 24,
    match_percent: Annotated[
        float, typer.Option(min=0, max=100, help="Copies of a known variant that agents match.")
    ] = 81,
    first_signal_min: Annotated[
        float, typer.Option(min=0, help="Minutes until the first signal can travel.")
    ] = 60,
    svg: Annotated[Path | None, typer.Option(help="Where to draw the curves.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the curves as one JSON object.")
    ] = False,
) -> None:
    """Simulate how copies spread over services, with agents and without.

    A model by itself, without a hub. Its defaults give the published figures of March 2019.
    """
    if agents > services:
        fail(f"--agents {agents} are more than --services {services}: lower it", code=2)
    from stemtide.exercises.spread import comparison
    from stemtide.exercises.spread.model import SpreadPlan

    plan = SpreadPlan(
        services=services,
        agents=agents,
        hours=hours,
        match_rate=match_percent / 100,
        first_signal=first_signal_min,
    )
    result = comparison.compare(plan, seed=seed)
    if svg is not None:
        try:
            svg.write_text(comparison.picture(result), "utf-8")
        except OSError as error:
            fail(f"{svg} cannot be written: {error.strerror}")
    print(json.dumps(result) if as_json else comparison.summary(result))


def _read(reference: str) -> "Scenario":
    """Return a scenario; end the command with its problems if it has any."""
    from stemtide.scenarios import reader

    try:
        return reader.read(reference)
    except reader.ScenarioError as error:
        fail(str(error), code=2)
