# SPDX-License-Identifier: Apache-2.0
"""Real photographs to try things on, and files that are made to do harm."""

import importlib.util
import struct
import zlib
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image


def photo_paths() -> list[Path]:
    """Photographs that scikit-image ships; it is not imported for them."""
    found = importlib.util.find_spec("skimage")
    assert found is not None
    assert found.submodule_search_locations is not None
    folder = Path(found.submodule_search_locations[0]) / "data"
    return sorted([*folder.glob("*.png"), *folder.glob("*.jpg")])


@cache
def photo(name: str = "astronaut.png") -> Image.Image:
    path = next(path for path in photo_paths() if path.name == name)
    with Image.open(path) as image:
        return image.convert("RGB")


def encoded(image: Image.Image, file_type: str, **options) -> bytes:
    stream = BytesIO()
    image.save(stream, file_type, **options)
    return stream.getvalue()


def heic(image: Image.Image, *, deep: bool = False, orientation: int = 1, **options) -> bytes:
    """The picture as telephones store it. deep: with 10 bits a colour. orientation: as in EXIF."""
    import pillow_heif  # no other test waits for its encoder

    stream = BytesIO()
    file = pillow_heif.from_pillow(Image.fromarray(np.asarray(image)))  # without its own EXIF
    if deep:
        levels = np.asarray(image, np.uint16) << 8
        file = pillow_heif.from_bytes("RGB;16", image.size, levels.tobytes())
    exif = Image.Exif()
    exif[0x0112] = orientation
    file.info["exif"] = exif.tobytes()  # the orientation is written as properties
    file.save(stream, **options)
    return stream.getvalue()


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def zeros_compressed(size: int) -> bytes:
    """Return what zlib makes of that many zero bytes: packed once, and repeated.

    source: RFC 1950, section 2.2, for the head and the checksum at the end.
    """
    whole, rest = divmod(size, 1 << 20)
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    end = packer.compress(bytes(rest)) + packer.flush()
    checksum = (size % 65_521) << 16 | 1
    return b"\x78\xda" + block * whole + end + struct.pack(">I", checksum)


@cache
def png_bomb(side_px: int) -> bytes:
    """A one-bit PNG: a few hundred kilobytes that want side_px x side_px bytes once decoded."""
    body = zeros_compressed(side_px * (1 + (side_px + 7) // 8))
    head = struct.pack(">IIBBBBB", side_px, side_px, 1, 0, 0, 0, 0)
    chunks = png_chunk(b"IHDR", head) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def lying_jpeg(side_px: int) -> bytes:
    """A JPEG whose header states a size that its body does not have."""
    blob = bytearray(encoded(photo().resize((64, 64)), "JPEG"))
    start = blob.index(b"\xff\xc0")
    blob[start + 5 : start + 9] = struct.pack(">HH", side_px, side_px)
    return bytes(blob)


@cache
def animation(file_type: str, *, frames: int = 6, shown_ms: int = 300) -> bytes:
    """Six and more clearly different frames out of one photograph."""
    whole = photo().resize((256, 256))
    turned = [whole.rotate(15 * i).crop((40, 40, 216, 216)) for i in range(frames)]
    return encoded(
        turned[0], file_type, save_all=True, append_images=turned[1:], duration=shown_ms, loop=0
    )


def bits_between(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one) ^ int.from_bytes(other)).bit_count()
