# SPDX-License-Identifier: Apache-2.0
"""Cluster fingerprints: each within so many bits of another, chain by chain."""

import numpy as np
import numpy.typing as npt

from stemtide.fingerprints.kinds import MATCH_WITHIN_BITS
from stemtide.matching.hamming import HammingIndex

_AT_ONCE = 64
"""Queries in one search: bounds the hits of n near fingerprints to this many times n."""


def linked(
    rows: npt.NDArray[np.uint64], *, within_bits: int = MATCH_WITHIN_BITS
) -> npt.NDArray[np.int64]:
    """Cluster fingerprints by single linkage: two are together if a chain of near ones joins them.

    rows:    (n, w) uint64, a fingerprint each, as the index takes them.
    returns: (n,) int64, the lowest row number in the cluster of each.
    raises:  ValueError if within_bits is not one of 0..64.
    source:  Sneath, Journal of General Microbiology 17 (1957), 201-226.
    """
    count = len(rows)
    labels = np.arange(count, dtype=np.int64)
    if not count:
        return labels
    index = HammingIndex(words=rows.shape[1], within_bits=within_bits)
    index.put(labels.copy(), rows)
    for first in range(0, count, _AT_ONCE):
        batch = np.ascontiguousarray(rows[first : first + _AT_ONCE])
        hits = index.search(batch, count=len(batch))
        _link(labels, queries=hits["query"].astype(np.int64) + first, keys=hits["key"])
    return labels


def _link(
    labels: npt.NDArray[np.int64],
    *,
    queries: npt.NDArray[np.int64],
    keys: npt.NDArray[np.int64],
) -> None:
    """Give every query and all its hits the lowest label among them."""
    apart = labels[queries] != labels[keys]
    queries, keys = queries[apart], keys[apart]
    for query in np.unique(queries):
        merged = np.unique(labels[np.append(keys[queries == query], query)])
        if len(merged) > 1:
            labels[np.isin(labels, merged)] = merged[0]
