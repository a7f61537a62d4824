# SPDX-License-Identifier: Apache-2.0
"""Fingerprints that belong together, against the slow and obvious answer."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from stemtide.matching.clusters import linked
from tests.rounds import rounds


def oracle(rows, *, within_bits):
    """Labels by walking every chain."""
    values = [int.from_bytes(row.tobytes(), "little") for row in rows]
    labels = [-1] * len(values)
    for start in range(len(values)):
        if labels[start] >= 0:
            continue
        waiting = [start]
        while waiting:
            at = waiting.pop()
            labels[at] = start
            waiting += [
                other
                for other, value in enumerate(values)
                if labels[other] < 0 and (value ^ values[at]).bit_count() <= within_bits
            ]
    return labels


def as_rows(values):
    raw = b"".join(one.to_bytes(32, "little") for one in values)
    return np.frombuffer(raw, dtype=np.uint64).reshape(len(values), 4)


few_bits = st.integers(0, 2**12 - 1)


@given(st.lists(few_bits | st.integers(0, 2**256 - 1), max_size=150), st.integers(0, 6))
def test_clusters_agree_with_the_oracle(values, within_bits):
    rows = as_rows(values)
    assert linked(rows, within_bits=within_bits).tolist() == oracle(rows, within_bits=within_bits)


def test_a_chain_links_its_ends_however_far_apart_they_are():
    chain = [(1 << 20 * step) - 1 for step in range(12)]
    assert linked(as_rows(chain)).tolist() == [0] * 12


def test_a_crowd_near_each_other_is_one_cluster():
    rng = np.random.default_rng(7)
    values = [1 << int(bit) for bit in rng.integers(0, 256, size=rounds(600, nightly=3000))]
    assert set(linked(as_rows(values)).tolist()) == {0}


def test_no_fingerprints_make_no_clusters():
    assert linked(as_rows([])).tolist() == []


def test_a_threshold_beyond_what_the_index_takes_is_refused():
    with pytest.raises(ValueError, match="64"):
        linked(as_rows([1]), within_bits=65)
