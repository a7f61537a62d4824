# SPDX-License-Identifier: Apache-2.0
"""The clock of an exercise with people: it stands still in a pause, and changes its speed."""

from datetime import timedelta

from stemtide.exercises.live.clock import LiveClock


def test_the_clock_stands_still_until_the_exercise_starts_and_in_a_pause():
    clock = LiveClock(speed=1e6)
    assert clock.minutes == 0
    assert clock.seconds_until(1) == float("inf")
    clock.adjust(is_running=True, speed=1e6)
    while not clock.minutes:
        pass
    clock.adjust(is_running=False, speed=1e6)
    paused_at = clock.minutes
    assert paused_at > 0
    assert clock.minutes == paused_at


def test_an_entry_has_the_minute_of_its_span():
    clock = LiveClock(speed=60, minutes=10)
    clock.adjust(is_running=True, speed=60)
    began = clock._spans[-1].began_at
    assert round(clock.minutes_at(began + timedelta(seconds=5)), 6) == 15
    assert clock.minutes_at(began - timedelta(hours=1)) == 10


def test_another_speed_begins_where_the_clock_is():
    clock = LiveClock(speed=1)
    clock.adjust(is_running=True, speed=1)
    clock.adjust(is_running=True, speed=30)
    first, second = clock._spans[-2:]
    assert second.minutes >= first.minutes
    assert (first.speed, second.speed) == (1, 30)
    assert clock.seconds_until(clock.minutes + 30) <= 60
