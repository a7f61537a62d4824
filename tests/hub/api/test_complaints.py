# SPDX-License-Identifier: Apache-2.0
from uuid import uuid4

import pytest

from stemtide.hub.rooms.complaints.writes import complaints as writes
from stemtide.protocol.enums import Scope
from tests.rounds import some_of
from tests.world import NOON

ALL_BUT_COMPLAINTS = [one for one in Scope if one is not Scope.COMPLAINTS_WRITE]
UPHELD = {
    "is_upheld": True,
    "exemption": "none",
    "finding": "ground",
    "reasons": "It shows a fire brigade at work.",
    "note": "It shows a fire brigade.",
    "reviewed_by": "moderator-12",
}


@pytest.fixture
def signal(world):
    return str(world.share().id)


@pytest.fixture
def provider(world, machine):
    return machine(world.big_provider)


def decision(signal, **more):
    plain = {"reference": "case-1", "basis": "signal", "ground": signal, "measure": "blocked"}
    return {**plain, "acted_at": "2026-11-24T11:00:00Z", **more}


@pytest.fixture(autouse=True)
def _in_time(monkeypatch):
    """The door reads the world's clock."""
    monkeypatch.setattr("stemtide.hub.api.v1.referrals.complaints.now", lambda: NOON)


def file(provider, signal, **more):
    body = decision(signal, text="This is my own report for the news.", **more)
    return provider("POST", "/api/v1/complaints", body).json()


def test_a_provider_makes_a_link_and_an_uploader_complains_with_it(provider, signal):
    made = provider("POST", "/api/v1/complaint-links", decision(signal))
    assert made.status_code == 201
    told = made.json()
    assert told["link"] == f"http://testserver/complain/{told['token']}"
    writes.file_by_link(told["token"], text="This is the news.", language="en", now=NOON)
    (row,) = provider("GET", "/api/v1/complaints?open=1").json()
    assert (row["reference"], row["state"], row["text"]) == ("case-1", "filed", "This is the news.")


def test_a_link_leads_to_the_hubs_own_address(provider, signal, settings):
    settings.HUB_ADDRESS = "https://hub.example"
    made = provider("POST", "/api/v1/complaint-links", decision(signal)).json()
    assert made["link"].startswith("https://hub.example/complain/")


def test_a_complaint_is_filed_taken_upheld_answered_and_accepted(world, machine, provider, signal):
    filed = file(provider, signal)
    assert len(filed["code"]) == 19
    uid = filed["complaint"]["id"]
    taken = provider("POST", f"/api/v1/complaints/{uid}/take", {"reviewed_by": "moderator-12"})
    assert taken.json()["reviewer"] == "moderator-12"
    done = provider("POST", f"/api/v1/complaints/{uid}/decide", UPHELD).json()
    assert (done["state"], done["redress"], done["asked_of"]) == (
        *("upheld", "asked"),
        "be-crisis-centre",
    )
    sharer = machine(world.authority)
    (asked,) = sharer("GET", "/api/v1/redress").json()
    assert (asked["ground"], asked["note"]) == (signal, "It shows a fire brigade.")
    assert sharer("GET", f"/api/v1/redress/{uid}").json() == asked
    said = {"keep": True, "reason": "It is the film of the perpetrator, recut."}
    assert sharer("POST", f"/api/v1/redress/{uid}/answer", said).json()["state"] == "kept"
    accepted = provider("POST", f"/api/v1/complaints/{uid}/accept")
    assert accepted.json()["redress"] == "accepted"
    assert provider("GET", f"/api/v1/complaints/{uid}").json()["state"] == "upheld"


@pytest.mark.parametrize(
    ("more", "field"),
    some_of(
        3,
        [
            ({"reference": "jan@forum.example"}, "reference"),
            ({"reference": "x" * 121}, "reference"),
            ({"acted_by": "Jan Peeters"}, "acted_by"),
            ({"measure": "shouted at"}, "measure"),
            ({"acted_at": "yesterday"}, "acted_at"),
            ({"acted_at": "2026-11-25T11:00:00Z"}, "acted_at"),
            ({"ground": None}, "ground"),
            ({"ground": str(uuid4())}, "ground"),
            ({"basis": "own"}, "ground"),
            ({"exercise": True}, "exercise"),
            ({"user": "4711"}, "user"),
        ],
    ),
)
def test_a_bad_decision_is_refused_by_its_field(provider, signal, more, field):
    answer = provider("POST", "/api/v1/complaint-links", decision(signal, **more))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


def test_a_machine_names_the_person_who_reviewed(provider, signal):
    uid = file(provider, signal)["complaint"]["id"]
    answer = provider("POST", f"/api/v1/complaints/{uid}/take", {})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "reviewed_by"


def test_a_second_complaint_about_a_decision_is_a_conflict(provider, signal):
    file(provider, signal)
    body = decision(signal, text="Once more, and louder.")
    assert provider("POST", "/api/v1/complaints", body).status_code == 409


def test_complaints_need_a_scope_of_their_own(world, machine, signal):
    feeble = machine(world.big_provider, scopes=ALL_BUT_COMPLAINTS)
    assert feeble("GET", "/api/v1/complaints").status_code == 403
    assert feeble("POST", "/api/v1/complaint-links", decision(signal)).status_code == 403
    assert feeble("GET", "/api/v1/redress").status_code == 403


def test_authorities_make_no_links(world, machine, signal):
    answer = machine(world.authority)("POST", "/api/v1/complaint-links", decision(signal))
    assert answer.status_code == 403
