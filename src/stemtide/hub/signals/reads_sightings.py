# SPDX-License-Identifier: Apache-2.0
"""The readers of what was met in one crisis: by provider, by language, over time."""

from collections.abc import Iterable
from itertools import groupby
from uuid import UUID

from django.db.models import Max, QuerySet, Sum

from stemtide.hub.parties.models import Party
from stemtide.hub.parties.rules import COORDINATING
from stemtide.hub.signals.long_values import batches
from stemtide.hub.signals.models import Sighting, SightingSpan, Signal
from stemtide.hub.signals.reads import visible
from stemtide.hub.signals.rows import CountRow, CountTable, CurveFacts, CurvePoint, Outcomes, weigh
from stemtide.protocol.words import Outcome


def table(crisis: UUID, *, viewer: Party) -> CountTable:
    """Outcomes of the signals of a crisis that a party may see.

    Coordinating parties see every provider; a provider sees itself and all together; an observer
    all together.
    """
    met = Sighting.objects.filter(visible(viewer, "signal__"), signal__crisis__uid=crisis)
    spans = SightingSpan.objects.filter(visible(viewer), crisis__uid=crisis)
    own = met if viewer.kind in COORDINATING else met.filter(party=viewer)
    return CountTable(
        providers=_by_provider(own),
        languages=_by_language(spans),
        total=Outcomes(**_sums(met)),
    )


def curve(crisis: UUID, *, viewer: Party) -> list[CurvePoint]:
    """How often content of a crisis was met, and is blocked, added up over time, earliest first.

    All providers together, of the signals that a party may see.
    """
    spans = SightingSpan.objects.filter(visible(viewer), crisis__uid=crisis)
    summed = spans.order_by("ends_at").values_list("ends_at", "outcome").annotate(Sum("count"))
    seen = blocked = 0
    points = []
    for at, some in groupby(summed, key=lambda row: row[0]):
        for _, outcome, count in some:
            seen += count
            blocked += count if outcome == Outcome.BLOCKED else 0
        points.append(CurvePoint(at=at, seen=seen, blocked=blocked))
    return points


def version(crisis: UUID, *, viewer: Party) -> int:
    """Return a number that is another one whenever table and curve change; cheap to ask for."""
    spans = SightingSpan.objects.filter(visible(viewer), crisis__uid=crisis)
    return weigh(dict(spans.order_by().values_list("outcome").annotate(Sum("count"))))


def counts_at(uids: Iterable[UUID], *, viewer: Party) -> dict[tuple[UUID, Outcome], int]:
    """Return how many of a party's own uploads count at each signal and outcome."""
    counts = {}
    for batch in batches(uids):
        rows = Sighting.objects.filter(signal__uid__in=batch, party=viewer)
        for uid, outcome, count in rows.values_list("signal__uid", "outcome", "count"):
            counts[uid, Outcome(outcome)] = count
    return counts


def curve_facts(uids: Iterable[UUID], *, viewer: Party) -> dict[UUID, CurveFacts]:
    """Where outcomes of these signals are counted over time; none for those of no crisis."""
    found = {}
    for batch in batches(uids):
        rows = Signal.objects.filter(visible(viewer), uid__in=batch, crisis__isnull=False)
        facts = rows.values_list(
            "uid", "crisis", "crisis__warned_at", "tlp", "audience", "shared_by"
        )
        found.update(
            {uid: CurveFacts(pk, warned, *marks) for uid, pk, warned, *marks in facts}  # type: ignore[arg-type]  # columns as named
        )
    return found


def met(uids: Iterable[UUID], *, by: str) -> dict[str, int]:  # noqa: ARG001  # a room above, which decides who learns it
    """How often agents met content of some signals so far, by party.

    by: who counts. What was undone is not counted; an upload that matches two signals counts twice.
    """
    sums: dict[str, int] = {}
    for batch in batches(uids):
        rows = Sighting.objects.filter(signal__uid__in=batch).exclude(outcome=Outcome.REVERSED)
        for name, count in rows.order_by().values_list("party__name").annotate(Sum("count")):
            sums[name] = sums.get(name, 0) + count
    return sums


def _by_provider(met: QuerySet[Sighting]) -> list[CountRow]:
    """One row for each provider, the one that met most first."""
    sums: dict[tuple[str, str], dict[str, int]] = {}
    rows = met.order_by().values_list("party__name", "party__title", "outcome")
    for name, title, outcome, count in rows.annotate(Sum("count")):
        sums.setdefault((name, title), {})[outcome] = count
    last = dict(met.order_by().values_list("party__name").annotate(Max("last_at")))
    made = [
        CountRow(name, title, Outcomes(**counts), last[name])
        for (name, title), counts in sums.items()
    ]
    return sorted(made, key=lambda row: (-row.outcomes.total, row.name))


def _by_language(spans: QuerySet[SightingSpan]) -> list[CountRow]:
    """One row for each language, the most frequent first; "" for what nobody said."""
    sums: dict[str, dict[str, int]] = {}
    rows = spans.order_by().values_list("language", "outcome")
    for language, outcome, count in rows.annotate(Sum("count")):
        sums.setdefault(language, {})[outcome] = count
    made = [CountRow(tag, tag, Outcomes(**counts)) for tag, counts in sums.items()]
    return sorted(made, key=lambda row: (not row.name, -row.outcomes.total, row.name))


def _sums(met: QuerySet[Sighting]) -> dict[str, int]:
    """Outcomes of some sightings, summed."""
    return dict(met.order_by().values_list("outcome").annotate(Sum("count")))
