# SPDX-License-Identifier: Apache-2.0
"""Record who may use an account, and confirm that its person alone does. Decision 0107."""

from datetime import datetime

from django.db import transaction

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Person
from stemtide.hub.rooms.parties.reads import independence as reads
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.rules import independence as rules
from stemtide.protocol.trust.parties import ConfirmPersonIn


@needs_no_entry("the act that gives access records itself")
def add_controllers(person: Person, *, by: str) -> None:
    """Note that somebody may use an account, with all who may use theirs.

    by: as the ledger names them. The operator of the hub is not among them.
    """
    if by.startswith("person:"):
        users = reads.users_of(by) | set(person.controllers.split())
        person.controllers = " ".join(sorted(users - {person.ref}))
        person.save(update_fields=["controllers"])


@transaction.atomic
def confirm_person(party_name: str, *, body: ConfirmPersonIn, by: Actor, now: datetime) -> Person:
    """Confirm that a person alone uses their account: they count as a second person from now on.

    raises: NotFoundError; NotAllowedError, also for who may use the account; ConflictError.
    """
    rules.check_may_confirm(party=party_name, by=by)
    ledger.lock_ledger()
    person = Person.objects.filter(pk=body.person, party__name=party_name).first()
    if person is None:
        raise NotFoundError("this party has no person {number}", number=body.person)
    rules.check_confirm(
        is_waiting=bool(person.controllers),
        is_active=person.is_active,
        has_joined=not person.invitation_sha256,
    )
    reads.check_second_person(by, first=person.ref)
    person.controllers = ""
    person.save(update_fields=["controllers"])
    ledger.append("person.confirmed", actor=by.ref, subject=person.ref, now=now)
    return person
