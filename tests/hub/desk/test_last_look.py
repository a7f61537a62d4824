# SPDX-License-Identifier: Apache-2.0
"""What a room says is new since its reader last looked."""

from datetime import timedelta

import pytest
from django.http import HttpResponse

from stemtide.hub.desk.crises import last_look
from stemtide.protocol.enums import Role
from tests.rounds import at_night

pytestmark = pytest.mark.django_db
COOKIE = last_look._NAME


class Visitor:
    """A person with one browser."""

    def __init__(self, client):
        self.client = client
        self.request = client.get("/crises").wsgi_request

    def visit(self, crisis, *, at):
        """Look at a room; return how many entries are new."""
        news = last_look.new_entries(self.request, crisis, now=at)
        response = HttpResponse()
        last_look.remember(self.request, crisis, response=response, now=at)
        self.request.COOKIES[COOKIE] = response.cookies[COOKIE].value
        return news.count if news else 0


@pytest.fixture
def officer(world):
    return Visitor(world.desk("authority", Role.DUTY_OFFICER))


@pytest.fixture
def crisis(world, officer):
    """A crisis that the officer looked at an hour ago; a signal came since."""
    uid = world.crisis(active=True)
    assert officer.visit(uid, at=world.now - timedelta(hours=1)) == 0
    world.share(crisis=uid)
    return uid


@at_night
def test_a_room_says_how_much_is_new_since_the_last_visit(officer, crisis):
    officer.client.cookies[COOKIE] = officer.request.COOKIES[COOKIE]
    html = officer.client.get(f"/crises/{crisis}").content.decode()
    assert "1 new entry" in html
    assert f"/crises/{crisis}/timeline?after=" in html


@at_night
def test_the_line_stays_during_a_visit_and_goes_after_it(world, officer, crisis):
    assert officer.visit(crisis, at=world.now) == 1
    assert officer.visit(crisis, at=world.now + timedelta(minutes=5)) == 1
    assert officer.visit(crisis, at=world.now + timedelta(minutes=30)) == 0


def test_the_cookie_of_another_person_counts_for_nothing(world, officer, crisis):
    other = Visitor(world.desk("authority", Role.ANALYST))
    other.request.COOKIES[COOKIE] = officer.request.COOKIES[COOKIE]
    assert other.visit(crisis, at=world.now) == 0
