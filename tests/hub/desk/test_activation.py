# SPDX-License-Identifier: Apache-2.0
"""Activation on one page: saved as typed, nothing of others overwritten, what is missing on top."""

import re

import pytest

from stemtide.hub.rooms.crises.models import Check, Measure, Proposal, Triage
from stemtide.hub.rooms.crises.writes import crises as writes
from stemtide.protocol.enums import Role
from stemtide.protocol.messages.crises import CheckIn
from tests.hub.desk.test_board import text
from tests.rounds import at_night

pytestmark = pytest.mark.django_db
LIVE = {"HX-Request": "true"}


@pytest.fixture
def crisis(world):
    return world.crisis()


@pytest.fixture
def desk(world):
    return world.desk("authority", Role.DUTY_OFFICER)


def fields(page):
    """The bases of a page's tests, as its form sends them."""
    return dict(re.findall(r'name="(\w+-basis)" value="(\w+)"', page.content.decode()))


def first_test(page):
    return next(iter(fields(page))).removesuffix("-basis")


def test_a_change_is_saved_by_itself_and_what_is_missing_shrinks(crisis, desk):
    at = f"/crises/{crisis}/activation"
    page = desk.get(at)
    test = first_test(page)
    sent = fields(page) | {f"{test}-answer": "yes", f"{test}-evidence": "Seen on three sites."}
    sent |= {"triage-harm": "3", "triage-virality": "3"}
    answer = desk.post(f"{at}/save", sent, headers=LIVE)
    check = Check.objects.get()
    assert (check.test, check.evidence) == (test, "Seen on three sites.")
    assert (Triage.objects.get().harm, Triage.objects.get().virality) == (3, 3)
    assert f"#test-{test}" in page.content.decode()
    assert f"#test-{test}" not in answer.content.decode()
    desk.post(f"{at}/save", sent | fields(answer), headers=LIVE)
    assert (Check.objects.count(), Triage.objects.count()) == (1, 1)


def test_what_somebody_else_answered_meanwhile_is_shown_and_not_overwritten(world, crisis, desk):
    at = f"/crises/{crisis}/activation"
    page = desk.get(at)
    test = first_test(page)
    body = CheckIn(answer="no", evidence="It is a film.")
    by = world.actor("authority")
    writes.answer(crisis, test=test, body=body, by=by, now=world.now)
    sent = fields(page) | {f"{test}-answer": "yes", f"{test}-evidence": "Mine."}
    for _ in range(2):
        told = desk.post(f"{at}/save", sent, headers=LIVE)
        sent |= fields(told)
    assert "Somebody else answered this meanwhile" in text(told)
    assert "It is a film." in text(told)
    assert Check.objects.get().answer == "no"
    refused = desk.post(f"{at}/save", sent)
    assert refused.status_code == 409
    assert "Mine." in refused.content.decode()
    desk.post(f"{at}/save", sent | fields(refused))
    assert Check.objects.order_by("pk").last().answer == "yes"


@at_night
def test_without_javascript_one_button_saves_and_proposes(world, desk):
    crisis = world.crisis(ready=True)
    at = f"/crises/{crisis}/activation"
    page = desk.get(at)
    assert "Nothing is missing." in text(page)
    refused = desk.post(f"{at}/save", fields(page) | {"do": "propose", "reason": ""})
    assert refused.status_code == 409
    desk.post(f"{at}/save", fields(page) | {"do": "propose", "reason": "It spreads."})
    assert Proposal.objects.get().reason == "It spreads."


@at_night
def test_the_confirmation_of_a_second_party_is_first(world, desk):
    crisis = world.crisis(ready=True)
    at = f"/crises/{crisis}/activation"
    desk.post(f"{at}/save", {"do": "propose", "reason": "It spreads."})
    page = world.desk("agency", Role.COORDINATOR).get(at).content.decode()
    assert page.index("Confirm as the second person") < page.index("What is missing")


def test_who_answers_nothing_is_led_to_the_room(world, crisis):
    observer = world.desk("authority", Role.OBSERVER)
    at = f"/crises/{crisis}/activation"
    assert observer.get(at).headers["Location"] == f"/crises/{crisis}"
    assert observer.post(f"{at}/save", {"triage-harm": "1"}).status_code == 403
    assert world.desk("rival").get(at).status_code == 404


@at_night
def test_a_national_measure_is_recorded_by_the_button_and_not_while_it_is_typed(world, desk):
    crisis = world.crisis()
    at = f"/crises/{crisis}/activation"
    page = desk.get(at)
    assert "#measure" in page.content.decode()
    half = fields(page) | {"measure-country": "BE", "measure-measure": "referrals"}
    assert "say which, and why it does not suffice" in text(desk.post(f"{at}/save", half))
    sent = half | {"measure-insufficient": "The hosts are abroad."}
    told = desk.post(f"{at}/save", sent, headers=LIVE)
    assert "National measures that were considered" not in text(told)
    assert Measure.objects.count() == 0
    desk.post(f"{at}/save", sent)
    desk.post(f"{at}/save", sent)
    assert Measure.objects.get().insufficient == "The hosts are abroad."
    assert 'id="measure"' not in desk.get(at).content.decode()
