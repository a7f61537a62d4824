# SPDX-License-Identifier: Apache-2.0
"""Guess where the original picture is in a picture: inside bars, frames, captions, windows.

A photograph may come back with black bars, a white border, a caption above it, as a screenshot,
laid upon another picture, or turned by a few degrees with black corners. Its hash then is far from
the one that was shared. The results are guesses: a wrong one costs one look-up without a match.

Everything works on a small copy (256 px) and in numpy alone: under two milliseconds a picture.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.int16]
"""(h, w), 0 black to 255 white, signed so that differences fit."""
Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]

LOOK_SIDE_PX = 256
"""The longer side of the copy that is analysed."""

MAX_BOXES = 5

_TOLERANCE = 12
"""Levels by which pixels of one colour may differ after JPEG."""
_MOSTLY = 0.55
"""A row belongs to a bar if this share of it has the bar's colour: a caption leaves as much."""
_WHOLLY = 0.97
_LEAST_SHARE = 0.2
"""A box keeps at least this share of each side, or it is ignored."""
_LEAST_SIDE_PX = 24
_NEARLY_ALL = 0.985
"""A box of this share of the whole area adds nothing to the whole."""
_SAME_PX = 2


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in a picture, as shares of its height and width, 0..1; bottom and right open."""

    top: float
    bottom: float
    left: float
    right: float


def boxes_in(grey: Grey) -> list[Box]:
    """Guess where the original picture is within this one.

    grey:    (h, w) int16, the picture at LOOK_SIDE_PX or less.
    returns: at most MAX_BOXES different boxes, none of them (nearly) the whole; surest first.
    """
    height, width = grey.shape
    if min(height, width) < _LEAST_SIDE_PX:
        return []
    boxes: list[_Rows] = []
    for box in _guesses(grey):
        area = (box.bottom - box.top) * (box.right - box.left)
        is_small = min(box.bottom - box.top, box.right - box.left) < _LEAST_SIDE_PX
        if is_small or area > _NEARLY_ALL * height * width or any(box.is_near(k) for k in boxes):
            continue
        boxes.append(box)
        if len(boxes) == MAX_BOXES:
            break
    return [
        Box(box.top / height, box.bottom / height, box.left / width, box.right / width)
        for box in boxes
    ]


@dataclass(frozen=True, slots=True)
class _Rows:
    """A rectangle in pixels of the small copy."""

    top: int
    bottom: int
    left: int
    right: int

    def is_near(self, other: "_Rows") -> bool:
        apart = (
            self.top - other.top,
            self.bottom - other.bottom,
            self.left - other.left,
            self.right - other.right,
        )
        return max(map(abs, apart)) <= _SAME_PX


def _guesses(grey: Grey) -> Iterator[_Rows]:
    yield _without_bars(grey, share=_WHOLLY)
    yield _without_bars(grey, share=_MOSTLY)
    yield _with_detail(grey)
    yield from _framed(grey)


def snapped(pixels: NDArray[np.uint8], box: Box) -> tuple[slice, slice]:
    """Move each inner side of a box onto the sharpest edge near it, in a larger copy.

    pixels:  (h, w) uint8, one to four times the size in which the box was found.
    returns: the rows and the columns of the box.
    """
    height, width = pixels.shape
    reach = max(1, math.ceil(max(height, width) / LOOK_SIDE_PX))
    left, right = round(box.left * width), round(box.right * width)
    columns = slice(left, max(right, left + 1))
    top = _sharpest(pixels[:, columns], box.top, reach)
    bottom = max(_sharpest(pixels[:, columns], box.bottom, reach), top + 1)
    strip = pixels[top:bottom].T
    left = _sharpest(strip, box.left, reach)
    right = max(_sharpest(strip, box.right, reach), left + 1)
    return slice(top, bottom), slice(left, right)


def _sharpest(rows: NDArray[np.uint8], place: float, reach: int) -> int:
    """Return the row near a place (a share of the height) before which brightness changes most."""
    height = len(rows)
    middle = round(place * height)
    if middle <= 0 or middle >= height:
        return min(max(middle, 0), height)
    first, last = max(0, middle - reach - 1), min(height, middle + reach + 1)
    near = rows[first:last].astype(np.int16)
    steps = np.abs(near[1:] - near[:-1]).mean(axis=1)
    return first + 1 + int(np.argmax(steps))


# -- bars ---------------------------------------------------------------------------------------


def _without_bars(grey: Grey, *, share: float) -> _Rows:
    """Remove rows, then columns, of which at least a share has the colour of their two ends."""
    top, bottom = _longest(_is_picture(grey, share), len(grey))
    strip = grey[top:bottom]
    left, right = _longest(_is_picture(strip.T, share), grey.shape[1])
    return _Rows(top, bottom, left, right)


def _is_picture(rows: Grey, share: float) -> Mask:
    """Return, for each row, whether too little of it is of one colour for a bar."""
    ends = max(1, rows.shape[1] // 40)
    edge = np.median(np.concatenate([rows[:, :ends], rows[:, -ends:]], axis=1), axis=1)
    alike = np.abs(rows - edge.astype(np.int16)[:, None]) <= _TOLERANCE
    is_picture: Mask = alike.mean(axis=1) < share
    return is_picture


def _longest(mask: Mask, length: int, *, gap: int = 0) -> tuple[int, int]:
    """Find the longest run of True, over gaps of a fiftieth; else return the whole length."""
    places = np.flatnonzero(mask)
    if len(places) == 0:
        return 0, length
    breaks = np.flatnonzero(np.diff(places) > (gap or max(2, length // 50)) + 1)
    starts = places[np.concatenate([[0], breaks + 1])]
    stops = places[np.concatenate([breaks, [len(places) - 1]])] + 1
    best = int(np.argmax(stops - starts))
    start, stop = int(starts[best]), int(stops[best])
    return (start, stop) if stop - start >= length * _LEAST_SHARE else (0, length)


# -- detail -------------------------------------------------------------------------------------

_DETAIL_LEVELS = 6
_HALF = 0.5


def _with_detail(grey: Grey) -> _Rows:
    """Keep the rows, then the columns, with about as much fine detail as the rest."""
    height, width = grey.shape
    inner = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    detail = np.zeros((height, width), np.bool_)
    detail[1:-1, 1:-1] = np.abs(4 * inner - around) > _DETAIL_LEVELS
    top, bottom = _longest(_is_rich(detail), height, gap=height // 16)
    left, right = _longest(_is_rich(detail[top:bottom].T), width, gap=width // 16)
    return _Rows(top, bottom, left, right)


def _is_rich(detail: Mask) -> Mask:
    amount = detail.mean(axis=1)
    upper = amount[amount > np.percentile(amount, 60)]
    least = _HALF * float(np.median(upper)) if len(upper) else 0.0
    rich: Mask = amount > least
    return rich


# -- straight lines -----------------------------------------------------------------------------

_STEP_LEVELS = 9
_LINES = 6
_ROWS_TRIED = 32
_RUN_SHARE = 0.25
_LEAST_BOX_SHARE = 0.25
_LEAST_SUPPORT = 0.5
_FRAMES = 4


def _framed(grey: Grey) -> list[_Rows]:
    """Find rectangles whose inner sides are straight lines in the picture: windows, insets.

    1. Mark places where the brightness changes abruptly, more than next to them.
    2. Take the rows and the columns with the longest runs of such places.
    3. Of all rectangles between these and the picture's edges, keep those with marks along each of
       their inner sides, best first.
    """
    height, width = grey.shape
    across, down = _lines(_steps(grey)), _lines(_steps(np.ascontiguousarray(grey.T)))
    top, bottom = _pairs(across, whole=height)
    left, right = _pairs(down, whole=width)
    if min(len(top), len(left)) == 0:
        return []
    rows, columns = len(top), len(left)
    tops, bottoms = np.repeat(top, columns), np.repeat(bottom, columns)
    lefts, rights = np.tile(left, rows), np.tile(right, rows)
    sides = np.stack(
        [
            across.support(tops, lefts, rights),
            across.support(bottoms, lefts, rights),
            down.support(lefts, tops, bottoms),
            down.support(rights, tops, bottoms),
        ]
    )
    inner = np.stack([tops > 0, bottoms < height, lefts > 0, rights < width])
    weakest = np.where(inner, sides, 1.0).min(axis=0)
    score = np.where(inner, sides, 0.0).sum(axis=0)
    good = np.flatnonzero((weakest >= _LEAST_SUPPORT) & inner.any(axis=0))
    order = good[np.argsort(-score[good], kind="stable")]
    boxes: list[_Rows] = []
    for i in order:
        box = _Rows(int(tops[i]), int(bottoms[i]), int(lefts[i]), int(rights[i]))
        if not any(box.is_near(other) for other in boxes):
            boxes.append(box)
        if len(boxes) == _FRAMES:
            break
    return boxes


def _steps(grey: Grey) -> Mask:
    """Mark, between row y - 1 and row y, places where brightness changes more than next to them.

    returns: (h + 1, w) bool; the first and the last rows are False.
    """
    height, width = grey.shape
    marked = np.zeros((height + 1, width), np.bool_)
    change = np.abs(grey[2:] - grey[:-2])  # over two rows: a small copy blurs an edge over both
    step = np.abs(grey[1:] - grey[:-1])
    beside = np.zeros((height - 1, width), np.int16)
    beside[2:] = step[:-2]
    beside[:-2] = np.maximum(beside[:-2], step[2:])
    sharp = np.zeros((height - 1, width), np.int16)
    sharp[:-1] = change
    sharp[1:] = np.maximum(sharp[1:], change)
    marked[1:-1] = (sharp > _STEP_LEVELS) & (step * 2 > sharp) & (sharp > 2 * beside)
    return marked


@dataclass(frozen=True, slots=True)
class _Lines:
    """The rows with long runs of marks.

    rows:   sorted; row y is between y - 1 and y.
    places: (h + 1,) index into `rows` of each row, 0 if none: never used.
    summed: (rows, w + 1) marks summed from the left, over the adjacent rows as well, as lines lean
            a little.
    """

    rows: list[int]
    places: NDArray[np.intp]
    summed: Floats

    def support(
        self, row: NDArray[np.intp], start: NDArray[np.intp], stop: NDArray[np.intp]
    ) -> Floats:
        """Return the share of marks along each of these rows, between two columns."""
        if not self.rows:
            return np.zeros(len(row), np.float32)
        place = self.places[row]
        share: Floats = (self.summed[place, stop] - self.summed[place, start]) / (stop - start)
        return share


def _lines(marked: Mask) -> _Lines:
    """Choose the rows with the longest run of marks, none next to another."""
    height, width = marked.shape
    amount = np.count_nonzero(marked, axis=1)
    many = np.sort(np.argsort(-amount, kind="stable")[:_ROWS_TRIED])
    gain = np.cumsum(marked[many] - np.float32(_LEAST_SUPPORT), axis=1, dtype=np.float32)
    lowest = np.minimum.accumulate(np.minimum(gain, 0), axis=1)
    best = np.zeros(height, np.float32)
    best[many] = (gain - lowest).max(axis=1)
    rows: list[int] = []
    for _ in range(_LINES):
        row = int(np.argmax(best))
        if best[row] < _RUN_SHARE * width * (1 - _LEAST_SUPPORT) * _HALF:
            break
        rows.append(row)
        best[max(0, row - _SAME_PX) : row + _SAME_PX + 1] = 0
    rows.sort()
    places = np.zeros(height, np.intp)
    places[rows] = range(len(rows))
    summed = np.zeros((len(rows), width + 1), np.float32)
    for place, row in enumerate(rows):  # the first and the last row are never marked
        np.cumsum(marked[row - 1 : row + 2].any(axis=0), out=summed[place, 1:])
    return _Lines(rows, places, summed)


def _pairs(lines: _Lines, *, whole: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return all pairs of lines, and of the picture's edges, that are far enough apart."""
    places = np.array([0, *lines.rows, whole], np.intp)
    first, last = (side.ravel() for side in np.meshgrid(places, places, indexing="ij"))
    far = last - first >= whole * _LEAST_BOX_SHARE
    return first[far], last[far]


# -- tilt ---------------------------------------------------------------------------------------

_LEAST_LEG_PX = 4
_LEAST_TILT, _MOST_TILT = 1.5, 40.0
_CORNERS_AGREE = 3


def tilt_of(grey: Grey) -> float | None:
    """Return by how many degrees a picture with corners of one colour was turned.

    Turning leaves a triangle in each corner; the ratio of its legs is the tangent of the angle, and
    the long leg is along the top in one pair of corners, along the side in the other.

    grey:    (h, w) int16 at LOOK_SIDE_PX or less.
    returns: degrees by which to turn it back, counter-clockwise as in Pillow; None if it is not
             turned, or the angle cannot be determined.
    """
    if min(grey.shape) < _LEAST_SIDE_PX:
        return None
    looks = (grey, grey[:, ::-1], grey[::-1, ::-1], grey[::-1])
    legs = [_legs(corner) for corner in looks]
    angles = []
    for number, (along, aside) in enumerate(legs):
        if min(along, aside) < _LEAST_LEG_PX or not _is_triangle(looks[number], along, aside):
            continue
        swaps = number % 2  # in these corners the line of the top edge runs along the side
        angles.append(math.degrees(math.atan2(*((along, aside) if swaps else (aside, along)))))
    if len(angles) < _CORNERS_AGREE:
        return None
    middle = float(np.median(angles))
    turned = middle if middle < 45 else middle - 90  # noqa: PLR2004 - a right angle's half
    agree = sum(abs(angle - middle) < 3 for angle in angles)  # noqa: PLR2004 - degrees
    is_tilt = agree >= _CORNERS_AGREE and _LEAST_TILT <= abs(turned) <= _MOST_TILT
    return turned if is_tilt else None


def _legs(corner: Grey) -> tuple[int, int]:
    """Measure how far the colour of the top left corner extends along the top and the side."""
    colour = corner[0, 0]
    along = np.abs(corner[0] - colour) > _TOLERANCE
    aside = np.abs(corner[:, 0] - colour) > _TOLERANCE
    return (
        int(np.argmax(along)) if along.any() else 0,
        int(np.argmax(aside)) if aside.any() else 0,
    )


def _is_triangle(corner: Grey, along: int, aside: int) -> bool:
    """Whether all pixels between the two legs have one colour, and those beyond the line do not."""
    box = np.abs(corner[:aside, :along] - corner[0, 0]) <= _TOLERANCE
    y = (np.arange(aside) + 0.5)[:, None] / aside
    x = (np.arange(along) + 0.5)[None, :] / along
    inside, beyond = x + y < 0.9, x + y > 1.1  # noqa: PLR2004 - a little off the line itself
    return bool(box[inside].mean() > _WHOLLY and box[beyond].mean() < _HALF)
