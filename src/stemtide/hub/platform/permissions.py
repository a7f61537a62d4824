# SPDX-License-Identifier: Apache-2.0
"""What each role lets a person do for their party, and the checks that ask it."""

from collections.abc import Callable
from enum import StrEnum

from stemtide.hub.platform.errors import NotAllowedError, RefusalError
from stemtide.protocol.enums import Role


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
