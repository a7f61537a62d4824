# SPDX-License-Identifier: Apache-2.0
"""stemtide statement: statements of reasons for the DSA Transparency Database."""

import json
from pathlib import Path
from typing import Annotated

import typer

from stemtide.cli.commands.statements.files import print_problems, read_file
from stemtide.cli.output import AsJson, fail, print_note

statement = typer.Typer(
    no_args_is_help=True, help="Statements of reasons for the DSA Transparency Database."
)

Source = Annotated[
    Path, typer.Argument(metavar="FILE", help="Statements: a .csv, .json or .jsonl file.")
]


@statement.command("lint")
def lint_file(source: Source, as_json: AsJson = False) -> None:
    """Check the statements of a file. Exits with 1 if there are problems."""
    from stemtide.protocol.law.dsa.statements import lint_all

    rows = read_file(source)
    problems = list(lint_all(rows))
    print_problems(problems, as_json=as_json)
    print_note(
        f"{len(rows):,} statements, {len({problem.row for problem in problems}):,} with problems."
    )
    if problems:
        raise typer.Exit(1)


@statement.command("batch")
def batch_file(
    source: Source,
    out: Annotated[Path, typer.Option("--out", help="Folder to write to; created if missing.")],
    as_json: AsJson = False,
) -> None:
    """Write the statements of a file as request bodies of 100 each. Skips invalid ones."""
    write_batches(read_file(source), out=out, as_json=as_json)


@statement.command("post")
def post_file(
    source: Source,
    to: Annotated[str, typer.Option("--to", help="HTTPS address of the database.")],
    token_file: Annotated[
        Path, typer.Option("--token-file", help="A file with your token of that database.")
    ],
    journal: Annotated[
        Path | None,
        typer.Option(help="Journal of sent statements. Default: FILE.journal."),
    ] = None,
    tries: Annotated[
        int, typer.Option(min=1, max=100, help="Attempts per request, with growing delays.")
    ] = 8,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be sent, and send nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Post the statements of a file to the Transparency Database.

    Each is sent once, 100 per request. Invalid statements are skipped and listed. A journal records
    those that were sent: after a failure, run the same command again, and the ones that the
    database has are not sent twice.
    """
    from stemtide.cli.commands.statements.post import PostOptions, send

    sending = PostOptions(to, token_file, journal or Path(f"{source}.journal"), tries, dry_run)
    send(read_file(source), sending, as_json=as_json)


def write_batches(rows: list[object], *, out: Path, as_json: bool) -> None:
    """Write the valid statements in batches. Exits with 1 if any was left out."""
    from stemtide.protocol.law.dsa.statements import batches, lint_all

    problems = list(lint_all(rows))
    wrong = {problem.row for problem in problems}
    sound = [
        entry for row, entry in enumerate(rows, 1) if row not in wrong and isinstance(entry, dict)
    ]
    print_problems(problems, as_json=as_json)
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.glob("statements-*.json")):
            fail(f"{out} has batches already: name another folder, or empty it", code=2)
        for number, body in enumerate(batches(sound), 1):
            path = out / f"statements-{number:04d}.json"
            path.write_text(json.dumps(body, ensure_ascii=False, indent=1) + "\n", "utf-8")
            print_note(f"{path}: {min(100, len(sound) - 100 * (number - 1))} statements.")
    except OSError as error:
        fail(f"{out} cannot be written: {error}")
    print_note(
        f"{len(sound):,} statements written, {len(wrong):,} left out. Nothing was sent anywhere."
    )
    if wrong:
        raise typer.Exit(1)
