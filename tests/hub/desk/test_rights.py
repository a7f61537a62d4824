# SPDX-License-Identifier: Apache-2.0
"""The pages of requests of data subjects, and their place in the to-do list."""

from datetime import timedelta

import pytest

from stemtide.hub.rooms.rights.models import RightsRequest
from stemtide.protocol.enums import Role
from tests.rounds import at_night

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(world):
    return world.desk("provider", Role.DATA_PROTECTION_OFFICER)


def text(answer):
    return answer.content.decode()


def note(officer, world, **facts):
    sent = {
        "reference": "DP-2026-7",
        "right": "access",
        "received_on": world.now.date().isoformat(),
    }
    return officer.post("/rights-requests/new", sent | facts, follow=True)


def test_an_officer_notes_extends_and_answers_a_request(officer, world):
    page = text(note(officer, world))
    assert "Access: DP-2026-7" in page
    assert "General Data Protection Regulation, Art. 15" in page
    row = RightsRequest.objects.get()
    address, day = f"/rights-requests/{row.uid}", world.now.date().isoformat()
    sent = {"extend-reason": "complexity", "extend-informed_on": day}
    assert "the request is complex" in text(officer.post(f"{address}/extend", sent, follow=True))
    sent = {"answer-outcome": "partly", "answer-answered_on": day}
    page = text(officer.post(f"{address}/answer", sent, follow=True))
    assert "granted in part" in page
    assert "Note the answer" not in page
    assert "DP-2026-7" not in text(officer.get("/rights-requests"))
    assert "DP-2026-7" in text(officer.get("/rights-requests?closed"))


@at_night
def test_a_refused_form_says_why_beside_its_field(officer, world):
    tomorrow = (world.now + timedelta(days=3)).date().isoformat()
    answer = note(officer, world, received_on=tomorrow, reference="Jan Janssens")
    assert answer.status_code == 422
    assert "String should match pattern" in text(answer)
    answer = note(officer, world, received_on=tomorrow)
    assert "is in the future" in text(answer)
    assert not RightsRequest.objects.exists()


@at_night
def test_a_provider_is_asked_for_no_law_and_an_authority_is(officer, world):
    assert 'name="law"' not in text(officer.get("/rights-requests/new"))
    other = world.desk("authority", Role.DATA_PROTECTION_OFFICER)
    assert 'name="law"' in text(other.get("/rights-requests/new"))


@at_night
def test_an_open_request_waits_in_the_to_do_list_of_the_officer_alone(officer, world):
    note(officer, world)
    assert "DP-2026-7" in text(officer.get("/to-do"))
    assert "DP-2026-7" in text(world.desk("provider", Role.COORDINATOR).get("/to-do"))
    assert "DP-2026-7" not in text(world.desk("provider", Role.ANALYST).get("/to-do"))
    assert "DP-2026-7" not in text(world.desk("rival", Role.COORDINATOR).get("/to-do"))
