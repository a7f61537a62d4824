# SPDX-License-Identifier: Apache-2.0
"""Content in a crisis' room: clocks, clusters of variants, sightings, last entries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from django.utils.translation import gettext as _, gettext_lazy

from stemtide.hub.desk import ledger_sentences, navigation
from stemtide.hub.desk.signals import curves
from stemtide.hub.rooms.ledger.crisis_versions import crisis_versions
from stemtide.hub.rooms.media import reads
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.reads.parties import party_titles
from stemtide.hub.rooms.signals.reads import (
    clusters as clusters_reads,
    sightings,
    times as times_reads,
)
from stemtide.hub.rooms.signals.views import Cluster, CountTable, CurvePoint, Outcomes
from stemtide.protocol.handling import Tlp
from stemtide.protocol.law.frameworks import framework
from stemtide.protocol.messages.crises import CrisisLife

CLUSTERS = 12
"""Clusters on the room's page; the page of its content has all of them."""

_SPREAD = curves.CurveNames(
    gettext_lazy("Spread: how often matching content was met, added up"),
    seen=gettext_lazy("Seen"),
    blocked=gettext_lazy("Blocked"),
)


@dataclass(frozen=True, slots=True)
class Clock:
    """One clock. at: None if it has not happened. until: when the clock stopped."""

    title: str
    at: datetime | None
    none: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ClusterRow:
    """A cluster on the content board. preview: a signal of the cluster that has a preview.

    seen_first_at, seen_last_at: when its content was met; None if it was not.
    """

    cluster: Cluster
    outcomes: Outcomes
    preview: UUID | None
    seen_first_at: datetime | None = None
    seen_last_at: datetime | None = None

    @property
    def spark(self) -> str:
        """Return the number of variants over time as an SVG path; "" for few variants."""
        return curves.spark(sorted(variant.shared_at for variant in self.cluster.variants))


def frame(life: CrisisLife, *, viewer: parties.Viewer) -> dict[str, object]:
    """Return the context of every block: the crisis, its framework, titles of parties."""
    crisis_framework = framework(life.framework)
    return {
        "life": life,
        "viewer": viewer,
        "framework": crisis_framework,
        "stage": crisis_framework.stages[life.stage],
        "titles": party_titles(),
        "report_address": navigation.address("crisis-report", life.id) if life.in_room else "",
    }


def read(life: CrisisLife, *, viewer: parties.Viewer, now: datetime) -> dict[str, object]:
    """Return clocks, clusters and sightings; the same for all of a party."""
    clusters = clusters_reads.clusters(life.id, viewer=viewer)
    totals = _counted(life.id, viewer=viewer)
    times = _times(clusters, totals)
    return {
        "clocks": _clocks(life, times=times, now=now),
        "clusters": rows_of(clusters[:CLUSTERS], crisis=life.id, viewer=viewer),
        "cluster_marks": marks_of(clusters[:CLUSTERS]),
        "cluster_count": len(clusters),
        "variant_count": sum(len(cluster.members) for cluster in clusters),
        "table": totals.table,
        "curve": curves.draw(totals.points, names=_SPREAD, marks=_marks(life, times=times)),
    }


def acts(life: CrisisLife, *, viewer: parties.Viewer) -> dict[str, object]:
    """Return the last ledger entries of a crisis."""
    entries = ledger_sentences.of_crisis(life.id, viewer=viewer) if life.in_room else []
    return {
        "entries": ledger_sentences.grouped(entries),
        "timeline_address": navigation.address("crisis-timeline", life.id) if life.in_room else "",
    }


def rows_of(
    clusters: Iterable[Cluster], *, crisis: UUID, viewer: parties.Viewer
) -> list[ClusterRow]:
    """Return clusters of a crisis, in the order given, with what is known of their content."""
    with_preview = reads.with_stored_preview(crisis, viewer=viewer)
    counted = _counted(crisis, viewer=viewer)
    rows = []
    for cluster in clusters:
        spans = [counted.times[uid] for uid in cluster.members if uid in counted.times]
        row = ClusterRow(
            cluster=cluster,
            outcomes=clusters_reads.sum_of(cluster, counts=counted.outcomes),
            preview=_latest_with_preview(cluster, with_preview),
            seen_first_at=min((first for first, _ in spans), default=None),
            seen_last_at=max((last for _, last in spans), default=None),
        )
        rows.append(row)
    return rows


def cluster_curve(cluster: Cluster, *, viewer: parties.Viewer) -> curves.Curve | None:
    """Return how often content of a cluster was met over time; None if no times are known."""
    points = sightings.cluster_curve(cluster.members, viewer=viewer)
    return curves.draw(points, names=_SPREAD, marks=[(_("first signal"), cluster.first_at)])


def marks_of(clusters: Iterable[Cluster]) -> list[Tlp]:
    """Return the TLP marks of some clusters, strictest first."""
    marks = {cluster.tlp for cluster in clusters}
    return [tlp for tlp in Tlp if tlp in marks]


@dataclass(frozen=True, slots=True)
class _Counted:
    """Outcomes of the signals of a crisis: by signal, as a table and as a curve."""

    outcomes: dict[UUID, Outcomes]
    times: dict[UUID, tuple[datetime, datetime]]
    table: CountTable
    points: list[CurvePoint]


def _counted(crisis: UUID, *, viewer: parties.Viewer) -> _Counted:
    """Return outcomes, cached until some are reported or a signal joins that may have some.

    A newly shared signal has none.
    """
    heads = crisis_versions.refresh()
    at = crisis_versions.of_room(crisis, ("outcomes", "signal.joined"))
    version = sightings.version(crisis, viewer=viewer)
    return _counted_at(crisis, viewer, at=(heads.hub, at, version))


@lru_cache(maxsize=64)
def _counted_at(crisis: UUID, viewer: parties.Viewer, *, at: tuple[UUID, int, int]) -> _Counted:  # noqa: ARG001  # the key of the cache
    """Sum outcomes; `at` is the key of the cache."""
    return _Counted(
        outcomes=clusters_reads.outcomes(crisis, viewer=viewer),
        times=clusters_reads.seen_times(crisis, viewer=viewer),
        table=sightings.table(crisis, viewer=viewer),
        points=sightings.curve(crisis, viewer=viewer),
    )


def _times(clusters: Sequence[Cluster], counted: _Counted) -> times_reads.CrisisTimes:
    """Return the key times of a crisis, as times.crisis_times() reads them from the database."""
    return times_reads.CrisisTimes(
        first_signal_at=min((cluster.first_at for cluster in clusters), default=None),
        last_variant_at=max((cluster.last_at for cluster in clusters), default=None),
        first_sighting_at=min((first for first, _ in counted.times.values()), default=None),
    )


def _latest_with_preview(cluster: Cluster, with_preview: Iterable[UUID]) -> UUID | None:
    """Return the latest variant that has a preview."""
    if not with_preview:
        return None
    return next((variant.id for variant in cluster.variants if variant.id in with_preview), None)


def _clocks(life: CrisisLife, *, times: times_reads.CrisisTimes, now: datetime) -> list[Clock]:
    """Return the clocks, in the order in which things happen."""
    end = life.closed_at if life.closed_at and life.closed_at < now else None
    return [
        Clock(_("Event"), life.happened_at, _("unknown"), end),
        Clock(_("First sighting"), times.first_sighting_at, _("none yet"), end),
        Clock(_("Warning"), life.warned_at, "", end),
        Clock(_("Activation"), life.activated_at, _("not activated"), end),
        Clock(_("First signal"), times.first_signal_at, _("none yet"), end),
        Clock(_("Last new variant"), times.last_variant_at, _("none yet"), None),
    ]


def _marks(life: CrisisLife, *, times: times_reads.CrisisTimes) -> list[tuple[str, datetime]]:
    """Return the events that are marked along the spread curve."""
    marks = [
        (_("first signal"), times.first_signal_at),
        (_("activation"), life.activated_at),
        (_("closure"), life.closed_at),
    ]
    return [(word, at) for word, at in marks if at is not None]
