# SPDX-License-Identifier: Apache-2.0
"""Read outliers: rows of outcome reports that no sum includes until a person decides."""

from uuid import UUID

from django.db.models import F, Q, QuerySet

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.rules.parties import COORDINATING
from stemtide.hub.rooms.signals.models import Outlier
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.protocol.enums import Outcome
from stemtide.protocol.sync.agents import OutlierOut

_MOST = 200


def outliers(
    *, viewer: Party, signal: UUID | None = None, is_open: bool = False
) -> list[OutlierOut]:
    """Return outliers that a party may see, undecided ones first, latest first; at most 200.

    Coordinating parties see the outliers of all signals that they may see; others see their own
    reports, and reports on signals that they shared. is_open: only undecided ones.
    """
    rows = _visible(viewer)
    if signal is not None:
        rows = rows.filter(signal__uid=signal)
    if is_open:
        rows = rows.filter(is_counted=None)
    return [
        _describe(row)
        for row in rows.order_by(F("decided_at").asc(nulls_first=True), "-pk")[:_MOST]
    ]


def outlier(uid: UUID, *, viewer: Party) -> OutlierOut:
    """Return one outlier in its wire format. raises: NotFoundError."""
    return _describe(find(uid, viewer=viewer))


def find(uid: UUID, *, viewer: Party) -> Outlier:
    """Return the row of one outlier. raises: NotFoundError if the party may not see it."""
    row = _visible(viewer).filter(uid=uid).first()
    if row is None:
        raise NotFoundError("there is no such outlier that your party may see")
    return row


def _describe(row: Outlier) -> OutlierOut:
    """Return an outlier in its wire format."""
    return OutlierOut(
        id=row.uid,
        signal=row.signal.uid,
        party=row.party.name,
        agent=row.agent,
        outcome=Outcome(row.outcome),
        count=row.count,
        lookups=row.lookups,
        first_at=row.first_at,
        last_at=row.last_at,
        received_at=row.received_at,
        exercise=row.signal.exercise,
        is_counted=row.is_counted,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
    )


def _visible(viewer: Party) -> QuerySet[Outlier]:
    rows = Outlier.objects.filter(visible(viewer, "signal__")).select_related(
        "signal__shared_by", "signal__crisis", "party"
    )
    if viewer.kind in COORDINATING:
        return rows
    return rows.filter(Q(party=viewer) | Q(signal__shared_by=viewer))
