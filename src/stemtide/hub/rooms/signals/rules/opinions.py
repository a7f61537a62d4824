# SPDX-License-Identifier: Apache-2.0
"""Rules for opinions: a dispute says why, and a party changes its opinion a few times a day."""

from datetime import UTC, datetime, timedelta

from stemtide.hub.platform.errors import InvalidError, RateLimitError
from stemtide.protocol.enums import Opinion
from stemtide.protocol.trust.limits import limits


class OpinionChangedError(RateLimitError):
    """The party changed its opinion of this signal too often today."""


def check_note(opinion: Opinion, note: str) -> None:
    """Refuse a dispute without a reason. raises: InvalidError."""
    if opinion is Opinion.DISPUTE and not note.strip():
        raise InvalidError(
            "note", "is empty: say in your own words why you dispute the signal, without names"
        )


def check_changes(changed: int, *, to: Opinion, now: datetime) -> None:
    """Refuse another opinion once a party has changed that of one signal too often today (UTC).

    A dispute is always taken: who finds a signal wrong must be able to stop it at once.

    changed: before the new one. raises: OpinionChangedError.
    """
    most = limits().opinion.changes_a_day
    if changed < most or to is Opinion.DISPUTE:
        return
    raise OpinionChangedError(
        "your party has changed its opinion of this signal {most} times today, the most in a day: "
        "decide, and go on after midnight UTC",
        retry_after_s=until_midnight_s(now),
        most=most,
    )


def until_midnight_s(now: datetime) -> int:
    """Return in how many seconds the next day (UTC) has begun."""
    now_utc = now.astimezone(UTC)
    midnight = now_utc.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return int((midnight - now_utc).total_seconds()) + 1
