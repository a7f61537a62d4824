# SPDX-License-Identifier: Apache-2.0
"""How the commands speak: results to stdout, talk to stderr, exit 0 done, 1 not done, 2 misused."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer


def tell(words: str) -> None:
    """Talk to the person at the terminal, on stderr."""
    print(words, file=sys.stderr, flush=True)


def give(row: dict[str, object], *, as_json: bool, line: str) -> None:
    """Hand out one result on stdout: a JSON object a line, or a line for people."""
    print(json.dumps(row, ensure_ascii=False, default=str) if as_json else line, flush=True)


def fail(words: str, *, code: int = 1) -> NoReturn:
    """End the command: say what is wrong and what to do about it."""
    tell(f"stemtide: {words}")
    raise typer.Exit(code)


@contextmanager
def told(*errors: type[Exception]) -> Iterator[None]:
    """Turn expected errors into one line on stderr and exit code 1."""
    try:
        yield
    except errors as error:
        fail(" ".join(str(error).split()) or type(error).__name__)
