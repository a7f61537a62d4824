# SPDX-License-Identifier: Apache-2.0
import pytest

from stemtide.exercises.counts import DemoCounts, percentile
from stemtide.exercises.results.record import UploadedCopy


def copy(*, at_min, is_harmless=False, is_match=True):
    return UploadedCopy(at_min, "step", "videos", "film", "untouched", is_harmless, is_match)


@pytest.mark.parametrize(
    ("row", "where"),
    [
        (copy(at_min=9), "blocked"),
        (copy(at_min=9, is_match=False), "missed"),
        (copy(at_min=9, is_harmless=True, is_match=False), "unrelated_passed"),
        (copy(at_min=9, is_harmless=True), "false_blocks"),
        (copy(at_min=1, is_match=False), "uploaded_before"),
    ],
)
def test_an_upload_is_counted_in_one_place(row, where):
    counts = DemoCounts()
    counts.count([row], shared_at_min={"film": 5.0})
    shown = counts.as_json()
    places = ("blocked", "missed", "false_blocks", "unrelated_passed", "uploaded_before")
    assert {place: shown[place] for place in places} == dict.fromkeys(places, 0) | {where: 1}
    assert shown["uploads"] == (where != "uploaded_before")


def test_a_block_before_its_signal_is_wrong():
    counts = DemoCounts()
    counts.count([copy(at_min=1)], shared_at_min={"film": 5.0})
    assert (counts.uploaded_before, counts.false_blocks) == (1, 1)


@pytest.mark.parametrize("spoiled", ["missed", "false_blocks"])
def test_one_mistake_spoils_it(spoiled):
    assert DemoCounts(blocked=3, feedback_received=3).is_good
    assert not DemoCounts(blocked=3, feedback_received=3, **{spoiled: 1}).is_good


def test_a_count_that_did_not_come_back_spoils_it():
    assert not DemoCounts(blocked=3, feedback_received=2).is_good
    assert not DemoCounts().is_good


def test_percentiles_of_little():
    assert percentile([], percent=50) is None
    assert percentile([7.0], percent=99) == 7.0
    assert percentile([1.0, 2.0, 3.0], percent=50) == 2.0
