# SPDX-License-Identifier: Apache-2.0
"""Prove that a tree has several leaves at once: neighbours share almost all hashes of their proofs.

The hashes are those of the largest subtrees without any of the leaves, from left to right. For one
leaf they are those of its inclusion proof, in another order.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence

from stemtide.protocol.tlog.merkle import ProofError, leaf_hash, node_hash, split

Subtree = Callable[[int, int], bytes]
"""Returns the hash of the leaves from begin to end, where the tree divides so."""

MOST_LEAVES = 1 << 56
"""The most leaves of a tree: as in a log of tiles."""


def subset_path(indices: Sequence[int], *, size: int, subtree: Subtree) -> list[bytes]:
    """Return the proof that a tree of a size has leaves. indices: ascending; at least one."""
    return [subtree(begin, end) for begin, end in _others(indices, 0, size)]


def _others(indices: Sequence[int], begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the largest subtrees between begin and end without any of the leaves."""
    if not indices:
        yield begin, end
    elif end - begin > 1:
        middle = begin + split(end - begin)
        at = bisect_left(indices, middle)
        yield from _others(indices[:at], begin, middle)
        yield from _others(indices[at:], middle, end)


def subset_root(leaves: Mapping[int, bytes], path: Sequence[bytes], *, size: int) -> bytes:
    """Return the root of the tree of a size that has leaves. leaves: hashes by index.

    raises: ProofError if no tree of that size has a proof of that form.
    """
    indices = sorted(leaves)
    if not indices or not 0 <= indices[0] <= indices[-1] < size <= MOST_LEAVES:
        raise ProofError(f"a tree of {size} leaves has none of the leaves that are to be proved")
    rest = iter(path)

    def fold(indices: Sequence[int], begin: int, end: int) -> bytes:
        if not indices:
            return next(rest)
        if end - begin == 1:
            return leaves[begin]
        middle = begin + split(end - begin)
        at = bisect_left(indices, middle)
        left = fold(indices[:at], begin, middle)
        return node_hash(left, fold(indices[at:], middle, end))

    try:
        root = fold(indices, 0, size)
    except StopIteration as error:
        raise ProofError("the proof of several leaves is too short") from error
    if next(rest, None) is not None:
        raise ProofError("the proof of several leaves is too long")
    return root


class SmallTree:
    """The tree over a few thousand leaves in memory. Each hash is computed once."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        """Make the tree. leaves: their data."""
        self.size = len(leaves)
        self._hashes = {(at, at + 1): leaf_hash(leaf) for at, leaf in enumerate(leaves)}

    def subtree(self, begin: int, end: int) -> bytes:
        """Return the hash of the leaves from begin to end, where the tree divides so."""
        node = self._hashes.get((begin, end))
        if node is None:
            middle = begin + split(end - begin)
            node = node_hash(self.subtree(begin, middle), self.subtree(middle, end))
            self._hashes[begin, end] = node
        return node

    def path(self, indices: Sequence[int]) -> list[bytes]:
        """Return the proof that the tree has leaves. indices: ascending; at least one."""
        return subset_path(indices, size=self.size, subtree=self.subtree)
