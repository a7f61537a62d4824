# SPDX-License-Identifier: Apache-2.0
"""Count outcomes of matching content, as providers report them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Agent, Party
from stemtide.hub.rooms.signals import outlier_rules
from stemtide.hub.rooms.signals.models import (
    CountedReport,
    EarlierUploadSum,
    Outlier,
    SignalSpan,
)
from stemtide.hub.rooms.signals.reads import sightings, signals as reads
from stemtide.hub.rooms.signals.rules import signals as rules
from stemtide.hub.rooms.signals.views import VisibleSignal
from stemtide.hub.rooms.signals.writes.moves import count_rows
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.sync.agents import (
    OutcomeReportIn,
    OutcomeReportOut,
    OutcomeRow,
    RejectedOutcome,
)


@transaction.atomic
def report_outcomes(
    body: OutcomeReportIn, *, by: Party, now: datetime, actor_ref: str | None = None
) -> OutcomeReportOut:
    """Count the outcomes in a report: once for each report, however often it is sent.

    An upload counts once, at its present outcome: rows that say so move it (writes/moves.py).

    Rows on a signal that the party may not see, or with impossibly many uploads (outlier_rules.py),
    are left out, and their signal is named in the reply. Rows with more uploads than look-ups are
    kept as outliers, which count once a person decides so (writes/outliers.py). All other rows
    count. The ledger gets an entry for each crisis whose signals were seen, for its timeline;
    exercises get one of their own.

    raises: NotAllowedError for everyone but providers.
    """
    rules.check_report(kind=PartyKind(by.kind))
    ledger.lock_ledger()
    if CountedReport.objects.filter(party=by, uid=body.report).exists():
        return OutcomeReportOut(report=body.report, counted=0, is_repeat=True, rejected=[])
    signals = reads.visible_by_uid(_named_signals(body), viewer=by)
    refused = outlier_rules.refusal_reasons(body.rows, signals=signals, now=now)
    believed = [row for row in body.rows if row.signal not in refused]
    plausible, outliers = outlier_rules.split_outliers(believed, lookups=body.lookups)
    curves = sightings.curve_facts(signals, viewer=by)
    groups = {
        group: (rows, *count_rows(rows, signals=signals, curves=curves, by=by, now=now))
        for group, rows in _by_crisis(plausible, signals=signals).items()
    }
    counted = sum(number for _, number, _ in groups.values())
    report = CountedReport.objects.create(
        uid=body.report, party=by, agent=body.agent, counted=counted, received_at=now
    )
    set_aside = _set_aside(outliers, signals=signals, report=report)
    _store_earlier(body, signals=signals, by=by, now=now)
    report_detail = {"rejected": len(refused)} | ({"set_aside": set_aside} if outliers else {})
    for (crisis, is_exercise), (rows, _, sums) in groups.items():
        reported = [signals[row.signal] for row in rows]
        detail = {**sums, "signals": len({signal.pk for signal in reported}), **report_detail}
        report_detail = {"rejected": 0}  # only on the first entry of the report
        ledger.append(
            "outcomes.reported",
            actor=by.ref,
            subject=f"report:{report.uid}",
            now=now,
            detail=detail | ({"through": actor_ref} if actor_ref else {}),
            exercise=is_exercise,
            crisis=crisis,
        )
    return OutcomeReportOut(
        report=body.report,
        counted=counted,
        is_repeat=False,
        rejected=[RejectedOutcome(signal=uid, message=why) for uid, why in sorted(refused.items())],
        set_aside=set_aside,
    )


@needs_no_lock("it deletes rows, and appends nothing")
@needs_no_entry("it deletes old spans; the sums of sightings stay")
@transaction.atomic
def forget_spans(now: datetime) -> int:
    """Delete the spans of signals past their retention; return how many."""
    old = SignalSpan.objects.filter(ends_at__lt=now - rules.KEEP_SPANS)
    return old.delete()[0] if old.exists() else 0


def _named_signals(body: OutcomeReportIn) -> set[UUID]:
    """Return the signals that a report names."""
    counted = {uid for row in body.rows for uid in (row.signal, row.was_signal) if uid}
    return counted | {row.signal for row in body.earlier}


def _store_earlier(
    body: OutcomeReportIn, *, signals: Mapping[UUID, VisibleSignal], by: Party, now: datetime
) -> None:
    """Store how many earlier uploads match signals that the party may see, in place of before.

    Only agents that the party has: invented names would fill the table.
    """
    if not body.earlier or not Agent.objects.filter(party=by, name=body.agent).exists():
        return
    EarlierUploadSum.objects.bulk_create(
        [
            EarlierUploadSum(
                signal_id=signals[row.signal].pk,
                party=by,
                agent=body.agent,
                count=row.count,
                first_hour=row.first_hour,
            )
            for row in body.earlier
            if row.signal in signals and now - rules.KEEP_SPANS <= row.first_hour <= now
        ],
        update_conflicts=True,
        unique_fields=["signal", "party", "agent"],
        update_fields=["count", "first_hour"],
    )


def _set_aside(
    outliers: Iterable[tuple[OutcomeRow, int]],
    *,
    signals: Mapping[UUID, VisibleSignal],
    report: CountedReport,
) -> int:
    """Store outliers until somebody decides; return how many uploads they count."""
    set_aside = [
        Outlier(
            signal_id=signals[row.signal].pk,
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
    Outlier.objects.bulk_create(set_aside)
    return sum(outlier.count for outlier in set_aside)


def _by_crisis(
    rows: Iterable[OutcomeRow], *, signals: Mapping[UUID, VisibleSignal]
) -> dict[tuple[UUID | None, bool], list[OutcomeRow]]:
    """Group rows by the crisis of their signals, and exercises apart from the rest.

    Without rows there is one group of no crisis.
    """
    groups: dict[tuple[UUID | None, bool], list[OutcomeRow]] = {}
    for row in rows:
        signal = signals[row.signal]
        groups.setdefault((signal.crisis, signal.exercise), []).append(row)
    return groups or {(None, False): []}
