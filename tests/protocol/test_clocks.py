# SPDX-License-Identifier: Apache-2.0
"""Every deadline, with given times: across time zones, summer time and leap days."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from stemtide.protocol.law import deadlines as clocks
from stemtide.protocol.law.deadlines import Pause

BRUSSELS = ZoneInfo("Europe/Brussels")
NEW_YORK = ZoneInfo("America/New_York")


def at(text):
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("received", "due"),
    [
        ("2026-11-24T12:00:00+00:00", "2026-11-24T13:00:00+00:00"),
        ("2026-11-24T12:20:31+00:00", "2026-11-24T13:20:31+00:00"),
        ("2026-11-24T23:30:00+01:00", "2026-11-24T23:30:00+00:00"),
        ("2026-12-31T23:30:00+00:00", "2027-01-01T00:30:00+00:00"),
        ("2028-02-28T23:30:00+00:00", "2028-02-29T00:30:00+00:00"),
        ("2028-02-29T23:30:00+00:00", "2028-03-01T00:30:00+00:00"),
        ("2026-11-24T12:00:00+05:45", "2026-11-24T07:15:00+00:00"),
    ],
)
def test_an_order_is_executed_within_an_hour_of_its_receipt(received, due):
    assert clocks.execute_due(at(received)) == at(due)


@pytest.mark.parametrize(
    ("received", "due"),
    [
        # Clocks go forward from 2:00 to 3:00 on 29 March 2026, and back from 3:00 on 25 October.
        (datetime(2026, 3, 29, 1, 30, tzinfo=BRUSSELS), "2026-03-29T01:30:00+00:00"),
        (datetime(2026, 10, 25, 2, 30, tzinfo=BRUSSELS), "2026-10-25T01:30:00+00:00"),
        (datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BRUSSELS), "2026-10-25T02:30:00+00:00"),
        (datetime(2026, 3, 8, 1, 59, 59, tzinfo=NEW_YORK), "2026-03-08T07:59:59+00:00"),
    ],
)
def test_the_hour_is_an_hour_also_where_clocks_are_put_forward_or_back(received, due):
    found = clocks.execute_due(received)
    assert found == at(due)
    assert found - received.astimezone(UTC) == timedelta(hours=1)


NOON = at("2026-11-24T12:00:00+00:00")


def after(minutes):
    return NOON + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("pauses", "due"),
    [
        ([], 60),
        ([(20, None)], None),
        ([(20, 50)], 110),
        ([(20, 50), (60, None)], None),
        ([(20, 50), (60, 300)], 360),
        ([(59, 59)], 119),
        ([(20, 1440)], 1500),
    ],
)
def test_the_hour_stands_still_on_a_ground_of_annex_iii_and_starts_anew_after_it(pauses, due):
    told = [
        Pause(after(stopped), None if resumed is None else after(resumed))
        for stopped, resumed in pauses
    ]
    assert clocks.execute_due(NOON, pauses=told) == (None if due is None else after(due))


def test_a_pause_told_in_another_zone_is_the_same_pause():
    pause = Pause(after(20).astimezone(BRUSSELS), after(50).astimezone(NEW_YORK))
    assert clocks.execute_due(NOON.astimezone(BRUSSELS), pauses=[pause]) == after(110)


@pytest.mark.parametrize(
    ("pauses", "until", "taken"),
    [
        ([], 30, 30),
        ([], -5, 0),
        ([(20, 50)], 10, 10),
        ([(20, 50)], 30, 20),
        ([(20, 50)], 70, 40),
        ([(20, None)], 500, 20),
        ([(-10, 15)], 20, 5),
        ([(20, 50), (60, 80)], 100, 50),
    ],
)
def test_the_time_taken_is_what_passed_without_the_pauses(pauses, until, taken):
    told = [
        Pause(after(stopped), None if resumed is None else after(resumed))
        for stopped, resumed in pauses
    ]
    found = clocks.time_taken(NOON, after(until), pauses=told)
    assert found == timedelta(minutes=taken)


@pytest.mark.parametrize(
    ("of", "hours"),
    [(clocks.first_order_from, 12), (clocks.ask_scrutiny_until, 48), (clocks.scrutiny_due, 72)],
)
@pytest.mark.parametrize(
    "since",
    [
        at("2026-11-24T12:00:00+00:00"),
        at("2028-02-28T20:00:00+09:00"),
        datetime(2026, 3, 28, 12, tzinfo=BRUSSELS),
        datetime(2026, 10, 24, 12, tzinfo=BRUSSELS),
    ],
)
def test_hours_are_hours_that_pass(of, hours, since):
    assert of(since) - since.astimezone(UTC) == timedelta(hours=hours)
    assert of(since).tzinfo is UTC


@pytest.mark.parametrize(
    ("removed", "zone", "until"),
    [
        ("2026-11-24T12:00:00+00:00", UTC, "2027-05-25T00:00:00+00:00"),
        # Six months from 31 August end with February, whose last day is the 29th in a leap year.
        ("2026-08-31T08:00:00+00:00", UTC, "2027-03-01T00:00:00+00:00"),
        ("2027-08-31T08:00:00+00:00", UTC, "2028-03-01T00:00:00+00:00"),
        ("2027-08-29T08:00:00+00:00", UTC, "2028-03-01T00:00:00+00:00"),
        ("2027-08-28T08:00:00+00:00", UTC, "2028-02-29T00:00:00+00:00"),
        ("2028-02-29T08:00:00+00:00", UTC, "2028-08-30T00:00:00+00:00"),
        # Winter to summer time, and a day that has begun in Brussels and not in UTC.
        ("2026-11-24T12:00:00+00:00", BRUSSELS, "2027-05-24T22:00:00+00:00"),
        ("2026-11-24T23:30:00+00:00", BRUSSELS, "2027-05-25T22:00:00+00:00"),
        ("2026-05-24T12:00:00+00:00", BRUSSELS, "2026-11-24T23:00:00+00:00"),
    ],
)
def test_what_was_removed_is_preserved_for_six_months_to_the_end_of_the_day(removed, zone, until):
    assert clocks.preserve_until(at(removed), zone=zone) == at(until)


@pytest.mark.parametrize(
    ("issued", "times", "zone", "until"),
    [
        ("2026-11-24T12:00:00+00:00", 1, UTC, "2027-01-05T12:00:00+00:00"),
        ("2026-11-24T12:00:00+00:00", 2, UTC, "2027-02-16T12:00:00+00:00"),
        ("2028-02-01T12:00:00+00:00", 1, UTC, "2028-03-14T12:00:00+00:00"),
        ("2026-03-01T12:00:00+01:00", 1, BRUSSELS, "2026-04-12T12:00:00+02:00"),
        # 6 weeks later clocks skip half past two: an hour later is the first time that there is.
        ("2026-02-15T02:30:00+01:00", 1, BRUSSELS, "2026-03-29T03:30:00+02:00"),
    ],
)
def test_secrecy_lasts_six_weeks_and_at_most_six_more(issued, times, zone, until):
    assert clocks.secrecy_until(at(issued), times=times, zone=zone) == at(until)


@pytest.mark.parametrize(
    ("filed", "zone", "due"),
    [
        ("2026-11-24T12:00:00+00:00", UTC, "2026-12-09T00:00:00+00:00"),
        ("2028-02-20T12:00:00+00:00", UTC, "2028-03-06T00:00:00+00:00"),
        ("2026-10-20T12:00:00+02:00", BRUSSELS, "2026-11-04T00:00:00+01:00"),
    ],
)
def test_a_complaint_is_answered_within_two_weeks(filed, zone, due):
    assert clocks.complaint_due(at(filed), zone=zone) == at(due)


@pytest.mark.parametrize(
    ("day", "over"),
    [
        ("2026-03-29T12:00:00+00:00", "2026-03-29T22:00:00+00:00"),
        ("2026-03-28T22:30:00+00:00", "2026-03-28T23:00:00+00:00"),
        ("2026-10-25T12:00:00+00:00", "2026-10-25T23:00:00+00:00"),
    ],
)
def test_a_day_of_23_or_25_hours_ends_when_it_ends_there(day, over):
    assert clocks.end_of_day(at(day), zone=BRUSSELS) == at(over)


def test_no_deadline_runs_from_a_moment_without_a_time_zone():
    with pytest.raises(ValueError, match="has no time zone"):
        clocks.execute_due(datetime(2026, 11, 24, 12))  # noqa: DTZ001  # what is refused
