# SPDX-License-Identifier: Apache-2.0
"""Statements of reasons in files: read from CSV, JSON or JSON lines."""

import csv
import io
import json

from stemtide.protocol.law.dsa.statements import fields

BETWEEN = "|"
"""Separator of the values in a CSV cell."""


class StatementFileError(ValueError):
    """A file cannot be parsed as statements. The message names the line and the remedy."""


def read_statements(text: str, *, form: str) -> list[object]:
    """Return the statements in a file's text, unchecked.

    form:   csv (a heading with field names; several values of a cell separated by |), json (a
            list, or a request body), jsonl (one statement a line).
    raises: StatementFileError naming the line that cannot be parsed.
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
    statements: list[object] = []
    try:
        for row in rows:
            if None in row or None in row.values():
                raise StatementFileError(
                    f"line {rows.line_num}: has not as many cells as the heading: quote texts"
                )
            statements.append({name: _cell(name, cell) for name, cell in row.items() if cell != ""})
    except csv.Error as error:
        raise StatementFileError(f"line {rows.line_num}: is no CSV ({error})") from error
    if rows.fieldnames is None:
        raise StatementFileError("line 1: is empty: write the names of the fields there")
    return statements


def _cell(name: str, text: str) -> object:
    """Return a cell as the field takes it: a list if the field takes several values."""
    rule = fields().get(name, {})
    if rule.get("kind") == "words":
        return [value.strip() for value in text.split(BETWEEN)]
    return {"EAN-13": text} if name == "content_id" else text


def _read_json(text: str) -> list[object]:
    body = _parse(text, 1)
    if isinstance(body, dict) and set(body) == {"statements"}:
        body = body["statements"]
    if not isinstance(body, list):
        raise StatementFileError(
            'line 1: is no list of statements: write [ … ] or {"statements": [ … ]}'
        )
    return body


def _parse(text: str, row: int) -> object:
    """Return parsed JSON; JSON that is nested too deeply is refused like any invalid JSON."""
    try:
        parsed: object = json.loads(text)
    except json.JSONDecodeError as error:
        raise StatementFileError(
            f"line {row + error.lineno - 1}: is no JSON: {error.msg}"
        ) from error
    except RecursionError as error:
        raise StatementFileError(f"line {row}: is nested too deeply") from error
    return parsed
