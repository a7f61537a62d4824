# SPDX-License-Identifier: Apache-2.0
"""Extract brightness from a decoded frame of video, of any pixel format."""

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

Luma8 = NDArray[np.uint8]

_PLANAR_8 = frozenset(
    {"nv12", "nv21", "gray"}
    | {f"{kind}{chroma}p" for kind in ("yuv", "yuvj") for chroma in (410, 411, 420, 422, 440, 444)}
    | {f"yuva{chroma}p" for chroma in (420, 422, 444)}
)
_DEEP_BITS = {
    f"{family}{bits}le": bits
    for family in ("yuv420p", "yuv422p", "yuv444p", "gray")
    for bits in (10, 12)
} | {"p010le": 16}


def luma_of(frame: VideoFrame) -> Luma8:
    """Return a frame's brightness, (h, w) uint8, directly from its planes where possible."""
    name = frame.format.name
    plane = frame.planes[0] if name in _PLANAR_8 or name in _DEEP_BITS else None
    if plane is None:
        return np.asarray(frame.to_ndarray(format="gray", threads=1), np.uint8)
    bits = _DEEP_BITS.get(name, 8)
    if bits == 8:  # noqa: PLR2004 - a byte a pixel
        stored = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        return stored[: frame.height, : frame.width]
    deep = np.frombuffer(memoryview(plane), np.uint16).reshape(-1, plane.line_size // 2)
    return (deep[: frame.height, : frame.width] >> np.uint16(bits - 8)).astype(np.uint8)


def is_full_range(frame: VideoFrame) -> bool:
    """Whether a frame's black is 0 and its white 255."""
    name = frame.format.name
    is_yuv = name in _PLANAR_8 or name in _DEEP_BITS
    return not is_yuv or name.startswith("yuvj") or int(frame.color_range) == _FULL_RANGE


_FULL_RANGE = 2
"""AVCOL_RANGE_JPEG."""
