# SPDX-License-Identifier: Apache-2.0
"""Writers of locks on accounts: note one, lift one, and count the codes that are tried."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from axes.handlers.proxy import AxesProxyHandler
from django.db import transaction
from django.db.models import Q

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.permissions import check_person_may_manage
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import CodeTry, Person
from stemtide.hub.rooms.parties.reads import people as reads_people
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.rules import people as rules_people

HUB = "hub"
"""How the ledger names what the hub did by itself because of strangers."""


@contextmanager
def one_failure() -> Iterator[None]:
    """Let failures be counted one after the other.

    django-axes counts in one row for each account, network and browser, and stops for good where it
    finds two. A unique index does not keep them apart where the network is not known, as NULL.
    """
    with transaction.atomic():
        ledger.take_turn()
        yield


@transaction.atomic
def note_lock(email: str, *, now: datetime) -> bool:
    """Record that failures locked an account, once a lock. Whether this call recorded it.

    The alert that the entry raises sends the person a mail. An address of nobody records nothing.
    """
    ledger.take_turn()
    person = Person.objects.filter(email=email, is_active=True).first()
    if person is None:
        return False
    unlocked = Q(locked_at=None) | Q(locked_at__lte=now - rules_people.LOCKED_FOR)
    if not Person.objects.filter(unlocked, pk=person.pk).update(locked_at=now):
        return False
    ledger.append("person.locked", actor=HUB, subject=person.ref, now=now)
    return True


@transaction.atomic
def unlock_person(number: int, *, by: Actor, now: datetime) -> Person:
    """Lift the lock of a colleague's account: their failures no longer count.

    Wrong codes of the last hour still count towards the most that an account takes.

    raises: NotAllowedError, also for oneself; NotFoundError; ConflictError.
    """
    check_person_may_manage(by.role)
    ledger.take_turn()
    person = Person.objects.filter(pk=number, party=by.party).select_related("party").first()
    if person is None:
        raise NotFoundError(
            "your party has no person {number}: see the list of its people", number=number
        )
    rules_people.check_not_oneself(by.ref, subject=person.ref)
    is_locked = person.email in reads_people.locked([person.email], by=by.ref, now=now)
    rules_people.check_unlock(is_locked=is_locked)
    AxesProxyHandler.reset_attempts(username=person.email)
    Person.objects.filter(pk=person.pk).update(locked_at=None)
    ledger.append("person.unlocked", actor=by.ref, subject=person.ref, now=now)
    return person


@transaction.atomic
def begin_code(person: Person, *, now: datetime) -> int | None:
    """Count a code before it is looked at; None where as many were wrong as an hour takes.

    Requests at the same moment take turns at the person's row, so the bound is exact.
    """
    Person.objects.select_for_update().get(pk=person.pk)
    tries = CodeTry.objects.filter(person=person)
    tries.filter(tried_at__lte=now - rules_people.LOCKED_FOR).delete()
    if tries.count() >= rules_people.CODES_AN_HOUR:
        return None
    return CodeTry.objects.create(person=person, tried_at=now).pk


@transaction.atomic
def forget_code(number: int) -> None:
    """Take a code out of the count, for it was right. number: what begin_code returned."""
    CodeTry.objects.filter(pk=number).delete()
