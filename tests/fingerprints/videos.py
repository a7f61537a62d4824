# SPDX-License-Identifier: Apache-2.0
"""Small videos made of the photographs that scikit-image ships: each pans over its own three."""

import io
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import lru_cache

import av
import numpy as np
from benchmarks.media.priority import as_before
from PIL import Image

from stemtide.exercises.pictures import photographs
from stemtide.fingerprints.limits import DecodingLimits

SIZE = (256, 144)
FPS = 12
LIMITS = DecodingLimits(cpu_s=100, wall_s=200)

SCENES = {
    "street": ("astronaut.png", "motorcycle_left.png", "rocket.jpg"),
    "table": ("coffee.png", "chelsea.png", "coins.png"),
    "sky": ("hubble_deep_field.jpg", "camera.png", "retina.jpg"),
}


@lru_cache(maxsize=8)
def pictures(name: str, seconds: float = 12) -> tuple[Image.Image, ...]:
    """The frames of a clip before any file."""
    files, frames = photographs(), []
    each = round(seconds * FPS / 3)
    for number, scene in enumerate(SCENES[name]):
        photograph = Image.open(io.BytesIO(files[scene])).convert("RGB")
        wide = min(photograph.width, photograph.height * 16 // 9)
        for step in np.linspace(0, 1, each):
            zoom = 0.85 - 0.3 * step if number % 2 else 0.55 + 0.3 * step
            width, height = wide * zoom, wide * zoom * 9 / 16
            left = (photograph.width - width) * step
            top = (photograph.height - height) * (0.2 + 0.5 * step)
            box = (left, top, left + width, top + height)
            frames.append(photograph.resize(SIZE, Image.Resampling.BILINEAR, box=box))
    return tuple(frames)


def encoded(
    frames: Iterable[Image.Image],
    *,
    codec: str = "libx264",
    container: str = "mp4",
    pix_fmt: str = "yuv420p",
    **options: str,
) -> bytes:
    """The frames as a file."""
    file = io.BytesIO()
    with as_before(), av.open(file, "w", format=container) as out:
        stream = out.add_stream(codec, rate=FPS, options={"preset": "veryfast", **options})
        stream.pix_fmt, stream.thread_count = pix_fmt, 1
        for number, picture in enumerate(frames):
            if number == 0:
                stream.width, stream.height = picture.size
            frame = av.VideoFrame.from_image(picture)
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


@lru_cache(maxsize=16)
def clip(name: str) -> bytes:
    """A whole clip as H.264 in MP4, with a key frame every two seconds."""
    return encoded(pictures(name), g=str(2 * FPS))


def changed(name: str, change: Callable[[Image.Image], Image.Image]) -> bytes:
    """A clip each of whose pictures was changed."""
    return encoded([change(picture) for picture in pictures(name)])


def remuxed(blob: bytes, *, container: str, sound: bool = False, from_s: float = 0.0) -> bytes:
    """The same pictures in another container, from a key frame on, perhaps with a hum."""
    file = io.BytesIO()
    with av.open(io.BytesIO(blob)) as source, av.open(file, "w", format=container) as out:
        stream = source.streams.video[0]
        copy = out.add_stream_from_template(stream)
        out.metadata["title"] = "something else"
        if sound:
            _hum(out)
        for packet in source.demux(stream):
            if packet.dts is not None and packet.pts * packet.time_base >= from_s - 1e-6:
                packet.stream = copy
                out.mux(packet)
    return file.getvalue()


def sound_only() -> bytes:
    """A hum in MP4."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        _hum(out)
    return file.getvalue()


def _hum(out: av.container.OutputContainer) -> None:
    stream = out.add_stream("aac", rate=8000)
    for number in range(20):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.rate, frame.pts, frame.time_base = 8000, number * 1024, Fraction(1, 8000)
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))
