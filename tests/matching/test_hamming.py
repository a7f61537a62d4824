# SPDX-License-Identifier: Apache-2.0
"""The index says exactly what the oracle says, whatever it holds and whatever is asked."""

import pytest
from hypothesis import given, settings, strategies as st

from stemtide.matching.hamming import HammingIndex
from tests.matching import sets
from tests.matching.oracle import distance


def filled(values, *, own=None, **options):
    index = HammingIndex(**options)
    keys = [f"s{place}" for place in range(len(values))]
    index.put(keys, values, own_bits=own or [None] * len(values))
    return index


def expected(values, query, *, own, asked):
    hits = [
        (f"s{place}", bits)
        for place, value in enumerate(values)
        if (bits := distance(value, query)) <= (asked if own[place] is None else own[place])
    ]
    return sorted(hits, key=lambda hit: (hit[1], hit[0]))


@given(
    made=st.tuples(sets.shapes, sets.seeds, st.integers(0, 300)),
    asked=sets.thresholds,
    own=st.lists(sets.own_thresholds, min_size=1, max_size=4),
    loose_rows=st.sampled_from([0, 30, 4096]),
)
@settings(max_examples=200, deadline=None)
def test_any_set_is_searched_exactly(made, asked, own, loose_rows):
    shape, rng, size = made
    values = shape(rng, size)
    own = [rng.choice(own) for _ in values]
    queries = sets.near_some(values, rng=rng, count=6)
    index = filled(values, own=own, loose_rows=loose_rows)
    found = index.search(queries, within_bits=asked)
    assert found == [expected(values, query, own=own, asked=asked) for query in queries]


@pytest.mark.parametrize("own", [[None], [None, 0, 20, 31], [*[None] * 99, 64]])
@pytest.mark.parametrize("shape", sets.SHAPES)
def test_a_set_large_enough_for_its_tables_is_searched_exactly(shape, own):
    rng = sets.seeded(shape.__name__)
    values = shape(rng, 4_000)
    own = [rng.choice(own) for _ in values]
    queries = sets.near_some(values, rng=rng, count=80)
    queries += values[3_799:3_802]  # the last row in the tables and the first ones outside
    index = filled(values[:3_800], own=own[:3_800], loose_rows=64)
    index.put([f"s{place}" for place in range(3_800, 4_000)], values[3_800:], own_bits=own[3_800:])
    for asked in (0, 15, 31, 34):
        found = index.search(queries, within_bits=asked)
        assert found == [expected(values, query, own=own, asked=asked) for query in queries]


def test_one_query_is_answered_like_many():
    rng = sets.seeded(5)
    values = sets.clustered(rng, 4_000)
    queries = sets.near_some(values, rng=rng, count=150)
    index = filled(values, loose_rows=64)
    assert index.search(queries) == [index.search([query])[0] for query in queries]


def test_the_first_entry_of_an_empty_index_matches_at_once():
    index = HammingIndex()
    index.put(["first"], [bytes(32)], own_bits=[None])
    assert index.search([bytes(32)]) == [[("first", 0)]]


def test_an_empty_index_finds_nothing():
    assert HammingIndex().search([bytes(32)]) == [[]]
    assert HammingIndex().search([]) == []


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
        assert index.search([value]) == [[("s0", within_bits)]]


@pytest.mark.parametrize("asked", [None, 0, 20, 31, 64])
def test_an_entry_keeps_its_own_threshold_whatever_is_asked(asked):
    rng = sets.seeded(3)
    value = rng.randbytes(32)
    near, far = sets.flipped(value, 10, rng=rng), sets.flipped(value, 50, rng=rng)
    narrow = filled([near], own=[9])
    assert narrow.search([value], within_bits=asked) == [[]]
    wide = filled([far], own=[50])
    assert wide.search([value], within_bits=asked) == [[("s0", 50)]]


def test_a_replaced_entry_is_found_by_its_new_value_only():
    index = filled([bytes(32)])
    index.put(["s0"], [b"\xff" * 32], own_bits=[None])
    assert index.search([bytes(32), b"\xff" * 32]) == [[], [("s0", 0)]]
    assert len(index) == 1


def test_a_replaced_entry_has_its_new_threshold():
    index = filled([b"\x00" * 31 + b"\x07"])
    index.put(["s0"], [b"\x00" * 31 + b"\x07"], own_bits=[2])
    assert index.search([bytes(32)]) == [[]]


def test_the_last_of_two_entries_with_one_key_wins():
    index = HammingIndex()
    index.put(["a", "a"], [bytes(32), b"\xff" * 32], own_bits=[None, 5])
    assert index.search([bytes(32), b"\xff" * 32]) == [[], [("a", 0)]]


def test_an_impossible_threshold_leaves_everything_as_it_was():
    index = filled([bytes(32)])
    for bits in (-1, 65):
        with pytest.raises(ValueError, match=r"within_bits: 0\.\.64"):
            index.put(["s0", "b"], [b"\xff" * 32] * 2, own_bits=[None, bits])
        with pytest.raises(ValueError, match=r"within_bits: 0\.\.64"):
            index.search([bytes(32)], within_bits=bits)
        with pytest.raises(ValueError, match=r"within_bits: 0\.\.64"):
            HammingIndex(within_bits=bits)
    assert index.search([bytes(32)]) == [[("s0", 0)]]
    assert "b" not in index


def test_an_entry_put_again_unchanged_takes_no_room():
    values = sets.uniform(sets.seeded(1), 500)
    index = filled(values)
    before = index._now
    index.put([f"s{place}" for place in range(500)], values, own_bits=[None] * 500)
    assert index._now is before


def test_dropped_entries_give_their_room_back():
    rng = sets.seeded(1)
    index = HammingIndex(loose_rows=100)
    for round_ in range(50):
        keys = [f"{round_}-{place}" for place in range(100)]
        index.put(keys, sets.uniform(rng, 100), own_bits=[None] * 100)
        index.drop(keys)
    assert len(index) == 0
    assert index._now.stop <= 200
    assert len(index._now.keys) <= 200


def tables_made(index):
    """Wait for tables that are being made."""
    while (making := index._making) is not None:
        making.join()
    return index._now.tabled


def test_many_small_puts_get_tables_without_waiting_for_them():
    rng = sets.seeded(8)
    values = sets.clustered(rng, 4_000)
    queries = sets.near_some(values, rng=rng, count=40)
    index = HammingIndex(loose_rows=64)
    for place, value in enumerate(values):
        index.put([f"s{place}"], [value], own_bits=[None])
    assert tables_made(index) is not None
    own = [None] * len(values)
    assert index.search(queries) == [expected(values, each, own=own, asked=31) for each in queries]


def test_tables_of_rows_that_have_been_renumbered_are_thrown_away():
    values = sets.uniform(sets.seeded(9), 6_000)
    index = filled(values, loose_rows=64)
    seen = index._now
    index.drop([f"s{place}" for place in range(3_100)])
    assert index._now.keys is not seen.keys
    assert tables_made(index).stop == 2_900
    index._make_tables(seen)
    found = index.search(values)
    assert found == [[]] * 3_100 + [[(f"s{place}", 0)] for place in range(3_100, 6_000)]


def test_older_tables_never_take_the_place_of_newer_ones():
    values = sets.uniform(sets.seeded(9), 300)
    index = filled(values[:100], loose_rows=64)
    seen = index._now
    index.put([f"t{place}" for place in range(200)], values[100:], own_bits=[None] * 200)
    assert index._now.tabled.stop == 300
    index._make_tables(seen)
    assert index._now.tabled.stop == 300
