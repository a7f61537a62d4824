# SPDX-License-Identifier: Apache-2.0
"""Read the boxes of a HEIC file: which tiles make its primary picture, and where they are.

Nothing is decoded here. Thumbnails, further pictures and transparency are left out: programs show
the primary picture.

source: ISO/IEC 14496-12 (boxes, meta, iloc), ISO/IEC 23008-12 (HEIF: grid, irot, imir, clap).
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_MOST_BOXES = 20_000
_SIZES = {1: "B", 2: "H", 4: "I", 8: "Q"}
_CODED = b"hvc1"
_GRID = b"grid"
_CHANGES = {b"clap", b"irot", b"imir"}


@dataclass(frozen=True, slots=True)
class HeifTile:
    """A coded picture. config: its decoder's settings (hvcC); data: the samples, maybe cut off."""

    width: int
    height: int
    config: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class HeifPicture:
    """The primary picture: tiles in rows, and what is done to them together.

    width, height: of the tiles put together, before the changes.
    changes: clap, irot and imir, with their contents, in the order in which they are made.
    is_full_range: whether black is 0 and white 255; None if the file does not say.
    """

    width: int
    height: int
    columns: int
    tiles: tuple[HeifTile, ...]
    changes: tuple[tuple[bytes, bytes], ...] = ()
    is_full_range: bool | None = None


@dataclass(slots=True)
class _Item:
    kind: bytes = b""
    parts: tuple[int, ...] = ()
    extents: list[tuple[int, int]] = field(default_factory=list)
    is_inside: bool = False
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)

    def last(self, kind: bytes) -> bytes:
        """Return the contents of a property. raises: KeyError if there is none."""
        return dict(self.properties)[kind]


class _Reader:
    """Reads numbers, one after the other. raises: struct.error behind the end."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def number(self, size: int) -> int:
        if size == 0:
            return 0
        (value,) = struct.unpack_from(f">{_SIZES[size]}", self.data, self.at)
        self.at += size
        return int(value)

    def head(self) -> tuple[int, int]:
        """Return version and flags of a full box."""
        word = self.number(4)
        return word >> 24, word & 0xFFFFFF


def read_picture(blob: bytes) -> HeifPicture:
    """Return the primary picture of a file.

    raises: SyntaxError, KeyError, IndexError or struct.error if it is damaged or of another kind.
    """
    meta = next((body for kind, body in _boxes(blob) if kind == b"meta"), b"")
    boxes = dict(_boxes(meta[4:]))
    items = _items(boxes)
    pitm = _Reader(boxes[b"pitm"])
    version, _ = pitm.head()
    primary = items[pitm.number(4 if version else 2)]
    changes = tuple(entry for entry in primary.properties if entry[0] in _CHANGES)
    inside = boxes.get(b"idat", b"")
    if primary.kind == _GRID:
        width, height, columns, rows = _grid(_data(primary, blob, inside))
        tiles = _tiles(primary.parts, items, blob, inside)
        if len(tiles) != columns * rows:
            raise SyntaxError(f"{len(tiles)} tiles do not fill {columns} x {rows}")
        first = items[primary.parts[0]]
    else:
        tiles, first = (_tile(primary, blob, inside),), primary
        width, height, columns = tiles[0].width, tiles[0].height, 1
    _check_size(width, height, columns, tiles)
    ranges = [_is_full_range(item) for item in (primary, first)]
    is_full_range = next((is_full for is_full in ranges if is_full is not None), None)
    return HeifPicture(width, height, columns, tiles, changes, is_full_range)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and contents of each box; the last may be cut off."""
    at = 0
    for _ in range(_MOST_BOXES):
        if at + 8 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, start)
            start += 8
        end = at + size if size else len(data)
        if end < start:
            raise SyntaxError("a box that is shorter than its head")
        yield kind, data[start:end]
        at = end


def _items(boxes: Mapping[bytes, bytes]) -> dict[int, _Item]:
    items: dict[int, _Item] = {}
    entries = _Reader(boxes[b"iinf"])
    version, _ = entries.head()
    entries.number(4 if version else 2)
    for kind, body in _boxes(boxes[b"iinf"][entries.at :]):
        if kind == b"infe":
            infe = _Reader(body)
            version, _ = infe.head()
            number = infe.number(4 if version > 2 else 2)  # noqa: PLR2004 - the version
            infe.number(2)
            items[number] = _Item(body[infe.at : infe.at + 4])
    _read_places(boxes[b"iloc"], items)
    _read_parts(boxes.get(b"iref", b""), items)
    _read_properties(dict(_boxes(boxes[b"iprp"])), items)
    return items


def _read_places(body: bytes, items: dict[int, _Item]) -> None:
    """Read iloc: where the data of each item is."""
    iloc = _Reader(body)
    version, _ = iloc.head()
    sizes = iloc.number(2)
    offset, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    for _ in range(iloc.number(2 if version < 2 else 4)):  # noqa: PLR2004 - the version
        item = items.get(iloc.number(2 if version < 2 else 4), _Item())  # noqa: PLR2004
        item.is_inside = bool(version and iloc.number(2) & 15 == 1)
        iloc.number(2)
        start = iloc.number(base)
        extents = iloc.number(2)
        size = (index if version else 0) + offset + length
        if extents > (max(1, (len(body) - iloc.at) // size) if size else 1):
            raise SyntaxError(f"{extents} extents do not fit in the box")
        for _ in range(extents):
            iloc.number(index if version else 0)
            item.extents.append((start + iloc.number(offset), iloc.number(length)))


def _read_parts(body: bytes, items: dict[int, _Item]) -> None:
    """Read iref: of which items a grid is made."""
    if not body:
        return
    size = 4 if body[0] else 2
    for kind, entry in _boxes(body[4:]):
        if kind == b"dimg":
            dimg = _Reader(entry)
            item = items[dimg.number(size)]
            item.parts = tuple(dimg.number(size) for _ in range(dimg.number(2)))


def _read_properties(boxes: Mapping[bytes, bytes], items: dict[int, _Item]) -> None:
    """Read ipma: which properties each item has, in order."""
    properties = list(_boxes(boxes[b"ipco"]))
    ipma = _Reader(boxes[b"ipma"])
    version, flags = ipma.head()
    size, rest = (2, 0x7FFF) if flags & 1 else (1, 0x7F)
    for _ in range(ipma.number(4)):
        item = items.get(ipma.number(4 if version else 2), _Item())
        for _ in range(ipma.number(1)):
            if index := ipma.number(size) & rest:
                item.properties.append(properties[index - 1])


def _data(item: _Item, blob: bytes, inside: bytes) -> bytes:
    """Return the data of an item; an extent without a size reaches to the end."""
    source = inside if item.is_inside else blob
    total = len(source)
    parts = [slice(start, start + size if size else total) for start, size in item.extents]
    if sum(max(0, min(part.stop, total) - part.start) for part in parts) > total:
        raise SyntaxError("an item that is larger than the file")
    return b"".join(source[part] for part in parts)


def _grid(body: bytes) -> tuple[int, int, int, int]:
    """Return width, height, columns and rows."""
    grid = _Reader(body, at=1)
    size = 4 if grid.number(1) & 1 else 2
    rows, columns = grid.number(1) + 1, grid.number(1) + 1
    return grid.number(size), grid.number(size), columns, rows


def _tiles(
    parts: tuple[int, ...], items: Mapping[int, _Item], blob: bytes, inside: bytes
) -> tuple[HeifTile, ...]:
    """Return the tiles of a grid. One that is there many times is read once."""
    read: dict[int, HeifTile] = {}
    size_bytes = 0
    for part in parts:
        if part not in read:
            read[part] = _tile(items[part], blob, inside)
            size_bytes += len(read[part].data)
            if size_bytes > len(blob):
                raise SyntaxError("tiles that are larger than the file")
    return tuple(read[part] for part in parts)


def _tile(item: _Item, blob: bytes, inside: bytes) -> HeifTile:
    if item.kind != _CODED:
        raise SyntaxError(f"a picture coded as {item.kind!r} is not read")
    _, width, height = struct.unpack_from(">III", item.last(b"ispe"))
    return HeifTile(width, height, item.last(b"hvcC"), _data(item, blob, inside))


def _check_size(width: int, height: int, columns: int, tiles: tuple[HeifTile, ...]) -> None:
    """Refuse tiles that are not alike, or reach beyond the picture by a tile or more."""
    across, down = tiles[0].width, tiles[0].height
    rows = len(tiles) // columns
    fits = (columns - 1) * across < width <= columns * across
    fits &= (rows - 1) * down < height <= rows * down
    if not fits or any((tile.width, tile.height) != (across, down) for tile in tiles):
        raise SyntaxError("the tiles do not make the picture")


def _is_full_range(item: _Item) -> bool | None:
    """Read the colour property: its last byte begins with the range."""
    colours = [body for kind, body in item.properties if kind == b"colr" and body[:4] == b"nclx"]
    return bool(colours[0][10] >> 7) if colours and len(colours[0]) > 10 else None  # noqa: PLR2004
