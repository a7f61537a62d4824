# SPDX-License-Identifier: Apache-2.0
"""stemtide statement: statements of reasons for the DSA Transparency Database."""

import json
from pathlib import Path
from typing import Annotated

import typer

from stemtide.cli.commands.statements.files import read_file, tell_problems
from stemtide.cli.output import fail, tell

statement = typer.Typer(
    no_args_is_help=True, help="Statements of reasons for the DSA Transparency Database."
)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Source = Annotated[
    Path, typer.Argument(metavar="FILE", help="Statements: a .csv, .json or .jsonl file.")
]


@statement.command("lint")
def lint_file(source: Source, as_json: AsJson = False) -> None:
    """Say what is wrong with the statements of a file; exit 1 if anything is."""
    from stemtide.protocol.law.dsa.statements import lint_all

    rows = read_file(source)
    found = list(lint_all(rows))
    tell_problems(found, as_json=as_json)
    tell(f"{len(rows):,} statements, {len({one.row for one in found}):,} with problems.")
    if found:
        raise typer.Exit(1)


@statement.command("batch")
def batch_file(
    source: Source,
    out: Annotated[Path, typer.Option("--out", help="The folder to write to; made if missing.")],
    as_json: AsJson = False,
) -> None:
    """Write a file's statements as bodies of calls, 100 in each. One with problems stays out."""
    write_batches(read_file(source), out=out, as_json=as_json)


@statement.command("post")
def post_file(
    source: Source,
    to: Annotated[str, typer.Option("--to", help="The database's address; https.")],
    token_file: Annotated[
        Path, typer.Option("--token-file", help="A file with your token of that database.")
    ],
    journal: Annotated[
        Path | None,
        typer.Option(help="Where is noted what was sent; FILE.journal where left out."),
    ] = None,
    tries: Annotated[
        int, typer.Option(min=1, max=100, help="How often one call is tried, with growing waits.")
    ] = 8,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent.")] = False,
    as_json: AsJson = False,
) -> None:
    """Post a file's statements to the Transparency Database, 100 a call, each of them once.

    Those with problems stay out and are named. What was sent stands in the journal: run the same
    command again after a failure, and what the database has is not sent again.
    """
    from stemtide.cli.commands.statements.post import Sending, send

    sending = Sending(to, token_file, journal or Path(f"{source}.journal"), tries, dry_run)
    send(read_file(source), sending, as_json=as_json)


def write_batches(rows: list[object], *, out: Path, as_json: bool) -> None:
    """Write those without problems in batches; exit 1 if any stayed out."""
    from stemtide.protocol.law.dsa.statements import batches, lint_all

    found = list(lint_all(rows))
    wrong = {one.row for one in found}
    sound = [one for row, one in enumerate(rows, 1) if row not in wrong and isinstance(one, dict)]
    tell_problems(found, as_json=as_json)
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.glob("statements-*.json")):
            fail(f"{out} holds batches already: name another folder, or empty it", code=2)
        for number, body in enumerate(batches(sound), 1):
            path = out / f"statements-{number:04d}.json"
            path.write_text(json.dumps(body, ensure_ascii=False, indent=1) + "\n", "utf-8")
            tell(f"{path}: {min(100, len(sound) - 100 * (number - 1))} statements.")
    except OSError as error:
        fail(f"{out} cannot be written: {error}")
    tell(f"{len(sound):,} statements written, {len(wrong):,} left out. Nothing was sent anywhere.")
    if wrong:
        raise typer.Exit(1)
