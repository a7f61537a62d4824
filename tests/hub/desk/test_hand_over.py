# SPDX-License-Identifier: Apache-2.0
"""The hand-over of a room: decisions, questions without an answer, what is new, what was done."""

from datetime import timedelta

import pytest

from stemtide.hub.rooms.situation.models import Message
from stemtide.protocol.enums import Role
from tests.rounds import at_night

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(world):
    return world.desk("authority", Role.DUTY_OFFICER)


@pytest.fixture
def crisis(world):
    return world.crisis(active=True)


def post(client, crisis, kind, words, **more):
    sent = {"kind": kind, "text": words, "urgency": "routine", "tlp": "amber", "language": "en"}
    sent = {f"message-{name}": value for name, value in (sent | more).items()}
    assert client.post(f"/crises/{crisis}/log/post", sent).status_code == 302
    return Message.objects.order_by("-number").first().uid


def texts(client, crisis, name, *, hours=8):
    context = client.get(f"/crises/{crisis}/hand-over?hours={hours}").context
    return [message.text for message in context[name]]


@at_night
def test_questions_stay_until_they_are_answered(officer, crisis):
    post(officer, crisis, "question", "Is it on air?")
    answered = post(officer, crisis, "question", "Who filmed it?")
    post(officer, crisis, "answer", "Nobody knows.", answers=answered)
    assert texts(officer, crisis, "questions") == ["Is it on air?"]


@at_night
def test_decisions_of_the_shift_and_pinned_ones_are_listed(world, officer, crisis):
    pinned = post(officer, crisis, "decision", "Refer, do not order.")
    old = post(officer, crisis, "decision", "Wait.")
    post(officer, crisis, "decision", "Invite the forum.")
    long_ago = world.now - timedelta(hours=10)
    Message.objects.filter(uid__in=[pinned, old]).update(posted_at=long_ago)
    officer.post(f"/crises/{crisis}/log/{pinned}/pin", {"pinned": "1"})
    assert texts(officer, crisis, "decisions") == ["Invite the forum.", "Refer, do not order."]
    assert len(texts(officer, crisis, "decisions", hours=12)) == 3


@at_night
def test_acts_and_new_content_of_the_shift_are_counted(world, officer, crisis):
    for number in range(2):
        world.share(crisis=crisis, value=f"{number}{'f0e1d2c3b4a59687' * 4}"[:64])
    page = officer.get(f"/crises/{crisis}/hand-over")
    assert page.context["new_signal_count"] == 2
    assert ("The authority", "shared a signal", 2) in page.context["acts"]
