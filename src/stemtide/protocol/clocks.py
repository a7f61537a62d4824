# SPDX-License-Identifier: Apache-2.0
"""Deadlines of the law as functions of given moments: nothing here looks at a clock.

Hours are hours that pass, also when clocks are put forward or back: they are counted in UTC. Weeks
and months are counted in the calendar of a place, and end at the same time of day there; a month
without that day ends on its last.

source: Regulation (EU) 2021/784; for calendars Regulation (EEC, Euratom) No 1182/71 Art. 3(2)(c).
"""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

EXECUTE = timedelta(minutes=60)
"""Within which an order is executed. source: Art. 3(3)."""

INFORM = timedelta(hours=12)
"""Before a first order, the provider is told of procedures and deadlines. source: Art. 3(2)."""

ASK_SCRUTINY = timedelta(hours=48)
"""Within which a provider or a content provider asks for scrutiny. source: Art. 4(4)."""

SCRUTINISE = timedelta(hours=72)
"""Within which scrutiny is decided: of the copy, or of the request. source: Art. 4(3) and (4)."""

PRESERVE_MONTHS = 6
"""How long what was removed is preserved. source: Art. 6(1)."""

SECRECY_WEEKS = 6
"""How long the content provider is not told; once as long again. source: Art. 11(3)."""

COMPLAINT_WEEKS = 2
"""Within which a complaint is answered. source: Art. 10(2)."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A time in which a deadline does not run. resumed_at: None where it stands still now."""

    stopped_at: datetime
    resumed_at: datetime | None = None


def hours_after(moment: datetime, hours: timedelta) -> datetime:
    """The moment after so much time has passed, in UTC."""
    return _utc(moment) + hours


def weeks_after(moment: datetime, weeks: int, *, zone: tzinfo = UTC) -> datetime:
    """The same time of the same day of the week, weeks later in a zone; in UTC."""
    there = _utc(moment).astimezone(zone)
    return _on(there, year=0, month=0, days=7 * weeks).astimezone(UTC)


def months_after(moment: datetime, months: int, *, zone: tzinfo = UTC) -> datetime:
    """The same time of the same day of the month, months later in a zone; in UTC."""
    there = _utc(moment).astimezone(zone)
    count = there.year * 12 + there.month - 1 + months
    return _on(there, year=count // 12, month=count % 12 + 1, days=0).astimezone(UTC)


def end_of_day(moment: datetime, *, zone: tzinfo = UTC) -> datetime:
    """When the day of a moment is over where the clocks show zone; in UTC."""
    there = _utc(moment).astimezone(zone)
    tomorrow = there.date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), tzinfo=zone).astimezone(UTC)


def execute_due(received_at: datetime, *, pauses: Sequence[Pause] = ()) -> datetime | None:
    """When an order must have been executed; None while its clock stands still.

    The hour starts at receipt. After a ground of Annex III has ended it starts anew, whole.

    source: Regulation (EU) 2021/784 Art. 3(3), (7) and (8): "the deadline shall start to run".
    """
    started = _utc(received_at)
    for pause in pauses:
        if pause.resumed_at is None:
            return None
        started = max(started, _utc(pause.resumed_at))
    return started + EXECUTE


def time_taken(
    received_at: datetime, until: datetime, *, pauses: Sequence[Pause] = ()
) -> timedelta:
    """How much time of a deadline has run until a moment: what passed, without its pauses."""
    first, last = _utc(received_at), _utc(until)
    passed = max(last - first, timedelta())
    for pause in pauses:
        began = min(max(_utc(pause.stopped_at), first), last)
        ended = last if pause.resumed_at is None else min(max(_utc(pause.resumed_at), began), last)
        passed -= max(ended - began, timedelta())
    return max(passed, timedelta())


def first_order_from(informed_at: datetime) -> datetime:
    """From when on a first order may be issued to a provider that was informed."""
    return hours_after(informed_at, INFORM)


def ask_scrutiny_until(received_at: datetime) -> datetime:
    """Until when whoever received an order, or word of it, asks for scrutiny."""
    return hours_after(received_at, ASK_SCRUTINY)


def scrutiny_due(since: datetime) -> datetime:
    """When scrutiny must be decided: counted from the copy, or from the request."""
    return hours_after(since, SCRUTINISE)


def preserve_until(removed_at: datetime, *, zone: tzinfo = UTC) -> datetime:
    """Until when what was removed is preserved: to the end of the last day of six months."""
    return end_of_day(months_after(removed_at, PRESERVE_MONTHS, zone=zone), zone=zone)


def secrecy_until(issued_at: datetime, *, times: int = 1, zone: tzinfo = UTC) -> datetime:
    """Until when at most the content provider is not told. times: 2 once it was extended."""
    return weeks_after(issued_at, SECRECY_WEEKS * times, zone=zone)


def complaint_due(filed_at: datetime, *, zone: tzinfo = UTC) -> datetime:
    """When a complaint must have been answered: at the end of the last day of two weeks."""
    return end_of_day(weeks_after(filed_at, COMPLAINT_WEEKS, zone=zone), zone=zone)


def _utc(moment: datetime) -> datetime:
    """The same moment in UTC. raises: ValueError for one without a time zone."""
    if moment.utcoffset() is None:
        raise ValueError(f"{moment.isoformat()} has no time zone: no deadline runs from it")
    return moment.astimezone(UTC)


def _on(there: datetime, *, year: int, month: int, days: int) -> datetime:
    """The same time of day on another day. A time that clocks skip there is told an hour later.

    year, month: 0 to keep them; the day is then cut to the month's last.
    """
    day = there.date()
    if year:
        day = day.replace(year=year, month=month, day=min(day.day, monthrange(year, month)[1]))
    day += timedelta(days=days)
    made = datetime.combine(day, there.time(), tzinfo=there.tzinfo)
    return made.astimezone(UTC).astimezone(there.tzinfo)
