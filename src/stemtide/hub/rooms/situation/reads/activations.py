# SPDX-License-Identifier: Apache-2.0
"""Read all activations about one event beside each other: who, when, what each adds, what differs.

Shown is what the viewer may see: its crises, what they note of other mechanisms, and its signals.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import Case, Count, Max, Q, When

from stemtide.hub.rooms.crises.reads import life as lives
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.protocol.enums import JoinState, NeighbourStatus, SignalState
from stemtide.protocol.law.frameworks import framework
from stemtide.protocol.messages.crises import ActivationOut, CrisisLife, EventOut, NeighbourOut


def event(uid: UUID, *, viewer: Party) -> EventOut:
    """Return all activations about the event of a crisis.

    raises: NotFoundError, also for a crisis that the viewer may not see.
    """
    here = lives.life(uid, viewer=viewer)
    linked = [lives.life(other.id, viewer=viewer) for other in here.alike if other.is_linked]
    crises = [here, *linked]
    counts = _count_values([crisis.id for crisis in crises], viewer=viewer)
    neighbours = {row.id: row for crisis in crises for row in crisis.neighbours}
    activations = [_of_crisis(crisis, counts=counts[crisis.id]) for crisis in crises]
    activations += [_of_neighbour(row) for row in neighbours.values()]
    ordered = _in_order(activations)
    states = {row.status for row in ordered}
    of_each = [set(crisis.countries) for crisis in crises]
    after = [row.after_s for row in ordered if row.after_s is not None]
    return EventOut(
        event=here.event,
        activations=ordered,
        is_ended_in_part={NeighbourStatus.ENDED, NeighbourStatus.ACTIVE} <= states,
        countries_apart=sorted(of_each[0].union(*of_each) - of_each[0].intersection(*of_each)),
        span_s=max(after) if after else None,
        not_own=sum(not row.is_own for row in ordered),
    )


class _Counts(NamedTuple):
    """How many values live signals of a crisis have, and how many of them no other crisis has."""

    signals: int
    adds: int


def _count_values(crises: Sequence[UUID], *, viewer: Party) -> dict[UUID, _Counts]:
    """Count the values of the live signals of crises that a viewer may see.

    The database counts: a crisis has up to a million signals.
    """
    rows = Signal.objects.filter(
        visible(viewer), crisis__uid__in=crises, state=SignalState.LIVE
    ).order_by()
    has = {
        f"has_{number}": Max(Case(When(crisis__uid=crisis, then=1), default=0))
        for number, crisis in enumerate(crises)
    }
    values = rows.values("kind", "value").annotate(crises=Count("crisis", distinct=True), **has)
    counts = values.aggregate(
        **{f"signals_{name}": Count(name, filter=Q((name, 1))) for name in has},
        **{f"adds_{name}": Count(name, filter=Q((name, 1), crises=1)) for name in has},
    )
    return {
        crisis: _Counts(counts[f"signals_{name}"], counts[f"adds_{name}"])
        for crisis, name in zip(crises, has, strict=True)
    }


def _of_crisis(crisis: CrisisLife, *, counts: _Counts) -> ActivationOut:
    """Return a crisis of this hub as an activation."""
    joined = [row.party for row in crisis.participants if row.state is JoinState.JOINED]
    return ActivationOut(
        crisis=crisis.id,
        title=framework(crisis.framework).title,
        type=crisis.stage_title,
        reference=crisis.name,
        status=_status_of(crisis),
        by=crisis.opened_by,
        is_own=True,
        started_at=crisis.activated_at,
        ended_at=crisis.closed_at,
        countries=list(crisis.countries),
        parties=joined,
        signals=counts.signals,
        adds=counts.adds,
    )


def _status_of(crisis: CrisisLife) -> NeighbourStatus:
    """Return the state of a crisis in the words for activations."""
    if crisis.closed_at is not None:
        return NeighbourStatus.ENDED
    is_active = crisis.activated_at is not None
    return NeighbourStatus.ACTIVE if is_active else NeighbourStatus.UNCONFIRMED


def _of_neighbour(row: NeighbourOut) -> ActivationOut:
    """Return another mechanism's activation."""
    return ActivationOut(
        crisis=row.crisis,
        neighbour=row.id,
        title=row.title,
        type=row.type,
        reference=row.reference,
        status=row.status,
        by=row.own_by or row.by.party,
        is_own=row.own_by is not None,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )


def _in_order(activations: Sequence[ActivationOut]) -> list[ActivationOut]:
    """Return activations by their beginning, with the time after the first; others follow."""
    times = [row.started_at for row in activations if row.started_at is not None]
    if not times:
        return list(activations)
    first = min(times)

    def key(row: ActivationOut) -> tuple[bool, datetime]:
        return row.started_at is None, row.started_at or first

    return [
        row.model_copy(
            update={"after_s": round((row.started_at - first).total_seconds())}
            if row.started_at
            else {}
        )
        for row in sorted(activations, key=key)
    ]
