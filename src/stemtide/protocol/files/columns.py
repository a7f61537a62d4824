# SPDX-License-Identifier: Apache-2.0
"""Columns of tables of signals, and the conversion of a row to the fields of a signal."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import ValidationError
from pydantic_core import SchemaValidator, core_schema

from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.url.canonical import UrlError, digest
from stemtide.fingerprints.url.reach import UrlScope, rule_of
from stemtide.protocol.enums import SignalState
from stemtide.protocol.messages.signals import SignalIn

SHARED_COLUMNS = tuple(name for name in SignalIn.model_fields if name != "retention")
"""Columns that the sharer sets: the fields of SignalIn by their wire names. Retention is none: who
imports a file keeps its rows on a basis of its own.
"""

HUB_COLUMNS = (
    *("id", "position", "state", "url", "disputed", "shared_by", "shared_at"),
    *("withdrawn_at", "withdraw_reason"),
)
"""Columns that only the hub sets. They are not shared, but read on import: signals that have ended
are skipped, and the URL is taken instead of its digest.
"""

COLUMNS = (
    *SHARED_COLUMNS[:2],
    "url",
    *SHARED_COLUMNS[2:],
    *(name for name in HUB_COLUMNS if name != "url"),
)
"""Columns in the order of an export."""

LISTS = frozenset({"labels", "audience", "via"})
"""Columns with several values, separated by BETWEEN in a text cell."""

_INTEGER = SchemaValidator(core_schema.int_schema()).validate_python
_BOOLEAN = SchemaValidator(core_schema.bool_schema()).validate_python
_CONVERSIONS = (
    *((name, _INTEGER, (str,)) for name in ("quality", "within_bits", "confidence")),
    ("exercise", _BOOLEAN, (str, int)),
)
"""Columns whose type may differ in a table: name, parser, accepted types. Without it every bulk
from a table would be refused, as strict messages do not accept text for numbers.
"""

BETWEEN = "|"

MAX_COLUMNS = 64
"""Columns of a table; there are half as many names."""

HUB_HEADER = "Stemtide-Hub"
"""Header of an export: the hub's own id."""

POSITION_HEADER = "Stemtide-Position"
"""Header of an export: its feed position. Later changes are in the feed after it."""

Row: TypeAlias = dict[str, Any]
"""Fields of a row by column name; absent fields are omitted."""


class BulkFileError(ValueError):
    """A file cannot be read on. The message names the line, the error and the remedy."""


class BadRow(NamedTuple):
    """The reason why a row cannot be shared; rows after it can still be read."""

    field: str
    message: str


class LeftOut(NamedTuple):
    """A row that is skipped on purpose: its signal has ended, or its source disputes it."""

    why: str


class ParsedLine(NamedTuple):
    """The content of a line (counted from 1): a signal to share, or why it is not shared."""

    line: int
    outcome: Row | BadRow | LeftOut


@dataclass(frozen=True, slots=True)
class Columns:
    """How to read the columns of a file.

    renamed:  file column to Stemtide column, both in lower case; "" leaves a column out.
    defaults: values for fields that a row lacks.
    named:    a namespace for content names that are not UUIDs; "" refuses such names.
    takes_disputed: also share signals that their source disputes.
    """

    renamed: Mapping[str, str] = field(default_factory=dict)
    defaults: Row = field(default_factory=dict)
    named: str = ""
    takes_disputed: bool = False

    def names_of(self, headings: Iterator[str] | list[str]) -> list[str]:
        """Return Stemtide's name of each column, "" for omitted columns. raises: BulkFileError."""
        file_names = [(name or "").strip().lower() for name in headings]
        names = [self.renamed.get(name, name) for name in file_names]
        if len(names) > MAX_COLUMNS:
            raise BulkFileError(f"there are {len(names)} columns: leave out what is no signal's")
        for their, our in zip(file_names, names, strict=True):
            if our and our not in COLUMNS:
                known_names = ", ".join(COLUMNS)
                raise BulkFileError(
                    f"there is no column {their[:40]!r}: leave it out, or name it as ours (in a"
                    f" command: --column {their[:40]}=NAME); known are {known_names}"
                )
        if twice := sorted({name for name in names if name and names.count(name) > 1}):
            raise BulkFileError(f"the column {twice[0]!r} is there twice: leave one out")
        return names

    def convert(self, row: Row) -> Row | BadRow | LeftOut:
        """Return the fields to share, or why the row is not shared. SignalIn validates them."""
        state = row.get("state", SignalState.LIVE)
        if state != SignalState.LIVE:
            return LeftOut(f"{state}"[:20])
        if not self.takes_disputed and str(row.get("disputed", "")).lower() in {"true", "1"}:
            return LeftOut("disputed")
        body = {**self.defaults, **row}
        if wrong := _use_url(body) or self._derive_content_id(body):
            return wrong
        for name in HUB_COLUMNS:
            body.pop(name, None)
        _read_cells(body)
        return body

    def _derive_content_id(self, body: Row) -> BadRow | None:
        """Replace a content name that is not a UUID with a UUID derived from it (stable)."""
        name = body.get("content")
        if not self.named or not isinstance(name, str):
            return None
        try:
            UUID(name)
        except ValueError:
            body["content"] = str(uuid5(NAMESPACE_URL, f"stemtide:{self.named}:{name}"))
        return None


def _read_cells(body: Row) -> None:
    """Convert texts to int or bool where the field's type asks for it; leave others as they are."""
    for name, read, written in _CONVERSIONS:
        cell = body.get(name)
        if type(cell) in written:
            try:
                body[name] = read(cell)
            except ValidationError:
                continue  # SignalIn reports the error


def _use_url(body: Row) -> BadRow | None:
    """Share a URL itself instead of its digest, which would not tell anybody the URL."""
    address = body.get("url")
    if not address or body.get("kind") != Kind.URL:
        return None
    value, reach = body.get("value"), body.get("reach")
    if value:
        try:
            spelled = rule_of(
                str(address), reach=UrlScope[str(reach or UrlScope.ADDRESS.name).upper()]
            )
        except (UrlError, KeyError) as error:
            return BadRow("url", str(error))
        if digest(spelled).hex() != str(value).lower():
            return BadRow("value", "is not the digest of the url beside it: leave one of them out")
    body["value"] = address
    return None
