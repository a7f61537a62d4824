# SPDX-License-Identifier: Apache-2.0
"""Values as long as their content, made of small real media by the modules that make them."""

from functools import cache

import numpy as np
from benchmarks.media.audio_sounds import speech
from benchmarks.media.audio_variants import AAC, encoded

from stemtide.fingerprints.audio.fingerprint import fingerprint_audio
from stemtide.fingerprints.text.fingerprint import RATE_BITS, TextPrint, sketch
from stemtide.fingerprints.values.video import Sampling
from stemtide.fingerprints.video.fingerprint import fingerprint_video
from stemtide.fingerprints.video.gop import fingerprint_gops
from tests.fingerprints.texts import prose
from tests.fingerprints.videos import LIMITS, clip

LONG = ("video", "audio", "text", "gop")


@cache
def long_value(kind: str) -> bytes:
    """The value of that kind: of a clip, of some speech, of some prose."""
    if kind == "text":
        return sketch(prose(1, 2000)).to_bytes()
    if kind == "audio":
        spoken = encoded(speech(0, seconds=6.0), AAC)
        return fingerprint_audio(spoken, limits=LIMITS).for_sharing().to_bytes()
    if kind == "video":
        film = fingerprint_video(clip("street"), limits=LIMITS, sampling=Sampling.SHARE)
        return film.to_bytes()
    return fingerprint_gops(clip("street"), limits=LIMITS).to_bytes()


def text_value(seed: int, *, grams: int) -> bytes:
    """The sketch of a text that nobody wrote, with about so many grams of eight bytes."""
    random = np.random.default_rng(seed)
    made = np.unique(random.integers(0, 1 << (64 - RATE_BITS), grams, dtype=np.uint64))
    return TextPrint(made, 4 * grams).to_bytes()
