# SPDX-License-Identifier: Apache-2.0
"""Films, sounds, texts and encodes held in files: found as before, and believed only when whole."""

import numpy as np
import pytest

from stemtide.fingerprints.kinds import Fingerprint, Fingerprints, Kind
from stemtide.fingerprints.text.fingerprint import RATE_BITS, TextPrint
from stemtide.fingerprints.values.audio import Sound, Track
from stemtide.fingerprints.values.gop import GROUP, GopPrint
from stemtide.fingerprints.values.video import ROW, Sampling, VideoPrint
from stemtide.matching.array_files import open_arrays, write_arrays
from stemtide.matching.library import IndexedSignal, Library
from stemtide.matching.segments import SegmentFileError
from tests.rounds import rounds

LONG = (Kind.VIDEO, Kind.AUDIO, Kind.TEXT, Kind.GOP)
ME, OTHER = b"m" * 32, b"o" * 32


def value(kind, seed):
    numbers = np.random.default_rng([seed, LONG.index(kind)])
    if kind is Kind.VIDEO:
        rows = np.zeros(80, ROW)
        rows["at_ms"], rows["quality"] = np.arange(80) * 250, 100
        rows["pdq"] = numbers.integers(0, 256, (80, 32), dtype=np.uint8)
        return VideoPrint(rows, Sampling.SHARE, duration_ms=20_000).to_bytes()
    if kind is Kind.AUDIO:
        words = numbers.integers(1, 1 << 32, 200, dtype=np.uint32)
        return Sound((Track(words, np.ones(200, np.bool_)),)).to_bytes()
    if kind is Kind.TEXT:
        grams = numbers.integers(0, 1 << (64 - RATE_BITS), 300, dtype=np.uint64)
        return TextPrint(np.unique(grams), shingles=1200).to_bytes()
    rows = np.zeros(12, GROUP)
    rows["at_ms"] = np.arange(12) * 2000
    rows["digest"] = numbers.integers(0, 256, (12, 16), dtype=np.uint8)
    return GopPrint(rows).to_bytes()


def entries(first, count):
    return [
        IndexedSignal(4 * seed + place, kind, value(kind, seed))
        for seed in range(first, first + count)
        for place, kind in enumerate(LONG)
    ]


def found(library, seeds):
    """For each kind and seed, what meets it, and how."""
    return [
        [(one.key, one.kind, one.confidence, one.occurrences) for one in library.match(asked)]
        for seed in seeds
        for kind in LONG
        if (asked := Fingerprints((Fingerprint(kind, value(kind, seed)),)))
    ]


def opened(folder):
    return Library(directory=folder, identity="mine")


@pytest.fixture
def saved(tmp_path):
    library = opened(tmp_path)
    library.put(entries(0, 6))
    library.put(entries(6, 3))
    library.drop([4, 5, 6, 7])
    library.save()
    return library


def test_what_is_opened_is_found_as_before(saved, tmp_path):
    again = opened(tmp_path)
    assert again.trouble == ()
    assert again.counts() == saved.counts()
    assert again.keys().tolist() == saved.keys().tolist()
    assert found(again, range(10)) == found(saved, range(10))
    assert [len(one) for one in found(again, [0, 1, 9])] == [1] * 4 + [0] * 8


@pytest.mark.usefixtures("saved")
def test_what_is_opened_can_be_changed_and_saved_again(tmp_path):
    first = opened(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    first.put(entries(20, 4))
    first.put([IndexedSignal(0, Kind.VIDEO, value(Kind.VIDEO, 40))])
    first.drop([8, 9, 10, 11])
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    first.save()
    again = opened(tmp_path)
    assert found(again, [0, 2, 21, 40]) == found(first, [0, 2, 21, 40])
    shown = [[one[0] for one in each] for each in found(again, [0, 2, 21, 40])]
    assert shown == [[], [1], [2], [3], [], [], [], [], [84], [85], [86], [87], [0], [], [], []]


def test_only_kinds_that_changed_are_written_anew(saved, tmp_path):
    written = {path.name: path.stat().st_ino for path in tmp_path.iterdir()}
    saved.put([IndexedSignal(900, Kind.TEXT, value(Kind.TEXT, 50))])
    saved.save()
    changed = [path.name for path in tmp_path.iterdir() if path.stat().st_ino != written[path.name]]
    assert changed == ["text.arrays"]


def test_an_emptied_kind_has_no_file(saved, tmp_path):
    saved.drop(saved.keys())
    saved.save()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", rounds(LONG[:1], nightly=LONG))
@pytest.mark.parametrize("harm", ["flip", "cut", "empty", "head"])
@pytest.mark.usefixtures("saved")
def test_a_torn_file_is_named_and_not_used(tmp_path, kind, harm):
    path = tmp_path / f"{kind}.arrays"
    blob = bytearray(path.read_bytes())
    if harm == "flip":
        blob[4096 + 9] ^= 1
    elif harm == "head":
        blob[60] ^= 1
    path.write_bytes({"cut": blob[:-4096], "empty": b""}.get(harm, blob))
    again = opened(tmp_path)
    assert len(again.trouble) == 1
    assert f"{kind}.arrays is torn" in again.trouble[0]
    assert again.counts()[kind] == 0
    assert again.counts()[LONG[LONG.index(kind) - 1]] == 8


def test_a_file_of_somebody_else_or_another_form_is_not_used(tmp_path):
    path = tmp_path / "x.arrays"
    write_arrays(path, {"a": np.arange(3), "b": np.empty((0, 2), np.uint8)}, identity=ME)
    form = {"a": np.dtype("<i8"), "b": np.dtype("u1")}
    assert open_arrays(path, form, identity=ME)["b"].shape == (0, 2)
    with pytest.raises(SegmentFileError, match="another store"):
        open_arrays(path, form, identity=OTHER)
    with pytest.raises(SegmentFileError, match="another form"):
        open_arrays(path, {"a": np.dtype("<i8")}, identity=ME)
    path.write_bytes(b"no such thing" * 400)
    with pytest.raises(SegmentFileError, match="of this version"):
        open_arrays(path, form, identity=ME)
