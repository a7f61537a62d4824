# SPDX-License-Identifier: Apache-2.0
"""Counts outcomes of content that matched, as providers report them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.ledger import writes as ledger
from stemtide.hub.parties.models import Party
from stemtide.hub.signals import reads, reads_sightings, rules, rules_counts
from stemtide.hub.signals.models import CountedReport
from stemtide.hub.signals.rows import Seen
from stemtide.hub.signals.writes_moves import count_rows
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
    """Count outcomes of content that matched: once for each report, however often it is sent.

    An upload counts once, at its present outcome: rows that say so move it (writes_moves).

    Rows on a signal that the party may not see, or with more uploads than can be, are left out and
    their signal is named (rules_counts); the others count. The ledger gets an entry for each crisis
    whose signals were seen, so that its timeline has it.

    raises: NotAllowedError for everyone but providers.
    """
    rules.check_report(kind=PartyKind(by.kind))
    ledger.take_turn()
    if CountedReport.objects.filter(party=by, uid=body.report).exists():
        return OutcomeReportOut(report=body.report, counted=0, is_repeat=True, rejected=[])
    named = {uid for row in body.rows for uid in (row.signal, row.was_signal) if uid}
    seen = reads.seen_by_uid(named, viewer=by)
    refused = rules_counts.refused(body.rows, seen=seen, now=now)
    known = [row for row in body.rows if row.signal not in refused]
    curves = reads_sightings.curve_facts(seen, viewer=by)
    groups = {
        crisis: (rows, *count_rows(rows, seen=seen, curves=curves, by=by, now=now))
        for crisis, rows in _by_crisis(known, seen=seen).items()
    }
    counted = sum(number for _, number, _ in groups.values())
    report = CountedReport.objects.create(
        uid=body.report, party=by, agent=body.agent, counted=counted, received_at=now
    )
    rejected_count = len(refused)
    for crisis, (rows, _, sums) in groups.items():
        found = [seen[row.signal] for row in rows]
        detail: dict[str, object] = {
            **sums,
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
    rejected = [RejectedOutcome(signal=uid, message=why) for uid, why in sorted(refused.items())]
    return OutcomeReportOut(report=body.report, counted=counted, is_repeat=False, rejected=rejected)


def _by_crisis(
    rows: Iterable[OutcomeRow], *, seen: Mapping[UUID, Seen]
) -> dict[UUID | None, list[OutcomeRow]]:
    """Rows by the crisis of their signals; one group without any where there is no row."""
    groups: dict[UUID | None, list[OutcomeRow]] = {}
    for row in rows:
        groups.setdefault(seen[row.signal].crisis, []).append(row)
    return groups or {None: []}
