# SPDX-License-Identifier: Apache-2.0
"""Read a crisis' timeline: the ledger entries that a party in its room may see."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

from pydantic import JsonValue

from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.ledger.reads.ledger import PERSONS
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.rules.parties import COORDINATING
from stemtide.hub.rooms.signals.reads import signals
from stemtide.hub.rooms.situation.reads import situation
from stemtide.protocol.handling import Tlp
from stemtide.protocol.messages.reports import TimelineEntry, TimelineExport, TimelinePage

MAX_PAGE = 500
"""Entries on one page."""

MAX_EXPORT = 50_000
"""Entries in one export; a crisis that is live for two days has some thousands."""

_OPEN_IN_THE_ROOM = frozenset({"crisis", "line", "task", "debrief", "previews"})
"""Things whose names everybody in the room may read."""


def timeline(
    uid: UUID,
    *,
    viewer: Party,
    after: int = 0,
    limit: int = 100,
    things: Iterable[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
) -> TimelinePage:
    """Return a part of a crisis's timeline.

    things: the part of a kind before the dot, such as "signal"; none for all kinds.
    raises: NotFoundError for a crisis whose room the viewer is not in.
    """
    room = situation.find_room(uid, viewer=viewer)
    size = max(1, min(limit, MAX_PAGE))
    rows = ledger.timeline(
        uid,
        viewer=viewer,
        after=after,
        limit=size + 1,
        things=things,
        since=since,
        until=until,
        opens=_opens(room, viewer=viewer),
    )
    page = rows[:size]
    return TimelinePage(
        entries=[_entry(row, viewer=viewer) for row in page],
        next=page[-1].number if page else after,
        more=len(rows) > size,
    )


def tail(
    uid: UUID, *, viewer: Party, limit: int, without: Collection[str] = ()
) -> list[ledger.EntryRow]:
    """Return the last entries of a crisis's timeline, newest first.

    raises: NotFoundError for a crisis whose room the viewer is not in.
    """
    room = situation.find_room(uid, viewer=viewer)
    opens = _opens(room, viewer=viewer)
    return ledger.timeline_tail(uid, viewer=viewer, limit=limit, opens=opens, without=without)


def whole(uid: UUID, *, viewer: Party, now: datetime) -> TimelineExport:
    """Return the whole timeline at one moment, for export.

    raises: NotFoundError for a crisis whose room the viewer is not in.
    """
    room = situation.find_room(uid, viewer=viewer)
    heads = ledger.heads()
    rows = ledger.timeline(uid, viewer=viewer, limit=MAX_EXPORT, opens=_opens(room, viewer=viewer))
    rows = [row for row in rows if row.number <= heads.entries]
    return TimelineExport(
        hub=heads.hub,
        head=heads.entries,
        crisis=room.uid,
        name=room.name,
        framework=room.framework,
        exercise=room.exercise,
        tlp=Tlp.AMBER,
        made_by=viewer.name,
        made_at=now,
        withheld=sum(row.actor == ledger.WITHHELD for row in rows),
        entries=[_entry(row, viewer=viewer) for row in rows],
    )


def _entry(row: ledger.EntryRow, *, viewer: Party) -> TimelineEntry:
    """Return an entry as the message of the API. Persons are shown to their own party only."""
    is_own = row.actor == viewer.ref
    detail = {name: fact for name, fact in row.detail.items() if is_own or name not in PERSONS}
    return TimelineEntry(
        number=row.number,
        kind=row.kind,
        actor=row.actor,
        subject=row.subject,
        detail=cast("dict[str, JsonValue]", detail),
        exercise=row.exercise,
        recorded_at=row.recorded_at,
    )


def _opens(room: Crisis, *, viewer: Party) -> ledger.Opens:  # noqa: ARG001  # the caller checked that the viewer is in the room
    """Return the subjects that a party in a room may read beyond the ledger's own rule.

    Signals and messages by their marks; reports of outcomes by those who see all providers.
    """

    def opens(subjects: Collection[str]) -> set[str]:
        named = [subject.partition(":") for subject in subjects]
        subjects_shown = {
            f"{thing}:{rest}" for thing, _, rest in named if thing in _OPEN_IN_THE_ROOM
        }
        if viewer.kind in COORDINATING:
            subjects_shown |= {f"report:{rest}" for thing, _, rest in named if thing == "report"}
        visible_signals = signals.visible_by_uid(_uids(subjects, "signal"), viewer=viewer)
        subjects_shown |= {f"signal:{uid}" for uid in visible_signals}
        read = situation.readable_ids(_uids(subjects, "message"), viewer=viewer)
        return subjects_shown | {f"message:{uid}" for uid in read}

    return opens


def _uids(subjects: Collection[str], thing: str) -> Sequence[UUID]:
    """Return the ids of the subjects of one type."""
    return [
        UUID(subject.removeprefix(f"{thing}:"))
        for subject in subjects
        if subject.startswith(f"{thing}:")
    ]
