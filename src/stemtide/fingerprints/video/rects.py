# SPDX-License-Identifier: Apache-2.0
"""Guess the rectangle of a video in which the video is: inside bars, captions, frames, screens.

Three ways, on a few small frames: where the picture moves, where the border is of one colour, and
where straight edges do not move. Nothing is recognised, so each result is only a guess worth one
more hash.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stemtide.fingerprints.video.thumbnails import MIN_SIDE_PX, Thumbs

MOST_RECTS = 5
_FRAMES = 16
_MOVES = 4.0
"""A pixel whose brightness over time has a larger standard deviation (of 255) is in motion."""
_MOVING_PART = 0.12
_NEAREST_PX = 2
_FULL_PART = 0.97
_MIN_SPAN = 0.22
_FIRST = np.zeros(1, np.int64)

Flags = NDArray[np.bool_]
Parts = NDArray[np.float64]


class Rect(NamedTuple):
    """A rectangle of a thumb, px; bottom and right are exclusive."""

    top: int
    bottom: int
    left: int
    right: int


class _Guess(NamedTuple):
    rect: Rect
    weight: float


def find_rects(thumbs: Thumbs) -> list[Rect]:
    """Guess the rectangles in which a video may be, likeliest first, at most MOST_RECTS.

    thumbs: (n, h, w) uint8; 16 of them, evenly spread, are used.
    """
    picked = np.linspace(0, len(thumbs) - 1, min(len(thumbs), _FRAMES)).astype(int)
    few = thumbs[picked].astype(np.int16)
    guesses = [*_moving(few), *_bordered(few), *_framed(few)]
    height, width = few.shape[1:]
    rects: list[Rect] = []
    for rect, _ in sorted(guesses, key=lambda guess: -guess.weight):
        tall, wide = rect.bottom - rect.top, rect.right - rect.left
        is_whole = tall * wide > _FULL_PART * height * width
        is_known = any(_distance(rect, other) <= _NEAREST_PX for other in rects)
        if not is_whole and not is_known and min(tall, wide) >= MIN_SIDE_PX:
            rects.append(rect)
    return rects[:MOST_RECTS]


def _distance(rect: Rect, other: Rect) -> int:
    return max(abs(a - b) for a, b in zip(rect, other, strict=True))


def _longest_run(flags: Flags, *, gap: int) -> tuple[int, int]:
    """Find the longest run of True, across gaps of up to `gap`; (0, 0) if there is none."""
    places = np.flatnonzero(flags)
    if not len(places):
        return 0, 0
    breaks = np.flatnonzero(places[1:] - places[:-1] > gap + 1)
    starts = places[np.concatenate([_FIRST, breaks + 1])]
    ends = places[np.concatenate([breaks, _FIRST + (len(places) - 1)])]
    best = int(np.argmax(ends - starts))
    return int(starts[best]), int(ends[best]) + 1


def _moving(few: NDArray[np.int16]) -> list[_Guess]:
    """Return the bounds of motion; needs a few frames."""
    count, height, width = few.shape
    if count < 6:  # noqa: PLR2004 - of fewer frames, noise would be movement
        return []
    moves = few.std(axis=0) > _MOVES
    top, bottom = _longest_run(moves.mean(axis=1) > _MOVING_PART, gap=height // 12)
    if bottom - top <= height / 4:
        return []
    columns = moves[top:bottom].mean(axis=0) > _MOVING_PART
    left, right = _longest_run(columns, gap=width // 12)
    return [_Guess(Rect(top, bottom, left, right), 2.0)] if right - left > width / 4 else []


def _bordered(few: NDArray[np.int16]) -> list[_Guess]:
    """Trim borders frame by frame, by colour and by detail, and keep results of many frames."""
    votes: dict[tuple[int, ...], list[Rect]] = {}
    for frame in few:
        for rect in (_trim_solid(frame), _trim_plain(frame)):
            votes.setdefault(tuple(round(side / 3) for side in rect), []).append(rect)
    guesses = []
    for rects in votes.values():
        part = len(rects) / len(few)
        if part >= 0.35:  # noqa: PLR2004 - a third of the frames; scenes differ
            middle = np.median(np.array(rects), axis=0).astype(int).tolist()
            guesses.append(_Guess(Rect(*middle), 1 + part))
    return guesses


def _trim_solid(frame: NDArray[np.int16]) -> Rect:
    """Cut off rows and columns most of whose pixels have the colour of that row's own ends."""
    height, width = frame.shape
    top, bottom = _or_whole(_longest_run(_is_varied(frame), gap=max(2, height // 50)), height)
    inner = frame[top:bottom]
    left, right = _or_whole(_longest_run(_is_varied(inner.T), gap=max(2, width // 50)), width)
    return Rect(top, bottom, left, right)


def _is_varied(rows: NDArray[np.int16]) -> Flags:
    ends = max(1, rows.shape[1] // 40)
    edge = np.median(np.concatenate([rows[:, :ends], rows[:, -ends:]], axis=1), axis=1)
    part: Parts = (np.abs(rows - edge.astype(np.int16)[:, None]) <= 12).mean(axis=1)  # noqa: PLR2004 - coding noise
    return part < 0.55  # noqa: PLR2004 - more than half a row in one colour is border


def _trim_plain(frame: NDArray[np.int16]) -> Rect:
    """Cut off rows and columns with little detail: blurred copies and gradients as borders."""
    height, width = frame.shape
    padded = np.pad(frame, 1, mode="edge")
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    detail = np.abs(around - 4 * frame) > 6  # noqa: PLR2004 - of 255: more than coding noise
    top, bottom = _or_whole(_longest_run(_is_busy(detail.mean(axis=1)), gap=height // 16), height)
    across = detail[top:bottom].mean(axis=0)
    left, right = _or_whole(_longest_run(_is_busy(across), gap=width // 16), width)
    return Rect(top, bottom, left, right)


def _is_busy(detail: Parts) -> Flags:
    upper = detail[detail > np.percentile(detail, 60)]
    return detail > 0.5 * np.median(upper) if len(upper) else detail > 0


def _or_whole(run: tuple[int, int], side: int) -> tuple[int, int]:
    return run if run[1] - run[0] >= side / 5 else (0, side)


def _framed(few: NDArray[np.int16]) -> list[_Guess]:
    """Return rectangles between straight edges that do not move in most frames."""
    _, height, width = few.shape
    down: Parts = (np.abs(np.diff(few, axis=1)) > 8).mean(axis=0)  # noqa: PLR2004 - of 255
    across: Parts = (np.abs(np.diff(few, axis=2)) > 8).mean(axis=0)  # noqa: PLR2004 - of 255
    ys = sorted({0, height, *_straight_edges(down, least=0.3 * width)})
    xs = sorted({0, width, *_straight_edges(across.T, least=0.3 * height)})
    spans_y = [(a, b) for a in ys for b in ys if b - a >= _MIN_SPAN * height]
    spans_x = [(a, b) for a in xs for b in xs if b - a >= _MIN_SPAN * width]
    stands_down, stands_across = down > 0.5, across > 0.5  # noqa: PLR2004 - most frames
    guesses = []
    for top, bottom in spans_y:
        for left, right in spans_x:
            rect = Rect(top, bottom, left, right)
            support = _support(rect, stands_down, stands_across)
            if support and min(support) >= 0.35:  # noqa: PLR2004 - a third of the side
                weight = float(np.mean(support)) * (0.5 + len(support) / 8)
                guesses.append(_Guess(rect, weight))
    return sorted(guesses, key=lambda guess: -guess.weight)[:4]


def _straight_edges(edges: Parts, *, least: float) -> list[int]:
    """Find up to six rows with an edge that does not move along at least `least` px."""
    lengths = []
    for row in edges > 0.55:  # noqa: PLR2004 - most frames
        start, end = _longest_run(row, gap=2)
        lengths.append(end - start)
    left = np.array(lengths)
    rows: list[int] = []
    while len(rows) < 6:  # noqa: PLR2004 - more make too many rectangles
        best = int(np.argmax(left))
        if left[best] < least:
            break
        rows.append(best + 1)
        left[max(0, best - 3) : best + 4] = 0
    return rows


def _support(rect: Rect, down: Flags, across: Flags) -> list[float]:
    """Return, for each side inside the picture, the share of it that is an unmoving edge."""
    height, width = across.shape[0], down.shape[1]
    top, bottom, left, right = rect
    support = []
    if top > 0:
        support.append(float(down[top - 1, left:right].mean()))
    if bottom < height:
        support.append(float(down[bottom - 1, left:right].mean()))
    if left > 0:
        support.append(float(across[top:bottom, left - 1].mean()))
    if right < width:
        support.append(float(across[top:bottom, right - 1].mean()))
    return support
