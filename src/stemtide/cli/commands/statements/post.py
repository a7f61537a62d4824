# SPDX-License-Identifier: Apache-2.0
"""Post the statements of a file: lint, post, and report the outcome of each."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from stemtide.agent.config.transparency import database_address
from stemtide.agent.config.values import bearer_token
from stemtide.agent.outbox.transparency import DatabaseError, StatementPoster, TransparencyDatabase
from stemtide.cli.commands.statements.files import print_problems
from stemtide.cli.commands.statements.journal import FileJournal, JournalError
from stemtide.cli.output import fail, print_note, print_result
from stemtide.protocol.law.dsa.statements import lint_all

Row = tuple[int, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class PostOptions:
    """Options of the command."""

    to: str
    token_file: Path
    journal: Path
    tries: int
    dry_run: bool


def send(rows: Sequence[object], options: PostOptions, *, as_json: bool) -> None:
    """Post valid statements that the database does not have. Exits with 1 if any is left."""
    api, token = _checked(options)
    problems = list(lint_all(rows))
    print_problems(problems, as_json=as_json)
    wrong = {problem.row for problem in problems}
    sound = [
        (row, entry)
        for row, entry in enumerate(rows, 1)
        if row not in wrong and isinstance(entry, Mapping)
    ]
    trouble = ""
    try:
        if options.dry_run and not options.journal.exists():
            _print_plan(len(sound), there=0, wrong=len(wrong), api=api)
            return
        with FileJournal(options.journal, api=api) as journal:
            there = set(journal.uuids)
            left = [entry for _, entry in sound if entry["puid"] not in there]
            if options.dry_run:
                _print_plan(len(left), there=len(sound) - len(left), wrong=len(wrong), api=api)
                return
            try:
                asyncio.run(_post(left, api=api, token=token, journal=journal, tries=options.tries))
            except DatabaseError as error:
                trouble = str(error)
            is_done = _print_end(sound, journal=journal, before=there, as_json=as_json)
    except JournalError as error:
        fail(str(error))
    if trouble:
        fail(f"{trouble}. Run the command again: no statement is posted twice.")
    if wrong or not is_done:
        raise typer.Exit(1)


def _checked(options: PostOptions) -> tuple[str, str]:
    """Return address and token; end the command if either is invalid."""
    try:
        api = database_address(options.to)
    except ValueError as error:
        fail(f"--to {error}", code=2)
    try:
        return api, bearer_token(options.token_file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        fail(f"--token-file {options.token_file} cannot be read: {error}", code=2)
    except ValueError as error:
        fail(f"--token-file {options.token_file} {error}", code=2)


async def _post(
    left: Sequence[Mapping[str, Any]], *, api: str, token: str, journal: FileJournal, tries: int
) -> None:
    async with TransparencyDatabase(api, token=token) as database:
        unsure = set(journal.sending)
        await StatementPoster(database, journal, unsure=unsure, tries=tries).post(left)


def _print_plan(left: int, *, there: int, wrong: int, api: str) -> None:
    """Print the outcome of a dry run. Exits with 1 if a statement has problems."""
    print_note(
        f"{left:,} statements would be sent to {api}, {there:,} are there already,"
        f" {wrong:,} have problems. Nothing was sent."
    )
    if wrong:
        raise typer.Exit(1)


def _print_end(
    sound: Sequence[Row], *, journal: FileJournal, before: set[str], as_json: bool
) -> bool:
    """Print the outcome of each statement. returns: whether the database has all of them."""
    counts = {"posted": 0, "there": 0, "refused": 0, "left": 0}
    for row, statement in sound:
        puid = statement["puid"]
        state = _state(puid, journal=journal, before=before)
        counts[state] += 1
        outcome = {"row": row, "puid": puid, "state": state, "uuid": journal.uuids.get(puid, "")}
        if state == "refused":
            for remark in journal.remarks[puid]:
                more = {"field": remark.name, "message": remark.words}
                print_result(outcome | more, as_json=as_json, line=f"row {row}  refused, {remark}")
        else:
            print_result(
                outcome, as_json=as_json, line=f"row {row}  {state}  {outcome['uuid']}".rstrip()
            )
    print_note(
        f"{counts['posted']:,} statements posted, {counts['there']:,} were there,"
        f" {counts['refused']:,} refused, {counts['left']:,} left."
    )
    return not (counts["refused"] or counts["left"])


def _state(puid: str, *, journal: FileJournal, before: set[str]) -> str:
    """Return the outcome of one statement, as a word."""
    if puid in before:
        return "there"
    if puid in journal.uuids:
        return "posted"
    return "refused" if puid in journal.remarks else "left"
