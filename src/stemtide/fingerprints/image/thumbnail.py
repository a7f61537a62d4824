# SPDX-License-Identifier: Apache-2.0
"""Make a small still of a picture for people: pixels leave the sandbox, files do not.

A worker of the sandbox decodes and shrinks (`take`); its response is bare pixels, which the other
side checks and encodes anew (`jpeg`, `grey`, `veiled`). So no byte that a stranger wrote, and
nothing that a compromised worker could send, ever reaches a browser as a file.
"""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image, ImageFilter, ImageOps

MAX_SIDE_PX = 480
"""The longer side of a still: enough to judge its content, too little to spread."""

_VEIL_SIDE_PX = 24
"""Resolution of a veiled still: this many grey cells along its longer side, smoothed."""

_DRAFT_SIDE_PX = 2 * MAX_SIDE_PX
_QUALITY = 70
_CHANNELS = 3


@dataclass(frozen=True, slots=True)
class Still:
    """A picture as bare pixels.

    rgb: height x width x 3 bytes, row by row, sRGB, 0..255.
    raises: ValueError if a side or the number of bytes is wrong.
    """

    width: int
    height: int
    rgb: bytes

    def __post_init__(self) -> None:
        sides = (self.width, self.height)
        if any(type(side) is not int or not 1 <= side <= MAX_SIDE_PX for side in sides):
            raise ValueError(f"a still has sides of 1 to {MAX_SIDE_PX} pixels, not {sides!r:.60}")
        if len(self.rgb) != self.width * self.height * _CHANNELS:
            raise ValueError(f"a still of {sides} has {self.width * self.height * 3} bytes")


def take(image: Image.Image) -> Still:
    """Shrink an open picture, or the first frame of an animation, to a still. In a worker only.

    raises: any exception that Pillow raises for hostile bytes.
    """
    image.draft("RGB", (_DRAFT_SIDE_PX, _DRAFT_SIDE_PX))
    image.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX))
    upright = ImageOps.exif_transpose(image)
    plain = Image.new("RGB", upright.size, "white")
    whole = upright.convert("RGBA")
    plain.paste(whole, mask=whole.getchannel("A"))
    return Still(plain.width, plain.height, plain.tobytes())


def of_luma(width: int, height: int, luma: bytes) -> Still:
    """Return a grey picture as a still. raises: ValueError as Still does."""
    return Still(width, height, np.repeat(np.frombuffer(luma, np.uint8), _CHANNELS).tobytes())


def jpeg(still: Still) -> bytes:
    """Encode a still as a JPEG file, without metadata."""
    return _encode(_image(still))


def grey(still: Still) -> bytes:
    """Encode a still as a JPEG file in shades of grey, without metadata."""
    return _encode(_image(still).convert("L"))


def veiled(still: Still) -> bytes:
    """Encode a still as a grey blur, from which only light and dark areas can be seen."""
    image = _image(still).convert("L")
    cells = image.copy()
    cells.thumbnail((_VEIL_SIDE_PX, _VEIL_SIDE_PX), Image.Resampling.BOX)
    wide = cells.resize(image.size, Image.Resampling.BICUBIC)
    return _encode(wide.filter(ImageFilter.GaussianBlur(max(image.size) / _VEIL_SIDE_PX)))


def _image(still: Still) -> Image.Image:
    return Image.frombytes("RGB", (still.width, still.height), still.rgb)


def _encode(image: Image.Image) -> bytes:
    out = BytesIO()
    image.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()
