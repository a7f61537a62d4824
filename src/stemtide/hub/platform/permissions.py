# SPDX-License-Identifier: Apache-2.0
"""Permissions of each role, and the checks that use them."""

from collections.abc import Callable
from enum import StrEnum

from stemtide.hub.platform.errors import NotAllowedError, RefusalError
from stemtide.protocol.enums import Role


class Verb(StrEnum):
    """The permissions that a role gives a person. The limits of their party apply in addition."""

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
"""The permissions of each role, for pages and writes alike."""


WRITING_ROLES = frozenset(role for role in Role if Verb.WRITE in MAY[role])
"""Roles that may write for their party; the others only read."""


LEADING_ROLES = frozenset(role for role in Role if Verb.LEAD in MAY[role])
"""Roles that decide: join for their party, activate, move and close a crisis."""


MANAGING_ROLES = frozenset(role for role in Role if Verb.MANAGE in MAY[role])
"""Roles that manage their party's people, contact points and keys."""


def allows(check: Callable[..., object], *facts: object, **named: object) -> bool:
    """Whether a check would pass, for example before a page shows a button."""
    try:
        check(*facts, **named)
    except RefusalError:
        return False
    return True


def check_person_may_write(role: Role | None) -> None:
    """Refuse writes to roles that only read: observers and data protection officers.

    None: a machine, whose key's scope was checked.
    """
    if role is not None and role not in WRITING_ROLES:
        raise NotAllowedError(
            "your role ({role}) can only read: ask a duty officer of your party",
            role=role.replace("_", " "),
        )


def check_person_may_lead(role: Role | None) -> None:
    """Refuse decisions to roles other than duty officers and coordinators.

    None: a machine, whose key's scope was checked.
    """
    if role is not None and role not in LEADING_ROLES:
        raise NotAllowedError(
            "your role ({role}) cannot decide this: ask a duty officer or the coordinator of "
            "your party",
            role=role.replace("_", " "),
        )


def check_person_may_manage(role: Role | None) -> None:
    """Refuse managing people and contact points to machines, and to roles that may not."""
    if role is None:
        raise NotAllowedError(
            "an API key cannot manage people and contact points: sign in at the desk"
        )
    if role not in MANAGING_ROLES:
        raise NotAllowedError(
            "your role ({role}) cannot manage people and contact points: ask an "
            "administrator of your party",
            role=role.replace("_", " "),
        )
