# SPDX-License-Identifier: Apache-2.0
"""Go's packages of the checksum database accept our logs, and refuse what was changed."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stemtide.protocol.tlog import tiles
from stemtide.protocol.tlog.cosignatures import WitnessKey, cosign
from stemtide.protocol.tlog.merkle import Frontier, leaf_hash
from stemtide.protocol.tlog.notes import Checkpoint, Note, NoteKey
from tests.protocol import go_tlog

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ORIGIN = "hub.example/log"
SIZES = (0, 1, 2, 255, 256, 257, 500, 1000, 65_536, 70_000)


def write_log(folder, sizes=SIZES):
    """Write the tiles and heads of one log at all sizes."""
    leaves = [f"leaf {number}".encode() for number in range(sizes[-1])]
    levels, frontier = [[] for _ in range(4)], Frontier()
    for number, leaf in enumerate([*leaves, None]):
        if number in sizes:
            (folder / f"{number}").write_text(
                Checkpoint(ORIGIN, number, frontier.root()).sign([KEY]), "utf-8"
            )
            for tile in tiles.tiles_of(number):
                hashes = leaves if tile.level is None else levels[tile.level]
                content = hashes[tile.begin : tile.end]
                file = folder / "tile" / tile.path
                file.parent.mkdir(parents=True, exist_ok=True)
                is_bundle = tile.level is None
                file.write_bytes(tiles.pack_leaves(content) if is_bundle else b"".join(content))
        if leaf is not None:
            hashes = [leaf_hash(leaf), *frontier.append(leaf_hash(leaf))]
            for level, node in enumerate(hashes[::8]):
                levels[level].append(node)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return go_tlog.build(tmp_path_factory.mktemp("go"))


@pytest.mark.nightly
def test_go_verifies_heads_inclusion_and_consistency(program, tmp_path):
    folder, key = tmp_path / "log", str(NoteKey.of(KEY, name=ORIGIN))
    folder.mkdir()
    write_log(folder)
    run = go_tlog.check(program, folder, key, *map(str, SIZES))
    assert run.stdout.split("\n")[:-1] == [f"{size} holds" for size in SIZES], run.stderr

    other_key = str(NoteKey.of(Ed25519PrivateKey.generate(), name=ORIGIN))
    assert go_tlog.check(program, folder, other_key, "1000").returncode == 1
    bundle = folder / "tile/entries/001"
    bundle.write_bytes(bundle.read_bytes().replace(b"leaf 300", b"leaf 399"))
    assert go_tlog.check(program, folder, key, "1000").returncode == 1
    tile = folder / "tile/0/000"
    tile.write_bytes(tile.read_bytes()[:-1] + b"\0")
    assert go_tlog.check(program, folder, key, "65536").returncode == 1


@pytest.mark.nightly
def test_go_verifies_a_log_of_a_million_leaves(program, tmp_path):
    write_log(tmp_path, (999_000, 1_000_000))
    key = str(NoteKey.of(KEY, name=ORIGIN))
    run = go_tlog.check(program, tmp_path, key, "999000", "1000000")
    assert run.stdout.split() == ["999000", "holds", "1000000", "holds"], run.stderr


@pytest.mark.nightly
def test_go_verifies_cosignatures(program, tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    write_log(folder, (300,))
    witnesses = {f"witness.example/w{number}": Ed25519PrivateKey.generate() for number in (1, 2)}
    keys = [str(NoteKey.of(KEY, name=ORIGIN))]
    note = (folder / "300").read_text("utf-8")
    for name, key in witnesses.items():
        keys.append(str(WitnessKey.of(key, name=name)))
        note += cosign(Note.read(note).text, key=key, name=name, at=1_790_000_000)
    (folder / "cosigned").write_text(note, "utf-8")
    assert go_tlog.check(program, folder, ",".join(keys), "cosigned").stdout == "300 holds\n"

    missing = go_tlog.check(program, folder, ",".join(keys), "300")
    assert (missing.returncode, missing.stdout) == (1, "1 of 3 signed the head\n")
    line = note.splitlines()[-1]
    earlier = cosign(Note.read(note).text, key=key, name=name, at=1_780_000_000).rstrip()
    moved = earlier.rpartition(" ")[2][:16] + line.rpartition(" ")[2][16:]
    (folder / "moved").write_text(note.replace(line.rpartition(" ")[2], moved), "utf-8")
    assert go_tlog.check(program, folder, ",".join(keys), "moved").returncode == 1
