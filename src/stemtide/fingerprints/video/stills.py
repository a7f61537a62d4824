# SPDX-License-Identifier: Apache-2.0
"""Take a few small grey frames of a film, for people. Runs in a worker, on hostile content."""

from dataclasses import replace

import numpy as np

from stemtide.fingerprints.analysis import Content, FilmFrame
from stemtide.fingerprints.kinds import LIMIT, UNDECODABLE
from stemtide.fingerprints.limits import DecodingLimits, LimitError, UndecodableError
from stemtide.fingerprints.video.frames import Depth, Frame, FrameReader
from stemtide.fingerprints.video.thumbnails import thumb_of

_WALL_S, _CPU_S = 20.0, 10
"""A person waits for it, and uploads need the same worker."""

_EVERY_S = 0.5
_BLACK, _RANGE = 16, 219


def take_frames(
    content: Content, *, limits: DecodingLimits, count: int
) -> tuple[tuple[FilmFrame, ...], tuple[str, ...]]:
    """Return at most so many frames, spread over the film, and remarks.

    Key frames are enough for a film that has as many; else all of it is decoded. Bad content never
    raises: the frames that could be decoded are returned.
    """
    short = replace(limits, wall_s=min(limits.wall_s, _WALL_S), cpu_s=min(limits.cpu_s, _CPU_S))
    frames: list[FilmFrame] = []
    remarks: tuple[str, ...] = ()
    for depth in (Depth.KEY_FRAMES, Depth.SPARSE):
        frames, remarks = _one_pass(content, limits=short, depth=depth, count=count)
        if len(frames) >= count or not frames:
            break
    return tuple(_spread(frames, count)), remarks


def _one_pass(
    content: Content, *, limits: DecodingLimits, depth: Depth, count: int
) -> tuple[list[FilmFrame], tuple[str, ...]]:
    """Return frames at even steps: at least count of a film that has so many, at most 4 * count."""
    reader = FrameReader(limits=limits, depth=depth, every_s=_EVERY_S)
    frames: list[FilmFrame] = []
    step = 1
    try:
        for number, frame in enumerate(reader.frames(content)):
            if number % step == 0:
                frames.append(_small(frame))
            if len(frames) > 4 * count:
                frames, step = frames[::2], 2 * step
    except UndecodableError as error:
        reader.remarks.append(f"{UNDECODABLE}{error}")
    except LimitError as error:
        reader.remarks.append(f"{LIMIT}{error} ({error.limit})")
    return frames, tuple(reader.remarks)


def _small(frame: Frame) -> FilmFrame:
    thumb = thumb_of(frame.luma)
    if not frame.is_full_range:
        thumb = (np.clip(thumb.astype(np.int32) - _BLACK, 0, _RANGE) * 255 // _RANGE).astype(
            np.uint8
        )
    height, width = thumb.shape
    return FilmFrame(frame.at_s, width, height, thumb.tobytes())


def _spread(frames: list[FilmFrame], count: int) -> list[FilmFrame]:
    """Return so many of them, evenly, the first and the last included."""
    if len(frames) <= count:
        return frames
    places = np.linspace(0, len(frames) - 1, count).round().astype(int)
    return [frames[place] for place in places.tolist()]
