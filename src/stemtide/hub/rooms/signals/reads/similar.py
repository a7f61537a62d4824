# SPDX-License-Identifier: Apache-2.0
"""Find signals of the same or near-identical content, for rooms that check before they act."""

import threading
from collections.abc import Iterable, Sequence
from uuid import UUID

import numpy as np
import numpy.typing as npt
from django.db.models import Q, QuerySet

from stemtide.fingerprints.kinds import MATCH_WITHIN_BITS, Kind
from stemtide.hub.platform.disconnects import check_caller
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.long_values import batches
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import clusters
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.protocol.enums import SignalState

MAX_SCAN = 200_000
"""Live PDQ signals, newest first, that a search for near ones compares."""

Words = npt.NDArray[np.uint64]

_one_scan = threading.Lock()
"""One search by similarity at a time in a process: it uses a processor for seconds, and several at
once would block other requests."""


def live_pictures(*, viewer: Party) -> QuerySet[Signal]:
    """Return the live PDQ signals that a party may see, newest first."""
    rows = Signal.objects.filter(visible(viewer), kind=Kind.PDQ, state=SignalState.LIVE)
    return rows.order_by("-position")


def near_pictures(values: Iterable[str], *, viewer: Party) -> dict[str, list[tuple[int, int]]]:
    """Return the live pictures near each PDQ value, without equal ones, that a party may see.

    returns: for each value, in hex: the distance in bits and the primary key, nearest first.
    """
    live = live_pictures(viewer=viewer).values_list("pk", "value")[:MAX_SCAN]
    with _one_scan:
        check_caller()  # stops if the client has disconnected while waiting
        pks, others = zip(*live, strict=True) if live else ((), ())
        hashes = _words(others)
        return {value: _near(value, hashes, pks) for value in dict.fromkeys(values)}


def _near(value: str, hashes: Words, pks: Sequence[int]) -> list[tuple[int, int]]:
    """Return distance and primary key of the hashes near a value, nearest first."""
    bits = _distances(value, hashes)
    places = np.flatnonzero((bits > 0) & (bits <= MATCH_WITHIN_BITS)).tolist()
    return sorted((int(bits[place]), pks[place]) for place in places)


def _words(values: Sequence[str]) -> Words:
    """Return values of 64 hex digits as (n, 4) uint64."""
    return np.frombuffer(bytes.fromhex("".join(values)), np.uint64).reshape(-1, 4)


def _distances(value: str, hashes: Words) -> npt.NDArray[np.int64]:
    """Return the (n,) Hamming distances in bits from a value to each of the hashes."""
    distances: npt.NDArray[np.int64] = np.bitwise_count(hashes ^ _words([value])).sum(
        axis=1, dtype=np.int64
    )
    return distances


def same_content(uids: Iterable[UUID], *, viewer: Party, exercise: bool) -> frozenset[int]:
    """Return the primary keys of signals of the same content as signals that a party may see.

    Signals with the same value or content item count even if the viewer may not see them: the
    viewer knows the value already, and learns only that there is something to ask about. Signals of
    the same cluster in a crisis count only as far as the viewer may see them.
    """
    rows = list(
        Signal.objects.filter(visible(viewer), uid__in=list(uids), exercise=exercise).order_by()
        .values_list("uid", "kind", "value", "content", "crisis__uid")
    )  # fmt: skip
    if not rows:
        return frozenset()
    cluster_uids: set[UUID] = set()
    criteria = Q(uid__in=[row[0] for row in rows])
    for uid, kind, value, content, crisis in rows:
        criteria |= Q(kind=kind, value=value)
        if content is not None:
            criteria |= Q(content=content)
        if crisis is not None:
            cluster = clusters.cluster_of(uid, crisis=crisis, viewer=viewer)
            cluster_uids |= cluster.members if cluster else frozenset()
    matching = Signal.objects.filter(
        criteria | Q(uid__in=cluster_uids), exercise=exercise
    ).order_by()
    return frozenset(matching.values_list("pk", flat=True))


@needs_no_viewer("rooms above check access")
def by_url_digest(digests: Iterable[str], *, exercise: bool) -> dict[int, str]:
    """Return the signals of web addresses with these digests: the digest for each primary key."""
    digest_by_pk: dict[int, str] = {}
    for batch in batches(digests):
        rows = Signal.objects.filter(value__in=batch, kind=Kind.URL, exercise=exercise)
        digest_by_pk.update(rows.order_by().values_list("pk", "value"))
    return digest_by_pk
