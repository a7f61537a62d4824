# SPDX-License-Identifier: Apache-2.0
"""Parse entries of the hub's feed, and load all of them anew, page by page."""

import asyncio
import gc
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple, Self, cast
from uuid import UUID

import msgspec
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from stemtide.agent.counters import Counters
from stemtide.agent.hub.client import Client
from stemtide.agent.store.database import Store, Transaction
from stemtide.agent.store.incoming import Incoming
from stemtide.agent.store.position import Origin
from stemtide.agent.store.rows import SignalRow, signal_row
from stemtide.client import AnswerError
from stemtide.fingerprints.kinds import MATCH_WITHIN_BITS, SIZE_BYTES, Kind
from stemtide.matching.library import Library
from stemtide.protocol.enums import Provenance, Reach, Severity
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.sync.feed import FeedEntry, FeedParty, FeedSignal, History, Tombstone

logger = logging.getLogger(__name__)

PAGE = 2000
"""Entries of a page: parsed in about 20 ms, so that nothing else waits longer."""

_LINES_AT_ONCE = 5000

Position = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""A feed position in range."""

_ENTRY: TypeAdapter[FeedSignal | Tombstone] = TypeAdapter(FeedEntry)
_Aware = Annotated[datetime, msgspec.Meta(tz=True)]


class Page(BaseModel):
    """A FeedPage with unparsed entries, so that one invalid entry does not reject the page.

    parties, allowlist: None from an older hub.
    """

    hub: UUID
    entries: list[Any]
    next: Position
    head: Position
    more: bool
    history: History = ""
    parties: list[Any] | None = None
    allowlist: str | None = None

    def after(self, position: int) -> Self:
        """Return the page without entries up to a position, which were applied before."""
        return self.model_copy(
            update={"entries": [e for e in self.entries if not _is_up_to(position, e)]}
        )


def _is_up_to(position: int, entry: object) -> bool:
    """Whether an unparsed entry has a position, and one that is not after another."""
    entry_position = entry.get("position") if isinstance(entry, dict) else None
    return isinstance(entry_position, int) and entry_position <= position


class _Line(msgspec.Struct, gc=False):
    """A FeedSignal, read several times as fast. What it refuses is read as a FeedSignal.

    It accepts nothing that a FeedSignal would not, as rows are read as FeedSignals later.
    """

    position: Annotated[int, msgspec.Meta(ge=0)]
    id: UUID
    kind: Kind
    value: str
    quality: int | None
    within_bits: Annotated[int, msgspec.Meta(ge=0, le=MATCH_WITHIN_BITS)] | None
    content: UUID | None
    labels: list[str]
    severity: Severity
    provenance: Provenance
    confidence: int
    tlp: Tlp
    pap: Pap
    disputed: bool
    crisis: UUID | None
    exercise: bool
    shared_by: str
    shared_at: _Aware
    expires_at: _Aware | None
    reach: Reach | None = None
    ideology: str | None = None
    entity: str | None = None
    disputed_by_you: bool = False
    confirmed_by: list[str] = []
    lowered: bool = False
    cleared: bool = False
    language: str | None = None
    signature: str | None = None


class _KnownLine(_Line, gc=False, forbid_unknown_fields=True):
    """A line in which there is nothing that this version does not know, so a row can keep it."""


_KNOWN_LINES = msgspec.json.Decoder(_KnownLine)
_LINES = msgspec.json.Decoder(_Line)
_ENCODER = msgspec.json.Encoder()
_NOT_FAST = (msgspec.MsgspecError, RecursionError)


def _fast(line: bytes) -> tuple[_Line | None, str]:
    """Read a line that is an ordinary signal, and the JSON to keep; None for any other line."""
    try:
        signal: _Line = _KNOWN_LINES.decode(line)
        body = line
    except _NOT_FAST:
        try:
            signal = _LINES.decode(line)
        except _NOT_FAST:
            return None, ""
        body = _ENCODER.encode(signal)  # without what this version does not know
    return (signal, body.decode()) if signal.kind in SIZE_BYTES else (None, "")


class Entries(NamedTuple):
    """Parsed entries: rows of signals, and ids of signals that no longer match."""

    rows: list[SignalRow]
    drops: list[str]


class FeedReader:
    """Parser of feed entries; those that this version cannot read are skipped, counted and logged.

    exercise: whether this agent takes exercise signals. The hub sends none otherwise; if one
              arrives all the same, it is skipped.
    """

    def __init__(self, counters: Counters, *, exercise: bool) -> None:
        self._tally = counters
        self._exercise = exercise

    def entry(self, raw: object) -> FeedSignal | Tombstone | None:
        """Parse an entry; None if this version cannot read it."""
        try:
            return _ENTRY.validate_python(raw)
        except ValidationError as error:
            self._skip(error)
            return None

    def parties(self, raws: Sequence[object]) -> list[FeedParty]:
        """Parse parties; those that this version cannot read are skipped."""
        return [party for raw in raws if (party := self._party(raw))]

    def _party(self, raw: object) -> FeedParty | None:
        try:
            return FeedParty.model_validate(raw)
        except ValidationError as error:
            self._skip(error)
            return None

    def row(self, signal: FeedSignal, body: str = "") -> SignalRow | None:
        """Convert a signal to a row; None if it cannot be searched for."""
        if signal.exercise and not self._exercise:
            return None
        try:
            return signal_row(signal, body or signal.model_dump_json())
        except ValueError as error:
            self._skip(error)
            return None

    def entries(self, raws: Sequence[object]) -> Entries:
        """Parse the entries of a page, and convert them."""
        rows: list[SignalRow] = []
        drops: list[str] = []
        for raw in raws:
            self._convert(self.entry(raw), rows, drops)
        return Entries(rows, drops)

    def lines(self, lines: Sequence[bytes], *, source: str) -> Entries:
        """Parse lines of a file, and convert them. raises: AnswerError for a line that is no JSON.

        source: what the lines are of, for the error.
        """
        rows: list[SignalRow] = []
        drops: list[str] = []
        for line in lines:
            signal, body = _fast(line)
            if signal:
                row = self.row(cast("FeedSignal", signal), body)
                rows += [row] if row else []
            else:
                self._convert(self._line(line, source), rows, drops)
        return Entries(rows, drops)

    def _line(self, line: bytes, source: str) -> FeedSignal | Tombstone | None:
        try:
            raw = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise AnswerError(source, "its snapshot is torn: a line is not JSON") from error
        # In files a live signal does not say what it is.
        return self.entry({"op": "put"} | raw if isinstance(raw, dict) else raw)

    def _convert(
        self, entry: FeedSignal | Tombstone | None, rows: list[SignalRow], drops: list[str]
    ) -> None:
        """Add an entry to the rows, or its id to the drops."""
        if isinstance(entry, Tombstone):
            drops.append(str(entry.id))
        elif entry and (row := self.row(entry)):
            rows.append(row)

    def _skip(self, error: ValueError) -> None:
        self._tally.add("skipped")
        logger.warning("an entry of the feed is skipped: %s", error)


def add_lines(
    store: Store, incoming: Incoming, lines: Sequence[bytes], *, reader: FeedReader, source: str
) -> None:
    """Parse lines of a file and store them, some at a time. raises: AnswerError.

    source: as of FeedReader.lines.
    """
    for start in range(0, len(lines), _LINES_AT_ONCE):
        with _without_collection():
            entries = reader.lines(lines[start : start + _LINES_AT_ONCE], source=source)
            store.add_incoming(incoming, entries.rows, entries.drops)


@contextmanager
def _without_collection() -> Iterator[None]:
    """Pause the search for cycles of objects, for a moment.

    Rows have none, and the search costs as much again as a third of parsing them.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


async def next_page(client: Client, position: int, *, history: str, parties_after: int) -> Page:
    """Return the page of the feed after a position. raises: HubError."""
    content = await client.feed(position, limit=PAGE, history=history, parties_after=parties_after)
    try:
        return await asyncio.to_thread(Page.model_validate_json, content)
    except ValidationError as error:
        raise AnswerError(client.hub, f"its feed is unreadable: {error}") from error


class FeedEnd(NamedTuple):
    """Where the feed ended when it was read, and the parties that are known then, by name."""

    hub: UUID
    position: int
    history: str
    parties: dict[str, FeedParty]


async def read_feed(
    client: Client, store: Store, incoming: Incoming, *, reader: FeedReader, begin: FeedEnd
) -> FeedEnd:
    """Add the feed after a position to a snapshot being loaded. raises: HubError."""
    hub, position, history, parties = begin
    while True:
        page = await next_page(client, position, history=history, parties_after=position)
        if page.next < position or (page.more and page.next == position):
            raise AnswerError(client.hub, "its feed does not go on")
        entries = await asyncio.to_thread(reader.entries, page.entries)
        await asyncio.to_thread(store.add_incoming, incoming, entries.rows, entries.drops)
        parties |= {member.name: member for member in reader.parties(page.parties or ())}
        hub, position, history = page.hub, page.next, page.history
        if not page.more:
            return FeedEnd(hub, position, history, parties)


async def take_feed(
    client: Client,
    store: Store,
    *,
    reader: FeedReader,
    party: str,
    exercise: bool,
    alongside: Callable[[Transaction, Library], None],
) -> None:
    """Replace all signals by those of the feed, read from its beginning.

    alongside: as of Store.adopt_incoming.

    raises: HubError.
    """
    incoming = await asyncio.to_thread(store.begin_incoming)
    nothing = FeedEnd(UUID(int=0), 0, "", {})
    end = await read_feed(client, store, incoming, reader=reader, begin=nothing)
    await asyncio.to_thread(
        store.adopt_incoming,
        incoming,
        origin=Origin(str(end.hub), party, exercise),
        position=end.position,
        history=end.history,
        parties=[*end.parties.values()] or None,
        now=datetime.now(UTC),
        alongside=alongside,
    )
    logger.info("%d signals from the feed, position %d", len(store.library), end.position)
