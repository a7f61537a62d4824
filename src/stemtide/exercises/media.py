# SPDX-License-Identifier: Apache-2.0
"""Synthetic video, audio and text to rehearse with, and altered copies of them.

The video pans over photographs of scikit-image to a synthetic tune, and the text consists of
made-up words; both are the same in every run.
"""

import io
import random
from collections.abc import Iterator, Sequence
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

SIZE = (320, 180)
FPS = 12
RATE_HZ = 16_000
SHOT_S = 4
SHOTS = ("astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg")
SURROUNDINGS = ("motorcycle_left.png", "retina.jpg", "moon.png", "coins.png")
"""The pictures that recut() and sound_over_a_still() show beside the shots of a film."""

Samples = npt.NDArray[np.float32]


def film(files: dict[str, bytes], *, shots: Sequence[str] = SHOTS, tune_number: int = 1) -> bytes:
    """Return the video that an authority shares: 4 s of each shot, with sound."""
    pictures = (frame for name in shots for frame in _pan(files[name], seed=len(name)))
    return _encoded(pictures, tune(tune_number, seconds=SHOT_S * len(shots)))


def recut(files: dict[str, bytes], *, shots: Sequence[str] = SHOTS[:3]) -> bytes:
    """Return ten seconds of the video, smaller and re-encoded, inside a longer one."""
    before = [*_pan(files["motorcycle_left.png"], seed=5), *_pan(files["retina.jpg"], seed=6)]
    after = [*_pan(files["moon.png"], seed=7), *_pan(files["coins.png"], seed=8)]
    inside = [frame for name in shots for frame in _pan(files[name], seed=len(name))]
    frames = [*before, *inside[: 10 * FPS], *after]
    return _encoded(iter(frames), tune(9, seconds=len(frames) / FPS), size=(256, 144), crf=30)


def sound_over_a_still(files: dict[str, bytes], *, tune_number: int = 1) -> bytes:
    """Return the video's sound over a single picture."""
    still = Image.open(io.BytesIO(files["coins.png"])).convert("RGB").resize(SIZE)
    return _encoded(iter([still] * 12 * FPS), tune(tune_number, seconds=16.0)[: 12 * RATE_HZ])


def document(number: int = 1) -> bytes:
    """Return the text that an authority shares, as an HTML page."""
    return f"<html><body><p>{' '.join(_words(number, 1200))}</p></body></html>".encode()


def excerpt(number: int = 1) -> bytes:
    """Return a passage of the text in capitals, inside another post."""
    post = [*_words(2, 150), *_words(number, 1200)[400:640], *_words(3, 150)]
    return " ".join(post).upper().encode()


def tune(number: int, *, seconds: float) -> Samples:
    """Synthesise notes with overtones over a beat, with a seeded key and tempo."""
    rng = np.random.default_rng(number)
    beat_s = float(rng.uniform(0.18, 0.3))
    total = int(seconds * RATE_HZ)
    out = np.zeros(total + RATE_HZ, dtype=np.float64)
    for beat in range(int(seconds / beat_s) + 1):
        at = int(beat * beat_s * RATE_HZ)
        length = int(float(rng.uniform(0.6, 2.5)) * beat_s * RATE_HZ)
        moment = np.arange(length) / RATE_HZ
        base_hz = 220.0 * 2 ** (int(rng.integers(0, 25)) / 12)
        for overtone in range(1, 6):
            loud = float(rng.uniform(0.2, 1.0)) / overtone
            out[at : at + length] += (
                loud
                * np.sin(2 * np.pi * base_hz * overtone * moment)[: len(out) - at]
                * np.exp(-3 * moment)[: len(out) - at]
            )
        drum = rng.standard_normal(RATE_HZ // 20) * np.linspace(0.4, 0, RATE_HZ // 20)
        out[at : at + len(drum)] += drum[: len(out) - at]
    samples: Samples = (0.5 * out[:total] / np.abs(out).max()).astype(np.float32)
    return samples


def _words(seed: int, count: int) -> list[str]:
    rng = random.Random(seed)  # noqa: S311 - the same words in every run
    begin, middle = "bdfghklmnprstvz", "aeiou"
    return [
        "".join(rng.choice(begin) + rng.choice(middle) for _ in range(rng.randint(1, 4)))
        for _ in range(count)
    ]


def _pan(blob: bytes, *, seed: int) -> Iterator[Image.Image]:
    """Yield frames that move over a photograph for SHOT_S seconds."""
    picture = Image.open(io.BytesIO(blob)).convert("RGB")
    rng = np.random.default_rng(seed)
    wide = min(picture.width, int(picture.height * SIZE[0] / SIZE[1])) * 0.8
    tall = wide * SIZE[1] / SIZE[0]
    room = np.array([picture.width - wide, picture.height - tall])
    start, end = rng.uniform(0, 1, 2) * room, rng.uniform(0, 1, 2) * room
    for part in np.linspace(0, 1, SHOT_S * FPS):
        left, top = start + part * (end - start)
        box = (left, top, left + wide, top + tall)
        yield picture.resize(SIZE, Image.Resampling.BILINEAR, box=box)


def _encoded(
    pictures: Iterator[Image.Image], sound: Samples, *, size: tuple[int, int] = SIZE, crf: int = 23
) -> bytes:
    """Encode frames and sound as an MP4 file."""
    file = io.BytesIO()
    options = {"preset": "superfast", "crf": str(crf)}
    with av.open(file, "w", format="mp4") as out:
        video = out.add_stream("libx264", rate=FPS, options=options)
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        video.thread_count = 1
        audio = out.add_stream("aac", rate=RATE_HZ, layout="mono")
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.asarray(picture.resize(size)), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        for start in range(0, len(sound), 1024):
            piece = np.ascontiguousarray(sound[None, start : start + 1024])
            part = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
            part.sample_rate, part.pts = RATE_HZ, start
            part.time_base = Fraction(1, RATE_HZ)
            out.mux(audio.encode(part))
        out.mux(audio.encode(None))
    return file.getvalue()
