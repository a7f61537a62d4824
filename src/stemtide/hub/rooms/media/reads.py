# SPDX-License-Identifier: Apache-2.0
"""Read previews: stored ones, the content of a look, and the number of looks."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncDate

from stemtide.hub.platform.errors import NotAllowedError, NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.media import rules
from stemtide.hub.rooms.media.keys import KeyFileError, Keys
from stemtide.hub.rooms.media.models import Look, Preview
from stemtide.hub.rooms.media.rules import PreviewFacts
from stemtide.hub.rooms.parties.models import Party, Person
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.protocol.enums import SignalState
from stemtide.protocol.messages.previews import PreviewKind, PreviewOut, Purpose


@needs_no_viewer("it returns ids of previews to the operator, and no content")
def damaged_previews(keys: Keys) -> list[UUID]:
    """Return previews that no key decrypts, and destroyed ones that have content."""
    damaged = []
    for preview in Preview.objects.iterator(chunk_size=100):
        parts = [part for part in (preview.whole, preview.veil) if part]
        try:
            readable = all(keys.unseal(part) for part in parts)
        except KeyFileError:
            readable = False
        if not readable or bool(parts) is (preview.destroyed_at is not None):
            damaged.append(preview.uid)
    return damaged


@dataclass(frozen=True, slots=True)
class LookRow:
    """One look as the person sees it. previews: id and kind of the stored ones."""

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
    """The number of one person's looks. here: in one crisis; lately: within rules.PAUSE_WITHIN."""

    today: int
    here: int
    lately: int

    @property
    def needs_pause(self) -> bool:
        """Whether it is time for a pause."""
        return rules.needs_pause(self.lately)


@dataclass(frozen=True, slots=True)
class DayOfLooks:
    """Counts of the looks of a party's people on one day (UTC)."""

    day: object
    looks: int
    revealed: int
    people: int


def previews(uid: UUID, *, viewer: Party) -> list[PreviewOut]:
    """Return the previews of a signal that a party sent or may open, including destroyed ones."""
    row = _signals(viewer).filter(uid=uid).first()
    if row is None or not (row.shared_by == viewer or facts(row, viewer=viewer).is_in_room):
        return []
    return [describe(preview) for preview in row.previews.all()]


def describe(preview: Preview) -> PreviewOut:
    """Return a preview in its wire format."""
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
    """Return the facts about a visible signal that the rules need."""
    return PreviewFacts(
        shared_by=row.shared_by.name,
        state=SignalState(row.state),
        has_crisis=row.crisis is not None,
        is_in_room=row.crisis is not None and crises.is_in_room(row.crisis.uid, party=viewer),
        previews=row.previews.filter(destroyed_at=None).count(),
    )


def with_stored_preview(crisis: UUID, *, viewer: Party) -> set[UUID]:
    """Return the signals of a crisis with a stored preview that the viewer may open."""
    if not crises.is_in_room(crisis, party=viewer):
        return set()
    stored = Preview.objects.filter(
        visible(viewer, "signal__"),
        signal__crisis__uid=crisis,
        signal__state=SignalState.LIVE,
        destroyed_at=None,
    )
    return set(stored.values_list("signal__uid", flat=True))


def person(*, by: Actor) -> Person:
    """Return the row of the acting person.

    raises: NotAllowedError for a machine.
    """
    return Person.objects.get(pk=_number_of(by), party=by.party)


def _number_of(by: Actor) -> int:
    """Return the primary key of the acting person. raises: NotAllowedError for a machine."""
    kind, _, number = by.ref.partition(":")
    if kind != "person":
        raise NotAllowedError("only a person can open a preview: sign in at the desk")
    return int(number)


def own_look(uid: UUID, *, by: Actor) -> Look:
    """Return a look of the calling person, for writes.

    raises: NotFoundError, also for somebody else's.
    """
    looks = Look.objects.select_related("signal__shared_by", "signal__crisis", "crisis")
    look = looks.filter(uid=uid, person=person(by=by)).first()
    if look is None:
        raise NotFoundError("you have not opened this preview: open it in its crisis")
    return look


def look(uid: UUID, *, by: Actor, now: datetime) -> LookRow:
    """Return a look of the calling person, while it lasts.

    raises: NotFoundError for somebody else's, and for an expired one.
    """
    row = _open_look(uid, by=by, now=now)
    stored = row.signal.previews.filter(destroyed_at=None)
    return LookRow(
        id=row.uid,
        signal=row.signal.uid,
        crisis=row.crisis.uid,
        crisis_name=row.crisis.name,
        exercise=row.crisis.exercise,
        purpose=Purpose(row.purpose),
        opened_at=row.opened_at,
        revealed_at=row.revealed_at,
        previews=tuple((preview.uid, PreviewKind(preview.kind)) for preview in stored),
    )


def content(uid: UUID, preview: UUID, *, by: Actor, now: datetime, keys: Keys) -> bytes:
    """Return the content of a preview in a look: its veil, or the whole once revealed.

    raises: NotFoundError, also if there is no veil; keys.KeyFileError.
    """
    open_look = _open_look(uid, by=by, now=now)
    row = open_look.signal.previews.filter(uid=preview, destroyed_at=None).first()
    if row is None:
        raise NotFoundError("there is no such preview, or it was destroyed")
    sealed = row.whole if open_look.revealed_at else row.veil
    if not sealed:
        raise NotFoundError("this preview has no veil: reveal it to read it")
    return keys.unseal(sealed)


def opened_signals(crisis: UUID, *, by: Actor) -> set[UUID]:
    """Return the signals of a crisis whose preview a person opened."""
    if not by.is_person:
        return set()
    looks = Look.objects.filter(crisis__uid=crisis, person=person(by=by))
    return set(looks.values_list("signal__uid", flat=True))


def has_opened(members: Iterable[UUID], *, by: Actor) -> bool:
    """Whether a person opened the preview of any of these signals, such as a cluster's variants."""
    return Look.objects.filter(person=person(by=by), signal__uid__in=list(members)).exists()


def exposure(crisis: UUID, *, by: Actor, now: datetime) -> Exposure:
    """Return the number of the calling person's looks."""
    return exposure_and_signals(crisis, by=by, now=now)[0]


def exposure_and_signals(
    crisis: UUID, *, by: Actor, now: datetime
) -> tuple[Exposure, frozenset[UUID]]:
    """Return the calling person's exposure and the signals opened in a crisis, in one query."""
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
        here=sum(crisis_uid == crisis for _, crisis_uid, _ in rows),
        lately=sum(at > lately for at, _, _ in rows),
    )
    return exposure, frozenset(signal for _, crisis_uid, signal in rows if crisis_uid == crisis)


def days_of_looks(*, viewer: Party, limit: int = 31) -> list[DayOfLooks]:
    """Return daily counts of the looks of a party's own people, latest first, without names."""
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
    """Return a look that has not expired, of a person who could still start it.

    raises: NotFoundError.
    """
    row = own_look(uid, by=by)
    since = row.revealed_at or row.opened_at
    facts_now = facts(row.signal, viewer=by.party)
    is_theirs = allows(rules.check_look, facts_now, kind=by.kind, role=by.role)
    is_visible = _signals(by.party).filter(pk=row.signal.pk, state=SignalState.LIVE).exists()
    if now - since > rules.LOOK_LASTS or not is_theirs or not is_visible:
        raise NotFoundError("this preview has closed: open it again with a purpose")
    return row


def _signals(viewer: Party) -> QuerySet[Signal]:
    """Return the signals that a party may see."""
    return Signal.objects.select_related("shared_by", "crisis").filter(visible(viewer))
