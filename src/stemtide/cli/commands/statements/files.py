# SPDX-License-Identifier: Apache-2.0
"""Read files of statements, and print their problems."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from stemtide.cli.output import fail, print_result

if TYPE_CHECKING:
    from stemtide.protocol.law.dsa.statements import RowProblem


def read_file(source: Path) -> list[object]:
    """Return the statements of a file; end the command if it cannot be read."""
    from stemtide.protocol.law.dsa.files import StatementFileError, read_statements

    try:
        text = source.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{source} cannot be read: {error}", code=2)
    try:
        return read_statements(text, form=source.suffix.removeprefix(".").lower())
    except StatementFileError as error:
        fail(f"{source}: {error}", code=2)


def print_problems(problems: "Iterable[RowProblem]", *, as_json: bool) -> None:
    """Print each problem with its row and field."""
    for problem in problems:
        name, message = problem.problem.name, problem.problem.message
        row: dict[str, object] = {"row": problem.row, "field": name, "message": message}
        print_result(row, as_json=as_json, line=f"row {problem.row}  {name}: {message}")
