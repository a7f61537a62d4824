# SPDX-License-Identifier: Apache-2.0
"""Reads for people who share: earlier shares in a crisis, known signals, how far a share got."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import times
from stemtide.hub.rooms.signals.reads.caches.pictures import pictures
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.hub.rooms.signals.rules.signals import unpack_audience
from stemtide.protocol.enums import PartyKind, SignalState
from stemtide.protocol.handling import Tlp, may_receive
from stemtide.protocol.trust.standing import PartyTrust

_FEW = 5
"""Known signals that are named for one fingerprint."""


@dataclass(frozen=True, slots=True)
class EarlierMarks:
    """Labels and marks of the latest signal in a crisis."""

    labels: tuple[str, ...]
    severity: str
    tlp: str
    pap: str
    audience: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KnownSignal:
    """A live signal of the same or near content. bits: its distance; 0 if the value is equal.

    trust: of its sharer.
    """

    uid: UUID
    shared_by: str
    trust: PartyTrust
    labels: tuple[str, ...]
    bits: int = 0


@dataclass(frozen=True, slots=True)
class SharedRow:
    """A signal of a share, for its page."""

    uid: UUID
    content: UUID
    kind: Kind
    value: str
    url: str
    state: SignalState
    quality: int | None


@dataclass(frozen=True, slots=True)
class ShareReach:
    """How far the live signals of a share got.

    offered: the parties whose feed has at least one of them. fetched: those of them whose agents
    reported that they read it, as far as the viewer may see agents.
    """

    offered: tuple[str, ...]
    fetched: tuple[str, ...]


def latest_marks(crisis: UUID, *, viewer: Party) -> EarlierMarks | None:
    """Return labels and marks of the party's latest signal in a crisis, or of anybody's latest.

    Only the party's own signal gives an audience: others chose theirs for their own reasons.
    """
    rows = Signal.objects.filter(
        visible(viewer), crisis__uid=crisis, state=SignalState.LIVE
    ).order_by("-shared_at", "-pk")
    own = rows.filter(shared_by=viewer).first()
    row = own or rows.first()
    if row is None:
        return None
    audience = tuple(sorted(unpack_audience(row.audience))) if own else ()
    is_red = row.tlp == Tlp.RED and not audience
    return EarlierMarks(
        labels=tuple(row.labels),
        severity=row.severity,
        tlp=Tlp.AMBER if is_red else row.tlp,
        pap=row.pap,
        audience=audience,
    )


def known_by_id(uids: Iterable[UUID], *, viewer: Party) -> dict[UUID, KnownSignal]:
    """Return those of these signals that a party may see."""
    rows = Signal.objects.filter(visible(viewer), uid__in=list(uids)).order_by("-position")
    return {row.uid: _known_signal(row) for row in rows.select_related("shared_by")}


def near_signals(
    values: Iterable[str], *, viewer: Party, exercise: bool
) -> dict[str, list[KnownSignal]]:
    """Return the nearest live pictures to each PDQ value, of real or exercise signals."""
    pairs = pictures.near(values, viewer=viewer)
    pks = {pk for near in pairs.values() for _, pk in near[: 4 * _FEW]}
    rows = Signal.objects.select_related("shared_by").in_bulk(pks)
    return {
        value: [
            _known_signal(rows[pk], bits=bits)
            for bits, pk in near[: 4 * _FEW]
            if pk in rows and rows[pk].exercise is exercise
        ][:_FEW]
        for value, near in pairs.items()
    }


def own_shares(contents: Collection[UUID], *, viewer: Party) -> list[SharedRow]:
    """Return the party's own signals of these pieces of content, in any state."""
    rows = Signal.objects.filter(shared_by=viewer, content__uid__in=contents).order_by("pk")
    return [
        SharedRow(
            uid=row.uid,
            content=row.content.uid,
            kind=Kind(row.kind),
            value=row.value,
            url=row.url,
            state=SignalState(row.state),
            quality=row.quality,
        )
        for row in rows.select_related("content")
        if row.content
    ]


def reach(contents: Collection[UUID], *, viewer: Party, now: datetime) -> ShareReach:
    """Return which parties are offered the party's live signals, and which have fetched them."""
    rows = Signal.objects.filter(
        shared_by=viewer, content__uid__in=contents, state=SignalState.LIVE
    )
    marks = list(rows.values_list("position", "tlp", "audience", "exercise"))
    others = [party for party in parties.parties() if party.name != viewer.name]
    offered = {
        party.name: party.title
        for party in others
        if any(_may_read(party, tlp, audience, sharer=viewer) for _, tlp, audience, _ in marks)
    }
    named = {party.name: party for party in others}
    fetched = {
        agent.title
        for agent in parties.agents(viewer=viewer, now=now, head=times.last_position())
        if agent.party in offered
        and any(
            position <= agent.position
            and (agent.exercise or not exercise)
            and _may_read(named[agent.party], tlp, audience, sharer=viewer)
            for position, tlp, audience, exercise in marks
        )
    }
    return ShareReach(offered=tuple(sorted(offered.values())), fetched=tuple(sorted(fetched)))


def _may_read(party: Party, tlp: str, audience: str, *, sharer: Party) -> bool:
    """Whether a party's feed has a signal of the sharer with these marks."""
    return may_receive(
        party.name,
        PartyKind(party.kind),
        tlp=Tlp(tlp),
        audience=unpack_audience(audience),
        shared_by=sharer.name,
    )


def _known_signal(row: Signal, *, bits: int = 0) -> KnownSignal:
    """Return a signal as one that is known."""
    return KnownSignal(
        uid=row.uid,
        shared_by=row.shared_by.name,
        trust=row.shared_by.trust,
        labels=tuple(row.labels),
        bits=bits,
    )
