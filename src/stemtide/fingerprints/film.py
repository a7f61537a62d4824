# SPDX-License-Identifier: Apache-2.0
"""What there is to know a film by: its frames, its sound, and its encode. For the sandbox."""

from stemtide.fingerprints.audio import fingerprint_audio
from stemtide.fingerprints.gop import fingerprint_gops
from stemtide.fingerprints.kinds import LIMIT, MAX_VALUE_BYTES, Fingerprint, Fingerprints, Kind
from stemtide.fingerprints.limits import Limits
from stemtide.fingerprints.looks import Asked, Content, Look, Progress
from stemtide.fingerprints.video import fingerprint_video, is_video
from stemtide.fingerprints.video_print import Sampling

sniff = is_video

_FRAMES_PART = 0.9
"""Of the time that a film takes, frames take about so much; the rest is its sound."""


def look(content: Content, *, limits: Limits, asked: Asked, progress: Progress) -> Look:
    """Look at a film: the groups of its encode, its frames, its sound.

    With asked.share, densely, as it is shared; with asked.robust, crops of its frames too. What
    could not be looked at is said in remarks.
    """
    media_type = sniff(_head(content))
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
        _add(each, remarks, Kind.VIDEO, film.to_bytes())
    if sound.tracks:
        heard = sound.for_sharing() if asked.share else sound
        _add(each, remarks, Kind.AUDIO, heard.to_bytes())
    if len(groups.rows):
        _add(each, remarks, Kind.GOP, groups.to_bytes())
    made = Fingerprints(tuple(each), media_type=media_type, remarks=tuple(dict.fromkeys(remarks)))
    return Look(made)


def _head(content: Content) -> bytes:
    if isinstance(content, bytes):
        return content[:4096]
    with content.open("rb") as file:
        return file.read(4096)


def _add(each: list[Fingerprint], remarks: list[str], kind: Kind, value: bytes) -> None:
    """Keep a fingerprint, unless it is longer than any may be: then that is said."""
    if len(value) <= MAX_VALUE_BYTES:
        each.append(Fingerprint(kind, value))
    else:
        remarks.append(
            f"{LIMIT}its {kind} fingerprint would have {len(value):,} bytes, and"
            f" {MAX_VALUE_BYTES:,} are taken: share a part of it"
        )
