# SPDX-License-Identifier: Apache-2.0
"""What the rooms refuse and why; who may see and do what with parties, people, keys and agents."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self

from stemtide.hub.ledger import rules as ledger_rules
from stemtide.protocol.places import countries
from stemtide.protocol.words import PartyKind, Role, Scope

SILENT_AFTER = timedelta(seconds=20)
"""An agent not heard of for longer is not connected."""

MAX_AGENTS_OF_KEY = 200
"""Agents that one key may report: each is a row, and a new name each time would fill the table."""

COORDINATING = frozenset({PartyKind.AUTHORITY, PartyKind.AGENCY, PartyKind.CONSORTIUM})
"""Kinds of party that see how others' agents and sightings stand."""


class Verb(StrEnum):
    """What a role lets a person do for their party. Their party's own bounds hold beside it."""

    READ = "read"
    WRITE = "write"
    LEAD = "lead"
    SEE_PEOPLE = "see_people"
    MANAGE = "manage"
    ERASE = "erase"


MAY: dict[Role, frozenset[Verb]] = {
    Role.DUTY_OFFICER: frozenset({Verb.READ, Verb.WRITE, Verb.LEAD}),
    Role.ANALYST: frozenset({Verb.READ, Verb.WRITE}),
    Role.COORDINATOR: frozenset(Verb),
    Role.ADMINISTRATOR: frozenset(
        {Verb.READ, Verb.WRITE, Verb.SEE_PEOPLE, Verb.MANAGE, Verb.ERASE}
    ),
    Role.DATA_PROTECTION_OFFICER: frozenset({Verb.READ, Verb.SEE_PEOPLE, Verb.ERASE}),
    Role.OBSERVER: frozenset({Verb.READ}),
}
"""What each role may do: the one table that pages and writes ask."""

WRITING_ROLES = frozenset(role for role in Role if Verb.WRITE in MAY[role])
"""Roles in which a person acts for their party; the others read."""

LEADING_ROLES = frozenset(role for role in Role if Verb.LEAD in MAY[role])
"""Roles in which a person leads: joins for their party, activates, moves and closes a crisis."""

MANAGING_ROLES = frozenset(role for role in Role if Verb.MANAGE in MAY[role])
"""Roles in which a person looks after their party's people, contact points and keys."""

CHANNELS = frozenset({"mail", "phone", "url"})

_PARTY_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")


RefusalError = ledger_rules.RefusalError
ConflictError = ledger_rules.ConflictError
TooManyError = ledger_rules.TooManyError
"""Those of the floor below, which refuses as well; every room knows them by these names."""


class NotAllowedError(RefusalError):
    """This party may not do that."""


class NotFoundError(RefusalError):
    """There is no such thing, or none that this party may see: the two are told apart to nobody."""


class InvalidError(RefusalError):
    """One field is not valid. field: its name as it was sent; template: what is wrong with it."""

    def __init__(self, field: str, template: str, /, **facts: object) -> None:
        super().__init__(template, **facts)
        self.field = field
        self.message = str(self)
        self.args = (f"{field}: {self.message}",)

    @classmethod
    def of(cls, field: str, why: RefusalError) -> Self:
        """A refusal of what stands in a field, as the refusal of that field."""
        return cls(field, why.template, **why.facts)


class UnknownKeyError(RefusalError):
    """The key opens nothing. Why is not said: unknown, wrong, expired and revoked look alike."""


def allows(check: Callable[..., object], *facts: object, **named: object) -> bool:
    """Whether a check would pass: what a page asks before it shows a button."""
    try:
        check(*facts, **named)
    except RefusalError:
        return False
    return True


def check_person_may_write(role: Role | None) -> None:
    """Observers and data protection officers read; they change nothing for their party.

    None: a machine, whose key's scope said that it may.
    """
    if role is not None and role not in WRITING_ROLES:
        raise NotAllowedError(
            "your role ({role}) reads only: ask a duty officer of your party",
            role=role.replace("_", " "),
        )


def check_person_may_lead(role: Role | None) -> None:
    """Duty officers and coordinators lead. None: a machine, whose key's scope said that it may."""
    if role is not None and role not in LEADING_ROLES:
        raise NotAllowedError(
            "your role ({role}) does not decide this: ask a duty officer or the coordinator of"
            " your party",
            role=role.replace("_", " "),
        )


def check_person_may_manage(role: Role | None) -> None:
    """Administrators and coordinators look after people and contact points; machines do not."""
    if role is None:
        raise NotAllowedError(
            "a key does not look after people and contact points: sign in at the desk"
        )
    if role not in MANAGING_ROLES:
        raise NotAllowedError(
            "your role ({role}) does not look after people and contact points: ask an"
            " administrator of your party",
            role=role.replace("_", " "),
        )


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
