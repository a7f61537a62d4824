# SPDX-License-Identifier: Apache-2.0
"""Read parties, API keys and agents."""

import hashlib
import hmac
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias, TypeVar

from django.db.models import Model, QuerySet

from stemtide.hub.platform.errors import (
    InvalidError,
    NotAllowedError,
    NotFoundError,
    UnknownKeyError,
)
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.parties.models import Agent, ApiKey, Party, Person
from stemtide.hub.rooms.parties.request_cache import cached
from stemtide.hub.rooms.parties.rules import parties as rules
from stemtide.protocol.enums import PartyKind, Role, Scope
from stemtide.protocol.sync.agents import AgentTrouble

_Row = TypeVar("_Row", bound=Model)

Viewer: TypeAlias = Party
"""The reader of a read. The API and pages use this name: they never import a model."""

Someone: TypeAlias = Person
"""A person who signed in, for the API and pages."""


BOT_PERSON = "bot:second-person"
"""The second person whom a bot plays in an exercise, as the ledger names them."""


@dataclass(frozen=True, slots=True)
class Actor:
    """The actor of an act, and its party. ref: its name in the ledger (person:7, key:abcd2345).

    role: of a person in their party; None if a machine acts with a key, or the operator at the
          hub's own console.
    """

    party: Party
    ref: str
    role: Role | None = None

    @property
    def name(self) -> str:
        """Return the party's name."""
        return self.party.name

    @property
    def kind(self) -> PartyKind:
        """Return the party's kind."""
        return PartyKind(self.party.kind)

    @property
    def country(self) -> str:
        """Return the party's country; "" if it has none."""
        return self.party.country

    @property
    def group(self) -> str:
        """Return the party's group; "" if it belongs to none."""
        return self.party.group

    @property
    def mechanism(self) -> str:
        """Return the crisis mechanism that the party speaks for; "" for none."""
        return self.party.mechanism

    @property
    def is_person(self) -> bool:
        """Whether a person acts, not a machine."""
        return self.role is not None


@dataclass(frozen=True, slots=True)
class Caller:
    """A machine that calls with an API key. key: the key's prefix.

    certificate: fingerprint of the client certificate that the key needs; "" for none.
    """

    party: Party
    key: str
    scopes: frozenset[Scope]
    certificate: str = ""

    @property
    def ref(self) -> str:
        """Return the name of the key in the ledger."""
        return f"key:{self.key}"

    @property
    def actor(self) -> Actor:
        """Return the key as the actor for its party."""
        return Actor(party=self.party, ref=self.ref)

    @property
    def second_person(self) -> Actor:
        """Return the second person that a bot plays in an exercise.

        raises: NotAllowedError for the key of any other party: a key is no person.
        """
        if not self.party.exercise:
            raise NotAllowedError(
                "a key cannot confirm an order: a person does it at the desk. Only bots of "
                "exercises play their second person"
            )
        return Actor(party=self.party, ref=BOT_PERSON, role=Role.COORDINATOR)


@dataclass(frozen=True, slots=True)
class AgentRow:
    """The status of an agent. behind: feed positions that it has not read yet."""

    party: str
    title: str
    name: str
    version: str
    position: int
    signals: int
    exercise: bool
    started_at: datetime
    last_seen_at: datetime
    is_connected: bool
    behind: int
    troubles: tuple[AgentTrouble, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyRow:
    """An API key, without its secret. replaces: the prefix of a key; certificate: as of Caller.

    is_replaceable: no replacement of it is valid; those that got lost were revoked.
    """

    prefix: str
    name: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    replaced_at: datetime | None = None
    is_replaceable: bool = True
    replaces: str = ""
    certificate: str = ""

    def is_valid(self, now: datetime) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


@needs_no_viewer("it finds out who is calling")
def caller(token: str, *, now: datetime, certificate: str = "") -> Caller:
    """Return the caller that this key identifies, also of a suspended party.

    api.auth.authenticate_key() counts the request, and then refuses suspended parties.
    certificate: fingerprint of the caller's client certificate; "" for none.

    raises: UnknownKeyError, the same for an unknown, wrong, expired or revoked key; with other
            words for a key that needs another certificate.
    """
    prefix = token.removeprefix("st_").partition("_")[0]
    key = ApiKey.objects.select_related("party").filter(prefix=prefix).first()
    token_digest = hashlib.sha256(token.encode()).hexdigest()
    is_right = hmac.compare_digest(token_digest, key.secret_sha256 if key else "")
    if (
        key is None
        or not is_right
        or key.revoked_at is not None
        or (key.expires_at is not None and key.expires_at <= now)
    ):
        raise UnknownKeyError(
            "this API key is not known here, or no longer: ask whoever runs the hub for a new one"
            " and send it as 'Authorization: Bearer st_…'"
        )
    if not hmac.compare_digest(
        key.certificate_sha256, certificate if key.certificate_sha256 else ""
    ):
        raise UnknownKeyError(
            "this API key works only with its client certificate: connect with it, at the address"
            " at which the hub asks for certificates"
        )
    scopes = frozenset(Scope(scope) for scope in key.scopes)
    return Caller(
        party=key.party, key=key.prefix, scopes=scopes, certificate=key.certificate_sha256
    )


@needs_no_viewer("it finds out who is calling")
def usable_keys() -> dict[str, tuple[Caller, datetime | None]]:
    """Return the caller of each key that is not revoked, and when the key expires.

    They are named by the SHA-256 of the whole key, in hex. Also those of suspended parties.
    """
    owners = Party.objects.in_bulk()
    rows = ApiKey.objects.filter(revoked_at=None).order_by()
    columns = ("secret_sha256", "prefix", "scopes", "certificate_sha256", "expires_at", "party_id")
    return {
        digest: (
            Caller(owners[party], prefix, frozenset(map(Scope, scopes)), certificate),
            expires_at,
        )
        for digest, prefix, scopes, certificate, expires_at, party in rows.values_list(*columns)
        if party in owners
    }


@needs_no_viewer("it finds out who is calling")
def working_callers(prefixes: Collection[str], *, now: datetime) -> dict[str, Caller]:
    """Return the callers of keys that work now, by prefix. The secrets were compared before.

    A key of a suspended party does not work.
    """
    keys = ApiKey.objects.filter(prefix__in=prefixes, revoked_at=None).select_related("party")
    return {
        key.prefix: Caller(key.party, key.prefix, frozenset(map(Scope, key.scopes)))
        for key in keys
        if (key.expires_at is None or key.expires_at > now) and not key.party.is_suspended
    }


@needs_no_viewer("people act for their own party")
def actor(person: Person) -> Actor:
    """Return a signed-in person as the actor for their party."""
    return Actor(party=person.party, ref=person.ref, role=Role(person.role))


@needs_no_viewer("every party may see every other")
def party(name: str) -> Party:
    """Return a party by its name.

    raises: NotFoundError.
    """
    row = Party.objects.filter(name=name).first()
    if row is None:
        raise NotFoundError("there is no party {name!r}: see the list of parties", name=name[:60])
    return row


@needs_no_viewer("every party may see every other")
def holder_of(mechanism: str) -> Party | None:
    """Return the party that speaks for a crisis mechanism; None if there is none."""
    return Party.objects.filter(mechanism=mechanism).first() if mechanism else None


@needs_no_viewer("every party may see every other")
def parties() -> list[Party]:
    """Return all parties, by name; not those of exercises that have ended."""
    present = Party.objects.filter(left_at=None)
    return list(cached("parties", lambda: list(present.order_by("name"))))


@needs_no_viewer("every party may see every other")
def present(*, exercise: bool) -> QuerySet[Party]:
    """Return the parties that something can reach. exercise: False leaves out those of bots."""
    rows = Party.objects.filter(left_at=None).order_by("name")
    return rows if exercise else rows.filter(exercise=False)


@needs_no_viewer("every party may see every other")
def agencies(*, exercise: bool) -> QuerySet[Party]:
    """Return the agencies that something can reach. exercise: as in present()."""
    return present(exercise=exercise).filter(kind=PartyKind.AGENCY)


@needs_no_viewer("every party may see every other")
def addressee(name: str, *, exercise: bool) -> Party:
    """Return the party that something is sent to. exercise: whether it is of an exercise.

    raises: NotFoundError; InvalidError if it is real and the party exists for an exercise only.
    """
    row = party(name)
    rules.check_reaches(row.name, is_for_exercise=row.exercise, exercise=exercise)
    return row


def marked_for(viewer: Party, rows: QuerySet[_Row]) -> QuerySet[_Row]:
    """Return the rows that a viewer could see: of exercises alone if it exists for one."""
    return rows.filter(exercise=True) if viewer.exercise else rows


@needs_no_viewer("every party may see every other")
def party_titles() -> dict[str, str]:
    """Return the titles of all parties, by name, also of those of exercises that have ended."""
    return dict(cached("titles", lambda: list(Party.objects.values_list("name", "title"))))


@needs_no_viewer("every party may see every other")
def existing(names: Iterable[str]) -> set[str]:
    """Return those of these names that belong to parties."""
    return set(Party.objects.filter(name__in=list(names)).values_list("name", flat=True))


@needs_no_viewer("the list of parties is open to all of them")
def kinds_of(names: Iterable[str]) -> dict[str, PartyKind]:
    """Return the kinds of parties by their names."""
    rows = Party.objects.filter(name__in=list(names)).values_list("name", "kind")
    return {name: PartyKind(kind) for name, kind in rows}


@needs_no_viewer("an operator may see every key")
def all_keys() -> list[ApiKey]:
    """Return all API keys, by party and name, for the operator at the hub's own console."""
    return list(
        ApiKey.objects.select_related("party", "replaces").order_by("party__name", "name", "pk")
    )


def state_of(key: ApiKey, *, now: datetime) -> str:
    """Return the state of a key: live, replaced, expired or revoked."""
    if key.revoked_at:
        return "revoked"
    if key.expires_at and key.expires_at <= now:
        return "expired"
    return "replaced" if key.replaced_at else "live"


def keys(*, viewer: Party) -> list[KeyRow]:
    """Return the viewer's own API keys, by name."""
    rows = ApiKey.objects.filter(party=viewer).select_related("replaces")
    rows = rows.prefetch_related("replacements")
    return [_key_row(key) for key in rows.order_by("name", "created_at")]


def own_key(prefix: str, *, viewer: Party) -> KeyRow:
    """Return an API key of the viewer. raises: NotFoundError, also for keys of others."""
    keys = ApiKey.objects.filter(party=viewer, prefix=prefix).select_related("replaces")
    key = keys.first()
    if key is None:
        raise NotFoundError("your party has no key {prefix!r}", prefix=prefix[:20])
    return _key_row(key)


def _key_row(key: ApiKey) -> KeyRow:
    """Return a key without its secret."""
    return KeyRow(
        prefix=key.prefix,
        name=key.name,
        scopes=tuple(Scope(scope) for scope in key.scopes),
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        replaced_at=key.replaced_at,
        is_replaceable=all(newer.revoked_at for newer in key.replacements.all()),
        replaces=key.replaces.prefix if key.replaces else "",
        certificate=key.certificate_sha256,
    )


def valid_key(prefix: str, *, viewer: Party, now: datetime) -> ApiKey:
    """Return a key of the viewer that is neither revoked nor expired.

    raises: InvalidError, also for keys of others.
    """
    row = ApiKey.objects.filter(party=viewer, prefix=prefix, revoked_at=None).first()
    if row is None or (row.expires_at is not None and row.expires_at <= now):
        raise InvalidError("key", "your party has no valid key {prefix!r}", prefix=prefix[:20])
    return row


def agents(*, viewer: Party, now: datetime, head: int) -> list[AgentRow]:
    """Return the status of agents: all for coordinating parties, their own for others.

    head: the feed position of the latest change for agents.
    """
    kind = PartyKind(viewer.kind)
    return [
        AgentRow(
            party=agent.party.name,
            title=agent.party.title,
            name=agent.name,
            version=agent.version,
            position=agent.position,
            signals=agent.signals,
            exercise=agent.exercise,
            started_at=agent.started_at,
            last_seen_at=agent.last_seen_at,
            is_connected=rules.is_connected(agent.last_seen_at, now=now),
            behind=max(0, head - agent.position),
            troubles=tuple(map(AgentTrouble, agent.troubles)),
        )
        for agent in Agent.objects.select_related("party").order_by("party__name", "name")
        if rules.may_see_agents(viewer.name, kind=kind, owner=agent.party.name)
    ]
