# SPDX-License-Identifier: Apache-2.0
"""Find known audio in a stream, chunk by chunk, storing only its last seconds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from stemtide.fingerprints.values.audio import WORDS_PER_S, Sound, Track
from stemtide.matching.found import Occurrence, TimeRange

KEEP_S = 15.0
"""Audio before the chunk that is searched with it, so that signals are not cut at its edge."""

_GOES_ON_S = 5.0
"""A result continues the one before if it begins at most this long after its end."""


FindSound = Callable[[Sequence[Track]], list[Occurrence]]


@dataclass(slots=True)
class AudioState:
    """State of the audio of one stream.

    tail:     its last seconds, with the words between; before: number of words before those.
    sounding: by key, the span in which that signal has occurred until now.
    """

    tail: Track = field(default_factory=lambda: _silence(0))
    before: int = 0
    sounding: dict[int, TimeRange] = field(default_factory=dict)


class LiveAudio:
    """Known audio in one stream: its last seconds, and the signals that occur now.

    Chunks come in order, fingerprinted with the carry of the one before (fingerprint_chunk), so
    that their words are contiguous. Not for two threads at once.

    find: returns the known audio in tracks, the surest first.

    kept: state of the stream; it changes as chunks come.
    """

    def __init__(self, find: FindSound, state: AudioState | None = None) -> None:
        self._find = find
        self.kept = state or AudioState()

    @property
    def seconds(self) -> float:
        """Return the length of the stream that was heard or missed until now."""
        return (self.kept.before + len(self.kept.tail.words)) / WORDS_PER_S

    def hear(self, value: bytes) -> list[Occurrence]:
        """Add the next chunk's fingerprint; b"" if it had no audio.

        returns: every signal that occurs in the chunk, surest first, with its span in seconds of
                 the stream, from when it was first heard. A signal that began in an earlier chunk
                 is returned again as long as it continues.
        raises:  FingerprintError if the value is malformed; then the stream is unchanged.
        """
        if not value:
            return []
        chunk = Sound.from_bytes(value).tracks[0]
        self._append(chunk)
        begun_s = self.seconds - len(chunk.words) / WORDS_PER_S
        results = self._find([self.kept.tail]) if self.kept.tail.is_telling else []
        sounding = [result for result in self._in_stream_time(results) if _end_s(result) > begun_s]
        self._remember(sounding)
        return [replace(result, query_span=self.kept.sounding[result.key]) for result in sounding]

    def hear_late(self, value: bytes, *, at_s: float) -> list[Occurrence]:
        """Add a chunk that comes late; its place may still be in the stored seconds.

        at_s:    stream time at which it begins.
        returns: every signal that occurs in it, as far as the stored audio shows.
        raises:  FingerprintError if the value is malformed.
        """
        if not value:
            return []
        chunk = Sound.from_bytes(value).tracks[0]
        first = round(at_s * WORDS_PER_S) - self.kept.before
        self._overwrite(chunk, first)
        results = self._find([self.kept.tail]) if self.kept.tail.is_telling else []
        ends_s = at_s + len(chunk.words) / WORDS_PER_S
        inside = [
            result for result in self._in_stream_time(results) if _meets(result, at_s, ends_s)
        ]
        if first >= 0 or not chunk.is_telling:
            return inside
        alone = [_at(result, at_s) for result in self._find([chunk])]
        keys_inside = {result.key for result in inside}
        return inside + [result for result in alone if result.key not in keys_inside]

    def _overwrite(self, chunk: Track, first: int) -> None:
        """Write words into the tail from index `first` on, as far as they overlap."""
        tail = self.kept.tail
        start, stop = max(0, first), min(len(tail.words), first + len(chunk.words))
        if start >= stop:
            return
        words, heard, between = tail.words.copy(), tail.heard.copy(), tail.between.copy()
        theirs = slice(start - first, stop - first)
        words[start:stop] = chunk.words[theirs]
        heard[start:stop] = chunk.heard[theirs]
        between[start:stop] = (chunk.between if len(chunk.between) else chunk.words)[theirs]
        self.kept.tail = Track(words, heard, between)

    def miss(self, seconds: float) -> None:
        """Advance the stream clock over a lost chunk."""
        words = max(0, round(seconds * WORDS_PER_S))
        spare = max(0, words - int(KEEP_S * WORDS_PER_S))
        self._append(_silence(words - spare))
        self.kept.before += spare

    def _append(self, chunk: Track) -> None:
        """Append a chunk to the tail, and drop words that are more than KEEP_S before it."""
        spare = max(0, len(self.kept.tail.words) - int(KEEP_S * WORDS_PER_S))
        parts = (self.kept.tail, chunk)
        self.kept.tail = Track(
            np.concatenate([part.words for part in parts])[spare:],
            np.concatenate([part.heard for part in parts])[spare:],
            np.concatenate([part.between if len(part.between) else part.words for part in parts])[
                spare:
            ],
        )
        self.kept.before += spare

    def _in_stream_time(self, results: Sequence[Occurrence]) -> list[Occurrence]:
        """Return the best result of each signal, with its span in stream time."""
        start_s = self.kept.before / WORDS_PER_S
        best: dict[int, Occurrence] = {}
        for result in results:
            if result.query_span is not None:
                span = TimeRange(
                    result.query_span.start_s + start_s, result.query_span.end_s + start_s
                )
                best.setdefault(result.key, replace(result, query_span=span))
        return list(best.values())

    def _remember(self, sounding: Sequence[Occurrence]) -> None:
        """Store since when each signal occurs; forget those that have ended."""
        spans = {}
        for result in sounding:
            span = result.query_span or TimeRange(0.0, 0.0)
            before = self.kept.sounding.get(result.key)
            if before is not None and span.start_s <= before.end_s + _GOES_ON_S:
                span = TimeRange(min(before.start_s, span.start_s), max(before.end_s, span.end_s))
            spans[result.key] = span
        self.kept.sounding = spans


def _meets(result: Occurrence, start_s: float, end_s: float) -> bool:
    span = result.query_span
    return span is not None and span.end_s > start_s and span.start_s < end_s


def _at(result: Occurrence, at_s: float) -> Occurrence:
    """Return a result in a chunk with stream time."""
    span = result.query_span or TimeRange(0.0, 0.0)
    return replace(result, query_span=TimeRange(span.start_s + at_s, span.end_s + at_s))


def _end_s(result: Occurrence) -> float:
    return result.query_span.end_s if result.query_span else 0.0


def _silence(words: int) -> Track:
    nothing = np.zeros(words, dtype=np.uint32)
    return Track(nothing, np.zeros(words, dtype=np.bool_), nothing)
