# SPDX-License-Identifier: Apache-2.0
"""Counts what became of content that matched, as providers report it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.ledger import writes as ledger
from stemtide.hub.parties.models import Party
from stemtide.hub.signals import reads, reads_sightings, rules, statements
from stemtide.hub.signals.models import CountedReport
from stemtide.hub.signals.rows import Seen
from stemtide.protocol.agents import (
    OutcomeReportIn,
    OutcomeReportOut,
    OutcomeRow,
    RejectedOutcome,
)
from stemtide.protocol.words import PartyKind


@transaction.atomic
def report_outcomes(
    body: OutcomeReportIn, *, by: Party, now: datetime, actor_ref: str | None = None
) -> OutcomeReportOut:
    """Count what became of content that matched: once for each report, however often it is sent.

    A row on a signal that the party may not see is named and left out; the others count. The
    ledger gets an entry for each crisis whose signals were seen, so that its timeline has it.

    raises: NotAllowedError for everyone but providers.
    """
    rules.check_report(kind=PartyKind(by.kind))
    ledger.take_turn()
    if CountedReport.objects.filter(party=by, uid=body.report).exists():
        return OutcomeReportOut(report=body.report, counted=0, is_repeat=True, rejected=[])
    seen = reads.seen_by_uid({row.signal for row in body.rows}, viewer=by)
    known = [row for row in body.rows if row.signal in seen]
    unknown = {row.signal for row in body.rows} - seen.keys()
    statements.add_sightings(known, seen=seen, by=by)
    curves = reads_sightings.curve_facts(seen, viewer=by)
    statements.add_spans(known, curves=curves, by=by, now=now)
    counted = sum(row.count for row in known)
    report = CountedReport.objects.create(
        uid=body.report, party=by, agent=body.agent, counted=counted, received_at=now
    )
    rejected_count = len(unknown)
    for crisis, rows in _by_crisis(known, seen=seen).items():
        found = [seen[row.signal] for row in rows]
        detail: dict[str, object] = {
            **_sums(rows),
            "signals": len({one.pk for one in found}),
            "rejected": rejected_count,
        }
        rejected_count = 0  # told once, on the first entry of the report
        if actor_ref:
            detail["through"] = actor_ref
        ledger.append(
            "outcomes.reported",
            actor=by.ref,
            subject=f"report:{report.uid}",
            now=now,
            detail=detail,
            exercise=bool(found) and all(one.exercise for one in found),
            crisis=crisis,
        )
    message = "there is no such signal that your party may see: drop it"
    rejected = [RejectedOutcome(signal=uid, message=message) for uid in sorted(unknown)]
    return OutcomeReportOut(report=body.report, counted=counted, is_repeat=False, rejected=rejected)


def _by_crisis(
    rows: Iterable[OutcomeRow], *, seen: Mapping[UUID, Seen]
) -> dict[UUID | None, list[OutcomeRow]]:
    """Rows by the crisis of their signals; one group without any where there is no row."""
    groups: dict[UUID | None, list[OutcomeRow]] = {}
    for row in rows:
        groups.setdefault(seen[row.signal].crisis, []).append(row)
    return groups or {None: []}


def _sums(rows: Iterable[OutcomeRow]) -> dict[str, int]:
    """Counts by outcome."""
    sums: Counter[str] = Counter()
    for row in rows:
        sums[row.outcome.value] += row.count
    return dict(sums)
