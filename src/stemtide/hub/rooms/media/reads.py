# SPDX-License-Identifier: Apache-2.0
"""The only readers of media: what is kept, what one look shows, and how much was looked at."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncDate

from stemtide.hub.platform.errors import NotAllowedError, NotFoundError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.media import rules
from stemtide.hub.rooms.media.keys import Keys
from stemtide.hub.rooms.media.models import Look, Preview
from stemtide.hub.rooms.media.rules import PreviewFacts
from stemtide.hub.rooms.parties.models import Party, Person
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.protocol.enums import SignalState
from stemtide.protocol.messages.previews import PreviewKind, PreviewOut, Purpose


@dataclass(frozen=True, slots=True)
class LookRow:
    """One look as the person who took it sees it. previews: id and kind of those that are kept."""

    id: UUID
    signal: UUID
    crisis: UUID
    crisis_name: str
    exercise: bool
    purpose: Purpose
    opened_at: datetime
    revealed_at: datetime | None
    previews: tuple[tuple[UUID, PreviewKind], ...]


@dataclass(frozen=True, slots=True)
class Exposure:
    """How many looks one person took. here: in one crisis; lately: within rules.PAUSE_WITHIN."""

    today: int
    here: int
    lately: int

    @property
    def needs_pause(self) -> bool:
        """Whether it is time for a pause."""
        return rules.needs_pause(self.lately)


@dataclass(frozen=True, slots=True)
class DayOfLooks:
    """What a party's people looked at on one day (UTC), as counts."""

    day: object
    looks: int
    revealed: int
    people: int


def previews(uid: UUID, *, viewer: Party) -> list[PreviewOut]:
    """The previews of a signal that a party sent or may look at, destroyed ones too."""
    row = _signals(viewer).filter(uid=uid).first()
    if row is None or not (row.shared_by == viewer or facts(row, viewer=viewer).is_in_room):
        return []
    return [describe(preview, viewer=viewer) for preview in row.previews.all()]


def describe(preview: Preview, *, viewer: Party) -> PreviewOut:  # noqa: ARG001  # the caller found it for them
    """A preview as it travels."""
    return PreviewOut(
        id=preview.uid,
        signal=preview.signal.uid,
        kind=PreviewKind(preview.kind),
        size_bytes=preview.size_bytes,
        added_at=preview.added_at,
        expires_at=preview.expires_at,
        destroyed_at=preview.destroyed_at,
    )


def facts(row: Signal, *, viewer: Party) -> PreviewFacts:
    """What the rules must know of a signal that the viewer may see."""
    return PreviewFacts(
        shared_by=row.shared_by.name,
        state=SignalState(row.state),
        has_crisis=row.crisis is not None,
        is_in_room=row.crisis is not None and crises.is_in_room(row.crisis.uid, party=viewer),
        previews=row.previews.filter(destroyed_at=None).count(),
    )


def kept(crisis: UUID, *, viewer: Party) -> set[UUID]:
    """The signals of a crisis of which a preview is kept that the viewer may look at."""
    if not crises.is_in_room(crisis, party=viewer):
        return set()
    found = Preview.objects.filter(
        visible(viewer, "signal__"),
        signal__crisis__uid=crisis,
        signal__state=SignalState.LIVE,
        destroyed_at=None,
    )
    return set(found.values_list("signal__uid", flat=True))


def person(*, by: Actor) -> Person:
    """The row of the person who acts.

    raises: NotAllowedError for a machine.
    """
    return Person.objects.get(pk=_number_of(by), party=by.party)


def _number_of(by: Actor) -> int:
    """The number of the person who acts. raises: NotAllowedError for a machine."""
    kind, _, number = by.ref.partition(":")
    if kind != "person":
        raise NotAllowedError("only a person looks at a preview: sign in at the desk")
    return int(number)


def own_look(uid: UUID, *, by: Actor) -> Look:
    """A look of the person who asks, for writes.

    raises: NotFoundError, also for somebody else's.
    """
    found = Look.objects.select_related("signal__shared_by", "signal__crisis", "crisis")
    look = found.filter(uid=uid, person=person(by=by)).first()
    if look is None:
        raise NotFoundError("there is no such look of yours: open the preview in its crisis")
    return look


def look(uid: UUID, *, by: Actor, now: datetime) -> LookRow:
    """A look of the person who asks, while it lasts.

    raises: NotFoundError for somebody else's, and for one that is over.
    """
    found = _open_look(uid, by=by, now=now)
    kept_now = found.signal.previews.filter(destroyed_at=None)
    return LookRow(
        id=found.uid,
        signal=found.signal.uid,
        crisis=found.crisis.uid,
        crisis_name=found.crisis.name,
        exercise=found.crisis.exercise,
        purpose=Purpose(found.purpose),
        opened_at=found.opened_at,
        revealed_at=found.revealed_at,
        previews=tuple((one.uid, PreviewKind(one.kind)) for one in kept_now),
    )


def content(uid: UUID, preview: UUID, *, by: Actor, now: datetime, keys: Keys) -> bytes:
    """What a look shows of one preview: its veil, or all of it once it was asked for.

    raises: NotFoundError, also where there is no veil; keys.KeyFileError.
    """
    found = _open_look(uid, by=by, now=now)
    row = found.signal.previews.filter(uid=preview, destroyed_at=None).first()
    if row is None:
        raise NotFoundError("there is no such preview, or it is destroyed")
    sealed = row.whole if found.revealed_at else row.veil
    if not sealed:
        raise NotFoundError("this preview has no veil: reveal it to read it")
    return keys.unseal(sealed)


def seen(crisis: UUID, *, by: Actor) -> set[UUID]:
    """The signals of a crisis that a person looked at."""
    if not by.is_person:
        return set()
    found = Look.objects.filter(crisis__uid=crisis, person=person(by=by))
    return set(found.values_list("signal__uid", flat=True))


def has_seen(members: Iterable[UUID], *, by: Actor) -> bool:
    """Whether a person looked at any of these signals: variants of one cluster, say."""
    return Look.objects.filter(person=person(by=by), signal__uid__in=list(members)).exists()


def exposure(crisis: UUID, *, by: Actor, now: datetime) -> Exposure:
    """How much the person who asks looked at."""
    return looked_at(crisis, by=by, now=now)[0]


def looked_at(crisis: UUID, *, by: Actor, now: datetime) -> tuple[Exposure, frozenset[UUID]]:
    """How much the person who asks looked at, and which signals of a crisis: in one query."""
    if not by.is_person:
        return Exposure(today=0, here=0, lately=0), frozenset()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    lately = now - rules.PAUSE_WITHIN
    counted = Q(crisis__uid=crisis) | Q(opened_at__gte=min(midnight, lately))
    rows = list(
        Look.objects.filter(counted, person=_number_of(by), person__party=by.party)
        .order_by()
        .values_list("opened_at", "crisis__uid", "signal__uid")
    )
    exposure = Exposure(
        today=sum(at >= midnight for at, _, _ in rows),
        here=sum(where == crisis for _, where, _ in rows),
        lately=sum(at > lately for at, _, _ in rows),
    )
    return exposure, frozenset(signal for _, where, signal in rows if where == crisis)


def days_of_looks(*, viewer: Party, limit: int = 31) -> list[DayOfLooks]:
    """How much a party's own people looked at, day by day, the latest first: counts, no names."""
    rows = (
        Look.objects.filter(person__party=viewer)
        .order_by()
        .values(day=TruncDate("opened_at"))
        .annotate(
            looks=Count("pk"),
            revealed=Count("revealed_at"),
            people=Count("person", distinct=True),
        )
        .order_by("-day")[:limit]
    )
    return [DayOfLooks(**row) for row in rows]


def _open_look(uid: UUID, *, by: Actor, now: datetime) -> Look:
    """A look that is not over, of somebody who could begin it now.

    raises: NotFoundError.
    """
    found = own_look(uid, by=by)
    since = found.revealed_at or found.opened_at
    facts_now = facts(found.signal, viewer=by.party)
    is_theirs = allows(rules.check_look, facts_now, kind=by.kind, role=by.role)
    is_visible = _signals(by.party).filter(pk=found.signal.pk, state=SignalState.LIVE).exists()
    if now - since > rules.LOOK_LASTS or not is_theirs or not is_visible:
        raise NotFoundError("this look is over: open the preview again, and say for what")
    return found


def _signals(viewer: Party) -> QuerySet[Signal]:
    """The signals that a party may see."""
    return Signal.objects.select_related("shared_by", "crisis").filter(visible(viewer))
