# SPDX-License-Identifier: Apache-2.0
"""Group the signals of one crisis into clusters of variants, so that people review each once.

Signals belong to one cluster if they describe the same content item, have the same value, or have
pictures within PDQ distance of each other, transitively (matching.clusters). Only signals that the
viewer may see are linked, so a cluster reveals nothing about hidden ones.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from django.db.models import Max, Min, Sum

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import Sighting, Signal
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.hub.rooms.signals.rules.signals import unpack_audience
from stemtide.hub.rooms.signals.views import Cluster, Outcomes, Variant
from stemtide.matching.clusters import linked
from stemtide.protocol.enums import Outcome, Severity, SignalState
from stemtide.protocol.handling import Pap, Tlp

_COLUMNS = (
    *("pk", "uid", "kind", "value", "url", "state", "severity", "labels", "provenance"),
    *("tlp", "pap", "audience", "is_disputed", "shared_by__name", "shared_at", "content_id"),
    "title",
)


class _Row(NamedTuple):
    """One signal with the columns of _COLUMNS."""

    pk: int
    uid: UUID
    kind: str
    value: str
    url: str
    state: str
    severity: str
    labels: list[str]
    provenance: str
    tlp: str
    pap: str
    audience: str
    is_disputed: bool
    shared_by: str
    shared_at: datetime
    content: int | None
    title: str


def clusters(crisis: UUID, *, viewer: Party) -> tuple[Cluster, ...]:
    """Return the clusters of a crisis that a party may see, the one with the latest variant first.

    A cluster's key is the id of its first signal: it stays while variants are added, and if two
    clusters merge, the key of the older one remains.
    """
    signals = Signal.objects.filter(visible(viewer), crisis__uid=crisis).order_by()
    handlings = frozenset(signals.values_list("tlp", "audience", "shared_by").distinct())
    last = signals.aggregate(last=Max("position"))["last"]
    return _clusters_of(crisis, handlings, hub=ledger.heads().hub, position=last)


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


@lru_cache(maxsize=128)
def _clusters_of(
    crisis: UUID,
    handlings: frozenset[tuple[str, str, int]],
    *,
    hub: UUID,  # noqa: ARG001  # part of the cache key
    position: int | None,  # noqa: ARG001  # part of the cache key
) -> tuple[Cluster, ...]:
    """Return the clusters of exactly the signals with these marks, audiences and sharers.

    Who may see a signal depends on these alone, so parties that see the same signals share the
    cached result. hub and position are part of the cache key: any change to such a signal moves its
    position.
    """
    signals = Signal.objects.filter(crisis__uid=crisis).order_by("pk")
    rows = [
        _Row(*columns)
        for *columns, tlp, audience, sharer in signals.values_list(
            *_COLUMNS, "tlp", "audience", "shared_by"
        )
        if (tlp, audience, sharer) in handlings
    ]
    groups: dict[int, list[_Row]] = {}
    for root, row in zip(_roots(rows), rows, strict=True):
        groups.setdefault(root, []).append(row)
    clusters = [_cluster(group) for group in groups.values()]
    return tuple(
        sorted(clusters, key=lambda cluster: (cluster.last_at, cluster.key.hex), reverse=True)
    )


def _roots(rows: Sequence[_Row]) -> list[int]:
    """Return for each row the lowest index in its cluster (union-find)."""
    parents = list(range(len(rows)))

    def root(place: int) -> int:
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = parents[place]
        return place

    for left, right in _links(rows):
        low, high = sorted((root(left), root(right)))
        parents[high] = low
    return [root(place) for place in range(len(rows))]


def _links(rows: Sequence[_Row]) -> Iterable[tuple[int, int]]:
    """Yield pairs of row indexes that belong together."""
    first: dict[Any, int] = {}
    for index, row in enumerate(rows):
        if row.content is not None:
            yield first.setdefault(row.content, index), index
        yield first.setdefault((row.kind, row.value), index), index
    indexes = [index for index, row in enumerate(rows) if row.kind == Kind.PDQ]
    raw = bytes.fromhex("".join(rows[index].value for index in indexes))
    prints = np.frombuffer(raw, dtype="<u8").reshape(len(indexes), 4)
    for pdq_index, label in enumerate(linked(prints).tolist()):
        yield indexes[label], indexes[pdq_index]


def _cluster(rows: list[_Row]) -> Cluster:
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
    )


def _newest_first(row: _Row) -> tuple[bool, float]:
    """Return the sort key for live signals first, then the latest."""
    return (row.state != SignalState.LIVE, -row.shared_at.timestamp())


def _variant(row: _Row) -> Variant:
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
