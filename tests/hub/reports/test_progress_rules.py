# SPDX-License-Identifier: Apache-2.0
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, strategies

from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.reports.rules import progress as rules
from stemtide.hub.rooms.reports.rules.reports import may_publish_counts
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.messages.progress import ProgressQuery

TODAY = date(2026, 11, 24)


def asked(first="2026-07-01", last="2026-09-30", **facts):
    return ProgressQuery(first=first, last=last, **facts)


@pytest.mark.parametrize(
    ("zone", "day", "since", "until", "hours"),
    [
        ("UTC", "2026-11-24", "2026-11-24T00:00Z", "2026-11-25T00:00Z", 24),
        ("Europe/Brussels", "2026-03-29", "2026-03-28T23:00Z", "2026-03-29T22:00Z", 23),
        ("Europe/Brussels", "2026-10-25", "2026-10-24T22:00Z", "2026-10-25T23:00Z", 25),
        ("Europe/Dublin", "2028-02-29", "2028-02-29T00:00Z", "2028-03-01T00:00Z", 24),
        ("Pacific/Kiritimati", "2026-12-31", "2026-12-30T10:00Z", "2026-12-31T10:00Z", 24),
        ("America/New_York", "2026-11-01", "2026-11-01T04:00Z", "2026-11-02T05:00Z", 25),
    ],
)
def test_a_day_is_as_long_as_it_is_there(zone, day, since, until, hours):
    found = rules.bounds(asked(day, day, zone=zone))
    assert found == (datetime.fromisoformat(since), datetime.fromisoformat(until))
    assert found[1] - found[0] == timedelta(hours=hours)


def test_a_leap_year_has_a_day_more():
    since, until = rules.bounds(asked("2028-01-01", "2028-12-31"))
    assert (until - since).days == 366
    assert since == datetime(2028, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minutes", "median", "ninetieth"),
    [
        ([5], 5, 5),
        ([4, 2], 3, 4),
        ([9, 1, 5], 5, 9),
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 5.5, 9),
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 100], 6, 10),
        ([7] * 20, 7, 7),
    ],
)
def test_median_and_ninetieth(minutes, median, ninetieth):
    found = rules.times([timedelta(minutes=one) for one in minutes])
    assert (found.median_s, found.p90_s) == (median * 60, ninetieth * 60)
    assert found.count == len(minutes)


@given(strategies.lists(strategies.integers(0, 10_000), min_size=1, max_size=60))
def test_nine_in_ten_do_not_exceed_the_ninetieth_and_no_smaller_one_does_it(seconds):
    found = rules.times([timedelta(seconds=one) for one in seconds])
    within = [
        bound for bound in seconds if sum(one <= bound for one in seconds) * 10 >= len(seconds) * 9
    ]
    assert found.p90_s == min(within)
    below = sum(one < found.median_s for one in seconds)
    above = sum(one > found.median_s for one in seconds)
    assert max(below, above) * 2 <= len(seconds)


@pytest.mark.parametrize(
    ("first", "last", "firsts"),
    [
        ("2026-11-23", "2026-11-24", ["2026-11-23", "2026-11-24"]),
        ("2026-12-01", "2027-02-28", None),
        ("2027-12-15", "2029-03-02", None),
    ],
)
def test_spans_cover_the_period_and_no_day_twice(first, last, firsts):
    first, last = date.fromisoformat(first), date.fromisoformat(last)
    found = list(rules.spans(first, last))
    days = [a + timedelta(days=n) for a, b in found for n in range((b - a).days + 1)]
    assert days == [first + timedelta(days=n) for n in range((last - first).days + 1)]
    assert firsts is None or [str(a) for a, _ in found] == firsts


def test_long_spans_are_weeks_from_monday_on_and_then_months():
    weeks = [a for a, _ in rules.spans(date(2026, 12, 2), date(2027, 3, 1))]
    months = [a for a, _ in rules.spans(date(2027, 12, 15), date(2029, 3, 2))]
    assert {one.weekday() for one in weeks[1:]} == {0}
    assert {one.day for one in months[1:]} == {1}
    assert date(2028, 3, 1) in months


AUTHORITY, AGENCY, PROVIDER = PartyKind.AUTHORITY, PartyKind.AGENCY, PartyKind.PROVIDER
CONSORTIUM, OBSERVER = PartyKind.CONSORTIUM, PartyKind.OBSERVER
YES, NO = True, False


@pytest.mark.parametrize(
    ("subject", "kind", "own", "divided", "whole"),
    [
        # subject, kind: own figures; everybody's by provider; everybody's of a past quarter
        (rules.REFERRALS, AUTHORITY, YES, NO, YES),
        (rules.REFERRALS, AGENCY, YES, YES, YES),
        (rules.REFERRALS, PROVIDER, YES, NO, YES),
        (rules.REFERRALS, CONSORTIUM, NO, NO, YES),
        (rules.REFERRALS, OBSERVER, NO, NO, YES),
        (rules.ORDERS, AUTHORITY, YES, NO, YES),
        (rules.ORDERS, AGENCY, NO, NO, YES),
        (rules.ORDERS, PROVIDER, YES, NO, YES),
        (rules.ORDERS, CONSORTIUM, NO, NO, YES),
        (rules.ORDERS, OBSERVER, NO, NO, YES),
    ],
)
def test_who_may_ask_for_what(subject, kind, own, divided, whole):
    me = {"subject": subject, "kind": kind, "today": TODAY}
    assert allows(rules.check_asked, asked(), **me) is own
    assert allows(rules.check_asked, asked(of="all", by="provider"), **me) is divided
    assert allows(rules.check_asked, asked(of="all"), **me) is whole


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"first": "2026-07-01", "last": "2026-09-29"}, "one completed quarter"),
        ({"first": "2026-07-02", "last": "2026-09-30"}, "one completed quarter"),
        ({"first": "2026-01-01", "last": "2026-12-31"}, "one completed quarter"),
        ({"first": "2025-07-01", "last": "2026-09-30"}, "one completed quarter"),
        ({"first": "2026-10-01", "last": "2026-12-31"}, "from 2026-07-01 to 2026-09-30"),
        ({"zone": "Europe/Brussels"}, "in UTC"),
    ],
)
def test_everybodys_period_cannot_be_shifted(facts, says):
    with pytest.raises(InvalidError, match=says):
        rules.check_asked(
            asked(of="all", **facts), subject=rules.REFERRALS, kind=PROVIDER, today=TODAY
        )


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"first": "2026-10-01", "last": "2026-09-30"}, "before from"),
        ({"first": "2010-01-01"}, "ten years"),
        ({"zone": "Mars/Base"}, "not a time zone"),
        ({"zone": "../etc/passwd"}, "not a time zone"),
        ({"zone": "Europe"}, "not a time zone"),
        ({"zone": ""}, "not a time zone"),
    ],
)
def test_a_period_that_is_none_is_refused(facts, says):
    with pytest.raises(InvalidError, match=says):
        rules.check_asked(asked(**facts), subject=rules.REFERRALS, kind=AUTHORITY, today=TODAY)


@pytest.mark.parametrize(
    ("today", "first", "last"),
    [
        ("2026-01-01", "2025-10-01", "2025-12-31"),
        ("2026-03-31", "2025-10-01", "2025-12-31"),
        ("2028-04-01", "2028-01-01", "2028-03-31"),
        ("2026-12-31", "2026-07-01", "2026-09-30"),
    ],
)
def test_the_last_quarter_that_is_over(today, first, last):
    found = rules.last_quarter(date.fromisoformat(today))
    assert found == (date.fromisoformat(first), date.fromisoformat(last))


PARTS = strategies.dictionaries(
    strategies.sampled_from(["removed", "refused", "waiting", "gone"]),
    strategies.dictionaries(
        strategies.sampled_from(["a", "b", "c", "d", "e", "f"]), strategies.integers(0, 40)
    ).map(Counter),
)


@given(PARTS)
def test_what_is_told_leaves_nothing_to_reckon(parts):
    hidden = rules.withheld(parts)
    for name, counts in parts.items():
        assert name in hidden or may_publish_counts(list(counts.values()))
    whole = sum(parts.values(), Counter())
    told = sum((parts[one] for one in parts if one not in hidden), Counter())
    assert "" in hidden or may_publish_counts(list((whole - told).values()))


@pytest.mark.parametrize(
    ("today", "first", "last"),
    [
        (date(2027, 3, 31), date(2026, 1, 1), date(2026, 12, 31)),
        (date(2027, 4, 1), date(2027, 1, 1), date(2027, 4, 1)),
    ],
)
def test_progress_opens_on_the_year_before_until_its_reports_are_due(today, first, last):
    assert rules.due_period(today) == (first, last)
