# SPDX-License-Identifier: Apache-2.0
"""Create the parties of an exercise, their keys and their users, on the hub's machine."""

import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from stemtide.protocol.enums import Duty, PartyKind, Role, Scope, Standing

if TYPE_CHECKING:
    from stemtide.hub.rooms.parties.reads.parties import Viewer

_LEAD = PartyKind.AGENCY
_ORDERS = (Duty.ISSUE, Duty.SCRUTINISE)


@dataclass(frozen=True, slots=True)
class PlannedParty:
    """A party to create. duties: for which it is named; email: of its person; "" for nobody."""

    name: str
    title: str
    kind: PartyKind
    country: str
    duties: tuple[Duty, ...] = ()
    email: str = ""


COORDINATOR = "eu-referral-unit"
AUTHORITY = "be-crisis-centre"
PARTIES = (
    PlannedParty(
        AUTHORITY,
        "Crisis Centre (Belgium)",
        PartyKind.AUTHORITY,
        "BE",
        duties=_ORDERS,
        email="duty@authority.example",
    ),
    PlannedParty(
        COORDINATOR,
        "EU Internet Referral Unit",
        PartyKind.AGENCY,
        "NL",
        email="duty@coordinator.example",
    ),
    PlannedParty(
        "big-videos", "Big Videos", PartyKind.PROVIDER, "IE", email="duty@big-videos.example"
    ),
    PlannedParty(
        "small-pictures",
        "Small Pictures",
        PartyKind.PROVIDER,
        "EE",
        email="duty@small-pictures.example",
    ),
    PlannedParty("paste-corner", "Paste Corner", PartyKind.PROVIDER, "PL"),
)
PROVIDERS = tuple(party.name for party in PARTIES if party.kind is PartyKind.PROVIDER)


@dataclass(frozen=True, slots=True)
class Cast:
    """Parties of an exercise. keys: an API key for each. email and password: of the coordinator.

    emails: all users, with the same password, one for each party.
    """

    keys: dict[str, str]
    email: str
    password: str
    emails: tuple[str, ...] = ()


def create_cast(data_dir: Path, *, parties: Sequence[PlannedParty] = PARTIES) -> Cast:
    """Create parties, their keys and people in a hub's database. One of them is an agency.

    The hub's code is loaded in this process, with that database; only once in a process.
    """
    os.environ["STEMTIDE_DATA_DIR"] = str(data_dir)
    from stemtide.hub import boot

    boot.start()
    boot.migrate()
    from stemtide.hub.rooms.parties.writes import (
        competences,
        parties as writes,
    )

    now = datetime.now(UTC)
    keys = {}
    rows: dict[str, Viewer] = {}
    for party in parties:
        rows[party.name] = writes.add_party(
            party.name,
            title=party.title,
            kind=party.kind,
            country=party.country,
            actor="exercise",
            now=now,
        )
        _, keys[party.name] = writes.new_key(
            "exercise", party=rows[party.name], scopes=list(Scope), actor="exercise", now=now
        )
    _make_members(parties, rows, now=now)
    for party in parties:
        for duty in party.duties:
            competences.name_competent(rows[party.name], duty, actor="exercise", now=now)
    password = secrets.token_urlsafe(12)
    emails = _create_people(parties, rows, password=password, now=now)
    return Cast(keys=keys, email=emails[0], password=password, emails=emails)


def _create_people(
    parties: Sequence[PlannedParty], rows: "Mapping[str, Viewer]", *, password: str, now: datetime
) -> tuple[str, ...]:
    """Create a person for each party with an email; return the emails, the coordinator's first."""
    from stemtide.hub.rooms.parties.writes import parties as writes

    staffed = [party for party in parties if party.email]
    staffed.sort(key=lambda party: party.kind is not _LEAD)
    for party in staffed:
        role = Role.COORDINATOR if party.kind is _LEAD else Role.DUTY_OFFICER
        writes.add_person(
            party.email,
            party=rows[party.name],
            role=role,
            password=password,
            actor="exercise",
            now=now,
        )
    return tuple(party.email for party in staffed)


def _make_members(
    parties: Sequence[PlannedParty], rows: "Mapping[str, Viewer]", *, now: datetime
) -> None:
    """Have the agency make the providers members, so that their word counts."""
    from stemtide.hub.rooms.parties.reads.parties import Actor
    from stemtide.hub.rooms.parties.writes import standing
    from stemtide.protocol.trust.parties import StandingIn

    (agency,) = (party.name for party in parties if party.kind is _LEAD)
    by = Actor(rows[agency], "exercise")
    body = StandingIn(standing=Standing.MEMBER, reason="It takes part in the exercise.")
    for party in parties:
        if party.kind is PartyKind.PROVIDER:
            standing.grant_standing(party.name, body=body, by=by, now=now)


def new_key(party: str, name: str, scopes: Iterable[Scope]) -> str:
    """Create another key for a party of create_cast(), with fewer scopes."""
    from stemtide.hub.rooms.parties.reads import parties as reads
    from stemtide.hub.rooms.parties.writes import parties as writes

    owner = reads.party(party)
    _, text = writes.new_key(
        name, party=owner, scopes=scopes, actor="exercise", now=datetime.now(UTC)
    )
    return text
