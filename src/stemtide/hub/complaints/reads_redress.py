# SPDX-License-Identifier: Apache-2.0
"""The only readers of redress: what upheld complaints ask of those who shared a signal."""

from uuid import UUID

from django.db.models import Case, IntegerField, QuerySet, Value, When

from stemtide.hub.complaints.models import Complaint
from stemtide.hub.complaints.rules_redress import RedressFacts
from stemtide.hub.parties.models import Party
from stemtide.hub.parties.rules import NotFoundError
from stemtide.protocol.complaints import Exemption, Measure, RedressOut, RedressState

AT_ONCE = 200
"""Rows in one list."""


def asked(*, viewer: Party) -> list[RedressOut]:
    """What is asked of a party about its signals: what it has not answered first, oldest first."""
    first = Case(
        When(redress=RedressState.ASKED, then=Value(0)),
        default=Value(1),
        output_field=IntegerField(),
    )
    rows = _of(viewer).annotate(first=first).order_by("first", "decided_at", "pk")
    return [describe(row, viewer=viewer) for row in rows[:AT_ONCE]]


def redress(uid: UUID, *, viewer: Party) -> RedressOut:
    """One of them.

    raises: NotFoundError, also for what is asked of somebody else.
    """
    return describe(find(uid, viewer=viewer), viewer=viewer)


def find(uid: UUID, *, viewer: Party) -> Complaint:
    """The row behind it, for writes.

    raises: NotFoundError, also for what is asked of somebody else.
    """
    row = _of(viewer).filter(uid=uid).first()
    if row is None:
        raise NotFoundError("there is no redress {uid} asked of your party", uid=uid)
    return row


def facts(row: Complaint, *, viewer: Party) -> RedressFacts:  # noqa: ARG001  # find() said for whom
    """What the rules must know of it."""
    assert row.signal is not None  # noqa: S101  # redress is asked about a signal
    return RedressFacts(
        state=RedressState(row.redress), party=row.party.name, sharer=row.signal.shared_by.name
    )


def describe(row: Complaint, *, viewer: Party) -> RedressOut:  # noqa: ARG001  # find() said for whom
    """What the sharer reads: who upheld what and why, nothing of the uploader or their words."""
    assert row.signal is not None  # noqa: S101  # redress is asked about a signal
    assert row.decided_at is not None  # noqa: S101  # by the decision that asked
    return RedressOut(
        id=row.uid,
        signal=row.signal.uid,
        provider=row.party.name,
        measure=Measure(row.measure),
        exemption=Exemption(row.exemption),
        note=row.note,
        state=RedressState(row.redress),
        asked_at=row.decided_at,
        answer=row.answer,
        answered_at=row.answered_at,
        exercise=row.exercise,
    )


def _of(viewer: Party) -> QuerySet[Complaint]:
    """Complaints whose redress is asked of a party."""
    rows = Complaint.objects.select_related("party", "signal__shared_by")
    return rows.filter(signal__shared_by=viewer).exclude(redress="")
