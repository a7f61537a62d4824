# SPDX-License-Identifier: Apache-2.0
"""Read scenarios: those that ship, and files of others. Every problem is listed, not the first."""

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from stemtide.scenarios import acts, schema
from stemtide.scenarios.acts import ACTS
from stemtide.scenarios.checks import Mistake, check

MAX_BYTES = 1_000_000
"""Largest file of a scenario."""

_SUFFIXES = (".toml", ".json")
_PACKAGE = "stemtide.scenarios"
_PATTERNS = {
    schema.URL_PATTERN: "is no web address: begin it with https://",
    schema.PAGE_PATTERN: "is no page of the desk: write its path, such as /crises/{crisis}",
    schema.KIND_PATTERN: "is no kind of ledger entry, such as crisis.warned",
    acts.PRINTABLE_PATTERN: "has a control character, such as a line break: remove it",
    acts.NAME_PATTERN: "is no name: use lower-case letters, digits and inner hyphens, 59 at most",
}


def _printable(text: str) -> str:
    """Return a text with question marks for unprintable characters."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


@dataclass(frozen=True, slots=True)
class ScenarioProblem:
    """A problem of a scenario. table: with the name of its row; key: "" for the whole row."""

    file: str
    table: str
    key: str
    message: str

    @classmethod
    def of(cls, file: str, *, table: str = "", key: str = "", message: str) -> "ScenarioProblem":
        """Return a problem without codes a terminal would obey: the file may be a stranger's."""
        return cls(*(_printable(text) for text in (file, table, key, message)))

    def __str__(self) -> str:
        """Return one line: file, table, key, problem and remedy."""
        where = ", ".join(part for part in (self.table, self.key) if part)
        return f"{self.file}: {where}: {self.message}" if where else f"{self.file}: {self.message}"


class ScenarioError(Exception):
    """A scenario cannot be used. problems: all that were found, in the order of the file."""

    def __init__(self, problems: Sequence[ScenarioProblem]) -> None:
        """Keep the problems."""
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def shipped() -> list[str]:
    """Return the names of the scenarios that ship with the program, in order."""
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in files(_PACKAGE).iterdir()
        if entry.name.endswith(".toml")
    )


def read(reference: str) -> schema.Scenario:
    """Return a scenario: one that ships, by its name, or a file, by its path.

    raises: ScenarioError with every problem.
    """
    is_shipped = reference in shipped()
    file = f"{reference}.toml" if is_shipped else Path(reference).name
    return parse(text_of(reference), file=file)


def text_of(reference: str) -> str:
    """Return the text of a scenario, not checked. raises: ScenarioError."""
    if reference in shipped():
        return files(_PACKAGE).joinpath(f"{reference}.toml").read_text("utf-8")
    path = Path(reference)
    if path.suffix not in _SUFFIXES:
        names = ", ".join(shipped())
        raise _whole(
            reference,
            f"there is no such scenario: use a path that ends in .toml or .json, or one of {names}",
        )
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        text = raw.decode("utf-8")
    except OSError as error:
        raise _whole(str(path), f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _whole(str(path), "is not UTF-8: save it as UTF-8") from error
    if len(raw) > MAX_BYTES:
        raise _whole(str(path), f"has more than {MAX_BYTES:,} bytes: make texts shorter")
    return text


def _whole(file: str, message: str) -> ScenarioError:
    """Return the error of a file as a whole."""
    return ScenarioError([ScenarioProblem.of(file, message=message)])


def parse(text: str, *, file: str) -> schema.Scenario:
    """Parse and check the text of a scenario. file: its name, from which the scenario has its own.

    raises: ScenarioError with every problem.
    """
    raw = _load(text, file=file)
    try:
        scenario = schema.Scenario.model_validate({"name": Path(file).stem} | raw)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        details = [detail for detail in problems if not _is_echo(detail, problems)]
        raise ScenarioError([_problem(file, raw, detail) for detail in details]) from error
    if findings := list(check(scenario)):
        raise ScenarioError([_named(file, finding) for finding in findings])
    return scenario


def _load(text: str, *, file: str) -> dict[str, Any]:
    """Return the tables of a file, of TOML or JSON. raises: ScenarioError."""
    language = "JSON" if file.endswith(".json") else "TOML"
    try:
        raw = json.loads(text) if language == "JSON" else tomllib.loads(text)
    except ValueError as error:  # also of TOML
        raise _whole(file, f"is no {language}: {error}") from error
    except RecursionError as error:
        raise _whole(file, "is nested too deeply: remove what is no key of a scenario") from error
    if not isinstance(raw, dict):
        raise _whole(file, "is no scenario: write one JSON object with its keys")
    return raw


def _named(file: str, finding: Mistake) -> ScenarioProblem:
    return ScenarioProblem.of(file, table=finding.table, key=finding.key, message=finding.message)


def _problem(file: str, raw: dict[str, Any], detail: ErrorDetails) -> ScenarioProblem:
    """Return a problem of the schema with the table and the key where the file has it."""
    where = [part for part in detail["loc"] if part != "do"]
    table = ""
    if where and where[0] in {"injects", "rules", "objectives", "sources"} and len(where) > 1:
        table = _row_title(raw, str(where[0]), int(where[1]))
        where = where[2:]
    elif where and where[0] in {"cast", "content"} and len(where) > 1:
        table = f"[{where[0]}.{where[1]}]"
        where = where[2:]
    elif where[:2] == ["lesson", "hints"] and len(where) > 2:  # noqa: PLR2004 - a row of it
        table, where = f"[[lesson.hints]] {int(where[2]) + 1}", where[3:]
    elif where and where[0] == "lesson" and len(where) > 1:
        table, where = "[lesson]", where[1:]
    if where and where[0] in ACTS:
        where = where[1:]
    key = ".".join(str(part) for part in where if part != "[key]")
    return ScenarioProblem.of(file, table=table, key=key, message=_message(detail, key=key))


def _is_echo(detail: ErrorDetails, details: Sequence[ErrorDetails]) -> bool:
    """Whether a list counts as empty only because its rows have problems of their own."""
    place = detail["loc"]
    within = (other["loc"] for other in details if len(other["loc"]) > len(place))
    return detail["type"] == "too_short" and any(loc[: len(place)] == place for loc in within)


def _row_title(raw: dict[str, Any], table: str, number: int) -> str:
    """Return the table of a row with its number and name, such as "[[rules]] 2 (warn)"."""
    row = raw[table][number] if isinstance(raw.get(table), list) else None
    name = row.get("name") if isinstance(row, dict) else None
    return f"[[{table}]] {number + 1}" + (f" ({name})" if name else "")


def _message(detail: ErrorDetails, *, key: str) -> str:
    """Return the fault and its remedy."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(detail, key=key)
    if kind == "union_tag_invalid":
        return f"there is no act {context['tag']}: use {_closest(context['tag'], ACTS)}"
    if kind == "union_tag_not_found":
        return "act is missing: say what is done"
    if kind == "missing":
        return "is missing: add it"
    if kind == "string_pattern_mismatch":
        return f"{detail['input']} {_PATTERNS[context['pattern']]}"
    return detail["msg"].removeprefix("Value error, ")


def _unknown_key(detail: ErrorDetails, *, key: str) -> str:
    """Return the message about a key that its table does not have."""
    last = key.rpartition(".")[2]
    keys = _keys(detail)
    near = get_close_matches(last, keys, n=1)
    remedy = f"did you mean {near[0]}?" if near else f"use {', '.join(sorted(keys))}"
    return f"there is no such key here: remove it, or {remedy}"


def _keys(detail: ErrorDetails) -> set[str]:
    """Return the keys of the table that has an unknown key."""
    where = detail["loc"]
    rows: dict[object, set[str]] = {
        "injects": set(schema.Inject.model_fields),
        "rules": set(schema.BotRule.model_fields),
        "objectives": set(schema.Objective.model_fields),
        "sources": set(schema.ScenarioSource.model_fields),
        "cast": set(schema.CastMember.model_fields),
        "content": set(schema.ScenarioContent.model_fields),
        "lesson": set((schema.Hint if "hints" in where else schema.Lesson).model_fields),
    }
    if len(where) == 1:
        return set(schema.Scenario.model_fields) - {"name"}
    keys = rows.get(where[0], set()) - {"do"}
    acts = [part for part in where[1:] if part in ACTS]
    return keys | (set(ACTS[str(acts[0])].model_fields) if acts else set())


def _closest(name: str, names: "Sequence[str] | dict[str, Any]") -> str:
    """Return the names that are meant most likely, or all."""
    return " or ".join(get_close_matches(name, names, n=2)) or ", ".join(sorted(names))
