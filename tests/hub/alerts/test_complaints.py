# SPDX-License-Identifier: Apache-2.0
"""Alerts of complaints: to reviewers, and to those who are asked to look again."""

from datetime import timedelta

import pytest

from stemtide.hub.rooms.alerts.models import Alert
from stemtide.hub.rooms.alerts.writes import alerts as writes
from stemtide.hub.rooms.complaints.writes import complaints
from tests.hub.complaints.conftest import Bench
from tests.world import NOON


@pytest.fixture
def bench(world):
    return Bench(world=world, signal=world.share())


def told(*kinds):
    """Open alerts of complaints, each with whom it is to."""
    while writes.raise_from_ledger(NOON):
        pass
    rows = Alert.objects.filter(state="open", kind__in=kinds or KINDS).order_by("pk")
    return [(one.kind, one.party.name) for one in rows]


KINDS = ("complaint", "complaint_overdue", "redress_asked", "redress_declined", "redress_granted")


def test_reviewers_are_told_of_a_complaint_until_somebody_took_it_up(bench):
    complaint = bench.complain()
    assert told() == [("complaint", "big-video")]
    bench.take(complaint)
    assert told() == []


def test_a_flood_of_complaints_is_one_alert(bench):
    for _ in range(4):
        bench.complain()
    assert told() == [("complaint", "big-video")]


def test_who_files_a_complaint_for_an_uploader_is_not_told_of_it(bench):
    bench.file()
    assert told() == []


def test_a_complaint_that_waited_for_two_weeks_says_so(bench):
    complaint = bench.complain()
    bench.take(complaint)
    complaints.note_overdue(NOON + timedelta(weeks=2))
    assert told() == [("complaint_overdue", "big-video")]
    bench.decide(complaint)
    assert told() == []


def test_a_sharer_is_asked_to_look_again_and_its_answer_told(bench):
    complaint = bench.uphold(bench.complain())
    assert told("redress_asked") == [("redress_asked", "be-crisis-centre")]
    bench.answer(complaint, keep=True, reason="It is the perpetrator's film, recut.")
    assert told() == [("redress_declined", "big-video")]
    bench.answer(complaint, keep=False)
    assert told() == [("redress_granted", "big-video")]


def test_a_sharer_is_asked_once_at_a_time_by_one_provider(bench):
    for _ in range(3):
        bench.uphold(bench.complain())
    assert told("redress_asked") == [("redress_asked", "be-crisis-centre")]


def test_no_alert_holds_a_word_of_a_complaint(bench):
    bench.uphold(bench.complain(), note="It shows a fire brigade.")
    told()
    for row in Alert.objects.filter(kind__in=KINDS):
        assert set(row.parameters) <= {"by", "party"}
