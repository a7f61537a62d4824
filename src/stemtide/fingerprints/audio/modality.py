# SPDX-License-Identifier: Apache-2.0
"""Fingerprint an audio file. For the sandbox."""

from stemtide.fingerprints.analysis import Analysis, AnalysisOptions, Content, Progress, head_of
from stemtide.fingerprints.audio.fingerprint import fingerprint_audio, is_audio
from stemtide.fingerprints.kinds import Fingerprint, Fingerprints, Kind
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.values.checks import add_long

sniff = is_audio


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
