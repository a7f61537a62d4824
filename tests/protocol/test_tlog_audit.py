# SPDX-License-Identifier: Apache-2.0
"""An audit of a log's files names what was changed in them."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stemtide.protocol.tlog import tiles
from stemtide.protocol.tlog.audit import LogCopy, audit
from stemtide.protocol.tlog.merkle import Frontier, leaf_hash
from stemtide.protocol.tlog.notes import Checkpoint
from stemtide.protocol.tlog.tiles import TileError

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIZE = 700


def log_of(leaves, *, origin="hub.example/log"):
    """A log in memory, with its files by path."""
    frontier, levels = Frontier(), [[] for _ in range(3)]
    for leaf in leaves:
        hashes = [leaf_hash(leaf), *frontier.append(leaf_hash(leaf))]
        for level, node in enumerate(hashes[::8]):
            levels[level].append(node)
    files = {}
    for tile in tiles.tiles_of(len(leaves)):
        if tile.level is None:
            content = tiles.pack_leaves(leaves[tile.begin : tile.end])
        else:
            content = b"".join(levels[tile.level][tile.begin : tile.end])
        files[f"tile/{tile.path}"] = content
    return LogCopy(Checkpoint(origin, len(leaves), frontier.root()), files.__getitem__), files


def leaves_of(size, **changed):
    leaves = [f"leaf {number}".encode() for number in range(size)]
    for number, leaf in changed.items():
        leaves[int(number[1:])] = leaf
    return leaves


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 512, SIZE])
def test_a_log_that_is_whole_holds_and_continues_its_older_copies(size):
    log, _ = log_of(leaves_of(size))
    assert list(audit(log)) == []
    for older in {0, size // 2, size}:
        copy, _ = log_of(leaves_of(older))
        assert list(audit(log, heads=[copy.head], copy=copy)) == []


def test_a_leaf_that_was_changed_with_all_above_it_is_named_by_a_copy():
    log, _ = log_of(leaves_of(SIZE, _300=b"another"))
    copy, _ = log_of(leaves_of(400))
    assert list(audit(log)) == []
    root = "the first 400 leaves are others than when you kept their head"
    assert list(audit(log, heads=[copy.head])) == [root]
    leaf = "leaf 300, of the ledger's entry 300, is another than in your copy"
    assert list(audit(log, copy=copy)) == [leaf, root]


def test_a_leaf_that_was_changed_alone_fits_neither_tiles_nor_head():
    log, files = log_of(leaves_of(SIZE))
    files["tile/entries/001"] = files["tile/entries/001"].replace(b"leaf 300", b"leaf 399")
    assert list(audit(log)) == [
        "tile/0/001 has other hashes than the leaves",
        "tile/1/000.p/2 has other hashes than the leaves",
        "the signed head of 700 leaves has another root than the leaves",
    ]


def test_a_tile_that_was_changed_is_named():
    log, files = log_of(leaves_of(SIZE))
    files["tile/0/002.p/188"] = bytes(188 * 32)
    assert list(audit(log)) == ["tile/0/002.p/188 has other hashes than the leaves"]


def test_a_log_that_was_set_back_or_replaced_is_named():
    log, _ = log_of(leaves_of(300))
    newer, _ = log_of(leaves_of(301))
    other, _ = log_of(leaves_of(300), origin="other.example/log")
    assert list(audit(log, heads=[newer.head])) == [
        "the log has 300 leaves, and had 301: it was set back"
    ]
    assert list(audit(log, heads=[other.head])) == [
        "the log is hub.example/log, and a head is of other.example/log"
    ]


def test_a_bundle_that_is_cut_is_an_error():
    log, files = log_of(leaves_of(3))
    files["tile/entries/000.p/3"] = files["tile/entries/000.p/3"][:-1]
    with pytest.raises(TileError, match="not a bundle of 3 leaves"):
        list(audit(log))
