# SPDX-License-Identifier: Apache-2.0
"""Readers of what is to be pushed: what the rules ask of a signal, and parcels."""

from datetime import datetime
from uuid import UUID

from django.db.models import F, Q

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.exchanges.models import Outgoing
from stemtide.hub.exchanges.reads import Errand
from stemtide.hub.exchanges.rules_pushing import Leaving
from stemtide.hub.exchanges.sources.port import Parcel
from stemtide.hub.parties.models import Party
from stemtide.hub.signals import reads_collection
from stemtide.hub.signals.models import Signal
from stemtide.hub.signals.reads import visible
from stemtide.protocol.exchanges import OutgoingState
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.words import SignalState


def facts(row: Signal, *, by: str) -> Leaving:  # noqa: ARG001  # the clock's
    """What the rules of leaving must know of a signal."""
    return Leaving(
        kind=Kind(row.kind),
        tlp=Tlp(row.tlp),
        pap=Pap(row.pap),
        url=row.url,
        reach=row.reach,
        is_disputed=row.is_disputed,
        exercise=row.exercise,
        crisis=UUID(str(row.crisis.uid)) if row.crisis else None,
        via=tuple(row.via.split()),
    )


def parcels(errand: Errand, *, viewer: Party, now: datetime, limit: int) -> list[Parcel]:
    """What is due to be sent, withdrawals first: they must not wait behind what is new.

    What was refused stands last: however much of it there is, the rest is told before it.

    A withdrawal is told whoever may see the signal now; what is new only while viewer may see it.
    """
    is_new = Q(visible(viewer, "signal__"), state=OutgoingState.WAITING)
    is_new &= Q(signal__state=SignalState.LIVE)
    due = Outgoing.objects.filter(exchange=errand.pk, next_at__lte=now)
    due = due.filter(Q(state=OutgoingState.TAKING_BACK) | is_new)
    last = F("refused_since").asc(nulls_first=True)
    found = list(due.select_related("signal").order_by("state", last, "pk")[:limit])
    chosen = Signal.objects.filter(pk__in=[one.signal_id for one in found])
    rows, _ = reads_collection.page(chosen, viewer=viewer, limit=limit)
    by_pk = {row["pk"]: row for row in rows}
    return [
        Parcel(
            pk=one.pk,
            row=by_pk[one.signal_id],
            remote=one.remote,
            is_back=one.state == OutgoingState.TAKING_BACK,
            withdrawn_at=_ended_at(one.signal, now=now),
            refused_since=one.refused_since,
        )
        for one in found
        if one.signal_id in by_pk
    ]


def _ended_at(row: Signal, *, now: datetime) -> datetime | None:
    """When a signal ended; of one that goes on here, and is only taken back there: now."""
    return now if row.state == SignalState.LIVE else row.withdrawn_at or row.expires_at
