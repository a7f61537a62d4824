# SPDX-License-Identifier: Apache-2.0
"""Guess where the original picture is in a picture: inside bars, frames, captions, windows.

A photograph may come back with black bars, a white border, a caption above it, as a screenshot,
laid upon another picture, or turned by a few degrees with black corners. Its hash then is far from
the one that was shared. The results are guesses: a wrong one costs one look-up without a match.

Everything works on a small copy (256 px) and in numpy alone: under a millisecond a picture.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
"""(h, w), 0 black to 255 white. Differences do not fit: see `_apart`."""
Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
Counts = NDArray[np.int16]

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

    grey:    (h, w) uint8, the picture at LOOK_SIDE_PX or less.
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
        return (
            abs(self.top - other.top) <= _SAME_PX
            and abs(self.bottom - other.bottom) <= _SAME_PX
            and abs(self.left - other.left) <= _SAME_PX
            and abs(self.right - other.right) <= _SAME_PX
        )


def _guesses(grey: Grey) -> Iterator[_Rows]:
    yield from _without_bars(grey)
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
    steps = _apart(rows[first + 1 : last], rows[first : last - 1])
    return first + 1 + int(steps.sum(axis=1, dtype=np.int32).argmax())


def _apart(left: Grey, right: Grey) -> Grey:
    """Return by how many levels pixels differ, without a detour over signed numbers."""
    return np.maximum(left, right) - np.minimum(left, right)


def _count(mask: Mask) -> Counts:
    """Return how many places of each row are True. A sum in two bytes takes half the time."""
    counts: Counts = mask.sum(axis=1, dtype=np.int16)
    return counts


# -- bars ---------------------------------------------------------------------------------------


def _without_bars(grey: Grey) -> Iterator[_Rows]:
    """Remove rows, then columns, of which at least a share has the colour of their two ends."""
    height, width = grey.shape
    in_rows, in_columns = _share_of_bar(grey), {}
    for share in (_WHOLLY, _MOSTLY):
        rows = top, bottom = _longest(in_rows < share, height)
        if rows not in in_columns:  # often both shares leave the same rows
            in_columns[rows] = _share_of_bar(grey[top:bottom].T)
        left, right = _longest(in_columns[rows] < share, width)
        yield _Rows(top, bottom, left, right)


def _share_of_bar(rows: Grey) -> Floats:
    """Return, for each row, the share of it that has the colour of its two ends."""
    width = rows.shape[1]
    ends = max(1, width // 40)
    edges = np.sort(np.concatenate([rows[:, :ends], rows[:, -ends:]], axis=1), axis=1)
    low, high = edges[:, ends - 1], edges[:, ends]
    median = low + (high - low) // 2  # of an even number: the mean of the two, without overflow
    share: Floats = _count(_apart(rows, median[:, None]) <= _TOLERANCE) / width
    return share


def _longest(mask: Mask, length: int, *, gap: int = 0) -> tuple[int, int]:
    """Find the longest run of True, over gaps of a fiftieth; else return the whole length."""
    places = np.flatnonzero(mask)
    if len(places) == 0:
        return 0, length
    before = np.flatnonzero(places[1:] - places[:-1] > (gap or max(2, length // 50)) + 1)
    firsts = [int(places[0]), *places[before + 1].tolist()]
    lasts = [*places[before].tolist(), int(places[-1])]
    first, last = max(zip(firsts, lasts, strict=True), key=lambda run: run[1] - run[0])
    return (first, last + 1) if last + 1 - first >= length * _LEAST_SHARE else (0, length)


# -- detail -------------------------------------------------------------------------------------

_DETAIL_LEVELS = 6
_PERCENTILE = 0.6
_HALF = 0.5


def _with_detail(grey: Grey) -> _Rows:
    """Keep the rows, then the columns, with about as much fine detail as the rest."""
    height, width = grey.shape
    levels = grey.astype(np.int16)
    around = levels[:-2, 1:-1] + levels[2:, 1:-1]
    around += levels[1:-1, :-2]
    around += levels[1:-1, 2:]
    around -= 4 * levels[1:-1, 1:-1]
    detail = np.zeros((height, width), np.bool_)
    np.greater(np.abs(around, out=around), _DETAIL_LEVELS, out=detail[1:-1, 1:-1])
    top, bottom = _longest(_is_rich(detail), height, gap=height // 16)
    left, right = _longest(_is_rich(detail[top:bottom].T), width, gap=width // 16)
    return _Rows(top, bottom, left, right)


def _is_rich(detail: Mask) -> Mask:
    """Return, for each row, whether it has half of the detail that the richest 40 % have."""
    amount: Floats = _count(detail) / detail.shape[1]
    ordered = np.sort(amount)
    upper = ordered[ordered > ordered[int((len(ordered) - 1) * _PERCENTILE)]]
    median = (upper[(len(upper) - 1) // 2] + upper[len(upper) // 2]) / 2 if len(upper) else 0.0
    rich: Mask = amount > _HALF * median
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
    across, down = _lines(_steps(grey)), _lines(_steps(grey.T))
    rows, columns = across.pairs(), down.pairs()
    if min(rows.size, columns.size) == 0:
        return []
    (top, bottom), (left, right) = across.places[rows], down.places[columns]
    support = across.support(left, right), down.support(top, bottom)
    is_enough = tuple(share >= _LEAST_SUPPORT for share in support)
    for line in is_enough:
        line[[0, -1]] = True  # the picture's edges need no marks
    score = np.add.reduce(_of_sides(rows, columns, *support))
    is_good = np.logical_and.reduce(_of_sides(rows, columns, *is_enough))
    good = np.flatnonzero(is_good & (score > 0))
    order = good[np.argsort(-score.ravel()[good], kind="stable")]
    boxes: list[_Rows] = []
    for number in order.tolist():
        i, j = divmod(number, len(left))
        box = _Rows(int(top[i]), int(bottom[i]), int(left[j]), int(right[j]))
        if not any(box.is_near(other) for other in boxes):
            boxes.append(box)
        if len(boxes) == _FRAMES:
            break
    return boxes


def _of_sides(
    rows: NDArray[np.intp], columns: NDArray[np.intp], across: NDArray[Any], down: NDArray[Any]
) -> NDArray[Any]:
    """Return what is known of the four sides of each rectangle: (4, pairs of rows, of columns).

    rows, columns: the pairs.
    across, down:  of each line, beside each pair of the others.
    """
    return np.concatenate([across[rows], down[columns].swapaxes(1, 2)])


def _steps(grey: Grey) -> Mask:
    """Mark, between row y - 1 and row y, places where brightness changes more than next to them.

    returns: (h + 1, w) bool; the first and the last rows are False.
    """
    marked = np.zeros_like(grey, np.bool_, shape=(len(grey) + 1, grey.shape[1]))
    change = _apart(grey[2:], grey[:-2])  # over two rows: a small copy blurs an edge over both
    step = _apart(grey[1:], grey[:-1])
    beside = np.zeros_like(step)
    beside[2:] = step[:-2]
    np.maximum(beside[:-2], step[2:], out=beside[:-2])
    sharp = np.zeros_like(step)
    sharp[:-1] = change
    np.maximum(sharp[1:], change, out=sharp[1:])
    half = sharp // 2  # twice a step may not fit into a byte
    marked[1:-1] = (sharp > _STEP_LEVELS) & (step > half) & (sharp - half > beside)
    return marked


@dataclass(frozen=True, slots=True)
class _Lines:
    """The rows with long runs of marks, and the picture's edges.

    places: (n,) from 0 to h, sorted; the line at y is between row y - 1 and row y.
    summed: (n, w + 1) marks summed from the left, over the adjacent rows as well, as lines lean a
            little. None at the edges.
    """

    places: NDArray[np.intp]
    summed: Counts

    def pairs(self) -> NDArray[np.intp]:
        """Return the first and the last of any two lines that are far enough apart: (2, pairs)."""
        places = self.places.tolist()
        least = places[-1] * _LEAST_BOX_SHARE
        pairs = combinations(range(len(places)), 2)
        far = [(i, j) for i, j in pairs if places[j] - places[i] >= least]
        return np.array(far, np.intp).reshape(-1, 2).T

    def support(self, start: NDArray[np.intp], stop: NDArray[np.intp]) -> Floats:
        """Return the share of marks along each line between two columns: (lines, columns)."""
        share: Floats = (self.summed[:, stop] - self.summed[:, start]) / (stop - start)
        return share


def _lines(marked: Mask) -> _Lines:
    """Choose the rows with the longest run of marks, none next to another."""
    height, width = marked.shape
    least = _RUN_SHARE * width * (1 - _LEAST_SUPPORT) * _HALF
    amount = _count(marked)
    many = np.flatnonzero(amount * (1 - _LEAST_SUPPORT) >= least)
    if len(many) > _ROWS_TRIED:
        many = np.sort(many[np.argsort(-amount[many], kind="stable")[:_ROWS_TRIED]])
    best = np.zeros(height)
    best[many] = _longest_runs(marked[many])
    rows = [0, height - 1]
    for _ in range(_LINES):
        row = int(np.argmax(best))
        if best[row] < least:
            break
        rows.append(row)
        best[max(0, row - _SAME_PX) : row + _SAME_PX + 1] = 0
    rows.sort()
    summed = np.zeros((len(rows), width + 1), np.int16)
    for place, row in enumerate(rows[1:-1], start=1):
        near = marked[row - 1] | marked[row] | marked[row + 1]
        np.cumsum(near, out=summed[place, 1:])
    return _Lines(np.array(rows, np.intp), summed)


def _longest_runs(marked: Mask) -> Floats:
    """Return, for each row, the most that marks outweigh gaps by along any stretch of it."""
    gain = np.add.accumulate(2 * marked.astype(np.int32) - 1, axis=1)
    lowest = np.minimum.accumulate(np.minimum(gain, 0), axis=1)
    runs: Floats = (gain - lowest).max(axis=1) * (1 - _LEAST_SUPPORT)
    return runs


# -- tilt ---------------------------------------------------------------------------------------

_LEAST_LEG_PX = 4
_LEAST_TILT, _MOST_TILT = 1.5, 40.0
_CORNERS, _CORNERS_AGREE = 4, 3


def tilt_of(grey: Grey) -> float | None:
    """Return by how many degrees a picture with corners of one colour was turned.

    Turning leaves a triangle in each corner; the ratio of its legs is the tangent of the angle, and
    the long leg is along the top in one pair of corners, along the side in the other.

    grey:    (h, w) uint8 at LOOK_SIDE_PX or less.
    returns: degrees by which to turn it back, counter-clockwise as in Pillow; None if it is not
             turned, or the angle cannot be determined.
    """
    if min(grey.shape) < _LEAST_SIDE_PX:
        return None
    angles = []
    for number, corner in enumerate((grey, grey[:, ::-1], grey[::-1, ::-1], grey[::-1])):
        along, aside = _legs(corner)
        if min(along, aside) >= _LEAST_LEG_PX and _is_triangle(corner, along, aside):
            swaps = number % 2  # in these corners the line of the top edge runs along the side
            angles.append(math.degrees(math.atan2(*((along, aside) if swaps else (aside, along)))))
        if number - len(angles) >= _CORNERS - _CORNERS_AGREE:
            return None  # as is most often known after two corners
    middle = float(np.median(angles))
    turned = middle if middle < 45 else middle - 90  # noqa: PLR2004 - a right angle's half
    agree = sum(abs(angle - middle) < 3 for angle in angles)  # noqa: PLR2004 - degrees
    is_tilt = agree >= _CORNERS_AGREE and _LEAST_TILT <= abs(turned) <= _MOST_TILT
    return turned if is_tilt else None


def _legs(corner: Grey) -> tuple[int, int]:
    """Measure how far the colour of the top left corner extends along the top and the side.

    returns: 0 for a side that has this colour as a whole.
    """
    colour = corner[0, 0]
    along, aside = (_apart(side, colour) > _TOLERANCE for side in (corner[0], corner[:, 0]))
    return int(along.argmax()), int(aside.argmax())


def _is_triangle(corner: Grey, along: int, aside: int) -> bool:
    """Whether all pixels between the two legs have one colour, and those beyond the line do not."""
    box = _apart(corner[:aside, :along], corner[0, 0]) <= _TOLERANCE
    y = (np.arange(aside) + 0.5)[:, None] / aside
    x = (np.arange(along) + 0.5)[None, :] / along
    inside, beyond = x + y < 0.9, x + y > 1.1  # noqa: PLR2004 - a little off the line itself
    return bool(box[inside].mean() > _WHOLLY and box[beyond].mean() < _HALF)
