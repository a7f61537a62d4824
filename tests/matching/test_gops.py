# SPDX-License-Identifier: Apache-2.0
import threading

import numpy as np
import pytest

from stemtide.fingerprints.kinds import FingerprintError
from stemtide.fingerprints.values.gop import GROUP, GopPrint
from stemtide.fingerprints.video.gop import fingerprint_gops
from stemtide.matching.gops import GopFinder
from tests.fingerprints.videos import LIMITS, clip, encoded, pictures, remuxed
from tests.rounds import rounds


def made(blob):
    return fingerprint_gops(blob, limits=LIMITS).to_bytes()


def invented(numbers, *, every_ms=2000):
    """Groups that are told apart by these numbers."""
    rows = np.zeros(len(numbers), GROUP)
    rows["at_ms"] = np.arange(len(numbers)) * every_ms
    for place, number in enumerate(numbers):
        rows["digest"][place] = np.frombuffer(number.to_bytes(16, "little"), np.uint8)
    return GopPrint(rows=rows).to_bytes()


@pytest.fixture
def finder():
    held = GopFinder()
    held.put([3, 4], [made(clip("street")), made(clip("table"))])
    return held


@pytest.mark.parametrize("container", ["matroska", "mpegts", "mov", "mp4"])
def test_the_same_encode_in_another_wrapping_with_another_sound_is_found(finder, container):
    (one,) = finder.find(made(remuxed(clip("street"), container=container, sound=True)))
    assert one.key == 3
    assert one.score >= 6
    assert one.speed == 1.0
    assert one.signal_span == one.query_span


def test_a_copied_cut_is_found_where_it_lies(finder):
    (one,) = finder.find(made(remuxed(clip("street"), container="mp4", from_s=4.0)))
    assert one.query_span.start_s == pytest.approx(0)
    assert one.signal_span.start_s == pytest.approx(4, abs=0.1)


def test_another_encode_is_not_found(finder):
    assert finder.find(made(encoded(pictures("street"), crf="33"))) == []


def test_one_equal_group_is_not_enough():
    held = GopFinder()
    held.put([1], [invented([1, 2, 3])])
    assert held.find(invented([3, 8, 9])) == []
    assert [one.score for one in held.find(invented([9, 2, 3]))] == [2.0]


def test_equal_groups_in_another_order_are_not_the_same_encode():
    held = GopFinder()
    held.put([1], [invented([1, 2, 3, 4])])
    assert held.find(invented([4, 9, 9, 9, 1])) == []


def test_groups_that_everybody_has_say_nothing():
    held = GopFinder()
    held.put(range(100), [invented([1, 2, 1000 + key]) for key in range(100)])
    assert held.find(invented([1, 2])) == []


def test_many_copies_of_one_signal_are_all_told():
    held = GopFinder()
    held.put(range(30), [invented([1, 2, 1000 + key]) for key in range(30)])
    assert len(held.find(invented([1, 2]))) == 30


def test_the_same_key_replaces_and_a_dropped_one_is_gone(finder):
    finder.put([3], [made(clip("sky"))])
    assert finder.find(made(clip("street"))) == []
    assert [one.key for one in finder.find(made(clip("sky")))] == [3]
    finder.drop([3, 99])
    assert finder.find(made(clip("sky"))) == []
    assert len(finder) == 1


def test_malformed_values_are_refused_and_nothing_is_held(finder):
    with pytest.raises(FingerprintError):
        finder.put([8, 9], [made(clip("sky")), b"nonsense"])
    assert len(finder) == 2
    with pytest.raises(FingerprintError):
        finder.find(b"nonsense")


def test_nothing_is_found_in_nothing(finder):
    assert finder.find(invented([])) == []
    assert GopFinder().find(made(clip("street"))) == []
    finder.put([5], [invented([])])
    assert len(finder) == 3


def test_searches_run_while_signals_come_and_go():
    held = GopFinder()
    held.put([0], [invented([7, 8, 9])])
    missed = []

    def write():
        for round_ in range(rounds(80, nightly=300)):
            key = 1 + round_ % 40
            held.put([key], [invented(range(key * 100, key * 100 + 20))])
            held.drop([1 + (round_ * 7) % 40])

    writer = threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        found = held.find(invented([7, 8, 9]))
        missed += [] if [one.key for one in found] == [0] else [found]
    writer.join()
    assert missed == []
    assert len(held._now.runs) < 12
