# SPDX-License-Identifier: Apache-2.0
"""Parse the Transparency Database's responses to submitted statements.

The database takes a call whole or not at all. If it refuses one, it names statements by their
position ("statement_7"), or the numbers (puid) that it already has.

source: the database's published code of 24 June 2026, its controllers for one and for many.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

API = "/api/v1"
MAX_REMARK_CHARS = 300
"""Maximum characters of a remark that is passed on."""

_PLACE = re.compile(r"statement_(\d{1,3})")
_MAX_REMARKS = 40


@dataclass(frozen=True, slots=True)
class Remark:
    """The database's objection to one field, in its own words."""

    name: str
    words: str

    def __str__(self) -> str:
        return f"{self.name}: {self.words}" if self.name else self.words


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reasons why a call was refused.

    rows:     objections by the statement's position in the call, from 0.
    existing: numbers of statements that the database already has.
    whole:    objections to the call as a whole.
    """

    rows: Mapping[int, tuple[Remark, ...]] = field(default_factory=dict)
    existing: frozenset[str] = frozenset()
    whole: tuple[Remark, ...] = ()


def api_address(address: str) -> str:
    """Return the base URL of the API, from an address with or without /api/v1."""
    plain = address.rstrip("/")
    return plain if plain.endswith(API) else plain + API


def read_accepted(answer: bytes) -> dict[str, str]:
    """Return the id (uuid) that the database gave to each statement, by the statement's number.

    Statements that cannot be parsed are left out: the status code says that the call was accepted.
    """
    body = _parse(answer)
    rows = body.get("statements", [body])
    ids: dict[str, str] = {}
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and isinstance(row.get("puid"), str) and (uuid := _uuid(row)):
            ids[row["puid"]] = uuid
    return ids


def read_statement_id(answer: bytes) -> str:
    """Return the id of the statement that was looked up, "" if the response has none."""
    return _uuid(_parse(answer))


def read_refusal(answer: bytes, *, count: int) -> Refusal:
    """Return why a call with `count` statements was refused."""
    body = _parse(answer)
    errors = body.get("errors")
    rows: dict[int, tuple[Remark, ...]] = {}
    existing: set[str] = set()
    whole: list[Remark] = []
    for name, objection in errors.items() if isinstance(errors, dict) else ():
        place = _PLACE.fullmatch(str(name))
        if place and int(place[1]) < count and isinstance(objection, dict):
            rows[int(place[1])] = tuple(_remarks(objection))
        elif name == "existing_puids" and isinstance(objection, list):
            existing.update(puid for puid in objection if isinstance(puid, str))
        else:
            whole.extend(_remarks({name: objection}))
    if not (rows or existing or whole):
        whole.append(Remark("", _one_line(body.get("message")) or "the database says not why"))
    return Refusal(rows, frozenset(existing), tuple(whole))


def _remarks(objections: Mapping[str, Any]) -> list[Remark]:
    """Return the objections as remarks, one for each sentence."""
    remarks = [
        Remark(_one_line(name)[:80], _one_line(sentence))
        for name, words in objections.items()
        for sentence in (words if isinstance(words, list) else [words])
    ]
    return remarks[:_MAX_REMARKS]


def _one_line(remark: object) -> str:
    """Return a remark on one line, cut to MAX_REMARK_CHARS, without control characters."""
    text = " ".join(str(remark if remark is not None else "").split())
    return "".join(character for character in text if character.isprintable())[:MAX_REMARK_CHARS]


def _uuid(row: Mapping[str, Any]) -> str:
    """Return the id of a statement, "" if it is invalid."""
    try:
        return str(UUID(str(row.get("uuid"))))
    except ValueError:
        return ""


def _parse(answer: bytes) -> dict[str, Any]:
    """Return a response as an object, empty if it is not one."""
    try:
        body = json.loads(answer)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
