# SPDX-License-Identifier: Apache-2.0
"""Read the law's data: one TOML file for each form, framework or state machine."""

import tomllib
from collections.abc import Iterable, Iterator
from importlib.resources import files
from typing import TypeVar

from pydantic import BaseModel, ValidationError

_Model = TypeVar("_Model", bound=BaseModel)


def toml_texts(package: str) -> Iterator[tuple[str, str]]:
    """Yield the name and text of each TOML file of a package, by name."""
    for entry in sorted(files(package).iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".toml"):
            yield entry.name.removesuffix(".toml"), entry.read_text("utf-8")


def read_toml(
    model: type[_Model],
    text: str,
    *,
    name: str,
    noun: str,
    error: type[Exception],
    named: Iterable[str] = (),
) -> _Model:
    """Parse a file.

    noun, error: what its errors call it, and their class. named: tables of the file whose rows
    get their key as name.

    raises: an error of that class, naming the file.
    """
    try:
        raw = tomllib.loads(text)
        for part in named:
            for key, row in raw.get(part, {}).items():
                row["name"] = key
        return model.model_validate(raw | {"name": name})
    except tomllib.TOMLDecodeError as cause:
        raise error(f"{noun} {name}: {name}.toml is no TOML: {cause}") from cause
    except ValidationError as cause:
        where, message = _first_fault(cause)
        raise error(
            f"{noun} {name}: in {name}.toml {f'at {where}: ' if where else ''}{message}"
        ) from cause


def read_tables(
    model: type[_Model], text: str, *, name: str, error: type[Exception]
) -> dict[str, _Model]:
    """Parse a file of tables of one kind, by their keys.

    name: of the file. raises: an error of that class, naming the file and the table.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as cause:
        raise error(f"{name} is no TOML: {cause}") from cause
    rows = {}
    for key, table in tables.items():
        try:
            rows[key] = model.model_validate(table)
        except ValidationError as cause:
            where, message = _first_fault(cause, key)
            raise error(f"{name}: {where}: {message}") from cause
    return rows


def _first_fault(error: ValidationError, *path: str) -> tuple[str, str]:
    """Return where the first fault is, below a path, and what it is."""
    first = error.errors()[0]
    where = ".".join(map(str, (*path, *first["loc"])))
    return where, first["msg"].removeprefix("Value error, ")
