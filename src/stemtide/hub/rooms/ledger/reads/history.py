# SPDX-License-Identifier: Apache-2.0
"""Read the whole ledger as a party may see it: filtered, in pages, or as a stream."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.ledger.reads.ledger import EntryRow, row_of, without_through
from stemtide.hub.rooms.ledger.rules.ledger import OPEN_TO, READ_KINDS, Viewer
from stemtide.protocol.enums import PartyKind

PAGE = 100
"""Entries of a page."""

AT_ONCE = 1000
"""Entries that a stream holds in memory."""


@dataclass(frozen=True, slots=True)
class LedgerFilter:
    """Which entries. Empty fields select all.

    is_own:  what the viewer's own party did; otherwise also what others did.
    is_read: only what says who read or exported something.
    kind:    a kind, or the thing before its dot. person: a person or key of the viewer's party.
    since, until: recorded from since on, and before until.
    """

    is_own: bool = True
    is_read: bool = False
    kind: str = ""
    party: str = ""
    person: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def asks_for_names(self) -> bool:
        """Whether it selects by what may be withheld."""
        return bool(self.is_own or self.party or self.person or self.subject)

    def digest(self) -> str:
        """Return a short digest, by which an entry names the filter without its words."""
        text = json.dumps(asdict(self), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def page(
    chosen: LedgerFilter, *, viewer: Viewer, before: int | None = None, limit: int = PAGE
) -> list[EntryRow]:
    """Return entries, newest first. before: only those with a lower number."""
    rows = _matching(chosen, viewer=viewer)
    if before is not None:
        rows = rows.filter(number__lt=before)
    return [_row(entry, viewer=viewer) for entry in rows.order_by("-number")[:limit]]


def stream(chosen: LedgerFilter, *, viewer: Viewer, until_number: int) -> Iterator[list[EntryRow]]:
    """Yield entries, oldest first, a part at a time; none is empty.

    until_number: the last entry when it began, so that it ends.
    """
    after = 0
    matching = _matching(chosen, viewer=viewer).filter(number__lte=until_number)
    while True:
        rows = list(matching.filter(number__gt=after).order_by("number")[:AT_ONCE])
        if not rows:
            return
        yield [_row(entry, viewer=viewer) for entry in rows]
        after = rows[-1].number


def _matching(chosen: LedgerFilter, *, viewer: Viewer) -> QuerySet[Entry]:
    """Return the entries of a filter.

    What may be withheld selects among entries that are open to the viewer: the list would
    otherwise answer what it hides.
    """
    rows = Entry.objects.all()
    if chosen.asks_for_names:
        rows = rows.filter(_open_to(viewer))
    if chosen.is_own:
        rows = rows.filter(actor=viewer.ref)
    if chosen.party:
        rows = rows.filter(actor=f"party:{chosen.party}")
    if chosen.person:
        rows = rows.filter(actor=viewer.ref, detail__through=chosen.person)
    if chosen.subject:
        rows = rows.filter(subject=chosen.subject)
    if chosen.is_read:
        rows = rows.filter(kind__in=READ_KINDS)
    if chosen.kind:
        is_whole = "." in chosen.kind
        rows = rows.filter(
            Q(kind=chosen.kind) if is_whole else Q(kind__startswith=f"{chosen.kind}.")
        )
    if chosen.since is not None:
        rows = rows.filter(recorded_at__gte=chosen.since)
    if chosen.until is not None:
        rows = rows.filter(recorded_at__lt=chosen.until)
    return rows


def _open_to(viewer: Viewer) -> Q:
    """Return the condition of entries whose names a viewer may read."""
    condition = Q(actor=viewer.ref)
    for thing, kinds in OPEN_TO.items():
        if PartyKind(viewer.kind) in kinds:
            condition |= Q(kind__startswith=f"{thing}.")
    return condition


def _row(entry: Entry, *, viewer: Viewer) -> EntryRow:
    """Return an entry as the viewer may read it."""
    return without_through(row_of(entry, viewer=viewer), viewer=viewer)
