# SPDX-License-Identifier: Apache-2.0
"""Which files are taken for images, and how Pillow is held to our limits."""

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

from stemtide.fingerprints.limits import LimitError, Limits

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
FORMATS = tuple(
    name
    for name, (opened_by, _) in Image.OPEN.items()
    if opened_by.__module__ in {p.__name__ for p in PLUGINS}
)
"""What is taken for an image. Left out on purpose: EPS (Pillow hands it to Ghostscript), WMF and
the scientific stubs (they call other programs), TGA (any bytes can look like it), text formats."""

ANIMATED = frozenset({"AVIF", "GIF", "PNG", "WEBP", "TIFF"})
"""Formats whose frames are shown one after the other, or are pages. In the others (MPO, PSD, ICO)
further pictures are thumbnails, layers or sizes of the first."""

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
"""How files say that they are images. What Pillow does not open is still known for an image by
these, so that a damaged picture, or a kind not read here, is never taken for no picture."""


def is_image(head: bytes) -> str:
    """Return the media type that the first bytes state, "" if they state none of an image."""
    for offset, signature, media_type in _SIGNATURES:
        if head[offset : offset + len(signature)] == signature:
            return media_type
    return ""


def open_image(blob: bytes) -> Image.Image:
    """Open a file as one of FORMATS; nothing of it is decoded yet.

    raises: whatever Pillow raises for what it does not know, or for hostile bytes.
    """
    return Image.open(BytesIO(blob), formats=FORMATS)


def check_pixels(image: Image.Image, limits: Limits) -> None:
    """Refuse a picture whose stated size is over the limit, before a pixel is decoded."""
    if image.width * image.height > limits.max_pixels:
        raise LimitError("max_pixels", f"{image.width} x {image.height} pixels are too many")


@contextmanager
def pillow_limited(limits: Limits) -> Iterator[None]:
    """Let Pillow itself refuse what is too large, and keep its advice to programmers to itself."""
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
    """Let Pillow hand out as much as a damaged file holds, instead of raising."""
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # a worker is limited as one thread, and works as one
ImageFile.MAXBLOCK = 1 << 22  # a decoder that is given a file in pieces begins some rows twice
# Memory for pixels, up to four blocks of 16 MB, is kept, not faulted in anew for each picture.
Image.core.set_blocks_max(4)  # type: ignore[attr-defined]  # documented, but not as Python
