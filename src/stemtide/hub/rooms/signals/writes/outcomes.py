# SPDX-License-Identifier: Apache-2.0
"""Count outcomes of matching content, as providers report them: sums count uploads, not events.

1 A row without "was" adds uploads.
2 A row with "was" subtracts as many where they counted before, at most as many as count there.
3 An older agent reports "reversed" without "was". Those uploads are subtracted from blocked, then
  from held, then from logged; the remainder was reversed before.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet

from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Agent, Party
from stemtide.hub.rooms.signals import bulk_sql, outlier_rules
from stemtide.hub.rooms.signals.models import (
    CountedReport,
    EarlierUploadSum,
    Outlier,
    SightingSpan,
    SignalSpan,
)
from stemtide.hub.rooms.signals.reads import sightings, signals as reads
from stemtide.hub.rooms.signals.rules import signals as rules
from stemtide.hub.rooms.signals.views import CountChange, CurveFacts, VisibleSignal
from stemtide.protocol.enums import Outcome, PartyKind
from stemtide.protocol.sync.agents import (
    OutcomeReportIn,
    OutcomeReportOut,
    OutcomeRow,
    RejectedOutcome,
)

_STATES = (Outcome.BLOCKED, Outcome.HELD, Outcome.LOGGED)
_Cell = tuple[UUID, Outcome]


@transaction.atomic
def report_outcomes(
    body: OutcomeReportIn, *, by: Party, now: datetime, actor_ref: str | None = None
) -> OutcomeReportOut:
    """Count the outcomes in a report: once for each report, however often it is sent.

    An upload counts once, at its present outcome: rows that say so move it (_count_rows).

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
        group: (rows, *_count_rows(rows, signals=signals, curves=curves, by=by, now=now))
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


class _OutcomeCounts:
    """The counts of a party's uploads while a report is processed, and the changes to them."""

    def __init__(self, counts: Mapping[_Cell, int]) -> None:
        self._counts = defaultdict(int, counts)
        self.changes: list[CountChange] = []
        self.untimed: list[tuple[CountChange, CountChange]] = []
        self.sums: dict[str, int] = defaultdict(int)
        self.counted = 0

    def add(self, change: CountChange) -> None:
        """Add uploads."""
        self._apply(change)
        self.changes.append(change)
        self.sums[change.outcome.value] += change.count
        self.counted += change.count

    def move(self, to: CountChange, *, signal: UUID, was: Outcome, is_timed: bool = True) -> int:
        """Move uploads from a signal and outcome, as many as count there; return the number."""
        number = max(0, min(to.count, self._counts[signal, was]))
        if not number or (signal, was) == (to.signal, to.outcome):
            return 0
        away = replace(to, signal=signal, outcome=was, count=-number)
        to = replace(to, count=number)
        for change in (away, to):
            self._apply(change)
        if is_timed:
            self.changes += (away, to)
        else:
            self.untimed.append((away, to))
        self.sums[f"{was}_to_{to.outcome}"] += number
        self.counted += number
        return number

    def _apply(self, change: CountChange) -> None:
        self._counts[change.signal, change.outcome] += change.count


def _count_rows(
    rows: Iterable[OutcomeRow],
    *,
    signals: Mapping[UUID, VisibleSignal],
    curves: Mapping[UUID, CurveFacts],
    by: Party,
    now: datetime,
) -> tuple[int, dict[str, int]]:
    """Count the rows of a report; return how many uploads changed, and the sums of the changes."""
    rows = list(rows)
    moved = {row.was_signal or row.signal for row in rows if _is_move(row)}
    counts = _OutcomeCounts(sightings.counts_at(moved & signals.keys(), viewer=by))
    for row in rows:
        if not _is_move(row):
            counts.add(_change(row))
    for row in filter(_is_move, rows):
        if row.was is not None:
            counts.move(_change(row), signal=row.was_signal or row.signal, was=row.was)
            continue
        rest = row.count
        for was in _STATES:
            part = replace(_change(row), count=rest)
            rest -= counts.move(part, signal=row.signal, was=was, is_timed=False) if rest else 0
    changes = counts.changes + [change for pair in counts.untimed for change in pair]
    bulk_sql.add_sightings(changes, signals=signals, by=by)
    bulk_sql.add_spans(counts.changes, signals=signals, curves=curves, by=by, now=now)
    for away, to in counts.untimed:
        spans = SignalSpan.objects.filter(signal=signals[away.signal].pk, party=by)
        _move_spans(spans, away, to)
        if curve := curves.get(away.signal):
            handling = bulk_sql.handling_of(curve)
            of_crisis = SightingSpan.objects.filter(crisis=curve.crisis, handling=handling)
            _move_spans(of_crisis.filter(party=by), away, to)
    return counts.counted, dict(counts.sums)


def _is_move(row: OutcomeRow) -> bool:
    """Whether a row is about uploads that count already."""
    return row.was is not None or row.outcome is Outcome.REVERSED


def _change(row: OutcomeRow) -> CountChange:
    """Return the uploads of a row as an addition at their present outcome."""
    return CountChange(row.signal, row.outcome, row.language, row.count, row.first_at, row.last_at)


def _move_spans(
    spans: QuerySet[SignalSpan] | QuerySet[SightingSpan], away: CountChange, to: CountChange
) -> None:
    """Move uploads to another outcome in the latest spans that have them.

    For rows that give the time of the reversal and not the time of the match.

    spans: of a party, and of one signal or of signals that count together.
    """
    rest = to.count
    for span in spans.filter(outcome=away.outcome, count__gt=0).order_by("-ends_at"):
        number = min(rest, span.count)
        if not number:
            break
        spans.filter(pk=span.pk).update(count=F("count") - number)
        target = spans.filter(outcome=to.outcome, ends_at=span.ends_at, language=span.language)
        if not target.update(count=F("count") + number):
            span.pk, span.outcome, span.count = None, to.outcome, number
            span.save(force_insert=True)
        rest -= number
