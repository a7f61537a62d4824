# SPDX-License-Identifier: Apache-2.0
"""Move reported uploads to their present outcome, so that sums count uploads, not events.

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

from django.db.models import F, QuerySet

from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals import bulk_sql
from stemtide.hub.rooms.signals.models import SightingSpan, SignalSpan
from stemtide.hub.rooms.signals.reads import sightings
from stemtide.hub.rooms.signals.views import CountChange, CurveFacts, VisibleSignal
from stemtide.protocol.enums import Outcome
from stemtide.protocol.sync.agents import OutcomeRow

_STATES = (Outcome.BLOCKED, Outcome.HELD, Outcome.LOGGED)
_Cell = tuple[UUID, Outcome]


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


@needs_no_entry("report_outcomes, its caller, records the sums")
def count_rows(
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
