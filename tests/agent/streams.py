# SPDX-License-Identifier: Apache-2.0
"""Live streams of pictures and sound, encoded without a break and cut as encoders cut them."""

import io
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from PIL import Image

from stemtide.exercises.media import RATE_HZ, tune
from stemtide.fingerprints.analysis import AnalysisOptions
from tests.fingerprints.videos import FPS, encoded, pictures

CHUNK_S = 4
KNOWN_S = 12.0
"""How long the known film is."""


@dataclass(frozen=True)
class Shown:
    """What a stream shows for a while: a scene of tests.fingerprints.videos, and a tune."""

    scene: str
    tune: int
    seconds: float = KNOWN_S


KNOWN = Shown("street", 20)
OTHER = Shown("sky", 31)


@lru_cache
def known_film() -> bytes:
    """The film that is shared."""
    return _encoded([KNOWN], container="mp4", size=(256, 144), crf=20)


def shared_values(sandbox) -> dict[str, str]:
    """What an authority shares of it, in hex: by kind."""
    look = sandbox.analyse(known_film(), options=AnalysisOptions(share=True))
    return {str(one.kind): one.hex for one in look.fingerprints.each}


@lru_cache
def chunks(*shown: Shown, container="mpegts", crf=32, size=(192, 108)) -> tuple[bytes, ...]:
    """A stream, re-encoded and made smaller, in chunks of CHUNK_S."""
    whole = _encoded(shown, container="mp4", size=size, crf=crf)
    with tempfile.TemporaryDirectory() as folder:
        options = {"segment_time": str(CHUNK_S), "segment_format": container}
        _remux(whole, f"{folder}/%03d", "segment", options)
        return tuple(path.read_bytes() for path in sorted(Path(folder).iterdir()))


@lru_cache
def fragments(*shown: Shown) -> tuple[bytes, tuple[bytes, ...]]:
    """The same as fragmented MP4: the initialisation segment, and the fragments alone."""
    film, out = _encoded(shown, container="mp4", size=(192, 108), crf=32), io.BytesIO()
    _remux(film, out, "mp4", {"movflags": "frag_keyframe+empty_moov+default_base_moof"})
    whole = out.getvalue()
    starts = [at for at, kind in _boxes(whole) if kind == b"moof"]
    ends = [*starts[1:], len(whole)]
    each = tuple(whole[start:end] for start, end in zip(starts, ends, strict=True))
    return whole[: starts[0]], each


@lru_cache
def pictures_alone(name: str) -> tuple[bytes, ...]:
    """Chunks without a sound."""
    frames, step = pictures(name), CHUNK_S * FPS
    return tuple(
        encoded(frames[start : start + step], container="mpegts")
        for start in range(0, len(frames), step)
    )


def _remux(blob: bytes, where, container: str, options: dict[str, str]) -> None:
    """Copy pictures and sound, side by side, into another container."""
    with (
        av.open(io.BytesIO(blob)) as source,
        av.open(where, "w", format=container, options=options) as out,
    ):
        copies = [out.add_stream_from_template(stream) for stream in source.streams]
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = copies[packet.stream.index]
                out.mux(packet)


def _boxes(blob: bytes):
    at = 0
    while at + 8 <= len(blob):
        yield at, blob[at + 4 : at + 8]
        at += int.from_bytes(blob[at : at + 4], "big") or len(blob)


def _encoded(shown, *, container, size, crf) -> bytes:
    file = io.BytesIO()
    options = {"preset": "veryfast", "crf": str(crf), "bf": "0", "x264-params": "scenecut=0"}
    with av.open(file, "w", format=container) as out:
        moving = out.add_stream("libx264", rate=FPS, options=options)
        moving.width, moving.height = size
        moving.pix_fmt, moving.thread_count = "yuv420p", 1
        moving.gop_size = CHUNK_S * FPS
        heard = out.add_stream("aac", rate=RATE_HZ, layout="mono")
        for number, picture in enumerate(_frames(shown)):
            frame = av.VideoFrame.from_image(picture.resize(size, Image.Resampling.BILINEAR))
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            out.mux(moving.encode(frame))
        out.mux(moving.encode(None))
        sound = np.concatenate([tune(one.tune, seconds=one.seconds) for one in shown])
        for at in range(0, len(sound), 1024):
            piece = np.ascontiguousarray(0.6 * sound[None, at : at + 1024], dtype=np.float32)
            part = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
            part.sample_rate, part.pts, part.time_base = RATE_HZ, at, Fraction(1, RATE_HZ)
            out.mux(heard.encode(part))
        out.mux(heard.encode(None))
    return file.getvalue()


def _frames(shown):
    for one in shown:
        yield from pictures(one.scene)[: round(one.seconds * FPS)]
