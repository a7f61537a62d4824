# SPDX-License-Identifier: Apache-2.0
"""Create the parties of an exercise, their keys and their users, on the hub's machine."""

import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from stemtide.protocol.enums import Duty, PartyKind, Role, Scope, Standing

if TYPE_CHECKING:
    from stemtide.hub.rooms.parties.reads.parties import Viewer

_PARTIES = (
    ("be-crisis-centre", "Crisis Centre (Belgium)", PartyKind.AUTHORITY, "BE"),
    ("eu-referral-unit", "EU Internet Referral Unit", PartyKind.AGENCY, "NL"),
    ("big-videos", "Big Videos", PartyKind.PROVIDER, "IE"),
    ("small-pictures", "Small Pictures", PartyKind.PROVIDER, "EE"),
    ("paste-corner", "Paste Corner", PartyKind.PROVIDER, "PL"),
)
_OTHERS = (
    ("duty@authority.example", "be-crisis-centre", Role.DUTY_OFFICER),
    ("duty@big-videos.example", "big-videos", Role.DUTY_OFFICER),
    ("duty@small-pictures.example", "small-pictures", Role.DUTY_OFFICER),
)
PROVIDERS = tuple(name for name, _, kind, _ in _PARTIES if kind is PartyKind.PROVIDER)
AUTHORITY = "be-crisis-centre"
COORDINATOR = "eu-referral-unit"


@dataclass(frozen=True, slots=True)
class Cast:
    """Parties of an exercise. keys: an API key for each. email and password: of the coordinator.

    emails: all users, with the same password, one for each party.
    """

    keys: dict[str, str]
    email: str
    password: str
    emails: tuple[str, ...] = ()


def create_cast(data_dir: Path) -> Cast:
    """Create the parties, their keys and users in a hub's database.

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
    people = {}
    for name, title, kind, country in _PARTIES:
        people[name] = writes.add_party(
            name, title=title, kind=kind, country=country, actor="exercise", now=now
        )
        _, keys[name] = writes.new_key(
            "exercise", party=people[name], scopes=list(Scope), actor="exercise", now=now
        )
    _make_members(people, now=now)
    for duty in (Duty.ISSUE, Duty.SCRUTINISE):
        competences.name_competent(people[AUTHORITY], duty, actor="exercise", now=now)
    email, password = "duty@coordinator.example", secrets.token_urlsafe(12)
    signing_in = ((email, COORDINATOR, Role.COORDINATOR), *_OTHERS)
    for address, name, role in signing_in:
        writes.add_person(
            address, party=people[name], role=role, password=password, actor="exercise", now=now
        )
    emails = tuple(address for address, _, _ in signing_in)
    return Cast(keys=keys, email=email, password=password, emails=emails)


def _make_members(people: "Mapping[str, Viewer]", *, now: datetime) -> None:
    """Have the agency make the other parties members, so that their word counts."""
    from stemtide.hub.rooms.parties.reads.parties import Actor
    from stemtide.hub.rooms.parties.writes import standing
    from stemtide.protocol.trust.parties import StandingIn

    by = Actor(people[COORDINATOR], "exercise")
    body = StandingIn(standing=Standing.MEMBER, reason="It takes part in the exercise.")
    for name in PROVIDERS:
        standing.grant_standing(name, body=body, by=by, now=now)


def new_key(party: str, name: str, scopes: Iterable[Scope]) -> str:
    """Create another key for a party of create_cast(), with fewer scopes."""
    from stemtide.hub.rooms.parties.reads import parties as reads
    from stemtide.hub.rooms.parties.writes import parties as writes

    owner = reads.party(party)
    _, text = writes.new_key(
        name, party=owner, scopes=scopes, actor="exercise", now=datetime.now(UTC)
    )
    return text
