# SPDX-License-Identifier: Apache-2.0
"""Read requests of data subjects: a party reads its own alone."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.rights import rules
from stemtide.hub.rooms.rights.models import RightsRequest
from stemtide.protocol.enums.rights import (
    DataLaw,
    DataRight,
    ExtensionReason,
    RightsOutcome,
    RightsState,
)
from stemtide.protocol.law.rights import rights
from stemtide.protocol.law.rights.messages import RightsRequestOut, RightsRequestPage

PAGE = 50
"""Requests of a page."""


def requests(
    *,
    viewer: Party,
    now: datetime,
    is_open: bool | None = None,
    after: UUID | None = None,
    limit: int = PAGE,
) -> RightsRequestPage:
    """Return the requests of a party, by due time. is_open: only those that wait, or do not.

    after: only those after this one.
    """
    own = _own(viewer)
    waiting = own.filter(state__in=rules.OPEN_STATES)
    rows = own if is_open is None else waiting
    if is_open is False:
        rows = own.exclude(state__in=rules.OPEN_STATES)
    last = own.filter(uid=after).first() if after is not None else None
    if last is not None:
        rows = rows.filter(Q(due_at__gt=last.due_at) | Q(due_at=last.due_at, pk__gt=last.pk))
    chunk = list(rows.order_by("due_at", "pk")[: limit + 1])
    page = [describe(row, now=now) for row in chunk[:limit]]
    return RightsRequestPage(
        requests=page,
        next=page[-1].id if len(chunk) > limit else None,
        open=waiting.count(),
        overdue=waiting.filter(due_at__lte=now).count(),
    )


def request(uid: UUID, *, viewer: Party, now: datetime) -> RightsRequestOut:
    """Return one request. raises: NotFoundError."""
    return describe(find(uid, viewer=viewer), now=now)


def find(uid: UUID, *, viewer: Party) -> RightsRequest:
    """Return the row of a request, for writes. raises: NotFoundError."""
    row = _own(viewer).filter(uid=uid).first()
    if row is None:
        raise NotFoundError("there is no request {uid} to your party: see the list", uid=uid)
    return row


def describe(row: RightsRequest, *, now: datetime) -> RightsRequestOut:
    """Return a request as its party reads it."""
    law, state = DataLaw(row.law), RightsState(row.state)
    return RightsRequestOut(
        id=row.uid,
        reference=row.reference,
        right=DataRight(row.right),
        law=law,
        article=rights().laws[law].rights.get(DataRight(row.right), ""),
        state=state,
        received_on=row.received_on,
        due_at=row.due_at,
        is_overdue=state in rules.OPEN_STATES and row.due_at <= now,
        may_extend=rules.may_extend(state, law=law),
        extension=ExtensionReason(row.extension) if row.extension else None,
        informed_on=row.informed_on,
        outcome=RightsOutcome(row.outcome) if row.outcome else None,
        answered_on=row.answered_on,
        exercise=row.exercise,
        erase_due=row.erase_due,
        erased_at=row.erased_at,
    )


def _own(viewer: Party) -> QuerySet[RightsRequest]:
    """Return the requests to a party."""
    return RightsRequest.objects.filter(party=viewer)
