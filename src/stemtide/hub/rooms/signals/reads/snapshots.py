# SPDX-License-Identifier: Apache-2.0
"""Read signals for files of a party: all live signals in one state, or a range of the feed."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from django.db import DatabaseError, connection

from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import standing
from stemtide.hub.rooms.signals.long_values import Row, filled_parts
from stemtide.hub.rooms.signals.reads.signals import ENCODER, feed_rows, rows_by_name
from stemtide.hub.rooms.signals.views import NAMES, WIRE
from stemtide.protocol.enums import SignalState
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.sync.feed import FeedParty

_CHUNK = 2000

_BEGIN = {
    "sqlite": "BEGIN DEFERRED",  # snapshot of the first read; blocks no writer
    "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
}


class Drop(NamedTuple):
    """A signal that no longer matches, at its latest position."""

    position: int
    id: str
    state: str


class SnapshotChunk(NamedTuple):
    """Several signals as JSON lines. first: the position of the first signal."""

    lines: bytes
    first: int


class FeedLines(NamedTuple):
    """Several feed entries as JSON lines. last: the position of the last entry."""

    lines: bytes
    entries: int
    last: int


@dataclass(frozen=True, slots=True)
class SnapshotState:
    """The state that a party's snapshot was read in.

    position: of the feed. history: of the feed at that position.
    view: a digest of the other facts that decide which lines the party sees (see view()).
    tlp, pap: the strictest marks of its live signals; None if there are none.
    drops: signals that no longer match, lowest position first; oldest: all after it are included.
    parties: the standing of every party.
    """

    hub: UUID
    position: int
    history: str
    view: str
    signals: int
    tlp: Tlp | None
    pap: Pap | None
    drops: list[Drop]
    oldest: int
    parties: list[FeedParty]


def digest_of_view(*, viewer: Party, exercise: bool) -> str:
    """Return 32 hex digits that identify everything else that decides over a party's lines.

    Included are facts that move no signal in the feed: the party's kind, and the crises that it
    may see.
    """
    visible_crises = crises.visible_ids(viewer=viewer)
    rooms = "all" if visible_crises is None else sorted(map(str, visible_crises))
    state = repr((viewer.pk, viewer.name, viewer.kind, exercise, rooms))
    return hashlib.sha256(state.encode()).hexdigest()[:32]


def read_state(
    *, viewer: Party, exercise: bool, most_drops: int, take: Callable[[SnapshotChunk], None]
) -> SnapshotState:
    """Pass all live signals of a party to take, in pieces, lowest position first, from one state.

    Concurrent writes go on and are not seen. take must be quick and must not block: the database
    keeps old row versions until the last piece is read.
    """
    with _one_snapshot():
        heads = ledger.heads()
        history = ledger.history(heads.positions)
        view_digest = digest_of_view(viewer=viewer, exercise=exercise)
        parties = standing.changed(exercise=exercise)
        count, marks = 0, _StrictestMarks()
        for rows in _live(viewer, exercise=exercise):
            marks.note(rows)
            for part in filled_parts(rows):
                take(SnapshotChunk(bytes(ENCODER.encode_lines(part)), part[0]["position"]))
            count += len(rows)
        drops, oldest = _drops(viewer, exercise=exercise, most=most_drops)
    return SnapshotState(
        hub=heads.hub,
        position=heads.positions,
        history=history,
        view=view_digest,
        signals=count,
        tlp=marks.tlp,
        pap=marks.pap,
        drops=drops,
        oldest=oldest,
        parties=parties,
    )


def read_range(
    *, viewer: Party, exercise: bool, after: int, until: int, with_ended: bool
) -> Iterator[FeedLines]:
    """Yield the entries of a party's feed above one position, up to another, lowest first.

    with_ended: also signals that no longer match, as tombstones.

    No transaction is needed: a signal that changes meanwhile moves above `until`.
    """
    rows = feed_rows(viewer, exercise=exercise).filter(position__lte=until)
    if not with_ended:
        rows = rows.filter(state=SignalState.LIVE)
    while True:
        page = rows.filter(position__gt=after).order_by("position").values_list(*WIRE)[:_CHUNK]
        chunk = rows_by_name(page, viewer=viewer)
        if not chunk:
            return
        for part in filled_parts(chunk):
            lines = bytes(ENCODER.encode_lines([_entry(row) for row in part]))
            yield FeedLines(lines, len(part), part[-1]["position"])
        after = chunk[-1]["position"]


def _entry(row: Row) -> dict[str, Any]:
    """Return the line of a row: its columns, or a tombstone."""
    if row["state"] == SignalState.LIVE:
        return {name: column for name, column in row.items() if name != "state"}
    return {"op": "drop", **{name: row[name] for name in ("position", "id", "state")}}


class _StrictestMarks:
    """The strictest marks of the rows so far."""

    def __init__(self) -> None:
        self._tlps: set[str] = set()
        self._paps: set[str] = set()

    def note(self, rows: list[Any]) -> None:
        """Count rows in."""
        self._tlps.update(row["tlp"] for row in rows)
        self._paps.update(row["pap"] for row in rows)

    @property
    def tlp(self) -> Tlp | None:
        """Return the strictest TLP (Tlp lists the strictest first)."""
        return next((tlp for tlp in Tlp if tlp.value in self._tlps), None)

    @property
    def pap(self) -> Pap | None:
        """Return the strictest PAP (Pap lists the strictest first)."""
        return next((pap for pap in Pap if pap.value in self._paps), None)


def _live(viewer: Party, *, exercise: bool) -> Iterator[list[Any]]:
    """Yield live signals by position in wire names, in chunks; long values are still digests."""
    live = feed_rows(viewer, exercise=exercise).filter(state=SignalState.LIVE)
    after = -1
    while True:
        rows = live.filter(position__gt=after).order_by("position").values_list(*WIRE[1:])[:_CHUNK]
        chunk = rows_by_name(rows, viewer=viewer, names=NAMES[1:])
        if not chunk:
            return
        yield chunk
        after = chunk[-1]["position"]


def _drops(viewer: Party, *, exercise: bool, most: int) -> tuple[list[Drop], int]:
    """Return the latest signals that no longer match, and the position they are complete from."""
    ended = feed_rows(viewer, exercise=exercise).exclude(state=SignalState.LIVE)
    rows = list(ended.order_by("-position").values_list("position", "uid", "state")[: most + 1])
    oldest = rows[most][0] if len(rows) > most else 0
    return [Drop(at, str(uid), state) for at, uid, state in reversed(rows[:most])], oldest


@contextmanager
def _one_snapshot() -> Iterator[None]:
    """Let all reads within the block see the same state of the database."""
    if connection.in_atomic_block:  # nested, or in a test
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute(_BEGIN[connection.vendor])
        try:
            yield
        finally:
            with suppress(DatabaseError):  # report the first error
                cursor.execute("ROLLBACK")
