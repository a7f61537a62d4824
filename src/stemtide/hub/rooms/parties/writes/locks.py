# SPDX-License-Identifier: Apache-2.0
"""Write account locks: record one, lift one, and count tried codes."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from axes.handlers.proxy import AxesProxyHandler
from django.db import transaction
from django.db.models import Q

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.platform.permissions import check_person_may_manage
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import CodeTry, Person
from stemtide.hub.rooms.parties.reads import people
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.rules import people as people_rules

HUB = "hub"
"""The ledger's actor for acts that the hub did by itself because of strangers."""


@needs_no_entry("it is the lock in which django-axes counts; note_lock records the result")
@contextmanager
def one_failure() -> Iterator[None]:
    """Serialise the counting of failures.

    django-axes counts in one row for each account, network and browser, and fails permanently if it
    finds two. A unique index does not prevent that if the network is unknown (NULL).
    """
    with transaction.atomic():
        ledger.lock_ledger()
        yield


@transaction.atomic
def note_lock(email: str, *, now: datetime) -> bool:
    """Record that failures locked an account, once per lock; return whether this call did.

    The alert of the ledger entry sends the person a mail. An unknown address records nothing.
    """
    ledger.lock_ledger()
    person = Person.objects.filter(email=email, is_active=True).first()
    if person is None:
        return False
    unlocked = Q(locked_at=None) | Q(locked_at__lte=now - people_rules.LOCKED_FOR)
    if not Person.objects.filter(unlocked, pk=person.pk).update(locked_at=now):
        return False
    ledger.append("person.locked", actor=HUB, subject=person.ref, now=now)
    return True


@transaction.atomic
def unlock_person(number: int, *, by: Actor, now: datetime) -> Person:
    """Unlock a colleague's account: their failures no longer count.

    Wrong codes of the last hour still count towards the limit of an account.

    raises: NotAllowedError, also for oneself; NotFoundError; ConflictError.
    """
    check_person_may_manage(by.role)
    ledger.lock_ledger()
    person = Person.objects.filter(pk=number, party=by.party).select_related("party").first()
    if person is None:
        raise NotFoundError(
            "your party has no person {number}: see the list of its people", number=number
        )
    people_rules.check_not_oneself(by.ref, subject=person.ref)
    is_locked = person.email in people.locked([person.email], now=now)
    people_rules.check_unlock(is_locked=is_locked)
    AxesProxyHandler.reset_attempts(username=person.email)
    Person.objects.filter(pk=person.pk).update(locked_at=None)
    ledger.append("person.unlocked", actor=by.ref, subject=person.ref, now=now)
    return person


@needs_no_lock("it changes one row in one statement, and appends nothing")
@needs_no_entry("it counts a code before it is checked")
@transaction.atomic
def begin_code(person: Person, *, now: datetime) -> int | None:
    """Count a code before it is checked; return None if the hourly limit is reached.

    Concurrent requests wait for the person's row, so the limit is exact.
    """
    Person.objects.select_for_update().get(pk=person.pk)
    tries = CodeTry.objects.filter(person=person)
    tries.filter(tried_at__lte=now - people_rules.LOCKED_FOR).delete()
    if tries.count() >= people_rules.CODES_AN_HOUR:
        return None
    return CodeTry.objects.create(person=person, tried_at=now).pk


@needs_no_lock("it deletes one row, and appends nothing")
@needs_no_entry("it deletes the count of a right code")
@transaction.atomic
def forget_code(number: int) -> None:
    """Remove a correct code from the count. number: the result of begin_code."""
    CodeTry.objects.filter(pk=number).delete()
