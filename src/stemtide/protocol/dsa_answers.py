# SPDX-License-Identifier: Apache-2.0
"""What the Transparency Database answers to a call that carries statements, read with care.

It takes a call whole or not at all. Of a call that it does not take it names statements by their
place ("statement_7"), or the numbers (puid) that it has already.

source: the database's published code of 24 June 2026, its controllers for one and for many.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

API = "/api/v1"
MAX_WORDS = 300
"""Characters of one of the database's remarks that are handed on."""

_PLACE = re.compile(r"statement_(\d{1,3})")
_MAX_REMARKS = 40


@dataclass(frozen=True, slots=True)
class Remark:
    """What the database says against one field, in its own words."""

    name: str
    words: str

    def __str__(self) -> str:
        return f"{self.name}: {self.words}" if self.name else self.words


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call was not taken.

    rows:  what is wrong, by the statement's place in the call, from 0.
    known: numbers of statements that the database has already.
    whole: what is said of no statement in particular.
    """

    rows: Mapping[int, tuple[Remark, ...]] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    whole: tuple[Remark, ...] = ()


def api_address(address: str) -> str:
    """Where the calls go, from a database's address with or without its /api/v1."""
    plain = address.rstrip("/")
    return plain if plain.endswith(API) else plain + API


def read_taken(answer: bytes) -> dict[str, str]:
    """The id (uuid) that the database gave to each statement, by the statement's number.

    What cannot be read is left out: that the call was taken is said by its status.
    """
    told = _parse(answer)
    rows = told.get("statements", [told])
    found: dict[str, str] = {}
    for one in rows if isinstance(rows, list) else []:
        if isinstance(one, dict) and isinstance(one.get("puid"), str) and (uuid := _uuid(one)):
            found[one["puid"]] = uuid
    return found


def read_found(answer: bytes) -> str:
    """The id of the one statement that was asked for; "" where the answer does not say it."""
    return _uuid(_parse(answer))


def read_refusal(answer: bytes, *, count: int) -> Refusal:
    """Why a call of so many statements was not taken."""
    told = _parse(answer)
    errors = told.get("errors")
    rows: dict[int, tuple[Remark, ...]] = {}
    known: set[str] = set()
    whole: list[Remark] = []
    for name, said in errors.items() if isinstance(errors, dict) else ():
        place = _PLACE.fullmatch(str(name))
        if place and int(place[1]) < count and isinstance(said, dict):
            rows[int(place[1])] = tuple(_remarks(said))
        elif name == "existing_puids" and isinstance(said, list):
            known.update(one for one in said if isinstance(one, str))
        else:
            whole.extend(_remarks({name: said}))
    if not (rows or known or whole):
        whole.append(Remark("", _short(told.get("message")) or "the database says not why"))
    return Refusal(rows, frozenset(known), tuple(whole))


def _remarks(said: Mapping[str, Any]) -> list[Remark]:
    """What is said against some fields, a remark for each sentence."""
    found = [
        Remark(_short(name)[:80], _short(one))
        for name, words in said.items()
        for one in (words if isinstance(words, list) else [words])
    ]
    return found[:_MAX_REMARKS]


def _short(said: object) -> str:
    """Words of the database on one line, not too many, nothing that moves a terminal's cursor."""
    text = " ".join(str(said if said is not None else "").split())
    return "".join(one for one in text if one.isprintable())[:MAX_WORDS]


def _uuid(row: Mapping[str, Any]) -> str:
    """The id of a statement; "" where it is none."""
    try:
        return str(UUID(str(row.get("uuid"))))
    except ValueError:
        return ""


def _parse(answer: bytes) -> dict[str, Any]:
    """An answer as an object; an empty one for what is none."""
    try:
        told = json.loads(answer)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
