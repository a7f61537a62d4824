# SPDX-License-Identifier: Apache-2.0
"""What the rooms refuse and why; who may see and do what with parties, people, keys and agents."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.protocol.enums import PartyKind, Scope
from stemtide.protocol.places import countries

SILENT_AFTER = timedelta(seconds=20)
"""An agent not heard of for longer is not connected."""

MAX_AGENTS_OF_KEY = 200
"""Agents that one key may report: each is a row, and a new name each time would fill the table."""

COORDINATING = frozenset({PartyKind.AUTHORITY, PartyKind.AGENCY, PartyKind.CONSORTIUM})
"""Kinds of party that see how others' agents and sightings stand."""


CHANNELS = frozenset({"mail", "phone", "url"})

_PARTY_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")


def check_party_name(name: str) -> None:
    """Names are short, stable and lower-case: they stand in addresses, audiences, the ledger."""
    if not _PARTY_NAME.fullmatch(name):
        raise InvalidError(
            "name",
            "{name!r} is not a name: use 1 to 60 of a-z, 0-9 and - (not at an end)",
            name=name[:60],
        )


def check_country(code: str, *, field: str = "country") -> None:
    """A country is named by its two upper-case letters."""
    if code not in countries():
        raise InvalidError(
            field, "{code!r} is no ISO 3166-1 alpha-2 code: write it as in BE or DE", code=code[:20]
        )


def check_scopes(scopes: Iterable[str]) -> None:
    """A key may do something, and only what there is. Its party's own bounds hold beside it."""
    wanted = set(scopes)
    unknown = sorted(wanted - set(Scope))
    if unknown or not wanted:
        what = f"there is no scope {unknown[0][:40]!r}" if unknown else "none is given"
        raise InvalidError(
            "scopes", "{what}; known are {scopes}", what=what, scopes=", ".join(sorted(Scope))
        )


def check_expiry(expires_at: datetime | None, *, now: datetime) -> None:
    """What is born expired helps nobody."""
    if expires_at is None:
        return
    if expires_at <= now:
        raise InvalidError("expires_at", "lies in the past: name a later time or leave it out")
    try:
        expires_at.astimezone(UTC)
    except OverflowError as error:  # the year 9999, west of Greenwich
        raise InvalidError(
            "expires_at", "lies later than can be kept: name an earlier time or leave it out"
        ) from error


def check_revoke(prefix: str, *, revoked_at: datetime | None) -> None:
    """A key is revoked once."""
    if revoked_at is not None:
        raise ConflictError(
            "key {prefix} was revoked at {revoked_at:%Y-%m-%d %H:%M:%S} UTC",
            prefix=prefix,
            revoked_at=revoked_at,
        )


def may_see_agents(viewer: str, *, kind: PartyKind, owner: str) -> bool:
    """Whether a party sees how an agent stands: its own, and coordinating kinds all."""
    return viewer == owner or kind in COORDINATING


def check_new_agent(count: int) -> None:
    """Refuse one more agent of a key that has reported count of them.

    raises: ConflictError.
    """
    if count >= MAX_AGENTS_OF_KEY:
        raise ConflictError(
            "this key has reported {most} agents, and no key may report more: give each agent one"
            " name and keep it, or ask whoever runs the hub for another key",
            most=MAX_AGENTS_OF_KEY,
        )


def is_connected(last_seen_at: datetime, *, now: datetime) -> bool:
    """Whether an agent was heard of lately."""
    return now - last_seen_at <= SILENT_AFTER
