# SPDX-License-Identifier: Apache-2.0
"""Output of commands: results to stdout, messages to stderr, exit codes 0, 1 and 2."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, NoReturn

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]


def print_note(words: str) -> None:
    """Print a message for people on stderr."""
    print(words, file=sys.stderr, flush=True)


def print_result(row: dict[str, object], *, as_json: bool, line: str) -> None:
    """Print one result on stdout: as a JSON line, or as text for people."""
    print(json.dumps(row, ensure_ascii=False, default=str) if as_json else line, flush=True)


def fail(words: str, *, code: int = 1) -> NoReturn:
    """End the command with an error message on stderr, which names the remedy."""
    print_note(f"stemtide: {words}")
    raise typer.Exit(code)


@contextmanager
def fail_on(*errors: type[Exception]) -> Iterator[None]:
    """End the command with one line on stderr and exit code 1 if one of these errors is raised."""
    try:
        yield
    except errors as error:
        fail(" ".join(str(error).split()) or type(error).__name__)
