# SPDX-License-Identifier: Apache-2.0
"""Known sound in a stream, chunk by chunk, with no more memory than its last seconds."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from stemtide.fingerprints.values.audio import WORDS_PER_S, Sound, Track
from stemtide.matching.audio.finder import SoundFinder
from stemtide.matching.found import Found, Span

KEEP_S = 15.0
"""Sound before the chunk that is searched with it: what began in it must not be cut at its edge."""

_GOES_ON_S = 5.0
"""A find is the one before going on if it begins this soon after that one's end."""


@dataclass(slots=True)
class Kept:
    """What is kept of the sound of one stream.

    tail:     its last seconds, with the words between; before: how many words came before those.
    sounding: key to the span in which that signal has been sounding until now.
    """

    tail: Track = field(default_factory=lambda: _silence(0))
    before: int = 0
    sounding: dict[int, Span] = field(default_factory=dict)


class LiveSound:
    """Known sound in one stream: what sounded last, and what is known to be sounding.

    Chunks come in order, fingerprinted with the carry of the one before (fingerprint_chunk), so
    that their words follow each other. Not for two threads at once; the finder is.

    kept: what was kept of the stream; it is changed as chunks come.
    """

    def __init__(self, finder: SoundFinder, kept: Kept | None = None) -> None:
        self._finder = finder
        self.kept = kept or Kept()

    @property
    def seconds(self) -> float:
        """How much of the stream was heard or missed until now."""
        return (self.kept.before + len(self.kept.tail.words)) / WORDS_PER_S

    def hear(self, value: bytes) -> list[Found]:
        """Take the next chunk's fingerprint; b"" if it had no sound.

        returns: every signal that sounds in the chunk, the surest first, with its span in seconds
                 of the stream, from when it was first heard. One that began in an earlier chunk is
                 found again as long as it goes on.
        raises:  FingerprintError if the value is none; the stream is then as it was.
        """
        if not value:
            return []
        chunk = Sound.from_bytes(value).tracks[0]
        self._append(chunk)
        begun_s = self.seconds - len(chunk.words) / WORDS_PER_S
        found = self._finder.find_in([self.kept.tail]) if self.kept.tail.is_telling else []
        sounding = [one for one in self._in_stream_time(found) if _end_s(one) > begun_s]
        self._remember(sounding)
        return [replace(one, query_span=self.kept.sounding[one.key]) for one in sounding]

    def hear_late(self, value: bytes, *, at_s: float) -> list[Found]:
        """Take a chunk that was missed when its turn came; it may still lie in what is kept.

        at_s:    stream time at which it begins.
        returns: every signal that sounds in it, as far as it is there to be heard.
        raises:  FingerprintError if the value is none.
        """
        if not value:
            return []
        chunk = Sound.from_bytes(value).tracks[0]
        first = round(at_s * WORDS_PER_S) - self.kept.before
        self._overwrite(chunk, first)
        found = self._finder.find_in([self.kept.tail]) if self.kept.tail.is_telling else []
        ends_s = at_s + len(chunk.words) / WORDS_PER_S
        inside = [one for one in self._in_stream_time(found) if _meets(one, at_s, ends_s)]
        if first >= 0 or not chunk.is_telling:
            return inside
        alone = [_at(one, at_s) for one in self._finder.find_in([chunk])]
        known = {one.key for one in inside}
        return inside + [one for one in alone if one.key not in known]

    def _overwrite(self, chunk: Track, first: int) -> None:
        """Put words into the tail, from its word `first` on, as far as they lie in it."""
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
        """Say that so much of the stream was lost, so that time goes on without it."""
        words = max(0, round(seconds * WORDS_PER_S))
        spare = max(0, words - int(KEEP_S * WORDS_PER_S))
        self._append(_silence(words - spare))
        self.kept.before += spare

    def _append(self, chunk: Track) -> None:
        """Put a chunk after the tail, and forget what lies more than KEEP_S before it."""
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

    def _in_stream_time(self, found: Sequence[Found]) -> list[Found]:
        """Give the best find of each signal, its span counted from where the stream began."""
        start_s = self.kept.before / WORDS_PER_S
        best: dict[int, Found] = {}
        for one in found:
            if one.query_span is not None:
                span = Span(one.query_span.start_s + start_s, one.query_span.end_s + start_s)
                best.setdefault(one.key, replace(one, query_span=span))
        return list(best.values())

    def _remember(self, sounding: Sequence[Found]) -> None:
        """Keep since when each signal has been sounding; forget those that do no more."""
        spans = {}
        for one in sounding:
            span = one.query_span or Span(0.0, 0.0)
            before = self.kept.sounding.get(one.key)
            if before is not None and span.start_s <= before.end_s + _GOES_ON_S:
                span = Span(min(before.start_s, span.start_s), max(before.end_s, span.end_s))
            spans[one.key] = span
        self.kept.sounding = spans


def _meets(found: Found, start_s: float, end_s: float) -> bool:
    span = found.query_span
    return span is not None and span.end_s > start_s and span.start_s < end_s


def _at(found: Found, at_s: float) -> Found:
    """Give a find in a chunk the time of the stream."""
    span = found.query_span or Span(0.0, 0.0)
    return replace(found, query_span=Span(span.start_s + at_s, span.end_s + at_s))


def _end_s(found: Found) -> float:
    return found.query_span.end_s if found.query_span else 0.0


def _silence(words: int) -> Track:
    nothing = np.zeros(words, dtype=np.uint32)
    return Track(nothing, np.zeros(words, dtype=np.bool_), nothing)
