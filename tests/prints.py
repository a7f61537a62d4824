# SPDX-License-Identifier: Apache-2.0
"""Values as long as their content, made of small real media by the modules that make them."""

from functools import cache

import numpy as np

from stemtide.fingerprints.audio import fingerprint_audio
from stemtide.fingerprints.gop import fingerprint_gops
from stemtide.fingerprints.text import RATE_BITS, TextPrint, sketch
from stemtide.fingerprints.video import fingerprint_video
from stemtide.fingerprints.video_print import Sampling
from tests.fingerprints.texts import prose
from tests.fingerprints.videos import LIMITS, clip, remuxed

LONG = ("video", "audio", "text", "gop")


@cache
def long_value(kind: str) -> bytes:
    """The value of that kind of a clip with a hum, or of some prose."""
    if kind == "text":
        return sketch(prose(1, 2000)).to_bytes()
    film = remuxed(clip("street"), container="matroska", sound=True)
    if kind == "video":
        return fingerprint_video(film, limits=LIMITS, sampling=Sampling.SHARE).to_bytes()
    if kind == "audio":
        return fingerprint_audio(film, limits=LIMITS).for_sharing().to_bytes()
    return fingerprint_gops(film, limits=LIMITS).to_bytes()


def text_value(seed: int, *, grams: int) -> bytes:
    """The sketch of a text that nobody wrote, with about so many grams of eight bytes."""
    random = np.random.default_rng(seed)
    made = np.unique(random.integers(0, 1 << (64 - RATE_BITS), grams, dtype=np.uint64))
    return TextPrint(made, 4 * grams).to_bytes()
