# SPDX-License-Identifier: Apache-2.0
"""The door for machines: referrals from search to answer, with the scopes that each needs."""

import pytest

from stemtide.protocol.enums import Scope
from tests.rounds import at_night, some_of

BODY = {
    "provider": "big-video",
    "url": "https://video.example/watch?v=1",
    "labels": ["incitement"],
    "reason": "It calls for an attack.",
}


@pytest.fixture
def authority(world, machine):
    return machine(world.authority)


@pytest.fixture
def provider(world, machine):
    return machine(world.big_provider)


def post(by, path, body=None, status=200):
    answer = by("POST", f"/api/v1/{path}", body or {})
    assert answer.status_code == status, answer.content
    return answer.json()


def get(by, path):
    answer = by("GET", f"/api/v1/{path}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def refer(by, **facts):
    return post(by, "referrals?send=1", BODY | facts, status=201)


def test_a_referral_is_sent_fetched_and_answered(authority, provider):
    found = post(authority, "referrals/search", {"url": BODY["url"]})
    assert found["findings"] == []
    sent = refer(authority)
    assert (sent["state"], sent["received_at"]) == ("sent", None)
    got = get(provider, "referrals")["referrals"]
    assert [one["id"] for one in got] == [sent["id"]]
    assert (got[0]["received_via"], got[0]["assessed_at"]) == ("api", None)
    post(provider, f"referrals/{sent['id']}/acknowledge", {"reference": "T-1"})
    body = {"answer": "geo_blocked", "countries": ["BE", "FR"]}
    post(provider, f"referrals/{sent['id']}/answer", body)
    read = get(authority, f"referrals/{sent['id']}")
    assert (read["state"], read["countries"]) == ("geo_blocked", ["BE", "FR"])


def test_reading_one_is_receipt_as_well(authority, provider):
    sent = refer(authority)
    first = get(provider, f"referrals/{sent['id']}")
    assert first["received_via"] == "api"
    assert get(provider, f"referrals/{sent['id']}") == first


@at_night
def test_an_assessment_is_sent_or_dropped_later(authority, provider):
    made = post(authority, "referrals", BODY, status=201)
    assert made["state"] == "assessed"
    assert get(provider, "referrals")["referrals"] == []
    assert post(authority, f"referrals/{made['id']}/send")["state"] == "sent"
    other = post(authority, "referrals", BODY | {"url": "https://video.example/2"}, status=201)
    body = {"reason": "lawful"}
    assert post(authority, f"referrals/{other['id']}/drop", body)["state"] == "not_referred"


@at_night
def test_a_question_goes_back_and_forth(authority, provider):
    sent = refer(authority)
    path = f"referrals/{sent['id']}"
    post(provider, f"{path}/answer", {"answer": "needs_context", "question": "Which scene?"})
    told = post(authority, f"{path}/context", {"context": "From 2:10 on."})
    assert (told["state"], told["questions"][0]["context"]) == ("sent", "From 2:10 on.")
    post(provider, f"{path}/answer", {"answer": "removed"})
    assert post(provider, f"{path}/reinstate", {"note": "News."})["state"] == "reinstated"


@at_night
def test_a_withdrawn_referral_is_no_task_any_more(authority, provider):
    sent = refer(authority)
    body = {"reason": "context", "note": "It is a documentary."}
    assert post(authority, f"referrals/{sent['id']}/withdraw", body)["state"] == "withdrawn"
    answer = provider("POST", f"/api/v1/referrals/{sent['id']}/answer", {"answer": "removed"})
    assert answer.status_code == 409
    assert "possible: nothing" in answer.json()["detail"]


def test_a_hold_is_met_lifted_and_the_referral_sent(world, machine, authority):
    holder = machine(world.other_authority)
    body = {
        "url": BODY["url"],
        "until": "2100-01-01T00:00:00Z",
        "reason": "operation",
        "contact": "the duty desk",
    }
    refused = holder("POST", "/api/v1/holds", body)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "until")
    soon = refused.json()["detail"].split("at most, until ")[1][:16].replace(" ", "T")
    held = post(holder, "holds", body | {"until": f"{soon}:00Z"}, status=201)
    assert refer(authority)["state"] == "held"
    assert [one["met"] for one in get(holder, "holds?open=1")] == [1]
    post(holder, f"holds/{held['id']}/extend", {"until": f"{soon}:00Z"})
    assert get(authority, "holds") == []
    assert post(holder, f"holds/{held['id']}/lift")["state"] == "lifted"
    found = get(authority, "referrals?state=assessed")["referrals"]
    assert post(authority, f"referrals/{found[0]['id']}/send")["state"] == "sent"
    assert get(holder, f"holds/{held['id']}")["state"] == "lifted"


@at_night
def test_a_batch_is_tried_sent_and_read(authority):
    rows = [
        {"number": 1, "labels": "incitement"} | {k: BODY[k] for k in ("url", "provider", "reason")},
        {"number": 2, "url": "nonsense"},
    ]
    tried = post(authority, "batches/check", {"rows": rows})["rows"]
    assert [one["outcome"] for one in tried] == ["sent", "bad_url"]
    batch = post(authority, "batches", {"name": "Action day"})
    done = post(authority, f"batches/{batch['id']}/rows", {"rows": rows})["rows"]
    assert [one["outcome"] for one in done] == ["sent", "bad_url"]
    assert get(authority, f"batches/{batch['id']}/rows")["rows"] == done
    assert get(authority, f"batches/{batch['id']}")["outcomes"] == {"sent": 1, "bad_url": 1}
    assert get(authority, "batches")[0]["rows"] == 2
    listed = get(authority, f"referrals?batch={batch['id']}")["referrals"]
    assert [one["reference"] for one in listed] == [done[0]["reference"]]


OPENED_BY = [
    ("POST", "referrals/search", {"url": "https://a.example"}, "referrals:write"),
    ("POST", "referrals", BODY, "referrals:write"),
    ("GET", "referrals", None, "requests:read"),
    ("POST", "batches", {"name": "A day"}, "referrals:write"),
    ("GET", "batches", None, "requests:read"),
    ("GET", "holds", None, "requests:read"),
]


@pytest.mark.parametrize("row", OPENED_BY, ids=lambda row: f"{row[0]} {row[1]}")
def test_each_needs_its_scope_and_no_other_opens_it(world, machine, row):
    method, path, body, scope = row
    others = [one for one in Scope if one != scope]
    lacking = machine(world.authority, scopes=others)(method, f"/api/v1/{path}", body)
    assert (lacking.status_code, scope in lacking.json()["detail"]) == (403, True)
    having = machine(world.authority, scopes=[scope])(method, f"/api/v1/{path}", body)
    assert having.status_code in {200, 201}


@pytest.mark.parametrize("verb", some_of(1, ["acknowledge", "answer", "reinstate"]))
def test_a_providers_answer_needs_the_scope_for_answers(world, machine, authority, verb):
    sent = refer(authority)
    key = machine(world.big_provider, scopes=["requests:read", "referrals:write"])
    body = {"answer": "removed"} if verb == "answer" else {}
    assert key("POST", f"/api/v1/referrals/{sent['id']}/{verb}", body).status_code == 403


def test_a_provider_refers_nothing_and_searches_nothing(provider):
    assert provider("POST", "/api/v1/referrals", BODY).status_code == 403
    search = provider("POST", "/api/v1/referrals/search", {"url": BODY["url"]})
    assert search.status_code == 403
    assert provider("POST", "/api/v1/batches/check", {"rows": [{"number": 1}]}).status_code == 403


def test_csam_is_refused_and_routed(authority):
    answer = authority("POST", "/api/v1/referrals", BODY | {"labels": ["csam"]})
    assert answer.json()["type"].endswith("refused-and-routed")
