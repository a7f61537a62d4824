# SPDX-License-Identifier: Apache-2.0
"""Read the settings in force: what people set at the desk, or else the environment's.

A process sees what another changed within CACHED_S.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from django.conf import settings

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.ledger.models import HubSetting
from stemtide.hub.rooms.ledger.rules.hub_settings import SETTINGS, SettingRule

_T = TypeVar("_T")


class TimedCache(Generic[_T]):
    """A cached value, which another process may change.

    lifetime_s: how long its change may stay unseen.
    """

    def __init__(self, empty: _T, *, lifetime_s: float) -> None:
        self._empty = empty
        self._lifetime_s = lifetime_s
        self._value = empty
        self._until = 0.0

    def get(self, read: Callable[[], _T]) -> _T:
        """Return the value, read anew if it is too old."""
        return self.renew(read) if time.monotonic() >= self._until else self._value

    def renew(self, read: Callable[[], _T]) -> _T:
        """Read the value anew, and return it."""
        self._value = read()
        self._until = time.monotonic() + self._lifetime_s
        return self._value

    def peek(self) -> _T:
        """Return the value as last read, where nothing may ask the database."""
        return self._value

    def clear(self) -> None:
        """Forget the value, so that it is read anew."""
        self._value = self._empty
        self._until = 0.0


CACHED_S = 5.0

OFFICE_HOURS: Mapping[str, int] = {"office_opens": 9, "office_closes": 17}
"""Hours at which an office opens and closes, Monday to Friday, where a contact point is."""

_MEGABYTE = 1_000_000

cache: TimedCache[dict[str, int]] = TimedCache({}, lifetime_s=CACHED_S)


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A setting. value: in force; default: the environment's. None: no limit.

    proposed: waits for a second person until expires_at; None if nothing waits.
    """

    name: str
    rule: SettingRule
    value: int | None
    default: int | None
    is_changed: bool
    changed_by: str = ""
    changed_at: datetime | None = None
    proposed: int | None = None
    proposed_by: str = ""
    reason: str = ""
    expires_at: datetime | None = None


@needs_no_viewer("settings hold for everybody")
def value(name: str) -> int | None:
    """Return the value of a setting in force; None if it is a limit that is off."""
    return cache.get(_changed).get(name, default(name))


@needs_no_viewer("settings hold for everybody")
def last_value(name: str) -> int | None:
    """Return the value of a setting as last read, without asking the database."""
    return cache.peek().get(name, default(name))


@needs_no_viewer("settings hold for everybody")
def renew() -> None:
    """Read the values that people set anew, for who has just seen a change of another process."""
    cache.renew(_changed)


@needs_no_viewer("settings hold for everybody")
def office_hours() -> tuple[int, int]:
    """Return the hours at which offices open and close."""
    return value("office_opens") or 0, value("office_closes") or 0


@needs_no_viewer("settings hold for everybody")
def long_value_bytes_a_day() -> int:
    """Return the bytes of long values that one party may share in a day."""
    changed = cache.get(_changed).get("long_values_mb")
    return int(settings.LONG_VALUE_BYTES_A_DAY) if changed is None else changed * _MEGABYTE


@needs_no_viewer("settings hold for everybody")
def longest_preview() -> timedelta:
    """Return the longest time that a preview is kept."""
    return timedelta(days=value("media_max_days") or 1)


@needs_no_viewer("settings hold for everybody")
def default(name: str) -> int | None:
    """Return the environment's value of a setting; None if it is a limit that is off."""
    group, _, key = name.partition("_")
    if group == "rate":
        number = settings.RATES.get(key)
    elif group == "acts":
        number = settings.ALERTING_ACTS.get(key)
    elif name == "media_max_days":
        number = settings.MEDIA_MAX_DAYS
    elif name == "long_values_mb":
        number = settings.LONG_VALUE_BYTES_A_DAY // _MEGABYTE
    else:
        number = OFFICE_HOURS[name]
    return None if number is None else int(number)


@needs_no_viewer("the caller checks that it is an agency")
def rows(*, now: datetime) -> list[SettingRow]:
    """Return all settings, in the order of the rules."""
    stored = {row.name: row for row in HubSetting.objects.all()}
    return [_row(name, rule, stored.get(name), now=now) for name, rule in SETTINGS.items()]


def _row(name: str, rule: SettingRule, row: HubSetting | None, *, now: datetime) -> SettingRow:
    """Return a setting; a proposal that has expired waits for nobody."""
    number = default(name)
    if row is None:
        return SettingRow(name, rule, number, number, is_changed=False)
    is_open = row.expires_at is not None and row.expires_at > now
    return SettingRow(
        name,
        rule,
        number if row.value is None else row.value,
        number,
        is_changed=row.value is not None,
        changed_by=row.changed_by,
        changed_at=row.changed_at,
        proposed=row.proposed if is_open else None,
        proposed_by=row.proposed_by,
        reason=row.reason,
        expires_at=row.expires_at,
    )


def _changed() -> dict[str, int]:
    """Return the values that people set, by name."""
    changed = HubSetting.objects.exclude(value=None).values_list("name", "value")
    return {name: number for name, number in changed if number is not None}
