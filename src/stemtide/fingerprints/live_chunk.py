# SPDX-License-Identifier: Apache-2.0
"""Fingerprint a chunk of a live stream: its frames, densely, and its audio, continued.

For the sandbox. A chunk is a segment that a player could start with: MPEG-TS, ADTS, Matroska, or
fragmented MP4 with the initialisation segment in front of it.
"""

import io
import math

import av
from av.container import InputContainer

from stemtide.fingerprints.analysis import (
    Analysis,
    AnalysisOptions,
    Content,
    LiveChunk,
    Progress,
    bytes_of,
)
from stemtide.fingerprints.audio.fingerprint import fingerprint_chunk
from stemtide.fingerprints.kinds import UNDECODABLE, Fingerprint, Fingerprints, Kind
from stemtide.fingerprints.limits import DecodingLimits, UndecodableError
from stemtide.fingerprints.values.video import Sampling
from stemtide.fingerprints.video.fingerprint import fingerprint_video, is_video
from stemtide.fingerprints.video.frames import container_of

EVERY_S = 0.25
"""Chunks are sampled as densely as signals: they are short, and analysed once."""

_LONGEST_CLOCK_S = 1e8
_MOST_PACKETS = 200_000


def sniff(head: bytes) -> str:  # noqa: ARG001 - every modality is asked
    """Return "": chunks are never recognised, the caller names them as such."""
    return ""


def analyse(
    content: Content,
    *,
    limits: DecodingLimits,
    options: AnalysisOptions,
    progress: Progress,  # noqa: ARG001 - a chunk is short
) -> Analysis:
    """Fingerprint a chunk; options.carry is the carry of the one before it."""
    blob = bytes_of(content)
    film = fingerprint_video(blob, limits=limits, sampling=Sampling.QUERY, every_s=EVERY_S)
    heard = fingerprint_chunk(blob, limits=limits, carry=bytes.fromhex(options.carry))
    prints: list[Fingerprint] = []
    if len(film.rows):
        prints.append(Fingerprint(Kind.VIDEO, film.to_bytes()))
    if heard.sound.tracks:
        prints.append(Fingerprint(Kind.AUDIO, heard.sound.to_bytes()))
    remarks = dict.fromkeys([*film.remarks, *heard.sound.remarks])
    if not prints and not heard.carry:
        remarks[f"{UNDECODABLE}no pictures and no sound were found in this chunk"] = None
    starts_s, lasts_s = _extent(blob)
    fingerprints = Fingerprints(
        tuple(prints), media_type=is_video(blob[:512]), remarks=tuple(remarks)
    )
    return Analysis(
        fingerprints, chunk=LiveChunk(starts_s, lasts_s or film.duration_ms / 1000, heard.carry)
    )


def _extent(blob: bytes) -> tuple[float | None, float]:
    """Return start and duration of a chunk by its own clock; (None, 0) if it has none.

    Only packets are read: the length that a segment states is often that of the whole stream.
    """
    try:
        with container_of(io.BytesIO(blob)) as container:
            return _extent_of(container)
    except (UndecodableError, av.FFmpegError, IndexError, ValueError, OverflowError):
        return None, 0.0


def _extent_of(container: InputContainer) -> tuple[float | None, float]:
    first, last = math.inf, -math.inf
    streams = [*container.streams.video[:1], *container.streams.audio[:1]]
    for number, packet in enumerate(container.demux(streams)):
        if number > _MOST_PACKETS:
            break
        if packet.pts is None or not packet.size or not packet.time_base:
            continue
        at_s = float(packet.pts * packet.time_base)
        if abs(at_s) > _LONGEST_CLOCK_S:
            continue
        lasts_s = float((packet.duration or 0) * packet.time_base)
        first, last = min(first, at_s), max(last, at_s + max(0.0, min(lasts_s, 60.0)))
    return (first, last - first) if last >= first else (None, 0.0)
