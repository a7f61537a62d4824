# SPDX-License-Identifier: Apache-2.0
"""Rules for parties, API keys and agents."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.protocol.enums import PartyKind, Scope
from stemtide.protocol.places import countries

SILENT_AFTER = timedelta(seconds=20)
"""An agent that has not reported for longer is not connected."""

MAX_AGENTS_OF_KEY = 200
"""Most agents of one key: each is a row, and ever new names would fill the table."""

COORDINATING = frozenset({PartyKind.AUTHORITY, PartyKind.AGENCY, PartyKind.CONSORTIUM})
"""Kinds of party that see others' agents and sightings."""


CHANNELS = frozenset({"mail", "phone", "url"})

_PARTY_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")


EXERCISE_PREFIX = "exercise--"
"""How the name of a party begins that exists for one exercise only. The ledger looks at it."""


BOT_SCOPES = frozenset(Scope) - {
    *(Scope.METRICS_READ, Scope.COMPLAINTS_WRITE, Scope.WEBHOOKS_MANAGE),
    *(Scope.PARTIES_WRITE, Scope.EXERCISES_RUN, Scope.RETENTION_MANAGE, Scope.PRIVATE_MATCH),
}
"""Scopes of the key with which a bot acts for a party of an exercise."""


def check_party_name(name: str, *, exercise: bool = False) -> None:
    """Refuse names that are not short lower-case slugs: URLs, audiences and the ledger use them.

    exercise: whether the party is made for an exercise: only then its name begins as theirs do.
    """
    if name.startswith(EXERCISE_PREFIX) is not exercise:
        raise InvalidError(
            "name",
            "names that begin with {prefix} are those of parties of an exercise: choose another",
            prefix=EXERCISE_PREFIX,
        )
    if not _PARTY_NAME.fullmatch(name):
        raise InvalidError(
            "name",
            "{name!r} is not a name: use 1 to 60 of a-z, 0-9 and - (not at an end)",
            name=name[:60],
        )


def check_country(code: str, *, field: str = "country") -> None:
    """Refuse country codes other than ISO 3166-1 alpha-2."""
    if code not in countries():
        raise InvalidError(
            field,
            "{code!r} is not an ISO 3166-1 alpha-2 code: write one such as BE or DE",
            code=code[:20],
        )


def check_reaches(name: str, *, is_for_exercise: bool, exercise: bool) -> None:
    """Refuse to send something real to a party that exists for an exercise only.

    raises: InvalidError.
    """
    if is_for_exercise and not exercise:
        raise InvalidError(
            "party",
            "{name} exists for an exercise only: choose another party, or mark this as an exercise",
            name=name,
        )


def check_scopes(scopes: Iterable[str]) -> None:
    """Refuse an empty set of scopes, or unknown ones. The limits of the party apply in addition."""
    requested = set(scopes)
    unknown = sorted(requested - set(Scope))
    if unknown or not requested:
        problem = f"there is no scope {unknown[0][:40]!r}" if unknown else "none is given"
        raise InvalidError(
            "scopes", "{what}; known are {scopes}", what=problem, scopes=", ".join(sorted(Scope))
        )


def check_expiry(expires_at: datetime | None, *, now: datetime) -> None:
    """Reject an expiry time in the past."""
    if expires_at is None:
        return
    if expires_at <= now:
        raise InvalidError("expires_at", "is in the past: enter a later time or leave it out")
    try:
        expires_at.astimezone(UTC)
    except OverflowError as error:  # the year 9999, west of Greenwich
        raise InvalidError(
            "expires_at", "is too late: enter an earlier time or leave it out"
        ) from error


def check_revoke(prefix: str, *, revoked_at: datetime | None) -> None:
    """Refuse to revoke a key twice."""
    if revoked_at is not None:
        raise ConflictError(
            "key {prefix} was revoked at {revoked_at:%Y-%m-%d %H:%M:%S} UTC",
            prefix=prefix,
            revoked_at=revoked_at,
        )


def may_see_agents(viewer: str, *, kind: PartyKind, owner: str) -> bool:
    """Whether a party sees an agent's status: its own, and coordinating kinds all."""
    return viewer == owner or kind in COORDINATING


def check_new_agent(count: int) -> None:
    """Refuse one more agent of a key that has reported count of them.

    raises: ConflictError.
    """
    if count >= MAX_AGENTS_OF_KEY:
        raise ConflictError(
            "this key has reported {most} agents, the maximum: give each agent a fixed name, "
            "or ask the hub's operator for another key",
            most=MAX_AGENTS_OF_KEY,
        )


def change_of_agent(before: str | None, version: str) -> str:
    """Return the change of a report that needs an entry: appeared, updated or returned.

    before: the version in the last report; None if the agent is new.
    """
    if before is None:
        return "appeared"
    return "updated" if before != version else "returned"


def is_connected(last_seen_at: datetime, *, now: datetime) -> bool:
    """Whether an agent has reported recently."""
    return now - last_seen_at <= SILENT_AFTER
