# SPDX-License-Identifier: Apache-2.0
"""The index says exactly what the oracle says, whatever it holds and whatever is asked."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from stemtide.matching.hamming import HammingIndex
from tests.matching import sets
from tests.matching.oracle import distance
from tests.rounds import rounds


def put(index, keys, values, *, own=None):
    rows = np.frombuffer(b"".join(values), dtype=np.uint64).reshape(len(values), -1)
    bits = [255 if one is None else one for one in own or [None] * len(values)]
    index.put(np.array(keys, dtype=np.int64), rows, own_bits=np.array(bits, dtype=np.uint8))


def search(index, queries, *, within_bits=None):
    found = [[] for _ in queries]
    hits = index.search(b"".join(queries), count=len(queries), within_bits=within_bits)
    for key, query, bits in hits.tolist():
        found[query].append((key, bits))
    return found


def filled(values, *, own=None, **options):
    index = HammingIndex(**options)
    put(index, range(len(values)), values, own=own) if values else None
    return index


def expected(values, query, *, own, asked):
    return within([distance(value, query) for value in values], own=own, asked=asked)


def within(apart, *, own, asked):
    hits = [
        (place, bits)
        for place, bits in enumerate(apart)
        if bits <= (asked if own[place] is None else own[place])
    ]
    return sorted(hits, key=lambda hit: (hit[1], hit[0]))


OWN = [[None], [None, 0, 20, 31], [*[None] * 99, 64]]
"""Thresholds of their own that values have: none, some, and a few that are wide."""


@given(
    made=st.tuples(sets.shapes, sets.seeds, st.integers(0, 300)),
    asked=sets.thresholds,
    own=st.lists(sets.own_thresholds, min_size=1, max_size=4),
    loose_rows=st.sampled_from([0, 30, 4096]),
)
@settings(max_examples=rounds(25, nightly=200), deadline=None)
def test_any_set_is_searched_exactly(made, asked, own, loose_rows):
    shape, rng, size = made
    values = shape(rng, size)
    own = [rng.choice(own) for _ in values]
    queries = sets.near_some(values, rng=rng, count=6)
    index = filled(values, own=own, loose_rows=loose_rows)
    found = search(index, queries, within_bits=asked)
    assert found == [expected(values, query, own=own, asked=asked) for query in queries]


@pytest.mark.parametrize("shape", rounds(sets.HARDEST, nightly=sets.SHAPES))
def test_a_set_large_enough_for_its_tables_is_searched_exactly(shape):
    for own in rounds(OWN[2:], nightly=OWN):
        check_large_set(shape, own=own)


def check_large_set(shape, *, own):
    rng = sets.seeded(shape.__name__)
    values = shape(rng, 4_000)
    own = [rng.choice(own) for _ in values]
    queries = sets.near_some(values, rng=rng, count=80)
    queries += values[3_799:3_802]  # the last row in the tables and the first ones outside
    index = filled(values[:3_800], own=own[:3_800], loose_rows=64)
    put(index, range(3_800, 4_000), values[3_800:], own=own[3_800:])
    apart = [[distance(value, query) for value in values] for query in queries]
    for asked in (0, 15, 31, 34):
        found = search(index, queries, within_bits=asked)
        assert found == [within(bits, own=own, asked=asked) for bits in apart]


def test_one_query_is_answered_like_many():
    rng = sets.seeded(5)
    values = sets.clustered(rng, 4_000)
    queries = sets.near_some(values, rng=rng, count=150)
    index = filled(values, loose_rows=64)
    assert search(index, queries) == [search(index, [query])[0] for query in queries]


def test_the_first_entry_of_an_empty_index_matches_at_once():
    index = HammingIndex()
    put(index, [7], [bytes(32)])
    assert search(index, [bytes(32)]) == [[(7, 0)]]


def test_an_empty_index_finds_nothing():
    assert search(HammingIndex(), [bytes(32)]) == [[]]
    assert search(HammingIndex(), []) == []


@pytest.mark.parametrize("within_bits", range(65))
def test_every_threshold_includes_its_own_distance_and_ends_there(within_bits):
    rng = sets.seeded(within_bits)
    value = rng.randbytes(32)
    at_the_edge = sets.flipped(value, within_bits, rng=rng)
    beyond = sets.flipped(value, within_bits + 1, rng=rng)
    for index in (
        filled([at_the_edge, beyond], within_bits=within_bits),
        filled([at_the_edge, beyond], own=[within_bits] * 2),
    ):
        assert search(index, [value]) == [[(0, within_bits)]]


@pytest.mark.parametrize("asked", [None, 0, 20, 31, 64])
def test_an_entry_keeps_its_own_threshold_whatever_is_asked(asked):
    rng = sets.seeded(3)
    value = rng.randbytes(32)
    near, far = sets.flipped(value, 10, rng=rng), sets.flipped(value, 50, rng=rng)
    narrow = filled([near], own=[9])
    assert search(narrow, [value], within_bits=asked) == [[]]
    wide = filled([far], own=[50])
    assert search(wide, [value], within_bits=asked) == [[(0, 50)]]


def test_every_query_may_have_a_threshold_of_its_own():
    rng = sets.seeded(6)
    values = sets.clustered(rng, 3_000)
    queries = sets.near_some(values, rng=rng, count=40)
    asked = np.array([rng.choice([0, 5, 31, 40, 64]) for _ in queries])
    index, own = filled(values, loose_rows=64), [None] * len(values)
    found = search(index, queries, within_bits=asked)
    each = zip(queries, asked.tolist(), strict=True)
    assert found == [expected(values, query, own=own, asked=bits) for query, bits in each]


@pytest.mark.parametrize("within_bits", rounds([0, 4, 20], nightly=[0, 1, 3, 4, 10, 12, 20]))
def test_words_of_64_bits_are_searched_exactly(within_bits):
    rng = sets.seeded(within_bits)
    values = [value[:8] for value in sets.clustered(rng, 3_000)] + [b"twice   "] * 2
    queries = [*values[:40], *(rng.randbytes(8) for _ in range(20)), b"twice   "]
    index, own = filled(values, words=1, loose_rows=64), [None] * len(values)
    found = search(index, queries, within_bits=within_bits)
    assert found == [expected(values, one, own=own, asked=within_bits) for one in queries]


def test_an_index_of_equal_values_needs_one_table_only():
    rng = sets.seeded(4)
    values = [*sets.uniform(rng, 3_000), *[b"\x07" * 32] * 2_000]
    index = filled(values, tables=1, within_bits=0, loose_rows=64)
    found = search(index, [values[5], b"\x07" * 32, rng.randbytes(32)])
    assert found == [[(5, 0)], [(place, 0) for place in range(3_000, 5_000)], []]


def test_a_replaced_entry_is_found_by_its_new_value_only():
    index = filled([bytes(32)])
    put(index, [0], [b"\xff" * 32])
    assert search(index, [bytes(32), b"\xff" * 32]) == [[], [(0, 0)]]
    assert len(index) == 1


def test_a_replaced_entry_has_its_new_threshold():
    index = filled([b"\x00" * 31 + b"\x07"])
    put(index, [0], [b"\x00" * 31 + b"\x07"], own=[2])
    assert search(index, [bytes(32)]) == [[]]


def test_the_last_of_two_entries_with_one_key_wins():
    index = HammingIndex()
    put(index, [3, 3], [bytes(32), b"\xff" * 32], own=[None, 5])
    assert search(index, [bytes(32), b"\xff" * 32]) == [[], [(3, 0)]]


def test_what_is_impossible_leaves_everything_as_it_was():
    index = filled([bytes(32)])
    with pytest.raises(ValueError, match=r"within_bits: 0\.\.64"):
        put(index, [0, 1], [b"\xff" * 32] * 2, own=[None, 65])
    with pytest.raises(ValueError, match="keys are numbers from 0"):
        put(index, [-1], [b"\xff" * 32])
    with pytest.raises(ValueError, match="need as many rows of 4 words"):
        put(index, [0, 1], [b"\xff" * 32])
    for bits in (-1, 65):
        with pytest.raises(ValueError, match=r"within_bits: 0\.\.64"):
            search(index, [bytes(32)], within_bits=bits)
        with pytest.raises(ValueError, match=r"within_bits: 0\.\.64"):
            HammingIndex(within_bits=bits)
    assert search(index, [bytes(32)]) == [[(0, 0)]]
    assert index.keys().tolist() == [0]


def test_an_entry_put_again_unchanged_takes_no_room():
    values = sets.uniform(sets.seeded(1), 500)
    index = filled(values)
    before = index._state
    put(index, range(500), values)
    assert index._state is before


def test_dropped_entries_give_their_room_back():
    rng = sets.seeded(1)
    index = HammingIndex(loose_rows=100)
    for round_ in range(50):
        keys = range(100 * round_, 100 * round_ + 100)
        put(index, keys, sets.uniform(rng, 100))
        index.drop(keys)
    index.settle()
    assert len(index) == 0
    assert index._state.tail.stop + sum(len(one.segment) for one in index._state.sealed) <= 200


def test_many_small_puts_and_drops_become_few_segments_that_say_the_same():
    rng = sets.seeded(8)
    size = rounds(1_000, nightly=4_000)
    values = sets.clustered(rng, size)
    queries = sets.near_some(values, rng=rng, count=40)
    index = HammingIndex(loose_rows=64)
    for place, value in enumerate(values):
        put(index, [place], [value])
        if place % 3 == 0:
            index.drop([place // 2])
    index.settle()
    assert len(index._state.sealed) <= 2
    assert index._state.tail.stop <= 64
    gone = {place // 2 for place in range(0, size, 3)}
    own = [-1 if place in gone else None for place in range(size)]
    assert search(index, queries) == [expected(values, one, own=own, asked=31) for one in queries]


def test_one_look_up_in_a_set_full_of_crowded_buckets_says_what_the_oracle_says():
    rng = np.random.default_rng(3)
    rows = rng.integers(0, 2**64, (60_000, 4), dtype=np.uint64)
    rows[:, :2] = 0  # half of all tables tell nothing
    count = rounds(8, nightly=40)
    queries = rows[:count].copy()
    queries[:, 3] ^= np.uint64(0xFFFF)
    queries[count // 2 :, 0] = 3
    index = HammingIndex()
    index.put(np.arange(60_000), rows)
    apart = np.bitwise_count(rows[None] ^ queries[:, None]).sum(axis=2)
    for asked in rounds((16, 31), nightly=(0, 16, 20, 31, 64)):
        hits = index.search(queries, count=count, within_bits=asked)
        query, key = np.nonzero(apart <= asked)
        want = sorted(zip(query, apart[query, key], key, strict=True))
        assert [(hit["query"], hit["distance_bits"], hit["key"]) for hit in hits] == want
