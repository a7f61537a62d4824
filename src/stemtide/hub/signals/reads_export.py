# SPDX-License-Identifier: Apache-2.0
"""The readers of signals as rows of a table, for files that leave the hub."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.crises import reads as crises
from stemtide.hub.ledger import reads as ledger
from stemtide.hub.parties.models import Party
from stemtide.hub.signals.long_values import Row, in_parts
from stemtide.hub.signals.models import Signal
from stemtide.hub.signals.reads import visible
from stemtide.hub.signals.rules import unpack_audience
from stemtide.protocol.bulk_columns import COLUMNS
from stemtide.protocol.signals import is_long
from stemtide.protocol.words import SignalState

_CHUNK = 5000
"""Signals that are read at once."""

_STORED = {
    "content": "content__uid",
    "crisis": "crisis__uid",
    "disputed": "is_disputed",
    "id": "uid",
    "shared_by": "shared_by__name",
}
"""Columns of the table of signals that are named otherwise on the wire."""

_SELECTED = tuple(_STORED.get(name, name) for name in COLUMNS)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which signals an export is of.

    kinds: none named: all.  after: what changed after this feed position.  since: after this time.
    exercise: exercise signals as well.  ended: what was withdrawn or expired as well.
    """

    crisis: UUID | None = None
    kinds: tuple[Kind, ...] = ()
    after: int = 0
    since: datetime | None = None
    exercise: bool = False
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Export:
    """Signals as they stood at a position of a hub; what changed later lies after it in the feed.

    parts: lists of rows by COLUMNS, oldest position first, as they are read.
    """

    hub: UUID
    position: int
    parts: Iterator[list[Row]]


def export(wanted: Wanted, *, viewer: Party) -> Export:
    """The signals that a party wants and may see.

    raises: NotFoundError for a crisis that is not there for the viewer.
    """
    heads = ledger.heads()
    after = wanted.after
    if wanted.since is not None:
        after = max(after, ledger.until(wanted.since, by="export")[0])
    rows = Signal.objects.filter(visible(viewer), position__lte=heads.positions)
    if wanted.crisis is not None:
        rows = rows.filter(crisis=crises.find(wanted.crisis, viewer=viewer))
    if wanted.kinds:
        rows = rows.filter(kind__in=wanted.kinds)
    if not wanted.exercise:
        rows = rows.filter(exercise=False)
    if not wanted.ended:
        rows = rows.filter(state=SignalState.LIVE)
    return Export(heads.hub, heads.positions, _parts(rows, after=after, viewer=viewer))


def _parts(rows: QuerySet[Signal], *, after: int, viewer: Party) -> Iterator[list[Row]]:
    """The rows after a position, chunk by chunk, long values whole."""
    while True:
        chunk = rows.filter(position__gt=after).order_by("position")
        found = list(chunk.values_list(*_SELECTED)[:_CHUNK])
        if not found:
            return
        seen = crises.seen(viewer=viewer)
        named = [_row(one, seen=seen) for one in found]
        yield from in_parts(named)
        after = named[-1]["position"]


def _row(columns: tuple[Any, ...], *, seen: frozenset[UUID] | None) -> dict[str, Any]:
    """A signal by names. seen: the crises that may be named; None for all."""
    row = dict(zip(COLUMNS, columns, strict=True))
    row["audience"] = sorted(unpack_audience(row["audience"]))
    row["via"] = row["via"].split()
    row["url"] = row["url"] or None
    row["withdraw_reason"] = row["withdraw_reason"] or None
    if seen is not None and row["crisis"] not in seen:
        row["crisis"] = None
    if row["state"] != SignalState.LIVE and is_long(Kind(row["kind"])):
        row["value"] = None  # the row has its digest, which is no value
    return row
