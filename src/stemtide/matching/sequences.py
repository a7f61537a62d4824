# SPDX-License-Identifier: Apache-2.0
"""Finds sequences of words in sequences of words, and where: frames of a film, prints of a sound.

Each signal is many words, each at a position of its own. A search looks up every word of the query
by Hamming distance, and each hit votes for the offset between the two positions; words of the same
passage vote for the same offset, and chance hits for any. What is returned are candidates: how well
they really agree is for the finder of their kind to say.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stemtide.matching.hamming import HammingIndex

_PLACE_BITS = 24
MAX_WORDS = 1 << _PLACE_BITS
"""A signal has at most so many words: 19 days of four frames a second."""

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Vote:
    """A passage that a signal and a query seem to share.

    offset: query position minus signal position, the middle of where the votes lie.
    words:  how many words of the query voted for it.
    first, last: positions in the query of the first and the last of those.
    """

    key: int
    offset: int
    words: int
    first: int
    last: int


class SequenceIndex:
    """Holds sequences and finds those that share passages with a query. Thread-safe.

    Searching never waits for a put or a drop, and sees each of them whole or not at all.

    words:       64-bit words that make one word of a sequence: 1 or 4.
    within_bits: how far apart two words may be to count as a hit.
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
        """Hold a sequence from now on; one that is held under this key is replaced.

        sequence:  (n, words) uint64, n at most MAX_WORDS.
        positions: (n,) int64, in any unit that query positions are in too, 0 to 2**40.
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
            self._leave(self._numbers.get(key))
            self._numbers[key] = number

    def drop(self, keys: Iterable[int]) -> None:
        """Hold these sequences no longer; unknown keys are ignored."""
        with self._writing:
            for key in keys:
                self._leave(self._numbers.pop(key, None))

    def vote(
        self,
        sequence: npt.NDArray[np.uint64],
        positions: Positions,
        *,
        tolerance: int,
        at_least: int = 2,
    ) -> list[Vote]:
        """Find the passages that held sequences share with this one, those of most words first.

        sequence, positions: as for `put`.
        tolerance: votes whose offsets are so far apart or nearer are counted together.
        at_least:  passages of fewer words are left out.
        """
        place_mask = MAX_WORDS - 1
        while True:
            hits = self._index.search(np.ascontiguousarray(sequence), count=len(sequence))
            number, place = hits["key"] >> _PLACE_BITS, hits["key"] & place_mask
            held = {one: self._held.get(one) for one in np.unique(number).tolist()}
            if None not in held.values():
                break  # else one was dropped or replaced meanwhile: what is there now counts
        votes: list[Vote] = []
        found = {one: each[1] for one, each in held.items() if each}
        latest = {each[0]: one for one, each in held.items() if each}  # of two, the newer
        for key, one in latest.items():
            theirs = found[one]
            of_it = number == one
            at = positions[hits["query"][of_it]]
            votes += _passages(
                key, at, at - theirs[place[of_it]], tolerance=tolerance, at_least=at_least
            )
        return sorted(votes, key=lambda vote: (-vote.words, vote.key, vote.offset))

    def _leave(self, number: int | None) -> None:
        """Take out what was held under a number. The caller holds self._writing."""
        if number is None:
            return
        _, positions = self._held[number]
        self._index.drop((number << _PLACE_BITS) + np.arange(len(positions)))
        del self._held[number]


def _passages(
    key: int, at: Positions, offsets: Positions, *, tolerance: int, at_least: int
) -> list[Vote]:
    """Count votes by offset: the best window of offsets first, then the best of what is left."""
    order = np.argsort(offsets, kind="stable")
    at, offsets = at[order], offsets[order]
    found = []
    while len(offsets) >= at_least:
        stop = np.searchsorted(offsets, offsets + tolerance, side="right")
        start = int(np.argmax(stop - np.arange(len(offsets))))
        window = slice(start, int(stop[start]))
        words = len(np.unique(at[window]))
        if words < at_least:
            break
        low, high = offsets[window][[0, -1]].tolist()
        found.append(
            Vote(key, (low + high) // 2, words, int(at[window].min()), int(at[window].max()))
        )
        near = (offsets >= low - tolerance) & (offsets <= high + tolerance)
        at, offsets = at[~near], offsets[~near]
    return found
