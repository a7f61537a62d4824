# SPDX-License-Identifier: Apache-2.0
import pytest

from stemtide.exercises.counts import ExerciseCounts, percentile


@pytest.mark.parametrize(
    ("action", "is_known", "where"),
    [
        ("block", True, "blocked"),
        ("hold", True, "missed"),
        ("", True, "missed"),
        ("", False, "unrelated_passed"),
        ("log", False, "false_blocks"),
        ("block", False, "false_blocks"),
    ],
)
def test_an_upload_is_counted_in_one_place(action, is_known, where):
    counts = ExerciseCounts()
    counts.count(action=action, is_known=is_known)
    told = counts.as_json()
    places = ("blocked", "missed", "false_blocks", "unrelated_passed")
    assert {place: told[place] for place in places} == dict.fromkeys(places, 0) | {where: 1}
    assert told["uploads"] == 1


@pytest.mark.parametrize("spoiled", ["missed", "false_blocks"])
def test_one_mistake_spoils_it(spoiled):
    assert ExerciseCounts(blocked=3, feedback_received=3).is_good
    assert not ExerciseCounts(blocked=3, feedback_received=3, **{spoiled: 1}).is_good


def test_a_count_that_did_not_come_back_spoils_it():
    assert not ExerciseCounts(blocked=3, feedback_received=2).is_good
    assert not ExerciseCounts().is_good


def test_percentiles_of_little():
    assert percentile([], percent=50) is None
    assert percentile([7.0], percent=99) == 7.0
    assert percentile([1.0, 2.0, 3.0], percent=50) == 2.0
