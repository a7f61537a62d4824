# SPDX-License-Identifier: Apache-2.0
"""No pair within a distance escapes the buckets that are chosen for it, or the scan."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from stemtide.matching import kernels
from tests.matching import sets
from tests.matching.oracle import distance


def near_pairs(values, queries, *, within_bits):
    return {
        (asked, row): bits
        for asked, query in enumerate(queries)
        for row, value in enumerate(values)
        if (bits := distance(query, value)) <= within_bits
    }


def verified(columns, words, pairs, *, within_bits):
    pairs, distances = kernels.verify(columns, words, pairs, within_bits=within_bits)
    found = zip(pairs.query.tolist(), pairs.row.tolist(), strict=True)
    return dict(zip(found, distances.tolist(), strict=True))


@given(shape=sets.shapes, rng=sets.seeds, size=st.integers(0, 120), within_bits=sets.thresholds)
@settings(max_examples=150, deadline=None)
def test_probing_meets_every_row_within_the_distance(shape, rng, size, within_bits):
    values = shape(rng, size)
    queries = sets.near_some(values, rng=rng, count=6)
    words = kernels.to_words(queries)
    columns = np.ascontiguousarray(kernels.to_words(values).T)
    tables = kernels.build(columns, np.arange(size))
    pairs, crowded = kernels.probe(
        tables, words, within=kernels.plan(within_bits), at_most=kernels.CHUNKS * size
    )
    assert not crowded.any()
    found = verified(columns, words, pairs, within_bits=within_bits)
    assert found == near_pairs(values, queries, within_bits=within_bits)


@given(shape=sets.shapes, rng=sets.seeds, size=st.integers(0, 120), within_bits=sets.thresholds)
@settings(max_examples=150, deadline=None)
def test_scanning_meets_every_row_within_the_distance_once(shape, rng, size, within_bits):
    values = shape(rng, size)
    queries = sets.near_some(values, rng=rng, count=6)
    words = kernels.to_words(queries)
    columns = np.ascontiguousarray(kernels.to_words(values).T)
    found, met = {}, 0
    for pairs in kernels.scan(columns, words, rows=range(size), within_bits=within_bits):
        met += len(pairs.row)
        assert len(set(zip(pairs.query.tolist(), pairs.row.tolist(), strict=True))) == len(
            pairs.row
        )
        found |= verified(columns, words, pairs, within_bits=within_bits)
    assert found == near_pairs(values, queries, within_bits=within_bits)
    assert met <= size * len(queries)


def test_a_scan_goes_on_past_its_first_block():
    columns = np.full((4, 200_000), 2**64 - 1, dtype=np.uint64)
    wanted = [0, 65_535, 65_536, 131_072, 199_999]
    columns[:, wanted] = 0
    nothing = kernels.to_words([bytes(32)])
    parts = kernels.scan(columns, nothing, rows=range(200_000), within_bits=0)
    assert [row for pairs in parts for row in pairs.row.tolist()] == wanted


@pytest.mark.parametrize("within_bits", [*range(65), 79, 80, 128, 255, 256])
def test_the_radii_leave_no_room_for_a_near_row_outside_them(within_bits):
    plan = kernels.plan(within_bits)
    flips = plan.flips & 0xFFFF
    radii = [max(np.bitwise_count(flips[plan.chunks == chunk]), default=-1) for chunk in range(16)]
    assert sum(int(radius) + 1 for radius in radii) > within_bits
    for chunk, radius in enumerate(radii):
        everything = np.bitwise_count(np.arange(1 << 16, dtype=np.int32)) <= int(radius)
        assert sorted(flips[plan.chunks == chunk]) == np.flatnonzero(everything).tolist()


def test_a_crowded_query_gets_nothing_and_says_so():
    columns = np.zeros((4, 100), dtype=np.uint64)
    tables = kernels.build(columns, np.arange(100))
    words = kernels.to_words([bytes(32), b"\xff" * 32])
    pairs, crowded = kernels.probe(tables, words, within=kernels.plan(31), at_most=99)
    assert crowded.tolist() == [True, False]
    assert len(pairs.row) == 0


def test_words_of_part_of_a_fingerprint_are_refused():
    with pytest.raises(ValueError, match="array of size 3"):
        kernels.to_words([bytes(24)])
