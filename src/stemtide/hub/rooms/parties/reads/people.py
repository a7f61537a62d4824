# SPDX-License-Identifier: Apache-2.0
"""The only readers of people and of who is signed in."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.db.models import QuerySet, Sum

from stemtide.hub.platform import networks, sessions
from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.parties.models import Party, Person, Sitting
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.rules import people as rules_people
from stemtide.protocol.enums import Role


@dataclass(frozen=True, slots=True)
class PersonRow:
    """Somebody of a party.

    factors: kinds of second factor that they set up. sittings: how many browsers they are signed
    in on. invited_until: a link to set a password is on its way. is_locked: failures lock it.
    """

    number: int
    email: str
    role: Role
    is_active: bool
    added_at: datetime
    invited_until: datetime | None
    erased_at: datetime | None
    factors: tuple[str, ...]
    sittings: int
    last_login: datetime | None
    is_locked: bool

    @property
    def ref(self) -> str:
        """How the ledger names them."""
        return f"person:{self.number}"


@dataclass(frozen=True, slots=True)
class SittingRow:
    """One browser that a person is signed in on."""

    number: int
    door: str
    browser: str
    started_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Seat:
    """Where somebody sits at the desk: the key of their session, and two numbers."""

    session: str
    sitting: int
    person: int


@dataclass(frozen=True, slots=True)
class Invited:
    """Somebody who follows the link of an invitation."""

    email: str
    party_title: str
    role: Role


def people(*, by: Actor, idle: timedelta, now: datetime) -> list[PersonRow]:
    """The people of the actor's own party: those who may sign in first, by mail address.

    raises: NotAllowedError for a role that does not see them.
    """
    rules_people.check_see_people(by.role)
    found = Person.objects.filter(party=by.party).order_by("-is_active", "email")
    factors: dict[int, list[str]] = {}
    for one in Authenticator.objects.filter(user__party=by.party).order_by("type"):
        factors.setdefault(one.user_id, []).append(one.type)
    counts: dict[int, int] = {}
    for sitting in _live(Sitting.objects.filter(person__party=by.party), idle=idle, now=now):
        counts[sitting.person_id] = counts.get(sitting.person_id, 0) + 1
    are_locked = locked([one.email for one in found], by=by.ref, now=now)
    return [
        PersonRow(
            number=one.pk,
            email=one.email,
            role=Role(one.role),
            is_active=one.is_active,
            added_at=one.added_at,
            invited_until=one.invited_until,
            erased_at=one.erased_at,
            factors=tuple(dict.fromkeys(factors.get(one.pk, []))),
            sittings=counts.get(one.pk, 0),
            last_login=one.last_login,
            is_locked=one.email in are_locked,
        )
        for one in found
    ]


def locked(emails: Collection[str], *, by: str, now: datetime) -> set[str]:  # noqa: ARG001  # who asks may see these people
    """Return those of some addresses that wrong passwords and codes have locked."""
    rows = _failures(emails, now=now).values("username").annotate(n=Sum("failures_since_start"))
    return set(
        rows.filter(n__gte=rules_people.FAILURES).order_by().values_list("username", flat=True)
    )


def failed_from(person: Person, *, by: str, now: datetime) -> list[str]:  # noqa: ARG001  # the clock, for the person
    """Return roughly where the failures of the last hour came from, for the person's own mail."""
    rows = _failures([person.email], now=now).exclude(ip_address=None)
    addresses = rows.order_by().values_list("ip_address", flat=True).distinct()
    return sorted({networks.rough(address) for address in addresses})


def _failures(emails: Collection[str], *, now: datetime) -> QuerySet[AccessAttempt]:
    """Return the failures that still count for some addresses."""
    since = now - rules_people.LOCKED_FOR
    found: QuerySet[AccessAttempt] = AccessAttempt.objects.filter(
        username__in=emails, attempt_time__gte=since
    )
    return found


def sittings(*, viewer: Person, idle: timedelta, now: datetime) -> list[SittingRow]:
    """Where a person is signed in, the latest first."""
    return [
        SittingRow(
            number=one.pk,
            door=one.door,
            browser=one.browser,
            started_at=one.started_at,
            seen_at=one.seen_at,
        )
        for one in _live(Sitting.objects.filter(person=viewer), idle=idle, now=now)
    ]


def kept_seats(asked: Collection[Seat], *, by: str, idle: timedelta, now: datetime) -> set[Seat]:  # noqa: ARG001  # streams ask, each for who opened it
    """Those seats whose session is there and whose sitting goes on."""
    stored = {seat.session: sessions.stored_key(seat.session) for seat in asked}
    rows = Session.objects.filter(session_key__in=stored.values())
    keys = set(rows.values_list("session_key", flat=True))
    numbers = [one.sitting for one in asked]
    going_on = {
        (one.pk, one.person_id)
        for one in _live(Sitting.objects.filter(pk__in=numbers), idle=idle, now=now)
    }
    return {
        seat
        for seat in asked
        if stored[seat.session] in keys and (seat.sitting, seat.person) in going_on
    }


def has_second_factor(*, viewer: Person) -> bool:
    """Whether a person has set up more than a password."""
    mine = Authenticator.objects.filter(user=viewer)
    return bool(mine.exclude(type=Authenticator.Type.RECOVERY_CODES).exists())


def invited(secret: str, *, by: str, now: datetime) -> Invited | None:  # noqa: ARG001  # who holds it may
    """Whom an invitation is for; None where it is unknown, used or too old. by: its holder."""
    found = Person.objects.filter(
        invitation_sha256=rules_people.digest(secret), invited_until__gt=now, is_active=True
    )
    person = found.select_related("party").first()
    if person is None:
        return None
    return Invited(email=person.email, party_title=person.party.title, role=Role(person.role))


def colleague(*, email: str, party: Party) -> Person | None:
    """Somebody of a party by their mail address, for who signs them in; active ones only."""
    return Person.objects.filter(email=email.strip().lower(), party=party, is_active=True).first()


def person_named(email: str, *, by: str) -> Person:  # noqa: ARG001  # an operator sees everybody
    """Somebody by their mail address, for the operator at the hub's own console.

    raises: NotFoundError.
    """
    found = Person.objects.filter(email=email.strip().lower()).select_related("party").first()
    if found is None:
        raise NotFoundError(
            "nobody signs in as {email!r}: see stemtide person list", email=email[:60]
        )
    return found


def is_tied(*, viewer: Person, provider: str) -> bool:
    """Whether a person is known by an account at this identity provider."""
    return bool(SocialAccount.objects.filter(user=viewer, provider=provider).exists())


def _live(found: QuerySet[Sitting], *, idle: timedelta, now: datetime) -> list[Sitting]:
    """Those sittings that are not over."""
    return [
        one
        for one in found.filter(ended_at=None).order_by("-seen_at")
        if not rules_people.is_over(
            started_at=one.started_at,
            seen_at=one.seen_at,
            ended_at=one.ended_at,
            idle=idle,
            now=now,
        )
    ]
