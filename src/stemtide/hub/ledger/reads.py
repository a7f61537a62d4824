# SPDX-License-Identifier: Apache-2.0
"""The only readers of the ledger."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from stemtide.hub.ledger.models import Entry, Numbering
from stemtide.hub.ledger.rules import Viewer, may_read

WITHHELD = "withheld"
"""Stands for a name that the reader may not learn."""


@dataclass(frozen=True, slots=True)
class Heads:
    """The hub's own id, and the highest numbers it has given out."""

    hub: UUID
    entries: int
    positions: int


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One entry as a party reads it; every number is there, so that a gap would show."""

    number: int
    kind: str
    actor: str
    subject: str
    detail: dict[str, object]
    exercise: bool
    recorded_at: datetime


def heads() -> Heads:
    """The hub's id and its highest entry number and feed position, as far as committed."""
    row = Numbering.objects.get()
    return Heads(hub=row.hub, entries=row.entries, positions=row.positions)


def entries(
    *, viewer: Viewer, after: int = 0, limit: int = 100, subject: str | None = None
) -> list[EntryRow]:
    """Entries after a number, oldest first; names that the viewer may not learn are withheld.

    subject: only entries about one thing, which the viewer is known to be allowed to see.
    """
    found = Entry.objects.filter(number__gt=after)
    if subject is not None:
        found = found.filter(subject=subject)
    return [_row(entry, viewer=viewer) for entry in found.order_by("number")[:limit]]


def _row(entry: Entry, *, viewer: Viewer) -> EntryRow:
    """An entry as a viewer may read it."""
    is_open = may_read(viewer, kind=entry.kind, actor=entry.actor)
    return EntryRow(
        number=entry.number,
        kind=entry.kind,
        actor=entry.actor if is_open else WITHHELD,
        subject=entry.subject if is_open else WITHHELD,
        detail=entry.detail if is_open else {},
        exercise=entry.exercise,
        recorded_at=entry.recorded_at,
    )
