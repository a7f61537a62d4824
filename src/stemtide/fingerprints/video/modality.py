# SPDX-License-Identifier: Apache-2.0
"""What there is to know a film by: its frames, its sound, and its encode. For the sandbox."""

from stemtide.fingerprints.analysis import Asked, Content, Look, Progress, head_of
from stemtide.fingerprints.audio.fingerprint import fingerprint_audio
from stemtide.fingerprints.kinds import Fingerprint, Fingerprints, Kind
from stemtide.fingerprints.limits import Limits
from stemtide.fingerprints.values.checks import add_long
from stemtide.fingerprints.values.video import Sampling
from stemtide.fingerprints.video.fingerprint import fingerprint_video, is_video
from stemtide.fingerprints.video.gop import fingerprint_gops

sniff = is_video

_FRAMES_PART = 0.9
"""Of the time that a film takes, frames take about so much; the rest is its sound."""


def look(content: Content, *, limits: Limits, asked: Asked, progress: Progress) -> Look:
    """Look at a film: the groups of its encode, its frames, its sound.

    With asked.share, densely, as it is shared; with asked.robust, crops of its frames too. What
    could not be looked at is said in remarks.
    """
    media_type = sniff(head_of(content))
    groups = fingerprint_gops(content, limits=limits)
    film = fingerprint_video(
        content,
        limits=limits,
        sampling=Sampling.SHARE if asked.share else Sampling.QUERY,
        robust=asked.robust,
        progress=lambda part: progress(part * _FRAMES_PART, 1.0),
    )
    sound = fingerprint_audio(
        content,
        limits=limits,
        progress=lambda part: progress(_FRAMES_PART + part * (1 - _FRAMES_PART), 1.0),
    )
    remarks = [*film.remarks, *groups.remarks, *sound.remarks]
    each: list[Fingerprint] = []
    if len(film.rows):
        add_long(each, remarks, Kind.VIDEO, film.to_bytes())
    if sound.tracks:
        heard = sound.for_sharing() if asked.share else sound
        add_long(each, remarks, Kind.AUDIO, heard.to_bytes())
    if len(groups.rows):
        add_long(each, remarks, Kind.GOP, groups.to_bytes())
    made = Fingerprints(tuple(each), media_type=media_type, remarks=tuple(dict.fromkeys(remarks)))
    return Look(made)
