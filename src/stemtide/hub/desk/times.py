# SPDX-License-Identifier: Apache-2.0
"""Times as people at the desk read them: UTC, with relative words."""

from datetime import UTC, datetime, timedelta

from django.utils.translation import gettext as _

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400
_NOW_S = 2


def stamp(moment: datetime) -> str:
    """A moment in full: "24 Nov 2026, 12:03:11 UTC"."""
    return f"{moment.astimezone(UTC):%-d %b %Y, %H:%M:%S} UTC"


def of_day(moment: datetime) -> str:
    """The time of day in UTC: "12:03:11"."""
    return f"{moment.astimezone(UTC):%H:%M:%S}"


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


def span(seconds: float) -> str:
    """How long something lasts: "12.3 s", "1 min 12 s", "1 h 02 min"."""
    if seconds < _MINUTE_S:
        return _("%.1f s") % seconds
    if seconds < _HOUR_S:
        minutes, rest = divmod(int(seconds), _MINUTE_S)
        return _("%(minutes)d min %(seconds)02d s") % {"minutes": minutes, "seconds": rest}
    return _hours(seconds)
