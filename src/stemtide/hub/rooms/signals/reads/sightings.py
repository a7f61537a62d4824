# SPDX-License-Identifier: Apache-2.0
"""Read outcomes: of one crisis by provider, language and time; of each signal as a sum."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TypeVar
from uuid import UUID

from django.db.models import F, Max, Min, QuerySet, Sum, Value
from django.db.models.functions import Coalesce, Lower, NullIf

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.rules.parties import COORDINATING
from stemtide.hub.rooms.signals.long_values import batches
from stemtide.hub.rooms.signals.models import Sighting, SightingSpan, Signal, SignalSpan
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.hub.rooms.signals.views import (
    CountRow,
    CountTable,
    CurveFacts,
    CurvePoint,
    Outcomes,
    version_of,
)
from stemtide.protocol.enums import Outcome

_Counts = TypeVar("_Counts", Sighting, SignalSpan)


@dataclass(frozen=True, slots=True)
class SightingSum:
    """How often content that matches a signal was met, over all providers."""

    signal: Signal
    outcomes: dict[str, int]
    first_at: datetime
    last_at: datetime


def table(crisis: UUID, *, viewer: Party) -> CountTable:
    """Return the outcomes of the signals of a crisis that a party may see.

    Coordinating parties see every provider; a provider sees itself and the total; an observer the
    total.
    """
    sightings = Sighting.objects.filter(visible(viewer, "signal__"), signal__crisis__uid=crisis)
    spans = SightingSpan.objects.filter(visible(viewer), crisis__uid=crisis)
    return CountTable(
        providers=_by_provider(_shown_individually(sightings, viewer=viewer)),
        languages=_by_language(spans),
        total=Outcomes(**_sums(sightings)),
    )


def cluster_table(members: Iterable[UUID], *, viewer: Party) -> CountTable:
    """Return the outcomes of the signals of one cluster that a party may see, as table() does.

    Languages are those at the providers that the viewer sees: a cluster may have been met at few.
    Where a provider did not say, the language that the sharer stated counts. Older uploads that
    are in no span any more have none.
    """
    providers: dict[str, CountRow] = {}
    languages: dict[str, CountRow] = {}
    total = Outcomes()
    for batch in batches(members):
        sightings = Sighting.objects.filter(visible(viewer, "signal__"), signal__uid__in=batch)
        total = _added(total, Outcomes(**_sums(sightings)))
        for row in _by_provider(_shown_individually(sightings, viewer=viewer)):
            providers[row.name] = _joined(providers.get(row.name), row)
        spans = SignalSpan.objects.filter(visible(viewer, "signal__"), signal__uid__in=batch)
        spans = spans.annotate(of_content=_LANGUAGE_OF_CONTENT)
        shown = _shown_individually(spans, viewer=viewer)
        for row in _by_language(shown, column="of_content"):
            languages[row.name] = _joined(languages.get(row.name), row)
    return CountTable(
        providers=sorted(providers.values(), key=lambda row: (-row.outcomes.total, row.name)),
        languages=sorted(languages.values(), key=_languages_first),
        total=total,
    )


def curve(crisis: UUID, *, viewer: Party) -> list[CurvePoint]:
    """Return the cumulative counts of matched and blocked content of a crisis, earliest first.

    It covers all providers together, and the signals that a party may see.
    """
    return _curve([SightingSpan.objects.filter(visible(viewer), crisis__uid=crisis)])


def cluster_curve(members: Iterable[UUID], *, viewer: Party) -> list[CurvePoint]:
    """Return the curve of the signals of one cluster that a party may see, as curve() does."""
    spans = SignalSpan.objects.filter(visible(viewer, "signal__"))
    return _curve([spans.filter(signal__uid__in=batch) for batch in batches(members)])


def version(crisis: UUID, *, viewer: Party) -> int:
    """Return a number that changes whenever table or curve change; cheap to compute."""
    spans = SightingSpan.objects.filter(visible(viewer), crisis__uid=crisis)
    return version_of(dict(spans.order_by().values_list("outcome").annotate(Sum("count"))))


def counts_at(uids: Iterable[UUID], *, viewer: Party) -> dict[tuple[UUID, Outcome], int]:
    """Return how many of a party's own uploads count at each signal and outcome."""
    counts = {}
    for batch in batches(uids):
        rows = Sighting.objects.filter(signal__uid__in=batch, party=viewer)
        for uid, outcome, count in rows.values_list("signal__uid", "outcome", "count"):
            counts[uid, Outcome(outcome)] = count
    return counts


def curve_facts(uids: Iterable[UUID], *, viewer: Party) -> dict[UUID, CurveFacts]:
    """Return where outcomes of these signals count over time; signals of no crisis are left out."""
    curves = {}
    for batch in batches(uids):
        rows = Signal.objects.filter(visible(viewer), uid__in=batch, crisis__isnull=False)
        columns = rows.values_list(
            "uid", "crisis", "crisis__warned_at", "tlp", "audience", "shared_by"
        )
        curves.update(
            {uid: CurveFacts(pk, warned, *handling) for uid, pk, warned, *handling in columns}  # type: ignore[arg-type]  # columns as named
        )
    return curves


@needs_no_viewer("rooms above check access")
def match_counts(uids: Iterable[UUID]) -> dict[str, int]:
    """Return how often agents have met content of these signals, by party.

    Reversed outcomes are not counted; an upload that matches two signals counts
    twice.
    """
    sums: dict[str, int] = {}
    for batch in batches(uids):
        rows = Sighting.objects.filter(signal__uid__in=batch).exclude(outcome=Outcome.REVERSED)
        for name, count in rows.order_by().values_list("party__name").annotate(Sum("count")):
            sums[name] = sums.get(name, 0) + count
    return sums


@needs_no_viewer("the scheduler reads for all parties")
def totals() -> dict[int, int]:
    """Return for each signal ever met a number that changes whenever its counts change."""
    sums: dict[int, dict[str, int]] = {}
    rows = Sighting.objects.order_by().values_list("signal_id", "outcome")
    for pk, outcome, count in rows.annotate(Sum("count")):
        sums.setdefault(pk, {})[outcome] = count
    return {pk: version_of(by_outcome) for pk, by_outcome in sums.items()}


@needs_no_viewer("the scheduler reads for all parties")
def sums(pks: Collection[int]) -> list[SightingSum]:
    """Return the sums of signals, by primary key."""
    sightings = Sighting.objects.filter(signal__in=pks).order_by()
    outcomes: dict[int, dict[str, int]] = {}
    for pk, outcome, count in sightings.values_list("signal_id", "outcome").annotate(Sum("count")):
        outcomes.setdefault(pk, {})[outcome] = count
    spans = sightings.values_list("signal_id").annotate(Min("first_at"), Max("last_at"))
    ends = {pk: (first, last) for pk, first, last in spans}
    rows = Signal.objects.select_related("shared_by", "crisis").in_bulk(list(outcomes))
    return [SightingSum(rows[pk], sums, *ends[pk]) for pk, sums in sorted(outcomes.items())]


def _curve(
    groups: Iterable[QuerySet[SightingSpan] | QuerySet[SignalSpan]],
) -> list[CurvePoint]:
    """Return spans as cumulative counts, earliest first."""
    sums: Counter[tuple[datetime, str]] = Counter()
    for spans in groups:
        summed = spans.order_by().values_list("ends_at", "outcome").annotate(Sum("count"))
        for at, outcome, count in summed:
            sums[at, outcome] += count
    matched = blocked = 0
    points = []
    for at, group in groupby(sorted(sums), key=lambda key: key[0]):
        for key in group:
            matched += sums[key]
            blocked += sums[key] if key[1] == Outcome.BLOCKED else 0
        points.append(CurvePoint(at=at, seen=matched, blocked=blocked))
    return points


def _shown_individually(rows: QuerySet[_Counts], *, viewer: Party) -> QuerySet[_Counts]:
    """Return the counts that a party sees provider by provider: all, or its own."""
    return rows if viewer.kind in COORDINATING else rows.filter(party=viewer)


def _by_provider(sightings: QuerySet[Sighting]) -> list[CountRow]:
    """Return one row for each provider, highest total first."""
    sums: dict[tuple[str, str], dict[str, int]] = {}
    rows = sightings.order_by().values_list("party__name", "party__title", "outcome")
    for name, title, outcome, count in rows.annotate(Sum("count")):
        sums.setdefault((name, title), {})[outcome] = count
    last = dict(sightings.order_by().values_list("party__name").annotate(Max("last_at")))
    table_rows = [
        CountRow(name, title, Outcomes(**counts), last[name])
        for (name, title), counts in sums.items()
    ]
    return sorted(table_rows, key=lambda row: (-row.outcomes.total, row.name))


def _joined(earlier: CountRow | None, row: CountRow) -> CountRow:
    """Return the sum of two rows of one provider."""
    if earlier is None:
        return row
    last = max(filter(None, (earlier.last_at, row.last_at)), default=None)
    return CountRow(row.name, row.title, _added(earlier.outcomes, row.outcomes), last)


def _added(left: Outcomes, right: Outcomes) -> Outcomes:
    """Return the sum of two counts."""
    return Outcomes(**{word: getattr(left, word) + getattr(right, word) for word in Outcome})


_LANGUAGE_OF_CONTENT = Coalesce(
    NullIf(F("language"), Value("")), Lower("signal__language"), Value("")
)
"""The language of a span: as the provider reported it, or else as the sharer stated it."""


def _by_language(
    spans: QuerySet[SightingSpan] | QuerySet[SignalSpan], *, column: str = "language"
) -> list[CountRow]:
    """Return one row for each language, most frequent first; "" where none is known."""
    sums: dict[str, dict[str, int]] = {}
    rows = spans.order_by().values_list(column, "outcome")
    for language, outcome, count in rows.annotate(Sum("count")):
        sums.setdefault(language, {})[outcome] = count
    table_rows = [CountRow(tag, tag, Outcomes(**counts)) for tag, counts in sums.items()]
    return sorted(table_rows, key=_languages_first)


def _languages_first(row: CountRow) -> tuple[bool, int, str]:
    """Return the sort key for the most frequent languages first, and the unknown one last."""
    return (not row.name, -row.outcomes.total, row.name)


def _sums(sightings: QuerySet[Sighting]) -> dict[str, int]:
    """Return the sum of sightings for each outcome."""
    return dict(sightings.order_by().values_list("outcome").annotate(Sum("count")))
