# SPDX-License-Identifier: Apache-2.0
"""Legal deadlines as functions of times that are passed in: nothing here reads a clock.

Hours are elapsed hours, also across changes of daylight saving time: they are counted in UTC.
Weeks and months are counted in a time zone's calendar and end at the same local time; in a month
without that day they end on its last day.

source: Regulation (EU) 2021/784; for calendars Regulation (EEC, Euratom) No 1182/71 Art. 3(2)(c).
"""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

EXECUTE = timedelta(minutes=60)
"""Deadline of executing an order. source: Art. 3(3)."""

INFORM = timedelta(hours=12)
"""How long before a first order the provider is informed of procedures and deadlines. source: Art.
3(2).
"""

ASK_SCRUTINY = timedelta(hours=48)
"""Deadline of a provider or content provider for requesting scrutiny. source: Art. 4(4)."""

SCRUTINISE = timedelta(hours=72)
"""Deadline of scrutiny, from the copy or from the request. source: Art. 4(3) and (4)."""

PRESERVE_MONTHS = 6
"""How long removed content is preserved. source: Art. 6(1)."""

EPOC_PR_FROM = datetime(2026, 8, 18, tzinfo=UTC)
"""From when European Preservation Orders exist. source: Regulation (EU) 2023/1543 Art. 34(2)."""

EPOC_PR_DAYS = 60
"""How long data are preserved by an EPOC-PR. source: Regulation (EU) 2023/1543 Art. 11(1)."""

EPOC_PR_MORE_DAYS = 30
"""By how much that may be extended, once. source: Regulation (EU) 2023/1543 Art. 11(1)."""

SECRECY_WEEKS = 6
"""How long an order may be kept from the content provider; may be extended once. source: Art.
11(3).
"""

COMPLAINT_WEEKS = 2
"""Deadline of answering a complaint. source: Art. 10(2)."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A time in which a deadline is suspended. resumed_at: None while it is still suspended."""

    stopped_at: datetime
    resumed_at: datetime | None = None


def hours_after(moment: datetime, hours: timedelta) -> datetime:
    """Return the time that many hours later, in UTC."""
    return _utc(moment) + hours


def weeks_after(moment: datetime, weeks: int, *, zone: tzinfo = UTC) -> datetime:
    """Return the same local time on the same weekday, weeks later in a time zone, as UTC."""
    there = _utc(moment).astimezone(zone)
    return _on_day(there, year=0, month=0, days=7 * weeks).astimezone(UTC)


def months_after(moment: datetime, months: int, *, zone: tzinfo = UTC) -> datetime:
    """Return the same local time on the same day of the month, months later, as UTC."""
    there = _utc(moment).astimezone(zone)
    count = there.year * 12 + there.month - 1 + months
    return _on_day(there, year=count // 12, month=count % 12 + 1, days=0).astimezone(UTC)


def end_of_day(moment: datetime, *, zone: tzinfo = UTC) -> datetime:
    """Return the end of a moment's local day, as UTC."""
    there = _utc(moment).astimezone(zone)
    tomorrow = there.date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), tzinfo=zone).astimezone(UTC)


def execute_due(received_at: datetime, *, pauses: Sequence[Pause] = ()) -> datetime | None:
    """Return when an order must be executed by, or None while the deadline is suspended.

    The hour starts at receipt. When a ground of Annex III ends, the full hour starts anew.

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
    """Return how much of a deadline has run until a time: the time elapsed without the pauses."""
    first, last = _utc(received_at), _utc(until)
    passed = max(last - first, timedelta())
    for pause in pauses:
        began = min(max(_utc(pause.stopped_at), first), last)
        ended = last if pause.resumed_at is None else min(max(_utc(pause.resumed_at), began), last)
        passed -= max(ended - began, timedelta())
    return max(passed, timedelta())


def first_order_from(informed_at: datetime) -> datetime:
    """Return when the first order may be issued to a provider that was informed."""
    return hours_after(informed_at, INFORM)


def ask_scrutiny_until(received_at: datetime) -> datetime:
    """Return until when a provider or content provider may ask for scrutiny of an order."""
    return hours_after(received_at, ASK_SCRUTINY)


def scrutiny_due(since: datetime) -> datetime:
    """Return when scrutiny must be decided by, counted from the copy or from the request."""
    return hours_after(since, SCRUTINISE)


def preserve_until(removed_at: datetime, *, zone: tzinfo = UTC) -> datetime:
    """Return until when removed content is preserved: the end of the last day of six months."""
    return end_of_day(months_after(removed_at, PRESERVE_MONTHS, zone=zone), zone=zone)


def epoc_pr_until(
    received_at: datetime, *, is_extended: bool = False, zone: tzinfo = UTC
) -> datetime:
    """Return until when data are preserved by an EPOC-PR: the end of the last of its days."""
    days = EPOC_PR_DAYS + (EPOC_PR_MORE_DAYS if is_extended else 0)
    there = _utc(received_at).astimezone(zone)
    return end_of_day(_on_day(there, year=0, month=0, days=days), zone=zone)


def secrecy_until(issued_at: datetime, *, times: int = 1, zone: tzinfo = UTC) -> datetime:
    """Return until when an order may be kept from the content provider. times: 2 if extended."""
    return weeks_after(issued_at, SECRECY_WEEKS * times, zone=zone)


def complaint_due(filed_at: datetime, *, zone: tzinfo = UTC) -> datetime:
    """Return when a complaint must be answered by: the end of the last day of two weeks."""
    return end_of_day(weeks_after(filed_at, COMPLAINT_WEEKS, zone=zone), zone=zone)


def _utc(moment: datetime) -> datetime:
    """Return a time in UTC. raises: ValueError for a time without a time zone."""
    if moment.utcoffset() is None:
        raise ValueError(f"{moment.isoformat()} has no time zone: no deadline runs from it")
    return moment.astimezone(UTC)


def _on_day(there: datetime, *, year: int, month: int, days: int) -> datetime:
    """Return the same local time on another day; a time that does not exist is an hour later.

    year, month: 0 to keep them; the day is then limited to the month's last.
    """
    day = there.date()
    if year:
        day = day.replace(year=year, month=month, day=min(day.day, monthrange(year, month)[1]))
    day += timedelta(days=days)
    result = datetime.combine(day, there.time(), tzinfo=there.tzinfo)
    return result.astimezone(UTC).astimezone(there.tzinfo)
