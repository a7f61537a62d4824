# SPDX-License-Identifier: Apache-2.0
"""Rules for alerts that somebody sets aside: who assigns, snoozes and mutes, and which kinds."""

from datetime import datetime

from stemtide.hub.platform.errors import ConflictError, NotAllowedError
from stemtide.hub.platform.permissions import check_person_may_write
from stemtide.hub.rooms.alerts.rules.alerts import AlertState, Urgency, check_settle
from stemtide.hub.rooms.alerts.rules.kinds import EVERY_KIND
from stemtide.protocol.enums import Role

SNOOZE_HOURS = (1, 4, 12, 24)
"""How long an alert can be set aside for its party."""

MUTE_DAYS = (1, 7, 30)
"""How long a person can mute a kind of alert for themselves."""


def demands_answer(kind: str) -> bool:
    """Whether a kind of alert is urgent or goes on along the ladder until somebody answers.

    These are the alerts that the law demands at once: removal orders, threats to life, warnings.
    """
    rule = EVERY_KIND[kind]
    return rule.escalates or rule.urgency is Urgency.NOW


def check_assign(*, role: Role | None, state: AlertState) -> None:
    """Check that a person may assign an alert, and that it still waits."""
    check_person_may_write(role)
    check_settle(state)


def check_snooze(kind: str, *, role: Role | None, state: AlertState) -> None:
    """Check that a person may set an alert aside for the party."""
    check_person_may_write(role)
    check_settle(state)
    if demands_answer(kind):
        raise NotAllowedError(
            "an alert of this kind needs an answer now: acknowledge it, or assign it to a colleague"
        )


def check_mute(kind: str) -> None:
    """Check that a person may mute a kind of alert for themselves."""
    if demands_answer(kind):
        raise NotAllowedError("nobody can mute this kind of alert: it needs an answer at once")


def check_unmute(*, until: datetime | None, now: datetime) -> None:
    """Refuse to unmute a kind that is not muted."""
    if until is None or until <= now:
        raise ConflictError("you have not muted this kind of alert")
