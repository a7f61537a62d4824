# SPDX-License-Identifier: Apache-2.0
"""Times for people: in the reader's time zone, and as relative times.

The active time zone is used: the person's own, or UTC.
"""

from datetime import UTC, date, datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400
_NOW_S = 2


def stamp(at: datetime) -> str:
    """Format a time in full, in the reader's time zone: "24 Nov 2026, 13:03:11 CET"."""
    local = timezone.localtime(at)
    return f"{day(local)}, {local:%H:%M:%S} {zone(at)}"


def in_utc(at: datetime) -> str:
    """Format a time in full, in UTC: "24 Nov 2026, 12:03:11 UTC"."""
    return f"{day(at.astimezone(UTC))}, {at.astimezone(UTC):%H:%M:%S} UTC"


def day(on: date) -> str:
    """Format a day: "24 Nov 2026". A datetime is not converted to another time zone."""
    # Translators: a day, in Django's letters: j the day, b the month, Y the year.
    return date_format(on, _("j M Y"))


def zone(at: datetime) -> str:
    """Return the reader's time zone at a time: "CET", "UTC", "UTC+03" if it has no letters."""
    name = f"{timezone.localtime(at):%Z}"
    return f"UTC{name}" if name[:1] in "+-" else name


def of_day(at: datetime) -> str:
    """Format the time of day in the reader's time zone: "13:03:11"."""
    return f"{timezone.localtime(at):%H:%M:%S}"


def of_minute(at: datetime) -> str:
    """Format day and minute in the reader's time zone, short enough for an axis: "24 Nov 13:03"."""
    local = timezone.localtime(at)
    # Translators: the day before a time, in Django's letters: j the day, b the month.
    return f"{date_format(local, _('j M'))} {local:%H:%M}"


def relative(at: datetime, *, now: datetime) -> str:
    """Format a time relative to now: "3 min ago", "in 6 d"."""
    seconds = (now - at).total_seconds()
    if abs(seconds) < _NOW_S:
        return _("just now")
    words = _length(abs(seconds))
    if seconds > 0:
        return _("%(length)s ago") % {"length": words}
    return _("in %(length)s") % {"length": words}


def _length(seconds: float) -> str:
    """Format a duration in its largest one or two units."""
    if seconds < _MINUTE_S:
        return _("%d s") % seconds
    if seconds < _HOUR_S:
        return _("%d min") % (seconds // _MINUTE_S)
    if seconds < _DAY_S:
        return _hours(seconds)
    return _("%d d") % (seconds // _DAY_S)


def _hours(seconds: float) -> str:
    """Format a duration in hours and minutes."""
    hours, rest = divmod(int(seconds), _HOUR_S)
    return _("%(hours)d h %(minutes)02d min") % {"hours": hours, "minutes": rest // _MINUTE_S}


def elapsed(since: datetime, *, until: datetime) -> str:
    """Format a running clock: "02:14:33", with whole days: "1 d 02:14:33"."""
    past = max(until - since, timedelta(0))
    hours, rest = divmod(past.seconds, _HOUR_S)
    clock = f"{hours:02d}:{rest // _MINUTE_S:02d}:{rest % _MINUTE_S:02d}"
    return _("%(days)d d ") % {"days": past.days} + clock if past.days else clock


def remaining(due: datetime, *, now: datetime) -> str:
    """Format a countdown: "00:42:10"; after the deadline, the excess: "over by 00:03:07"."""
    if now <= due:
        return elapsed(now, until=due)
    return _("over by %(clock)s") % {"clock": elapsed(due, until=now)}


def span(seconds: float) -> str:
    """Format a duration: "12.3 s", "1 min 12 s", "1 h 02 min"."""
    if seconds < _MINUTE_S:
        return _("%s s") % number_format(round(seconds, 1), 1)
    if seconds < _HOUR_S:
        minutes, rest = divmod(int(seconds), _MINUTE_S)
        return _("%(minutes)d min %(seconds)02d s") % {"minutes": minutes, "seconds": rest}
    return _hours(seconds)
