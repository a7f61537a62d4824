# SPDX-License-Identifier: Apache-2.0
from uuid import uuid4

import pytest

from tests.rounds import at_night

SAID = {"kind": "question", "text": "Who has the longer film?", "urgency": "now"}
LEAD = {
    "level": "high_specific",
    "bases": ["tco_14_5", "dsa_18"],
    "country": "BE",
    "facts": "A man announces an attack on the market at six.",
    "reasons": "He shows a rifle.",
    "callback": "+32 2 555 0199",
    "posted_at": "2026-11-24T09:30:00+05:30",
}


@pytest.fixture
def room(world, machine):
    """The id of a crisis, and the machines of those in its room."""
    crisis = world.activate()
    world.join(crisis, world.other_authority, world.big_provider)
    uid = crisis.id
    names = ("authority", "other_authority", "agency", "big_provider", "observer")
    return uid, {name: machine(getattr(world, name)) for name in names}


def test_a_machine_writes_into_the_log_and_reads_it(room):
    uid, machines = room
    made = machines["authority"]("POST", f"/api/v1/crises/{uid}/messages", SAID)
    assert made.status_code == 201
    message = made.json()["id"]
    answer = {"kind": "answer", "text": "We have.", "answers": message}
    machines["big_provider"]("POST", f"/api/v1/crises/{uid}/messages", answer)
    page = machines["agency"]("GET", f"/api/v1/crises/{uid}/messages?limit=1").json()
    assert [one["text"] for one in page["messages"]] == ["Who has the longer film?"]
    assert (page["next"], page["more"]) == (1, True)
    rest = machines["agency"]("GET", f"/api/v1/crises/{uid}/messages?after=1&kind=answer").json()
    assert [one["answers"] for one in rest["messages"]] == [message]
    assert machines["agency"]("GET", f"/api/v1/messages/{message}").json()["number"] == 1


@at_night
def test_a_message_is_pinned_and_taken_down(room):
    uid, machines = room
    message = machines["authority"]("POST", f"/api/v1/crises/{uid}/messages", SAID).json()["id"]
    assert machines["agency"]("PUT", f"/api/v1/messages/{message}/pin").json()["pinned"]
    pinned = machines["agency"]("GET", f"/api/v1/crises/{uid}/messages?pinned=1").json()
    assert len(pinned["messages"]) == 1
    assert not machines["agency"]("POST", f"/api/v1/messages/{message}/unpin").json()["pinned"]
    assert machines["big_provider"]("PUT", f"/api/v1/messages/{message}/pin").status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "question"}, "text"),
        ({"kind": "rumour", "text": "x"}, "kind"),
        ({"kind": "question", "text": "x", "language": "English"}, "language"),
        ({"kind": "question", "text": "x", "tlp": "red"}, "audience"),
        ({"kind": "question", "text": "x", "who": "me"}, "who"),
        ({"kind": "question", "text": "x" * 4001}, "text"),
    ],
)
def test_a_bad_message_is_refused_by_its_field(room, body, field):
    uid, machines = room
    answer = machines["authority"]("POST", f"/api/v1/crises/{uid}/messages", body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


def test_a_line_is_proposed_agreed_and_withdrawn(room):
    uid, machines = room
    body = {"texts": {"en": "Do not share it.", "nl": "Deel het niet."}}
    line = machines["authority"]("POST", f"/api/v1/crises/{uid}/lines", body).json()["id"]
    said = machines["agency"]("PUT", f"/api/v1/lines/{line}/vote", {"vote": "agree"}).json()
    assert (said["state"], said["usable"]) == ("agreed", True)
    assert [one["id"] for one in machines["agency"]("GET", f"/api/v1/crises/{uid}/lines").json()]
    gone = machines["authority"]("POST", f"/api/v1/lines/{line}/withdraw")
    assert gone.json()["state"] == "withdrawn"


OF_THE_ROOM = [
    ("GET", "crises/{crisis}/messages", None),
    ("POST", "crises/{crisis}/messages", SAID),
    ("GET", "crises/{crisis}/lines", None),
    ("POST", "crises/{crisis}/lines", {"texts": {"en": "x"}}),
    ("GET", "messages/{message}", None),
    ("PUT", "messages/{message}/pin", None),
    ("PUT", "lines/{line}/vote", {"vote": "agree"}),
    ("POST", "lines/{line}/withdraw", None),
]
"""What is for those in the room alone: method, path, body."""


def test_who_is_not_in_the_room_hears_what_they_hear_of_nothing(room):
    uid, machines = room
    post = machines["authority"]
    message = post("POST", f"/api/v1/crises/{uid}/messages", SAID).json()["id"]
    line = post("POST", f"/api/v1/crises/{uid}/lines", {"texts": {"en": "x"}}).json()["id"]
    for method, path, body in OF_THE_ROOM:
        there = path.format(crisis=uid, message=message, line=line)
        nowhere = path.format(crisis=uuid4(), message=uuid4(), line=uuid4())
        answers = [machines["observer"](method, f"/api/v1/{one}", body) for one in (there, nowhere)]
        assert [one.status_code for one in answers] == [404, 404], (method, path)


def test_a_lead_is_reported_received_passed_on_and_closed(room):
    _, machines = room
    made = machines["big_provider"]("POST", "/api/v1/leads", LEAD)
    assert made.status_code == 201
    lead = made.json()["id"]
    assert made.json()["posted_at"] == "2026-11-24T09:30:00+05:30"
    theirs = machines["authority"]
    assert theirs("POST", f"/api/v1/leads/{lead}/receive").json()["state"] == "received"
    passed = theirs("POST", f"/api/v1/leads/{lead}/pass-on", {"to": "fr-referral-unit"})
    assert passed.json()["passed_to"] == "fr-referral-unit"
    body = {"outcome": "threat_averted"}
    closed = machines["other_authority"]("POST", f"/api/v1/leads/{lead}/close", body)
    assert closed.json()["outcome"] == "threat_averted"
    assert [one["id"] for one in theirs("GET", "/api/v1/leads?open=0").json()] == [lead]
    assert theirs("GET", "/api/v1/leads?open=1").json() == []
    assert theirs("GET", f"/api/v1/leads/{lead}").json()["state"] == "closed"


def test_a_key_of_an_agent_opens_no_lead(world, machine):
    agent = machine(world.authority, scopes=["feed:read", "feedback:write", "crises:write"])
    assert agent("GET", "/api/v1/leads").status_code == 403
    assert agent("POST", "/api/v1/leads", LEAD).status_code == 403


def test_a_lead_without_a_zone_in_its_time_is_refused(room):
    _, machines = room
    body = LEAD | {"posted_at": "2026-11-24T09:30:00"}
    answer = machines["big_provider"]("POST", "/api/v1/leads", body)
    assert answer.json()["errors"][0]["field"] == "posted_at"


def test_a_lead_of_others_is_not_there(room):
    _, machines = room
    lead = machines["big_provider"]("POST", "/api/v1/leads", LEAD).json()["id"]
    other = machines["other_authority"]
    assert other("GET", f"/api/v1/leads/{lead}").status_code == 404
    assert other("POST", f"/api/v1/leads/{lead}/receive").status_code == 404
    assert other("GET", f"/api/v1/leads/{uuid4()}").status_code == 404


def test_a_machine_searches_and_finds_leads_with_their_scope_alone(room, world, machine):
    uid, machines = room
    lead = machines["big_provider"]("POST", "/api/v1/leads", LEAD).json()["id"]
    found = machines["authority"]("GET", "/api/v1/search?q=attack").json()
    assert found["groups"][0]["found"][0]["id"] == str(uid)
    assert machines["authority"]("GET", f"/api/v1/search?q={lead}").json()["groups"]
    agent = machine(world.authority, scopes=["feed:read"])
    assert agent("GET", f"/api/v1/search?q={lead}").json()["groups"] == []
    assert agent("GET", "/api/v1/search?q=x").status_code == 422


@pytest.mark.parametrize("act", ["", "/adopt", "/unadopt"])
def test_a_key_that_reads_no_signals_gets_none_by_choosing_which_stay(world, machine, act):
    crisis = world.warn().id
    shared = world.share(crisis=crisis)
    body = {"signals": [str(shared.id)]} if act else {"adopt": "none"}
    blind = machine(world.authority, scopes=["crises:write"])
    answer = blind("POST", f"/api/v1/crises/{crisis}/adoption{act}", body)
    assert (answer.status_code, "feed:read" in answer.json()["detail"]) == (403, True)
