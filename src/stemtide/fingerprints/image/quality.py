# SPDX-License-Identifier: Apache-2.0
"""Explain why the hash of a picture is not compared, in words that a person can act on."""

import numpy as np

from stemtide.fingerprints.image import pdq
from stemtide.fingerprints.kinds import MIN_QUALITY, QueryView

LOW_QUALITY = "low quality"
"""Beginning of the remark."""

_TINY_PX = 32
_ONE_COLOUR_LEVELS = 6
_PALE_LEVELS = 64
_DARK_LEVEL, _BRIGHT_LEVEL = 80, 175
_FLAT_LEVELS = 2.55
_MOSTLY_FLAT = 0.6


def why_dull(grid: pdq.Floats, *, size: tuple[int, int]) -> str:
    """Return the reason for the low quality of a picture.

    grid: (64, 64) float32 from `pdq.shrink`.
    size: height and width of the picture, px.
    """
    low, high = float(grid.min()), float(grid.max())
    flat = float((np.abs(np.diff(grid, axis=1)) < _FLAT_LEVELS).mean())
    plain = f"{flat:.0%} of it is plain: one colour, or changing too slowly to hold on to"
    wrong = (
        (high - low <= _ONE_COLOUR_LEVELS, "it is of one colour"),
        (min(size) < _TINY_PX, f"it is tiny ({size[1]} x {size[0]} px)"),
        (high < _DARK_LEVEL, "it is very dark"),
        (low > _BRIGHT_LEVEL, "it is very bright"),
        (high - low < _PALE_LEVELS, "it has hardly any contrast"),
        (flat > _MOSTLY_FLAT, plain),
    )
    other = "it has little that the hash could hold on to"
    return next((why for is_so, why in wrong if is_so), other)


def low_quality(quality: int, why: str, *, tried: list[QueryView] | None) -> str:
    """Return the remark that a hash is not compared, with the reason and the replacement.

    tried: the views that were made of it instead; None if no views were requested.
    """
    remark = (
        f"{LOW_QUALITY} ({quality} of 100): {why}; PDQ hashes of a quality under {MIN_QUALITY}"
        " are not compared"
    )
    if tried is None:
        return f"{remark}; views of it were not asked for"
    if not tried:
        return (
            f"{remark}. Tried instead: more contrast, and what may be a picture within it;"
            " neither is better, so that only digests of the file are compared"
        )
    best = max(tried, key=lambda view: view.quality)
    names = ", ".join(dict.fromkeys(view.transform.split(",")[0] for view in tried))
    return f"{remark}. Compared instead: {names} (quality up to {best.quality})"
