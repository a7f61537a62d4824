# SPDX-License-Identifier: Apache-2.0
"""Signals as rows of a table: which columns there are, and what a row shares."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import ValidationError
from pydantic_core import SchemaValidator, core_schema

from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.url import UrlError, digest
from stemtide.fingerprints.url_reach import Reach, rule_of
from stemtide.protocol.signals import SignalIn
from stemtide.protocol.words import SignalState

SHARED = tuple(SignalIn.model_fields)
"""Columns that a sharer says: the fields of SignalIn by their wire names."""

TOLD = (
    *("id", "position", "state", "url", "disputed", "shared_by", "shared_at"),
    *("withdrawn_at", "withdraw_reason"),
)
"""Columns that a hub tells beside them. They are no part of a share, but they are read: what no
longer lives is not shared anew, and of an address the address is taken and not its digest."""

COLUMNS = (*SHARED[:2], "url", *SHARED[2:], *(one for one in TOLD if one != "url"))
"""Columns in the order of an export."""

LISTS = frozenset({"labels", "audience", "via"})
"""Columns that hold several words, with BETWEEN between them where a cell is one text."""

_NUMBER = SchemaValidator(core_schema.int_schema()).validate_python
_CLAIM = SchemaValidator(core_schema.bool_schema()).validate_python
_CELLS = (
    *((name, _NUMBER, (str,)) for name in ("quality", "within_bits", "confidence")),
    ("exercise", _CLAIM, (str, int)),
)
"""Columns whose values a table may hold otherwise: what reads them, and as what they are written.
Without it each bulk of a table would be refused, as a message takes no text for a number."""

BETWEEN = "|"

MAX_COLUMNS = 64
"""Columns of a table; there are half as many names."""

HUB_HEADER = "Stemtide-Hub"
"""Header of an export: the hub's own id."""

POSITION_HEADER = "Stemtide-Position"
"""Header of an export: the feed position that it is of; what changed later lies after it."""

Row: TypeAlias = dict[str, Any]
"""Fields of one row by the names of columns; what is not said is not there."""


class BulkFileError(ValueError):
    """A file cannot be read on. The words name the place, what is wrong, and what to do."""


class BadRow(NamedTuple):
    """Why a row cannot be shared as it stands; the rows after it can be read."""

    field: str
    message: str


class LeftOut(NamedTuple):
    """A row that is rightly not shared: it ended, or is disputed where it comes from."""

    why: str


class Found(NamedTuple):
    """What lies at a line of a file, counted from 1: a signal to share, or why there is none."""

    line: int
    what: Row | BadRow | LeftOut


@dataclass(frozen=True, slots=True)
class Columns:
    """What a file's columns mean.

    renamed:  their names to ours, both in lower case; "" leaves a column out.
    defaults: what stands in a field where a row says nothing.
    named:    what makes names of content unique that are no UUIDs; "": such names are refused.
    takes_disputed: share also what is disputed where it comes from.
    """

    renamed: Mapping[str, str] = field(default_factory=dict)
    defaults: Row = field(default_factory=dict)
    named: str = ""
    takes_disputed: bool = False

    def ours(self, theirs: Iterator[str] | list[str]) -> list[str]:
        """Our names of a table's columns, "" for one that is left out. raises: BulkFileError."""
        said = [(name or "").strip().lower() for name in theirs]
        names = [self.renamed.get(name, name) for name in said]
        if len(names) > MAX_COLUMNS:
            raise BulkFileError(f"there are {len(names)} columns: leave out what is no signal's")
        for their, our in zip(said, names, strict=True):
            if our and our not in COLUMNS:
                known = ", ".join(COLUMNS)
                raise BulkFileError(
                    f"there is no column {their[:40]!r}: leave it out, or name it as ours (in a"
                    f" command: --column {their[:40]}=NAME); known are {known}"
                )
        if twice := sorted({one for one in names if one and names.count(one) > 1}):
            raise BulkFileError(f"the column {twice[0]!r} is there twice: leave one out")
        return names

    def shared(self, row: Row) -> Row | BadRow | LeftOut:
        """What a row shares, or why it shares nothing. Fields are not checked: SignalIn does."""
        state = row.get("state", SignalState.LIVE)
        if state != SignalState.LIVE:
            return LeftOut(f"{state}"[:20])
        if not self.takes_disputed and str(row.get("disputed", "")).lower() in {"true", "1"}:
            return LeftOut("disputed")
        body = {**self.defaults, **row}
        if wrong := _place_url(body) or self._place_content(body):
            return wrong
        for name in TOLD:
            body.pop(name, None)
        _read_cells(body)
        return body

    def _place_content(self, body: Row) -> BadRow | None:
        """Let a name that is no UUID stand for one, the same each time the file is read."""
        name = body.get("content")
        if not self.named or not isinstance(name, str):
            return None
        try:
            UUID(name)
        except ValueError:
            body["content"] = str(uuid5(NAMESPACE_URL, f"stemtide:{self.named}:{name}"))
        return None


def _read_cells(body: Row) -> None:
    """Read texts as the numbers and claims that messages have; what is neither stays as it is."""
    for name, read, written in _CELLS:
        said = body.get(name)
        if type(said) in written:
            try:
                body[name] = read(said)
            except ValidationError:
                continue  # for whoever reads the message to name


def _place_url(body: Row) -> BadRow | None:
    """Of a web address share the address: its digest alone would not tell anybody what it is."""
    address = body.get("url")
    if not address or body.get("kind") != Kind.URL:
        return None
    said, reach = body.get("value"), body.get("reach")
    if said:
        try:
            spelled = rule_of(str(address), reach=Reach[str(reach or Reach.ADDRESS.name).upper()])
        except (UrlError, KeyError) as error:
            return BadRow("url", str(error))
        if digest(spelled).hex() != str(said).lower():
            return BadRow("value", "is not the digest of the url beside it: leave one of them out")
    body["value"] = address
    return None
