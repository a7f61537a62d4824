# SPDX-License-Identifier: Apache-2.0
"""Decide whether the uploads of an outlier count; the decision can be changed."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.platform.permissions import check_person_may_lead
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals import bulk_sql, outlier_rules
from stemtide.hub.rooms.signals.models import Outlier
from stemtide.hub.rooms.signals.reads import (
    outliers,
    sightings,
)
from stemtide.hub.rooms.signals.views import CountChange, VisibleSignal
from stemtide.protocol.enums import Outcome, PartyKind, Role
from stemtide.protocol.sync.agents import OutlierDecisionIn, OutlierOut


@transaction.atomic
def decide_outlier(
    uid: UUID,
    *,
    body: OutlierDecisionIn,
    by: Party,
    now: datetime,
    actor_ref: str | None = None,
    role: Role | None = None,
) -> OutlierOut:
    """Decide whether an outlier counts; this replaces an earlier decision.

    role: of the person who acts for the party; None for a machine.

    raises: NotFoundError; NotAllowedError for all but the agency and the sharer of the signal.
    """
    check_person_may_lead(role)
    ledger.lock_ledger()
    row = outliers.find(uid, viewer=by)
    outlier_rules.check_judge(
        kind=PartyKind(by.kind), name=by.name, shared_by=row.signal.shared_by.name
    )
    if row.is_counted is body.is_counted:
        return outliers.outlier(uid, viewer=by)
    if body.is_counted:
        _count(row, [(Outcome(row.outcome), row.count)])
    elif row.is_counted:
        _count(row, _subtractions(row))
    row.is_counted, row.decided_by, row.decided_at = body.is_counted, by.ref, now
    row.save(update_fields=["is_counted", "decided_by", "decided_at"])
    detail: dict[str, object] = {
        "outlier": str(row.uid),
        "counted": body.is_counted,
        "party": row.party.name,
        "agent": row.agent,
        "uploads": row.count,
    }
    if actor_ref:
        detail["through"] = actor_ref
    ledger.append(
        "outlier.decided",
        actor=by.ref,
        subject=row.signal.ref,
        now=now,
        detail=detail,
        exercise=row.signal.exercise,
        crisis=row.signal.crisis.uid if row.signal.crisis else None,
    )
    return outliers.outlier(uid, viewer=by)


def _subtractions(row: Outlier) -> list[tuple[Outcome, int]]:
    """Return the counts to subtract, from its own outcome first, as uploads may have moved."""
    counts = sightings.counts_at([row.signal.uid], viewer=row.party)
    rest, subtractions = row.count, []
    for outcome in sorted(Outcome, key=lambda candidate: candidate != row.outcome):
        number = max(0, min(rest, counts.get((row.signal.uid, outcome), 0)))
        rest -= number
        if number:
            subtractions.append((outcome, -number))
    return subtractions


def _count(row: Outlier, numbers: list[tuple[Outcome, int]]) -> None:
    """Add uploads to the sums, or subtract them, as if the row had been counted in its report."""
    signal = row.signal
    changes = [
        CountChange(signal.uid, outcome, row.language or None, number, row.first_at, row.last_at)
        for outcome, number in numbers
    ]
    crisis = signal.crisis.uid if signal.crisis else None
    signals = {signal.uid: VisibleSignal(signal.pk, signal.exercise, crisis, signal.shared_at)}
    bulk_sql.add_sightings(changes, signals=signals, by=row.party)
    curves = sightings.curve_facts(signals, viewer=signal.shared_by)
    bulk_sql.add_spans(changes, signals=signals, curves=curves, by=row.party, now=row.received_at)
