# SPDX-License-Identifier: Apache-2.0
"""Write which activations neighbours are to hear, and how far they heard of them."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest

from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.platform.jobs import claim
from stemtide.hub.rooms.crises.known_neighbours import (
    KnownNeighbour,
    NeighboursFileError,
    known_neighbours,
)
from stemtide.hub.rooms.crises.models import Crisis, Telling
from stemtide.hub.rooms.crises.reads.arrivals import activation_of
from stemtide.protocol.activations import ActivationReport

LEASE = timedelta(minutes=1)
DELAYS = (5, 60, 300, 1800, 7200, 36_000)
"""Seconds until the next attempt; after the last one, again and again."""

_LEFT_OUT = timedelta(days=30)
"""A crisis that closed so long ago is not told any more."""


@dataclass(frozen=True, slots=True)
class DueTelling:
    """A claimed message. digest: of the activation that it tells."""

    pk: int
    attempts: int
    url: str
    message: UUID
    digest: str
    activation: ActivationReport


@needs_no_lock("rows of its own; the row count of an UPDATE decides which scheduler tells")
@needs_no_entry("the crisis has its entries; how far a neighbour heard of it is a delivery")
def claim_due(now: datetime, *, limit: int) -> list[DueTelling]:
    """Find activations that neighbours have not heard, and claim those that are due.

    A file that cannot be read tells nothing; `stemtide hub doctor` reports it.
    """
    try:
        neighbours = [row for row in known_neighbours().values() if row.tell]
    except NeighboursFileError:
        return []
    due: list[DueTelling] = []
    for neighbour in neighbours:
        _note_changes(neighbour, now=now)
        due += _claim(neighbour, now=now, limit=limit - len(due))
    return due


@needs_no_lock("a row of its own, by the attempt that claimed it")
@needs_no_entry("the crisis has its entries; how far a neighbour heard of it is a delivery")
def note(job: DueTelling, *, error: str, now: datetime) -> None:
    """Record the result of an attempt. error: why it failed; "" if the neighbour took it."""
    rows = Telling.objects.filter(pk=job.pk, attempts=job.attempts)
    if error:
        delay = DELAYS[min(job.attempts, len(DELAYS)) - 1]
        rows.update(error=error[:300], next_at=now + timedelta(seconds=delay))
    else:
        rows.update(heard=job.digest, heard_at=now, error="")


def _note_changes(neighbour: KnownNeighbour, *, now: datetime) -> None:
    """Make activations due that differ from what a neighbour heard last."""
    crises = Crisis.objects.filter(activated_at__isnull=False, exercise=False)
    rows = {row.crisis_id: row for row in Telling.objects.filter(neighbour=neighbour.name)}
    for crisis in crises.exclude(closed_at__lt=now - _LEFT_OUT):
        activation = activation_of(crisis, sequence=1)
        row = rows.get(crisis.pk)
        if activation is None:
            continue
        digest = hashlib.sha256(activation.model_dump_json().encode()).hexdigest()
        if row is not None and row.due == digest:
            continue
        change = {"due": digest, "message": uuid4(), "attempts": 0, "next_at": now}
        with transaction.atomic():
            Telling.objects.get_or_create(
                neighbour=neighbour.name, crisis=crisis, defaults=change | {"due": ""}
            )
            own = Telling.objects.filter(neighbour=neighbour.name, crisis=crisis)
            own.exclude(due=digest).update(sequence=_next_sequence(now), **change)


def _next_sequence(now: datetime) -> Greatest:
    """Return a sequence above all that were sent, also by a hub that was restored since."""
    return Greatest(F("sequence") + 1, Value(int(now.timestamp() * 1_000_000)))


def _claim(neighbour: KnownNeighbour, *, now: datetime, limit: int) -> list[DueTelling]:
    """Claim the due messages of one neighbour."""
    rows = Telling.objects.select_related("crisis").filter(
        neighbour=neighbour.name, next_at__lte=now
    )
    claimed = []
    for row in rows.exclude(heard=F("due")).order_by("next_at", "pk")[: max(limit, 0)]:
        activation = activation_of(row.crisis, sequence=row.sequence)
        if activation is not None and claim(row, until=now + LEASE):
            claimed.append(
                DueTelling(row.pk, row.attempts, neighbour.tell, row.message, row.due, activation)
            )
    return claimed
