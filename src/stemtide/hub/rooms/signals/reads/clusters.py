# SPDX-License-Identifier: Apache-2.0
"""Group the signals of one crisis into clusters of variants, so that people review each once.

Signals belong to one cluster if they describe the same content item, have the same value, or have
pictures within PDQ distance of each other, transitively (caches.variants). Only signals that the
viewer may see are linked, so a cluster reveals nothing about hidden ones.
"""

from collections import Counter
from datetime import datetime
from uuid import UUID

from django.db.models import Max, Min, Sum

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import Sighting
from stemtide.hub.rooms.signals.reads.caches.variants import VariantRow, Variants
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.hub.rooms.signals.rules.signals import unpack_audience
from stemtide.hub.rooms.signals.views import Cluster, Outcomes, Variant
from stemtide.protocol.enums import Outcome, Severity, SignalState
from stemtide.protocol.handling import Pap, Tlp


def clusters(crisis: UUID, *, viewer: Party) -> tuple[Cluster, ...]:
    """Return the clusters of a crisis that a party may see, the one with the latest variant first.

    A cluster's key is the id of its first signal: it stays while variants are added, and if two
    clusters merge, the key of the older one remains. There are none once the crisis is over for the
    party.
    """
    if crises.is_over_for(crisis, party=viewer):
        return ()
    return crisis_clusters.of(crisis).groups(viewer=viewer)


def cluster_of(signal: UUID, *, crisis: UUID, viewer: Party) -> Cluster | None:
    """Return the cluster that holds a signal; None if the viewer may see none."""
    return next(
        (cluster for cluster in clusters(crisis, viewer=viewer) if signal in cluster.members), None
    )


def outcomes(crisis: UUID, *, viewer: Party) -> dict[UUID, Outcomes]:
    """Return the outcomes of matching content for each signal of a crisis, over all providers."""
    rows = Sighting.objects.filter(visible(viewer, "signal__"), signal__crisis__uid=crisis)
    sums: dict[UUID, dict[str, int]] = {}
    counted = rows.order_by().values_list("signal__uid", "outcome").annotate(Sum("count"))
    for uid, outcome, count in counted:
        sums.setdefault(uid, {})[outcome] = count
    return {uid: Outcomes(**signal_counts) for uid, signal_counts in sums.items()}


def seen_times(crisis: UUID, *, viewer: Party) -> dict[UUID, tuple[datetime, datetime]]:
    """Return when content of each signal of a crisis was first and last met, at any provider."""
    rows = Sighting.objects.filter(visible(viewer, "signal__"), signal__crisis__uid=crisis)
    spans = rows.order_by().values_list("signal__uid").annotate(Min("first_at"), Max("last_at"))
    return {uid: (first, last) for uid, first, last in spans}


@needs_no_viewer("both were read for this viewer")
def sum_of(cluster: Cluster, *, counts: dict[UUID, Outcomes]) -> Outcomes:
    """Sum the outcomes of the content of one cluster."""
    member_counts = [counts[member] for member in cluster.members if member in counts]
    return Outcomes(
        **{word: sum(getattr(outcomes, word) for outcomes in member_counts) for word in Outcome}
    )


def _cluster(rows: list[VariantRow]) -> Cluster:
    """Build one cluster from its rows, oldest first."""
    latest = max(rows, key=lambda row: row.shared_at)
    live = [row for row in rows if row.state == SignalState.LIVE]
    shown = live or rows
    pictures = [row for row in shown if row.kind == Kind.PDQ]
    return Cluster(
        key=rows[0].uid,
        variants=tuple(_variant(row) for row in sorted(rows, key=_newest_first)),
        members=frozenset(row.uid for row in rows),
        kinds=dict(Counter(Kind(row.kind) for row in rows)),
        states=dict(Counter(SignalState(row.state) for row in rows)),
        labels=tuple(sorted({label for row in shown for label in row.labels})),
        severity=max((Severity(row.severity) for row in shown), key=lambda severity: severity.rank),
        tlp=min((Tlp(row.tlp) for row in rows), key=list(Tlp).index),
        pap=min((Pap(row.pap) for row in rows), key=list(Pap).index),
        audience=tuple(sorted(set().union(*(unpack_audience(row.audience) for row in rows)))),
        is_disputed=any(row.is_disputed for row in live),
        sharers=tuple(sorted({row.shared_by for row in rows})),
        first_at=min(row.shared_at for row in rows),
        last_at=latest.shared_at,
        drawing=pictures[0].value if pictures else "",
        title=next((row.title for row in shown if row.title), ""),
        languages=tuple(sorted({row.language for row in shown if row.language})),
        lasts_ms=next((row.lasts_ms for row in shown if row.lasts_ms), None),
        first_shared_by=rows[0].shared_by,
    )


def _newest_first(row: VariantRow) -> tuple[bool, float]:
    """Return the sort key for live signals first, then the latest."""
    return (row.state != SignalState.LIVE, -row.shared_at.timestamp())


def _variant(row: VariantRow) -> Variant:
    """Return one signal as a variant of its cluster."""
    return Variant(
        id=row.uid,
        kind=Kind(row.kind),
        value=row.value,
        url=row.url,
        state=SignalState(row.state),
        shared_by=row.shared_by,
        shared_at=row.shared_at,
        is_disputed=row.is_disputed and row.state == SignalState.LIVE,
    )


def _order(cluster: Cluster) -> tuple[datetime, str]:
    """Return the sort key for the cluster with the latest variant first, in reverse."""
    return (cluster.last_at, cluster.key.hex)


crisis_clusters = Variants(build=_cluster, order=_order)
"""The clusters that this process keeps."""
