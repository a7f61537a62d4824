# SPDX-License-Identifier: Apache-2.0
"""Read people and their sessions."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.db.models import Q, QuerySet, Sum

from stemtide.hub.platform import networks, sessions
from stemtide.hub.platform.errors import NotAllowedError, NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.platform.permissions import LEADING_ROLES, WRITING_ROLES, check_may_see_people
from stemtide.hub.rooms.parties.models import Party, Person, PersonSession
from stemtide.hub.rooms.parties.reads.independence import users_of
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.rules import people as people_rules
from stemtide.protocol.enums import Role, Standing


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person of a party.

    factors: kinds of second factors that they set up. sittings: the number of their sessions.
    invited_until: set while a link to set a password is valid. is_locked: too many failures.
    has_joined: they set a password. controllers: who else may use the account, as the ledger names
    them; none once another person has confirmed it.
    """

    number: int
    email: str
    name: str
    role: Role
    is_active: bool
    added_at: datetime
    invited_until: datetime | None
    erased_at: datetime | None
    factors: tuple[str, ...]
    sittings: int
    last_login: datetime | None
    is_locked: bool
    has_joined: bool
    controllers: tuple[str, ...]

    @property
    def ref(self) -> str:
        """Return the person's name in the ledger."""
        return f"person:{self.number}"


@dataclass(frozen=True, slots=True)
class ColleagueRow:
    """A person of one's own party, as the search finds them."""

    number: int
    name: str
    email: str
    role: Role


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session of a person on one browser."""

    number: int
    door: str
    browser: str
    started_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class SessionRef:
    """A signed-in person: the key of their Django session, and the ids of session and person."""

    session: str
    sitting: int
    person: int


@dataclass(frozen=True, slots=True)
class InvitedPerson:
    """A person who follows the link of an invitation."""

    email: str
    party_title: str
    role: Role


def people(*, by: Actor, idle: timedelta, now: datetime) -> list[PersonRow]:
    """Return the people of the actor's own party: active ones first, by mail address.

    raises: NotAllowedError for a role that may not see them.
    """
    check_may_see_people(by.role)
    rows = Person.objects.filter(party=by.party).order_by("-is_active", "email")
    factors: dict[int, list[str]] = {}
    for factor in Authenticator.objects.filter(user__party=by.party).order_by("type"):
        factors.setdefault(factor.user_id, []).append(factor.type)
    session_counts: dict[int, int] = {}
    for sitting in _live(PersonSession.objects.filter(person__party=by.party), idle=idle, now=now):
        session_counts[sitting.person_id] = session_counts.get(sitting.person_id, 0) + 1
    are_locked = locked([person.email for person in rows], now=now)
    return [
        PersonRow(
            number=person.pk,
            email=person.email,
            name=person.name,
            role=Role(person.role),
            is_active=person.is_active,
            added_at=person.added_at,
            invited_until=person.invited_until,
            erased_at=person.erased_at,
            factors=tuple(dict.fromkeys(factors.get(person.pk, []))),
            sittings=session_counts.get(person.pk, 0),
            last_login=person.last_login,
            is_locked=person.email in are_locked,
            has_joined=not person.invitation_sha256,
            controllers=tuple(person.controllers.split()),
        )
        for person in rows
    ]


def by_words(words: str, *, by: Actor, limit: int) -> list[ColleagueRow]:
    """Return the people of the actor's own party whose name or mail address has some words in it.

    raises: NotAllowedError for a role that may not see them.
    """
    check_may_see_people(by.role)
    named = Q(email__icontains=words) | Q(name__icontains=words)
    rows = Person.objects.filter(named, party=by.party, erased_at=None)
    return [
        ColleagueRow(person.pk, person.name, person.email, Role(person.role))
        for person in rows.order_by("email")[:limit]
    ]


@needs_no_viewer("the caller has checked access")
def locked(emails: Collection[str], *, now: datetime) -> set[str]:
    """Return those of these addresses that wrong passwords and codes have locked."""
    rows = _failures(emails, now=now).values("username").annotate(n=Sum("failures_since_start"))
    return set(
        rows.filter(n__gte=people_rules.FAILURES).order_by().values_list("username", flat=True)
    )


@needs_no_viewer("the scheduler reads for the person")
def failure_networks(person: Person, *, now: datetime) -> list[str]:
    """Return the networks from which the last hour's failures came, for the person's own mail."""
    rows = _failures([person.email], now=now).exclude(ip_address=None)
    addresses = rows.order_by().values_list("ip_address", flat=True).distinct()
    return sorted({networks.rough(address) for address in addresses})


def _failures(emails: Collection[str], *, now: datetime) -> QuerySet[AccessAttempt]:
    """Return the failures that still count for these addresses."""
    since = now - people_rules.LOCKED_FOR
    failures: QuerySet[AccessAttempt] = AccessAttempt.objects.filter(
        username__in=emails, attempt_time__gte=since
    )
    return failures


def open_sessions(*, viewer: Person, idle: timedelta, now: datetime) -> list[SessionRow]:
    """Return a person's sessions, the latest first."""
    return [
        SessionRow(
            number=session.pk,
            door=session.door,
            browser=session.browser,
            started_at=session.started_at,
            seen_at=session.seen_at,
        )
        for session in _live(PersonSession.objects.filter(person=viewer), idle=idle, now=now)
    ]


@needs_no_viewer("event streams read it for the people who opened them")
def live_session_refs(
    seats: Collection[SessionRef],
    *,
    idle: timedelta,
    now: datetime,
) -> set[SessionRef]:
    """Return those seats whose Django session exists and whose session has not ended.

    Sessions of a suspended party's people have ended.
    """
    stored = {seat.session: sessions.stored_key(seat.session) for seat in seats}
    rows = Session.objects.filter(session_key__in=stored.values())
    keys = set(rows.values_list("session_key", flat=True))
    own_sessions = PersonSession.objects.filter(pk__in=[seat.sitting for seat in seats])
    own_sessions = own_sessions.exclude(person__party__standing=Standing.SUSPENDED)
    live_sessions = {
        (session.pk, session.person_id) for session in _live(own_sessions, idle=idle, now=now)
    }
    return {
        seat
        for seat in seats
        if stored[seat.session] in keys and (seat.sitting, seat.person) in live_sessions
    }


def has_second_factor(*, viewer: Person) -> bool:
    """Whether a person has set up more than a password."""
    mine = Authenticator.objects.filter(user=viewer)
    return bool(mine.exclude(type=Authenticator.Type.RECOVERY_CODES).exists())


@needs_no_viewer("everybody who has the secret may read it")
def invited(secret: str, *, now: datetime) -> InvitedPerson | None:
    """Return the person of an invitation; None if it is unknown, used or expired."""
    people = Person.objects.filter(
        invitation_sha256=people_rules.digest(secret), invited_until__gt=now, is_active=True
    )
    person = people.select_related("party").first()
    if person is None:
        return None
    return InvitedPerson(email=person.email, party_title=person.party.title, role=Role(person.role))


def colleague(*, email: str, party: Party) -> Person | None:
    """Return an active person of a party by mail address, for signing in."""
    return Person.objects.filter(email=email.strip().lower(), party=party, is_active=True).first()


@needs_no_viewer("an operator sees everybody")
def person_named(email: str) -> Person:
    """Return a person by mail address, for the operator at the hub's own console.

    raises: NotFoundError.
    """
    person = Person.objects.filter(email=email.strip().lower()).select_related("party").first()
    if person is None:
        raise NotFoundError(
            "there is no person {email!r}: see stemtide person list", email=email[:60]
        )
    return person


def is_linked(*, viewer: Person, provider: str) -> bool:
    """Whether a person is linked to an account at this identity provider."""
    return bool(SocialAccount.objects.filter(user=viewer, provider=provider).exists())


def _live(
    sessions: QuerySet[PersonSession], *, idle: timedelta, now: datetime
) -> list[PersonSession]:
    """Return the sessions that have not ended."""
    return [
        session
        for session in sessions.filter(ended_at=None).order_by("-seen_at")
        if not people_rules.is_over(
            started_at=session.started_at,
            seen_at=session.seen_at,
            ended_at=session.ended_at,
            idle=idle,
            now=now,
        )
    ]


def address_of(ref: str, *, viewer: Party) -> str:
    """Return the mail address of a person of the viewer's own party, or the reference of a key.

    ref: as the ledger names them.
    """
    number = ref.removeprefix("person:")
    person = Person.objects.filter(party=viewer, pk=number).first() if number.isdigit() else None
    return person.email if person else ref


def own_row(by: Actor) -> Person:
    """Return the row of the person who acts. raises: NotAllowedError for a key."""
    number = by.ref.removeprefix("person:")
    person = Person.objects.filter(party=by.party, pk=number).first() if number.isdigit() else None
    if person is None:
        raise NotAllowedError("only a person can do this, signed in at the desk")
    return person


@needs_no_viewer("the caller found the person")
def may_write(person: Person) -> bool:
    """Whether a person may act for their party."""
    return person.is_active and person.role in WRITING_ROLES


def writers(*, viewer: Party) -> list[ColleagueRow]:
    """Return the people of a party who may act for it, by name or mail address."""
    rows = Person.objects.filter(party=viewer, is_active=True, role__in=WRITING_ROLES)
    people = [ColleagueRow(row.pk, row.name, row.email, Role(row.role)) for row in rows]
    return sorted(people, key=lambda person: (person.name or person.email).casefold())


def colleagues(*, viewer: Party) -> list[str]:
    """Return the mail addresses of a party's active people, in order."""
    rows = Person.objects.filter(party=viewer, is_active=True).order_by("email")
    return list(rows.values_list("email", flat=True))


def officers(*, viewer: Party) -> list[str]:
    """Return the mail addresses of a party's active data protection officers, in order."""
    role = Role.DATA_PROTECTION_OFFICER.value
    rows = Person.objects.filter(party=viewer, is_active=True, role=role).order_by("email")
    return list(rows.values_list("email", flat=True))


def has_other(party: Party, *, ref: str, is_leader: bool) -> bool:
    """Whether a party has somebody who signs in and may be the second person to this one.

    ref: of the person or key, as the ledger names it. is_leader: whether it must be somebody who
    decides.
    """
    roles = LEADING_ROLES if is_leader else WRITING_ROLES
    people = Person.objects.filter(
        party=party, is_active=True, role__in=roles, invitation_sha256=""
    )
    first = users_of(ref)
    return any(first.isdisjoint((person.ref, *person.controllers.split())) for person in people)
