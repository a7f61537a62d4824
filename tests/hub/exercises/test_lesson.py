# SPDX-License-Identifier: Apache-2.0
"""Hints at the desk: only the learner sees them, and only entries of the exercise count."""

from datetime import timedelta

import pytest

from stemtide.hub.rooms.exercises import reads
from stemtide.hub.rooms.parties.models import Party
from stemtide.protocol.enums.exercises import RunAct
from tests.world import NOON

LEARNER = {"first-authority": "be-crisis-centre"}


@pytest.fixture
def lesson(exercise):
    """An exercise in which the people of the Belgian authority learn."""
    exercise.prepare(scenario="learn-the-protocol", people=LEARNER)
    return exercise


def next_number(viewer, *, now=NOON):
    """The number of the hint that a party sees as the next one; None if it sees none."""
    hints = reads.lesson(viewer=viewer, now=now)
    return hints.next.number if hints else None


@pytest.mark.usefixtures("lesson")
def test_only_the_party_of_the_learner_sees_the_hints():
    numbers = {party.name: next_number(party) for party in Party.objects.all()}
    assert {name: number for name, number in numbers.items() if number} == {"be-crisis-centre": 1}
    assert len(numbers) > 5  # also those that bots play


def test_people_who_play_another_member_see_none(exercise):
    exercise.prepare(scenario="learn-the-protocol", people={"second-authority": "be-crisis-centre"})
    assert next_number(exercise.world.authority) is None


def test_people_of_a_scenario_without_a_lesson_see_none(exercise):
    exercise.prepare()
    assert next_number(exercise.world.authority) is None


def test_a_real_warning_is_no_step_of_the_lesson(lesson):
    world = lesson.world
    world.warn(by=world.authority)
    assert next_number(world.authority) == 1
    crisis = world.warn(by=world.authority, exercise=True)
    hints = reads.lesson(viewer=world.authority, now=NOON)
    assert (hints.done, hints.next.number) == (1, 2)
    assert hints.next.page == f"/crises/{crisis.id}/activation"


def test_the_hints_go_an_hour_after_the_end(lesson):
    lesson.act(RunAct.START)
    lesson.act(RunAct.END)
    party = lesson.world.authority
    assert next_number(party, now=NOON + timedelta(minutes=59)) == 1
    assert next_number(party, now=NOON + timedelta(minutes=61)) is None
