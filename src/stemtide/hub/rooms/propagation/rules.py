# SPDX-License-Identifier: Apache-2.0
"""Who may see the propagation of a signal, and how long times are summed up."""

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta

from stemtide.protocol.enums import PartyKind

SETTLED = timedelta(minutes=10)
"""Times longer than this are summed up as late."""

KEEP_POSITIONS = timedelta(days=14)
"""How long it can be said of a single signal when an agent had it."""

KEEP_DAYS = timedelta(days=400)
"""How long sums of days are kept."""

FEWEST_PARTIES = 3
"""A sharer sees sums over so many other parties at least: sums over fewer would show each."""

_SHORTEST_S = 0.001
_GROWTH = 1.1


def may_see_recipient(viewer: str, *, kind: PartyKind, recipient: str) -> bool:
    """Whether a party may see when a single recipient had a signal: an agency, or itself."""
    return viewer == recipient or kind is PartyKind.AGENCY


def may_see_sums(
    viewer: str, *, kind: PartyKind, shared_by: str, recipients: frozenset[str]
) -> bool:
    """Whether a party may see sums over all recipients of a signal.

    recipients: names of the parties that may receive it.
    """
    if kind is PartyKind.AGENCY:
        return True
    return viewer == shared_by and len(recipients - {shared_by}) >= FEWEST_PARTIES


def shown_parties(count: int) -> int | None:
    """Return how many other parties are shown for an outcome; None for too few of them."""
    return count if count >= FEWEST_PARTIES else None


def bucket_of(seconds: float) -> int:
    """Return the bucket of a time: each is 10 % longer than the one before."""
    return max(0, math.ceil(math.log(max(seconds, _SHORTEST_S) / _SHORTEST_S, _GROWTH) - 1e-9))


def bucket_end_s(bucket: int) -> float:
    """Return the longest time of a bucket, in seconds."""
    return float(_SHORTEST_S * _GROWTH**bucket)


def percentile_of_buckets(buckets: Mapping[str, int], *, late: int, percent: int) -> float | None:
    """Return a percentile in seconds; None if there is nothing, or if it is of those too late."""
    rank = _rank(sum(buckets.values()) + late, percent=percent)
    for bucket in sorted(buckets, key=int):
        rank -= buckets[bucket]
        if rank < 0:
            return round(bucket_end_s(int(bucket)), 3)
    return None


def percentile(seconds: Sequence[float], *, percent: int) -> float | None:
    """Return a percentile of times by the nearest rank; None if there are none."""
    ordered = sorted(seconds)
    return round(ordered[_rank(len(ordered), percent=percent)], 3) if ordered else None


def _rank(count: int, *, percent: int) -> int:
    """Return the index of a percentile among so many."""
    return max(0, -(-count * percent // 100) - 1)
