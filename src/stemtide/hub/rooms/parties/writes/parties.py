# SPDX-License-Identifier: Apache-2.0
"""Write parties, people, API keys and agents."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotFoundError
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Agent, ApiKey, Party, Person
from stemtide.hub.rooms.parties.rules import parties as rules, people
from stemtide.hub.rooms.parties.rules.standing import first_standing
from stemtide.hub.rooms.parties.writes.standing import record_change
from stemtide.hub.rooms.parties.writes.statuses import ENTRY_KINDS
from stemtide.protocol.enums import PartyKind, Role, Standing
from stemtide.protocol.sync.agents import AgentStatusIn

_PREFIX_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
_Enum = TypeVar("_Enum", PartyKind, Role)


@transaction.atomic
def add_party(
    name: str,
    *,
    title: str,
    kind: str,
    country: str = "",
    actor: str,
    now: datetime,
    is_shut_out: bool = False,
    exercise: bool = False,
) -> Party:
    """Add an organisation to the protocol. country: alpha-2, "" for international bodies.

    Its standing is that of first_standing(). is_shut_out: it is suspended until two people of
    agencies lift this, and gets that standing then. exercise: it is for one exercise only.

    raises: InvalidError, ConflictError for a name that is taken.
    """
    rules.check_party_name(name, exercise=exercise)
    if country:
        rules.check_country(country)
    party_kind = _enum_member(PartyKind, kind, field="kind")
    if not title.strip():
        raise InvalidError("title", "is empty: write the organisation's full name")
    ledger.lock_ledger()
    if Party.objects.filter(name=name).exists():
        raise ConflictError("there is already a party {name}: choose another name", name=name)
    party = Party.objects.create(
        name=name,
        title=title.strip()[:200],
        kind=party_kind,
        country=country,
        joined_at=now,
        standing=Standing.SUSPENDED if is_shut_out else first_standing(party_kind),
        position=ledger.take_positions(1, now=now),
        exercise=exercise,
    )
    before = first_standing(party_kind)
    record_change(party, before=before, reason="", by=None, by_ref=actor, now=now)
    ledger.append(
        "party.added",
        actor=actor,
        subject=party.ref,
        now=now,
        detail={"kind": str(party_kind)},
        exercise=exercise,
    )
    return party


@transaction.atomic
def add_person(
    email: str,
    *,
    party: Party,
    role: str,
    password: str,
    actor: str,
    now: datetime,
    name: str = "",
) -> Person:
    """Add a person who signs in for a party. name: for other people to read.

    raises: InvalidError (also with the messages of the password rules), ConflictError.
    """
    person = Person(
        email=email.strip().lower(),
        name=people.clean_name(name),
        party=party,
        role=_enum_member(Role, role, field="role"),
        added_at=now,
    )
    for field, check in (("email", validate_email), ("password", None)):
        try:
            if check:
                check(person.email)
            else:
                validate_password(password, person)
        except ValidationError as error:
            raise InvalidError(field, " ".join(error.messages)) from error
    ledger.lock_ledger()
    if Person.objects.filter(email=person.email).exists():
        raise ConflictError("there is already a person with this mail address")
    person.set_password(password)
    person.save()
    detail: dict[str, object] = {"party": party.ref, "role": person.role}
    ledger.append("person.added", actor=actor, subject=person.ref, now=now, detail=detail)
    return person


@transaction.atomic
def new_key(
    name: str,
    *,
    party: Party,
    scopes: Iterable[str],
    expires_at: datetime | None = None,
    certificate: str = "",
    actor: str,
    now: datetime,
    replaces: ApiKey | None = None,
) -> tuple[ApiKey, str]:
    """Create an API key for a party. Its text is returned once and never stored.

    certificate: fingerprint of the client certificate that it needs. replaces: a key of the same
    name, which has been marked as replaced.

    raises: InvalidError, ConflictError if the party has a live key of this name.
    """
    sorted_scopes = sorted(set(scopes))
    rules.check_scopes(sorted_scopes)
    rules.check_expiry(expires_at, now=now)
    if not name.strip() or len(name) > 60:  # noqa: PLR2004  # the column's width
        raise InvalidError("name", "a key needs a name of 1 to 60 characters")
    ledger.lock_ledger()
    live = ApiKey.objects.filter(party=party, name=name, revoked_at=None)
    if replaces is not None:
        live = live.filter(replaced_at=None)
    if live.filter(Q(replaced_at=None) | Q(expires_at__gt=now)).exists():
        raise ConflictError(
            "{party} already has a valid key named {name!r}: revoke it or choose another name",
            party=party.name,
            name=name,
        )
    prefix = "".join(secrets.choice(_PREFIX_LETTERS) for _ in range(8))
    text = f"st_{prefix}_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        party=party,
        name=name,
        prefix=prefix,
        secret_sha256=hashlib.sha256(text.encode()).hexdigest(),
        scopes=sorted_scopes,
        created_at=now,
        expires_at=expires_at,
        certificate_sha256=certificate,
        replaces=replaces,
    )
    detail: dict[str, object] = {"party": party.ref, "scopes": sorted_scopes}
    if replaces is not None:
        detail["replaces"] = replaces.ref
    ledger.append(
        "key.issued",
        actor=actor,
        subject=key.ref,
        now=now,
        detail=detail,
        exercise=party.exercise,
    )
    return key, text


@transaction.atomic
def revoke_key(prefix: str, *, actor: str, now: datetime) -> ApiKey:
    """Revoke a key, effective at once.

    raises: NotFoundError, ConflictError for a revoked key.
    """
    ledger.lock_ledger()
    key = ApiKey.objects.filter(prefix=prefix).select_related("party").first()
    if key is None:
        raise NotFoundError(
            "there is no key {prefix!r}: the prefix is the part after st_", prefix=prefix[:20]
        )
    rules.check_revoke(prefix, revoked_at=key.revoked_at)
    _revoke(key, actor=actor, now=now)
    return key


@transaction.atomic
def revoke_again(prefix: str, *, actor: str, now: datetime) -> bool:
    """Revoke a key that is valid again in a restored backup; return whether it was."""
    ledger.lock_ledger()
    valid = ApiKey.objects.filter(prefix=prefix, revoked_at=None).select_related("party")
    key = valid.first()
    if key is not None:
        _revoke(key, actor=actor, now=now)
    return key is not None


def _revoke(key: ApiKey, *, actor: str, now: datetime) -> None:
    """Revoke one key."""
    key.revoked_at = now
    key.save(update_fields=["revoked_at"])
    detail: dict[str, object] = {"party": key.party.ref}
    ledger.append(
        "key.revoked",
        actor=actor,
        subject=key.ref,
        now=now,
        detail=detail,
        exercise=key.party.exercise,
    )


@transaction.atomic
def report_status(
    name: str, *, by: Party, status: AgentStatusIn, now: datetime, key: str = ""
) -> Agent:
    """Record an agent's status. key: the prefix of the key that it reports with; "" for none.

    The ledger gets an entry when the agent first appears, returns after a silence or changes its
    version; otherwise a heartbeat updates one row and waits for no lock.

    raises: ConflictError for a new agent of a key that has reached its limit.
    """
    facts = {
        "version": status.version,
        "position": status.position,
        "signals": status.signals,
        "exercise": status.exercise,
        "started_at": status.started_at,
        "troubles": status.troubles,
        "last_seen_at": now,
    }
    existing = Agent.objects.filter(party=by, name=name)
    steady = existing.filter(version=status.version, last_seen_at__gte=now - rules.SILENT_AFTER)
    if not steady.update(**facts):
        ledger.lock_ledger()
        # Another heartbeat of the same agent may have been first.
        if not steady.update(**facts):
            _record_agent(name, by=by, facts=facts, now=now, key=key)
    return existing.select_related("party").get()


def _record_agent(
    name: str, *, by: Party, facts: dict[str, object], now: datetime, key: str
) -> None:
    """Record that an agent appeared, returned or was updated."""
    before = Agent.objects.filter(party=by, name=name).first()
    if before is None and key:
        rules.check_new_agent(Agent.objects.filter(key=key).count())
    first = {**facts, "first_seen_at": now, "key": key}
    agent, _ = Agent.objects.update_or_create(
        party=by, name=name, defaults=facts, create_defaults=first
    )
    ledger.append(
        ENTRY_KINDS[rules.change_of_agent(before.version if before else None, agent.version)],
        actor=by.ref,
        subject=agent.ref,
        now=now,
        detail={"party": by.ref, "version": agent.version},
        exercise=agent.exercise,
    )


def _enum_member(enum: type[_Enum], text: str, *, field: str) -> _Enum:
    """Return a member of an enum by its value.

    raises: InvalidError naming the valid values.
    """
    try:
        return enum(text)
    except ValueError as error:
        valid_values = ", ".join(enum)
        raise InvalidError(
            field, "there is no {text!r}; known are {known}", text=text[:40], known=valid_values
        ) from error
