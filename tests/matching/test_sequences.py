# SPDX-License-Identifier: Apache-2.0
"""Words vote for where a passage lies: what is shared is found, and chance is not."""

import numpy as np
import pytest

from stemtide.matching.sequences import SequenceIndex
from tests.matching.test_concurrency import run_while
from tests.rounds import rounds


def made(rng, length, words=1):
    return rng.integers(0, 2**64, (length, words), dtype=np.uint64), np.arange(length) * 10


def altered(rng, sequence, bits):
    """Flip so many bits of each word."""
    changed = sequence.copy()
    for _ in range(bits):
        column = rng.integers(sequence.shape[1], size=len(sequence))
        flip = np.uint64(1) << rng.integers(0, 64, len(sequence)).astype(np.uint64)
        changed[np.arange(len(sequence)), column] ^= flip
    return changed


@pytest.fixture
def rng():
    return np.random.default_rng(1)


@pytest.mark.parametrize(("words", "within_bits"), [(1, 6), (4, 31)])
def test_a_passage_is_found_where_it_lies(rng, words, within_bits):
    index = SequenceIndex(words=words, within_bits=within_bits)
    held = {key: made(rng, 300, words) for key in range(20)}
    for key, (sequence, positions) in held.items():
        index.put(key, sequence, positions)
    query, positions = made(rng, 200, words)
    query[50:90] = altered(rng, held[7][0][120:160], within_bits)
    query[150:170] = altered(rng, held[3][0][10:30], within_bits)
    votes = index.vote(query, positions, tolerance=5)
    told = [(vote.key, vote.offset, vote.words, vote.first, vote.last) for vote in votes]
    assert told == [(7, -700, 40, 500, 890), (3, 1400, 20, 1500, 1690)]


def test_votes_a_little_apart_are_counted_together(rng):
    index = SequenceIndex(words=1, within_bits=0)
    sequence, positions = made(rng, 60)
    index.put(1, sequence, positions)
    jitter = rng.integers(-3, 4, 60)
    (vote,) = index.vote(sequence, positions + 1000 + jitter, tolerance=6)
    assert (vote.key, vote.words) == (1, 60)
    assert abs(vote.offset - 1000) <= 3
    assert len(index.vote(sequence, positions + 1000 + jitter, tolerance=0)) > 1


def test_a_signal_that_is_repeated_in_the_query_is_found_at_each_place(rng):
    index = SequenceIndex(words=1, within_bits=2)
    sequence, positions = made(rng, 30)
    index.put(1, sequence, positions)
    query, at = made(rng, 200)
    query[20:50], query[120:150] = sequence, sequence
    assert sorted(vote.offset for vote in index.vote(query, at, tolerance=5)) == [200, 1200]


def test_one_word_that_says_nothing_makes_no_passage_of_its_own(rng):
    index = SequenceIndex(words=1, within_bits=2)
    still = np.full((100, 1), 5, dtype=np.uint64)
    index.put(1, still, np.arange(100) * 10)
    query, at = made(rng, 50)
    query[25] = 5
    assert index.vote(query, at, tolerance=5) == []


def test_what_was_dropped_or_replaced_votes_no_more(rng):
    index = SequenceIndex(words=1, within_bits=2)
    first, positions = made(rng, 50)
    second, _ = made(rng, 50)
    index.put(1, first, positions)
    index.put(1, second, positions)
    assert index.vote(first, positions, tolerance=5) == []
    assert [vote.words for vote in index.vote(second, positions, tolerance=5)] == [50]
    index.drop([1, 99])
    assert index.vote(second, positions, tolerance=5) == []
    assert len(index) == 0


def test_too_few_positions_are_refused(rng):
    sequence, positions = made(rng, 5)
    with pytest.raises(ValueError, match="sequence 3: 5 words need as many positions"):
        SequenceIndex(words=1, within_bits=2).put(3, sequence, positions[:4])


def test_sequences_are_found_while_others_come_and_go(rng):
    index = SequenceIndex(words=1, within_bits=3)
    kept, positions = made(rng, 80)
    index.put(0, kept, positions)

    def write():
        for round_ in range(rounds(40, nightly=150)):
            index.put(1 + round_ % 7, *made(rng, 40))
            index.put(0, kept, positions)
            index.drop([1 + (round_ + 3) % 7])

    def read():
        votes = index.vote(kept, positions, tolerance=2)
        assert [(vote.key, vote.offset, vote.words) for vote in votes] == [(0, 0, 80)]

    run_while(write, read)
