# SPDX-License-Identifier: Apache-2.0
"""Proofs of several leaves at once hold for exactly these leaves, in trees of every small size."""

import random

import pytest

from stemtide.protocol.tlog.merkle import Frontier, ProofError, check_inclusion, leaf_hash
from stemtide.protocol.tlog.subsets import SmallTree, subset_root


def data(number):
    return f"leaf {number}".encode()


def root_of(size):
    tree = Frontier()
    for number in range(size):
        tree.append(leaf_hash(data(number)))
    return tree.root()


def proof_of(size, indices):
    tree = SmallTree([data(number) for number in range(size)])
    return {number: leaf_hash(data(number)) for number in indices}, tree.path(indices)


@pytest.mark.parametrize("size", range(1, 18))
def test_some_leaves_of_every_tree_are_proved(size):
    chance = random.Random(size)  # noqa: S311  # repeatable
    for count in range(1, size + 1):
        indices = sorted(chance.sample(range(size), count))
        leaves, path = proof_of(size, indices)
        assert subset_root(leaves, path, size=size) == root_of(size)


@pytest.mark.parametrize("size", [2, 3, 7, 8, 300])
def test_a_proof_of_one_leaf_has_the_hashes_of_its_inclusion_proof(size):
    for index in (0, size // 2, size - 1):
        leaves, path = proof_of(size, [index])
        height = (size - 1).bit_length()
        assert len(path) <= height
        with pytest.raises(ProofError):
            check_inclusion(leaves[index], path[:-1], index=index, size=size, root=root_of(size))


def test_neighbours_cost_few_hashes():
    _, path = proof_of(4000, list(range(100, 600)))
    assert len(path) < 2 * 12


@pytest.mark.parametrize("size", [5, 16])
def test_a_proof_holds_for_no_other_leaf_place_or_size(size):
    leaves, path = proof_of(size, [1, 3])
    root = root_of(size)
    assert subset_root(leaves | {3: leaf_hash(b"other")}, path, size=size) != root
    assert subset_root({1: leaves[3], 3: leaves[1]}, path, size=size) != root
    for other in (path[:-1], [*path, b"\0" * 32]):
        with pytest.raises(ProofError):
            subset_root(leaves, other, size=size)


@pytest.mark.parametrize(
    ("leaves", "size"), [({}, 4), ({4: b""}, 4), ({0: b""}, 0), ({0: b""}, 1 << 60)]
)
def test_no_tree_proves_leaves_that_it_cannot_have(leaves, size):
    with pytest.raises(ProofError):
        subset_root(leaves, [], size=size)


def test_a_tree_of_the_largest_size_is_folded_at_once():
    with pytest.raises(ProofError):
        subset_root({5: b"\0" * 32}, [b"\0" * 32] * 3, size=1 << 56)
