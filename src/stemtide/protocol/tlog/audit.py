# SPDX-License-Identifier: Apache-2.0
"""Audit a log: make its tree again from all leaves, and compare it with tiles, heads and a copy."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from stemtide.protocol.tlog.merkle import Frontier, leaf_hash
from stemtide.protocol.tlog.notes import Checkpoint
from stemtide.protocol.tlog.statements import OlderHeads, Statement, StatementError
from stemtide.protocol.tlog.tiles import (
    HEIGHT,
    WIDTH,
    Tile,
    TiledTree,
    tile_at,
    unpack_hashes,
    unpack_leaves,
)

Read = Callable[[str], bytes]
"""Returns the content of a file of the log, such as "tile/0/000"."""


@dataclass(frozen=True, slots=True)
class LogCopy:
    """A log as somebody has it: its head, and its files."""

    head: Checkpoint
    read: Read

    def leaves(self, index: int) -> list[bytes]:
        """Return the leaves of a bundle. raises: TileError; errors of read."""
        bundle = tile_at(None, index, size=self.head.size)
        return unpack_leaves(self.read(f"tile/{bundle.path}"), tile=bundle)

    def tree(self) -> TiledTree:
        """Return the tree, read from the tiles that are needed."""
        return TiledTree(self.head.size, self.hashes)

    def hashes(self, tile: Tile) -> list[bytes]:
        """Return the hashes of a tile. raises: TileError; errors of read."""
        return unpack_hashes(self.read(f"tile/{tile.path}"), tile=tile)


@dataclass(slots=True)
class _Audit:
    """An audit under way. levels: the hashes of the last tile of each level, so far.

    older: heads of logs before a restore.
    """

    log: LogCopy
    frontier: Frontier = field(default_factory=Frontier)
    levels: list[list[bytes]] = field(default_factory=lambda: [[]])
    older: OlderHeads | None = None

    def add(self, leaf: bytes) -> Iterator[str]:
        """Add a leaf; yield the tiles that it completes and that differ."""
        first = leaf_hash(leaf)
        if self.older and self.frontier.size:
            yield from self.older.add(first)
        hashes = [first, *self.frontier.append(first)]
        for level, node in enumerate(hashes[::HEIGHT]):
            if level == len(self.levels):
                self.levels.append([])
            self.levels[level].append(node)
        for level, nodes in enumerate(self.levels):
            if len(nodes) == WIDTH:
                yield from self.compare(level)

    def compare(self, level: int) -> Iterator[str]:
        """Compare the last tile of a level, and begin the next."""
        nodes = self.levels[level]
        index = ((self.frontier.size >> (HEIGHT * level)) - 1) // WIDTH
        if nodes and self.log.hashes(Tile(level, index, len(nodes))) != nodes:
            yield f"tile/{Tile(level, index, len(nodes)).path} has other hashes than the leaves"
        nodes.clear()


def audit(
    log: LogCopy, *, heads: Sequence[Checkpoint] = (), copy: LogCopy | None = None
) -> Iterator[str]:
    """Yield the faults of a log, in words; nothing if there are none.

    heads: older or newer heads that the auditor kept, also of the hub's logs before a restore.
    copy: an older copy, to name the leaves that differ.

    raises: TileError; errors of read.
    """
    all_heads = [*heads, *([copy.head] if copy else [])]
    kept_heads = [head for head in all_heads if head.origin == log.head.origin]
    yield from _compare_sizes(log.head, kept_heads)
    under_way = _Audit(log)
    if others := [head for head in all_heads if head.origin != log.head.origin]:
        under_way.older = OlderHeads(statement_of(log), others, size=log.head.size)
        yield from (head.text for head in under_way.older.unfit())
    bundles = -(-log.head.size // WIDTH)
    for index in range(bundles):
        leaves = log.leaves(index)
        if copy:
            older = under_way.older if copy.head.origin != log.head.origin else None
            overlap = older.overlap(copy.head.origin) if older else None
            yield from _compare_leaves(index, leaves, copy=copy, overlap=overlap)
        for leaf in leaves:
            yield from under_way.add(leaf)
            yield from _compare_roots(under_way.frontier, kept_heads)
    for level in range(len(under_way.levels)):
        yield from under_way.compare(level)
    if under_way.frontier.root() != log.head.root:
        yield f"the signed head of {log.head.size} leaves has another root than the leaves"


def statement_of(log: LogCopy) -> Statement:
    """Return a log's statement about itself; without one, that no restore opened it.

    raises: TileError; errors of read.
    """
    try:
        return Statement.read(log.leaves(0)[0] if log.head.size else b"")
    except StatementError:
        return Statement(log.head.origin, "", 0)


def _compare_sizes(head: Checkpoint, heads: Sequence[Checkpoint]) -> Iterator[str]:
    """Compare the head of a log with those that somebody kept."""
    for kept_head in heads:
        if kept_head.size > head.size:
            yield f"the log has {head.size} leaves, and had {kept_head.size}: it was set back"


def _compare_roots(frontier: Frontier, heads: Sequence[Checkpoint]) -> Iterator[str]:
    """Compare the root of the leaves so far with the heads of that size."""
    for head in heads:
        if head.size == frontier.size and head.root != frontier.root():
            yield f"the first {head.size} leaves are others than when you kept their head"


def _compare_leaves(
    index: int, leaves: list[bytes], *, copy: LogCopy, overlap: int | None
) -> Iterator[str]:
    """Compare a bundle with the copy, as far as that goes.

    overlap: leaves that a log after a restore has of the copy's, leaf 0 aside; None if it is the
    same log.
    """
    first = index * WIDTH
    if first < (copy.head.size if overlap is None else min(copy.head.size, overlap)):
        pairs = zip(copy.leaves(index), leaves, strict=False)
        for number, (before, now) in enumerate(pairs, start=first):
            is_other_log = overlap is not None and (number == 0 or number >= overlap)
            if before != now and not is_other_log:
                yield f"leaf {number}, of the ledger's entry {number}, is another than in your copy"
