# SPDX-License-Identifier: Apache-2.0
"""The Merkle tree of a log: hashes, roots, and the verification of proofs.

source: RFC 6962, section 2.1; RFC 9162, sections 2.1.3.2 and 2.1.4.2 (verification).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of a tree without leaves."""


class ProofError(ValueError):
    """A proof does not hold. The message names its claim."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two neighbouring subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def split(size: int) -> int:
    """Return the largest power of two below a size of at least 2: where a tree divides."""
    return 1 << ((size - 1).bit_length() - 1)


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root of the tree over the hashes of leaves."""
    level = list(leaves)
    while len(level) > 1:
        pairs = iter(level)
        alone = level[-1:] if len(level) & 1 else []
        level = [*map(node_hash, pairs, pairs), *alone]
    return level[0] if level else EMPTY_ROOT


@dataclass(slots=True)
class Frontier:
    """The right edge of a growing tree: enough to add leaves and to know the root.

    peaks: roots of the perfect subtrees that make up the tree, the largest first: one for each bit
           of the size that is set.
    """

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)

    @classmethod
    def unpack(cls, size: int, packed: bytes) -> Self:
        """Return the frontier that pack() stored. raises: ValueError for another size."""
        if len(packed) != HASH_BYTES * size.bit_count():
            raise ValueError(f"{len(packed)} bytes cannot be the frontier of {size} leaves")
        return cls(size, [packed[at : at + HASH_BYTES] for at in range(0, len(packed), HASH_BYTES)])

    def pack(self) -> bytes:
        """Return the peaks as bytes."""
        return b"".join(self.peaks)

    def append(self, leaf: bytes) -> list[bytes]:
        """Add the hash of a leaf; return the roots of the subtrees that it completes, upwards."""
        completed = [leaf]
        rest = self.size
        while rest & 1:
            completed.append(node_hash(self.peaks.pop(), completed[-1]))
            rest >>= 1
        self.peaks.append(completed[-1])
        self.size += 1
        return completed[1:]

    def root(self) -> bytes:
        """Return the root of the tree."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


def check_inclusion(
    leaf: bytes, path: Sequence[bytes], *, index: int, size: int, root: bytes
) -> None:
    """Check that a tree has a leaf at an index.

    leaf: its hash. path: from the leaf's sibling up to the root's child.

    raises: ProofError.
    source: RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size:
        raise ProofError(f"a tree of {size} leaves has no leaf {index}")
    at, last, top = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise ProofError(f"the proof that leaf {index} is in the tree is too long")
        if at & 1 or at == last:
            top = node_hash(sibling, top)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            top = node_hash(top, sibling)
        at, last = at >> 1, last >> 1
    if last or top != root:
        raise ProofError(f"the proof that leaf {index} is in a tree of {size} leaves does not hold")


def check_consistency(
    path: Sequence[bytes], *, old_size: int, old_root: bytes, size: int, root: bytes
) -> None:
    """Check that a tree continues an older one: that it only added leaves.

    raises: ProofError.
    source: RFC 9162, section 2.1.4.2.
    """
    if old_size > size:
        raise ProofError(f"a tree of {size} leaves cannot continue one of {old_size}")
    if old_size in {0, size}:
        expected = EMPTY_ROOT if not old_size else root
        if path or old_root != expected:
            raise ProofError(f"the tree of {size} leaves does not continue that of {old_size}")
        return
    # A perfect tree is the first node of the path itself, which the proof leaves out.
    nodes = [old_root, *path] if not old_size & (old_size - 1) else list(path)
    old_top, top = _climb(nodes, at=old_size - 1, last=size - 1)
    if old_top != old_root or top != root:
        raise ProofError(f"the tree of {size} leaves does not continue that of {old_size}")


def _climb(nodes: Sequence[bytes], *, at: int, last: int) -> tuple[bytes, bytes]:
    """Return the roots of the older and of the newer tree that a consistency proof leads to.

    raises: ProofError if it is too short or too long.
    """
    while at & 1:
        at, last = at >> 1, last >> 1
    if not nodes:
        raise ProofError("the proof that a tree continues another is empty")
    old_top = top = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            raise ProofError("the proof that a tree continues another is too long")
        if at & 1 or at == last:
            old_top, top = node_hash(node, old_top), node_hash(node, top)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            top = node_hash(top, node)
        at, last = at >> 1, last >> 1
    if last:
        raise ProofError("the proof that a tree continues another is too short")
    return old_top, top
