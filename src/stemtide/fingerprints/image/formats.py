# SPDX-License-Identifier: Apache-2.0
"""The image formats that are opened, and limits for Pillow."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    DdsImagePlugin,
    GifImagePlugin,
    IcnsImagePlugin,
    IcoImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PcxImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    PsdImagePlugin,
    QoiImagePlugin,
    SgiImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from stemtide.fingerprints.image import heif
from stemtide.fingerprints.limits import DecodingLimits, LimitError

PLUGINS = (
    AvifImagePlugin,
    BmpImagePlugin,
    DdsImagePlugin,
    GifImagePlugin,
    IcnsImagePlugin,
    IcoImagePlugin,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PcxImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    PsdImagePlugin,
    QoiImagePlugin,
    SgiImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
_OF_PILLOW = tuple(
    name
    for name, (opened_by, _) in Image.OPEN.items()
    if opened_by.__module__ in {p.__name__ for p in PLUGINS}
)
FORMATS = (*_OF_PILLOW, heif.register())
"""Formats that are opened as images. Left out on purpose: EPS (Pillow passes it to Ghostscript),
WMF and the scientific stubs (they call other programs), TGA (any bytes can resemble it), text
formats.
"""

ANIMATED = frozenset({"AVIF", "GIF", "PNG", "WEBP", "TIFF"})
"""Formats whose frames are shown one after the other, or are pages. In the others (MPO, PSD, ICO)
further pictures are thumbnails, layers or sizes of the first.
"""

BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)

_SIGNATURES = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (4, b"ftypavi", "image/avif"),
    (4, b"ftyphei", "image/heic"),
    (4, b"ftyphev", "image/heic"),
    (4, b"ftypmif1", "image/heif"),
    (4, b"ftypmsf1", "image/heif"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"8BPS", "image/vnd.adobe.photoshop"),
    (0, b"\x00\x00\x00\x0cjP", "image/jp2"),
    (0, b"\x00\x00\x00\x0cJXL", "image/jxl"),
    (0, b"\xff\x0a", "image/jxl"),
)
"""Signatures of images. Files that Pillow does not open are still recognised by these, so that a
damaged or unsupported picture is never taken for something else.
"""


def is_image(head: bytes) -> str:
    """Return the media type of an image by its first bytes, or "" if they are of none."""
    for offset, signature, media_type in _SIGNATURES:
        if head[offset : offset + len(signature)] == signature:
            return media_type
    return ""


def open_image(blob: bytes) -> Image.Image:
    """Open a file as one of FORMATS, without decoding it yet.

    raises: any exception that Pillow raises for unknown formats or hostile bytes.
    """
    return Image.open(BytesIO(blob), formats=FORMATS)


def check_pixels(image: Image.Image, limits: DecodingLimits) -> None:
    """Refuse a picture whose stated size exceeds the limit, before a pixel is decoded."""
    if image.width * image.height > limits.max_pixels:
        raise LimitError("max_pixels", f"{image.width} x {image.height} pixels are too many")


@contextmanager
def pillow_limited(limits: DecodingLimits) -> Iterator[None]:
    """Have Pillow itself refuse pictures that are too large, and silence its warnings."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, limits.max_pixels
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


@contextmanager
def tolerance() -> Iterator[None]:
    """Have Pillow return the readable part of a damaged file, instead of raising."""
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # a worker is limited as one thread, and works as one
ImageFile.MAXBLOCK = 1 << 22  # a decoder that is given a file in pieces begins some rows twice
# Memory for pixels, up to four blocks of 16 MB, is kept, not faulted in anew for each picture.
Image.core.set_blocks_max(4)  # type: ignore[attr-defined]  # documented, but not as Python
