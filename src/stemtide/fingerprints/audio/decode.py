# SPDX-License-Identifier: Apache-2.0
"""Decode the audio streams of a file to samples, within limits. The file may be hostile.

FFmpeg gets a file object, not a name, only formats that people post, and no protocol; so a playlist
that names other files or hosts is refused. One thread, one pass, bounded memory.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

import av
import numpy as np
from av.error import FFmpegError
from av.stream import Discard, Stream

from stemtide.fingerprints.audio.printer import RATE, Printer, Samples
from stemtide.fingerprints.kinds import LIMIT, UNDECODABLE
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.values.audio import MAX_TRACKS

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,ogg,wav,mp3,aac,flac,asf,amr,aiff"
)
"""Formats that FFmpeg may open. Left out on purpose: playlists (hls, concat, dash), which name
other files, picture sequences, text, and every format that is guessed from arbitrary bytes.
"""

Progress = Callable[[float], None]
"""Called now and then with the share of the audio that is done, 0..1."""

_SLOWEST_RATE, _FASTEST_RATE = 2_000, 768_000
_MOST_SAMPLES = 1 << 20
"""Per frame; the largest of a real format (FLAC) has 65,535."""

_GAP_S = 0.25
_LONGEST_GAP_S = 600.0
"""A gap longer than the first becomes silence of that length; a jump longer than the second is
taken for a clock that was reset, as in joined recordings.
"""

_SIDE_OVER_MIDDLE = 10.0
"""Ratio of the power of the difference of two channels to that of their sum above which the
difference is used: one channel is inverted, which is inaudible but cancels the sum.
"""

_CPU_SHARE = 0.8
"""Share of the processor time after which the result so far is returned, before the limit strikes.
"""

_BAD_SHARE = 0.1
"""Share of undecodable packets from which they are reported; players skip a few as well."""

_PROGRESS_EVERY_S = 0.5


@contextmanager
def opened(content: IO[bytes]) -> Iterator[av.container.InputContainer]:
    """Open a file for its streams.

    raises: FFmpegError if its format is not supported.
    """
    options = {"format_whitelist": FORMATS, "protocol_whitelist": ""}
    with av.open(content, "r", options=options, metadata_errors="replace") as container:
        yield container


class StreamDecoder:
    """Decodes one stream: its frames become mono samples at RATE for a printer.

    start_s: the stream time that is second 0 of the content.
    """

    def __init__(self, printer: Printer, *, start_s: float = 0.0) -> None:
        self._printer = printer
        self._resampler: av.AudioResampler | None = None
        self._setup: tuple[object, ...] = ()
        self._start_s = start_s
        self._fed = 0

    def hear(self, frame: av.AudioFrame) -> None:
        """Process the next frame. Its format may change from frame to frame.

        raises: ValueError for a frame with an unsupported rate or size.
        """
        rate, size = frame.sample_rate, frame.samples
        if not _SLOWEST_RATE <= rate <= _FASTEST_RATE or size > _MOST_SAMPLES:
            raise ValueError(f"{size:,} samples at {rate:,} a second are no sound that is posted")
        setup = (frame.format.name, frame.layout.name, rate)
        if setup != self._setup or self._resampler is None:
            self.drain()
            channels = "mono" if frame.layout.nb_channels == 1 else "stereo"
            self._resampler = av.AudioResampler(format="fltp", layout=channels, rate=RATE)
            self._setup = setup
        if frame.time is not None:
            self._keep_time(frame.time - self._start_s)
        frame.pts = None  # kept here; the resampler would fill gaps without a bound
        self._feed(self._resampler.resample(frame))

    def drain(self) -> None:
        """Process the samples that the resampler still holds."""
        if self._resampler is not None:
            self._feed(self._resampler.resample(None))
            self._resampler = None

    def _keep_time(self, at_s: float) -> None:
        """Insert silence where the stream has a gap, so that words keep their time."""
        gap_s = at_s - self._fed / RATE
        if _GAP_S < gap_s <= _LONGEST_GAP_S:
            left = int(gap_s * RATE)
            while left > 0 and not self._printer.is_full:
                silence = np.zeros(min(left, 60 * RATE), dtype=np.float32)
                self._feed_samples(silence)
                left -= len(silence)
        elif abs(gap_s) > _GAP_S:
            self._start_s += gap_s

    def _feed(self, frames: list[av.AudioFrame]) -> None:
        for frame in frames:
            self._feed_samples(to_mono(np.asarray(frame.to_ndarray(), dtype=np.float32)))

    def _feed_samples(self, samples: Samples) -> None:
        self._fed += len(samples)
        self._printer.feed(samples)


def to_mono(channels: Samples) -> Samples:
    """Mix one or two channels into one that keeps the audible signal.

    channels: (c, n) float32 of a hostile file: NaN, infinity and absurd levels become harmless.
    returns:  (n,) float32.
    """
    sound = np.clip(np.nan_to_num(channels, nan=0.0, posinf=0.0, neginf=0.0), -8, 8)
    if len(sound) == 1:
        only: Samples = sound[0]
        return only
    middle, side = (sound[0] + sound[1]) / 2, (sound[0] - sound[1]) / 2
    if np.vdot(side, side) > _SIDE_OVER_MIDDLE * np.vdot(middle, middle):
        return np.asarray(side, dtype=np.float32)
    return np.asarray(middle, dtype=np.float32)


class AudioDecoder:
    """Decodes the first MAX_TRACKS audio streams of a file, from beginning to end.

    printers: one for each of those streams.
    remarks:  parts that could not be decoded, and why.
    """

    def __init__(
        self,
        container: av.container.InputContainer,
        *,
        limits: DecodingLimits,
        progress: Progress | None = None,
    ) -> None:
        self.remarks: list[str] = []
        self._container = container
        every = container.streams.audio  # a stream of an unknown kind has no context
        decodable = [
            stream for stream in every if getattr(stream, "codec_context", None) is not None
        ]
        self._streams = decodable[:MAX_TRACKS]
        self.printers = [Printer() for _ in self._streams]
        start_s = (container.start_time or 0) / av.time_base
        self._ears = {
            stream.index: StreamDecoder(printer, start_s=start_s)
            for stream, printer in zip(self._streams, self.printers, strict=True)
        }
        self._packets = self._bad = 0
        self._stop_at_s = time.process_time() + _CPU_SHARE * limits.cpu_s
        self._duration_s = max(1.0, (container.duration or 0) / av.time_base)
        self._progress = progress
        self._told_at_s = time.monotonic()

    def run(self) -> None:
        """Decode everything that the limits allow."""
        if not self._streams:
            self.remarks.append(f"{UNDECODABLE}its sound is of a kind that is not read here")
            return
        for stream in self._container.streams:
            stream.discard = Discard.default if stream.index in self._ears else Discard.all
        for stream in self._streams:
            stream.codec_context.thread_count = 1
        try:
            for packet in self._container.demux(self._streams):
                self._decode(packet)
                if self._is_enough():
                    break
        except FFmpegError as error:
            self.remarks.append(f"{UNDECODABLE}the file breaks off: {_short(error)}")
        for ear in self._ears.values():
            ear.drain()
        if self._bad > _BAD_SHARE * self._packets:
            self.remarks.append(
                f"{UNDECODABLE}{self._bad:,} of {self._packets:,} pieces of its sound are damaged"
            )

    def _decode(self, packet: "av.Packet[Stream]") -> None:
        self._packets += packet.size > 0
        try:
            for frame in packet.decode():
                if isinstance(frame, av.AudioFrame):
                    self._ears[packet.stream_index].hear(frame)
        except EOFError:
            return  # a stream that was flushed has nothing more to give
        except (FFmpegError, ValueError):
            self._bad += 1

    def _is_enough(self) -> bool:
        """Report progress, and return whether a limit was reached."""
        done_s = max(printer.seconds for printer in self.printers)
        if self._progress and time.monotonic() - self._told_at_s > _PROGRESS_EVERY_S:
            self._told_at_s = time.monotonic()
            self._progress(min(1.0, done_s / self._duration_s))
        if any(printer.is_full for printer in self.printers):
            self.remarks.append(
                f"{LIMIT}only the first {done_s:,.0f} seconds were heard: no more fit"
            )
            return True
        if time.process_time() > self._stop_at_s:
            self.remarks.append(f"{LIMIT}only the first {done_s:.0f} seconds were heard: cpu_s")
            return True
        return False


def _short(error: BaseException) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:120]
