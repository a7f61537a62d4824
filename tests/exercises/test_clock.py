# SPDX-License-Identifier: Apache-2.0
"""The clock of an exercise: bots take no time, and an entry has the minute of its act."""

from datetime import UTC, datetime, timedelta

from stemtide.exercises.play.clock import ExerciseClock


def test_the_clock_stands_still_while_a_bot_acts():
    clock = ExerciseClock(speed=1e9)
    clock.run_until(12.5)
    with clock.stopped():
        began_at = datetime.now(UTC)
        ended_at = datetime.now(UTC)
    clock.run_until(30)
    assert [clock.minutes_at(at) for at in (began_at, ended_at)] == [12.5, 12.5]


def test_between_two_acts_the_clock_runs_at_its_speed_and_not_past_the_next():
    clock = ExerciseClock(speed=60)
    with clock.stopped():
        pass
    ended_at = clock._pauses[0].ended_at
    clock.minutes = 10  # as after ten seconds
    assert clock.minutes_at(ended_at) == 0
    assert clock.minutes_at(ended_at + timedelta(seconds=5)) == 5
    assert clock.minutes_at(ended_at + timedelta(seconds=15)) == 10
    with clock.stopped():
        pass
    assert clock.minutes_at(datetime.now(UTC) + timedelta(hours=1)) == 10


def test_before_the_first_act_it_is_minute_0():
    clock = ExerciseClock(speed=60)
    before = datetime.now(UTC) - timedelta(seconds=1)
    with clock.stopped():
        pass
    assert clock.minutes_at(before) == 0
