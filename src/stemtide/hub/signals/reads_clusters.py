# SPDX-License-Identifier: Apache-2.0
"""The signals of one crisis as clusters of variants: to be looked at once, not a hundred times.

Signals belong together that speak of the same content, that have the same value, or whose pictures
are near each other, chain by chain (matching.clusters). Only what the viewer may see is linked, so
a cluster tells nobody of a signal that is held back from them.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from django.db.models import Max, Sum

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.ledger import reads as ledger
from stemtide.hub.parties.models import Party
from stemtide.hub.signals.models import Sighting, Signal
from stemtide.hub.signals.reads import visible
from stemtide.hub.signals.rows import Cluster, Outcomes, Variant
from stemtide.hub.signals.rules import unpack_audience
from stemtide.matching.clusters import linked
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.words import Outcome, Severity, SignalState

_COLUMNS = (
    *("pk", "uid", "kind", "value", "url", "state", "severity", "labels", "provenance"),
    *("tlp", "pap", "audience", "is_disputed", "shared_by__name", "shared_at", "content_id"),
)


class _Row(NamedTuple):
    """One signal, as _COLUMNS say."""

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


def clusters(crisis: UUID, *, viewer: Party) -> tuple[Cluster, ...]:
    """The clusters of a crisis that a party may see, the one with the latest variant first.

    A cluster's key is the id of its first signal: it stays while variants come, and where two
    clusters grow together the elder's remains.
    """
    found = Signal.objects.filter(visible(viewer), crisis__uid=crisis).order_by()
    handlings = frozenset(found.values_list("tlp", "audience", "shared_by").distinct())
    last = found.aggregate(last=Max("position"))["last"]
    return _clusters_of(crisis, handlings, hub=ledger.heads().hub, position=last)


def cluster_of(signal: UUID, *, crisis: UUID, viewer: Party) -> Cluster | None:
    """The cluster that holds a signal; None where the viewer may see none."""
    return next(
        (cluster for cluster in clusters(crisis, viewer=viewer) if signal in cluster.members), None
    )


def outcomes(crisis: UUID, *, viewer: Party) -> dict[UUID, Outcomes]:
    """What became of matching content, signal by signal of a crisis, at all providers together."""
    rows = Sighting.objects.filter(visible(viewer, "signal__"), signal__crisis__uid=crisis)
    found: dict[UUID, dict[str, int]] = {}
    each = rows.order_by().values_list("signal__uid", "outcome").annotate(Sum("count"))
    for uid, outcome, count in each:
        found.setdefault(uid, {})[outcome] = count
    return {uid: Outcomes(**counts) for uid, counts in found.items()}


def sum_of(cluster: Cluster, *, counts: dict[UUID, Outcomes], viewer: Party) -> Outcomes:  # noqa: ARG001  # both were read for them
    """What became of the content of one cluster."""
    each = [counts[member] for member in cluster.members if member in counts]
    return Outcomes(**{word: sum(getattr(one, word) for one in each) for word in Outcome})


@lru_cache(maxsize=128)
def _clusters_of(
    crisis: UUID,
    handlings: frozenset[tuple[str, str, int]],
    *,
    hub: UUID,  # noqa: ARG001  # what the answer depends on
    position: int | None,  # noqa: ARG001  # what the answer depends on
) -> tuple[Cluster, ...]:
    """Clusters of the signals with these marks, audiences and sharers, of all and no others.

    Who may see a signal depends on these alone, so parties that see the same share the answer; it
    is made once for each position that such a signal last moved to: what changes one moves it on.
    """
    found = Signal.objects.filter(crisis__uid=crisis).order_by("pk")
    rows = [
        _Row(*one)
        for *one, tlp, audience, sharer in found.values_list(
            *_COLUMNS, "tlp", "audience", "shared_by"
        )
        if (tlp, audience, sharer) in handlings
    ]
    groups: dict[int, list[_Row]] = {}
    for root, row in zip(_roots(rows), rows, strict=True):
        groups.setdefault(root, []).append(row)
    made = [_cluster(group) for group in groups.values()]
    return tuple(sorted(made, key=lambda one: (one.last_at, one.key.hex), reverse=True))


def _roots(rows: Sequence[_Row]) -> list[int]:
    """For each row the lowest place of the cluster that it belongs to."""
    parents = list(range(len(rows)))

    def root(place: int) -> int:
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = parents[place]
        return place

    for one, other in _links(rows):
        low, high = sorted((root(one), root(other)))
        parents[high] = low
    return [root(place) for place in range(len(rows))]


def _links(rows: Sequence[_Row]) -> Iterable[tuple[int, int]]:
    """Pairs of places that belong together."""
    first: dict[Any, int] = {}
    for place, row in enumerate(rows):
        if row.content is not None:
            yield first.setdefault(row.content, place), place
        yield first.setdefault((row.kind, row.value), place), place
    places = [place for place, row in enumerate(rows) if row.kind == Kind.PDQ]
    raw = bytes.fromhex("".join(rows[place].value for place in places))
    prints = np.frombuffer(raw, dtype="<u8").reshape(len(places), 4)
    for at, label in enumerate(linked(prints).tolist()):
        yield places[label], places[at]


def _cluster(rows: list[_Row]) -> Cluster:
    """One cluster of its rows, the eldest first."""
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
        severity=max((Severity(row.severity) for row in shown), key=lambda one: one.rank),
        tlp=min((Tlp(row.tlp) for row in rows), key=list(Tlp).index),
        pap=min((Pap(row.pap) for row in rows), key=list(Pap).index),
        audience=tuple(sorted(set().union(*(unpack_audience(row.audience) for row in rows)))),
        is_disputed=any(row.is_disputed for row in live),
        sharers=tuple(sorted({row.shared_by for row in rows})),
        first_at=min(row.shared_at for row in rows),
        last_at=latest.shared_at,
        drawing=pictures[0].value if pictures else "",
    )


def _newest_first(row: _Row) -> tuple[bool, float]:
    """Live ones first, then the latest."""
    return (row.state != SignalState.LIVE, -row.shared_at.timestamp())


def _variant(row: _Row) -> Variant:
    """One signal of a cluster."""
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
