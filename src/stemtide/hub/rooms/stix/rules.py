# SPDX-License-Identifier: Apache-2.0
"""Rules for reading from, writing to and deleting from collections."""

from collections.abc import Collection as Some
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from stemtide.hub.platform.errors import NotAllowedError, NotFoundError
from stemtide.hub.platform.permissions import allows
from stemtide.protocol.enums import PartyKind, Scope
from stemtide.protocol.handling import Tlp

__all__ = [
    "FEEDBACK_TYPES",
    "KEEP_RECEIPTS",
    "MAX_KEPT",
    "Collection",
    "Holder",
    "Rights",
    "allows",
    "check_delete",
    "check_exercise",
    "check_kept",
    "check_read",
    "check_type",
    "check_write",
    "rights_in_crisis",
    "rights_in_feedback",
    "rights_in_standing",
    "strictest_signal",
]

FEEDBACK_TYPES = frozenset({"sighting", "opinion"})
"""Objects that are feedback on signals; they need the scope feedback:write."""

MAX_KEPT = 20_000
"""Maximum stored objects of a party that are not signals."""

KEEP_RECEIPTS = timedelta(days=7)
"""How long the status of a post is kept. The standard requires 24 hours."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The kind of the caller's party, and the scopes of its key."""

    kind: PartyKind
    scopes: Some[Scope]

    @property
    def may_fetch(self) -> bool:
        """Whether the key may read signals."""
        return Scope.FEED_READ in self.scopes

    @property
    def may_post(self) -> bool:
        """Whether the key may share signals or give feedback, for a party that may."""
        writes = {Scope.SIGNALS_WRITE, Scope.FEEDBACK_WRITE} & set(self.scopes)
        return bool(writes) and self.kind is not PartyKind.OBSERVER


@dataclass(frozen=True, slots=True)
class Rights:
    """A party's rights in a collection."""

    can_read: bool
    can_write: bool


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection, as one party sees it.

    crisis:   the crisis whose signals it has; None for all.
    exercise: whether it is for exercises; None for both.
    is_feedback: it accepts feedback on signals, and cannot be read.
    """

    id: UUID
    alias: str
    title: str
    description: str
    rights: Rights
    crisis: UUID | None = None
    exercise: bool | None = False
    is_feedback: bool = False


def rights_in_standing(holder: Holder) -> Rights:
    """Return the rights in permanent collections: everybody may read, observers may not write."""
    return Rights(can_read=holder.may_fetch, can_write=holder.may_post)


def rights_in_feedback(holder: Holder) -> Rights:
    """Return the rights in the feedback collection, which is write-only."""
    judges = Scope.FEEDBACK_WRITE in holder.scopes and holder.kind is not PartyKind.OBSERVER
    return Rights(can_read=False, can_write=judges)


def rights_in_crisis(holder: Holder, *, in_room: bool, is_open: bool) -> Rights:
    """Return the rights in a crisis's collection: for participants, and only while it is open.

    Others can see that the collection exists.

    source: docs/decide/0024-seen-when-asked.md.
    """
    return Rights(
        can_read=in_room and holder.may_fetch, can_write=in_room and is_open and holder.may_post
    )


def check_read(collection: Collection) -> None:
    """Refuse reading a collection without the right to. raises: NotAllowedError."""
    if not collection.rights.can_read:
        raise NotAllowedError(
            "your key may not read this collection: join its crisis, or use one with feed:read"
        )


def check_write(collection: Collection) -> None:
    """Refuse writing to a collection without the right to. raises: NotAllowedError."""
    if not collection.rights.can_write:
        raise NotAllowedError(
            "your key may not add to this collection: its crisis is closed or not joined, or the"
            " key lacks signals:write and feedback:write"
        )


def check_type(kind: str, *, to: Collection, holder: Holder) -> None:
    """Refuse an object that the collection does not accept, or that the key may not post."""
    needed = Scope.FEEDBACK_WRITE if kind in FEEDBACK_TYPES else Scope.SIGNALS_WRITE
    if to.is_feedback and kind not in FEEDBACK_TYPES:
        raise NotAllowedError(
            "this collection accepts only sightings and opinions: post it to another"
        )
    if needed not in holder.scopes:
        raise NotAllowedError(
            "this key lacks the scope {scope}: ask the hub's operator for a key with it",
            scope=needed,
        )


def check_exercise(*, exercise: bool, to_exercise: bool) -> None:
    """Refuse an object that is real in one collection and an exercise in another."""
    if exercise is not to_exercise:
        raise NotAllowedError(
            "the hub already has this object, and an object cannot be both real and an "
            "exercise: use another id"
        )


def check_kept(count: int) -> None:
    """Refuse more stored objects than a party may have, not counting signals."""
    if count >= MAX_KEPT:
        raise NotAllowedError(
            "your party has {count:,} objects here that are not signals, the maximum: delete some",
            count=count,
        )


def strictest_signal(tlp: Tlp, *, of: Some[Tlp]) -> int:
    """Return the index of the signal with the strictest TLP, which an opinion is stored with.

    raises: NotAllowedError for an opinion that is stricter itself.
    """
    strictest = min(of, key=list(Tlp).index)
    if tlp is Tlp.RED and strictest is not Tlp.RED:
        raise NotAllowedError(
            "everybody with the signal gets an opinion, so it cannot be TLP:RED: use TLP:AMBER"
        )
    return list(of).index(strictest)


def check_delete(collection: Collection, *, is_own: bool, is_plain: bool) -> None:
    """Refuse to delete objects of others, signals and feedback.

    Signals and feedback are revoked instead, as their withdrawal must reach everybody.
    source: TAXII 2.1 section 5.7: 404 to those who neither read nor write, 403 to those who only
    do one of the two.
    """
    rights = collection.rights
    if not rights.can_read and not rights.can_write:
        raise NotFoundError("there is no such collection, or none that your party may see")
    if not (rights.can_read and rights.can_write):
        raise NotAllowedError("your key may not delete from this collection")
    if not is_own:
        raise NotAllowedError(
            "only the party that posted an object can delete it: dispute it instead"
        )
    if not is_plain:
        raise NotAllowedError(
            'signals and feedback cannot be deleted: post it again with "revoked": true '
            'and a newer "modified", and the withdrawal reaches everybody'
        )
