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
    """Give every query and all its hits, and their clusters, the lowest label among them.

    Each label is the row number of the first of its cluster, whose label is itself. Clusters that
    are linked take the lowest label that they see, all at once, until none are apart.
    """
    while True:
        left, right = labels[queries], labels[keys]
        apart = left != right
        if not apart.any():
            return
        queries, keys, left, right = queries[apart], keys[apart], left[apart], right[apart]
        np.minimum.at(labels, np.maximum(left, right), np.minimum(left, right))
        while (labels != labels[labels]).any():
            labels[:] = labels[labels]
