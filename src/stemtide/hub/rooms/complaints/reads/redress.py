# SPDX-License-Identifier: Apache-2.0
"""Read redress: the requests of complaints to those who asked for a measure."""

from uuid import UUID

from django.db.models import Case, IntegerField, QuerySet, Value, When

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.complaints.models import Complaint
from stemtide.hub.rooms.complaints.reads import grounds
from stemtide.hub.rooms.complaints.rules.redress import RedressFacts
from stemtide.hub.rooms.parties.models import Party
from stemtide.protocol.enums.complaints import (
    ComplaintBasis,
    ComplaintState,
    Exemption,
    RedressState,
    Restriction,
)
from stemtide.protocol.messages.complaints import RedressOut

AT_ONCE = 200
"""Rows in one list."""


def requests(*, viewer: Party) -> list[RedressOut]:
    """Return the requests to a party: unanswered first, oldest on top."""
    first = Case(
        When(redress=RedressState.ASKED, then=Value(0)),
        default=Value(1),
        output_field=IntegerField(),
    )
    rows = _of(viewer).annotate(first=first).order_by("first", "decided_at", "pk")
    return [describe(row) for row in rows[:AT_ONCE]]


def of_order(order: UUID, *, viewer: Party) -> list[RedressOut]:
    """Return the requests to a party about one of its removal orders, oldest first."""
    rows = _of(viewer).filter(order__uid=order).order_by("decided_at", "pk")[:AT_ONCE]
    return [describe(row) for row in rows]


def redress(uid: UUID, *, viewer: Party) -> RedressOut:
    """Return one request.

    raises: NotFoundError, also for a request to another party.
    """
    return describe(find(uid, viewer=viewer))


def find(uid: UUID, *, viewer: Party) -> Complaint:
    """Return the row of a request, for writes.

    raises: NotFoundError, also for a request to another party.
    """
    row = _of(viewer).filter(uid=uid).first()
    if row is None:
        raise NotFoundError("your party has no request for redress {uid}", uid=uid)
    return row


def facts(row: Complaint) -> RedressFacts:
    """Return the facts that the rules need of a request."""
    assert row.asked_of is not None  # noqa: S101  # redress is asked of somebody
    return RedressFacts(
        state=RedressState(row.redress), party=row.party.name, author=row.asked_of.name
    )


def describe(row: Complaint) -> RedressOut:
    """Return a request as the message of the API: the decision, nothing of the uploader."""
    ground = grounds.ground_id(row)
    assert ground is not None  # noqa: S101  # redress is asked about something
    assert row.decided_at is not None  # noqa: S101  # by the decision that asked
    return RedressOut(
        id=row.uid,
        basis=ComplaintBasis(row.basis),
        ground=ground,
        provider=row.party.name,
        is_upheld=row.state == ComplaintState.UPHELD,
        measure=Restriction(row.measure),
        exemption=Exemption(row.exemption),
        note=row.note,
        state=RedressState(row.redress),
        asked_at=row.decided_at,
        answer=row.answer,
        answered_at=row.answered_at,
        exercise=row.exercise,
    )


def _of(viewer: Party) -> QuerySet[Complaint]:
    """Return the complaints that ask a party for redress."""
    rows = Complaint.objects.select_related("party", "signal", "referral", "order", "asked_of")
    return rows.filter(asked_of=viewer).exclude(redress="")
