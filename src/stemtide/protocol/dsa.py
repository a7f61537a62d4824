# SPDX-License-Identifier: Apache-2.0
"""Statements of reasons for the DSA Transparency Database, checked before they go.

A statement is a mapping of named fields, as the database takes it. Fields, words and limits are
data in dsa.toml. The lint is stricter than the database: what contradicts itself is refused, not
dropped, and free text with personal data is refused with its place.

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

from stemtide.protocol.personal import find_personal, said

TERRORIST_KEYWORD = "KEYWORD_TERRORIST_CONTENT"
TERRORIST_CATEGORY = "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY"
"""Keyword and category of terrorist content. The keyword is the database's; that it goes with this
category is our reading."""

_PUID = re.compile(r"[a-zA-Z0-9_-]+")
_EAN = re.compile(r"[0-9]{13}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field. says: which sentence of dsa.toml; facts: what fills it."""

    name: str
    says: str
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """The problem in English."""
        return str(_told()["says"][self.says]).format(**self.facts)


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A problem and the row it stands in, counted from 1."""

    row: int
    problem: Problem


def fields() -> Mapping[str, Mapping[str, Any]]:
    """The fields of a statement in order, with what each takes."""
    found: Mapping[str, Mapping[str, Any]] = _told()["fields"]
    return found


@cache
def words_of(enum: str) -> tuple[str, ...]:
    """The words that an enumeration takes, with their prefix."""
    told = _told()["enums"][enum]
    return tuple(told["prefix"] + one for one in told["values"])


def lint(statement: object) -> list[Problem]:
    """What is wrong with a statement, by field in the database's order; empty: it may go.

    1. Fields that the database does not know.
    2. Each field by itself: its kind, its limit, its words; personal data in free text.
    3. What is missing, and what contradicts another field.
    """
    if not isinstance(statement, Mapping):
        return [Problem("", "not_object")]
    found = [Problem(str(name), "unknown_field") for name in statement if name not in fields()]
    told = {name: value for name, value in statement.items() if value is not None and value != []}
    for name, rule in fields().items():
        if name in told:
            found.extend(_own(name, told[name], rule))
        found.extend(_beside(name, told, rule))
    for group in _told()["any_of"]:
        if not any(name in told for name in group["fields"]):
            first, *_ = group["fields"]
            found.append(Problem(first, "missing_any", {"fields": ", ".join(group["fields"])}))
    return found


def lint_all(statements: Iterable[object]) -> Iterator[RowProblem]:
    """What is wrong with each of many statements, and with what two of them share."""
    seen: dict[str, int] = {}
    for row, statement in enumerate(statements, 1):
        yield from (RowProblem(row, one) for one in lint(statement))
        puid = statement.get("puid") if isinstance(statement, Mapping) else None
        if isinstance(puid, str):
            first = seen.setdefault(puid, row)
            if first != row:
                yield RowProblem(row, Problem("puid", "puid_twice", {"row": first}))


def batches(statements: Sequence[Mapping[str, object]]) -> Iterator[dict[str, object]]:
    """The bodies of the calls that carry these statements, each with as many as one call takes."""
    size = int(_told()["batch"])
    for start in range(0, len(statements), size):
        yield {"statements": list(statements[start : start + size])}


def _own(name: str, value: object, rule: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with one field by itself."""
    kind = rule["kind"]
    if kind == "words":
        yield from _check_words(name, value, words_of(rule["enum"]))
    elif kind == "ean":
        yield from _check_ean(name, value)
    elif not isinstance(value, str):
        yield Problem(name, "not_text")
    elif kind == "word":
        if value not in words_of(rule["enum"]):
            yield Problem(name, "unknown_word", {"word": value[:60]})
    elif kind == "date":
        yield from _check_date(name, value)
    else:
        yield from _check_text(name, value, rule)


def _check_words(name: str, value: object, words: tuple[str, ...]) -> Iterator[Problem]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        yield Problem(name, "not_list")
        return
    for place, one in enumerate(value):
        if one not in words:
            yield Problem(name, "unknown_word", {"word": one[:60]})
        elif one in value[:place]:
            yield Problem(name, "twice", {"word": one})


def _check_ean(name: str, value: object) -> Iterator[Problem]:
    """A product number: alone, or under its name as the database takes it."""
    number = value.get("EAN-13") if isinstance(value, Mapping) and len(value) == 1 else value
    is_named = isinstance(value, Mapping) == (name == "content_id")
    if not is_named or not isinstance(number, str) or not _EAN.fullmatch(number):
        yield Problem(name, "not_ean")


def _check_date(name: str, value: str) -> Iterator[Problem]:
    day = as_day(value)
    if day is None:
        yield Problem(name, "not_date")
        return
    told = _told()
    first = {"content_date": told["content_from"], "application_date": told["applied_from"]}
    since = first.get(name, "0001-01-01")
    if not since <= value <= told["until"]:
        facts = {"first": since, "last": told["until"]}
        yield Problem(name, "out_of_range", facts)


def _check_text(name: str, value: str, rule: Mapping[str, Any]) -> Iterator[Problem]:
    """Free text, web addresses and the provider's own number of the statement."""
    if not value.strip():
        yield Problem(name, "empty")
        return
    if len(value) > rule["limit"]:
        yield Problem(name, "too_long", {"count": len(value), "limit": rule["limit"]})
    if rule["kind"] == "puid":
        if not _PUID.fullmatch(value):
            yield Problem(name, "not_puid")
        return
    if rule["kind"] == "url" and not _is_url(value):
        yield Problem(name, "not_url")
    if places := find_personal(value):
        yield Problem(name, "personal", {"what": said(places)})


def _is_url(value: str) -> bool:
    """Whether a text is a web address."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and "." in parts.netloc and not re.search(r"\s", value)


def _beside(name: str, told: Mapping[str, object], rule: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with a field beside the others: missing, contradicting, too early."""
    is_there = name in told
    if not is_there and rule.get("needed"):
        yield Problem(name, "missing")
    if not is_there and "when" in rule and _holds(told, rule["when"]):
        facts = {"field": rule["when"]["field"], "value": rule["when"]["holds"]}
        yield Problem(name, "missing_when", facts)
    for word, wanted in (("when", True), ("only", True), ("never", False)):
        if is_there and word in rule and _holds(told, rule[word]) is not wanted:
            yield Problem(name, "contradicts", {"field": rule[word]["field"]})
    other = rule.get("not_before", "")
    mine, its = as_day(told.get(name)), as_day(told.get(other))
    if mine is not None and its is not None and mine < its:
        yield Problem(name, "before", {"field": other})


def _holds(told: Mapping[str, object], condition: Mapping[str, str]) -> bool:
    """Whether a field holds a word; or anything, where the condition names none."""
    value = told.get(condition["field"])
    if "holds" not in condition:
        return value is not None
    return condition["holds"] in value if isinstance(value, list) else condition["holds"] == value


def as_day(value: object) -> date | None:
    """A date written as the database takes it; None for anything else."""
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


@cache
def _told() -> dict[str, Any]:
    """The data of this file."""
    return tomllib.loads(files("stemtide.protocol").joinpath("dsa.toml").read_text("utf-8"))
