# SPDX-License-Identifier: Apache-2.0
"""Times as the desk writes them: clocks that count down, and go on past their end."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.template import Context, Template
from django.utils import timezone, translation

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


@pytest.mark.parametrize(
    ("language", "shown"),
    [("en", "1 Oct 2026"), ("fr", "1 oct 2026"), ("de", "1. Okt 2026"), ("nl", "1 okt 2026")],
)
def test_a_day_is_written_as_its_language_does(language, shown):
    page = Template("{% load desk %}{{ on|day }}, {{ at|day }}")
    at = datetime(2026, 9, 30, 22, 30, tzinfo=UTC)
    with translation.override(language), timezone.override("Europe/Brussels"):
        assert page.render(Context({"on": date(2026, 10, 1), "at": at})) == f"{shown}, {shown}"
