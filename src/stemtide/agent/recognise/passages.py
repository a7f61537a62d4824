# SPDX-License-Identifier: Apache-2.0
"""Find the passages of a held text that a signal shares, from the agent's own copy of the upload.

A signal of a text holds a sample of the numbers of its word runs, and no text. A passage goes on as
long as every run of the upload that the sample would hold is in it.
"""

import re
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from stemtide.fingerprints.kinds import FingerprintError
from stemtide.fingerprints.text.fingerprint import TextPrint, decode, is_text
from stemtide.fingerprints.text.words import WORDS_A_GRAM, grams_of, read_alike, words_of

MAX_CHARS = 200_000
"""Beginning of a text in which passages are looked for."""

_MOST = 5
_MAX_TOKEN_CHARS = 1000
_TOKEN = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class TextPassage:
    """A passage of an upload that the signal has too. first, last: its words, counted from 1."""

    first: int
    last: int
    text: str

    @property
    def length(self) -> int:
        """Return the number of words."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class SharedPassages:
    """The longest passages, in the order of the upload, and the lengths of both texts in words."""

    passages: tuple[TextPassage, ...]
    upload_words: int
    signal_words: int


def shared_passages(blob: bytes, sketch: bytes) -> SharedPassages | None:
    """Return the passages of a plain text that a sketch shares; None of any other content.

    Texts in scripts without spaces between words have none that can be shown.
    """
    if is_text(blob) != "text/plain":
        return None
    try:
        signal = TextPrint.from_bytes(sketch)
    except FingerprintError:
        return None
    text = decode(blob[: 4 * MAX_CHARS])[0][:MAX_CHARS]
    spans = [match.span() for match in _TOKEN.finditer(text)]
    words: list[str] = []
    token_of: list[int] = []
    for number, (start, end) in enumerate(spans):
        alike, _ = read_alike(text[start:end], max_chars=_MAX_TOKEN_CHARS)
        pieces = words_of(alike)
        words += pieces
        token_of += [number] * len(pieces)
    runs = _shared_runs(words, signal)
    passages = [
        _passage(text, spans, token_of[first], token_of[last + WORDS_A_GRAM - 1])
        for first, last in runs
    ]
    longest = sorted(passages, key=lambda passage: -passage.length)[:_MOST]
    in_order = tuple(sorted(longest, key=lambda passage: passage.first))
    return SharedPassages(in_order, len(spans), signal.shingles + WORDS_A_GRAM - 1)


def _shared_runs(words: list[str], signal: TextPrint) -> list[tuple[int, int]]:
    """Return the first and last run of words of each passage."""
    grams = grams_of(" ".join(words))
    if len(grams) != max(0, len(words) - WORDS_A_GRAM + 1):
        return []
    is_shared = np.isin(grams, signal.grams)
    is_sampled = grams >> np.uint64(64 - signal.rate_bits) == 0 if signal.rate_bits else True
    sampled = np.flatnonzero(is_sampled | is_shared).tolist()
    runs = []
    for is_passage, places in groupby(sampled, key=lambda place: bool(is_shared[place])):
        if is_passage:
            listed = list(places)
            runs.append((listed[0], listed[-1]))
    return runs


def _passage(text: str, spans: list[tuple[int, int]], first: int, last: int) -> TextPassage:
    return TextPassage(first + 1, last + 1, text[spans[first][0] : spans[last][1]])
