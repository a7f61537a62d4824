# SPDX-License-Identifier: Apache-2.0
"""Read who may use an account or a key, and refuse a second person who may be the first one."""

from dataclasses import dataclass
from datetime import datetime

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.parties.models import ApiKey, Party, Person
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.rules import independence as rules
from stemtide.protocol.enums import Role


@dataclass(frozen=True, slots=True)
class UnconfirmedPerson:
    """An account that does not count as a person of its own. controllers: who may use it."""

    number: int
    role: Role
    added_at: datetime
    controllers: tuple[str, ...]
    has_joined: bool

    @property
    def ref(self) -> str:
        """Return the account as the ledger names it."""
        return f"person:{self.number}"


@needs_no_viewer("rules ask it for two people of an act")
def users_of(ref: str) -> frozenset[str]:
    """Return a person or key, with all who may use its account, as the ledger names them."""
    kind, _, name = ref.partition(":")
    controllers = None
    if kind == "person" and name.isdigit():
        rows = Person.objects.filter(pk=name)
        controllers = rows.values_list("controllers", flat=True).first()
    elif kind == "key":
        rows_of_keys = ApiKey.objects.filter(prefix=name)
        controllers = rows_of_keys.values_list("controllers", flat=True).first()
    return frozenset({ref, *(controllers or "").split()})


def check_second_person(by: Actor, *, first: str) -> None:
    """Refuse that somebody acts as the second person that the first one may be.

    first: who acted first, as the ledger names them. raises: NotAllowedError.
    """
    rules.check_independent(users_of(first), users_of(by.ref))


@needs_no_viewer("rules ask it for two people of an act")
def may_be_second(ref: str, *, first: str) -> bool:
    """Whether one of two people may confirm an act of the other."""
    return not users_of(ref) & users_of(first)


def unconfirmed(party: Party, *, by: Actor) -> list[UnconfirmedPerson]:
    """Return the active accounts of a party that do not count as people of their own.

    raises: NotAllowedError for who may not confirm them.
    """
    rules.check_may_confirm(party=party.name, by=by)
    rows = Person.objects.filter(party=party, is_active=True).exclude(controllers="")
    return [
        UnconfirmedPerson(
            number=person.pk,
            role=Role(person.role),
            added_at=person.added_at,
            controllers=tuple(person.controllers.split()),
            has_joined=not person.invitation_sha256,
        )
        for person in rows.order_by("pk")
    ]
