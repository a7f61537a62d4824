# SPDX-License-Identifier: Apache-2.0
"""Load a snapshot, and parse entries of the hub's feed."""

import asyncio
import json
import logging
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from stemtide.agent.counters import Counters
from stemtide.agent.hub.client import Client
from stemtide.agent.store.database import Incoming, Store, Transaction
from stemtide.agent.store.position import Origin
from stemtide.agent.store.rows import SignalRow, signal_row
from stemtide.client import AnswerError
from stemtide.matching.library import Library
from stemtide.protocol.sync.feed import (
    FeedEntry,
    FeedParty,
    FeedSignal,
    SnapshotHead,
    SnapshotTail,
    Tombstone,
)

logger = logging.getLogger(__name__)

Position = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""A feed position in range."""

_SIGNALS = TypeAdapter(list[FeedSignal])
_ENTRY: TypeAdapter[FeedSignal | Tombstone] = TypeAdapter(FeedEntry)


class Head(SnapshotHead):
    """A SnapshotHead whose position is in range, with unparsed parties."""

    position: Position
    parties: list[Any] | None = None


Line = TypeVar("Line", Head, SnapshotTail)


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

    def rows(self, lines: Sequence[bytes], hub: str) -> list[SignalRow]:
        """Parse lines of a snapshot at once; if that fails, line by line.

        raises: AnswerError if a line is torn.
        """
        try:
            signals = _SIGNALS.validate_json(b"[" + b",".join(lines) + b"]")
            pairs = list(zip(signals, lines, strict=True))
        except ValueError:
            return self._rows_one_by_one(lines, hub)
        return [row for signal, line in pairs if (row := self.row(signal, line.decode()))]

    def _rows_one_by_one(self, lines: Sequence[bytes], hub: str) -> list[SignalRow]:
        rows = []
        for line in lines:
            try:
                entry = self.entry(json.loads(line))
            except (ValueError, RecursionError) as error:
                raise AnswerError(hub, "its snapshot is torn: a line is not JSON") from error
            if isinstance(entry, FeedSignal) and (row := self.row(entry)):
                rows.append(row)
        return rows

    def _skip(self, error: ValueError) -> None:
        self._tally.add("skipped")
        logger.warning("an entry of the feed is skipped: %s", error)


async def take_snapshot(
    client: Client,
    store: Store,
    *,
    reader: FeedReader,
    party: str,
    exercise: bool,
    alongside: Callable[[Transaction, Library], None],
) -> None:
    """Replace all signals by the hub's; a snapshot that breaks off changes nothing.

    alongside: as of Store.adopt_incoming.

    raises: HubError.
    """
    incoming = await asyncio.to_thread(store.begin_incoming)
    head, last, count = None, b"", 0
    async with aclosing(client.snapshot()) as pieces:
        async for piece in pieces:
            lines = [line for line in [last, *piece] if line.strip()]
            if lines and head is None:
                head = _read(Head, lines.pop(0), client.hub)
            last = lines.pop() if lines else b""  # only the very last line is the tail
            await asyncio.to_thread(
                _store_lines, store, incoming, partial(reader.rows, lines, client.hub)
            )
            count += len(lines)
    tail = _read(SnapshotTail, last, client.hub)
    if head is None or tail.signals != count:
        raise AnswerError(client.hub, f"its snapshot holds {count} signals, not {tail.signals}")
    origin = Origin(str(head.hub), party, exercise)
    now = datetime.now(UTC)
    try:
        await asyncio.to_thread(
            store.adopt_incoming,
            incoming,
            origin=origin,
            position=head.position,
            history=head.history,
            parties=None if head.parties is None else reader.parties(head.parties),
            now=now,
            alongside=alongside,
        )
    except sqlite3.IntegrityError as error:
        raise AnswerError(client.hub, "its snapshot holds a signal twice") from error
    logger.info("%d signals from a snapshot, position %d", count, head.position)


def _read(kind: type[Line], line: bytes, hub: str) -> Line:
    """Parse the snapshot's first or last line. raises: AnswerError if it is another line."""
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        raise AnswerError(hub, f"its snapshot is torn: {kind.__name__} is missing") from error


def _store_lines(store: Store, incoming: Incoming, rows: Callable[[], list[SignalRow]]) -> None:
    """Parse, store and index one batch of lines."""
    store.add_incoming(incoming, rows())
