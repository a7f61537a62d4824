# SPDX-License-Identifier: Apache-2.0
"""Transparency logs: against published vectors, and a naive twin that follows RFC 6962."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings, strategies as st

from stemtide.protocol.tlog import merkle, notes, proofs, tiles
from stemtide.protocol.tlog.merkle import Frontier, ProofError, leaf_hash, root_of
from stemtide.protocol.tlog.notes import Checkpoint, Note, NoteError, NoteKey
from stemtide.protocol.tlog.tiles import Tile, TiledTree, TileError
from tests.rounds import rounds

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ORIGIN = "hub.example/log"
PUBLIC = NoteKey.of(KEY, name=ORIGIN)
EXAMPLES = rounds(60, nightly=600)
CT_LEAVES = [
    *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
    "606162636465666768696a6b6c6d6e6f",
]
CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""The tree of Certificate Transparency's own tests: the root of its first 0 to 8 leaves."""

SPEC_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = (
    "This is an example message.\n\n\N{EM DASH} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6"
    "TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
"""The example of C2SP's signed-note."""


def naive_root(leaves):
    """RFC 6962, section 2.1, as it is written."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = max(2**power for power in range(20) if 2**power < len(leaves))
    return hashlib.sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def leaves_of(size):
    return [f"leaf {number}".encode() for number in range(size)]


def tree_of(leaves):
    """A tree over tiles that the naive twin fills."""

    def read(tile):
        span = 256 ** (tile.level or 0)
        return [
            naive_root(leaves[at * span : (at + 1) * span]) for at in range(tile.begin, tile.end)
        ]

    return TiledTree(len(leaves), read)


def test_the_root_over_all_leaves_is_that_of_a_tree_that_grew():
    for size in range(70):
        leaves, grown = [leaf_hash(bytes([at])) for at in range(size)], Frontier()
        for leaf in leaves:
            grown.append(leaf)
        assert root_of(leaves) == grown.root(), size


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_certificate_transparency(size):
    leaves = [bytes.fromhex(leaf) for leaf in CT_LEAVES[:size]]
    frontier = merkle.Frontier()
    for leaf in leaves:
        frontier.append(leaf_hash(leaf))
    assert frontier.root().hex() == CT_ROOTS[size]
    assert naive_root(leaves).hex() == CT_ROOTS[size]


@settings(max_examples=EXAMPLES, deadline=None)
@given(size=st.integers(0, 700), data=st.data())
def test_every_leaf_is_proved_and_no_other(size, data):
    leaves = leaves_of(size + 1)
    tree = tree_of(leaves)
    index = data.draw(st.integers(0, size))
    path, root = tree.inclusion_path(index), naive_root(leaves)
    facts = {"size": size + 1, "root": root}
    merkle.check_inclusion(leaf_hash(leaves[index]), path, index=index, **facts)
    wrong = [
        (b"another", path, index),
        (leaves[index], [*path, root], index),
        (leaves[index], path[:-1], index),
        (leaves[index], path, index + 1),
        (leaves[index], path, index ^ 1),
    ]
    for leaf, other_path, other_index in wrong:
        if (other_path, other_index, leaf) == (path, index, leaves[index]):
            continue  # the path of a single leaf is empty
        with pytest.raises(ProofError):
            merkle.check_inclusion(leaf_hash(leaf), other_path, index=other_index, **facts)


@settings(max_examples=EXAMPLES, deadline=None)
@given(size=st.integers(0, 700), data=st.data())
def test_a_tree_is_proved_to_continue_its_older_self_alone(size, data):
    old_size = data.draw(st.integers(0, size))
    leaves = leaves_of(size)
    old_root, root = naive_root(leaves[:old_size]), naive_root(leaves)
    path = tree_of(leaves).consistency_path(old_size)
    facts = {"old_size": old_size, "size": size}
    merkle.check_consistency(path, old_root=old_root, root=root, **facts)
    other_root = naive_root([b"another", *leaves[1:]])
    for other_path, old, new in [
        (path, other_root, root),
        (path, old_root, b"\0" * 32),
        ([*path, root], old_root, root),
        (path[:-1], old_root, root),
    ]:
        if (list(other_path), old, new) == (path, old_root, root) or (not old_size and new != root):
            continue  # every tree continues the empty one
        with pytest.raises(ProofError):
            merkle.check_consistency(other_path, old_root=old, root=new, **facts)


def test_a_tree_never_continues_a_larger_one():
    with pytest.raises(ProofError, match="cannot continue"):
        merkle.check_consistency([], old_size=3, old_root=b"", size=2, root=b"")


@settings(max_examples=EXAMPLES, deadline=None)
@given(sizes=st.lists(st.integers(0, 300), max_size=4))
def test_a_frontier_grows_as_the_tree_does(sizes):
    leaves = leaves_of(sum(sizes))
    frontier, at = Frontier(), 0
    for size in sizes:
        for leaf in leaves[at : at + size]:
            frontier.append(leaf_hash(leaf))
        at += size
        frontier = Frontier.unpack(frontier.size, frontier.pack())
    assert frontier.root() == naive_root(leaves)


def test_a_frontier_of_another_size_is_refused():
    with pytest.raises(ValueError, match="cannot be the frontier"):
        Frontier.unpack(3, b"\0" * 32)


def test_a_leaf_completes_subtrees():
    frontier = Frontier()
    counts = [len(frontier.append(leaf_hash(leaf))) for leaf in leaves_of(8)]
    assert counts == [0, 1, 0, 2, 0, 1, 0, 3]


@pytest.mark.parametrize(
    ("path", "tile"),
    [
        ("0/000", Tile(0, 0)),
        ("0/005.p/1", Tile(0, 5, 1)),
        ("2/x001/x234/067", Tile(2, 1234067)),
        ("entries/x001/000.p/255", Tile(None, 1000, 255)),
    ],
)
def test_paths_of_tiles(path, tile):
    assert Tile.read(path) == tile
    assert tile.path == path


@pytest.mark.parametrize(
    "path",
    [
        *("", "0", "0/0", "0/00", "0/0000", "0/x000/001", "0/001/002", "0/000.p/0", "0/000.p/256"),
        *(
            "0/000.p/01",
            "7/000",
            "00/000",
            "entry/000",
            "0/000/",
            "../000",
            "0/\N{ARABIC-INDIC DIGIT ONE}00",
        ),
    ],
)
def test_other_paths_are_refused(path):
    with pytest.raises(TileError, match="no path of a tile"):
        Tile.read(path)


def test_the_tiles_of_70000_leaves():
    """The example of C2SP's tlog-tiles."""
    hashes = [tile for tile in tiles.tiles_of(70_000) if tile.level is not None]
    partial = [(tile.level, tile.width) for tile in hashes if tile.width < 256]
    assert len(hashes) == 273 + 1 + 1 + 1 + 1
    assert partial == [(0, 112), (1, 17), (2, 1)]
    assert [tile.path for tile in tiles.tiles_of(256)] == ["entries/000", "0/000", "1/000.p/1"]
    assert not list(tiles.tiles_of(0))


def test_a_tile_is_in_logs_from_its_end_on():
    tile = Tile(1, 0, 2)
    assert [tile.is_in(size) for size in (511, 512, 70_000)] == [False, True, True]
    with pytest.raises(TileError, match="has no tile"):
        tiles.tile_at(1, 0, size=255)


def test_leaves_are_packed_and_unpacked():
    leaves = [b"", b"a", b"b" * 65_535]
    tile = Tile(None, 0, 3)
    bundle = tiles.pack_leaves(leaves)
    assert tiles.unpack_leaves(bundle, tile=tile) == leaves
    for broken in (bundle[:-1], bundle + b"\0", bundle + b"\0\0"):
        with pytest.raises(TileError, match="not a bundle"):
            tiles.unpack_leaves(broken, tile=tile)
    with pytest.raises(TileError, match="65536 bytes"):
        tiles.pack_leaves([b"b" * 65_536])


def test_hashes_are_as_many_as_the_tile_is_wide():
    assert tiles.unpack_hashes(bytes(64), tile=Tile(0, 0, 2)) == [bytes(32)] * 2
    with pytest.raises(TileError, match="not 3 hashes"):
        tiles.unpack_hashes(bytes(64), tile=Tile(0, 0, 3))


def test_the_note_of_the_specification():
    key = NoteKey.read(SPEC_KEY)
    assert str(key) == SPEC_KEY
    assert Note.read(SPEC_NOTE).check([key]) == key
    with pytest.raises(NoteError, match="does not hold"):
        Note.read(SPEC_NOTE.replace("example message", "changed message")).check([key])
    with pytest.raises(NoteError, match="no key that you trust"):
        Note.read(SPEC_NOTE).check([PUBLIC])


@pytest.mark.parametrize(
    "key", ["", "name", "name+00000000+AQID", SPEC_KEY.replace("530d", "530e"), f"a b{SPEC_KEY}"]
)
def test_other_texts_are_no_keys(key):
    with pytest.raises(NoteError, match="verifier key"):
        NoteKey.read(key)


def test_a_head_is_signed_by_all_keys_and_read_by_any():
    other = Ed25519PrivateKey.generate()
    head = Checkpoint(ORIGIN, 70_000, naive_root([b"a"]))
    note = head.sign([KEY, other])
    for private in (KEY, other):
        assert notes.read_checkpoint(note, trusted=[NoteKey.of(private, name=ORIGIN)]) == head


def test_a_head_in_the_name_of_another_log_is_refused():
    text = Checkpoint("other.example/log", 0, merkle.EMPTY_ROOT).text
    note = notes.sign(text, name=ORIGIN, keys=[KEY])
    with pytest.raises(NoteError, match=r"other\.example/log"):
        notes.read_checkpoint(note, trusted=[PUBLIC])


@pytest.mark.parametrize(
    "text",
    [
        *("", "log\n1\n", "log\n01\n{root}\n", "log\n-1\n{root}\n", "\n1\n{root}\n"),
        *("log\n1\nAAAA\n", "log\n1\n{root}", "log\n1\n{root}\n\nmore\n"),
    ],
)
def test_other_texts_are_no_heads(text):
    root = Checkpoint("log", 1, bytes(32)).text.split("\n")[2]
    with pytest.raises(NoteError, match="no head of a log"):
        Checkpoint.read(text.format(root=root))


@pytest.mark.parametrize("content", ["", "text\n", "text\n\n", "text\n\nline\n", SPEC_NOTE[:-1]])
def test_other_texts_are_no_notes(content):
    with pytest.raises(NoteError):
        Note.read(content)


@pytest.mark.parametrize(
    ("text", "name"), [("a", "n"), ("a\tb\n", "n"), ("a\n", "n+m"), ("a\n", "")]
)
def test_what_no_note_can_say_is_not_signed(text, name):
    with pytest.raises(NoteError, match="a note is text"):
        notes.sign(text, name=name, keys=[KEY])


def test_a_proof_as_text():
    leaves = leaves_of(300)
    tree = tree_of(leaves)
    note = Checkpoint(ORIGIN, 300, naive_root(leaves)).sign([KEY])
    proof = proofs.LogProof(299, tuple(tree.inclusion_path(299)), note)
    again = proofs.LogProof.read(str(proof))
    assert again == proof
    assert again.check(leaves[299], trusted=[PUBLIC]).size == 300
    with_extra = str(proof).replace("\nindex", "\nextra bW9yZQ==\nindex")
    assert proofs.LogProof.read(with_extra) == proof
    with pytest.raises(ProofError, match="does not hold"):
        again.check(leaves[298], trusted=[PUBLIC])


@pytest.mark.parametrize(
    "change",
    [("@v1", "@v2"), ("index 0", "index 00"), ("index 0\n", "index 0\nAAAA\n"), ("\n\n", "")],
)
def test_other_texts_are_no_proofs(change):
    note = Checkpoint(ORIGIN, 1, leaf_hash(b"a")).sign([KEY])
    text = str(proofs.LogProof(0, (), note))
    with pytest.raises(ProofError):
        proofs.LogProof.read(text.replace(*change))
