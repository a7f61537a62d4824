# SPDX-License-Identifier: Apache-2.0
"""Write people: role, access, and preferences."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessLog
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from stemtide.hub.platform.errors import InvalidError, NotFoundError, RefusalError
from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.platform.permissions import check_may_erase_people, check_person_may_manage
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import CodeTry, Party, Person, PersonSession
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.rules import contacts, people
from stemtide.hub.rooms.parties.writes import parties as writes
from stemtide.hub.rooms.parties.writes.independence import add_controllers
from stemtide.protocol.enums import Role

MAX_PEOPLE = 1000
"""The most people of one file."""


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A row of the file. number: of the row, for errors."""

    number: int
    email: str
    role: str
    name: str = ""


class PeopleImportError(RefusalError):
    """Some rows are refused, so nobody was added. problems: one line for each of them."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("nobody was added: {problems}", problems="; ".join(problems))
        self.problems = tuple(problems)


@needs_no_lock("it changes one row of the person who asks")
@needs_no_entry("it changes how one person reads, and nothing for others")
@transaction.atomic
def set_preferences(
    person: Person, *, language: str, time_zone: str, letter_keys: bool = True
) -> None:
    """Set a person's language, time zone and keys. "": the browser's language, UTC.

    raises: InvalidError.
    """
    if language:
        language = contacts.language_tag(language, field="language").lower()
    if time_zone:
        contacts.check_time_zone(time_zone)
    person.language, person.time_zone, person.letter_keys = language, time_zone, letter_keys
    person.save(update_fields=["language", "time_zone", "letter_keys"])


@transaction.atomic
def invite_person(
    email: str, *, party: Party, role: str, actor: str, now: datetime, name: str = ""
) -> tuple[Person, str]:
    """Add a person who sets their own password, as the operator.

    Returns the person and the secret of their invitation, which is never stored.

    raises: InvalidError, ConflictError.
    """
    person = writes.add_person(
        email,
        party=party,
        role=role,
        password=secrets.token_urlsafe(32),
        actor=actor,
        now=now,
        name=name,
    )
    person.set_unusable_password()
    return person, _invite(person, actor=actor, now=now)


@transaction.atomic
def add_colleague(
    email: str, *, role: str, by: Actor, now: datetime, name: str = ""
) -> tuple[Person, str]:
    """Add a person of one's own party, like invite_person.

    raises: NotAllowedError, InvalidError, ConflictError.
    """
    check_person_may_manage(by.role)
    person = writes.add_person(
        email,
        party=by.party,
        role=role,
        password=secrets.token_urlsafe(32),
        actor=by.ref,
        now=now,
        name=name,
    )
    person.set_unusable_password()
    return person, _invite(person, actor=by.ref, now=now)


@needs_no_entry("add_colleague() records each")
@transaction.atomic
def import_people(
    rows: Sequence[NewPerson], *, by: Actor, now: datetime, dry_run: bool = False
) -> list[tuple[Person, str]]:
    """Add people of one's own party; return each with the secret of the invitation.

    Nobody who has an account is changed, not even their role. dry_run: check all and add nobody.

    raises: NotAllowedError; PeopleImportError, which names every row that is refused.
    """
    check_person_may_manage(by.role)
    if not 1 <= len(rows) <= MAX_PEOPLE:
        raise PeopleImportError([f"a file has 1 to {MAX_PEOPLE} rows, and this one {len(rows)}"])
    ledger.lock_ledger()
    added, problems = [], _repeated(rows)
    for row in rows:
        try:
            with transaction.atomic():
                person = add_colleague(row.email, role=row.role, name=row.name, by=by, now=now)
        except InvalidError as error:
            problems.append(f"row {row.number}: {error.field}: {error.message}")
        except RefusalError as error:
            problems.append(f"row {row.number}: {error}")
        else:
            added.append(person)
    if problems:
        raise PeopleImportError(problems)
    transaction.set_rollback(dry_run)
    return added


@transaction.atomic
def invite_again(number: int, *, by: Actor, now: datetime) -> tuple[Person, str]:
    """Give a colleague a new link to set a password; the old link and password end.

    raises: NotAllowedError, NotFoundError, ConflictError for a deactivated person.
    """
    person = _colleague(number, by=by)
    people.check_invite(is_active=person.is_active)
    person.set_unusable_password()
    _end_sessions(person, now=now)
    return person, _invite(person, actor=by.ref, now=now)


@transaction.atomic
def renew_invitation(person: Person, *, actor: str, now: datetime) -> str:
    """Return the secret of a new invitation for somebody who has not joined; the old one ends."""
    ledger.lock_ledger()
    return _invite(person, actor=actor, now=now)


@transaction.atomic
def accept_invitation(secret: str, *, password: str, now: datetime) -> Person:
    """Set the password of the invited person. The secret works once.

    raises: NotFoundError for a secret that is unknown, used or expired; InvalidError.
    """
    ledger.lock_ledger()
    person = Person.objects.filter(
        invitation_sha256=people.digest(secret), invited_until__gt=now, is_active=True
    ).first()
    if person is None or not secret:
        raise NotFoundError(
            "this link was already used or has expired: ask your administrator for another"
        )
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise InvalidError("password", " ".join(error.messages)) from error
    person.set_password(password)
    person.invitation_sha256, person.invited_until = "", None
    person.save(update_fields=["password", "invitation_sha256", "invited_until"])
    ledger.append("person.joined", actor=person.ref, subject=person.ref, now=now)
    return person


@needs_no_entry("a name is personal data, and changes nothing but how a row is shown")
@transaction.atomic
def change_name(number: int, *, name: str, by: Actor) -> Person:
    """Change the name of a person of one's own party. "" for none.

    raises: NotAllowedError, NotFoundError, InvalidError, ConflictError for an erased person.
    """
    person = _colleague(number, by=by)
    people.check_rename(erased_at=person.erased_at)
    person.name = people.clean_name(name)
    person.save(update_fields=["name"])
    return person


@needs_no_entry("a name is personal data, and changes nothing but how a row is shown")
@transaction.atomic
def change_own_name(person: Person, *, name: str) -> Person:
    """Change one's own name, which colleagues read. "" for none.

    raises: InvalidError.
    """
    ledger.lock_ledger()
    row = Person.objects.get(pk=person.pk)
    row.name = people.clean_name(name)
    row.save(update_fields=["name"])
    return row


@needs_no_lock("it records what its person just did")
@transaction.atomic
def record_password(person: Person, *, now: datetime) -> None:
    """Record that a person changed their own password."""
    ledger.append("password.changed", actor=person.ref, subject=person.ref, now=now)


@needs_no_lock("it records what its person just did")
@transaction.atomic
def record_factor(person: Person, *, factor: str, now: datetime) -> None:
    """Record that a person changed their own second factor: "code", "passkey" or "codes"."""
    detail: dict[str, object] = {"what": factor}
    ledger.append("factors.changed", actor=person.ref, subject=person.ref, now=now, detail=detail)


@needs_no_entry("it marks a one-time code as used")
@transaction.atomic
def use_code(number: int, *, step: int) -> bool:
    """Whether a one-time code is used for the first time; marks it and older ones as used.

    number: of the second factor's row. step: the 30-second step of the code.
    source: RFC 6238, section 5.2.
    """
    ledger.lock_ledger()
    factor = Authenticator.objects.get(pk=number)
    if step <= factor.data.get("spent", -1):
        return False
    factor.data["spent"] = step
    factor.save(update_fields=["data"])
    return True


@needs_no_lock("it records what its person just did")
@transaction.atomic
def link_account(person: Person, *, provider: str, now: datetime) -> None:
    """Record that a person is linked to an account at their organisation's identity provider."""
    detail: dict[str, object] = {"provider": provider}
    ledger.append("account.joined", actor=person.ref, subject=person.ref, now=now, detail=detail)


@needs_no_lock("it deletes rows, and appends nothing")
@needs_no_entry("it deletes what an identity provider sent")
@transaction.atomic
def forget_claims(number: int) -> None:
    """Delete the claims of an identity provider about a person, except the account's id."""
    SocialAccount.objects.filter(pk=number).update(extra_data={})


@transaction.atomic
def add_observer(email: str, *, party: Party, actor: str, now: datetime) -> Person:
    """Add a person signed in by their organisation's identity provider, as an observer.

    raises: InvalidError, ConflictError for an address of another party's person.
    """
    person = writes.add_person(
        email,
        party=party,
        role=Role.OBSERVER,
        password=secrets.token_urlsafe(32),
        actor=actor,
        now=now,
    )
    person.set_unusable_password()
    person.save(update_fields=["password"])
    ledger.append("person.joined", actor=actor, subject=person.ref, now=now)
    return person


@transaction.atomic
def change_role(number: int, *, role: str, by: Actor, now: datetime) -> Person:
    """Give a colleague another role. They must sign in again to use it.

    raises: NotAllowedError, also for oneself; NotFoundError; InvalidError.
    """
    person = _colleague(number, by=by)
    people.check_not_oneself(by.ref, subject=person.ref)
    if role not in set(Role):
        raise InvalidError(
            "role", "there is no {role!r}; known are {roles}", role=role[:40], roles=", ".join(Role)
        )
    if person.role == role:
        return person
    before, person.role = person.role, role
    person.save(update_fields=["role"])
    _end_sessions(person, now=now)
    detail: dict[str, object] = {"from": before, "to": role}
    ledger.append("person.reassigned", actor=by.ref, subject=person.ref, now=now, detail=detail)
    return person


@transaction.atomic
def deactivate_person(number: int, *, by: Actor, now: datetime) -> Person:
    """Deactivate a colleague, effective at once.

    raises: NotAllowedError, also for oneself; NotFoundError; ConflictError.
    """
    person = _colleague(number, by=by)
    people.check_not_oneself(by.ref, subject=person.ref)
    people.check_deactivate(is_active=person.is_active)
    person.is_active, person.invitation_sha256, person.invited_until = False, "", None
    person.save(update_fields=["is_active", "invitation_sha256", "invited_until"])
    _end_sessions(person, now=now)
    ledger.append("person.deactivated", actor=by.ref, subject=person.ref, now=now)
    return person


@transaction.atomic
def reactivate_person(number: int, *, by: Actor, now: datetime) -> Person:
    """Reactivate a deactivated colleague.

    raises: NotAllowedError, NotFoundError, ConflictError.
    """
    person = _colleague(number, by=by)
    people.check_reactivate(is_active=person.is_active, erased_at=person.erased_at)
    person.is_active = True
    person.save(update_fields=["is_active"])
    ledger.append("person.reactivated", actor=by.ref, subject=person.ref, now=now)
    return person


@transaction.atomic
def end_sessions(number: int, *, by: Actor, now: datetime) -> Person:
    """End all sessions of a colleague.

    raises: NotAllowedError, NotFoundError.
    """
    person = _colleague(number, by=by)
    detail: dict[str, object] = {"sittings": _end_sessions(person, now=now)}
    ledger.append("sittings.ended", actor=by.ref, subject=person.ref, now=now, detail=detail)
    return person


@transaction.atomic
def remove_factors(number: int, *, by: Actor, now: datetime) -> Person:
    """Remove the second factors of a colleague who lost them; they set up new ones.

    The link to an account at their organisation's identity provider is removed too.

    raises: NotAllowedError, also for oneself; NotFoundError.
    """
    person = _colleague(number, by=by)
    people.check_not_oneself(by.ref, subject=person.ref)
    _forget_factors(person)
    _end_sessions(person, now=now)
    add_controllers(person, by=by.ref)
    ledger.append("factors.removed", actor=by.ref, subject=person.ref, now=now)
    return person


@transaction.atomic
def erase_person(number: int, *, by: Actor, now: datetime) -> Person:
    """Erase all personal data from a person's row; the row stays, as a number.

    raises: NotAllowedError, also for oneself; NotFoundError; ConflictError.
    source: Art. 17 of Regulation (EU) 2016/679.
    """
    check_may_erase_people(by.role)
    ledger.lock_ledger()
    person = _of_party(number, by=by)
    people.check_not_oneself(by.ref, subject=person.ref)
    people.check_erase(is_active=person.is_active, erased_at=person.erased_at)
    _erase(person, actor=by.ref, now=now)
    return person


@transaction.atomic
def erase_again(number: int, *, erased_at: datetime, actor: str, now: datetime) -> bool:
    """Erase a person that a restored backup has again; return whether it had them.

    erased_at: when they were erased. Who was added later is somebody else with their number.
    """
    ledger.lock_ledger()
    there = Person.objects.filter(pk=number, erased_at=None, added_at__lte=erased_at)
    person = there.first()
    if person is not None:
        person.is_active, person.invitation_sha256, person.invited_until = False, "", None
        _erase(person, actor=actor, now=now)
    return person is not None


def _erase(person: Person, *, actor: str, now: datetime) -> None:
    """Erase all personal data from a person's row."""
    AxesProxyHandler.reset_attempts(username=person.email)
    AccessLog.objects.filter(username=person.email).delete()
    _forget_factors(person)
    PersonSession.objects.filter(person=person).delete()
    CodeTry.objects.filter(person=person).delete()
    person.email = f"erased-{person.pk}@erased.invalid"
    person.name = person.language = person.time_zone = ""
    person.last_login, person.locked_at, person.erased_at = None, None, now
    person.set_unusable_password()
    person.save()
    ledger.append("person.erased", actor=actor, subject=person.ref, now=now)


def _invite(person: Person, *, actor: str, now: datetime) -> str:
    """Create the secret of an invitation; only its digest is stored."""
    secret = secrets.token_urlsafe(32)
    person.invitation_sha256 = people.digest(secret)
    person.invited_until = now + people.INVITED_FOR
    person.save(update_fields=["password", "invitation_sha256", "invited_until"])
    add_controllers(person, by=actor)
    ledger.append("person.invited", actor=actor, subject=person.ref, now=now)
    return secret


def _colleague(number: int, *, by: Actor) -> Person:
    """Take the write lock and return a person of the actor's party, if the actor may manage."""
    check_person_may_manage(by.role)
    ledger.lock_ledger()
    return _of_party(number, by=by)


def _of_party(number: int, *, by: Actor) -> Person:
    """Return a person of the actor's party; people of other parties are not found."""
    person = Person.objects.filter(pk=number, party=by.party).select_related("party").first()
    if person is None:
        raise NotFoundError(
            "your party has no person {number}: see the list of its people", number=number
        )
    return person


def _end_sessions(person: Person, *, now: datetime) -> int:
    """End all sessions of a person; return how many."""
    return PersonSession.objects.filter(person=person, ended_at=None).update(ended_at=now)


def _forget_factors(person: Person) -> None:
    """Delete a person's second factors and links to identity providers."""
    Authenticator.objects.filter(user=person).delete()
    SocialAccount.objects.filter(user=person).delete()


def _repeated(rows: Sequence[NewPerson]) -> list[str]:
    """Return the problems of rows whose address another row has as well."""
    first: dict[str, int] = {}
    problems = []
    for row in rows:
        email = row.email.strip().lower()
        if email in first:
            problems.append(f"row {row.number}: the address is also in row {first[email]}")
        first.setdefault(email, row.number)
    return problems
