# SPDX-License-Identifier: Apache-2.0
"""What happens to videos as they spread: 38 alterations that say where the original lies."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

from benchmarks.media.video_clips import Clip, encoded

Picture = Image.Image
Change = Callable[[Picture, np.random.Generator], Picture]


@dataclass(frozen=True)
class Altered:
    """An altered video; at its time t (within start_s..end_s) it shows speed * t + offset_s."""

    name: str
    source: str
    file: bytes
    speed: float = 1.0
    offset_s: float = 0.0


def _even(picture: Picture) -> Picture:
    return picture.crop((0, 0, picture.width // 2 * 2, picture.height // 2 * 2))


def _scaled(part: float, *, tall: float | None = None) -> Change:
    def change(picture: Picture, _: np.random.Generator) -> Picture:
        height = round(picture.height * (part if tall is None else tall) / 2) * 2
        return picture.resize((round(picture.width * part / 2) * 2, height))

    return change


def _cropped(left: float, top: float, right: float, bottom: float) -> Change:
    def change(picture: Picture, _: np.random.Generator) -> Picture:
        width, height = picture.size
        box = (left * width, top * height, right * width, bottom * height)
        return _even(picture.crop(tuple(map(round, box))))

    return change


def _curve(function: Callable[[float], float]) -> Change:
    table = [round(255 * function(value / 255)) for value in range(256)] * 3
    return lambda picture, _: picture.point(table)


def _grey(picture: Picture, _: np.random.Generator) -> Picture:
    return ImageOps.grayscale(picture).convert("RGB")


def _sepia(picture: Picture, _: np.random.Generator) -> Picture:
    return ImageOps.colorize(ImageOps.grayscale(picture), "#1a0d00", "#ffe8c0")


def _blurred_noisy(picture: Picture, rng: np.random.Generator) -> Picture:
    soft = np.asarray(picture.filter(ImageFilter.GaussianBlur(1.5)), np.float32)
    noise = rng.normal(0, 12, soft.shape[:2])[..., None]
    return Image.fromarray(np.clip(soft + noise, 0, 255).astype(np.uint8))


def _square(picture: Picture, _: np.random.Generator) -> Picture:
    side = min(picture.size) // 2 * 2
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return picture.crop((left, top, left + side, top + side))


def _rotated(degrees: float) -> Change:
    return lambda picture, _: picture.rotate(degrees, Image.Resampling.BILINEAR)


def _turned(how: Image.Transpose) -> Change:
    return lambda picture, _: _even(picture.transpose(how))


def _padded(down: float, across: float, colour: str) -> Change:
    def change(picture: Picture, _: np.random.Generator) -> Picture:
        width, height = picture.size
        x, y = round(width * across), round(height * down)
        return _even(ImageOps.expand(picture, (x, y, x, y), fill=colour))

    return change


def _captioned(picture: Picture, _: np.random.Generator) -> Picture:
    width, height = picture.size
    banner = round(height * 0.22)
    whole = Image.new("RGB", (width, height + banner), "white")
    whole.paste(picture, (0, banner))
    font = ImageFont.load_default(size=banner // 2)
    ImageDraw.Draw(whole).text((width // 30, banner // 5), "they do not want this", "black", font)
    return _even(whole)


def _vertical(picture: Picture, _: np.random.Generator) -> Picture:
    """The picture in the middle of an upright one that is filled with a blur of it."""
    width, height = picture.size
    whole = picture.resize((width, height * 2)).filter(ImageFilter.GaussianBlur(14))
    whole.paste(picture, (0, height // 2))
    return _even(whole)


def _marked(picture: Picture, _: np.random.Generator) -> Picture:
    marked = picture.copy()
    width, height = picture.size
    draw = ImageDraw.Draw(marked, "RGBA")
    font = ImageFont.load_default(size=height // 8)
    draw.text((width * 0.12, height * 0.42), "COPY OF A COPY", (255, 255, 255, 120), font)
    draw.ellipse((width * 0.82, height * 0.05, width * 0.96, height * 0.29), (220, 20, 30, 255))
    return marked


def _subtitled(picture: Picture, _: np.random.Generator) -> Picture:
    marked = picture.copy()
    width, height = picture.size
    draw = ImageDraw.Draw(marked)
    draw.rectangle((width * 0.1, height * 0.82, width * 0.9, height * 0.96), "black")
    font = ImageFont.load_default(size=height // 12)
    draw.text((width * 0.14, height * 0.84), "words that nobody said here", "white", font)
    return marked


_TABLE = Image.effect_mandelbrot((448, 252), (-0.8, -0.5, -0.2, 0.1), 60).convert("RGB")


def _inset(picture: Picture, _: np.random.Generator) -> Picture:
    """Picture in picture, 60 % of the sides, before something else."""
    whole = _TABLE.resize(picture.size)
    small = picture.resize((round(picture.width * 0.6), round(picture.height * 0.6)))
    whole.paste(small, (round(picture.width * 0.28), round(picture.height * 0.3)))
    return whole


def _filmed(picture: Picture, rng: np.random.Generator) -> Picture:
    """Filmed off a screen: a bezel, perspective, less contrast, noise, an unsteady hand."""
    width, height = picture.size
    framed = ImageOps.expand(picture, (width // 16,) * 4, fill="#101012")
    wide, tall = framed.size
    shake = rng.normal(0, 0.0015, 2)
    corners = [(-0.03, -0.05), (-0.06, 1.06), (1.05, 1.02), (1.02, -0.02)]
    quad = [side for x, y in corners for side in ((x + shake[0]) * wide, (y + shake[1]) * tall)]
    seen = framed.transform(
        (width, height), Image.Transform.QUAD, quad, Image.Resampling.BILINEAR, fillcolor="#6b6257"
    )
    values = np.asarray(ImageEnhance.Contrast(seen).enhance(0.8), np.float32)
    noisy = values + rng.normal(0, 7, values.shape[:2])[..., None]
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def _tinted(picture: Picture, _: np.random.Generator) -> Picture:
    return ImageChops.multiply(picture, Image.new("RGB", picture.size, "#ffd0b0"))


def _sequence(*changes: Change) -> Change:
    def change(picture: Picture, rng: np.random.Generator) -> Picture:
        for one in changes:
            picture = one(picture, rng)
        return picture

    return change


def _same(picture: Picture, _: np.random.Generator) -> Picture:
    return picture


_FLIP = Image.Transpose
_GAMMA = _curve(lambda value: value**0.55)

CHANGES: dict[str, Change] = {
    "scale_50": _scaled(0.5),
    "stretch": _scaled(1.0, tall=1.33),
    "gamma": _GAMMA,
    "dark": _curve(lambda value: 0.45 * value),
    "bw": _grey,
    "sepia": _sepia,
    "tint": _tinted,
    "blur_noise": _blurred_noisy,
    "crop5": _cropped(0.05, 0.05, 0.95, 0.95),
    "crop10": _cropped(0.1, 0.1, 0.9, 0.9),
    "crop20_off": _cropped(0.2, 0.05, 1.0, 0.85),
    "crop_square": _square,
    "mirror": _turned(_FLIP.FLIP_LEFT_RIGHT),
    "flip": _turned(_FLIP.FLIP_TOP_BOTTOM),
    "rotate90": _turned(_FLIP.ROTATE_90),
    "rotate5": _rotated(5),
    "letterbox": _padded(0.17, 0.0, "black"),
    "pillarbox_colour": _padded(0.0, 0.2, "#204080"),
    "caption_banner": _captioned,
    "vertical_blur": _vertical,
    "watermark_logo": _marked,
    "subtitles": _subtitled,
    "pip60": _inset,
    "screenrec": _filmed,
    "invert": lambda picture, _: ImageChops.invert(picture),
    "combo_a": _sequence(
        _cropped(0.06, 0.06, 0.94, 0.94), _turned(_FLIP.FLIP_LEFT_RIGHT), _marked, _GAMMA
    ),
    "combo_b": _sequence(_grey, _subtitled, _padded(0.16, 0.0, "black")),
}
"""What is done to each picture."""

SPEEDS = {"speed_125": 1.25, "speed_105": 1.05, "speed_080": 0.8}
OTHERS = ("crf38", "fps12", "240p_10fps", "vfr", "hevc", "trim30", "embed_long", "excerpt_10s")
NAMES = (*CHANGES, *SPEEDS, *OTHERS)


def alter(clip: Clip, name: str, *, fillers: list[Clip]) -> Altered:
    """Alter a clip.

    fillers: clips that nobody knows, for what it is cut into.
    """
    rng = np.random.default_rng(zlib.crc32(f"{clip.name}/{name}".encode()))
    if name in CHANGES:
        changed = (CHANGES[name](picture, rng) for picture in clip.frames)
        return Altered(name, clip.name, encoded(changed, fps=clip.fps))
    if name in SPEEDS:
        return _sped(clip, name, SPEEDS[name])
    return _OTHERS[name](clip, rng, fillers)


def _sped(clip: Clip, name: str, speed: float) -> Altered:
    count = int(len(clip.frames) / speed)
    frames = (clip.frames[int(number * speed)] for number in range(count))
    return Altered(name, clip.name, encoded(frames, fps=clip.fps), speed=speed)


def _thinned(clip: Clip, _: np.random.Generator, __: list[Clip], *, fps: int, part: float) -> bytes:
    count = int(clip.duration_s * fps)
    scale = _scaled(part)
    rng = np.random.default_rng(0)
    frames = (scale(clip.frames[int(number / fps * clip.fps)], rng) for number in range(count))
    return encoded(frames, fps=Fraction(fps))


def _vfr(clip: Clip, rng: np.random.Generator, _: list[Clip]) -> Altered:
    kept = np.flatnonzero(rng.random(len(clip.frames)) < 0.6).tolist()
    times = [number / float(clip.fps) - kept[0] / float(clip.fps) for number in kept]
    file = encoded((clip.frames[number] for number in kept), fps=clip.fps, times_s=times)
    return Altered("vfr", clip.name, file, offset_s=kept[0] / float(clip.fps))


def _trimmed(clip: Clip, _: np.random.Generator, __: list[Clip]) -> Altered:
    first, last = round(0.37 * len(clip.frames)), round(0.67 * len(clip.frames))
    file = encoded(clip.frames[first:last], fps=clip.fps)
    return Altered("trim30", clip.name, file, offset_s=first / float(clip.fps))


def _embedded(clip: Clip, fillers: list[Clip], *, name: str, first: int, last: int) -> Altered:
    """Put frames of a clip between two others, whose pictures are brought to its size."""
    before, after = fillers[0], fillers[1]
    size = clip.frames[0].size
    lead = [picture.resize(size) for picture in before.frames]
    tail = [picture.resize(size) for picture in after.frames]
    file = encoded([*lead, *clip.frames[first:last], *tail], fps=clip.fps)
    offset_s = (first - len(lead)) / float(clip.fps)
    return Altered(name, clip.name, file, offset_s=offset_s)


_OTHERS: dict[str, Callable[[Clip, np.random.Generator, list[Clip]], Altered]] = {
    "crf38": lambda clip, _, __: Altered(
        "crf38", clip.name, encoded(clip.frames, fps=clip.fps, crf=38)
    ),
    "fps12": lambda clip, rng, others: Altered(
        "fps12", clip.name, _thinned(clip, rng, others, fps=12, part=1.0)
    ),
    "240p_10fps": lambda clip, rng, others: Altered(
        "240p_10fps", clip.name, _thinned(clip, rng, others, fps=10, part=0.6)
    ),
    "vfr": _vfr,
    "hevc": lambda clip, _, __: Altered(
        "hevc", clip.name, encoded(clip.frames, fps=clip.fps, codec="libx265", crf=30)
    ),
    "trim30": _trimmed,
    "embed_long": lambda clip, _, others: _embedded(
        clip, others, name="embed_long", first=0, last=len(clip.frames)
    ),
    "excerpt_10s": lambda clip, _, others: _embedded(
        clip, others[2:], name="excerpt_10s", first=40, last=min(280, len(clip.frames))
    ),
}
