# SPDX-License-Identifier: Apache-2.0
"""Decode frames of a video in order of time, no more than needed. Runs in a worker.

Everything about the file is hostile: its format, its sizes, its times and its end. Containers and
decoders are those of two short lists; only the given bytes are ever opened; times that jump are
made contiguous; and parts that could not be decoded get a remark.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from io import BytesIO
from typing import BinaryIO

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from stemtide.fingerprints.analysis import Content
from stemtide.fingerprints.kinds import LIMIT
from stemtide.fingerprints.limits import DecodingLimits, LimitError, UndecodableError
from stemtide.fingerprints.video.luma import Luma8, is_full_range, luma_of

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,ogg,asf"
"""Containers that are opened. Left out on purpose: playlists (HLS, concat, DASH), which name other
files and hosts, and rare formats.
"""

CODECS = (
    "h264,hevc,libdav1d,av1,vp9,vp8,mpeg4,mpeg2video,mpeg1video,h263,flv,theora,mjpeg,"
    "vc1,wmv3,wmv2,wmv1,msmpeg4,msmpeg4v2,prores,dnxhd"
)
"""Decoders that may run, also while a container is probed. Audio is not decoded here."""

MAX_STREAMS = 64
MAX_LOOKS = 20_000
"""Maximum number of frames that are returned. Each time that half of the rest is used up, the step
is doubled: so a longer video is covered to its end, and its stated length is not trusted.
"""

LAST_S = 7 * 24 * 3600.0
_GAP_S = 30.0
_WIDE_GAP_S = 600.0
_BACK_S = 1.0
"""A time that is further ahead than the first (and beyond the stated length) or than the second, or
further back than the third, is invalid: the frame is assumed to follow the one before it.
"""

_PACKETS_A_LOOK = 16
"""Reading the processor time costs as much as decoding a small frame."""

_STARVED_S = 0.75
_STARVED_PACKETS = 4
"""A gap between frames which shows that skipping all B frames skipped too much: encoders do not put
more than 16 of them in a row.
"""

_HAS_B_REFERENCES = frozenset({"h264", "hevc"})


class Depth(IntEnum):
    """How much of a video is decoded.

    FULL:       every frame, as a player shows it.
    SPARSE:     without the frames that no other frame needs and without the loop filter: a third
                to a half of the work, for hashes that differ by 3 to 5 bits.
    KEY_FRAMES: only the frames that need no other: a twentieth of the work.
    """

    FULL = 1
    SPARSE = 2
    KEY_FRAMES = 3


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: its time in seconds from the beginning, and its brightness.

    luma:         (h, w) uint8.
    is_full_range: whether black is 0 and white 255; else they are 16 and 235.
    """

    at_s: float
    luma: Luma8
    is_full_range: bool


@dataclass(slots=True)
class FrameReader:
    """State of one pass through a video.

    every_s: at most one frame is returned in each stretch of this length.
    remarks: parts that could not be decoded.
    """

    limits: DecodingLimits
    depth: Depth
    every_s: float
    progress: Callable[[float], None] | None = None
    duration_s: float = 0.0
    width: int = 0
    height: int = 0
    codec: str = ""
    decoded: int = 0
    looks: int = 0
    looks_until: int = field(default_factory=lambda: MAX_LOOKS // 2)
    damaged: int = 0
    until_s: float = 0.0
    remarks: list[str] = field(default_factory=list)

    def frames(self, content: Content) -> Iterator[Frame]:
        """Yield frames in order of time.

        raises: UndecodableError if it is not a readable video, LimitError if its picture is larger
                than max_pixels. Later problems are in `remarks`.
        """
        with opened(content) as file:
            first = _Pass(self, file)
            try:
                yield from first.frames()
            except _StarvedError:
                self.decoded = self.damaged = 0
                self.until_s = 0.0
                again = _Pass(self, file, keeps_b_frames=True, next_s=first.next_s)
                yield from again.frames()


class NoPicturesError(UndecodableError):
    """The file has audio or something else, but no moving pictures."""


class _StarvedError(Exception):
    """Skipping B frames skipped most of the video after the frames returned so far."""


@contextmanager
def opened(content: Content) -> Iterator[BinaryIO]:
    """Open content as a file object: the libraries below never see a path."""
    if isinstance(content, bytes):
        yield BytesIO(content)
    else:
        with content.open("rb") as file:
            yield file


@contextmanager
def container_of(file: BinaryIO) -> Iterator[InputContainer]:
    """Open a container of an allowed format, with access to nothing but the file.

    raises: UndecodableError.
    """
    file.seek(0)
    options = {
        "format_whitelist": FORMATS,
        "codec_whitelist": CODECS,
        "protocol_whitelist": "",
        "max_streams": str(MAX_STREAMS),
    }
    try:
        container = av.open(file, mode="r", options=options, metadata_errors="replace")
    except (av.FFmpegError, ValueError, OverflowError) as error:
        raise UndecodableError(f"no video that can be read ({short(error)})") from error
    try:
        yield container
    finally:
        container.close()


def video_stream(container: InputContainer) -> VideoStream:
    """Return the first stream of moving pictures; cover pictures of audio files do not count.

    raises: NoPicturesError if there is none, UndecodableError if its decoder is not allowed.
    """
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            name = getattr(stream.codec_context, "name", "unknown")  # there may be no context
            if name not in CODECS.split(","):
                raise UndecodableError(f"its moving pictures are of a kind not read here ({name})")
            return stream
    raise NoPicturesError("no moving pictures in it")


def packets_of(container: InputContainer, stream: VideoStream) -> "Iterator[Packet[VideoStream]]":
    """Yield the packets of a stream in order; the last one is empty.

    PyAV fails on packets of streams that begin in mid-file; continue behind each.
    """
    while True:
        try:
            yield from container.demux(stream)
        except IndexError:
            continue
        return


def short(error: BaseException) -> str:
    """Return a short error message without the file object's name."""
    text = getattr(error, "strerror", None) or " ".join(str(error).split())
    return (text or type(error).__name__)[:120]


class _Pass:
    """One pass over an open file.

    next_s: frames before this time are decoded, but not returned.
    """

    def __init__(
        self,
        reader: FrameReader,
        file: BinaryIO,
        *,
        keeps_b_frames: bool = False,
        next_s: float = 0.0,
    ) -> None:
        self._reader = reader
        self._file = file
        self._depth = reader.depth
        self._keeps_b_frames = keeps_b_frames
        self._began, self._used = time.monotonic(), time.process_time()
        self.next_s = next_s
        self._since_frame = 0
        self._fed = 0

    def frames(self) -> Iterator[Frame]:
        with container_of(self._file) as container:
            stream = video_stream(container)
            self._describe(container, stream)
            self._prepare(stream)
            clock = _Clock(stream, duration_s=self._reader.duration_s)
            for frame in self._decoded(container, stream):
                self._reader.decoded += 1
                at_s = clock.at_s(frame)
                self._check_fed(at_s)
                self._reader.until_s = at_s
                if at_s + 1e-6 < self.next_s:
                    continue
                self._step(at_s)
                yield Frame(at_s, luma_of(frame), is_full_range(frame))
                self._tell(at_s)
            self._check_fed(clock.end_s)
        self._close()

    def _describe(self, container: InputContainer, stream: VideoStream) -> None:
        reader, context = self._reader, stream.codec_context
        reader.codec = context.name
        reader.width, reader.height = context.width, context.height
        if reader.width * reader.height > reader.limits.max_pixels:
            raise LimitError("max_pixels", f"{reader.width} x {reader.height} pixels are too many")
        stated = container.duration / av.time_base if container.duration else 0.0
        if stream.duration and stream.time_base:
            stated = max(stated, float(stream.duration * stream.time_base))
        reader.duration_s = min(max(stated, 0.0), LAST_S)

    def _step(self, at_s: float) -> None:
        """Set the time of the next frame to return."""
        reader = self._reader
        reader.looks += 1
        if reader.looks >= reader.looks_until:
            reader.looks_until += (MAX_LOOKS - reader.looks_until) // 2
            reader.every_s *= 2
            reader.remarks.append(
                f"long: one frame in {reader.every_s:g} s was seen from {at_s:.0f} s"
            )
        self.next_s = (int(at_s / reader.every_s + 1e-6) + 1) * reader.every_s
        if at_s >= LAST_S or reader.looks >= MAX_LOOKS:
            reader.remarks.append(
                f"{LIMIT}nothing was looked at after {at_s:.0f} s: it is too long"
            )
            self.next_s = math.inf

    def _prepare(self, stream: VideoStream) -> None:
        context = stream.codec_context
        context.thread_type = "NONE"
        context.thread_count = 1
        options = {"max_pixels": str(self._reader.limits.max_pixels)}
        if self._depth is not Depth.FULL:
            options["skip_loop_filter"] = "all"
        context.options = options
        if self._depth is Depth.SPARSE:
            skips_b = self._reader.codec in _HAS_B_REFERENCES and not self._keeps_b_frames
            context.skip_frame = "BIDIR" if skips_b else "NONREF"

    def _decoded(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        try:
            for packet in packets_of(container, stream):
                # VP9's decoder ignores the wish for key frames only, so it is seen to here.
                is_wanted = packet.is_keyframe or self._depth is not Depth.KEY_FRAMES
                if packet.size and not is_wanted:
                    continue
                self._since_frame += 1
                self._fed += 1
                is_over = self._fed % _PACKETS_A_LOOK == 1 and not self._has_time()
                if is_over or self.next_s == math.inf:
                    return
                try:
                    frames = packet.decode()
                except av.FFmpegError:
                    self._reader.damaged += 1
                    continue
                yield from frames
        except (av.FFmpegError, EOFError, ValueError, OverflowError) as error:
            self._reader.damaged += 1
            self._reader.remarks.append(
                f"{LIMIT}damaged: nothing was looked at after"
                f" {self._reader.until_s:.1f} s ({short(error)})"
            )

    def _check_fed(self, at_s: float) -> None:
        """Detect that skipping B frames leaves nothing of a video that consists of them."""
        fed, self._since_frame = self._since_frame, 0
        skips_b = self._reader.codec in _HAS_B_REFERENCES and not self._keeps_b_frames
        if self._depth is not Depth.SPARSE or not skips_b:
            return
        limit_s = max(_STARVED_S, 1.5 * self._reader.every_s)
        if at_s - self._reader.until_s > limit_s and fed > _STARVED_PACKETS:
            raise _StarvedError

    def _has_time(self) -> bool:
        """Return whether time is left; when half is used up, continue with key frames only."""
        limits = self._reader.limits
        wall, cpu = time.monotonic() - self._began, time.process_time() - self._used
        part = max(wall / limits.wall_s, cpu / limits.cpu_s)
        if part > 0.8:  # noqa: PLR2004 - what is left is for hashing the last frames
            self._reader.remarks.append(
                f"{LIMIT}nothing was looked at after {self._reader.until_s:.1f} s: it would take"
                f" too long (wall_s {limits.wall_s:g}, cpu_s {limits.cpu_s})"
            )
            return False
        if part > 0.5 and self._depth is not Depth.KEY_FRAMES:  # noqa: PLR2004 - as said above
            self._depth = Depth.KEY_FRAMES
            self._reader.remarks.append(
                f"{LIMIT}only key frames were looked at after {self._reader.until_s:.1f} s: more"
                f" would take too long (wall_s {limits.wall_s:g}, cpu_s {limits.cpu_s})"
            )
        return True

    def _tell(self, at_s: float) -> None:
        if self._reader.progress and self._reader.duration_s:
            self._reader.progress(min(1.0, at_s / self._reader.duration_s))

    def _close(self) -> None:
        if not self._reader.decoded:
            raise UndecodableError("not one picture could be decoded")
        if self._reader.damaged:
            self._reader.remarks.append(
                f"damaged: {self._reader.damaged} packets were not decodable"
            )


class _Clock:
    """Converts the times of a file to seconds that never run back or far ahead."""

    def __init__(self, stream: VideoStream, *, duration_s: float) -> None:
        rate = stream.average_rate
        self._frame_s = min(1.0, max(1e-3, 1 / float(rate))) if rate else 0.04
        self._tick_s = float(stream.time_base or 0)
        self._duration_s = duration_s
        self._base_s: float | None = None
        self._last_s = 0.0

    @property
    def end_s(self) -> float:
        """Return the stated end of the video, unless it is absurd."""
        return self._duration_s if self._duration_s < self._last_s + 60 else self._last_s

    def at_s(self, frame: VideoFrame) -> float:
        follows_s = self._last_s + self._frame_s
        if frame.pts is None:
            self._last_s = min(follows_s, LAST_S)
            return self._last_s
        stated_s = frame.pts * self._tick_s
        if self._base_s is None:
            self._base_s, follows_s = stated_s, 0.0
        at_s = stated_s - self._base_s
        gap_s = at_s - self._last_s
        ahead = gap_s > _WIDE_GAP_S or (gap_s > _GAP_S and at_s > self._duration_s + _BACK_S)
        if ahead or at_s < self._last_s - _BACK_S:
            self._base_s, at_s = stated_s - follows_s, follows_s
        self._last_s = min(max(at_s, self._last_s), LAST_S)
        return self._last_s
