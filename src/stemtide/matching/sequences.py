# SPDX-License-Identifier: Apache-2.0
"""Find sequences of words in sequences of words: frames of a video, words of an audio print.

Each signal is many words, each at its own position. A search looks up every word of the query by
Hamming distance, and each hit votes for the offset between the two positions. Words of the same
passage vote for the same offset, chance hits for any offset. The results are candidates; the finder
of their kind decides how well they agree.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stemtide.matching.hamming import HammingIndex

_PLACE_BITS = 24
MAX_WORDS = 1 << _PLACE_BITS
"""Maximum number of words of a signal: 19 days of four frames per second."""

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CandidatePassage:
    """A passage that a signal and a query seem to share.

    offset: query position minus signal position, in the middle of the votes.
    words:  number of words of the query that voted for it.
    first, last: positions in the query of the first and the last of those.
    """

    key: int
    offset: int
    words: int
    first: int
    last: int


class SequenceIndex:
    """Finds stored sequences that share passages with a query. Thread-safe.

    A search never waits for a put or a drop, and sees each of them as a whole or not at all.

    words:       64-bit words that make one word of a sequence: 1 or 4.
    within_bits: maximum distance of two words that count as a hit.
    """

    def __init__(self, *, words: int, within_bits: int) -> None:
        self._index = HammingIndex(words=words, within_bits=within_bits)
        self._writing = threading.Lock()
        self._numbers: dict[int, int] = {}
        self._held: dict[int, tuple[int, Positions]] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._numbers)

    def put(self, key: int, sequence: npt.NDArray[np.uint64], positions: Positions) -> None:
        """Store a sequence; one under the same key is replaced.

        sequence:  (n, words) uint64, n at most MAX_WORDS.
        positions: (n,) int64, in the same unit as query positions, 0 to 2**40.
        raises:    ValueError.
        """
        if len(sequence) != len(positions) or len(sequence) > MAX_WORDS:
            raise ValueError(
                f"sequence {key}: {len(sequence)} words need as many positions, at most {MAX_WORDS}"
            )
        with self._writing:
            number, self._next = self._next, self._next + 1
            self._held[number] = key, positions.copy()
            self._index.put((number << _PLACE_BITS) + np.arange(len(sequence)), sequence)
            self._remove(self._numbers.get(key))
            self._numbers[key] = number

    def drop(self, keys: Iterable[int]) -> None:
        """Remove sequences; unknown keys are ignored."""
        with self._writing:
            for key in keys:
                self._remove(self._numbers.pop(key, None))

    def vote(
        self,
        sequence: npt.NDArray[np.uint64],
        positions: Positions,
        *,
        tolerance: int,
        at_least: int = 2,
    ) -> list[CandidatePassage]:
        """Find the passages that stored sequences share with this one, most words first.

        sequence, positions: as for `put`.
        tolerance: votes whose offsets differ by at most this are counted together.
        at_least:  minimum number of words of a passage.
        """
        place_mask = MAX_WORDS - 1
        while True:
            hits = self._index.search(np.ascontiguousarray(sequence), count=len(sequence))
            number, place = hits["key"] >> _PLACE_BITS, hits["key"] & place_mask
            stored = {hit: self._held.get(hit) for hit in np.unique(number).tolist()}
            if None not in stored.values():
                break  # else a sequence was dropped or replaced meanwhile: search again
        votes: list[CandidatePassage] = []
        signals = {hit: signal[1] for hit, signal in stored.items() if signal}
        latest = {signal[0]: hit for hit, signal in stored.items() if signal}  # of two, the newer
        for key, latest_number in latest.items():
            stored_positions = signals[latest_number]
            is_hit = number == latest_number
            at = positions[hits["query"][is_hit]]
            votes += _passages(
                key,
                at,
                at - stored_positions[place[is_hit]],
                tolerance=tolerance,
                at_least=at_least,
            )
        return sorted(votes, key=lambda vote: (-vote.words, vote.key, vote.offset))

    def _remove(self, number: int | None) -> None:
        """Remove the sequence of a number. The caller holds self._writing."""
        if number is None:
            return
        _, positions = self._held[number]
        self._index.drop((number << _PLACE_BITS) + np.arange(len(positions)))
        del self._held[number]


def _passages(
    key: int, at: Positions, offsets: Positions, *, tolerance: int, at_least: int
) -> list[CandidatePassage]:
    """Count votes by offset: the best window of offsets first, then the best of the others."""
    order = np.argsort(offsets, kind="stable")
    at, offsets = at[order], offsets[order]
    votes = []
    while len(offsets) >= at_least:
        stop = np.searchsorted(offsets, offsets + tolerance, side="right")
        start = int(np.argmax(stop - np.arange(len(offsets))))
        window = slice(start, int(stop[start]))
        words = len(np.unique(at[window]))
        if words < at_least:
            break
        low, high = offsets[window][[0, -1]].tolist()
        votes.append(
            CandidatePassage(
                key, (low + high) // 2, words, int(at[window].min()), int(at[window].max())
            )
        )
        near = (offsets >= low - tolerance) & (offsets <= high + tolerance)
        at, offsets = at[~near], offsets[~near]
    return votes
