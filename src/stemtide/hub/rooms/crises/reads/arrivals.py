# SPDX-License-Identifier: Apache-2.0
"""Read messages of neighbours, find what they are about, and describe ours for them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import F, Q, Window
from django.db.models.functions import RowNumber

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.crises.known_neighbours import NeighboursFileError, known_neighbours
from stemtide.hub.rooms.crises.models import Crisis, Neighbour, NeighbourMessage
from stemtide.hub.rooms.crises.rules import arrivals as rules
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import parties
from stemtide.protocol.activations import ActivationReport, EventReport
from stemtide.protocol.enums import ArrivalState, NeighbourStatus, PartyKind
from stemtide.protocol.law.frameworks import framework

SHOWN = 20
"""Messages of each neighbour that a page shows, of those that wait and of those refused."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that waits or was refused, as the page of an event shows it."""

    uid: UUID
    neighbour: str
    received_at: datetime
    reason: str
    activation: ActivationReport | None


def open_arrivals(*, viewer: Party, exercise: bool) -> list[Arrival]:
    """Return messages that wait, then those refused, for authorities and agencies.

    The newest of each neighbour: none hides those of another, nor what it refused hides what waits.
    exercise: whether those that wait are of an exercise.
    """
    if PartyKind(viewer.kind) not in {PartyKind.AUTHORITY, PartyKind.AGENCY}:
        return []
    waits = Q(state=ArrivalState.WAITING, content__exercise=exercise)
    place = Window(
        RowNumber(),
        partition_by=[F("neighbour"), F("state")],
        order_by=[F("received_at").desc(), F("pk").desc()],
    )
    rows = (
        NeighbourMessage.objects.filter(waits | Q(state=ArrivalState.REFUSED))
        .annotate(place=place)
        .filter(place__lte=SHOWN)
    )
    arrivals = [
        Arrival(
            row.uid,
            row.neighbour,
            row.received_at,
            row.reason,
            ActivationReport.model_validate(row.content) if row.content else None,
        )
        for row in rows
    ]
    return sorted(arrivals, key=lambda row: row.activation is None)  # refused ones at the end


@needs_no_viewer("a neighbour's message is compared with what it told before, and shown to nobody")
def latest(neighbour: str, *, activation: UUID) -> NeighbourMessage | None:
    """Return the latest message about an activation that was not refused."""
    rows = NeighbourMessage.objects.select_related("noted__crisis").exclude(
        state=ArrivalState.REFUSED
    )
    return rows.filter(neighbour=neighbour, activation=activation).order_by("-sequence").first()


def before(row: NeighbourMessage) -> rules.Before | None:
    """Return what a message told; None if what it entered is gone."""
    if row.noted is not None:
        noted = row.noted
        facts = (noted.framework, noted.version, noted.type, NeighbourStatus(noted.status))
    elif row.content:
        activation = ActivationReport.model_validate(row.content)
        facts = (activation.framework, activation.version, activation.type, activation.status)
    else:
        return None
    return rules.Before(row.sequence or 0, *facts)


@needs_no_viewer("which party speaks for a mechanism is known to all")
def speaker_of(mechanism: str) -> Party | None:
    """Return the party that speaks for a mechanism and is not suspended."""
    party = parties.holder_of(mechanism)
    return None if party is None or party.is_suspended else party


@needs_no_viewer("the operator's file is compared with what waits, and shown to nobody")
def party_of(neighbour: str) -> str:
    """Return the party that stands for a neighbour in the operator's file now, or ""."""
    try:
        entry = known_neighbours().get(neighbour)
    except NeighboursFileError:
        return ""
    return entry.party if entry is not None else ""


@needs_no_viewer("the answer to the sender is the same whether there is a crisis or not")
def crisis_about(activation: ActivationReport) -> Crisis | None:
    """Return the first crisis of the event that shares a name with a neighbour's event.

    None if there is none, or if several events share one: a person then decides.
    """
    rows = Crisis.objects.filter(exercise=activation.exercise, ended_at=None).exclude(event_refs=[])
    similar = [row for row in rows if rules.shares_reference(row.event_refs, activation.event.refs)]
    if len({row.event for row in similar}) != 1:
        return None
    return min(similar, key=lambda row: (row.warned_at, row.pk))


def typed_in(crisis: Crisis, activation: ActivationReport) -> Neighbour | None:
    """Return an activation of the same kind about the event that somebody typed in, if it runs."""
    rows = Neighbour.objects.filter(
        crisis__event=crisis.event,
        framework=activation.framework,
        version=activation.version,
        type=activation.type,
        messages=None,
    )
    return rows.exclude(status=NeighbourStatus.ENDED).order_by("at", "pk").first()


def activation_of(crisis: Crisis, *, sequence: int) -> ActivationReport | None:
    """Return what neighbours hear of a crisis, as far as its framework allows; None for nothing."""
    rules = framework(crisis.framework)
    if crisis.activated_at is None or crisis.exercise or rules.tells == "nothing":
        return None
    name, _, version = crisis.framework.rpartition("-")
    event = EventReport()
    if rules.tells == "event":
        event = EventReport(
            name=crisis.name,
            countries=list(crisis.countries),
            refs=list(crisis.event_refs),
            happened_at=crisis.happened_at,
        )
    return ActivationReport(
        id=crisis.uid,
        sequence=sequence,
        framework=name,
        version=version,
        type=crisis.stage,
        status=NeighbourStatus.ENDED if crisis.closed_at else NeighbourStatus.ACTIVE,
        started_at=crisis.activated_at,
        ended_at=crisis.closed_at,
        event=event,
    )
