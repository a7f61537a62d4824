# SPDX-License-Identifier: Apache-2.0
"""Read models of this room, for results that have no message in the protocol."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.rules.signals import unpack_audience
from stemtide.protocol.enums import Outcome, Provenance, Reach, Severity, SignalState
from stemtide.protocol.handling import Pap, Tlp

_WIRE_NAMES = {
    "state": "state",
    "position": "position",
    "uid": "id",
    "kind": "kind",
    "value": "value",
    "quality": "quality",
    "within_bits": "within_bits",
    "reach": "reach",
    "content__uid": "content",
    "labels": "labels",
    "ideology": "ideology",
    "entity": "entity",
    "language": "language",
    "severity": "severity",
    "provenance": "provenance",
    "confidence": "confidence",
    "tlp": "tlp",
    "pap": "pap",
    "is_disputed": "disputed",
    "flood": "flood",
    "crisis__uid": "crisis",
    "exercise": "exercise",
    "shared_by__name": "shared_by",
    "shared_at": "shared_at",
    "expires_at": "expires_at",
    "confirmations": "confirmations",
    "disputes": "disputes",
    "signature": "signature",
}
"""Columns of a feed entry with their wire names; only a tombstone includes its state.

Opinions replace confirmations and disputes before an entry leaves (reads/opinions.py).
"""

WIRE = tuple(_WIRE_NAMES)
NAMES = tuple(_WIRE_NAMES.values())


class VisibleSignal(NamedTuple):
    """A signal that a party may see: primary key, exercise mark, crisis, and time of sharing."""

    pk: int
    exercise: bool
    crisis: UUID | None
    shared_at: datetime


class FeedPlace(NamedTuple):
    """A signal's place in the feed, and what its entries in the ledger are found by."""

    uid: UUID
    position: int
    state: str
    shared_at: datetime
    erased_at: datetime | None


@dataclass(frozen=True, slots=True)
class SharedChange:
    """The highest position among changes with one handling, which decides who is notified.

    shared_by: "" if the standing of a party changed, which concerns everybody.
    """

    position: int
    shared_by: str
    tlp: Tlp
    audience: frozenset[str]
    exercise: bool

    @property
    def is_of_party(self) -> bool:
        """Whether the standing of a party changed."""
        return not self.shared_by


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How many matching uploads have each outcome now. reversed: let through again."""

    blocked: int = 0
    held: int = 0
    logged: int = 0
    reversed: int = 0

    @property
    def total(self) -> int:
        """Return the number of matches: each upload counts once, at its present outcome."""
        return self.blocked + self.held + self.logged + self.reversed

    @property
    def counts(self) -> dict[str, int]:
        """Return the numbers by outcome."""
        return {outcome.value: getattr(self, outcome) for outcome in Outcome}


@dataclass(frozen=True, slots=True)
class CountChange:
    """Uploads that are added to a count, or taken away from it (count below 0)."""

    signal: UUID
    outcome: Outcome
    language: str | None
    count: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class BoardSignal:
    """One signal of a piece of content."""

    id: UUID
    kind: Kind
    value: str
    url: str
    reach: Reach | None
    quality: int | None
    state: SignalState
    is_disputed: bool


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One piece of content as a board shows it. Facts are those of its latest signal.

    key:   its content id, or its signal's where it has none.
    state: live while any of its signals is.
    lasts_ms: duration of a film or sound; None if it is not known.
    first_shared_by: the name of the party that shared it first.
    """

    key: str
    position: int
    state: SignalState
    is_disputed: bool
    labels: list[str]
    ideology: str | None
    entity: str | None
    severity: Severity
    provenance: Provenance
    confidence: int
    tlp: Tlp
    pap: Pap
    audience: list[str]
    exercise: bool
    shared_by: str
    shared_by_title: str
    shared_at: datetime
    expires_at: datetime | None
    withdrawn_at: datetime | None
    crisis: UUID | None
    title: str = ""
    lasts_ms: int | None = None
    first_shared_by: str = ""
    signals: list[BoardSignal] = field(default_factory=list)
    outcomes: Outcomes = field(default_factory=Outcomes)


@dataclass(frozen=True, slots=True)
class Variant:
    """One signal of a cluster."""

    id: UUID
    kind: Kind
    value: str
    url: str
    state: SignalState
    shared_by: str
    shared_at: datetime
    is_disputed: bool


@dataclass(frozen=True, slots=True)
class Cluster:
    """Signals that belong together, as one viewer may see them.

    key:      the id of its first signal.
    variants: the live ones first, then the latest first.  members: the ids of all.
    kinds, states: how many signals of each.
    severity: the highest of the live ones; labels: of them; tlp, pap: the strictest of all.
    audience: the parties that any of them names as its only recipients.
    drawing:  a PDQ value to draw; "" if there is no picture.
    title:    the first that a sharer wrote; "" if none did.
    languages: those that sharers stated for the live ones.
    lasts_ms: duration of its first film or sound; None if it is not known.
    first_shared_by: the name of the party that shared the first of them.
    """

    key: UUID
    variants: tuple[Variant, ...]
    members: frozenset[UUID]
    kinds: Mapping[Kind, int]
    states: Mapping[SignalState, int]
    labels: tuple[str, ...]
    severity: Severity
    tlp: Tlp
    pap: Pap
    audience: tuple[str, ...]
    is_disputed: bool
    sharers: tuple[str, ...]
    first_at: datetime
    last_at: datetime
    drawing: str
    title: str
    languages: tuple[str, ...]
    lasts_ms: int | None
    first_shared_by: str

    @property
    def is_live(self) -> bool:
        """Whether any of its signals still matches."""
        return SignalState.LIVE in self.states


@dataclass(frozen=True, slots=True)
class SightingRow:
    """Outcomes at one provider, or at all of them together (is_total; party is "")."""

    party: str
    title: str
    blocked: int
    held: int
    logged: int
    reversed: int
    signals: int
    last_at: datetime | None
    is_total: bool = False


def version_of(sums: Mapping[str, int]) -> int:
    """Return one number for sums by outcome that changes when an upload moves between outcomes."""
    return sum(sums.get(outcome, 0) * weight for weight, outcome in enumerate(Outcome, start=1))


def board_row(
    group: list[Signal], *, counts: Mapping[int, Outcomes], durations: Mapping[str, int]
) -> BoardRow:
    """Build one piece of content from its signals, latest first. durations: by value."""
    latest = group[0]
    live = any(row.state == SignalState.LIVE for row in group)
    first = min(group, key=lambda row: row.shared_at)
    counts_by_signal = [counts.get(row.pk, Outcomes()) for row in group]
    return BoardRow(
        key=str(latest.content.uid if latest.content else latest.uid),
        position=latest.position,
        state=SignalState.LIVE if live else SignalState(latest.state),
        is_disputed=any(row.is_disputed and row.state == SignalState.LIVE for row in group),
        labels=latest.labels,
        ideology=latest.ideology,
        entity=latest.entity,
        severity=Severity(latest.severity),
        provenance=Provenance(latest.provenance),
        confidence=latest.confidence,
        tlp=Tlp(latest.tlp),
        pap=Pap(latest.pap),
        audience=sorted(unpack_audience(latest.audience)),
        exercise=latest.exercise,
        shared_by=latest.shared_by.name,
        shared_by_title=latest.shared_by.title,
        shared_at=first.shared_at,
        expires_at=latest.expires_at,
        withdrawn_at=None if live else latest.withdrawn_at,
        crisis=latest.crisis.uid if latest.crisis else None,
        title=next((row.title for row in group if row.title), ""),
        lasts_ms=next((durations[row.value] for row in group if row.value in durations), None),
        first_shared_by=first.shared_by.name,
        signals=[_board_signal(row) for row in group],
        outcomes=Outcomes(
            **{
                word: sum(getattr(counts_of_signal, word) for counts_of_signal in counts_by_signal)
                for word in Outcome
            },
        ),
    )


def _board_signal(row: Signal) -> BoardSignal:
    """Return one signal of a piece of content."""
    return BoardSignal(
        id=row.uid,
        kind=Kind(row.kind),
        value=row.value,
        url=row.url,
        reach=Reach(row.reach) if row.reach else None,
        quality=row.quality,
        state=SignalState(row.state),
        is_disputed=row.is_disputed and row.state == SignalState.LIVE,
    )


@dataclass(frozen=True, slots=True)
class CurveFacts:
    """The curve that outcomes of a signal count in. crisis, shared_by: primary keys."""

    crisis: int
    warned_at: datetime
    tlp: str
    audience: str
    shared_by: int


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Cumulated counts up to a time: matching content met, and blocked."""

    at: datetime
    seen: int
    blocked: int


@dataclass(frozen=True, slots=True)
class RunawayRow:
    """A signal that matches too much, on the board. is_lowered: agents everywhere hold at most."""

    uid: UUID
    kind: str
    shared_by: str
    is_lowered: bool
    exercise: bool


@dataclass(frozen=True, slots=True)
class CountRow:
    """Outcomes at one provider, or in one language. name: a party's, or a language tag."""

    name: str
    title: str
    outcomes: Outcomes
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CountTable:
    """Outcomes of a crisis. providers: those that the viewer may see individually."""

    providers: list[CountRow]
    languages: list[CountRow]
    total: Outcomes
