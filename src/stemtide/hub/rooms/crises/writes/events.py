# SPDX-License-Identifier: Apache-2.0
"""Write events: link crises that are about one event, and record other mechanisms' activations."""

from datetime import datetime
from uuid import UUID, uuid4

from django.db import transaction

from stemtide.hub.rooms.crises.models import Crisis, EventLink, Neighbour
from stemtide.hub.rooms.crises.reads import (
    crises as reads,
    events,
    life,
)
from stemtide.hub.rooms.crises.rules import events as events_rules
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.messages.crises import (
    CrisisLife,
    LinkIn,
    NeighbourIn,
    NeighbourUpdateIn,
    ReasonIn,
)


@transaction.atomic
def link(uid: UUID, *, body: LinkIn, by: Actor, now: datetime) -> CrisisLife:
    """Link a crisis to the event of another; each keeps its own stages and record.

    All crises that share its event now join the event of the other.

    raises: NotFoundError for either, NotAllowedError, InvalidError, ConflictError.
    """
    ledger.lock_ledger()
    crisis = reads.find(uid, viewer=by.party)
    other = reads.find(body.crisis, viewer=by.party)
    events_rules.check_link(
        reads.facts(crisis),
        reads.facts(other),
        by=by,
        is_same=crisis.pk == other.pk,
        are_linked=crisis.event == other.event,
    )
    Crisis.objects.filter(event=crisis.event).update(event=other.event)
    crisis.event = other.event
    _note(crisis, other, reason=body.reason, by=by, now=now)
    _record("crisis.linked", crisis, by=by, now=now, detail={"with": str(other.uid)})
    return life.describe(crisis, viewer=by.party)


@transaction.atomic
def unlink(uid: UUID, *, body: ReasonIn, by: Actor, now: datetime) -> CrisisLife:
    """Separate a crisis from the event that it shares with others.

    raises: NotFoundError, NotAllowedError; ConflictError if it is linked with none.
    """
    ledger.lock_ledger()
    crisis = reads.find(uid, viewer=by.party)
    events_rules.check_unlink(
        reads.facts(crisis),
        by=by,
        has_others=events.is_linked(crisis),
    )
    crisis.event = uuid4()
    crisis.save(update_fields=["event"])
    _note(crisis, None, reason=body.reason, by=by, now=now)
    _record("crisis.unlinked", crisis, by=by, now=now, detail={})
    return life.describe(crisis, viewer=by.party)


@transaction.atomic
def mirror(uid: UUID, *, body: NeighbourIn, by: Actor, now: datetime) -> CrisisLife:
    """Note another mechanism's activation about the crisis' event; several at once are usual.

    A party that speaks for a mechanism notes its activations itself.

    raises: NotFoundError, NotAllowedError; InvalidError for a type that a known mechanism has not;
            ConflictError for one that is noted for the event already.
    """
    ledger.lock_ledger()
    crisis = reads.find(uid, viewer=by.party)
    events_rules.check_mirror(
        reads.facts(crisis), by=by, speaks_for=by.mechanism, framework=body.framework
    )
    events_rules.check_span(started_at=body.started_at, ended_at=body.ended_at, now=now)
    events_rules.check_mechanism(
        framework=body.framework,
        version=body.version,
        type_=body.type,
        before=events.running_activations(crisis, viewer=by.party),
    )
    row = Neighbour.objects.create(
        uid=uuid4(),
        crisis=crisis,
        framework=body.framework,
        version=body.version,
        type=body.type,
        reference=body.reference,
        status=body.status,
        started_at=body.started_at,
        ended_at=body.ended_at,
        own_by=by.party if by.mechanism == body.framework else None,
        by=by.party,
        by_ref=by.ref,
        by_role=by.role or "",
        at=now,
    )
    _record("neighbour.mirrored", crisis, by=by, now=now, detail=_named(row))
    return life.describe(crisis, viewer=by.party)


@transaction.atomic
def update_neighbour(
    uid: UUID, neighbour: UUID, *, body: NeighbourUpdateIn, by: Actor, now: datetime
) -> CrisisLife:
    """Record a change of another mechanism's activation.

    raises: NotFoundError, NotAllowedError, InvalidError for an end before its beginning.
    """
    ledger.lock_ledger()
    crisis = reads.find(uid, viewer=by.party)
    row = events.find_neighbour(crisis, neighbour)
    events_rules.check_update_neighbour(
        reads.facts(crisis),
        by=by,
        speaks_for=by.mechanism,
        framework=row.framework,
        own_by=events.own_party(row),
    )
    events_rules.check_span(started_at=row.started_at, ended_at=body.ended_at, now=now)
    row.status = body.status
    row.ended_at = body.ended_at
    row.own_by = by.party if by.mechanism == row.framework else None
    row.save(update_fields=["status", "ended_at", "own_by"])
    _record("neighbour.updated", crisis, by=by, now=now, detail=_named(row))
    return life.describe(crisis, viewer=by.party)


def _note(crisis: Crisis, other: Crisis | None, *, reason: str, by: Actor, now: datetime) -> None:
    """Keep why two crises were linked, or one was set apart."""
    EventLink.objects.create(
        crisis=crisis,
        other=other,
        reason=reason,
        by=by.party,
        by_ref=by.ref,
        by_role=by.role or "",
        at=now,
    )


def _named(row: Neighbour) -> dict[str, object]:
    """Return a mirrored activation as the ledger names it."""
    own: dict[str, object] = {"own": True} if row.own_by_id else {}
    return {"neighbour": str(row.uid), "status": str(row.status), **own}


def _record(
    kind: str, crisis: Crisis, *, by: Actor, now: datetime, detail: dict[str, object]
) -> None:
    """Append to the ledger: who did it, and through which hand."""
    ledger.append_by(
        kind, by=by, subject=crisis.ref, now=now, detail=detail, exercise=crisis.exercise
    )
