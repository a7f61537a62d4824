# SPDX-License-Identifier: Apache-2.0
"""Statements of reasons in files: read from CSV, JSON or JSON lines."""

import csv
import io
import json

from stemtide.protocol.dsa import fields

BETWEEN = "|"
"""Stands between the words of one cell of a CSV file."""


class StatementFileError(ValueError):
    """A file cannot be read as statements at all; names the line and the remedy."""


def read_statements(text: str, *, form: str) -> list[object]:
    """The statements in a file's text, unchecked.

    form:   csv (a heading with names of fields; words of one cell with | between them), json (a
            list, or a call's body), jsonl (one statement a line).
    raises: StatementFileError naming the line, where the file is none of that form.
    """
    text = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    if form == "csv":
        return list(_read_csv(text))
    if form == "json":
        return _read_json(text)
    if form == "jsonl":
        return [_parse(line, row) for row, line in enumerate(text.splitlines(), 1) if line.strip()]
    raise StatementFileError(f"{form!r} is no form of statements: take csv, json or jsonl")


def _read_csv(text: str) -> list[object]:
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    found: list[object] = []
    try:
        for row in rows:
            if None in row or None in row.values():
                raise StatementFileError(
                    f"line {rows.line_num}: has not as many cells as the heading: quote texts"
                )
            found.append({name: _cell(name, told) for name, told in row.items() if told != ""})
    except csv.Error as error:
        raise StatementFileError(f"line {rows.line_num}: is no CSV ({error})") from error
    if rows.fieldnames is None:
        raise StatementFileError("line 1: is empty: write the names of the fields there")
    return found


def _cell(name: str, told: str) -> object:
    """A cell as the field takes it: a list, where the field holds several words."""
    rule = fields().get(name, {})
    if rule.get("kind") == "words":
        return [one.strip() for one in told.split(BETWEEN)]
    return {"EAN-13": told} if name == "content_id" else told


def _read_json(text: str) -> list[object]:
    told = _parse(text, 1)
    if isinstance(told, dict) and set(told) == {"statements"}:
        told = told["statements"]
    if not isinstance(told, list):
        raise StatementFileError(
            'line 1: is no list of statements: write [ … ] or {"statements": [ … ]}'
        )
    return told


def _parse(text: str, row: int) -> object:
    """JSON; a depth that no statement has is refused like any other nonsense."""
    try:
        found: object = json.loads(text)
    except json.JSONDecodeError as error:
        raise StatementFileError(
            f"line {row + error.lineno - 1}: is no JSON: {error.msg}"
        ) from error
    except RecursionError as error:
        raise StatementFileError(f"line {row}: is nested too deeply") from error
    return found
