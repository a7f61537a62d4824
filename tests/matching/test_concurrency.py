# SPDX-License-Identifier: Apache-2.0
"""Others put and drop while a search runs: nothing held is missed, nothing dropped comes back."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from stemtide.fingerprints.kinds import Fingerprint, Fingerprints, Kind
from stemtide.matching.hamming import HammingIndex
from stemtide.matching.library import IndexedSignal, Library
from tests.matching import sets
from tests.rounds import rounds


@pytest.fixture(autouse=True)
def threads_take_turns_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def library():
    """A library that makes its tables anew, and writes its rows together, all the time."""
    library = Library()
    library._indexes[Kind.PDQ] = HammingIndex(loose_rows=50)
    return library


def run_while(write, *readers):
    """Run a writer once and readers over and over until it is done; raise what any of them did."""
    done = threading.Event()

    def read(reader):
        rounds = 0
        while not done.is_set() or not rounds:
            reader()
            rounds += 1
        return rounds

    with ThreadPoolExecutor(len(readers) + 1) as pool:
        reading = [pool.submit(read, reader) for reader in readers]
        try:
            write()
        finally:
            done.set()
        return [each.result() for each in reading]


def test_what_is_held_throughout_is_never_missed(library):
    rng = sets.seeded(1)
    centre = rng.randbytes(32)
    values = [sets.flipped(centre, rng.randrange(12), rng=rng) for _ in range(400)]
    kept = [IndexedSignal(place, Kind.PDQ, value) for place, value in enumerate(values[:100])]
    library.put(kept)
    wanted = {entry.key for entry in kept}

    def write():
        for round_ in range(60):
            passing = [
                IndexedSignal(1000 + 60 * round_ + n, Kind.PDQ, rng.choice(values))
                for n in range(60)
            ]
            library.put(passing)
            library.put([IndexedSignal(one.key, Kind.PDQ, rng.choice(values)) for one in kept[:20]])
            library.drop([one.key for one in passing])

    def read():
        found = {match.key for match in library.match(sets.picture(centre))}
        assert wanted <= found

    run_while(write, read, read)


def test_a_signal_is_found_once_put_has_returned_and_not_once_drop_has(library):
    rng = sets.seeded(2)
    library.put(IndexedSignal(n, Kind.PDQ, value) for n, value in enumerate(sets.uniform(rng, 80)))

    def write(name):
        own = sets.seeded(f"writer {name}")
        for round_ in range(rounds(40, nightly=150)):
            value, key = own.randbytes(32), 1000 * name + round_
            library.put([IndexedSignal(key, Kind.PDQ, value)])
            assert [match.key for match in library.match(sets.picture(value))] == [key]
            library.drop([key])
            assert library.match(sets.picture(value)) == []

    with ThreadPoolExecutor(3) as pool:
        for each in [pool.submit(write, name) for name in (1, 2, 3)]:
            each.result()
    assert len(library) == 80


def test_a_put_and_a_drop_are_seen_whole_or_not_at_all(library):
    value = sets.seeded(3).randbytes(32)
    keys = list(range(70))

    def write():
        for _ in range(25):
            library.put(IndexedSignal(key, Kind.PDQ, value) for key in keys)
            library.drop(keys)

    def read():
        assert len(library.match(sets.picture(value))) in (0, len(keys))

    run_while(write, read, read)


def test_a_replaced_signal_is_found_by_its_old_value_or_its_new_one(library):
    digests = [b"\x01" * 32, b"\x02" * 32]
    picture = bytes(32)
    everything = Fingerprints(
        (
            Fingerprint(Kind.SHA256, digests[0]),
            Fingerprint(Kind.PDQ, picture, quality=100),
            Fingerprint(Kind.SHA256, digests[1]),
            Fingerprint(Kind.MD5, b"\x03" * 16),
        )
    )
    shapes = [
        IndexedSignal(1, Kind.SHA256, digests[0]),
        IndexedSignal(1, Kind.PDQ, picture),
        IndexedSignal(1, Kind.SHA256, digests[1]),
        IndexedSignal(1, Kind.PDQ, sets.flipped(picture, 3, rng=sets.seeded(1))),
        IndexedSignal(1, Kind.MD5, b"\x03" * 16),
    ]
    library.put(shapes[:1])

    def write():
        rng = sets.seeded(4)
        for _ in range(rounds(1_000, nightly=3_000)):
            library.put([rng.choice(shapes)])

    def read():
        assert [match.key for match in library.match(everything)] == [1]

    run_while(write, read, read)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Fingerprint(Kind.SHA256, b"\x01" * 32), Fingerprint(Kind.SHA256, b"\x02" * 32)),
        (Fingerprint(Kind.MD5, b"\x01" * 16), Fingerprint(Kind.SHA256, b"\x02" * 32)),
        (Fingerprint(Kind.PDQ, b"\x01" * 32), Fingerprint(Kind.SHA256, b"\x02" * 32)),
    ],
)
def test_a_signal_that_moves_to_where_a_search_has_already_looked_is_found(library, before, after):
    library.put([IndexedSignal(1, before.kind, before.value)])
    index = library._indexes[after.kind]

    class Looked(HammingIndex):
        """Right after it was searched for the first time, the signal moves into it."""

        def search(self, *args, **options):
            hits = super().search(*args, **options)
            if len(library._indexes[before.kind]):
                library.put([IndexedSignal(1, after.kind, after.value)])
            return hits

    index.__class__ = Looked
    found = library.match(Fingerprints((after, before)))
    assert [match.kind for match in found] == [after.kind]


def test_a_search_that_runs_through_merges_and_saves_misses_nothing(tmp_path):
    rng = np.random.default_rng(5)
    size = rounds(11_000, nightly=30_000)
    rows = rng.integers(0, 256, (size, 32), dtype=np.uint8)
    library = Library(directory=tmp_path)
    library._indexes[Kind.PDQ] = HammingIndex(loose_rows=200)
    library.put_columns(Kind.PDQ, np.arange(1_000), rows[:1_000])
    asked = rows[:1_000].tobytes()

    def write():
        for first in range(1_000, size, 250):
            keys = np.arange(first, first + 250)
            library.put_columns(Kind.PDQ, keys, rows[first : first + 250])
            library.drop(keys[:100])
            if first % 5_000 == 0:
                library.save()

    def read():
        assert set(range(1_000)) <= set(library.match_values(Kind.PDQ, asked).keys.tolist())

    run_while(write, read, read)
    library._indexes[Kind.PDQ].settle()
    assert len(library) == 1_000 + (size - 1_000) * 150 // 250
