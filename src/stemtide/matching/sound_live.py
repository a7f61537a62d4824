# SPDX-License-Identifier: Apache-2.0
"""Known sound in a stream, chunk by chunk, with no more memory than its last seconds."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from stemtide.fingerprints.audio_value import WORDS_PER_S, Sound, Track
from stemtide.matching.found import Found, Span
from stemtide.matching.sound import SoundFinder

KEEP_S = 15.0
"""Sound before the chunk that is searched with it: what began in it must not be cut at its edge."""

_GOES_ON_S = 5.0
"""A find is the one before going on if it begins this soon after that one's end."""


class LiveSound:
    """The state of one stream: what sounded last, and what is known to be sounding.

    Chunks come in order, fingerprinted with the carry of the one before (fingerprint_chunk), so
    that their words follow each other. Not for two threads at once; the finder is.
    """

    def __init__(self, finder: SoundFinder) -> None:
        self._finder = finder
        self._tail = _silence(0)
        self._before = 0
        self._sounding: dict[int, Span] = {}

    @property
    def seconds(self) -> float:
        """How much of the stream was heard or missed until now."""
        return (self._before + len(self._tail.words)) / WORDS_PER_S

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
        found = self._finder.find_in([self._tail]) if self._tail.is_telling else []
        sounding = [one for one in self._in_stream_time(found) if _end_s(one) > begun_s]
        self._remember(sounding)
        return [replace(one, query_span=self._sounding[one.key]) for one in sounding]

    def miss(self, seconds: float) -> None:
        """Say that so much of the stream was lost, so that time goes on without it."""
        words = max(0, round(seconds * WORDS_PER_S))
        spare = max(0, words - int(KEEP_S * WORDS_PER_S))
        self._append(_silence(words - spare))
        self._before += spare

    def _append(self, chunk: Track) -> None:
        """Put a chunk after the tail, and forget what lies more than KEEP_S before it."""
        spare = max(0, len(self._tail.words) - int(KEEP_S * WORDS_PER_S))
        parts = (self._tail, chunk)
        self._tail = Track(
            np.concatenate([part.words for part in parts])[spare:],
            np.concatenate([part.heard for part in parts])[spare:],
            np.concatenate([part.between if len(part.between) else part.words for part in parts])[
                spare:
            ],
        )
        self._before += spare

    def _in_stream_time(self, found: Sequence[Found]) -> list[Found]:
        """Give the best find of each signal, its span counted from where the stream began."""
        start_s = self._before / WORDS_PER_S
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
            before = self._sounding.get(one.key)
            if before is not None and span.start_s <= before.end_s + _GOES_ON_S:
                span = Span(min(before.start_s, span.start_s), max(before.end_s, span.end_s))
            spans[one.key] = span
        self._sounding = spans


def _end_s(found: Found) -> float:
    return found.query_span.end_s if found.query_span else 0.0


def _silence(words: int) -> Track:
    nothing = np.zeros(words, dtype=np.uint32)
    return Track(nothing, np.zeros(words, dtype=np.bool_), nothing)
