# SPDX-License-Identifier: Apache-2.0
"""What is kept of one live stream between its chunks, and where a chunk belongs in it.

It lies in a file that all processes of the agent share, so it is spelled as bytes: what was seen
and heard last, which numbers came, and what the stream matched so far.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass

import msgspec
import numpy as np

from stemtide.fingerprints.audio_value import Track
from stemtide.fingerprints.looks import LiveChunk
from stemtide.fingerprints.video_print import ROW, View, ViewKind
from stemtide.matching.found import Found, Span
from stemtide.matching.live import LiveFrames
from stemtide.matching.sound_live import Kept

MOST_SIGNALS = 100
"""Signals that one stream is remembered to have matched; further ones are told once, and go by."""

MOST_STRETCHES = 16
MOST_RECENT = 64
"""Chunks whose repetition is recognised."""

MOST_GAPS = 16
MOST_MISSING = 100_000
LONGEST_CHUNK_S = 60.0
"""Longer pieces are no chunks: of a stream only its last half minute is searched together."""

_NEAR_CLOCK_S = 2.0
_GOES_ON_S = 5.0
_SAME_PLACE_S = 3.0
_USUAL_S = 4.0


class OutOfStepError(Exception):
    """A chunk's number contradicts what came before. The message says what to do."""


class Stretch(msgspec.Struct, array_like=True):
    """Where in the stream a signal lies, as in a Found; spans in seconds."""

    query: tuple[float, float]
    signal: tuple[float, float]
    speed: float
    score: float
    confidence: float
    transform: str


class Met(msgspec.Struct):
    """A signal that the stream matched, by its id, which stays when all signals are replaced."""

    signal: str
    kind: str
    stretches: list[Stretch]


class Gap(msgspec.Struct, array_like=True):
    """Chunks that did not come yet, by number, and the time they are taken to have."""

    first: int
    last: int
    at_s: float
    end_s: float


class Alarm(msgspec.Struct):
    """Known content in the newest chunk. is_new: it began there, or was told for the first time."""

    signal: str
    kind: str
    is_new: bool


class _Frames(msgspec.Struct, array_like=True):
    at_s: bytes
    rows: bytes
    views: list[tuple[int, int, tuple[float, float, float, float]]]
    told: list[tuple[int, float, float]]
    end_s: float


class _Sound(msgspec.Struct, array_like=True):
    words: bytes
    heard: bytes
    between: bytes
    before: int
    sounding: list[tuple[int, float, float]]


class State(msgspec.Struct):
    """Everything that is kept of a stream.

    last:     the highest number that came; -1 before the first.
    recent:   the latest numbers, each with a digest of its chunk.
    lasts_s:  how long the latest chunk lasted. end_s: where in stream time it ended.
    origin_s: what the stream's own clock says at second 0; None where it has none.
    carry:    what the latest chunk left over of its sound.
    """

    last: int = -1
    recent: dict[int, bytes] = {}
    gaps: list[Gap] = []
    lasts_s: float = _USUAL_S
    origin_s: float | None = None
    end_s: float = 0.0
    carry: bytes = b""
    met: list[Met] = []
    alarms: list[Alarm] = []
    frames: _Frames | None = None
    sound: _Sound | None = None

    def to_bytes(self) -> bytes:
        """Spell it."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, spelled: bytes) -> "State":
        """Read it. raises: msgspec.MsgspecError."""
        return msgspec.msgpack.decode(spelled, type=cls) if spelled else cls()

    # where a chunk belongs

    def place(self, seq: int | None, digest: bytes) -> "Place | None":
        """Say where a chunk belongs; None if it came already.

        raises: OutOfStepError.
        """
        number = self.last + 1 if seq is None else seq
        if number in self.recent:
            if self.recent[number] == digest:
                return None
            raise OutOfStepError(
                f"another chunk {number} came already; number chunks on, or end the stream"
            )
        if self.last < 0 or number == self.last + 1:
            return Place(number, self.carry)
        if number > self.last:
            if number - self.last > MOST_MISSING:
                raise OutOfStepError(
                    f"{number} is {number - self.last} after {self.last}; end the stream and begin"
                    " it anew"
                )
            return Place(number, b"", missing=number - self.last - 1)
        gap = next((one for one in self.gaps if one.first <= number <= one.last), None)
        if gap is None:
            raise OutOfStepError(
                f"{number} is long past, the stream is at {self.last}; end the stream to begin anew"
            )
        return Place(number, b"", gap=gap)

    def begin_s(self, place: "Place", chunk: LiveChunk | None) -> float:
        """Say when a chunk begins: by the stream's own clock while it goes on, or in its turn."""
        expected = self._expected_s(place)
        starts_s = chunk.starts_s if chunk else None
        if starts_s is None:
            return expected
        if self.origin_s is not None:
            clock = starts_s - self.origin_s
            low, high = expected - _NEAR_CLOCK_S, expected + _NEAR_CLOCK_S
            if place.gap:
                low, high = place.gap.at_s - _NEAR_CLOCK_S, place.gap.end_s
            elif place.missing:
                low, high = self.end_s, self.end_s + place.missing * LONGEST_CHUNK_S
            if low <= clock <= high:
                return max(0.0, clock)
        if not place.gap:
            self.origin_s = starts_s - expected
        return expected

    def _expected_s(self, place: "Place") -> float:
        if place.gap:
            gap = place.gap
            each_s = (gap.end_s - gap.at_s) / (gap.last - gap.first + 1)
            return gap.at_s + (place.seq - gap.first) * each_s
        return self.end_s + place.missing * self.lasts_s

    def took(self, place: "Place", digest: bytes, *, at_s: float, lasts_s: float) -> None:
        """Note that a chunk was taken in."""
        if place.gap:
            self.gaps = [part for gap in self.gaps for part in _without(gap, place.seq)]
        else:
            if place.missing:
                first = self.last + 1
                self.gaps.append(Gap(first, place.seq - 1, self.end_s, max(at_s, self.end_s)))
            self.last, self.end_s = place.seq, at_s + lasts_s
        self.gaps = self.gaps[-MOST_GAPS:]
        self.recent[place.seq] = digest
        for old in sorted(self.recent)[:-MOST_RECENT]:
            del self.recent[old]

    # what it matched

    def meet(self, signal: str, kind: str, found: Found) -> None:
        """Remember a find: it goes on from the one before, or stands for itself."""
        stretch = _stretch(found)
        if stretch is None:
            return
        met = next((one for one in self.met if (one.signal, one.kind) == (signal, kind)), None)
        if met is None:
            if len(self.met) < MOST_SIGNALS:
                self.met.append(Met(signal, kind, [stretch]))
            return
        before = next((one for one in met.stretches if _goes_on(one, stretch)), None)
        if before is None:
            met.stretches = [*met.stretches, stretch][-MOST_STRETCHES:]
        else:
            _join(before, stretch)

    # what was seen and heard

    def frames_kept(self) -> LiveFrames:
        """What is kept of its pictures."""
        if self.frames is None:
            return LiveFrames()
        kept = self.frames
        views = {number: View(number, ViewKind(kind), box) for number, kind, box in kept.views}
        told = OrderedDict((key, (began, until)) for key, began, until in kept.told)
        at_s, rows = np.frombuffer(kept.at_s, np.float64), np.frombuffer(kept.rows, ROW)
        return LiveFrames(at_s, rows, views, told, kept.end_s)

    def keep_frames(self, kept: LiveFrames) -> None:
        """Keep what is kept of its pictures."""
        views = [(view.number, int(view.kind), view.box) for view in kept.views.values()]
        told = [(key, *when) for key, when in kept.told.items()]
        at_s, rows = kept.at_s.astype(np.float64), kept.rows
        self.frames = _Frames(at_s.tobytes(), rows.tobytes(), views, told, kept.end_s)

    def sound_kept(self) -> Kept:
        """What is kept of its sound."""
        if self.sound is None:
            return Kept()
        kept = self.sound
        tail = Track(
            np.frombuffer(kept.words, np.uint32),
            np.frombuffer(kept.heard, np.bool_),
            np.frombuffer(kept.between, np.uint32),
        )
        return Kept(tail, kept.before, {key: Span(a, b) for key, a, b in kept.sounding})

    def keep_sound(self, kept: Kept) -> None:
        """Keep what is kept of its sound."""
        sounding = [(key, span.start_s, span.end_s) for key, span in kept.sounding.items()]
        tail = kept.tail
        words, heard = tail.words.tobytes(), tail.heard.tobytes()
        self.sound = _Sound(words, heard, tail.between.tobytes(), kept.before, sounding)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a chunk belongs.

    carry:   what the chunk before it left over of its sound.
    missing: how many did not come that belong between it and the last one.
    gap:     the gap that it fills, if it comes late.
    """

    seq: int
    carry: bytes
    missing: int = 0
    gap: Gap | None = None


def _without(gap: Gap, number: int) -> list[Gap]:
    """What is left of a gap when one of its numbers came."""
    if not gap.first <= number <= gap.last:
        return [gap]
    each_s = (gap.end_s - gap.at_s) / (gap.last - gap.first + 1)
    middle_s = gap.at_s + (number - gap.first) * each_s
    parts = [
        Gap(gap.first, number - 1, gap.at_s, middle_s),
        Gap(number + 1, gap.last, middle_s + each_s, gap.end_s),
    ]
    return [part for part in parts if part.first <= part.last]


def _stretch(found: Found) -> Stretch | None:
    query, signal = found.query_span, found.signal_span
    if query is None or signal is None or not math.isfinite(found.score):
        return None
    return Stretch(
        (query.start_s, query.end_s),
        (signal.start_s, signal.end_s),
        found.speed or 1.0,
        found.score,
        found.confidence,
        found.transform,
    )


def _goes_on(before: Stretch, after: Stretch) -> bool:
    """Whether a find is the one before, seen further: near it, and at the same place of the signal.

    The same place: where the signal began, in stream time.
    """
    is_near = (
        after.query[0] <= before.query[1] + _GOES_ON_S
        and before.query[0] <= after.query[1] + _GOES_ON_S
    )
    began = [one.query[0] - one.signal[0] / one.speed for one in (before, after)]
    return is_near and abs(began[0] - began[1]) <= _SAME_PLACE_S


def _join(before: Stretch, after: Stretch) -> None:
    """Let one stretch reach as far as both."""
    for name in ("query", "signal"):
        one, other = getattr(before, name), getattr(after, name)
        setattr(before, name, (min(one[0], other[0]), max(one[1], other[1])))
    if after.confidence >= before.confidence:
        before.confidence, before.transform, before.speed = (
            after.confidence,
            after.transform,
            after.speed,
        )
    before.score = max(before.score, after.score)


def founds(met: Met) -> tuple[Found, ...]:
    """What a stream matched of one signal, as a match tells it, the surest first."""
    each = [
        Found(
            key=0,
            score=stretch.score,
            confidence=stretch.confidence,
            query_span=Span(*stretch.query),
            signal_span=Span(*stretch.signal),
            speed=stretch.speed,
            transform=stretch.transform,
        )
        for stretch in met.stretches
    ]
    return tuple(sorted(each, key=lambda one: (-one.confidence, -one.score)))
