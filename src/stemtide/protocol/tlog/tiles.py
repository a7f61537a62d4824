# SPDX-License-Identifier: Apache-2.0
"""The tiles of a log: its hashes and leaves in files of up to 256, and the proofs they give.

source: C2SP, tlog-tiles.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from stemtide.protocol.tlog.merkle import HASH_BYTES, node_hash, split
from stemtide.protocol.tlog.subsets import subset_path

WIDTH = 256
"""Hashes of a full tile."""

HEIGHT = 8
"""Levels of the tree that one tile spans: 2^8 hashes."""

MAX_LEAF_BYTES = 0xFFFF
"""The most that the length in front of a leaf can say."""

_MAX_LEVEL = 6  # more would be a log of 2^56 leaves
_PATH = re.compile(
    r"(?P<level>entries|[0-9])/(?P<index>(?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


class TileError(ValueError):
    """A tile's path or bytes are wrong. The message names it."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile. level: None for a bundle of leaves. width: 256 if it is full."""

    level: int | None
    index: int
    width: int = WIDTH

    @classmethod
    def read(cls, path: str) -> Self:
        """Return the tile at a path, as in "0/x001/234.p/5". raises: TileError."""
        match = _PATH.fullmatch(path)
        width = int(match["width"] or WIDTH) if match else 0
        digits = match["index"].replace("x", "").replace("/", "") if match else ""
        index = int(digits or 0)
        is_bundle = bool(match) and match["level"] == "entries"  # type: ignore[index]  # bool(match) is read first
        level = None if is_bundle or not match else int(match["level"])
        tile = cls(level, index, width)
        if not match or width > WIDTH or (level or 0) > _MAX_LEVEL or tile.path != path:
            raise TileError(f"{path[:80]!r} is no path of a tile: see C2SP's tlog-tiles")
        return tile

    @property
    def path(self) -> str:
        """Return the path of the tile below "tile/"."""
        level = "entries" if self.level is None else self.level
        digits = f"{self.index:03}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        index = "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"{level}/{index}{partial}"

    @property
    def begin(self) -> int:
        """Return the first hash of the tile, counted in its level."""
        return self.index * WIDTH

    @property
    def end(self) -> int:
        """Return the hash after the last of the tile, counted in its level."""
        return self.begin + self.width

    def is_in(self, size: int) -> bool:
        """Whether a log of a size, or one before it, has this tile."""
        return self.end <= size >> (HEIGHT * (self.level or 0))


def tile_at(level: int | None, index: int, *, size: int) -> Tile:
    """Return a tile of a log of a size. raises: TileError if it is empty."""
    width = min((size >> (HEIGHT * (level or 0))) - index * WIDTH, WIDTH)
    if width < 1:
        raise TileError(f"a log of {size} leaves has no tile {index} at level {level}")
    return Tile(level, index, width)


def tiles_of(size: int) -> Iterator[Tile]:
    """Yield all tiles of a log: bundles of leaves, then hashes from the leaves upwards."""
    for level in (None, *range(_MAX_LEVEL + 1)):
        hashes = size >> (HEIGHT * (level or 0))
        for index in range(-(-hashes // WIDTH)):
            yield tile_at(level, index, size=size)


def pack_leaves(leaves: Iterable[bytes]) -> bytes:
    """Return a bundle of leaves. raises: TileError if one is too long."""
    parts = []
    for leaf in leaves:
        if len(leaf) > MAX_LEAF_BYTES:
            raise TileError(f"a leaf has {len(leaf)} bytes, and may have {MAX_LEAF_BYTES}")
        parts += [len(leaf).to_bytes(2), leaf]
    return b"".join(parts)


def unpack_leaves(bundle: bytes, *, tile: Tile) -> list[bytes]:
    """Return the leaves in a bundle. raises: TileError if they are not as many as they must be."""
    leaves, at = [], 0
    while at + 2 <= len(bundle):
        end = at + 2 + int.from_bytes(bundle[at : at + 2])
        leaves.append(bundle[at + 2 : end])
        at = end
    if at != len(bundle) or len(leaves) != tile.width:
        raise TileError(f"tile/{tile.path} is not a bundle of {tile.width} leaves")
    return leaves


def unpack_hashes(content: bytes, *, tile: Tile) -> list[bytes]:
    """Return the hashes in a tile. raises: TileError if they are not as many as they must be."""
    if len(content) != HASH_BYTES * tile.width:
        raise TileError(f"tile/{tile.path} is not {tile.width} hashes")
    return [content[at : at + HASH_BYTES] for at in range(0, len(content), HASH_BYTES)]


class TiledTree:
    """A tree of a size whose hashes are read from tiles.

    read: returns the hashes of a tile. Each tile is read once. A caller that does not trust
    their source checks the proofs, or the root.
    """

    def __init__(self, size: int, read: Callable[[Tile], list[bytes]]) -> None:
        self.size = size
        self._read = read
        self._hashes: dict[Tile, list[bytes]] = {}

    def inclusion_path(self, index: int) -> list[bytes]:
        """Return the proof that the tree has the leaf at an index. raises: TileError.

        source: RFC 6962, section 2.1.1.
        """
        if not 0 <= index < self.size:
            raise TileError(f"a log of {self.size} leaves has no leaf {index}")
        path: list[bytes] = []
        begin, end = 0, self.size
        while end - begin > 1:
            middle = begin + split(end - begin)
            if index < middle:
                path.append(self._subtree(middle, end))
                end = middle
            else:
                path.append(self._subtree(begin, middle))
                begin = middle
        return path[::-1]

    def subset_path(self, indices: Sequence[int]) -> list[bytes]:
        """Return the proof that the tree has leaves. indices: ascending. raises: TileError."""
        if not indices or not 0 <= indices[0] <= indices[-1] < self.size:
            raise TileError(f"a log of {self.size} leaves has not all leaves of {indices[:3]} …")
        return subset_path(indices, size=self.size, subtree=self._subtree)

    def consistency_path(self, old_size: int) -> list[bytes]:
        """Return the proof that the tree continues the tree of an older size. raises: TileError.

        source: RFC 6962, section 2.1.2.
        """
        if not 0 <= old_size <= self.size:
            raise TileError(f"a log of {self.size} leaves does not continue one of {old_size}")
        if old_size in {0, self.size}:
            return []
        path: list[bytes] = []
        begin, end = 0, self.size
        while old_size != end:
            middle = begin + split(end - begin)
            if old_size <= middle:
                path.append(self._subtree(middle, end))
                end = middle
            else:
                path.append(self._subtree(begin, middle))
                begin = middle
        # The older tree is whole to the verifier, who has its root.
        return [*([self._subtree(begin, end)] if begin else []), *path[::-1]]

    def _subtree(self, begin: int, end: int) -> bytes:
        """Return the hash of the leaves from begin to end, where the tree divides so."""
        count = end - begin
        if count & (count - 1):
            middle = begin + split(count)
            return node_hash(self._subtree(begin, middle), self._subtree(middle, end))
        height = count.bit_length() - 1
        level, within = divmod(height, HEIGHT)
        first = (begin >> height) << within
        hashes = self._tile(level, first // WIDTH)
        at = first % WIDTH
        return _fold(hashes[at : at + (1 << within)])

    def _tile(self, level: int, index: int) -> list[bytes]:
        """Return the hashes of a tile, read once."""
        tile = tile_at(level, index, size=self.size)
        if tile not in self._hashes:
            self._hashes[tile] = self._read(tile)
        return self._hashes[tile]


def _fold(hashes: list[bytes]) -> bytes:
    """Return the root over hashes whose number is a power of two."""
    while len(hashes) > 1:
        hashes = [node_hash(*hashes[at : at + 2]) for at in range(0, len(hashes), 2)]
    return hashes[0]
