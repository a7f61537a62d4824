# SPDX-License-Identifier: Apache-2.0
"""What there is to know a sound file by. For the sandbox."""

from stemtide.fingerprints.audio import fingerprint_audio, is_audio
from stemtide.fingerprints.kinds import Fingerprint, Fingerprints, Kind
from stemtide.fingerprints.limits import Limits
from stemtide.fingerprints.looks import Asked, Content, Look, Progress

sniff = is_audio


def look(content: Content, *, limits: Limits, asked: Asked, progress: Progress) -> Look:
    """Listen to a sound file; with asked.share, as its sound is shared."""
    sound = fingerprint_audio(content, limits=limits, progress=lambda part: progress(part, 1.0))
    heard = sound.for_sharing() if asked.share else sound
    each = (Fingerprint(Kind.AUDIO, heard.to_bytes()),) if sound.tracks else ()
    if isinstance(content, bytes):
        head = content[:4096]
    else:
        with content.open("rb") as file:
            head = file.read(4096)
    return Look(Fingerprints(each, media_type=sniff(head), remarks=sound.remarks))
