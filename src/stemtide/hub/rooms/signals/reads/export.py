# SPDX-License-Identifier: Apache-2.0
"""Read signals as rows of a table, for files that leave the hub."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.long_values import Row, filled_parts
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.hub.rooms.signals.rules.content import EMPTY
from stemtide.hub.rooms.signals.rules.signals import unpack_audience
from stemtide.protocol.enums import SignalState
from stemtide.protocol.files.columns import COLUMNS
from stemtide.protocol.messages.signals import is_long

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
class ExportFilter:
    """The signals that an export selects.

    kinds: empty for all.  after: changed after this feed position.  since: changed after this time.
    exercise: include exercise signals.  ended: include withdrawn and expired signals.
    """

    crisis: UUID | None = None
    kinds: tuple[Kind, ...] = ()
    after: int = 0
    since: datetime | None = None
    exercise: bool = False
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Export:
    """Signals as of one feed position of a hub. Later changes follow in the feed.

    parts: lists of rows by COLUMNS, oldest position first, read lazily.
    """

    hub: UUID
    position: int
    parts: Iterator[list[Row]]


def export(selection: ExportFilter, *, viewer: Party) -> Export:
    """Select the signals that a party may see, for an export.

    raises: NotFoundError for a crisis that the viewer may not see.
    """
    heads = ledger.heads()
    after = selection.after
    if selection.since is not None:
        after = max(after, ledger.until(selection.since)[0])
    rows = Signal.objects.filter(visible(viewer), position__lte=heads.positions)
    if selection.crisis is not None:
        rows = rows.filter(crisis=crises.find(selection.crisis, viewer=viewer))
    if selection.kinds:
        rows = rows.filter(kind__in=selection.kinds)
    if not selection.exercise:
        rows = rows.filter(exercise=False)
    if not selection.ended:
        rows = rows.filter(state=SignalState.LIVE)
    return Export(heads.hub, heads.positions, _parts(rows, after=after, viewer=viewer))


def _parts(rows: QuerySet[Signal], *, after: int, viewer: Party) -> Iterator[list[Row]]:
    """Yield the rows after a position in chunks, with long values filled in."""
    over = crises.over_for(viewer=viewer)
    while True:
        chunk = rows.filter(position__gt=after).order_by("position")
        columns = list(chunk.values_list(*_SELECTED)[:_CHUNK])
        if not columns:
            return
        visible_crises = crises.visible_ids(viewer=viewer)
        named = [_row(values, visible_crises, over=over, viewer=viewer) for values in columns]
        yield from filled_parts(named)
        after = named[-1]["position"]


def _row(
    columns: tuple[Any, ...],
    visible_crises: frozenset[UUID] | None,
    *,
    over: frozenset[UUID],
    viewer: Party,
) -> dict[str, Any]:
    """Return a signal's columns by name; without content if the viewer may not read it any more.

    visible_crises: those that may be named; None for all. over: those that are over for the viewer.
    """
    row = dict(zip(COLUMNS, columns, strict=True))
    has_ended = row["state"] != SignalState.LIVE
    if has_ended and row["crisis"] in over and row["shared_by"] != viewer.name:
        row |= {name: empty for name, empty in EMPTY.items() if name in row}
    row["audience"] = sorted(unpack_audience(row["audience"]))
    row["via"] = row["via"].split()
    row["url"] = row["url"] or None
    row["withdraw_reason"] = row["withdraw_reason"] or None
    if visible_crises is not None and row["crisis"] not in visible_crises:
        row["crisis"] = None
    if has_ended and is_long(Kind(row["kind"])):
        row["value"] = None  # the row holds only its digest
    return row
