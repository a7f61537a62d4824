# SPDX-License-Identifier: Apache-2.0
"""Make views of a query: turned, mirrored, inverted, without its surroundings.

The shared hash is that of the original picture. Since a look-up does not know how a picture was
altered, it tries several views. Views are only for look-ups: they are never shared. A sharer may
request hashes of crops, which are shared: see `crops_of`.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stemtide.fingerprints.image import pdq
from stemtide.fingerprints.image.borders import (
    LOOK_SIDE_PX,
    MAX_BOXES,
    Box,
    boxes_in,
    snapped,
    tilt_of,
)
from stemtide.fingerprints.image.luma import Plane, pixels_of
from stemtide.fingerprints.kinds import MIN_QUALITY, QueryView

ORIENTATIONS = (
    "",
    "turned 90",
    "turned 180",
    "turned 270",
    "flipped",
    "mirrored",
    "transposed",
    "transversed",
)
"""Alteration of a picture that matches in this view, in the order of `pdq.dihedral`."""

INVERTED = "inverted"
BRIGHTENED = "brightened"
"""The content has so little contrast that it is only compared with more of it."""

_MOST_GAIN = 4.0
"""More contrast than this would turn the noise of a sensor into pictures."""

CROPS = (0.97, 0.94, 0.90, 0.85, 0.80, 0.70)
"""Shares of each side that the centred crops keep; there is also a centred square."""

TILTED_CROPS = (0.8, 0.7)
"""Crops of a picture that was turned back, which exclude its lost corners. They match shared crops.
"""

MAX_VIEWS = len(ORIENTATIONS) * (MAX_BOXES + 1)

_VIEW_SIDE_PX = 512
"""Boxes are hashed from a copy of about this size: PDQ samples 64 places a side."""


def views_of(plane: Plane, grid: pdq.Floats, *, part: str = "") -> list[QueryView]:
    """Return all views of a picture from one decode, surest first.

    plane:   the picture, or a reduced copy of it.
    grid:    (64, 64) float32 from `plane.shrink`.
    part:    part of the content, as in Fingerprint.
    returns: the other orientations and the negative of the whole; then, in all orientations, the
             picture without bars, frames and windows around it, or turned back. At most MAX_VIEWS,
             each of MIN_QUALITY or better. None is the picture's own hash.
    """
    return [*turned_views(grid, part=part), *boxed_views(plane, part=part)]


def turned_views(grid: pdq.Floats, *, part: str = "") -> list[QueryView]:
    """Return the other orientations and the negative of a picture, from its grid alone.

    If the picture is too dull for its hash to be compared, they are those of the picture with more
    contrast, itself among them. The bits do not depend on contrast; the quality does.
    """
    named = _bright_enough(grid, part=part)
    if not named:
        return []
    if named[0].transform:
        return named
    negative = bytes(255 - byte for byte in named[0].value)
    return [*named[1:], QueryView(INVERTED, negative, named[0].quality, part)]


def boxed_views(plane: Plane, *, part: str = "") -> list[QueryView]:
    """Return views without anything that may surround the picture, in all orientations."""
    small = small_copy(plane)
    grey = pixels_of(_scaled(small, LOOK_SIDE_PX))
    tilt = tilt_of(grey)
    views = [] if tilt is None else _tilted(small, tilt, part=part)
    boxes = boxes_in(grey)[: MAX_BOXES if tilt is None else MAX_BOXES - 1 - len(TILTED_CROPS)]
    pixels = pixels_of(small)
    for box in boxes:
        views += _bright_enough(pdq.shrink(pixels[snapped(pixels, box)]), name="boxed", part=part)
    return views


def crops_of(plane: Plane) -> list[tuple[str, bytes, int]]:
    """Hash centred crops of a picture that is to be shared, to match cropped copies.

    returns: (tag, hash, quality) of those that are good enough: "crop 97" to "crop 70" and
             "square".
    """
    pixels = pixels_of(small_copy(plane))
    height, width = plane.values.shape
    side = min(height, width)
    rest_y, rest_x = (height - side) / height / 2, (width - side) / width / 2
    boxes = {f"crop {share * 100:.0f}": _centred(share) for share in CROPS}
    boxes["square"] = Box(rest_y, 1 - rest_y, rest_x, 1 - rest_x)
    crops = [(tag, *pdq.hash_luma(_cut(pixels, box))) for tag, box in boxes.items()]
    return [crop for crop in crops if crop[2] >= MIN_QUALITY]


def _bright_enough(grid: pdq.Floats, *, name: str = "", part: str) -> list[QueryView]:
    """Return all eight orientations of a picture, with more contrast if it is too dull."""
    quality = pdq.quality(grid)
    if quality < MIN_QUALITY:
        low, high = float(grid.min()), float(grid.max())
        gain = min(255.0 / max(high - low, 1.0), _MOST_GAIN)
        quality = pdq.quality(np.asarray((grid - np.float32(low)) * np.float32(gain), np.float32))
        if quality < MIN_QUALITY:
            return []
        name = f"{name}, {BRIGHTENED}" if name else BRIGHTENED
    return [
        QueryView(", ".join(filter(None, (name, way))), value, quality, part)
        for way, value in zip(ORIENTATIONS, pdq.dihedral(grid), strict=True)
    ]


def _tilted(small: Image.Image, degrees: float, *, part: str) -> list[QueryView]:
    """Turn a picture back, and return views: the whole, without its lost corners, and crops."""
    name = f"tilted {abs(degrees):.0f}"
    middle = int(pixels_of(small).mean())
    back = pixels_of(small.rotate(-degrees, Image.Resampling.BILINEAR, fillcolor=middle))
    views = []
    for share in (1.0, *TILTED_CROPS):
        grid = pdq.shrink(_cut(back, _centred(share)))
        views += _bright_enough(grid, name=name, part=part)
    return views


def _centred(share: float) -> Box:
    rest = (1 - share) / 2
    return Box(rest, 1 - rest, rest, 1 - rest)


def small_copy(plane: Plane) -> Image.Image:
    """Return the picture with 8 bits a pixel, at about _VIEW_SIDE_PX."""
    values = plane.values
    if (plane.black, plane.white) != (0.0, 255.0) or values.dtype != np.uint8:
        scale = 255.0 / max(plane.white - plane.black, 1e-9)
        values = ((values - plane.black) * scale).clip(0, 255).astype(np.uint8)
    return _scaled(Image.fromarray(np.ascontiguousarray(values)), _VIEW_SIDE_PX)


def _scaled(image: Image.Image, side: int) -> Image.Image:
    """Shrink by a whole factor, so that the longer side is at most `side` px."""
    factor = -(-max(image.size) // side)
    return image.reduce(factor) if factor > 1 else image


def _cut(pixels: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """Return the pixels of a box."""
    height, width = pixels.shape
    top, bottom = round(box.top * height), round(box.bottom * height)
    left, right = round(box.left * width), round(box.right * width)
    return pixels[top:bottom, left:right]
