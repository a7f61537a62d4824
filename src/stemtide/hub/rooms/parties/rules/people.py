# SPDX-License-Identifier: Apache-2.0
"""Who looks after people, what signing in needs, and when a sitting ends."""

import hashlib
from datetime import datetime, timedelta

from stemtide.hub.platform.errors import ConflictError, NotAllowedError
from stemtide.hub.platform.permissions import MAY, Verb
from stemtide.protocol.enums import Role

LONGEST_SITTING = timedelta(hours=12)
"""Whoever signed in signs in again after this, whatever they do."""

INVITED_FOR = timedelta(hours=72)
"""How long an invitation may be used, once."""

SEEN_EVERY = timedelta(minutes=1)
"""How finely it is kept when somebody last did something."""

FAILURES = 8
"""Wrong passwords and codes of an account within an hour, from everywhere, that lock it."""

NETWORK_FAILURES = 40
"""The same of a network, over all accounts. More: an office may stand behind one address."""

LOCKED_FOR = timedelta(hours=1)
"""How long a lock holds at most, and within which failures add up."""

CODES_AN_HOUR = 20
"""Wrong codes of an account within an hour after which no code is tried, lifted lock or not.

Of a million codes an app's are three at a time: at this rate it takes more than a year to guess
one with even odds.
"""

DOORS = frozenset({"password", "passkey", "organisation"})


def digest(secret: str) -> str:
    """What is kept of the secret of an invitation."""
    return hashlib.sha256(secret.encode()).hexdigest()


def needs_second_factor(role: Role) -> bool:
    """Whether a role does more than read, so that a password alone is too little for it."""
    return MAY[role] != {Verb.READ}


def check_see_people(role: Role | None) -> None:
    """Who looks after people sees them, and so does the data protection officer."""
    if role is None or Verb.SEE_PEOPLE not in MAY[role]:
        raise NotAllowedError(
            "the people of your party are seen by its administrators, coordinators and data"
            " protection officer: ask one of them"
        )


def check_erase_people(role: Role | None) -> None:
    """Who looks after people erases what is kept of one, and so does the officer for it.

    source: Art. 17 and 39 of Regulation (EU) 2016/679.
    """
    if role is None or Verb.ERASE not in MAY[role]:
        raise NotAllowedError(
            "what is kept of a person is erased by an administrator, a coordinator or the data"
            " protection officer of their party: ask one of them"
        )


def check_not_oneself(actor: str, *, subject: str) -> None:
    """Nobody raises, ends or empties their own account: somebody else must agree to it."""
    if actor == subject:
        raise NotAllowedError("somebody else of your party must do this for you: ask one of them")


def check_deactivate(*, is_active: bool) -> None:
    """Someone is deactivated once."""
    if not is_active:
        raise ConflictError("this person is deactivated already")


def check_reactivate(*, is_active: bool, erased_at: datetime | None) -> None:
    """Someone comes back who was deactivated and about whom something is still known."""
    if is_active:
        raise ConflictError("this person is active already")
    if erased_at is not None:
        raise ConflictError("what was kept of this person is erased: add them anew")


def check_invite(*, is_active: bool) -> None:
    """Only someone who may sign in is invited to."""
    if not is_active:
        raise ConflictError("this person is deactivated: reactivate them first")


def check_erase(*, is_active: bool, erased_at: datetime | None) -> None:
    """Someone who was deactivated is erased, once."""
    if erased_at is not None:
        raise ConflictError("what was kept of this person is erased already")
    if is_active:
        raise ConflictError("this person may still sign in: deactivate them first")


def check_unlock(*, is_locked: bool) -> None:
    """Only a locked account is unlocked."""
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
    """Whether a sitting has ended: by hand, by its length, or because nobody did anything."""
    return ended_at is not None or now - started_at >= LONGEST_SITTING or now - seen_at >= idle
