# SPDX-License-Identifier: Apache-2.0
"""Read the text of a new message: what it mentions and links to. Decision 0139."""

from collections.abc import Mapping
from uuid import UUID

from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.crises.reads import participants, roles
from stemtide.hub.rooms.parties.models import Party, Person
from stemtide.hub.rooms.parties.reads import people
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.situation.models import MessageReference
from stemtide.hub.rooms.situation.reads.references import find_thing
from stemtide.hub.rooms.situation.rules import references as rules
from stemtide.hub.rooms.situation.rules.references import WrittenReference
from stemtide.protocol.enums.response import ReferenceKind, ResponseRole
from stemtide.protocol.messages.situation import MessageIn

_NAMED = {ReferenceKind.ROLE, ReferenceKind.PARTY}
"""Kinds whose names everybody in the room may read: they stay in the text."""


def read_text(body: MessageIn, *, room: Crisis, by: Actor) -> tuple[str, list[MessageReference]]:
    """Return the text as it is stored, and what it mentions and links to, not stored yet.

    In the stored text, "#signal:1" represents a signal and "@person:2" for a colleague: others may
    read the message, and it must not name to them what they may not see.

    raises: InvalidError for one that is not there, not visible, or may not read the message.
    """
    rows: dict[tuple[ReferenceKind, UUID | str], MessageReference] = {}
    tokens: dict[WrittenReference, str] = {}
    for written in rules.written_references(body.text):
        row = _row(written, room=room, by=by)
        if row.party is not None:
            rules.check_told(body, row.party, author=by.party.name)
        thing = row.thing or (row.person.ref if row.person and not row.name else written.name)
        first = rows.setdefault((written.kind, thing), row)
        if first is row:
            is_named = written.kind in _NAMED
            row.token = written.text if is_named else f"{written.text[0]}{row.kind}:{len(rows)}"
        tokens[written] = first.token
    return rules.replace_references(body.text, tokens.__getitem__), list(rows.values())


def _row(written: WrittenReference, *, room: Crisis, by: Actor) -> MessageReference:
    """Return the row of a mention or a link, without its token. raises: InvalidError."""
    kind, name = written.kind, written.name
    if kind is ReferenceKind.ROLE:
        party, person = _holder(name, room=room)
        return MessageReference(kind=kind, name=name, party=party, person=person)
    if kind is ReferenceKind.PARTY:
        return MessageReference(kind=kind, party=_party(name, room=room, by=by))
    if kind is ReferenceKind.PERSON:
        return MessageReference(kind=kind, party=by.party, person=_colleague(name, by=by))
    thing = find_thing(kind, rules.id_digits(name), room=room, viewer=by.party)
    return MessageReference(kind=kind, thing=thing)


def _holder(name: str, *, room: Crisis) -> tuple[Party, Person]:
    """Return who holds a role. raises: InvalidError for no role, or one that nobody holds."""
    if name not in set(ResponseRole):
        raise InvalidError(
            "text",
            "mentions {name!r}, which is no role; known are {known}",
            name=name[:20],
            known=", ".join(ResponseRole),
        )
    holding = roles.current(room, ResponseRole(name)).held
    if holding is None or holding.person is None:
        raise InvalidError(
            "text",
            "mentions the role {name}, which nobody holds: mention a party, or give the role",
            name=name,
        )
    return holding.party, holding.person


def _party(name: str, *, room: Crisis, by: Actor) -> Party:
    """Return a party in the room. raises: InvalidError."""
    inside: Mapping[str, Party] = {
        party.name: party for party in participants.in_room(room.uid, viewer=by.party)
    }
    if name not in inside:
        raise InvalidError(
            "text",
            "mentions the party {name!r}, which is not in this room: see its participants",
            name=name[:60],
        )
    return inside[name]


def _colleague(email: str, *, by: Actor) -> Person:
    """Return a person of the actor's party who may write. raises: InvalidError."""
    person = people.colleague(email=email, party=by.party)
    if person is None or not people.may_write(person):
        raise InvalidError(
            "text",
            "mentions {email!r}, but your party has nobody with this mail address who may write",
            email=email[:60],
        )
    return person
