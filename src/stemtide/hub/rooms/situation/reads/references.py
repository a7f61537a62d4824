# SPDX-License-Identifier: Apache-2.0
"""Read the mentions and links of messages, as far as a party may see them. Decision 0139."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Model

from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.crises.reads import crises, roles
from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.orders.reads import orders
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.referrals.models import Referral
from stemtide.hub.rooms.referrals.reads import referrals
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import clusters, signals
from stemtide.hub.rooms.situation.models import Message, MessageReference
from stemtide.hub.rooms.tasks import reads as tasks
from stemtide.hub.rooms.tasks.models import Task
from stemtide.protocol.enums.response import ReferenceKind
from stemtide.protocol.messages.situation import ReferenceOut

LATEST = 1000
"""Things of one kind among which a link is proposed, the latest ones."""

_NamesOf = Callable[[Collection[UUID], Party], Mapping[UUID, str]]
_THINGS: dict[ReferenceKind, tuple[type[Model], _NamesOf]] = {
    ReferenceKind.SIGNAL: (Signal, lambda uids, viewer: signals.names(uids, viewer=viewer)),
    ReferenceKind.CLUSTER: (Signal, lambda uids, viewer: signals.names(uids, viewer=viewer)),
    ReferenceKind.REFERRAL: (Referral, lambda uids, viewer: referrals.names(uids, viewer=viewer)),
    ReferenceKind.ORDER: (Order, lambda uids, viewer: orders.names(uids, viewer=viewer)),
    ReferenceKind.TASK: (Task, lambda uids, viewer: tasks.names(uids, viewer=viewer)),
}
"""Tables of what a message can link to, and the names of those that a party may see."""


@dataclass(frozen=True, slots=True)
class ThingName:
    """A thing that a message can link to. name: "" if it has none."""

    kind: ReferenceKind
    id: UUID
    name: str


def find_thing(kind: ReferenceKind, digits: str, *, room: Crisis, viewer: Party) -> UUID:
    """Return the id of a thing of a crisis that a party may see, by the last digits of the id.

    raises: InvalidError if there is none, or several.
    """
    table, names_of = _THINGS[kind]
    is_whole = len(digits) == 32  # noqa: PLR2004  # digits of a UUID
    ends = {"uid": UUID(digits)} if is_whole else {"uid__endswith": digits[-12:]}
    rows = table._default_manager.filter(crisis=room, **ends)  # noqa: SLF001  # Django's public name
    uids = [uid for uid in rows.values_list("uid", flat=True) if uid.hex.endswith(digits)]
    visible = list(names_of(uids, viewer))
    if len(visible) != 1:
        raise InvalidError(
            "text",
            "links to a {kind} {id!r} that is not in this crisis, or that your party may not see:"
            " leave it out",
            kind=kind,
            id=digits,
        )
    return visible[0]


def suggestions(uid: UUID, *, words: Iterable[str], viewer: Party, limit: int) -> list[ThingName]:
    """Return the latest things of a crisis whose names have all words, some of each kind.

    raises: NotFoundError; NotAllowedError if the viewer is not in the room.
    """
    room = crises.find_in_room(uid, viewer=viewer)
    folded = [word.casefold() for word in words]
    things = []
    for kind, (table, names_of) in _THINGS.items():
        if kind is ReferenceKind.CLUSTER:
            latest = [
                row.key for row in clusters.clusters(uid, viewer=viewer) if len(row.members) > 1
            ]
        else:
            rows = table._default_manager.filter(crisis=room).order_by("-pk")  # noqa: SLF001  # Django's public name
            latest = list(rows.values_list("uid", flat=True)[:LATEST])
        names = names_of(latest, viewer)
        matching = [
            ThingName(kind, thing, names[thing])
            for thing in latest
            if thing in names and all(word in names[thing].casefold() for word in folded)
        ]
        things += matching[:limit]
    return things


def describe(messages: Iterable[Message], *, viewer: Party) -> dict[int, list[ReferenceOut]]:
    """Return the mentions and links of messages, by the message's key."""
    rows = list(
        MessageReference.objects.filter(message__in=[row.pk for row in messages]).select_related(
            "party", "person__party"
        )
    )
    linked: dict[ReferenceKind, set[UUID]] = defaultdict(set)
    for row in rows:
        if row.thing is not None:
            linked[ReferenceKind(row.kind)].add(row.thing)
    names = {kind: _THINGS[kind][1](uids, viewer) for kind, uids in linked.items()}
    references = defaultdict(list)
    for row in rows:
        references[row.message_id].append(_describe(row, names, viewer=viewer))
    return references


def _describe(
    row: MessageReference,
    names: Mapping[ReferenceKind, Mapping[UUID, str]],
    *,
    viewer: Party,
) -> ReferenceOut:
    """Return a mention or link for a viewer: of a thing that they may not see, only its kind."""
    kind = ReferenceKind(row.kind)
    visible = names.get(kind, {})
    thing = row.thing if row.thing in visible else None
    name = visible[thing] if thing else row.name
    if kind is ReferenceKind.PARTY and row.party:
        name = row.party.name
    elif kind is ReferenceKind.PERSON and row.person and row.person.party == viewer:
        name = roles.person_name(row.person, viewer=viewer)
    return ReferenceOut(
        token=row.token,
        kind=kind,
        id=thing,
        name=name,
        party=row.party.name if row.party else None,
    )
