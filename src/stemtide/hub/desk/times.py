# SPDX-License-Identifier: Apache-2.0
"""Times as people at the desk read them: on their own clock with its zone, and in relative words.

The clock is that of the time zone which is active: the person's own, or UTC.
"""

from datetime import UTC, datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400
_NOW_S = 2


def stamp(moment: datetime) -> str:
    """A moment in full, on the reader's clock: "24 Nov 2026, 13:03:11 CET"."""
    there = timezone.localtime(moment)
    # Translators: the day before a time, in Django's letters: j the day, b the month, Y the year.
    day = date_format(there, _("j M Y"))
    return f"{day}, {there:%H:%M:%S} {zone(moment)}"


def in_utc(moment: datetime) -> str:
    """A moment in full, on the clock that everyone shares: "24 Nov 2026, 12:03:11 UTC"."""
    return (
        f"{date_format(moment.astimezone(UTC), _('j M Y'))}, {moment.astimezone(UTC):%H:%M:%S} UTC"
    )


def zone(moment: datetime) -> str:
    """The reader's time zone at a moment: "CET", "UTC", "UTC+03" where it has no letters."""
    name = f"{timezone.localtime(moment):%Z}"
    return f"UTC{name}" if name[:1] in "+-" else name


def of_day(moment: datetime) -> str:
    """The time of day on the reader's clock: "13:03:11"."""
    return f"{timezone.localtime(moment):%H:%M:%S}"


def of_minute(moment: datetime) -> str:
    """Day and minute on the reader's clock, short enough for an axis: "24 Nov 13:03"."""
    there = timezone.localtime(moment)
    return f"{date_format(there, 'j M')} {there:%H:%M}"


def relative(moment: datetime, *, now: datetime) -> str:
    """How far a moment lies from now, in words: "3 min ago", "in 6 d"."""
    seconds = (now - moment).total_seconds()
    if abs(seconds) < _NOW_S:
        return _("just now")
    words = _length(abs(seconds))
    if seconds > 0:
        return _("%(length)s ago") % {"length": words}
    return _("in %(length)s") % {"length": words}


def _length(seconds: float) -> str:
    """A length of time in its largest one or two units."""
    if seconds < _MINUTE_S:
        return _("%d s") % seconds
    if seconds < _HOUR_S:
        return _("%d min") % (seconds // _MINUTE_S)
    if seconds < _DAY_S:
        return _hours(seconds)
    return _("%d d") % (seconds // _DAY_S)


def _hours(seconds: float) -> str:
    """A length of time in hours and minutes."""
    hours, rest = divmod(int(seconds), _HOUR_S)
    return _("%(hours)d h %(minutes)02d min") % {"hours": hours, "minutes": rest // _MINUTE_S}


def elapsed(since: datetime, *, until: datetime) -> str:
    """A running clock: "02:14:33", with whole days before it: "1 d 02:14:33"."""
    past = max(until - since, timedelta(0))
    hours, rest = divmod(past.seconds, _HOUR_S)
    clock = f"{hours:02d}:{rest // _MINUTE_S:02d}:{rest % _MINUTE_S:02d}"
    return _("%(days)d d ") % {"days": past.days} + clock if past.days else clock


def remaining(due: datetime, *, now: datetime) -> str:
    """A clock that counts down: "00:42:10"; once it is over, by how much: "over by 00:03:07"."""
    if now <= due:
        return elapsed(now, until=due)
    return _("over by %(clock)s") % {"clock": elapsed(due, until=now)}


def span(seconds: float) -> str:
    """How long something lasts: "12.3 s", "1 min 12 s", "1 h 02 min"."""
    if seconds < _MINUTE_S:
        return _("%.1f s") % seconds
    if seconds < _HOUR_S:
        minutes, rest = divmod(int(seconds), _MINUTE_S)
        return _("%(minutes)d min %(seconds)02d s") % {"minutes": minutes, "seconds": rest}
    return _hours(seconds)
