# SPDX-License-Identifier: Apache-2.0
"""Rules for settings that people change at the desk: which there are, and their bounds.

A bound keeps one agency from stopping all others: no limit can be so low that agents fall behind.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from stemtide.hub.platform.errors import InvalidError, NotFoundError
from stemtide.hub.platform.rate_windows import DEFAULT_QUOTAS
from stemtide.hub.rooms.ledger.rules.rate_limits import HOURLY_LIMITS

LONGEST_PREVIEW_DAYS = 90
MOST_MB = 1_000_000


class SettingGroup(StrEnum):
    """The subject of a setting."""

    RETENTION = "retention"
    REQUESTS = "requests"
    ACTS = "acts"
    OFFICE = "office"


@dataclass(frozen=True, slots=True)
class SettingRule:
    """A setting: a whole number from lowest to highest."""

    group: SettingGroup
    lowest: int
    highest: int


SETTINGS: Mapping[str, SettingRule] = {
    "media_max_days": SettingRule(SettingGroup.RETENTION, 1, LONGEST_PREVIEW_DAYS),
    "long_values_mb": SettingRule(SettingGroup.REQUESTS, 100, MOST_MB),
    **{
        f"rate_{name}": SettingRule(SettingGroup.REQUESTS, quota // 4, quota * 100)
        for name, quota in DEFAULT_QUOTAS.items()
    },
    **{
        f"acts_{name}": SettingRule(SettingGroup.ACTS, max(1, limit // 4), limit * 100)
        for name, limit in HOURLY_LIMITS.items()
    },
    "office_opens": SettingRule(SettingGroup.OFFICE, 0, 23),
    "office_closes": SettingRule(SettingGroup.OFFICE, 1, 24),
}
"""Settings by name. Limits have a quarter of the shipped default as their lowest value."""


def find_rule(name: str) -> SettingRule:
    """Return the rule of a setting.

    raises: NotFoundError.
    """
    if name not in SETTINGS:
        raise NotFoundError("there is no setting {name!r}", name=name[:40])
    return SETTINGS[name]


def check_value(name: str, value: int, *, opens: int, closes: int) -> None:
    """Refuse values outside a setting's bounds, and office hours that end before they begin.

    opens, closes: the office hours in force.
    """
    rule = find_rule(name)
    if not rule.lowest <= value <= rule.highest:
        raise InvalidError(
            "value",
            "enter a whole number from {lowest} to {highest}",
            lowest=rule.lowest,
            highest=rule.highest,
        )
    opens = value if name == "office_opens" else opens
    closes = value if name == "office_closes" else closes
    if opens >= closes:
        raise InvalidError(
            "value", "office hours must end after they begin: change the other first"
        )
