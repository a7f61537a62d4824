# SPDX-License-Identifier: Apache-2.0
"""Output of commands: results to stdout, messages to stderr, exit codes 0 to 3."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, NoReturn, TextIO

import typer

WAITS = 3
"""Exit code of a command whose act is kept but waits for a second look."""

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]


_KEPT = frozenset("\n\t\u00a0\u202f\u200c\u200d")
"""What Python does not call printable, and texts are written with: blanks and joiners."""


def printable(text: str) -> str:
    """Return a text with escapes for what would steer a terminal, in names that others chose."""
    return "".join(
        part if part.isprintable() or part in _KEPT else ascii(part)[1:-1] for part in text
    )


def one_line(text: str) -> str:
    """Return a text in one line, without control characters."""
    return printable(text).replace("\n", "\\n")


def print_note(words: str) -> None:
    """Print a message for people on stderr."""
    print(printable(words), file=sys.stderr, flush=True)


def print_result(
    row: dict[str, object], *, as_json: bool, line: str, file: TextIO | None = None
) -> None:
    """Print one result: as a JSON line, or as text for people. file: None for stdout."""
    text = json.dumps(row, ensure_ascii=False, default=str) if as_json else printable(line)
    print(text, file=file, flush=True)


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
