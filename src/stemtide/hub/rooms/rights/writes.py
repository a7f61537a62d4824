# SPDX-License-Identifier: Apache-2.0
"""Write requests of data subjects: note, extend, answer, erase. The ledger has no reference."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.platform.permissions import check_may_see_rights_requests
from stemtide.hub.platform.retention.columns import basis_columns
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.rights import reads, rules
from stemtide.hub.rooms.rights.models import RightsRequest
from stemtide.hub.rooms.signals.rules.signals import uuid_at
from stemtide.protocol.enums.rights import DataLaw
from stemtide.protocol.law.deadlines import months_after
from stemtide.protocol.law.retention import RowClass, retention
from stemtide.protocol.law.rights import answer_due
from stemtide.protocol.law.rights.messages import (
    RightsAnswerIn,
    RightsExtensionIn,
    RightsRequestIn,
    RightsRequestOut,
)

AT_ONCE = 100
"""Requests that one transaction notes as overdue or erases, so that others get their turn."""


@transaction.atomic
def note(body: RightsRequestIn, *, by: Actor, now: datetime) -> RightsRequestOut:
    """Note a request that reached a party.

    raises: NotAllowedError, ConflictError, InvalidError naming the field.
    """
    check_may_see_rights_requests(by.role)
    law = rules.law_of(by.kind, named=body.law)
    rules.check_right(body.right, law=law)
    rules.check_day("received_on", body.received_on, now=now)
    ledger.lock_ledger()
    named = {"party": by.party, "reference": body.reference, "right": body.right}
    rules.check_reference(is_there=RightsRequest.objects.filter(**named).exists())
    row = RightsRequest.objects.create(
        uid=uuid_at(now),
        party=by.party,
        reference=body.reference,
        right=body.right,
        law=law,
        received_on=body.received_on,
        noted_at=now,
        due_at=answer_due(law, received_on=body.received_on),
        exercise=body.exercise,
        **basis_columns(RowClass.RIGHTS, kind=by.party.kind),
    )
    detail: dict[str, object] = {
        "right": row.right,
        "law": row.law,
        "received_on": row.received_on.isoformat(),
    }
    return _record("rights_request.noted", row, by=by, now=now, detail=detail)


@transaction.atomic
def extend(uid: UUID, *, body: RightsExtensionIn, by: Actor, now: datetime) -> RightsRequestOut:
    """Take more time for a request, once the person was told why.

    raises: NotAllowedError, NotFoundError, ConflictError, InvalidError naming the field.
    """
    row = _find(uid, by=by)
    state, law = rules.state_after(row.state, "extend"), DataLaw(row.law)
    rules.check_day("informed_on", body.informed_on, earliest=row.received_on, now=now)
    rules.check_extend(law=law, due_at=row.due_at, informed_on=body.informed_on)
    row.state, row.extension, row.informed_on = state, body.reason, body.informed_on
    row.due_at = rules.extended_due(law=law, received_on=row.received_on)
    row.overdue_at = None
    row.save()
    detail: dict[str, object] = {"reason": row.extension, "due_at": row.due_at.isoformat()}
    return _record("rights_request.extended", row, by=by, now=now, detail=detail)


@transaction.atomic
def answer(uid: UUID, *, body: RightsAnswerIn, by: Actor, now: datetime) -> RightsRequestOut:
    """Note how a request was answered, and when.

    raises: NotAllowedError, NotFoundError, ConflictError, InvalidError naming the field.
    """
    row = _find(uid, by=by)
    row.state = rules.state_after(row.state, "answer")
    rules.check_day("answered_on", body.answered_on, earliest=row.received_on, now=now)
    row.outcome, row.answered_on, row.erase_due = body.outcome, body.answered_on, _erase_due(now)
    row.save()
    detail: dict[str, object] = {
        "outcome": row.outcome,
        "answered_on": body.answered_on.isoformat(),
    }
    return _record("rights_request.answered", row, by=by, now=now, detail=detail)


@transaction.atomic
def withdraw(uid: UUID, *, by: Actor, now: datetime) -> RightsRequestOut:
    """Note that the person withdrew a request.

    raises: NotAllowedError, NotFoundError, ConflictError.
    """
    row = _find(uid, by=by)
    row.state, row.erase_due = rules.state_after(row.state, "withdraw"), _erase_due(now)
    row.save()
    return _record("rights_request.withdrawn", row, by=by, now=now, detail={})


def note_overdue(now: datetime) -> int:
    """Note requests whose term is over, once each; return how many."""
    count = 0
    while done := _note_some(now):
        count += done
    return count


def erase_due_references(now: datetime, *, except_for: Collection[UUID] = ()) -> int:
    """Erase the references of requests whose date has come; return how many.

    except_for: those on a legal hold.
    """
    count = 0
    while done := _erase_some(now, except_for=except_for):
        count += done
    return count


@transaction.atomic
def erase_again(uid: UUID, *, actor: str, now: datetime) -> bool:
    """Erase a reference that a restored backup has again; return whether it did."""
    ledger.lock_ledger()
    row = RightsRequest.objects.filter(uid=uid, erased_at__isnull=True).first()
    if row is not None:
        _erase(row, actor=actor, now=now)
    return row is not None


@transaction.atomic
def _note_some(now: datetime) -> int:
    """Note one batch."""
    late = RightsRequest.objects.filter(
        state__in=rules.OPEN_STATES, overdue_at=None, due_at__lte=now
    )
    if not late.exists():
        return 0
    ledger.lock_ledger()
    # Another scheduler may have run before ours: what it recorded is not recorded twice.
    rows = list(late.select_related("party").order_by("due_at")[:AT_ONCE])
    for row in rows:
        row.overdue_at = now
        row.save(update_fields=["overdue_at"])
        _record_by_clock("rights_request.missed", row, actor=CLOCK, now=now)
    return len(rows)


@transaction.atomic
def _erase_some(now: datetime, *, except_for: Collection[UUID]) -> int:
    """Erase one batch."""
    due = RightsRequest.objects.filter(erased_at__isnull=True, erase_due__lte=now)
    due = due.exclude(uid__in=except_for)
    if not due.exists():
        return 0
    ledger.lock_ledger()
    # Another scheduler may have run before ours: what it erased is no longer due.
    rows = list(due.select_related("party").order_by("erase_due")[:AT_ONCE])
    for row in rows:
        _erase(row, actor=CLOCK, now=now)
    return len(rows)


def _erase(row: RightsRequest, *, actor: str, now: datetime) -> None:
    """Erase the reference of one request; right, dates and outcome stay for the counts."""
    row.reference, row.erased_at = "", now
    row.save(update_fields=["reference", "erased_at"])
    _record_by_clock("rights_request.erased", row, actor=actor, now=now)


def _find(uid: UUID, *, by: Actor) -> RightsRequest:
    """Return the row of a request under the lock. raises: NotAllowedError, NotFoundError."""
    check_may_see_rights_requests(by.role)
    ledger.lock_ledger()
    return reads.find(uid, viewer=by.party)


def _erase_due(now: datetime) -> datetime:
    """Return when the reference of a request that ends now is erased."""
    return months_after(now, retention().classes[RowClass.RIGHTS].months)


def _record(
    kind: str, row: RightsRequest, *, by: Actor, now: datetime, detail: dict[str, object]
) -> RightsRequestOut:
    """Append an act to the ledger; return the request."""
    ledger.append_by(kind, by=by, subject=row.ref, now=now, detail=detail, exercise=row.exercise)
    return reads.describe(row, now=now)


def _record_by_clock(kind: str, row: RightsRequest, *, actor: str, now: datetime) -> None:
    """Append what the scheduler or an operator did. The detail names the party it concerns."""
    detail: dict[str, object] = {"party": row.party.ref, "right": row.right}
    ledger.append(kind, actor=actor, subject=row.ref, now=now, detail=detail, exercise=row.exercise)
