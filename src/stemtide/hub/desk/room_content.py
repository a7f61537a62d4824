# SPDX-License-Identifier: Apache-2.0
"""What a crisis' room says of content: clocks, clusters of variants, sightings, last acts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from django.utils.translation import gettext as _

from stemtide.hub.desk import curves, entries, navigation
from stemtide.hub.ledger.marks import marks
from stemtide.hub.media import reads as media
from stemtide.hub.parties import reads as parties
from stemtide.hub.signals import reads_clusters, reads_sightings, reads_times
from stemtide.hub.signals.rows import Cluster, CountTable, CurvePoint, Outcomes
from stemtide.protocol.crises import CrisisLife
from stemtide.protocol.frameworks import framework
from stemtide.protocol.handling import Tlp

CLUSTERS = 12
"""Clusters on the room's own page; the others are one link away."""


@dataclass(frozen=True, slots=True)
class Clock:
    """One of the clocks. at: None for what has not been. until: where it stands still."""

    title: str
    at: datetime | None
    none: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ClusterRow:
    """A cluster on the content board. preview: a signal of it of which one is kept."""

    cluster: Cluster
    outcomes: Outcomes
    preview: UUID | None


def frame(life: CrisisLife, *, viewer: parties.Viewer) -> dict[str, object]:
    """What every block may name: the crisis, its framework, the parties."""
    of = framework(life.framework)
    return {
        "life": life,
        "viewer": viewer,
        "framework": of,
        "stage": of.stages[life.stage],
        "titles": {party.name: party.title for party in parties.parties(viewer=viewer)},
        "report_address": navigation.address("crisis-report", life.id) if life.in_room else "",
    }


def read(life: CrisisLife, *, viewer: parties.Viewer, now: datetime) -> dict[str, object]:
    """Clocks, clusters and sightings, as those of one party see them alike."""
    times = reads_times.crisis_times(life.id, viewer=viewer)
    found = clusters(life.id, viewer=viewer)
    counted = _counted(life.id, viewer=viewer)
    return {
        "clocks": _clocks(life, times=times, now=now),
        "clusters": found[:CLUSTERS],
        "cluster_marks": marks_of(found[:CLUSTERS]),
        "cluster_count": len(found),
        "variant_count": sum(len(row.cluster.members) for row in found),
        "table": counted.table,
        "curve": curves.draw(counted.points, marks=_marks(life, times=times)),
    }


def acts(life: CrisisLife, *, viewer: parties.Viewer) -> dict[str, object]:
    """The last acts of a crisis."""
    return {
        "entries": entries.of_crisis(life.id, viewer=viewer) if life.in_room else [],
        "timeline_address": navigation.address("crisis-timeline", life.id) if life.in_room else "",
    }


def clusters(crisis: UUID, *, viewer: parties.Viewer) -> list[ClusterRow]:
    """All clusters of a crisis, the one with the latest variant first."""
    kept = media.kept(crisis, viewer=viewer)
    return [
        ClusterRow(cluster=one, outcomes=outcomes, preview=_kept_of(one, kept))
        for one, outcomes in _counted(crisis, viewer=viewer).clusters
    ]


def marks_of(rows: Iterable[ClusterRow]) -> list[Tlp]:
    """The TLP marks that stand on some clusters, the strictest first."""
    found = {row.cluster.tlp for row in rows}
    return [tlp for tlp in Tlp if tlp in found]


@dataclass(frozen=True, slots=True)
class _Counted:
    """What changes only with signals and outcomes, not with every act in the room."""

    clusters: list[tuple[Cluster, Outcomes]]
    table: CountTable
    points: list[CurvePoint]


def _counted(crisis: UUID, *, viewer: parties.Viewer) -> _Counted:
    """Clusters, table and curve, made once until a signal or an outcome comes."""
    heads = marks.look()
    at = marks.of_room(crisis, ("signal", "signals", "opinion", "outcomes"))
    version = reads_sightings.version(crisis, viewer=viewer)
    return _counted_at(crisis, viewer, at=(heads.hub, at, version))


@lru_cache(maxsize=64)
def _counted_at(crisis: UUID, viewer: parties.Viewer, *, at: tuple[UUID, int, int]) -> _Counted:  # noqa: ARG001  # what the answer depends on
    """The same, by what it depends on."""
    counts = reads_clusters.outcomes(crisis, viewer=viewer)
    return _Counted(
        clusters=[
            (cluster, reads_clusters.sum_of(cluster, counts=counts, viewer=viewer))
            for cluster in reads_clusters.clusters(crisis, viewer=viewer)
        ],
        table=reads_sightings.table(crisis, viewer=viewer),
        points=reads_sightings.curve(crisis, viewer=viewer),
    )


def _kept_of(cluster: Cluster, kept: Iterable[UUID]) -> UUID | None:
    """The latest variant of which a preview is kept."""
    if not kept:
        return None
    return next((variant.id for variant in cluster.variants if variant.id in kept), None)


def _clocks(life: CrisisLife, *, times: reads_times.CrisisTimes, now: datetime) -> list[Clock]:
    """The clocks, in the order in which things happen."""
    end = life.closed_at if life.closed_at and life.closed_at < now else None
    return [
        Clock(_("Event"), life.happened_at, _("unknown"), end),
        Clock(_("First sighting"), times.first_sighting_at, _("none yet"), end),
        Clock(_("Warning"), life.warned_at, "", end),
        Clock(_("Activation"), life.activated_at, _("not activated"), end),
        Clock(_("First signal"), times.first_signal_at, _("none yet"), end),
        Clock(_("Last new variant"), times.last_variant_at, _("none yet"), None),
    ]


def _marks(life: CrisisLife, *, times: reads_times.CrisisTimes) -> list[tuple[str, datetime]]:
    """What is marked along the spread curve."""
    marks = [
        (_("first signal"), times.first_signal_at),
        (_("activation"), life.activated_at),
        (_("closure"), life.closed_at),
    ]
    return [(word, at) for word, at in marks if at is not None]
