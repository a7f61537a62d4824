# SPDX-License-Identifier: Apache-2.0
"""All live signals of a party at one moment, for the files that are made of them."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from django.db import DatabaseError, connection
from django.db.models import Count, Max

from stemtide.hub.crises import reads as crises
from stemtide.hub.ledger import reads as ledger
from stemtide.hub.parties.models import Party
from stemtide.hub.signals.long_values import in_parts
from stemtide.hub.signals.models import OpinionRow
from stemtide.hub.signals.reads import ENCODER, feed_rows, named
from stemtide.hub.signals.rows import NAMES, WIRE
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.words import Opinion, PartyKind, SignalState

_CHUNK = 2000

_BEGIN = {
    "sqlite": "BEGIN DEFERRED",  # reads what was committed when it first looks; holds up no writer
    "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
}


class Drop(NamedTuple):
    """A signal that no longer matches, at its latest position."""

    position: int
    id: str
    state: str


class Piece(NamedTuple):
    """Some signals as JSON lines. first: the position of the first of them."""

    lines: bytes
    first: int


@dataclass(frozen=True, slots=True)
class Moment:
    """What a party saw at one moment.

    position: the feed's. history: of the feed there.
    view: a digest of what the party may see beside what moves the feed.
    tlp, pap: the strictest marks of its live signals; None where there are none.
    drops: what no longer matches, lowest position first; oldest: those after it are all here.
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


def view(*, viewer: Party, exercise: bool) -> str:
    """What decides over a party's lines and moves no signal in the feed, as 32 digits.

    Its kind, the crises that it may see, and of other parties than providers their own disputes,
    which tell no agent anything.
    """
    seen = crises.seen(viewer=viewer)
    rooms = "all" if seen is None else sorted(map(str, seen))
    disputes: object = ()
    if viewer.kind != PartyKind.PROVIDER:
        said = OpinionRow.objects.filter(party=viewer, opinion=Opinion.DISPUTE)
        disputes = sorted(said.aggregate(Count("pk"), Max("given_at")).items())
    told = repr((viewer.pk, viewer.name, viewer.kind, exercise, rooms, disputes))
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def read_moment(
    *, viewer: Party, exercise: bool, most_drops: int, take: Callable[[Piece], None]
) -> Moment:
    """Hand all live signals of a party over in pieces, lowest position first, as of one moment.

    Writers go on meanwhile and are not seen. take must be quick and must not wait for anybody: the
    database keeps what it was until the last piece is read.
    """
    with _one_moment():
        heads = ledger.heads()
        history = ledger.history(heads.positions, by=viewer.ref)
        seen = view(viewer=viewer, exercise=exercise)
        count, marks = 0, _Marks()
        for rows in _live(viewer, exercise=exercise):
            marks.note(rows)
            for part in in_parts(rows):
                take(Piece(bytes(ENCODER.encode_lines(part)), part[0]["position"]))
            count += len(rows)
        drops, oldest = _drops(viewer, exercise=exercise, most=most_drops)
    return Moment(
        hub=heads.hub,
        position=heads.positions,
        history=history,
        view=seen,
        signals=count,
        tlp=marks.tlp,
        pap=marks.pap,
        drops=drops,
        oldest=oldest,
    )


class _Marks:
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
        """Tlp is written strictest first."""
        return next((one for one in Tlp if one.value in self._tlps), None)

    @property
    def pap(self) -> Pap | None:
        """Pap is written strictest first."""
        return next((one for one in Pap if one.value in self._paps), None)


def _live(viewer: Party, *, exercise: bool) -> Iterator[list[Any]]:
    """Live signals by position, as they travel, some at a time; long values are still digests."""
    live = feed_rows(viewer, exercise=exercise).filter(state=SignalState.LIVE)
    after = -1
    while True:
        rows = live.filter(position__gt=after).order_by("position").values_list(*WIRE[1:])[:_CHUNK]
        chunk = named(rows, viewer=viewer, names=NAMES[1:])
        if not chunk:
            return
        yield chunk
        after = chunk[-1]["position"]


def _drops(viewer: Party, *, exercise: bool, most: int) -> tuple[list[Drop], int]:
    """The latest signals that no longer match, and the position after which none is missing."""
    gone = feed_rows(viewer, exercise=exercise).exclude(state=SignalState.LIVE)
    rows = list(gone.order_by("-position").values_list("position", "uid", "state")[: most + 1])
    oldest = rows[most][0] if len(rows) > most else 0
    return [Drop(at, str(uid), state) for at, uid, state in reversed(rows[:most])], oldest


@contextmanager
def _one_moment() -> Iterator[None]:
    """Let everything read within see the same state of the database."""
    if connection.in_atomic_block:  # it is one already, or belongs to a test
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute(_BEGIN[connection.vendor])
        try:
            yield
        finally:
            with suppress(DatabaseError):  # the first error is the one to tell
                cursor.execute("ROLLBACK")
