# SPDX-License-Identifier: Apache-2.0
"""Counts outcomes of content that matched, as providers report them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.ledger import writes as ledger
from stemtide.hub.parties.models import Party
from stemtide.hub.signals import reads, reads_sightings, rules, rules_counts
from stemtide.hub.signals.models import CountedReport, Outlier
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
    their signal is named (rules_counts); rows with more than was looked up are kept as outliers,
    which count once somebody says so (writes_outliers); the others count. The ledger gets an entry
    for each crisis whose signals were seen, so that its timeline has it.

    raises: NotAllowedError for everyone but providers.
    """
    rules.check_report(kind=PartyKind(by.kind))
    ledger.take_turn()
    if CountedReport.objects.filter(party=by, uid=body.report).exists():
        return OutcomeReportOut(report=body.report, counted=0, is_repeat=True, rejected=[])
    named = {uid for row in body.rows for uid in (row.signal, row.was_signal) if uid}
    seen = reads.seen_by_uid(named, viewer=by)
    refused = rules_counts.refused(body.rows, seen=seen, now=now)
    believed = [row for row in body.rows if row.signal not in refused]
    known, outliers = rules_counts.parted(believed, lookups=body.lookups)
    curves = reads_sightings.curve_facts(seen, viewer=by)
    groups = {
        crisis: (rows, *count_rows(rows, seen=seen, curves=curves, by=by, now=now))
        for crisis, rows in _by_crisis(known, seen=seen).items()
    }
    counted = sum(number for _, number, _ in groups.values())
    report = CountedReport.objects.create(
        uid=body.report, party=by, agent=body.agent, counted=counted, received_at=now
    )
    set_aside = _set_aside(outliers, seen=seen, report=report)
    once = {"rejected": len(refused)} | ({"set_aside": set_aside} if outliers else {})
    for crisis, (rows, _, sums) in groups.items():
        found = [seen[row.signal] for row in rows]
        detail = {**sums, "signals": len({one.pk for one in found}), **once}
        once = {"rejected": 0}  # told once, on the first entry of the report
        ledger.append(
            "outcomes.reported",
            actor=by.ref,
            subject=f"report:{report.uid}",
            now=now,
            detail=detail | ({"through": actor_ref} if actor_ref else {}),
            exercise=bool(found) and all(one.exercise for one in found),
            crisis=crisis,
        )
    return OutcomeReportOut(
        report=body.report,
        counted=counted,
        is_repeat=False,
        rejected=[RejectedOutcome(signal=uid, message=why) for uid, why in sorted(refused.items())],
        set_aside=set_aside,
    )


def _set_aside(
    outliers: Iterable[tuple[OutcomeRow, int]],
    *,
    seen: Mapping[UUID, Seen],
    report: CountedReport,
) -> int:
    """Keep rows until somebody decides; return how many uploads they are."""
    kept = [
        Outlier(
            signal_id=seen[row.signal].pk,
            party=report.party,
            agent=report.agent,
            outcome=row.outcome.value,
            language=row.language or "",
            count=row.count,
            lookups=lookups,
            first_at=row.first_at,
            last_at=row.last_at,
            received_at=report.received_at,
        )
        for row, lookups in outliers
    ]
    Outlier.objects.bulk_create(kept)
    return sum(one.count for one in kept)


def _by_crisis(
    rows: Iterable[OutcomeRow], *, seen: Mapping[UUID, Seen]
) -> dict[UUID | None, list[OutcomeRow]]:
    """Rows by the crisis of their signals; one group without any where there is no row."""
    groups: dict[UUID | None, list[OutcomeRow]] = {}
    for row in rows:
        groups.setdefault(seen[row.signal].crisis, []).append(row)
    return groups or {None: []}
