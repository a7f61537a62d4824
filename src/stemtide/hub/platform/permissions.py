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


def check_may_see_people(role: Role | None) -> None:
    """Refuse the list of people to roles that do not manage or protect them."""
    if role is None or Verb.SEE_PEOPLE not in MAY[role]:
        raise NotAllowedError(
            "only administrators, coordinators and the data protection officer can see the "
            "people of your party: ask one of them"
        )


def check_may_erase_people(role: Role | None) -> None:
    """Refuse erasing a person's data to roles that do not manage or protect people.

    source: Art. 17 and 39 of Regulation (EU) 2016/679.
    """
    if role is None or Verb.ERASE not in MAY[role]:
        raise NotAllowedError(
            "only an administrator, a coordinator or the data protection officer can erase a "
            "person of their party: ask one of them"
        )


def check_may_read_ledger_by_person(role: Role | None) -> None:
    """Refuse roles that may not see what single colleagues do.

    None: a machine, whose key's scope was checked.
    """
    if role is not None and Verb.SEE_PEOPLE not in MAY[role]:
        raise NotAllowedError(
            "your role ({role}) cannot read the ledger by person: ask the data protection officer"
            " or the coordinator of your party",
            role=role.replace("_", " "),
        )


def check_may_see_preview_counts(role: Role) -> None:
    """Refuse a party's counts of looks to roles that do not look after its people."""
    if role not in {Role.DATA_PROTECTION_OFFICER, Role.COORDINATOR, Role.ADMINISTRATOR}:
        raise NotAllowedError(
            "only the data protection officer, coordinator and administrators can see your "
            "party's preview counts: you can see your own"
        )


def check_may_manage_signing_keys(role: Role | None) -> None:
    """Refuse signing keys to roles that do not manage their party's keys.

    None: a machine, whose key's scope was checked.
    """
    if role is not None and role not in MANAGING_ROLES:
        raise NotAllowedError(
            "your role ({role}) cannot manage signing keys: ask an administrator or the"
            " coordinator of your party",
            role=role.replace("_", " "),
        )


def check_may_manage_webhooks(role: Role | None) -> None:
    """Refuse to manage webhooks for roles other than administrators and coordinators.

    None: a machine, whose key's scope was checked.
    """
    if role is not None and role not in MANAGING_ROLES:
        raise NotAllowedError(
            "your role ({role}) cannot manage webhooks: ask an administrator of your party",
            role=role.replace("_", " "),
        )


def check_may_read_complaints(role: Role | None) -> None:
    """Refuse complaints to people who only watch: complainants may write about themselves."""
    if role is Role.OBSERVER:
        raise NotAllowedError("your role (observer) cannot read complaints: ask a duty officer")


def check_may_read_leads(role: Role | None) -> None:
    """Check that a person may read leads: observers may not, as leads contain personal data."""
    if role is Role.OBSERVER:
        raise NotAllowedError("your role (observer) cannot read leads: ask a duty officer")


def check_may_stop_erasure(role: Role | None) -> None:
    """Refuse everybody but data protection officers, coordinators and administrators.

    A machine may hold and extend rows of its party as well: its key's scope was checked. It may
    not lift holds.
    """
    if role is not None and Verb.ERASE not in MAY[role]:
        raise NotAllowedError(
            "your role ({role}) cannot stop or extend an erasure: ask the data protection officer"
            " or the coordinator of your party",
            role=role.replace("_", " "),
        )


def check_may_see_rights_requests(role: Role | None) -> None:
    """Refuse everybody but data protection officers, coordinators and administrators.

    None: a machine, whose key's scope was checked.
    """
    if role is not None and Verb.ERASE not in MAY[role]:
        raise NotAllowedError(
            "your role ({role}) cannot see requests of data subjects or records of processing: ask"
            " the data protection officer or the coordinator of your party",
            role=role.replace("_", " "),
        )
