# SPDX-License-Identifier: Apache-2.0
"""stemtide exercise compare, report, export, import, action and note: results and what follows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemtide.cli.output import AsJson, fail, fail_on, print_note, print_result

if TYPE_CHECKING:
    from stemtide.exercises.results.stored import FollowUp, ResultFile

action = typer.Typer(no_args_is_help=True, help="Follow-up actions with owners and dates.")
note = typer.Typer(no_args_is_help=True, help="Observations of people, with their minute.")

ResultPath = Annotated[Path, typer.Argument(help="result.json of an exercise.", metavar="RESULT")]
ResultPaths = Annotated[
    list[Path], typer.Argument(help="result.json of each exercise.", metavar="RESULT…")
]
ActionText = Annotated[str, typer.Argument(help="What is to be done.", metavar="TEXT")]
NoteText = Annotated[str, typer.Argument(help="What was seen.", metavar="TEXT")]


def _today() -> date:
    return datetime.now(UTC).date()


@contextmanager
def _failing() -> Iterator[None]:
    """End the command with the message of a file that cannot be used."""
    from stemtide.exercises.results.stored import ResultError
    from stemtide.scenarios.reader import ScenarioError

    with fail_on(ResultError, OSError):
        try:
            yield
        except ScenarioError as error:
            fail(str(error), code=1)


def compare_results(
    files: Annotated[
        list[Path], typer.Argument(help="result.json of each exercise, oldest first.")
    ],
    as_json: AsJson = False,
) -> None:
    """Compare results of the same scenario.

    Prints each figure that differs, and the actions of these exercises that are not done.
    """
    from stemtide.exercises.results import comparison, follow_up, stored

    if len(files) == 1:
        fail("one result cannot be compared: name two or more", code=2)
    with _failing():
        results = [stored.read(file) for file in files]
        rows = comparison.compare(results)
    for row in rows:
        print_result(asdict(row), as_json=as_json, line=f"{row.title}: {' → '.join(row.texts)}")
    if not rows and not as_json:
        print_note("All figures are equal.")
    for result, open_action in follow_up.open_actions(results):
        _print_action(open_action, result=result, as_json=as_json)


def list_results(folder: Path, *, as_json: bool) -> None:
    """List the results below a folder, oldest first, with actions that are not done."""
    from stemtide.exercises.results import follow_up, stored

    rows: list[tuple[Path, ResultFile]] = []
    for path in sorted(folder.rglob("*.json")):
        try:
            rows.append((path, stored.read(path)))
        except stored.ResultError as error:
            print_note(f"stemtide: left out: {error}")
    for path, result in sorted(rows, key=lambda row: (str(row[1].played_at or ""), row[0])):
        played = result.played_at.strftime("%Y-%m-%d") if result.played_at else "undated"
        waiting = [row for _, row in follow_up.open_actions([result])]
        late = [row for row in waiting if row.is_overdue(_today())]
        fields: dict[str, object] = {
            "file": str(path),
            "scenario": result.scenario,
            "played_at": result.played_at,
            "seed": result.seed,
            "met": result.met,
            "objectives": len(result.objectives),
            "open_actions": len(waiting),
            "overdue_actions": len(late),
        }
        met = f"{result.met} of {len(result.objectives)} objectives met"
        actions = f"{len(waiting)} actions open, {len(late)} overdue"
        line = f"{played}  {result.scenario}, seed {result.seed}: {met}; {actions} ({path})"
        print_result(fields, as_json=as_json, line=line)
        if not as_json:
            for row in late:
                _print_action(row, result=result, as_json=False)


def write_report(
    result: ResultPath,
    out: Annotated[
        Path | None, typer.Option(help="Folder (default: that of the result).", metavar="FOLDER")
    ] = None,
) -> None:
    """Write the pages of a result anew.

    debrief.html is for all who took part, party-NAME.html for that party alone, report.pdf and
    figures.csv for those who led the exercise.
    """
    from stemtide.exercises.results import files, stored

    folder = out or result.parent
    with _failing():
        content = stored.read(result)
        folder.mkdir(parents=True, exist_ok=True)
        files.write_pages(folder, content, today=_today())
    print_note(f"The pages are in {folder}.")


def export_file(
    source: Annotated[
        str,
        typer.Argument(help="A scenario, by name or file, or a result.json.", metavar="SOURCE"),
    ],
    to: Annotated[Path, typer.Option(help="The new file: .toml, .json or .csv.", metavar="FILE")],
    table: Annotated[str, typer.Option(help="Table of a result for .csv.")] = "figures",
    full: Annotated[
        bool, typer.Option("--full", help="Also what concerns single parties.")
    ] = False,
) -> None:
    """Export a scenario or a result as a file for others.

    A result is written without what concerns single parties, such as their delays.
    """
    from stemtide.exercises.results import exchange

    if table not in set(exchange.ResultTable):
        fail(f"there is no table {table}: use {', '.join(exchange.ResultTable)}", code=2)
    with _failing():
        exchange.export(source, to, table=exchange.ResultTable(table), is_full=full)
    print_note(f"Written to {to}.")


def import_files(
    files: Annotated[
        list[Path], typer.Argument(help="Scenarios or results of others.", metavar="FILE…")
    ],
    to: Annotated[Path, typer.Option(help="Folder to store them in.", metavar="FOLDER")],
) -> None:
    """Check files of others and store them in a folder.

    Stores what was checked and nothing else. Overwrites no file.
    """
    from stemtide.exercises.results import exchange

    for file in files:
        with _failing():
            print(exchange.import_file(file, folder=to))


@action.command("add")
def add_action(
    result: ResultPath,
    text: ActionText,
    owner: Annotated[str, typer.Option(help="Who does it: a party of the cast, or a name.")],
    due: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Until when.")],
    private: Annotated[
        bool, typer.Option("--private", help="Only on the page of its owner.")
    ] = False,
) -> None:
    """Add a follow-up action to a result."""
    from stemtide.exercises.results import follow_up

    changed = _change(
        result,
        lambda content: follow_up.add_action(
            content, text, owner=owner, due=due.date(), is_private=private
        ),
    )
    print(changed.actions[-1].number)


@action.command("done")
def finish_action(
    result: ResultPath,
    number: Annotated[int, typer.Argument(help="Number of the action.", metavar="NUMBER")],
) -> None:
    """Mark an action as done today."""
    from stemtide.exercises.results import follow_up

    _change(result, lambda content: follow_up.finish_action(content, number, on=_today()))


@action.command("list")
def list_actions(
    results: ResultPaths,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only those that are late.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the actions of exercises, the first due first."""
    from stemtide.exercises.results import stored

    with _failing():
        contents = [stored.read(result) for result in results]
    rows = [(content, row) for content in contents for row in content.actions]
    for content, row in sorted(rows, key=lambda pair: (pair[1].done_on is not None, pair[1].due)):
        if not overdue or row.is_overdue(_today()):
            _print_action(row, result=content, as_json=as_json)


@note.command("add")
def add_note(
    result: ResultPath,
    text: NoteText,
    at_min: Annotated[float, typer.Option(min=0, help="Minute of the exercise.")],
    by: Annotated[str, typer.Option(help="Who saw it.")],
    about: Annotated[str, typer.Option(help="The party that alone reads it.")] = "",
) -> None:
    """Add an observation to a result."""
    from stemtide.exercises.results import follow_up

    _change(
        result,
        lambda content: follow_up.add_note(content, text, by=by, at_min=at_min, about=about),
    )


def _change(path: Path, change: "Callable[[ResultFile], ResultFile]") -> "ResultFile":
    """Change a result in its file; end the command if that is not possible."""
    from stemtide.exercises.results import stored

    with _failing():
        content = change(stored.read(path))
        stored.write(path, content)
    print_note(f"Written to {path}. Its pages follow with: stemtide exercise report {path}")
    return content


def _print_action(row: "FollowUp", *, result: "ResultFile", as_json: bool) -> None:
    """Print an action with its exercise."""
    from stemtide.exercises.results.report import state_of

    state = state_of(row, today=_today())
    fields = {"scenario": result.scenario, "seed": result.seed, "state": state.lower()}
    print_result(
        fields | row.model_dump(mode="json") | {"is_overdue": row.is_overdue(_today())},
        as_json=as_json,
        line=f"{state}: action {row.number} of {result.scenario}: {row.text}"
        f" ({row.owner}, due {row.due})",
    )
