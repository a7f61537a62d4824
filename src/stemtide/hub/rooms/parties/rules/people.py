# SPDX-License-Identifier: Apache-2.0
"""Rules for people: who manages them, second factors, and when a session ends."""

import hashlib
from datetime import datetime, timedelta

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import MAY, Verb
from stemtide.protocol.enums import Role

SESSION_MAX_AGE = timedelta(hours=12)
"""The maximum age of a session."""

INVITED_FOR = timedelta(hours=72)
"""How long an invitation is valid."""

SET_UP_FOR = timedelta(hours=1)
"""How long a link to set up a hub is valid."""

MAX_NAME = 80
"""The longest name of a person, in characters."""

SEEN_EVERY = timedelta(minutes=1)
"""The resolution of a session's time of last activity."""

FAILURES = 8
"""Wrong passwords and codes of an account within an hour, from everywhere, that lock it."""

NETWORK_FAILURES = 40
"""The same for a network, over all accounts. Higher: an office may share one address."""

LOCKED_FOR = timedelta(hours=1)
"""The longest duration of a lock, and the period in which failures add up."""

CODES_AN_HOUR = 20
"""Wrong codes of an account per hour after which codes are refused, even if a lock was lifted.

Three of a million codes are valid at a time: at this rate, guessing one with a probability of one
half takes more than a year.
"""

DOORS = frozenset({"password", "passkey", "organisation"})


def digest(secret: str) -> str:
    """Return the digest that is stored of an invitation's secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def clean_name(name: str) -> str:
    """Return the stored form of a person's name; "" for none.

    raises: InvalidError.
    """
    cleaned = " ".join(name.split())
    if len(cleaned) > MAX_NAME or not cleaned.isprintable():
        raise InvalidError("name", "enter a name of at most {most} characters", most=MAX_NAME)
    return cleaned


def needs_second_factor(role: Role) -> bool:
    """Whether a role may do more than read, so that a password alone is not enough."""
    return MAY[role] != {Verb.READ}


def check_not_oneself(actor: str, *, subject: str) -> None:
    """Refuse to change one's own account: another person must agree to it."""
    if actor == subject:
        raise NotAllowedError("another person of your party must do this for you: ask one")


def check_deactivate(*, is_active: bool) -> None:
    """Refuse to deactivate a person twice."""
    if not is_active:
        raise ConflictError("this person is already deactivated")


def check_reactivate(*, is_active: bool, erased_at: datetime | None) -> None:
    """Refuse to reactivate a person who is active, or whose data was erased."""
    if is_active:
        raise ConflictError("this person is already active")
    if erased_at is not None:
        raise ConflictError("this person was erased: add them again")


def check_invite(*, is_active: bool) -> None:
    """Refuse to invite a deactivated person."""
    if not is_active:
        raise ConflictError("this person is deactivated: reactivate them first")


def check_erase(*, is_active: bool, erased_at: datetime | None) -> None:
    """Refuse to erase a person who is still active, or twice."""
    if erased_at is not None:
        raise ConflictError("this person is already erased")
    if is_active:
        raise ConflictError("this person can still sign in: deactivate them first")


def check_rename(*, erased_at: datetime | None) -> None:
    """Refuse to give a name to a person whose data was erased."""
    if erased_at is not None:
        raise ConflictError("this person was erased: add them again")


def check_unlock(*, is_locked: bool) -> None:
    """Refuse to unlock an account that is not locked."""
    if not is_locked:
        raise ConflictError("this account is not locked")


def is_over(
    *,
    started_at: datetime,
    seen_at: datetime,
    ended_at: datetime | None,
    idle: timedelta,
    now: datetime,
) -> bool:
    """Whether a session has ended: by sign-out, maximum age, or idle time."""
    return ended_at is not None or now - started_at >= SESSION_MAX_AGE or now - seen_at >= idle
