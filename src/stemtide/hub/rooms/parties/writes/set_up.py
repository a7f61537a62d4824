# SPDX-License-Identifier: Apache-2.0
"""Write the link that sets up a hub, and its first party and person. Decision 0130."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from stemtide.hub.platform.errors import ConflictError, NotFoundError
from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Person, SetUpLink
from stemtide.hub.rooms.parties.reads import set_up as reads
from stemtide.hub.rooms.parties.rules import people
from stemtide.hub.rooms.parties.writes import parties
from stemtide.protocol.enums import PartyKind, Role

OPERATOR = "operator"
"""How the ledger names whoever has the link: it was printed on the hub's own machine."""


@dataclass(frozen=True, slots=True)
class FirstParty:
    """The agency that runs a new hub. name: the short one. country: "" for a body of the Union."""

    name: str
    title: str
    country: str


@dataclass(frozen=True, slots=True)
class FirstPerson:
    """The first coordinator of a new hub."""

    name: str
    email: str
    password: str


@needs_no_entry("nothing is set up yet, and the secret must not be kept")
@transaction.atomic
def renew_link(*, now: datetime) -> str:
    """Return the secret of a new link that sets up this hub; the link before it ends.

    Only its digest is stored.

    raises: ConflictError if the hub has a party.
    """
    ledger.lock_ledger()
    if not reads.has_no_party():
        raise ConflictError(
            "this hub has a party already: add people with stemtide person add, or at the desk"
        )
    secret = secrets.token_urlsafe(32)
    SetUpLink.objects.all().delete()
    SetUpLink.objects.create(
        secret_sha256=people.digest(secret), expires_at=now + people.SET_UP_FOR
    )
    return secret


@transaction.atomic
def set_up(secret_sha256: str, *, party: FirstParty, person: FirstPerson, now: datetime) -> Person:
    """Add the first party and its coordinator, and end the link.

    secret_sha256: the digest of the link's secret.

    raises: NotFoundError if the link was used or has expired, InvalidError.
    """
    ledger.lock_ledger()
    if not reads.may_set_up(secret_sha256, now=now):
        raise NotFoundError("this link was already used or has expired")
    SetUpLink.objects.all().delete()
    agency = parties.add_party(
        party.name,
        title=party.title,
        kind=PartyKind.AGENCY,
        country=party.country,
        actor=OPERATOR,
        now=now,
    )
    coordinator = parties.add_person(
        person.email,
        party=agency,
        role=Role.COORDINATOR,
        password=person.password,
        actor=OPERATOR,
        now=now,
        name=person.name,
    )
    ledger.append("person.joined", actor=coordinator.ref, subject=coordinator.ref, now=now)
    return coordinator
