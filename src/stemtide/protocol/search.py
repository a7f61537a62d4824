# SPDX-License-Identifier: Apache-2.0
"""Messages of the search: what a query was taken for, and what was found."""

from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime, BaseModel

MIN_TEXT = 2
"""Characters of the shortest query."""

MAX_QUERY = 4096
"""Characters of the longest: an address."""


_PDQ_DIGITS = 64
_HEX = frozenset("0123456789abcdef")


def asks_for_similar(query: str) -> bool:
    """Whether a query is compared with every live picture: a PDQ value, or a digest as long."""
    text = query.strip().lower()
    return len(text) == _PDQ_DIGITS and set(text) <= _HEX


class Recognised(StrEnum):
    """What a query was taken for."""

    ID = "id"
    HASH = "hash"
    ADDRESS = "address"
    LABEL = "label"
    TEXT = "text"


class FoundKind(StrEnum):
    """What is searched, in the order of the answer."""

    CRISES = "crises"
    SIGNALS = "signals"
    MESSAGES = "messages"
    LEADS = "leads"


class Found(BaseModel):
    """One finding. within_bits: how far a PDQ signal is from the value that was asked for."""

    id: UUID
    title: str
    detail: str
    state: str = ""
    at: AwareDatetime
    crisis: UUID | None = None
    exercise: bool
    within_bits: int | None = None


class Group(BaseModel):
    """Findings of one kind, a page of them."""

    kind: FoundKind
    page: int
    found: list[Found]
    more: bool


class SearchOut(BaseModel):
    """The answer to a query.

    compared: how many live PDQ signals a hash was compared with; None for other queries.
    """

    query: str
    recognised: Recognised
    compared: int | None
    groups: list[Group]
