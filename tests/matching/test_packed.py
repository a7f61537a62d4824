# SPDX-License-Identifier: Apache-2.0
"""Packed rows say exactly what the oracle says, whatever they hold."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from stemtide.kernels.hamming import as_structs
from stemtide.matching.hamming import search_each
from stemtide.matching.packed import MAX_ROWS, loose_struct, pack_rows
from tests.matching import sets
from tests.matching.oracle import distance
from tests.rounds import rounds


def as_rows(values):
    return np.frombuffer(b"".join(values), dtype="<u8").reshape(len(values), -1)


def pairs(hits, order):
    return sorted((query, int(order[row])) for row, query, _ in hits.tolist())


def search(values, queries, *, within_bits):
    """What is found, as pairs of a query and the place of a value."""
    packed, order = pack_rows(as_rows(values))
    asked = np.full(len(queries), within_bits)
    return pairs(search_each(as_structs([packed.struct]), as_rows(queries), asked), order)


def expected(values, queries, *, within_bits):
    return within(distances(values, queries), within_bits=within_bits)


def distances(values, queries):
    return [[distance(value, query) for value in values] for query in queries]


def within(apart, *, within_bits):
    return sorted(
        (at, place)
        for at, row in enumerate(apart)
        for place, bits in enumerate(row)
        if bits <= within_bits
    )


@given(
    made=st.tuples(sets.shapes, sets.seeds, st.integers(1, 300)),
    asked=sets.thresholds,
)
@settings(max_examples=rounds(25, nightly=200), deadline=None)
def test_any_set_is_searched_exactly(made, asked):
    shape, rng, size = made
    values = shape(rng, size)
    queries = sets.near_some(values, rng=rng, count=6)
    assert search(values, queries, within_bits=asked) == expected(
        values, queries, within_bits=asked
    )


@pytest.mark.parametrize("shape", rounds(sets.HARDEST, nightly=sets.SHAPES))
def test_a_large_set_is_searched_exactly(shape):
    rng = sets.seeded(shape.__name__)
    values = shape(rng, 3_000)
    queries = sets.near_some(values, rng=rng, count=150)  # so many are searched in threads
    apart = distances(values, queries)
    for asked in (0, 15, 31):
        assert search(values, queries, within_bits=asked) == within(apart, within_bits=asked)


def test_rows_that_share_a_part_or_are_equal_keep_their_places():
    rng = sets.seeded(4)
    part, whole = rng.randbytes(4), rng.randbytes(32)
    values = [rng.randbytes(8) + part + rng.randbytes(20) for _ in range(500)] + [whole] * 500
    values += [rng.randbytes(32) for _ in range(2000)]
    rng.shuffle(values)
    queries = [values[7], values[900], whole, bytes(12) + whole[12:]]
    assert search(values, queries, within_bits=31) == expected(values, queries, within_bits=31)


def test_rows_without_tables_are_searched_exactly():
    rng = sets.seeded(8)
    values = sets.clustered(rng, 500)
    queries = sets.near_some(values, rng=rng, count=20)
    rows, asked = as_rows(values), np.full(len(queries), 31)
    hits = search_each(as_structs([loose_struct(rows)]), as_rows(queries), asked)
    found = pairs(hits, range(len(values)))
    assert found == expected(values, queries, within_bits=31)


def test_more_rows_than_three_bytes_can_number_are_refused():
    rows = np.lib.stride_tricks.as_strided(np.zeros(4, "<u8"), (MAX_ROWS + 1, 4), (0, 8))
    with pytest.raises(ValueError, match=f"{MAX_ROWS} at most"):
        pack_rows(rows)
