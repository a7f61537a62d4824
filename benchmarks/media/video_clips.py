# SPDX-License-Identifier: Apache-2.0
"""Clips to alter and to find again, made of the photographs that scikit-image ships.

Each is a few shots: a camera that pans, zooms and shakes over a quarter of a photograph that no
other clip uses, or a field of drifting noise; before them shapes move. So clips have cuts, motion
and stills as films have, and any two are unrelated.
"""

import importlib.util
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw

SIZE = (448, 252)
FPS = 24
SHOT_S = 4.0
_PHOTOGRAPHS = (
    "astronaut.png",
    "rocket.jpg",
    "chelsea.png",
    "coffee.png",
    "motorcycle_left.png",
    "retina.jpg",
    "camera.png",
    "coins.png",
    "hubble_deep_field.jpg",
    "moon.png",
    "motorcycle_right.png",
    "ihc.png",
    "brick.png",
    "gravel.png",
    "cell.png",
    "grass.png",
)


@dataclass(frozen=True)
class Clip:
    """Moving pictures as they are before any file, in RGB, at `fps`."""

    name: str
    frames: list[Image.Image] = field(repr=False)
    fps: Fraction = Fraction(FPS)

    @property
    def duration_s(self) -> float:
        return len(self.frames) / float(self.fps)


def made_clips(count: int, *, shots: int = 4, size: tuple[int, int] = SIZE) -> Iterator[Clip]:
    """Make clips, the same ones every time; the first use the richest photographs."""
    scenes = _scenes()
    for number in range(count):
        rng = np.random.default_rng(1000 + number)
        frames: list[Image.Image] = []
        for shot in range(shots):
            scene = next(scenes, None) if shot % 4 != 3 else None
            frames += _shot(scene, rng, size=size)
        yield Clip(f"made_{number:02d}", frames)


def read_clip(path: Path, *, width: int = SIZE[0], most_s: float = 16.0) -> Clip:
    """Read a real video's first seconds, made narrower."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        rate = Fraction(stream.average_rate or 25)
        frames = []
        for frame in container.decode(stream):
            height = round(frame.height * width / frame.width / 2) * 2
            frames.append(frame.to_image(width=width, height=height))
            if len(frames) >= most_s * rate:
                break
    return Clip(path.stem, frames, rate)


def encoded(
    frames: Iterable[Image.Image],
    *,
    fps: Fraction = Fraction(FPS),
    codec: str = "libx264",
    crf: int = 26,
    times_s: list[float] | None = None,
    options: dict[str, str] | None = None,
    container: str = "mp4",
) -> bytes:
    """Encode pictures of one size as a file; `times_s` for a frame rate that varies."""
    file = io.BytesIO()
    settings = {
        "libx264": {"preset": "superfast", "crf": str(crf)},
        "libx265": {
            "preset": "ultrafast",
            "crf": str(crf),
            "x265-params": "log-level=none:pools=1",
        },
        "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "crf": str(crf + 8), "b": "0"},
        "mpeg4": {"b": "600000"},
    }[codec]
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(codec, rate=fps, options={**settings, **(options or {})})
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        tick = stream.codec_context.time_base = Fraction(1, 1000)
        for number, picture in enumerate(frames):
            if not number:
                stream.width, stream.height = picture.size
            frame = av.VideoFrame.from_image(picture.convert("RGB"))
            at_s = times_s[number] if times_s else number / fps
            frame.pts, frame.time_base = round(at_s * 1000), tick
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


def _scenes() -> Iterator[Image.Image]:
    """Quarters of the photographs, richest photographs first, no quarter twice."""
    found = importlib.util.find_spec("skimage")
    assert found, "the benchmark needs scikit-image"
    folder = Path(found.submodule_search_locations[0]) / "data"
    for quarter in (0, 3, 1, 2):
        for name in _PHOTOGRAPHS:
            if not (folder / name).exists():
                continue
            picture = Image.open(folder / name).convert("RGB")
            width, height = picture.size[0] // 2, picture.size[1] // 2
            left, top = width * (quarter % 2), height * (quarter // 2)
            yield picture.crop((left, top, left + width, top + height))


def _shot(
    scene: Image.Image | None, rng: np.random.Generator, *, size: tuple[int, int]
) -> list[Image.Image]:
    """Film a scene for SHOT_S: pan, zoom, shake, and shapes that pass."""
    count = int(SHOT_S * FPS)
    ground = _ground(scene, rng, size=size)
    zooms = np.linspace(*rng.uniform(0.7, 1.0, 2), count)
    path = np.linspace(rng.uniform(0, 1, 2), rng.uniform(0, 1, 2), count)
    path = np.clip(path + np.cumsum(rng.normal(0, 0.004, (count, 2)), axis=0), 0, 1)
    shapes = [_Shape(rng) for _ in range(3)]
    frames = []
    for number in range(count):
        wide, tall = ground.size[0] * zooms[number], ground.size[1] * zooms[number]
        left = path[number, 0] * (ground.size[0] - wide)
        top = path[number, 1] * (ground.size[1] - tall)
        box = (left, top, left + wide, top + tall)
        frame = ground.resize(size, Image.Resampling.BILINEAR, box=box)
        draw = ImageDraw.Draw(frame)
        for shape in shapes:
            shape.draw(draw, number / count, size)
        frames.append(frame)
    return frames


def _ground(
    scene: Image.Image | None, rng: np.random.Generator, *, size: tuple[int, int]
) -> Image.Image:
    """What the camera looks at: a scene cut to the frame's shape, or coloured noise."""
    if scene is None:
        noise = rng.integers(0, 256, (rng.integers(5, 9), rng.integers(8, 14), 3), np.uint8)
        ground = Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)
        fine = rng.normal(0, 12, (size[1], size[0], 1))
        return Image.fromarray(np.clip(np.asarray(ground) + fine, 0, 255).astype(np.uint8))
    width, height = scene.size
    shape = size[0] / size[1]
    if width > height * shape:
        cut = scene.crop((0, 0, int(height * shape), height))
    else:
        cut = scene.crop((0, 0, width, int(width / shape)))
    return cut.resize((size[0] * 5 // 4, size[1] * 5 // 4), Image.Resampling.LANCZOS)


class _Shape:
    """An ellipse that passes before the scene."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.start, self.end = rng.uniform(-0.2, 1.2, (2, 2))
        self.radius = rng.uniform(0.05, 0.16)
        self.colour = tuple(int(c) for c in rng.integers(0, 256, 3))

    def draw(self, draw: ImageDraw.ImageDraw, part: float, size: tuple[int, int]) -> None:
        x, y = (self.start + (self.end - self.start) * part) * size
        reach = self.radius * size[0]
        draw.ellipse((x - reach, y - reach * 0.7, x + reach, y + reach * 0.7), fill=self.colour)
