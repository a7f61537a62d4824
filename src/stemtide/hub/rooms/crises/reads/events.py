# SPDX-License-Identifier: Apache-2.0
"""Read events: which crises may be about one event, and which other mechanisms act on it."""

from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Coalesce

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.crises.models import Crisis, EventLink, Neighbour
from stemtide.hub.rooms.crises.reads import crises as reads
from stemtide.hub.rooms.crises.rules import events
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.request_cache import cached
from stemtide.protocol.enums import NeighbourStatus
from stemtide.protocol.law.frameworks import framework
from stemtide.protocol.law.neighbours import mechanisms
from stemtide.protocol.messages.crises import NeighbourOut, RelatedCrisisOut


def related(row: Crisis, *, viewer: Party) -> list[RelatedCrisisOut]:
    """Return the visible crises that are about the same event, or may be."""
    here = event_of(row)
    span = (here.happened_at - events.NEAR, here.happened_at + events.NEAR)
    near = Q(event_at__range=span)
    rows = Crisis.objects.filter(exercise=row.exercise).exclude(pk=row.pk)
    rows = rows.annotate(event_at=Coalesce("happened_at", "warned_at"))
    if not row.event_refs:
        rows = rows.filter(Q(event=row.event) | near)
    visible = reads.visible_ids(viewer=viewer)
    reasons = _reasons(row)
    similar = []
    for other in cached(("near", row.pk), lambda: list(rows.order_by("-warned_at"))):
        if visible is not None and other.uid not in visible:
            continue
        is_linked = other.event == row.event
        why = events.similarity(here, event_of(other))
        if is_linked or why:
            reason = reasons.get(other.pk, "") if is_linked else ""
            described = _alike(other, is_linked=is_linked, why=why or "linked by hand")
            similar.append(described.model_copy(update={"reason": reason}))
    return similar


def event_of(row: Crisis) -> events.EventFacts:
    """Return the facts about the event of a crisis."""
    return events.EventFacts(
        name=row.name,
        countries=row.countries,
        refs=row.event_refs,
        happened_at=row.happened_at or row.warned_at,
        exercise=row.exercise,
    )


def neighbours(row: Crisis, *, viewer: Party) -> list[NeighbourOut]:
    """Return other mechanisms' activations about a crisis' event, noted in any visible crisis."""
    visible = reads.visible_ids(viewer=viewer)
    rows = Neighbour.objects.select_related("by", "own_by", "crisis__opened_by").filter(
        crisis__event=row.event
    )
    return [
        _describe(neighbour, viewer=viewer)
        for neighbour in cached(("neighbours", row.pk), lambda: list(rows))
        if visible is None or neighbour.crisis.uid in visible
    ]


def running_activations(row: Crisis, *, viewer: Party) -> set[tuple[str, str, str]]:
    """Return framework, version and type of running activations that a viewer may see.

    Those of hidden crises are left out: a refusal would reveal that the crisis exists.
    """
    visible = reads.visible_ids(viewer=viewer)
    rows = Neighbour.objects.filter(crisis__event=row.event).exclude(status=NeighbourStatus.ENDED)
    if visible is not None:
        rows = rows.filter(crisis__uid__in=visible)
    return set(rows.values_list("framework", "version", "type"))


def own_party(row: Neighbour) -> str | None:
    """Return the party that noted or updated an activation, and still speaks for its mechanism."""
    own = row.own_by
    if own is None or own.mechanism != row.framework or own.is_suspended:
        return None
    return own.name


def find_neighbour(crisis: Crisis, uid: UUID) -> Neighbour:
    """Return the row of one mirrored activation, for writes.

    raises: NotFoundError.
    """
    rows = Neighbour.objects.select_related("own_by")
    row = rows.filter(crisis=crisis, uid=uid).first()
    if row is None:
        raise NotFoundError("this crisis has no other mechanism {uid}: see the crisis", uid=uid)
    return row


def is_linked(row: Crisis) -> bool:
    """Whether another crisis speaks of the same event."""
    return Crisis.objects.filter(event=row.event).exclude(pk=row.pk).exists()


def _reasons(row: Crisis) -> dict[int, str]:
    """Return the latest reasons for links of a crisis, by the primary key of the other crisis."""
    return cached(("reasons", row.pk), lambda: _read_reasons(row))


def _read_reasons(row: Crisis) -> dict[int, str]:
    """Return the reasons for links of a crisis from the table."""
    links = EventLink.objects.filter(Q(crisis=row) | Q(other=row)).order_by("at", "pk")
    reasons = {}
    for first, other, reason in links.values_list("crisis_id", "other_id", "reason"):
        far = other if first == row.pk else first
        if far is not None:
            reasons[far] = reason
    return reasons


def _alike(row: Crisis, *, is_linked: bool, why: str) -> RelatedCrisisOut:
    """Return another crisis with what it has in common with this one."""
    return RelatedCrisisOut(
        id=row.uid,
        name=row.name,
        stage_title=framework(row.framework).stages[row.stage].title,
        warned_at=row.warned_at,
        is_linked=is_linked,
        why=why,
    )


def _describe(row: Neighbour, *, viewer: Party) -> NeighbourOut:
    """Return another mechanism's activation as the message of the API."""
    mechanism = mechanisms().get((row.framework, row.version))
    return NeighbourOut(
        id=row.uid,
        crisis=row.crisis.uid,
        framework=row.framework,
        version=row.version,
        type=row.type,
        title=mechanism.title if mechanism else row.framework,
        is_known=mechanism is not None and row.type in mechanism.types,
        reference=row.reference,
        status=NeighbourStatus(row.status),
        started_at=row.started_at,
        ended_at=row.ended_at,
        by=reads.by_out(row.by, ref=row.by_ref, role=row.by_role, viewer=viewer),
        at=row.at,
        own_by=own_party(row),
    )
