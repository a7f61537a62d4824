# SPDX-License-Identifier: Apache-2.0
"""Find known texts that share passages with a text, however much else surrounds them.

An inverted index over the sketches of texts (format txt1): sorted grams, each with the text that
it is in. Uninformative grams do not count: those of the bundled boilerplate
(background.txt), and those in many texts that are otherwise different.
docs/decide/0017 gives the reasons, and the source of the numbers.

source: Broder, "On the resemblance and containment of documents" (1997); O'Neil et al., "The
        log-structured merge-tree" (1996) for segments that are merged as they grow.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from stemtide.fingerprints.text.fingerprint import TextPrint, below_rate
from stemtide.fingerprints.text.words import Grams, grams_of, read_alike
from stemtide.matching.found import Occurrence
from stemtide.matching.text.segments import FORM, Texts, TextSegment, compact, merge, segment_of

FEWEST_SHARED = 3
"""Telling grams that two texts must share: one in four is kept, so about a dozen words."""

QUOTE_BELOW = 0.05
"""A result with less than this share of the signal is a quote of it, not a copy."""

MOST = 0.5
"""A text that shares at least half of its grams consists mostly of the shared passage."""

COMMON_IN_TEXTS = 16
COMMON_IN_SHARE = 0.02
"""A gram is common if more different texts than both of these have it."""

_OWNERS_A_GRAM = 4096
_PAIRS_A_FIND = 20_000_000

_CONFIDENCE = ((3, 0.33), (4, 0.6), (5, 0.8), (6, 0.95), (8, 0.98), (10, 0.99), (20, 0.999))
"""Telling grams, and the share of finds with at least so many in which twelve words in a row are
really shared. The others share titles, names and set phrases only. Measured on 4.6 million pairs of
posts of 400 words cut from one long political handbook of many authors (the Debian package
anarchism), on one half of its sections; on the other half it was 0.34, 0.77, 0.84, 0.99, 1, 1, 1,
and on pairs of 8,871 short unrelated texts 0.59 and more."""


@dataclass(frozen=True, slots=True)
class Passage:
    """The text that a query shares with a signal.

    telling:   shared grams that count; shared: all shared grams.
    of_query:  share of the query's grams that the signal has, 0..1.
    of_signal: share of the signal's grams that the query has, 0..1.
    """

    key: int
    telling: int
    shared: int
    of_query: float
    of_signal: float

    @property
    def words(self) -> str:
        """Return the relation: "" for a copy, "quote", "excerpt", "embedded" or "passage"."""
        if self.of_signal < QUOTE_BELOW:
            return "quote"
        if self.of_query >= MOST:
            return "" if self.of_signal >= MOST else "excerpt"
        return "embedded" if self.of_signal >= MOST else "passage"

    def to_occurrence(self) -> Occurrence:
        """Return the result type of all finders; the score is the number of telling grams."""
        return Occurrence(
            key=self.key,
            score=float(self.telling),
            confidence=confidence_of(self.telling),
            transform=self.words,
        )


def confidence_of(telling: int) -> float:
    """Return the share of results with this many telling grams that are right, as measured."""
    return max((sure for least, sure in _CONFIDENCE if telling >= least), default=0.0)


class PassageFinder:
    """Finds the known texts that share passages with a text.

    Thread-safe: a search sees the texts as they were when it began, and never waits.

    background: sketches of further texts whose grams do not count.
    """

    form: ClassVar[Mapping[str, np.dtype[Any]]] = FORM

    def __init__(self, *, background: Iterable[bytes] = ()) -> None:
        own = [TextPrint.from_bytes(value).grams for value in background]
        self._background: Grams = np.unique(np.concatenate([bundled_background(), *own]))
        self._texts = Texts.none()
        self._segments: tuple[TextSegment, ...] = ()
        self._published: tuple[tuple[TextSegment, ...], Texts] = (self._segments, self._texts)
        self._slots: dict[int, int] = {}
        self._writing = threading.Lock()

    def __len__(self) -> int:
        return len(self._slots)

    def put(self, keys: Sequence[int], values: Sequence[bytes]) -> None:
        """Store texts; a text whose key exists is replaced.

        raises: FingerprintError if a value is not a sketch; then nothing changes.
        """
        prints = [TextPrint.from_bytes(value) for value in values]
        latest = dict(zip(keys, prints, strict=True))
        if not latest:
            return
        with self._writing:
            replaced = [self._slots[key] for key in latest if key in self._slots]
            texts = self._texts.without(replaced)
            first = texts.count
            texts = texts.with_more(list(latest), list(latest.values()))
            self._slots.update(zip(latest, range(first, texts.count), strict=True))
            segments = (*self._segments, segment_of(list(latest.values()), first_slot=first))
            self._publish(merge(segments), texts)

    def drop(self, keys: Iterable[int]) -> None:
        """Remove texts; unknown keys are ignored."""
        with self._writing:
            gone = [self._slots.pop(key) for key in set(keys) if key in self._slots]
            if gone:
                self._publish(self._segments, self._texts.without(gone))

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all texts as arrays that do not change any more."""
        with self._writing:
            segments, texts = self._segments, self._texts
            if len(segments) != 1 or texts.held < texts.count:
                segments, texts = compact(segments, texts)
        grams, slots = segments[0].grams, segments[0].slots
        return {"rows": texts.rows[: texts.count], "grams": grams, "slots": slots}

    def take(self, arrays: dict[str, npt.NDArray[Any]]) -> list[int]:
        """Replace all texts by those that `arrays` returned, and return the keys."""
        texts = Texts.of(arrays["rows"], grams=len(arrays["grams"]))
        with self._writing:
            self._slots = {key: slot for slot, key in enumerate(texts.keys)}
            self._segments = (TextSegment(arrays["grams"], arrays["slots"]),)
            self._texts = texts
            self._published = (self._segments, texts)
        return texts.keys

    def find(self, value: bytes) -> list[Occurrence]:
        """Return the texts that share passages with this one, largest share first.

        raises: FingerprintError if the value is not a sketch.
        """
        return [passage.to_occurrence() for passage in self.passages(TextPrint.from_bytes(value))]

    def passages(self, query: TextPrint) -> list[Passage]:
        """Return the overlap of a text with each known text, largest first.

        1. Look up the owners of each gram, of the first 4096 texts that hold it.
        2. Separate common grams from telling ones.
        3. Count both for each text, and keep those with enough telling ones.
        """
        segments, texts = self._published
        places, owners = _look_up(query.grams, segments, texts)
        if not len(owners):
            return []
        is_common = _common(places, owners, texts, size=len(query.grams))
        is_common |= _is_in(query.grams, self._background)
        slots, index = np.unique(owners, return_inverse=True)
        shared = np.bincount(index)
        telling = np.bincount(index, weights=~is_common[places]).astype(np.int64)
        results = [
            _passage(
                query, texts, slot=int(slots[at]), shared=int(shared[at]), telling=int(telling[at])
            )
            for at in np.flatnonzero(telling >= FEWEST_SHARED)
        ]
        return sorted(results, key=lambda passage: (-passage.telling, passage.key))

    def _publish(self, segments: tuple[TextSegment, ...], texts: Texts) -> None:
        if texts.is_half_gone:
            segments, texts = compact(segments, texts)
            self._slots = {key: slot for slot, key in enumerate(texts.keys)}
        self._segments, self._texts = segments, texts
        self._published = (segments, texts)  # one assignment: readers take both or neither


def _look_up(
    grams: Grams, segments: tuple[TextSegment, ...], texts: Texts
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
    """Return (indexes of query grams, slots of texts that hold them), pair by pair."""
    ranges = [segment.ranges(grams) for segment in segments]
    hits = sum(int(np.count_nonzero(ends > starts)) for starts, ends in ranges)
    most = min(_OWNERS_A_GRAM, max(COMMON_IN_TEXTS + 1, _PAIRS_A_FIND // max(1, hits)))
    places, owners = [np.zeros(0, np.int64)], [np.zeros(0, np.uint32)]
    for segment, (starts, ends) in zip(segments, ranges, strict=True):
        at = np.flatnonzero(ends > starts)
        counts = np.minimum(ends[at] - starts[at], most)
        skipped = np.repeat(np.cumsum(counts) - counts, counts)
        rows = np.repeat(starts[at], counts) + np.arange(int(counts.sum())) - skipped
        slots = segment.slots[rows]
        is_held = texts.is_held[slots]
        places.append(np.repeat(at, counts)[is_held])
        owners.append(slots[is_held])
    return np.concatenate(places), np.concatenate(owners)


def _common(
    places: npt.NDArray[np.int64], owners: npt.NDArray[np.uint32], texts: Texts, *, size: int
) -> npt.NDArray[np.bool_]:
    """Return which grams are in many texts that are otherwise different: (size,) bool.

    Variants of one text mostly share their smallest gram, so texts with the same smallest gram
    count once; otherwise a hundred versions of one manifesto would make each other common.
    """
    most = max(COMMON_IN_TEXTS, int(COMMON_IN_SHARE * texts.held))
    is_suspect: npt.NDArray[np.bool_] = np.bincount(places, minlength=size) > most
    chosen = is_suspect[places]
    if not chosen.any():
        return is_suspect
    of_gram, smallest = places[chosen], texts.smallest[owners[chosen]]
    order = np.lexsort((smallest, of_gram))
    of_gram, smallest = of_gram[order], smallest[order]
    is_new = np.ones(len(order), np.bool_)
    is_new[1:] = (of_gram[1:] != of_gram[:-1]) | (smallest[1:] != smallest[:-1])
    counts = np.bincount(of_gram[is_new], minlength=size)
    is_spread: npt.NDArray[np.bool_] = counts > most
    return is_spread


def _is_in(grams: Grams, others: Grams) -> npt.NDArray[np.bool_]:
    """Return, for each gram, whether it is among others, which are ascending."""
    if not len(others):
        return np.zeros(len(grams), np.bool_)
    at = np.minimum(np.searchsorted(others, grams), len(others) - 1)
    is_member: npt.NDArray[np.bool_] = others[at] == grams
    return is_member


def _passage(query: TextPrint, texts: Texts, *, slot: int, shared: int, telling: int) -> Passage:
    """Compute the shares, from the grams that both samples would keep."""
    row = texts.rows[slot]
    rate_bits = int(row["rate"])
    of_query = len(below_rate(query.grams, rate_bits))
    thinner = max(0, query.rate_bits - rate_bits)
    of_signal = max(shared, int(row["size"]) >> thinner)
    return Passage(
        key=int(row["key"]),
        telling=telling,
        shared=shared,
        of_query=shared / of_query,
        of_signal=shared / of_signal,
    )


@cache
def bundled_background() -> Grams:
    """Return the grams of the bundled boilerplate, paragraph by paragraph, ascending."""
    text = files("stemtide.matching.text").joinpath("background.txt").read_text("utf-8")
    paragraphs = [part for part in text.split("\n\n") if not part.startswith("#")]
    grams = [grams_of(read_alike(part, max_chars=len(part) * 20)[0]) for part in paragraphs]
    return np.unique(np.concatenate(grams))
