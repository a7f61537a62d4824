# SPDX-License-Identifier: Apache-2.0
"""Files of statements as the commands read them, and how their problems are told."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from stemtide.cli.output import fail, give

if TYPE_CHECKING:
    from stemtide.protocol.law.dsa.statements import RowProblem


def read_file(source: Path) -> list[object]:
    """The statements of a file; what cannot be read ends the command."""
    from stemtide.protocol.law.dsa.files import StatementFileError, read_statements

    try:
        text = source.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{source} cannot be read: {error}", code=2)
    try:
        return read_statements(text, form=source.suffix.removeprefix(".").lower())
    except StatementFileError as error:
        fail(f"{source}: {error}", code=2)


def tell_problems(found: "Iterable[RowProblem]", *, as_json: bool) -> None:
    """Hand out each problem with its row and field."""
    for one in found:
        name, message = one.problem.name, one.problem.message
        row: dict[str, object] = {"row": one.row, "field": name, "message": message}
        give(row, as_json=as_json, line=f"row {one.row}  {name}: {message}")
