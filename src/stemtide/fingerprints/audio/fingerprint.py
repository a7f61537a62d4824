# SPDX-License-Identifier: Apache-2.0
"""Fingerprint the audio of a video or audio file as `aud1`. Runs in a worker of the sandbox."""

import io
from dataclasses import dataclass
from typing import IO

import numpy as np
from av.error import FFmpegError

from stemtide.fingerprints.analysis import Content, ContentFile
from stemtide.fingerprints.audio.decode import AudioDecoder, Progress, opened
from stemtide.fingerprints.audio.printer import HOP, OVERLAP, Samples
from stemtide.fingerprints.kinds import UNDECODABLE, FingerprintError
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.values.audio import Sound, Track

HEAD_BYTES = 64
"""Bytes at the beginning of a file that is_audio needs."""

_MOST_CARRIED = 2 * (OVERLAP + HOP)
_NO_SOUND = "the file has no sound"

_OGG_SOUNDS = (b"OpusHead", b"\x01vorbis", b"\x7fFLAC", b"Speex   ")


def is_audio(head: bytes) -> str:
    """Recognise an audio-only file by its first HEAD_BYTES.

    returns: its media type, or "" for anything else. A video with audio is not one of these.
    """
    if head[:4] in {b"RIFF", b"RF64"} and head[8:12] == b"WAVE":
        return "audio/wav"
    if head[:4] == b"FORM" and head[8:12] in {b"AIFF", b"AIFC"}:
        return "audio/aiff"
    if head[4:8] == b"ftyp" and head[8:11] in {b"M4A", b"M4B"}:
        return "audio/mp4"
    if head[:4] == b"OggS" and any(mark in head for mark in _OGG_SOUNDS):
        return "audio/ogg"
    for magic, media_type in (
        (b"fLaC", "audio/flac"),
        (b"ID3", "audio/mpeg"),
        (b"#!AMR", "audio/amr"),
    ):
        if head.startswith(magic):
            return media_type
    return _by_frame(head)


def fingerprint_audio(
    content: Content | IO[bytes], *, limits: DecodingLimits, progress: Progress | None = None
) -> Sound:
    """Fingerprint the first two audio tracks of a file, video or audio.

    progress: called now and then with the share that is done, 0..1.
    returns:  a Sound without tracks if there is no audio, or too little (under 0.55 s); undecoded
              parts are in its remarks, never silently left out.
    """
    return _fingerprint(content, limits=limits, progress=progress)[0]


@dataclass(frozen=True, slots=True)
class Chunk:
    """The audio fingerprint of one segment of a live stream, and the input for the next one.

    carry: pass it with the next segment of the same stream; 9 KB at most.
    """

    sound: Sound
    carry: bytes


def fingerprint_chunk(content: bytes, *, limits: DecodingLimits, carry: bytes = b"") -> Chunk:
    """Fingerprint a segment of a live stream so that its words continue those of the one before.

    content: one segment that a player could start with: MPEG-TS, ADTS, or fragmented MP4 with the
             initialisation segment in front. Only its first audio track is decoded.
    carry:   that of the segment before; b"" for the first one and after a lost segment.
    raises:  FingerprintError if the carry is malformed.
    """
    if len(carry) % 2 or len(carry) > _MOST_CARRIED:
        raise FingerprintError(f"a carry of {len(carry)} bytes is none that was given")
    before = np.frombuffer(carry, "<i2").astype(np.float32) / np.float32(32767)
    sound, rest = _fingerprint(content, limits=limits, before=before)
    carried = np.round(np.clip(rest, -1, 1) * 32767).astype("<i2").tobytes()
    return Chunk(
        Sound(sound.tracks[:1], sound.remarks), carried if len(carried) <= _MOST_CARRIED else b""
    )


def _fingerprint(
    content: Content | IO[bytes],
    *,
    limits: DecodingLimits,
    progress: Progress | None = None,
    before: Samples | None = None,
) -> tuple[Sound, Samples]:
    """Fingerprint a file; also return the samples with which the next segment begins."""
    if isinstance(content, ContentFile):
        with content.open("rb") as file:
            return _fingerprint(file, limits=limits, progress=progress, before=before)
    stream = io.BytesIO(content) if isinstance(content, bytes) else content
    nothing = np.empty(0, dtype=np.float32)
    try:
        with opened(stream) as container:
            if not container.streams.audio:
                return Sound((), (_NO_SOUND,)), nothing
            listening = AudioDecoder(container, limits=limits, progress=progress)
            if before is not None and listening.printers:
                listening.printers[0].feed(before)
            listening.run()
    except FFmpegError as error:
        return Sound((), (f"{UNDECODABLE}no sound can be read ({type(error).__name__})",)), nothing
    finished = [printer.finish() for printer in listening.printers]
    tracks = tuple(track for track, _ in finished if len(track.words))
    rest = finished[0][1] if finished else nothing
    return Sound(tracks, _remarks(tracks, listening.remarks)), rest


def _remarks(tracks: tuple[Track, ...], remarks: list[str]) -> tuple[str, ...]:
    if not tracks and not remarks:
        return ("its sound is too short for a fingerprint",)
    if tracks and not any(track.is_telling for track in tracks):
        return (*remarks, "its sound is silence or a steady tone, or too short: it is not compared")
    return tuple(remarks)


def _by_frame(head: bytes) -> str:
    """Recognise MPEG audio without a tag by the header of its first frame."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:  # noqa: PLR2004 - the sync word
        return ""
    layer, rate = head[1] >> 1 & 3, head[2] >> 2 & 3
    if head[1] & 0xF6 == 0xF0:  # noqa: PLR2004 - ISO 13818-7: 12 bits of sync, layer 0
        return "audio/aac" if head[2] >> 2 & 15 <= 12 else ""  # noqa: PLR2004 - rates up to 12
    is_mpeg = layer in {1, 2} and head[1] >> 3 & 3 != 1 and rate != 3  # noqa: PLR2004 - reserved
    return "audio/mpeg" if is_mpeg and head[2] >> 4 not in {0, 15} else ""
