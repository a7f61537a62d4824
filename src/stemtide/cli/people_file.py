# SPDX-License-Identifier: Apache-2.0
"""Read a file of people: CSV with a header line, or JSON."""

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stemtide.hub.rooms.parties.writes.people import NewPerson

_COLUMNS = {"email", "role", "name"}
_REQUIRED = ("email", "role")
_MAX_BYTES = 1_000_000


class PeopleFileError(ValueError):
    """A file cannot be read as a list of people. The text names the row and the remedy."""


def read_people(path: Path) -> "list[NewPerson]":
    """Return the people of a file. Rows of CSV are numbered as its lines, of JSON from 1 on.

    raises: OSError, PeopleFileError.
    """
    from stemtide.hub.rooms.parties.writes.people import NewPerson

    if path.stat().st_size > _MAX_BYTES:
        raise PeopleFileError(f"{path} has more than a megabyte: split it")
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PeopleFileError(f"{path} is not UTF-8: save it as such") from error
    rows = _from_json(text) if path.suffix.lower() == ".json" else _from_csv(text)
    return [NewPerson(number=number, **_fields(row, number=number)) for number, row in rows]


def _from_csv(text: str) -> Iterable[tuple[int, dict[object, object]]]:
    """Yield the rows of CSV with their lines. raises: PeopleFileError."""
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        missing = [name for name in _REQUIRED if name not in (reader.fieldnames or ())]
        if missing:
            raise PeopleFileError(
                f"the first line lacks the column {missing[0]}: write email,role,name"
            )
        for row in reader:
            yield reader.line_num, dict(row)
    except csv.Error as error:
        raise PeopleFileError(f"row {reader.line_num}: is not CSV: {error}") from error


def _from_json(text: str) -> Iterable[tuple[int, dict[object, object]]]:
    """Yield the objects of a JSON list with their numbers. raises: PeopleFileError."""
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PeopleFileError(f"the file is not JSON: {error}") from error
    if not isinstance(rows, list):
        raise PeopleFileError('the file is no list: write [{"email": …, "role": …}]')
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise PeopleFileError(f'row {number}: is no object: write {{"email": …, "role": …}}')
        yield number, row


def _fields(row: dict[object, object], *, number: int) -> dict[str, str]:
    """Return the fields of a row. raises: PeopleFileError."""
    fields: dict[str, str] = {}
    for name, value in row.items():
        if name not in _COLUMNS:
            named = "a value without a column" if name is None else f"the column {name}"
            raise PeopleFileError(
                f"row {number}: has {named}; known are {', '.join(sorted(_COLUMNS))}"
            )
        if value is not None and not isinstance(value, str):
            raise PeopleFileError(f"row {number}: {name}: should be text in quotes")
        fields[str(name)] = (value or "").strip()
    for name in _REQUIRED:
        if not fields.get(name):
            raise PeopleFileError(f"row {number}: {name}: is missing")
    return fields
