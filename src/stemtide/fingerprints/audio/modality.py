# SPDX-License-Identifier: Apache-2.0
"""Fingerprint an audio file. For the sandbox."""

import random
import struct

from stemtide.fingerprints.analysis import Analysis, AnalysisOptions, Content, Progress, head_of
from stemtide.fingerprints.audio.fingerprint import fingerprint_audio, is_audio
from stemtide.fingerprints.kinds import Fingerprint, Fingerprints, Kind
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.values.checks import add_long

sniff = is_audio


def warm_up() -> None:
    """Decode two seconds of noise: libraries load parts of themselves at their first use."""
    rate = 8_000
    samples = random.Random(1).randbytes(4 * rate)  # noqa: S311 - no secret
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    body = b"WAVE" + form + struct.pack("<4sI", b"data", len(samples)) + samples
    fingerprint_audio(struct.pack("<4sI", b"RIFF", len(body)) + body, limits=DecodingLimits())


def analyse(
    content: Content, *, limits: DecodingLimits, options: AnalysisOptions, progress: Progress
) -> Analysis:
    """Fingerprint an audio file; with options.share, for sharing."""
    sound = fingerprint_audio(content, limits=limits, progress=lambda part: progress(part, 1.0))
    heard = sound.for_sharing() if options.share else sound
    prints: list[Fingerprint] = []
    remarks = [*sound.remarks]
    if sound.tracks:
        add_long(prints, remarks, Kind.AUDIO, heard.to_bytes())
    media_type = sniff(head_of(content))
    return Analysis(Fingerprints(tuple(prints), media_type=media_type, remarks=tuple(remarks)))
