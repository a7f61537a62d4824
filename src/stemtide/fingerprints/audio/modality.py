# SPDX-License-Identifier: Apache-2.0
"""What there is to know a sound file by. For the sandbox."""

from stemtide.fingerprints.analysis import Asked, Content, Look, Progress, head_of
from stemtide.fingerprints.audio.fingerprint import fingerprint_audio, is_audio
from stemtide.fingerprints.kinds import Fingerprint, Fingerprints, Kind
from stemtide.fingerprints.limits import Limits
from stemtide.fingerprints.values.checks import add_long

sniff = is_audio


def look(content: Content, *, limits: Limits, asked: Asked, progress: Progress) -> Look:
    """Listen to a sound file; with asked.share, as its sound is shared."""
    sound = fingerprint_audio(content, limits=limits, progress=lambda part: progress(part, 1.0))
    heard = sound.for_sharing() if asked.share else sound
    each: list[Fingerprint] = []
    remarks = [*sound.remarks]
    if sound.tracks:
        add_long(each, remarks, Kind.AUDIO, heard.to_bytes())
    media_type = sniff(head_of(content))
    return Look(Fingerprints(tuple(each), media_type=media_type, remarks=tuple(remarks)))
