# SPDX-License-Identifier: Apache-2.0
"""The indexes that others search PDQ hashes with, set up to be exact at 31 bits where they can be.

Each peer is asked as its own documentation asks it, and what it finds is compared with what
Stemtide finds. Peers that are not exact say what part of the matches they found.
"""

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from stemtide.fingerprints.kinds import MATCH_WITHIN_BITS

Signals = np.ndarray
Search = Callable[[Signals], int]
"""Takes (q, 32) uint8; returns how many pairs of a query and a signal are within 31 bits."""

_NEIGHBOURS = 64
"""So many nearest neighbours are asked of indexes that know no distance limit."""

_SLOW_TO_BUILD = 200_000


@dataclass(frozen=True)
class Peer:
    """One index. is_one_only: it is asked for one hash at a time by its own interface."""

    name: str
    search: Search
    is_exact: bool = True
    is_one_only: bool = False


def peers(signals: Signals) -> Iterator[Peer]:
    """Build the peers that are installed over the same signals, one after the other."""
    if importlib.util.find_spec("faiss"):
        yield from _faiss(signals)
    if importlib.util.find_spec("threatexchange"):
        yield _threatexchange(signals)
    if importlib.util.find_spec("usearch") and len(signals) <= _SLOW_TO_BUILD:
        yield _usearch(signals)


def missing() -> list[str]:
    """Name the peers that are not installed."""
    return [
        one for one in ("faiss", "threatexchange", "usearch") if not importlib.util.find_spec(one)
    ]


def _faiss(signals: Signals) -> Iterator[Peer]:
    import faiss

    flat = faiss.IndexBinaryFlat(256)
    flat.add(signals)
    yield Peer("faiss flat", _by_range(flat))
    hashed = faiss.IndexBinaryMultiHash(256, 16, 16)  # sixteen tables of sixteen bits
    hashed.nflip = 1
    hashed.add(signals)
    yield Peer("faiss multi-hash", _by_range(hashed))
    if len(signals) <= _SLOW_TO_BUILD:
        graph = faiss.IndexBinaryHNSW(256, 16)
        graph.hnsw.efSearch = _NEIGHBOURS
        graph.add(signals)
        yield Peer("faiss hnsw", _by_neighbours(graph), is_exact=False)


def _by_range(index: object) -> Search:
    def search(queries: Signals) -> int:
        limits, _, _ = index.range_search(queries, MATCH_WITHIN_BITS + 1)
        return int(limits[-1])

    return search


def _by_neighbours(index: object) -> Search:
    def search(queries: Signals) -> int:
        distances, _ = index.search(queries, _NEIGHBOURS)
        return int((distances <= MATCH_WITHIN_BITS).sum())

    return search


def _threatexchange(signals: Signals) -> Peer:
    from threatexchange.signal_type.pdq.pdq_index import PDQIndex

    index = PDQIndex([(row.tobytes().hex(), place) for place, row in enumerate(signals)])

    def search(queries: Signals) -> int:
        return sum(len(index.query(row.tobytes().hex())) for row in queries)

    return Peer("threatexchange", search, is_one_only=True)


def _usearch(signals: Signals) -> Peer:
    from usearch.index import Index

    index = Index(ndim=256, metric="hamming", dtype="b1")
    index.add(np.arange(len(signals)), signals)

    def search(queries: Signals) -> int:
        found = index.search(queries, _NEIGHBOURS)
        return int((found.distances <= MATCH_WITHIN_BITS).sum())

    return Peer("usearch", search, is_exact=False)
