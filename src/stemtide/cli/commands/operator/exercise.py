# SPDX-License-Identifier: Apache-2.0
"""stemtide exercise: list and check scenarios."""

from dataclasses import asdict
from typing import Annotated

import typer

from stemtide.cli.output import AsJson, print_note, print_result

exercise = typer.Typer(
    no_args_is_help=True, help="Exercises: rehearse a crisis by a scenario. See docs/use/exercises."
)


@exercise.command("list")
def list_scenarios(as_json: AsJson = False) -> None:
    """List the scenarios that ship with the program."""
    from stemtide.exercises.scenarios import reader

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
    """Check scenarios: print every problem with its file, table, key and remedy.

    Exits with 1 if there is a problem.
    """
    from stemtide.exercises.scenarios import reader

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
