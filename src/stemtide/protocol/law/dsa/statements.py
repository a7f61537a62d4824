# SPDX-License-Identifier: Apache-2.0
"""Statements of reasons for the DSA Transparency Database, checked before submission.

A statement is a mapping of named fields, as the database takes it. Fields, enums and limits are
data in dsa.toml. The lint is stricter than the database: contradictions are refused, not
dropped, and free text with personal data is refused with its position.

source: Regulation (EU) 2022/2065 Art. 17(3) and 24(5).
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from stemtide.protocol.privacy.personal import describe_spans, find_personal

TERRORIST_KEYWORD = "KEYWORD_TERRORIST_CONTENT"
TERRORIST_CATEGORY = "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY"
"""Keyword and category of terrorist content. The keyword is the database's; combining it with this
category is our reading.
"""

_PUID = re.compile(r"[a-zA-Z0-9_-]+")
_EAN = re.compile(r"[0-9]{13}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class StatementProblem:
    """A problem of one field. says: the key of its sentence in dsa.toml; facts: its parameters."""

    name: str
    says: str
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """Return the message in English."""
        return str(_definitions()["says"][self.says]).format(**self.facts)


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A problem and the row that has it, counted from 1."""

    row: int
    problem: StatementProblem


def fields() -> Mapping[str, Mapping[str, Any]]:
    """Return the fields of a statement in order, with the rules of each."""
    rules: Mapping[str, Mapping[str, Any]] = _definitions()["fields"]
    return rules


@cache
def enum_values(enum: str) -> tuple[str, ...]:
    """Return the values of an enumeration, with their prefix."""
    definition = _definitions()["enums"][enum]
    return tuple(definition["prefix"] + value for value in definition["values"])


def lint(statement: object) -> list[StatementProblem]:
    """Return the problems of a statement, by field in the database's order; empty if it is fine.

    1. Fields that the database does not know.
    2. Each field on its own: kind, limit, values; personal data in free text.
    3. Missing fields, and fields that contradict each other.
    """
    if not isinstance(statement, Mapping):
        return [StatementProblem("", "not_object")]
    problems = [
        StatementProblem(str(name), "unknown_field") for name in statement if name not in fields()
    ]
    values = {name: value for name, value in statement.items() if value is not None and value != []}
    for name, rule in fields().items():
        if name in values:
            problems.extend(_check_field(name, values[name], rule))
        problems.extend(_check_relations(name, values, rule))
    for group in _definitions()["any_of"]:
        if not any(name in values for name in group["fields"]):
            first, *_ = group["fields"]
            problems.append(
                StatementProblem(first, "missing_any", {"fields": ", ".join(group["fields"])})
            )
    return problems


def lint_all(statements: Iterable[object]) -> Iterator[RowProblem]:
    """Yield the problems of many statements, including identifiers that two of them share."""
    first_rows: dict[str, int] = {}
    for row, statement in enumerate(statements, 1):
        yield from (RowProblem(row, problem) for problem in lint(statement))
        puid = statement.get("puid") if isinstance(statement, Mapping) else None
        if isinstance(puid, str):
            first = first_rows.setdefault(puid, row)
            if first != row:
                yield RowProblem(row, StatementProblem("puid", "puid_twice", {"row": first}))


def batches(statements: Sequence[Mapping[str, object]]) -> Iterator[dict[str, object]]:
    """Yield the request bodies that carry these statements, each as full as the API allows."""
    size = int(_definitions()["batch"])
    for start in range(0, len(statements), size):
        yield {"statements": list(statements[start : start + size])}


def _check_field(name: str, value: object, rule: Mapping[str, Any]) -> Iterator[StatementProblem]:
    """Yield the problems of a field on its own."""
    kind = rule["kind"]
    if kind == "words":
        yield from _check_words(name, value, enum_values(rule["enum"]))
    elif kind == "ean":
        yield from _check_ean(name, value)
    elif not isinstance(value, str):
        yield StatementProblem(name, "not_text")
    elif kind == "word":
        if value not in enum_values(rule["enum"]):
            yield StatementProblem(name, "unknown_word", {"word": value[:60]})
    elif kind == "date":
        yield from _check_date(name, value)
    else:
        yield from _check_text(name, value, rule)


def _check_words(name: str, value: object, words: tuple[str, ...]) -> Iterator[StatementProblem]:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        yield StatementProblem(name, "not_list")
        return
    for place, word in enumerate(value):
        if word not in words:
            yield StatementProblem(name, "unknown_word", {"word": word[:60]})
        elif word in value[:place]:
            yield StatementProblem(name, "twice", {"word": word})


def _check_ean(name: str, value: object) -> Iterator[StatementProblem]:
    """Check a product number: alone, or in the mapping that content_id takes."""
    number = value.get("EAN-13") if isinstance(value, Mapping) and len(value) == 1 else value
    is_named = isinstance(value, Mapping) == (name == "content_id")
    if not is_named or not isinstance(number, str) or not _EAN.fullmatch(number):
        yield StatementProblem(name, "not_ean")


def _check_date(name: str, value: str) -> Iterator[StatementProblem]:
    day = as_day(value)
    if day is None:
        yield StatementProblem(name, "not_date")
        return
    limits = _definitions()
    first = {"content_date": limits["content_from"], "application_date": limits["applied_from"]}
    since = first.get(name, "0001-01-01")
    if not since <= value <= limits["until"]:
        facts = {"first": since, "last": limits["until"]}
        yield StatementProblem(name, "out_of_range", facts)


def _check_text(name: str, value: str, rule: Mapping[str, Any]) -> Iterator[StatementProblem]:
    """Check free text, URLs and the provider's own number of the statement."""
    if not value.strip():
        yield StatementProblem(name, "empty")
        return
    if len(value) > rule["limit"]:
        yield StatementProblem(name, "too_long", {"count": len(value), "limit": rule["limit"]})
    if rule["kind"] == "puid":
        if not _PUID.fullmatch(value):
            yield StatementProblem(name, "not_puid")
        return
    if rule["kind"] == "url" and not _is_url(value):
        yield StatementProblem(name, "not_url")
    if places := find_personal(value):
        yield StatementProblem(name, "personal", {"what": describe_spans(places)})


def _is_url(value: str) -> bool:
    """Whether a text is a web address."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and "." in parts.netloc and not re.search(r"\s", value)


def _check_relations(
    name: str, values: Mapping[str, object], rule: Mapping[str, Any]
) -> Iterator[StatementProblem]:
    """Yield the problems of a field relative to others: missing, contradicting, too early."""
    is_there = name in values
    if not is_there and rule.get("needed"):
        yield StatementProblem(name, "missing")
    if not is_there and "when" in rule and _is_met(values, rule["when"]):
        facts = {"field": rule["when"]["field"], "value": rule["when"]["holds"]}
        yield StatementProblem(name, "missing_when", facts)
    for word, required in (("when", True), ("only", True), ("never", False)):
        if is_there and word in rule and _is_met(values, rule[word]) is not required:
            yield StatementProblem(name, "contradicts", {"field": rule[word]["field"]})
    other = rule.get("not_before", "")
    mine, its = as_day(values.get(name)), as_day(values.get(other))
    if mine is not None and its is not None and mine < its:
        yield StatementProblem(name, "before", {"field": other})


def _is_met(values: Mapping[str, object], condition: Mapping[str, str]) -> bool:
    """Whether a field has the condition's value, or any value if the condition names none."""
    value = values.get(condition["field"])
    if "holds" not in condition:
        return value is not None
    return condition["holds"] in value if isinstance(value, list) else condition["holds"] == value


def as_day(value: object) -> date | None:
    """Return a date in the database's format, or None for anything else."""
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


@cache
def _definitions() -> dict[str, Any]:
    """Return the definitions in dsa.toml."""
    return tomllib.loads(
        files("stemtide.protocol.law.dsa").joinpath("statements.toml").read_text("utf-8")
    )
