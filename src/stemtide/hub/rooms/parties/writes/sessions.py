# SPDX-License-Identifier: Apache-2.0
"""Write sessions: start, continue, and end them."""

from datetime import datetime, timedelta

from django.db import transaction

from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.platform.sessions import SessionStore
from stemtide.hub.rooms.parties.models import Person, PersonSession
from stemtide.hub.rooms.parties.rules import people

_KEPT = timedelta(days=1)


@needs_no_lock("it inserts a row, and appends nothing")
@needs_no_entry("signing in is not recorded; the row lives for a day")
@transaction.atomic
def start_session(person: Person, *, door: str, browser: str, now: datetime) -> int:
    """Record that a person signed in; return the session's number. Old ones are deleted."""
    PersonSession.objects.filter(started_at__lt=now - _KEPT).delete()
    SessionStore.clear_expired()
    session = PersonSession.objects.create(
        person=person, door=door, browser=browser[:60], started_at=now, seen_at=now
    )
    return session.pk


@needs_no_entry("it keeps a session alive, once a minute")
def continue_session(
    number: int, *, person: Person, idle: timedelta, now: datetime, by_hand: bool
) -> bool:
    """Whether a session continues. by_hand: the person did something, which is recorded."""
    own_sessions = PersonSession.objects.filter(pk=number, person=person)
    times = own_sessions.order_by("pk").values_list("started_at", "seen_at", "ended_at").first()
    if times is None:
        return False
    started_at, seen_at, ended_at = times
    if people.is_over(
        started_at=started_at, seen_at=seen_at, ended_at=ended_at, idle=idle, now=now
    ):
        return False
    if by_hand and now - seen_at >= people.SEEN_EVERY:
        PersonSession.objects.filter(pk=number, ended_at=None).update(seen_at=now)
    return True


@needs_no_entry("signing out is not recorded")
def end_session(number: int, *, person: Person, now: datetime) -> None:
    """End one of a person's own sessions; others' sessions, and ended ones, do not change."""
    PersonSession.objects.filter(pk=number, person=person, ended_at=None).update(ended_at=now)


@needs_no_entry("the entry of the restore says it")
def end_all_sessions(now: datetime) -> int:
    """End the sessions of all people, after a restore; return how many."""
    return PersonSession.objects.filter(ended_at=None).update(ended_at=now)


@needs_no_entry("signing out elsewhere is not recorded")
def end_other_sessions(number: int | None, *, person: Person, now: datetime) -> None:
    """End all of a person's own sessions but one."""
    PersonSession.objects.filter(person=person, ended_at=None).exclude(pk=number or 0).update(
        ended_at=now
    )
