# SPDX-License-Identifier: Apache-2.0
"""Let Pillow open HEIC, the pictures of telephones. FFmpeg decodes them, as it decodes films.

libheif is not used: it starts threads, which a worker may not, and then aborts.
"""

import struct
from typing import TYPE_CHECKING

from PIL import Image, ImageFile

from stemtide.fingerprints.image.heif_boxes import HeifPicture, HeifTile, read_picture

if TYPE_CHECKING:
    from PIL._imaging import PixelAccess

NAME = "HEIF"


_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
_TURNS = (None, Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)
_MIRRORS = (Image.Transpose.FLIP_TOP_BOTTOM, Image.Transpose.FLIP_LEFT_RIGHT)


class HeifImageFile(ImageFile.ImageFile):
    """The primary picture of a HEIC file, cropped and turned as it is shown."""

    format = NAME
    format_description = "HEIC"
    _picture: HeifPicture | None = None

    def _open(self) -> None:
        self._picture = read_picture(self.fp.read())  # type: ignore[union-attr]  # Pillow opened it
        tile = self._picture.tiles[0]
        self._size = self._picture.width, self._picture.height
        for size in (self._size, (tile.width, tile.height)):  # Pillow checks what a crop leaves
            Image._decompression_bomb_check(size)  # noqa: SLF001 - as Pillow's own plugins
        for kind, body in self._picture.changes:
            if kind == b"clap":
                left, top, right, bottom = _crop_box(body, *self._size)
                self._size = right - left, bottom - top
            elif kind == b"irot" and body[0] & 1:
                self._size = self._size[1], self._size[0]
        self._mode = "RGB"
        self.tile = []

    def draft(self, mode: str | None, size: tuple[int, int] | None) -> None:  # noqa: ARG002 - Pillow's
        """Decode to brightness alone, if that is enough."""
        if mode == "L":
            self._mode = "L"

    def load(self) -> "PixelAccess | None":
        """Decode the tiles. raises: OSError if one is damaged; if that is tolerated, if all are."""
        if self._picture is not None:
            picture, self._picture = self._picture, None
            canvas = _put_together(picture, self.mode)
            for kind, body in picture.changes:
                canvas = _changed(canvas, kind, body)
            self.im = canvas.im
        return super().load()


def register() -> str:
    """Have Pillow open such files; return the name of the format."""
    Image.register_open(NAME, HeifImageFile, lambda head: head[4:8] == b"ftyp")
    return NAME


def _put_together(picture: HeifPicture, mode: str) -> Image.Image:
    canvas = Image.new(mode, (picture.width, picture.height))
    wrong = 0
    for number, tile in enumerate(picture.tiles):
        row, column = divmod(number, picture.columns)
        try:
            decoded = _decode(tile, mode, is_full_range=picture.is_full_range)
        except OSError:
            wrong += 1
            if not ImageFile.LOAD_TRUNCATED_IMAGES or wrong == len(picture.tiles):
                raise
            continue
        canvas.paste(decoded, (column * tile.width, row * tile.height))
    return canvas


def _decode(tile: HeifTile, mode: str, *, is_full_range: bool | None) -> Image.Image:
    """Decode one tile. raises: OSError if it is damaged."""
    import av  # noqa: PLC0415 - a worker that decodes only other pictures has not loaded it

    codec = av.CodecContext.create("hevc", "r")
    codec.extradata = tile.config
    codec.thread_count = 1
    codec.options = {"max_pixels": str(4 * tile.width * tile.height)}
    try:
        frames = [*codec.decode(av.Packet(tile.data)), *codec.decode(None)]
    except (av.FFmpegError, ValueError) as error:
        raise OSError(f"a tile is damaged ({type(error).__name__})") from error
    if not frames or (frames[0].is_corrupt and not ImageFile.LOAD_TRUNCATED_IMAGES):
        raise OSError("a tile is damaged")
    frame = frames[0]
    if is_full_range is not None:
        frame.color_range = _FULL_RANGE if is_full_range else 1
    pixels = frame.to_ndarray(format="gray" if mode == "L" else "rgb24", threads=1)
    return Image.fromarray(pixels).crop((0, 0, tile.width, tile.height))


def _changed(canvas: Image.Image, kind: bytes, body: bytes) -> Image.Image:
    if kind == b"clap":
        return canvas.crop(_crop_box(body, *canvas.size))
    change = _TURNS[body[0] & 3] if kind == b"irot" else _MIRRORS[body[0] & 1]
    return canvas if change is None else canvas.transpose(change)


def _crop_box(body: bytes, width: int, height: int) -> tuple[int, int, int, int]:
    """Return the clean aperture within a picture. source: ISO/IEC 14496-12, 12.1.4."""
    box: list[int] = []
    numbers = struct.unpack_from(">IIIIiIiI", body)  # two sides, then where their middles are
    for full, side_at, off_at in ((width, 0, 4), (height, 2, 6)):
        (over, under), (off, parts) = numbers[side_at:][:2], numbers[off_at:][:2]
        side = min(full, max(1, over // max(1, under)))
        start = round((full - side) / 2 + off / max(1, parts))
        start = min(max(start, 0), full - side)
        box += [start, start + side]
    return box[0], box[2], box[1], box[3]
