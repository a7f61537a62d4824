# SPDX-License-Identifier: Apache-2.0
"""Requests of data subjects over the API."""

import pytest

from stemtide.protocol.enums import Scope
from tests.hub.api.conftest import Machine
from tests.world import NOON

pytestmark = pytest.mark.django_db
ROOT = "/api/v1/rights-requests"
DAY = NOON.date().isoformat()
BODY = {"reference": "DP-7", "right": "erasure", "received_on": DAY}


def test_a_program_notes_and_answers_a_request(world):
    machine = Machine(world.key(world.big_provider))
    noted = machine("POST", ROOT, BODY)
    assert noted.status_code == 201
    uid = noted.json()["id"]
    extended = machine("POST", f"{ROOT}/{uid}/extend", {"reason": "number", "informed_on": DAY})
    assert extended.json()["state"] == "extended"
    sent = {"outcome": "no_data", "answered_on": DAY}
    assert machine("POST", f"{ROOT}/{uid}/answer", sent).json()["outcome"] == "no_data"
    assert machine("POST", f"{ROOT}/{uid}/withdraw").status_code == 409
    assert machine("GET", f"{ROOT}/{uid}").json()["law"] == "gdpr"
    listed = machine("GET", f"{ROOT}?open=false").json()
    assert ([row["id"] for row in listed["requests"]], listed["open"]) == ([uid], 0)


def test_another_scope_does_not_do(world):
    machine = Machine(world.key(world.big_provider, scopes=[Scope.FEED_READ]))
    assert machine("GET", ROOT).status_code == 403
    assert machine("POST", ROOT, BODY).status_code == 403


def test_a_name_is_no_reference(world):
    machine = Machine(world.key(world.big_provider))
    refused = machine("POST", ROOT, BODY | {"reference": "Jan Janssens"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "reference")
