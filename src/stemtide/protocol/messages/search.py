# SPDX-License-Identifier: Apache-2.0
"""Messages of the search: how a query was understood, and its results."""

from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime, BaseModel

MIN_TEXT = 2
"""Characters of the shortest query."""

MAX_QUERY = 4096
"""Characters of the longest: an address."""

MIN_PREFIX = 6
"""Hexadecimal digits from which a query may be the beginning of a fingerprint or of an id."""

_PDQ_DIGITS = 64
_HEX = frozenset("0123456789abcdef")


def asks_for_similar(query: str) -> bool:
    """Whether a query is compared with all live images: a PDQ value, or a digest of that length."""
    text = query.strip().lower()
    return len(text) == _PDQ_DIGITS and set(text) <= _HEX


class Recognised(StrEnum):
    """How a query was understood. prefix: how a fingerprint or an id begins."""

    ID = "id"
    HASH = "hash"
    PREFIX = "prefix"
    HOST = "host"
    ADDRESS = "address"
    LABEL = "label"
    TEXT = "text"


class ResultKind(StrEnum):
    """Kinds of results, in the order of the response."""

    CRISES = "crises"
    SIGNALS = "signals"
    MESSAGES = "messages"
    LEADS = "leads"


class SearchResult(BaseModel):
    """A result. within_bits: the distance of a PDQ signal from the value that was searched for."""

    id: UUID
    title: str
    detail: str
    state: str = ""
    at: AwareDatetime
    crisis: UUID | None = None
    exercise: bool
    within_bits: int | None = None


class ResultGroup(BaseModel):
    """A page of results of one kind."""

    kind: ResultKind
    page: int
    found: list[SearchResult]
    more: bool


class SearchOut(BaseModel):
    """The results of a query.

    compared: number of live PDQ signals that a hash was compared with; None for other queries.
    """

    query: str
    recognised: Recognised
    compared: int | None
    groups: list[ResultGroup]
