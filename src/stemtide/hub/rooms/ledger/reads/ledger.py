# SPDX-License-Identifier: Apache-2.0
"""Read the ledger."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from uuid import UUID

from django.db import connection
from django.db.models import Q

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.ledger.models import Entry, Placement
from stemtide.hub.rooms.ledger.rules.ledger import SPACING, Viewer, may_read

_HEADS = "SELECT hub, entries, positions FROM ledger_numbering"
_FIRSTS = (
    "SELECT wanted.column1, (SELECT max(first) FROM ledger_placement"
    " WHERE first <= wanted.column1) FROM (VALUES {marks}) AS wanted"
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

WITHHELD = "withheld"
"""Placeholder for a name that the reader may not see."""

PERSONS = frozenset({"through", "person"})
"""Details that name a person: the one who acted, and the one whom the act concerns."""

Opens: TypeAlias = Callable[[Collection[str]], Collection[str]]
"""Returns those of the withheld subjects that the viewer may see after all."""


@dataclass(frozen=True, slots=True)
class Heads:
    """The hub's id, and the highest numbers that it has assigned."""

    hub: UUID
    entries: int
    positions: int


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One entry as a party reads it. No number is left out, so that a gap would show."""

    number: int
    kind: str
    actor: str
    subject: str
    detail: dict[str, object]
    exercise: bool
    recorded_at: datetime
    crisis: UUID | None = None


@dataclass(frozen=True, slots=True)
class KindRow:
    """The public part of an entry, number and kind, with its crisis."""

    number: int
    kind: str
    crisis: UUID | None


@needs_no_viewer("the process compares its own versions")
def kinds(*, after: int, until: int) -> list[KindRow]:
    """Return numbers and kinds of entries, oldest first."""
    entries = Entry.objects.filter(number__gt=after, number__lte=until).order_by("number")
    return [KindRow(*row) for row in entries.values_list("number", "kind", "crisis")]


@needs_no_viewer("it returns numbers only: how far the ledger and the feed have come")
def heads() -> Heads:
    """Return the hub's id and its highest committed entry number and feed position."""
    with connection.cursor() as cursor:
        cursor.execute(_HEADS)
        hub, entries, positions = cursor.fetchone()
    return Heads(hub if isinstance(hub, UUID) else UUID(hub), entries, positions)


@dataclass(frozen=True, slots=True)
class PositionTime:
    """The time of a position. act_at: when its act began; at: the position's own time."""

    act_at: datetime
    at: datetime


@needs_no_viewer("it returns times only")
def position_times(positions: Collection[int]) -> dict[int, PositionTime]:
    """Return the times of positions, at most as many as fit into one query."""
    if not positions:
        return {}
    placeholders = ", ".join(["(%s)"] * len(positions))
    with connection.cursor() as cursor:
        cursor.execute(_FIRSTS.format(marks=placeholders), list(positions))
        firsts = dict(cursor.fetchall())
    acts = Placement.objects.in_bulk(set(firsts.values()))
    return {
        position: PositionTime(acts[first].at, acts[first].at + (position - first) * SPACING)
        for position, first in firsts.items()
    }


@needs_no_viewer("it returns a random number")
def history(position: int) -> str:
    """Return the mark of the act that assigned a position, as 16 digits; "" for position 0.

    Two hubs, or one hub before and after a restore, have different marks at a position unless their
    histories up to it are the same.
    """
    rows = Placement.objects.filter(first__lte=position).order_by("-first")
    act = rows.values_list("mark", "at").first()
    return "" if act is None else _mark_text(*act)


@needs_no_viewer("it returns random numbers")
def marks(position: int) -> list[tuple[int, str]]:
    """Return the first position and the mark of each act from the one of a position on, in order.

    The mark is as in history(). Without an act up to the position, all acts are returned.
    """
    rows = Placement.objects.order_by("first")
    before = rows.filter(first__lte=position).values_list("first", flat=True).last()
    if before is not None:
        rows = rows.filter(first__gte=before)
    return [
        (first, _mark_text(mark, at)) for first, mark, at in rows.values_list("first", "mark", "at")
    ]


def _mark_text(mark: int | None, at: datetime) -> str:
    """Return the mark of an act as text. at: its time, which replaces a mark that it lacks."""
    return f"{mark if mark is not None else (at - _EPOCH) // _MICROSECOND:016x}"


@needs_no_viewer("it returns times only")
def until(at: datetime) -> tuple[int, timedelta]:
    """Return the last position with a time no later than this, and the difference.

    0 if there is none.
    """
    act = Placement.objects.filter(at__lte=at).order_by("-at").first()
    if act is None:
        return 0, timedelta()
    position = min(act.first + (at - act.at) // SPACING, act.first + act.count - 1)
    return position, at - act.at - (position - act.first) * SPACING


@needs_no_viewer("it returns times only")
def acts_at(times: Collection[datetime]) -> list[tuple[int, int]]:
    """Return first and last positions of the acts that began at these times."""
    acts = Placement.objects.filter(at__in=times).values_list("first", "count")
    return [(first, first + count - 1) for first, count in acts]


def entries(
    *,
    viewer: Viewer,
    after: int = 0,
    limit: int = 100,
    subject: str | None = None,
    opens: Opens | None = None,
) -> list[EntryRow]:
    """Return entries after a number, oldest first; names that the viewer may not see are withheld.

    subject: only entries about this subject, which the viewer may see.
    opens:   called for subjects that the ledger alone must withhold: a room above knows more.
    """
    matching = Entry.objects.filter(number__gt=after)
    if subject is not None:
        matching = matching.filter(subject=subject)
    return _rows(list(matching.order_by("number")[:limit]), viewer=viewer, opens=opens)


def without_through(row: EntryRow, *, viewer: Viewer) -> EntryRow:
    """Return the entry; only the actor's own party sees which person or key acted."""
    if row.actor == viewer.ref:
        return row
    return replace(
        row, detail={key: value for key, value in row.detail.items() if key not in PERSONS}
    )


def timeline(
    crisis: UUID,
    *,
    viewer: Viewer,
    after: int = 0,
    limit: int = 100,
    things: Iterable[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    opens: Opens | None = None,
) -> list[EntryRow]:
    """Return the entries of a crisis that the viewer may see, oldest first.

    things: the parts of kinds before the dot; empty for all.
    opens:  called for subjects that the ledger alone must withhold: a room above knows more.
    """
    matching = Entry.objects.filter(
        Q(crisis=crisis) | Q(subject=f"crisis:{crisis}"), number__gt=after
    )
    kinds = Q()
    for thing in things:
        kinds |= Q(kind__startswith=f"{thing}.")
    matching = matching.filter(kinds)
    if since is not None:
        matching = matching.filter(recorded_at__gte=since)
    if until is not None:
        matching = matching.filter(recorded_at__lt=until)
    rows = list(matching.order_by("number")[:limit])
    return _rows(rows, viewer=viewer, opens=opens)


@needs_no_viewer("the scheduler checks access for each party")
def unfiltered(*, after: int, limit: int) -> list[EntryRow]:
    """Return entries after a number, oldest first, with nothing withheld.

    Only for rooms above, which decide for each entry who may know of it; never for API or pages.
    """
    rows = Entry.objects.filter(number__gt=after).order_by("number")[:limit]
    return [_unfiltered(entry) for entry in rows]


@needs_no_viewer("the room above checks who directs the exercise")
def latest_of_exercises(*, within: int) -> list[EntryRow]:
    """Return the entries of exercises among the last so many, newest first, nothing withheld."""
    rows = Entry.objects.order_by("-number")[:within]
    return [_unfiltered(entry) for entry in rows if entry.exercise]


def _unfiltered(entry: Entry) -> EntryRow:
    """Return an entry with nothing withheld."""
    return EntryRow(
        number=entry.number,
        kind=entry.kind,
        actor=entry.actor,
        subject=entry.subject,
        detail=entry.detail,
        exercise=entry.exercise,
        recorded_at=entry.recorded_at,
        crisis=entry.crisis,
    )


def kinds_of_exercise(actor: str, *, since: datetime) -> set[str]:
    """Return the kinds of entries that a party made in exercises since a time."""
    rows = Entry.objects.filter(actor=actor, exercise=True, recorded_at__gte=since)
    return set(rows.values_list("kind", flat=True).distinct())


@needs_no_viewer("an operator's list of erasures names rows, and is kept with the hub's keys")
def of_kinds(kinds: Collection[str]) -> Iterator[EntryRow]:
    """Yield all entries of some kinds, oldest first, with nothing withheld."""
    for entry in Entry.objects.filter(kind__in=kinds).order_by("number").iterator():
        yield _unfiltered(entry)


def timeline_tail(
    crisis: UUID,
    *,
    viewer: Viewer,
    limit: int,
    opens: Opens | None = None,
    without: Collection[str] = (),
) -> list[EntryRow]:
    """Return the last entries of a crisis that the viewer may see, newest first.

    without: kinds that are left out, because they would crowd out the others.

    Two look-ups by index, because one query for both may read the whole ledger.
    """
    shown = Entry.objects.exclude(kind__in=without).order_by("-number")
    about = shown.filter(subject=f"crisis:{crisis}")[:limit]
    inside = shown.filter(crisis=crisis)[:limit]
    rows = {row.number: row for row in (*about, *inside)}
    latest = sorted(rows.values(), key=lambda row: row.number, reverse=True)[:limit]
    return _rows(latest, viewer=viewer, opens=opens)


def _rows(rows: list[Entry], *, viewer: Viewer, opens: Opens | None) -> list[EntryRow]:
    """Return entries as a viewer may read them, with those that a room above opens."""
    closed = {row.subject for row in rows if not _is_open(row, viewer=viewer)}
    opened = set(opens(closed)) if opens and closed else set()
    return [row_of(row, viewer=viewer, is_open=row.subject in opened) for row in rows]


def _is_open(entry: Entry, *, viewer: Viewer) -> bool:
    """Whether the ledger by itself lets a viewer read an entry's names."""
    return may_read(viewer, kind=entry.kind, actor=entry.actor)


def row_of(entry: Entry, *, viewer: Viewer, is_open: bool = False) -> EntryRow:
    """Return an entry as a viewer may read it. is_open: a room above knows that they may."""
    is_open = is_open or _is_open(entry, viewer=viewer)
    return EntryRow(
        number=entry.number,
        kind=entry.kind,
        actor=entry.actor if is_open else WITHHELD,
        subject=entry.subject if is_open else WITHHELD,
        detail=entry.detail if is_open else {},
        exercise=entry.exercise,
        recorded_at=entry.recorded_at,
    )
