# SPDX-License-Identifier: Apache-2.0
"""Read sums of sightings and opinions, for a room above that publishes them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Max, Min, Sum

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.signals.models import OpinionRow, Sighting, Signal
from stemtide.hub.rooms.signals.views import version_of


@dataclass(frozen=True, slots=True)
class SightingSum:
    """How often content that matches a signal was met, over all providers."""

    signal: Signal
    outcomes: dict[str, int]
    first_at: datetime
    last_at: datetime


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


@needs_no_viewer("the scheduler reads for all parties")
def opinions(signals: Collection[UUID]) -> list[OpinionRow]:
    """Return all opinions about signals, the oldest first."""
    rows = OpinionRow.objects.filter(signal__uid__in=signals)
    return list(rows.select_related("party", "signal__shared_by", "signal__crisis"))
