# SPDX-License-Identifier: Apache-2.0
"""Times as the desk writes them: clocks that count down, and go on past their end."""

from datetime import timedelta

from stemtide.hub.desk import times
from stemtide.hub.desk.templatetags import desk
from tests.world import NOON


def test_a_clock_counts_down_and_says_by_how_much_it_is_over():
    due = NOON + timedelta(hours=1)
    assert times.remaining(due, now=NOON + timedelta(minutes=18)) == "00:42:00"
    assert times.remaining(due, now=due) == "00:00:00"
    assert times.remaining(due, now=due + timedelta(seconds=187)) == "over by 00:03:07"


def test_a_clock_that_counts_down_says_when_it_ends_and_whether_it_is_over():
    html = desk.countdown(NOON, NOON + timedelta(days=1, seconds=5))
    assert 'data-due datetime="' in html
    assert "clock__value--over" in html
    assert "over by 1 d 00:00:05" in html
    assert "clock__value--over" not in desk.countdown(NOON, NOON)
