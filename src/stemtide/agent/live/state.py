# SPDX-License-Identifier: Apache-2.0
"""State of a live stream between its chunks, and the position of a chunk in it.

All processes of the agent share the file that holds it, so it is serialised: the latest frames
and audio, the numbers received, and the matches so far.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass

import msgspec
import numpy as np

from stemtide.fingerprints.analysis import LiveChunk
from stemtide.fingerprints.values.audio import Track
from stemtide.fingerprints.values.video import ROW, View, ViewKind
from stemtide.matching.audio.live import AudioState
from stemtide.matching.found import Occurrence, TimeRange
from stemtide.matching.live import LiveFrames

MOST_SIGNALS = 100
"""Limit of matched signals stored for a stream; further ones raise alarms but are not stored."""

MOST_STRETCHES = 16
MOST_RECENT = 64
"""How many recent chunks are remembered, to recognise repeated ones."""

MOST_GAPS = 16
MOST_MISSING = 100_000
LONGEST_CHUNK_S = 60.0
"""Only so much of a longer chunk is searched: of a stream, the last half minute is kept."""

_CLOCK_TOLERANCE_S = 2.0
_CONTINUES_WITHIN_S = 5.0
_SAME_OFFSET_S = 3.0
_DEFAULT_CHUNK_S = 4.0


class OutOfStepError(Exception):
    """A chunk's number contradicts earlier ones. The message says what to do."""


class Stretch(msgspec.Struct, array_like=True):
    """Where in the stream a signal lies, as in a Found; spans in seconds."""

    query: tuple[float, float]
    signal: tuple[float, float]
    speed: float
    score: float
    confidence: float
    transform: str


class StreamMatch(msgspec.Struct):
    """A signal that the stream matched, by its id, which survives a replacement of all signals."""

    signal: str
    kind: str
    stretches: list[Stretch]


class Gap(msgspec.Struct, array_like=True):
    """Chunks not received yet, by number, and the time that they are assumed to cover."""

    first: int
    last: int
    at_s: float
    end_s: float


class Alarm(msgspec.Struct):
    """Known content in the newest chunk. is_new: it began there, or is reported first there."""

    signal: str
    kind: str
    is_new: bool


class _Frames(msgspec.Struct, array_like=True):
    at_s: bytes
    rows: bytes
    views: list[tuple[int, int, tuple[float, float, float, float]]]
    reported: list[tuple[int, float, float]]
    end_s: float


class _Sound(msgspec.Struct, array_like=True):
    words: bytes
    heard: bytes
    between: bytes
    before: int
    sounding: list[tuple[int, float, float]]


class StreamState(msgspec.Struct):
    """The state of a stream.

    last:     the highest number received; -1 before the first.
    recent:   the latest numbers, each with a digest of its chunk.
    lasts_s:  length of the latest chunk. end_s: its end in stream time.
    origin_s: the stream's own timestamp at second 0; None if it has none.
    carry:    audio samples left over from the latest chunk.
    """

    last: int = -1
    recent: dict[int, bytes] = {}
    gaps: list[Gap] = []
    lasts_s: float = _DEFAULT_CHUNK_S
    origin_s: float | None = None
    end_s: float = 0.0
    carry: bytes = b""
    met: list[StreamMatch] = []
    alarms: list[Alarm] = []
    frames: _Frames | None = None
    sound: _Sound | None = None

    def to_bytes(self) -> bytes:
        """Serialise the state."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, spelled: bytes) -> "StreamState":
        """Parse a serialised state. raises: msgspec.MsgspecError."""
        return msgspec.msgpack.decode(spelled, type=cls) if spelled else cls()

    # positions of chunks

    def position_of(self, seq: int | None, digest: bytes) -> "ChunkPosition | None":
        """Return the position of a chunk; None if it was received already.

        raises: OutOfStepError.
        """
        number = self.last + 1 if seq is None else seq
        if number in self.recent:
            if self.recent[number] == digest:
                return None
            raise OutOfStepError(
                f"another chunk {number} was received; use the next number, or end the stream"
            )
        if self.last < 0 or number == self.last + 1:
            return ChunkPosition(number, self.carry)
        if number > self.last:
            if number - self.last > MOST_MISSING:
                raise OutOfStepError(
                    f"{number} is {number - self.last} after {self.last}; end the stream and begin"
                    " it anew"
                )
            return ChunkPosition(number, b"", missing=number - self.last - 1)
        gap = next(
            (candidate for candidate in self.gaps if candidate.first <= number <= candidate.last),
            None,
        )
        if gap is None:
            raise OutOfStepError(
                f"{number} is long past, the stream is at {self.last}; end the stream to begin anew"
            )
        return ChunkPosition(number, b"", gap=gap)

    def begin_s(self, position: "ChunkPosition", chunk: LiveChunk | None) -> float:
        """Return a chunk's start: by the stream's clock if that is plausible, else by number."""
        expected = self._expected_s(position)
        starts_s = chunk.starts_s if chunk else None
        if starts_s is None:
            return expected
        if self.origin_s is not None:
            clock = starts_s - self.origin_s
            low, high = expected - _CLOCK_TOLERANCE_S, expected + _CLOCK_TOLERANCE_S
            if position.gap:
                low, high = position.gap.at_s - _CLOCK_TOLERANCE_S, position.gap.end_s
            elif position.missing:
                low, high = self.end_s, self.end_s + position.missing * LONGEST_CHUNK_S
            if low <= clock <= high:
                return max(0.0, clock)
        if not position.gap:
            self.origin_s = starts_s - expected
        return expected

    def _expected_s(self, position: "ChunkPosition") -> float:
        if position.gap:
            gap = position.gap
            each_s = (gap.end_s - gap.at_s) / (gap.last - gap.first + 1)
            return gap.at_s + (position.seq - gap.first) * each_s
        return self.end_s + position.missing * self.lasts_s

    def record_chunk(
        self, position: "ChunkPosition", digest: bytes, *, at_s: float, lasts_s: float
    ) -> None:
        """Record that a chunk was processed."""
        if position.gap:
            self.gaps = [part for gap in self.gaps for part in _without(gap, position.seq)]
        else:
            if position.missing:
                first = self.last + 1
                self.gaps.append(Gap(first, position.seq - 1, self.end_s, max(at_s, self.end_s)))
            self.last, self.end_s = position.seq, at_s + lasts_s
        self.gaps = self.gaps[-MOST_GAPS:]
        self.recent[position.seq] = digest
        for old in sorted(self.recent)[:-MOST_RECENT]:
            del self.recent[old]

    # matches

    def add_match(self, signal: str, kind: str, match: Occurrence) -> None:
        """Remember a match: it extends the stretch before it, or starts a new one."""
        stretch = _stretch(match)
        if stretch is None:
            return
        met = next(
            (
                known_match
                for known_match in self.met
                if (known_match.signal, known_match.kind) == (signal, kind)
            ),
            None,
        )
        if met is None:
            if len(self.met) < MOST_SIGNALS:
                self.met.append(StreamMatch(signal, kind, [stretch]))
            return
        before = next((earlier for earlier in met.stretches if _continues(earlier, stretch)), None)
        if before is None:
            met.stretches = [*met.stretches, stretch][-MOST_STRETCHES:]
        else:
            _extend(before, stretch)

    # frames and audio

    def load_frames(self) -> LiveFrames:
        """Return the stored frames."""
        if self.frames is None:
            return LiveFrames()
        saved = self.frames
        views = {number: View(number, ViewKind(kind), box) for number, kind, box in saved.views}
        reported = OrderedDict((key, (began, until)) for key, began, until in saved.reported)
        at_s, rows = np.frombuffer(saved.at_s, np.float64), np.frombuffer(saved.rows, ROW)
        return LiveFrames(at_s, rows, views, reported, saved.end_s)

    def store_frames(self, frames: LiveFrames) -> None:
        """Store the frames."""
        views = [(view.number, int(view.kind), view.box) for view in frames.views.values()]
        reported = [(key, *when) for key, when in frames.reported.items()]
        at_s, rows = frames.at_s.astype(np.float64), frames.rows
        self.frames = _Frames(at_s.tobytes(), rows.tobytes(), views, reported, frames.end_s)

    def load_sound(self) -> AudioState:
        """Return the stored audio."""
        if self.sound is None:
            return AudioState()
        saved = self.sound
        tail = Track(
            np.frombuffer(saved.words, np.uint32),
            np.frombuffer(saved.heard, np.bool_),
            np.frombuffer(saved.between, np.uint32),
        )
        return AudioState(
            tail, saved.before, {key: TimeRange(a, b) for key, a, b in saved.sounding}
        )

    def store_sound(self, audio: AudioState) -> None:
        """Store the audio."""
        sounding = [(key, span.start_s, span.end_s) for key, span in audio.sounding.items()]
        tail = audio.tail
        words, heard = tail.words.tobytes(), tail.heard.tobytes()
        self.sound = _Sound(words, heard, tail.between.tobytes(), audio.before, sounding)


@dataclass(frozen=True, slots=True)
class ChunkPosition:
    """Position of a chunk in its stream.

    carry:   audio samples left over from the chunk before it.
    missing: how many chunks between it and the last one were not received.
    gap:     the gap that it fills, if it is late.
    """

    seq: int
    carry: bytes
    missing: int = 0
    gap: Gap | None = None


def _without(gap: Gap, number: int) -> list[Gap]:
    """Return the parts of a gap that remain once one of its numbers was received."""
    if not gap.first <= number <= gap.last:
        return [gap]
    each_s = (gap.end_s - gap.at_s) / (gap.last - gap.first + 1)
    middle_s = gap.at_s + (number - gap.first) * each_s
    parts = [
        Gap(gap.first, number - 1, gap.at_s, middle_s),
        Gap(number + 1, gap.last, middle_s + each_s, gap.end_s),
    ]
    return [part for part in parts if part.first <= part.last]


def _stretch(match: Occurrence) -> Stretch | None:
    query, signal = match.query_span, match.signal_span
    if query is None or signal is None or not math.isfinite(match.score):
        return None
    return Stretch(
        (query.start_s, query.end_s),
        (signal.start_s, signal.end_s),
        match.speed or 1.0,
        match.score,
        match.confidence,
        match.transform,
    )


def _continues(before: Stretch, after: Stretch) -> bool:
    """Whether a stretch continues an earlier one: near it, and at the same offset of the signal.

    The offset is compared as the time in the stream at which the signal would have begun.
    """
    is_near = (
        after.query[0] <= before.query[1] + _CONTINUES_WITHIN_S
        and before.query[0] <= after.query[1] + _CONTINUES_WITHIN_S
    )
    began = [stretch.query[0] - stretch.signal[0] / stretch.speed for stretch in (before, after)]
    return is_near and abs(began[0] - began[1]) <= _SAME_OFFSET_S


def _extend(before: Stretch, after: Stretch) -> None:
    """Extend a stretch to cover both."""
    for name in ("query", "signal"):
        first, second = getattr(before, name), getattr(after, name)
        setattr(before, name, (min(first[0], second[0]), max(first[1], second[1])))
    if after.confidence >= before.confidence:
        before.confidence, before.transform, before.speed = (
            after.confidence,
            after.transform,
            after.speed,
        )
    before.score = max(before.score, after.score)


def matches_of(met: StreamMatch) -> tuple[Occurrence, ...]:
    """Return the stretches of one signal as matches, the surest first."""
    matches = [
        Occurrence(
            key=0,
            score=stretch.score,
            confidence=stretch.confidence,
            query_span=TimeRange(*stretch.query),
            signal_span=TimeRange(*stretch.signal),
            speed=stretch.speed,
            transform=stretch.transform,
        )
        for stretch in met.stretches
    ]
    return tuple(sorted(matches, key=lambda match: (-match.confidence, -match.score)))
