# SPDX-License-Identifier: Apache-2.0
"""Take parties in at the desk, and invite their first person. Decision 0130."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from stemtide.hub.platform.errors import ConflictError
from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Party, Person
from stemtide.hub.rooms.parties.reads import joining as reads, parties as party_reads
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.rules import joining as rules, standing as standing_rules
from stemtide.hub.rooms.parties.writes import parties, people, suspensions
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.trust.parties import PartyTitleIn, SuspensionIn


@dataclass(frozen=True, slots=True)
class NewParty:
    """A party to take in. name: the short one. reason: how its identity was checked."""

    name: str
    title: str
    kind: PartyKind
    country: str
    reason: str


@needs_no_entry("add_party() and propose() record it")
@transaction.atomic
def take_in(new: NewParty, *, by: Actor, now: datetime) -> Party:
    """Add a party, as a coordinator of an agency.

    An authority or agency stays shut out, with an open proposal to let it in, until another person
    confirms.

    raises: NotAllowedError, InvalidError, ConflictError.
    """
    rules.check_take_in(by=by)
    ledger.lock_ledger()
    waits = rules.waits_for_second_person(new.kind)
    party = parties.add_party(
        new.name,
        title=new.title,
        kind=new.kind,
        country=new.country,
        actor=by.ref,
        now=now,
        is_shut_out=waits,
    )
    if waits:
        proposal = SuspensionIn(lifts=True, reason=new.reason)
        suspensions.propose(party.name, body=proposal, by=by, now=now)
    return party


@transaction.atomic
def invite_first(
    party_name: str, *, name: str, email: str, role: str, by: Actor, now: datetime
) -> tuple[Person, str]:
    """Invite the first person of a party; links to others that nobody used end.

    Returns the person and the secret of their invitation, which is never stored.

    raises: NotFoundError, NotAllowedError, InvalidError, ConflictError.
    """
    ledger.lock_ledger()
    party = party_reads.party(party_name)
    rules.check_invite_first(
        has_people=reads.has_people(party), has_keys=reads.has_keys(party), by=by
    )
    waiting = Person.objects.filter(party=party, is_active=True)
    for other in waiting.exclude(email=email.strip().lower()):
        other.is_active, other.invitation_sha256, other.invited_until = False, "", None
        other.save(update_fields=["is_active", "invitation_sha256", "invited_until"])
        ledger.append("person.deactivated", actor=by.ref, subject=other.ref, now=now)
    invited = waiting.filter(email=email.strip().lower()).first()
    if invited is not None:
        return invited, people.renew_invitation(invited, actor=by.ref, now=now)
    return people.invite_person(email, party=party, role=role, actor=by.ref, now=now, name=name)


@transaction.atomic
def rename_party(party_name: str, *, body: PartyTitleIn, by: Actor, now: datetime) -> Party:
    """Change the full name of another party. The ledger does not repeat names.

    raises: NotFoundError, NotAllowedError, ConflictError if it is called so already.
    """
    ledger.lock_ledger()
    party = party_reads.party(party_name)
    standing_rules.check_oversees(by)
    if party.title == body.title:
        raise ConflictError("{party} has this name already", party=party_name)
    party.title = body.title
    party.save(update_fields=["title"])
    ledger.append_by("party.renamed", by=by, subject=party.ref, now=now)
    return party
