# SPDX-License-Identifier: Apache-2.0
"""The index of the upload journal finds what comparing every entry finds, in orientations too."""

import io
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image

from stemtide.agent.journal import digests, index as index_module
from stemtide.agent.journal.entries import JournalEntry
from stemtide.agent.journal.index import JournalIndex
from stemtide.fingerprints.image import pdq
from stemtide.fingerprints.kinds import SIZE_BYTES, Fingerprint, Fingerprints, Kind
from stemtide.matching.library import IndexedSignal
from tests.agent.world import picture
from tests.rounds import rounds

LOOSE = [0, 30, 10_000]
"""Loose values from which a segment is made: every search makes one, some do, none does."""


@pytest.fixture
def chosen():
    return np.random.default_rng(11)


def entry(seq, *values, kind=Kind.PDQ):
    return JournalEntry("", 0, Fingerprints(tuple(Fingerprint(kind, v) for v in values)), seq=seq)


def flip(value, bits):
    """A value so many bits away."""
    return (int.from_bytes(value, "big") ^ ((1 << bits) - 1)).to_bytes(32, "big")


def distance(one, other):
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


def near_by_comparing(entries, signals):
    """What the index must find, by comparing each entry with each signal."""
    near = {}
    for signal in signals:
        turned = pdq.turn_hash(signal.value) if signal.kind is Kind.PDQ else [signal.value]
        within = 31 if signal.within_bits is None else signal.within_bits
        for row in entries:
            for value in set(row.values(signal.kind)):
                bits = min(distance(value, view) for view in turned)
                if bits <= (within if signal.kind is Kind.PDQ else 0):
                    near.setdefault(signal.key, set()).add(row.seq)
    return near


def test_estimated_orientations_are_near_the_true_ones():
    grids = [
        pdq.shrink(np.asarray(Image.open(io.BytesIO(picture(name))).convert("L")))
        for name in ("chelsea.png", "rocket.jpg", "coffee.png", "astronaut.png")
    ]
    for grid in grids:
        true = pdq.dihedral(grid)
        for estimate, hashed in zip(pdq.turn_hash(true[0]), true, strict=True):
            assert distance(estimate, hashed) <= 20
        assert pdq.turn_hash(true[0])[0] == true[0]


@pytest.mark.parametrize("loose_values", rounds(LOOSE[1:2], nightly=LOOSE))
def test_the_index_finds_what_comparing_every_value_finds(chosen, loose_values):
    found = JournalIndex(loose_values=loose_values)
    values = [chosen.bytes(32) for _ in range(300)]
    entries = [entry(n + 1, *[value] * (n % 12 + 1)) for n, value in enumerate(values)]
    signals = [
        IndexedSignal(n, Kind.PDQ, flip(values[n], n % 40), within_bits=n % 32 or None)
        for n in range(300)
    ]
    gone = {5, 12, 11, 280}
    for first in range(0, 300, 40):
        found.put(entries[first : first + 40])
        assert found.find(signals[:first]) == near_by_comparing(
            entries[: first + 40], signals[:first]
        )
    found.drop([*gone, 999])
    found.drop([12])
    there = [row for row in entries if row.seq not in gone]
    expected = near_by_comparing(there, signals)
    assert found.find(signals) == expected
    assert len(expected) > 100
    assert found.uploads == dict.fromkeys(SIZE_BYTES, 0) | {Kind.PDQ: 296}


@pytest.mark.parametrize("loose_values", LOOSE)
@pytest.mark.parametrize("kind", rounds([Kind.SHA256], nightly=[Kind.SHA256, Kind.MD5, Kind.URL]))
def test_equal_values_are_found_however_often_they_were_uploaded(chosen, loose_values, kind):
    found = JournalIndex(loose_values=loose_values)
    values = [chosen.bytes(SIZE_BYTES[kind]) for _ in range(100)]
    entries = [entry(n + 1, values[n * n % 80], values[n % 80], kind=kind) for n in range(400)]
    signals = [IndexedSignal(n, kind, value) for n, value in enumerate(values)]
    for first in range(0, 400, 100):
        found.put(entries[first : first + 100])
        found.find(signals[:1])
    found.drop(range(50, 90))
    there = [row for row in entries if row.seq not in range(50, 90)]
    assert found.find(signals) == near_by_comparing(there, signals)
    assert found.uploads[kind] == 360


def test_entries_of_all_kinds_are_merged_and_a_hollow_segment_shrinks(chosen):
    found = JournalIndex(loose_values=0)
    values = [chosen.bytes(32) for _ in range(400)]
    entries = [
        entry(n + 1, value, kind=(Kind.PDQ, Kind.SHA256)[n % 2]) for n, value in enumerate(values)
    ]
    signals = [IndexedSignal(n, (Kind.PDQ, Kind.SHA256)[n % 2], v) for n, v in enumerate(values)]
    for first in range(0, 400, 10):
        found.put(entries[first : first + 10])
        found.settle()
    assert found.find(signals) == {n: {n + 1} for n in range(400)}
    assert len(found._segments) < 4
    found.drop(range(1, 301))
    assert found.find(signals) == {n: {n + 1} for n in range(300, 400)}
    assert sum(map(len, found._segments)) < 250
    found.drop(range(301, 401))
    assert (found.find(signals), sum(map(len, found._segments))) == ({}, 0)


def test_numbers_that_are_far_apart_are_found(chosen, monkeypatch):
    monkeypatch.setattr(index_module, "MAX_SPAN", 100)
    found = JournalIndex()
    values = [chosen.bytes(32) for _ in range(60)]
    seqs = [n + 1 + 1000 * (n // 7) for n in range(60)]
    found.put([entry(seq, value) for seq, value in zip(seqs, values, strict=True)])
    signals = [IndexedSignal(n, Kind.PDQ, value) for n, value in enumerate(values)]
    assert found.find(signals) == {n: {seq} for n, seq in enumerate(seqs)}


def test_a_segment_goes_with_its_last_entry_however_far_apart_the_numbers_were(chosen):
    found = JournalIndex()
    values = [chosen.bytes(32) for _ in range(20)]
    found.put([entry(1000 * n + 1, value) for n, value in enumerate(values)])
    found.settle()
    found.drop([1000 * n + 2 for n in range(20)])  # none of them is here
    assert len(found._segments) == 1
    found.drop([1000 * n + 1 for n in range(11)])
    assert sum(map(len, found._segments)) == 9
    found.drop([1000 * n + 1 for n in range(20)])
    assert found._segments == []
    assert found.uploads[Kind.PDQ] == 0


def test_values_that_begin_alike_do_not_look_equal(chosen):
    values = [b"alike" + bytes([n]) + chosen.bytes(26) for n in range(256)]
    values += [chosen.bytes(7) + b"e" + chosen.bytes(24) for _ in range(256)]
    assert len(set(digests.hash_values(values).tolist())) == 512


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
@pytest.mark.skipif(os.cpu_count() == 1, reason="one core is searched with one thread")
def test_a_search_for_many_signals_leaves_the_cores_to_look_ups(chosen):
    found = JournalIndex(loose_values=0)
    found.put([entry(n + 1, chosen.bytes(32)) for n in range(200)])
    found.find([IndexedSignal(n, Kind.PDQ, chosen.bytes(32)) for n in range(200)])
    ours = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    searching = [t for t in threading.enumerate() if t.name.startswith("match-background")]
    theirs = [os.getpriority(os.PRIO_PROCESS, thread.native_id) for thread in searching]
    assert theirs
    assert min(theirs) > ours


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
def test_a_process_of_low_priority_searches_all_the_same():
    script = (
        "import os, numpy as np\n"
        "from stemtide.matching.hamming import search_each\n"
        "from stemtide.matching.packed import loose_struct\n"
        "from stemtide.kernels.hamming import as_structs\n"
        "rows = np.arange(4000, dtype='<u8').reshape(-1, 4)\n"
        "within, index = np.zeros(len(rows), dtype=int), as_structs([loose_struct(rows)])\n"
        "search_each(index, rows[:1], within[:1])\n"  # loads the kernels while it may read them
        "if os.getuid() == 0: os.setuid(65534)\n"
        "hits = search_each(index, rows, within, in_background=True)\n"
        "print(len(hits))"
    )
    command = ["nice", "-n", "15", sys.executable, "-c", script]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.stdout.strip(), ended.stderr) == ("1000", "")
