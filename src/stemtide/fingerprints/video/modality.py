# SPDX-License-Identifier: Apache-2.0
"""Fingerprint a video: frames, audio track and GOP structure. For the sandbox."""

from stemtide.fingerprints.analysis import Analysis, AnalysisOptions, Content, Progress, head_of
from stemtide.fingerprints.audio.fingerprint import fingerprint_audio
from stemtide.fingerprints.kinds import Fingerprint, Fingerprints, Kind
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.values.checks import add_long
from stemtide.fingerprints.values.video import Sampling
from stemtide.fingerprints.video.fingerprint import fingerprint_video, is_video
from stemtide.fingerprints.video.gop import fingerprint_gops
from stemtide.fingerprints.video.stills import take_frames

sniff = is_video

_FRAMES_PART = 0.9
"""Share of the time of a video that its frames take; the rest is its audio."""


def analyse(
    content: Content, *, limits: DecodingLimits, options: AnalysisOptions, progress: Progress
) -> Analysis:
    """Fingerprint the GOP structure, the frames and the audio of a video.

    With options.share, densely, for sharing; with options.robust, crops of its frames too. With
    options.frames, nothing but so many small frames. Remarks
    report parts that could not be decoded.
    """
    media_type = sniff(head_of(content))
    if options.frames:
        frames, why = take_frames(content, limits=limits, count=options.frames)
        return Analysis(Fingerprints((), media_type=media_type, remarks=why), frames=frames)
    groups = fingerprint_gops(content, limits=limits)
    film = fingerprint_video(
        content,
        limits=limits,
        sampling=Sampling.SHARE if options.share else Sampling.QUERY,
        robust=options.robust,
        progress=lambda part: progress(part * _FRAMES_PART, 1.0),
    )
    sound = fingerprint_audio(
        content,
        limits=limits,
        progress=lambda part: progress(_FRAMES_PART + part * (1 - _FRAMES_PART), 1.0),
    )
    remarks = [*film.remarks, *groups.remarks, *sound.remarks]
    prints: list[Fingerprint] = []
    if len(film.rows):
        add_long(prints, remarks, Kind.VIDEO, film.to_bytes())
    if sound.tracks:
        heard = sound.for_sharing() if options.share else sound
        add_long(prints, remarks, Kind.AUDIO, heard.to_bytes())
    if len(groups.rows):
        add_long(prints, remarks, Kind.GOP, groups.to_bytes())
    fingerprints = Fingerprints(
        tuple(prints), media_type=media_type, remarks=tuple(dict.fromkeys(remarks))
    )
    return Analysis(fingerprints)
