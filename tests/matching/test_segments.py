# SPDX-License-Identifier: Apache-2.0
"""Segments as files: processes share them, a restart is quick, and no damage is believed."""

import os
import subprocess
import sys

import numpy as np
import pytest

from stemtide.fingerprints.kinds import Fingerprint, Fingerprints, Kind
from stemtide.matching.library import IndexedSignal, Library, Match
from stemtide.matching.segments import open_segment, write_segment
from tests.matching import sets

SIZE = 3_000


@pytest.fixture
def rows():
    return np.random.default_rng(1).integers(0, 256, (SIZE, 32), dtype=np.uint8)


@pytest.fixture
def saved(tmp_path, rows):
    library = Library(directory=tmp_path, identity="this store")
    library.put_columns(Kind.PDQ, np.arange(SIZE), rows)
    library.put(
        [IndexedSignal(SIZE, Kind.SHA256, b"s" * 32), IndexedSignal(SIZE + 1, Kind.MD5, b"m" * 16)]
    )
    library.save()
    return tmp_path


def finds(library, rows):
    hits = library.match_values(Kind.PDQ, np.ascontiguousarray(rows))
    return list(zip(hits.queries.tolist(), hits.keys.tolist(), strict=True))


def test_a_restart_finds_what_was_saved(saved, rows):
    library = Library(directory=saved, identity="this store")
    assert library.trouble == ()
    assert library.keys().tolist() == list(range(SIZE + 2))
    assert finds(library, rows[:50]) == [(place, place) for place in range(50)]
    digests = (Fingerprint(Kind.SHA256, b"s" * 32), Fingerprint(Kind.MD5, b"m" * 16))
    assert library.match(Fingerprints(digests)) == [
        Match(SIZE, Kind.SHA256, 0, ""),
        Match(SIZE + 1, Kind.MD5, 0, ""),
    ]


def test_own_thresholds_are_saved_too(tmp_path):
    rng = sets.seeded(1)
    values = sets.uniform(rng, 40)
    library = Library(directory=tmp_path)
    library.put(
        IndexedSignal(n, Kind.PDQ, value, [None, 5, 50][n % 3]) for n, value in enumerate(values)
    )
    library.save()
    again = Library(directory=tmp_path)
    for place, value in enumerate(values):
        for bits in (5, 6, 31, 32, 50, 51):
            query = sets.picture(sets.flipped(value, bits, rng=rng))
            assert again.match(query) == library.match(query)
            assert bool(again.match(query)) == (bits <= [31, 5, 50][place % 3])


def test_what_changes_after_a_save_is_held_beside_the_file(saved, rows):
    library = Library(directory=saved, identity="this store")
    library.drop([3])
    library.put(
        [IndexedSignal(4, Kind.PDQ, bytes(32)), IndexedSignal(9_000, Kind.PDQ, rows[3].tobytes())]
    )
    assert finds(library, rows[3:6]) == [(0, 9_000), (2, 5)]
    library.save()
    again = Library(directory=saved, identity="this store")
    assert finds(again, rows[3:6]) == [(0, 9_000), (2, 5)]
    assert len(again) == len(library) == SIZE + 2


def test_an_emptied_library_saves_no_file(saved):
    library = Library(directory=saved, identity="this store")
    library.drop(library.keys())
    library.save()
    assert list(saved.iterdir()) == []
    assert len(Library(directory=saved, identity="this store")) == 0


def test_a_follower_takes_up_newer_files_and_keeps_what_it_holds(saved, rows):
    leader = Library(directory=saved, identity="this store")
    follower = Library(directory=saved, identity="this store")
    assert not follower.refresh()
    leader.put(
        [IndexedSignal(7_000, Kind.PDQ, b"\x01" * 32), IndexedSignal(7_001, Kind.PDQ, b"\x02" * 32)]
    )
    leader.drop([0])
    leader.save()
    follower.put(
        [IndexedSignal(7_000, Kind.PDQ, b"\x01" * 32), IndexedSignal(8_000, Kind.PDQ, b"\x08" * 32)]
    )
    held = follower.keys().tolist()
    assert follower.refresh()
    # Held is what it was told, no more and no less: 7,001 and the drop of 0 have not reached it.
    assert follower.keys().tolist() == held
    assert finds(follower, rows[:2]) == [(0, 0), (1, 1)]
    follower.put([IndexedSignal(7_001, Kind.PDQ, b"\x02" * 32)])
    follower.drop([0])
    assert follower.match(sets.picture(b"\x02" * 32)) == [Match(7_001, Kind.PDQ, 0, "")]
    assert finds(follower, rows[:2]) == [(1, 1)]
    assert not follower.refresh()


def test_another_process_finds_by_the_same_file(saved, rows):
    program = (
        "import sys; from pathlib import Path; from stemtide.matching.library import Library;"
        "from stemtide.fingerprints.kinds import Kind;"
        "held = Library(directory=Path(sys.argv[1]), identity='this store');"
        "print(held.match_values(Kind.PDQ, bytes.fromhex(sys.argv[2])).keys.tolist())"
    )
    command = [sys.executable, "-c", program, str(saved), rows[17].tobytes().hex()]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[17]"


@pytest.mark.parametrize("place", [0, 9, 45, 50, 70, 4096, 90_000, -5000])
def test_a_file_with_a_changed_byte_is_not_believed(saved, place):
    path = saved / "pdq.segment"
    damaged = bytearray(path.read_bytes())
    damaged[place] ^= 0x10
    path.write_bytes(damaged)
    library = Library(directory=saved, identity="this store")
    assert library.counts()[Kind.PDQ] == 0
    (trouble,) = library.trouble
    assert str(path) in trouble


@pytest.mark.parametrize("part", [0.0, 0.001, 0.3, 0.9])
def test_a_file_that_was_cut_off_is_not_believed_and_is_replaced_by_the_next_save(
    saved, rows, part
):
    path = saved / "pdq.segment"
    os.truncate(path, int(path.stat().st_size * part))
    library = Library(directory=saved, identity="this store")
    assert "torn" in library.trouble[0]
    library.put_columns(Kind.PDQ, np.arange(SIZE), rows)
    library.save()
    assert Library(directory=saved, identity="this store").trouble == ()


def test_another_stores_file_is_not_used(saved):
    library = Library(directory=saved, identity="that store")
    assert len(library) == 0
    assert "another store" in library.trouble[0]


def test_a_file_of_another_kind_is_not_used(saved):
    (saved / "pdq.segment").write_bytes((saved / "sha256.segment").read_bytes())
    library = Library(directory=saved, identity="this store")
    assert library.counts()[Kind.PDQ] == 0
    assert "another kind" in library.trouble[0]


def test_a_save_that_fails_leaves_the_old_file(saved, rows):
    library = Library(directory=saved, identity="this store")
    library.put([IndexedSignal(9_000, Kind.PDQ, bytes(32))])
    (saved / "pdq.new").mkdir()
    with pytest.raises(OSError, match=r"pdq\.new"):
        library.save()
    assert finds(library, rows[:2]) == [(0, 0), (1, 1)]
    (saved / "pdq.new").rmdir()
    assert len(Library(directory=saved, identity="this store")) == SIZE + 2


def test_a_segment_file_is_its_segment(tmp_path, rows):
    library = Library()
    library.put_columns(Kind.PDQ, np.arange(SIZE), rows)
    library._indexes[Kind.PDQ]._seal_tail()
    segment = library._indexes[Kind.PDQ]._state.sealed[0].segment
    path = tmp_path / "one.segment"
    write_segment(segment, path, identity=b"i" * 32)
    again = open_segment(path, identity=b"i" * 32, words=4, tables=16)
    for name in ("keys", "by_key", "rows", "own_bits", "starts", "order", "partner"):
        assert (getattr(again, name) == getattr(segment, name)).all()
