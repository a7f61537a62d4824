# SPDX-License-Identifier: Apache-2.0
"""Bad input to every address: a problem document that names the field and the remedy."""

import io
import json
import logging

import pytest
from django.db import OperationalError

from stemtide.hub.api import problems
from stemtide.logs import LogFormat, stderr_handler
from tests.hub.api.conftest import signal
from tests.rounds import some_of

SOME = "5a1e2f00-0000-4000-8000-000000000000"
VALUE = "ab" * 32
STATUS = {
    "version": "1",
    "position": 0,
    "signals": 0,
    "started_at": "2020-01-01T00:00:00Z",
}
ROW = {
    "signal": SOME,
    "outcome": "blocked",
    "count": 1,
    "first_at": "2020-01-01T00:00:00Z",
    "last_at": "2020-01-01T00:00:00Z",
}
WARNING = {"name": "Attack", "happened_at": "2020-01-01T10:00:00Z", "countries": ["BE", "FR"]}


def without(body: dict[str, object], field: str) -> dict[str, object]:
    return {name: value for name, value in body.items() if name != field}


def report(**row: object) -> dict[str, object]:
    return {"report": SOME, "agent": "a1", "rows": [{**ROW, **row}]}


SIGNALS = "/api/v1/signals"
# method, path, body, field, a word of the remedy
BAD_FIELDS = [
    ("POST", SIGNALS, signal("zz"), "value", "64 hex digits"),
    ("POST", SIGNALS, without(signal(VALUE), "value"), "value", "must be given"),
    ("POST", SIGNALS, signal(VALUE, kind="sha1"), "kind", "'pdq'"),
    ("POST", SIGNALS, signal(VALUE, colour="red"), "colour", "leave it out"),
    ("POST", SIGNALS, signal(VALUE, quality=101), "quality", "less than or equal to 100"),
    ("POST", SIGNALS, signal(VALUE, within_bits=32), "within_bits", "less than or equal to 31"),
    ("POST", SIGNALS, signal(VALUE, kind="sha256"), "quality", "leave them out"),
    ("POST", SIGNALS, signal(VALUE, labels=[]), "labels", "at least 1"),
    ("POST", SIGNALS, signal(VALUE, labels=["nice"]), "labels.0", "known are"),
    ("POST", SIGNALS, signal(VALUE, severity="huge"), "severity", "'critical'"),
    ("POST", SIGNALS, signal(VALUE, confidence=-1), "confidence", "greater than or equal to 0"),
    ("POST", SIGNALS, signal(VALUE, tlp="red"), "audience", "needs named recipients"),
    ("POST", SIGNALS, signal(VALUE, audience=["nobody"]), "audience", "nobody"),
    ("POST", SIGNALS, signal(VALUE, crisis=SOME), "crisis", "crisis"),
    ("POST", SIGNALS, signal(VALUE, crisis="x"), "crisis", "valid UUID"),
    ("POST", SIGNALS, signal(VALUE, expires_at="2030-01-01T00:00:00"), "expires_at", "time zone"),
    ("POST", SIGNALS, signal(VALUE, expires_at="2020-01-01T00:00:00Z"), "expires_at", "past"),
    ("POST", SIGNALS, signal("nope", kind="url", quality=None), "value", "web address"),
    ("POST", SIGNALS, [], "body", "JSON object"),
    ("POST", SIGNALS, None, "body", "must be given"),
    ("POST", f"{SIGNALS}/bulk", {}, "signals", "send"),
    ("POST", f"{SIGNALS}/bulk", [], "signals", "send"),
    ("POST", f"{SIGNALS}/bulk", {"signals": []}, "signals", "at least one"),
    ("POST", f"{SIGNALS}/bulk", {"signals": [], "x": 1}, "x", "leave it out"),
    ("POST", f"{SIGNALS}/bulk", {"signals": [1]}, "signals.0", "JSON object"),
    ("POST", f"{SIGNALS}/bulk?partial=x", {"signals": []}, "partial", "valid boolean"),
    ("GET", f"{SIGNALS}/x", None, "uid", "valid UUID"),
    ("POST", f"{SIGNALS}/x/withdraw", {"reason": "mistake"}, "uid", "valid UUID"),
    ("POST", f"{SIGNALS}/{SOME}/withdraw", {"reason": "mood"}, "reason", "'mistake'"),
    ("POST", f"{SIGNALS}/{SOME}/withdraw", {}, "reason", "must be given"),
    ("PUT", f"{SIGNALS}/x/opinion", {"opinion": "agree"}, "uid", "valid UUID"),
    ("PUT", f"{SIGNALS}/{SOME}/opinion", {"opinion": "maybe"}, "opinion", "'dispute'"),
    ("PUT", f"{SIGNALS}/{SOME}/opinion", {"opinion": "dispute"}, "note", "say in your own words"),
    ("GET", "/api/v1/feed?after=-1", None, "after", "greater than or equal to 0"),
    ("GET", "/api/v1/feed?after=x", None, "after", "valid integer"),
    ("GET", f"/api/v1/feed?after={10**30}", None, "after", "less than or equal to"),
    ("GET", "/api/v1/feed?limit=0", None, "limit", "greater than or equal to 1"),
    ("GET", "/api/v1/feed?limit=10001", None, "limit", "less than or equal to 10000"),
    ("GET", "/api/v1/feed?exercise=x", None, "exercise", "valid boolean"),
    ("GET", "/api/v1/snapshot?exercise=x", None, "exercise", "valid boolean"),
    ("PUT", "/api/v1/agents/BAD!", STATUS, "name", "a-z"),
    ("PUT", "/api/v1/agents/a1", without(STATUS, "version"), "version", "must be given"),
    ("PUT", "/api/v1/agents/a1", {**STATUS, "position": -1}, "position", "greater than"),
    ("PUT", "/api/v1/agents/a1", {**STATUS, "position": 10**30}, "position", "less than"),
    ("PUT", "/api/v1/agents/a1", {**STATUS, "started_at": "noon"}, "started_at", "datetime"),
    ("POST", "/api/v1/outcomes", report(outcome="eaten"), "rows.0.outcome", "'blocked'"),
    ("POST", "/api/v1/outcomes", report(count=0), "rows.0.count", "greater than or equal to 1"),
    (
        *("POST", "/api/v1/outcomes", report(last_at="2019-01-01T00:00:00Z")),
        *("rows.0.last_at", "before first_at"),
    ),
    ("POST", "/api/v1/outcomes", {**report(), "rows": []}, "rows", "at least 1"),
    ("POST", "/api/v1/outcomes", {**report(), "user": "x"}, "user", "leave it out"),
    ("POST", "/api/v1/crises", {**WARNING, "name": "x"}, "name", "at least 3"),
    ("POST", "/api/v1/crises", {**WARNING, "countries": ["XX"]}, "countries", "ISO 3166"),
    ("POST", "/api/v1/crises", {**WARNING, "framework": "none"}, "framework", "eucp-2023"),
    ("POST", "/api/v1/crises", {**WARNING, "happened_at": "2999-01-01T00:00Z"}, "happened_at", ""),
    ("GET", "/api/v1/crises/x", None, "uid", "valid UUID"),
    ("PUT", f"/api/v1/crises/{SOME}/checks/scale", {"answer": "eh"}, "answer", "'yes'"),
    ("POST", "/api/v1/crises/x/join", None, "uid", "valid UUID"),
    ("POST", f"/api/v1/crises/{SOME}/close", {"reason": "x"}, "reason", "at least 3"),
]


@pytest.mark.parametrize(("method", "path", "body", "field", "remedy"), some_of(20, BAD_FIELDS))
def test_a_bad_field_is_named_with_its_remedy(machine, world, *, method, path, body, field, remedy):
    # Outcomes come from providers; the rest an authority may do.
    party = world.big_provider if path.endswith("outcomes") else world.authority

    answer = machine(party)(method, path, body)

    found = answer.json()
    assert answer.status_code == found["status"] == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert found["type"] == "/problems/invalid"
    assert [one["message"] for one in found["errors"] if one["field"] == field]
    assert remedy in json.dumps(found["errors"], ensure_ascii=False)


WITH_BODY = [
    ("POST", SIGNALS),
    ("POST", f"{SIGNALS}/bulk"),
    ("POST", f"{SIGNALS}/{SOME}/withdraw"),
    ("PUT", f"{SIGNALS}/{SOME}/opinion"),
    ("PUT", "/api/v1/agents/a1"),
    ("POST", "/api/v1/outcomes"),
    ("POST", "/api/v1/crises"),
    ("PUT", f"/api/v1/crises/{SOME}/checks/scale"),
    ("POST", f"/api/v1/crises/{SOME}/close"),
]
NO_JSON = [b"{", b"\xff\xfe", b'{"a": NaN}', b"[" * 100_000, b'{"a": "\\ud800"}', b'"\\u0000"']


@pytest.mark.parametrize(("method", "path"), some_of(2, WITH_BODY))
@pytest.mark.parametrize("body", NO_JSON, ids=lambda body: body[:12].decode("latin-1"))
def test_what_is_no_json_cannot_be_read(machine, world, method, path, body):
    answer = machine(world.authority)(method, path, body)

    assert answer.status_code == 400
    assert answer.json()["type"] == "/problems/malformed"


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
def test_another_kind_of_body_is_refused_with_the_right_one_named(machine, world, method, path):
    answer = machine(world.authority)(method, path, b"{}", content_type="text/xml")

    assert answer.status_code == 415
    assert "application/json" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{SIGNALS}/{SOME}"),
        ("POST", f"{SIGNALS}/{SOME}/withdraw"),
        ("PUT", f"{SIGNALS}/{SOME}/opinion"),
        ("GET", f"/api/v1/crises/{SOME}"),
        ("PUT", f"/api/v1/crises/{SOME}/checks/scale"),
        ("POST", f"/api/v1/crises/{SOME}/join"),
        ("POST", f"/api/v1/crises/{SOME}/close"),
    ],
)
def test_what_is_not_there_is_not_found(machine, world, method, path):
    body = {"withdraw": {"reason": "mistake"}, "opinion": {"opinion": "seen"}}
    body |= {"scale": {"answer": "yes"}, "close": {"reason": "over"}}

    answer = machine(world.agency)(method, path, body.get(path.rpartition("/")[2]))

    assert answer.status_code == 404
    assert answer.json()["type"] == "/problems/not-found"
    assert SOME in answer.json()["detail"]


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/v1/", "/api/v2/feed", "/api/v1/feed/x", "/health/x"]
)
def test_an_unknown_address_is_a_problem_and_no_page(machine, world, path):
    answer = machine(world.agency)("GET", path)

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "openapi.json" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/v1/feed", "GET"),
        ("GET", SIGNALS, "POST"),
        ("PATCH", f"{SIGNALS}/{SOME}", "GET"),
        ("POST", "/health", "GET"),
        ("POST", "/metrics", "GET"),
    ],
)
def test_a_wrong_method_is_told_the_right_one(machine, world, method, path, allowed):
    answer = machine(world.agency)(method, path)

    assert answer.status_code == 405
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert allowed in answer.headers["Allow"]
    assert allowed in answer.json()["detail"]


def test_a_foreign_host_is_a_problem_and_fills_no_log(machine, world, caplog):
    answer = machine(world.agency)("GET", "/api/v1/feed", headers={"Host": "evil.example"})

    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert caplog.records == []


def test_content_of_another_channel_is_refused_and_routed(machine, world):
    answer = machine(world.authority)("POST", SIGNALS, signal(VALUE, labels=["csam"]))

    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/refused-and-routed"
    assert "hotline" in answer.json()["detail"]
    assert [one["field"] for one in answer.json()["errors"]] == ["labels.0"]


def test_an_observer_cannot_share_a_signal(machine, world):
    answer = machine(world.observer)("POST", SIGNALS, signal(VALUE))

    assert answer.status_code == 403
    assert answer.json()["type"] == "/problems/not-allowed"


def test_a_second_withdrawal_is_a_conflict(machine, world):
    shared = world.share()
    path = f"{SIGNALS}/{shared.id}/withdraw"
    authority = machine(world.authority)
    assert authority("POST", path, {"reason": "mistake"}).status_code == 200

    answer = authority("POST", path, {"reason": "mistake"})

    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/conflict"


def test_a_time_beyond_the_calendar_is_no_crash(machine, world):
    body = signal(VALUE, expires_at="9999-12-31T23:59:59-12:00")

    answer = machine(world.authority)("POST", SIGNALS, body)

    assert answer.status_code in {201, 422}


def test_a_line_about_a_request_has_its_id_and_its_party(machine, world, monkeypatch):
    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("swordfish")

    monkeypatch.setattr("stemtide.hub.rooms.signals.reads.signals.feed", crash)
    stream = io.StringIO()
    handler = stderr_handler(LogFormat.JSON, stream)
    logging.getLogger("stemtide").addHandler(handler)
    try:
        answer = machine(world.agency)("GET", "/api/v1/feed")
    finally:
        logging.getLogger("stemtide").removeHandler(handler)
    row = json.loads(stream.getvalue())
    assert answer.status_code == 500
    assert row["request"] == answer["X-Request-Id"]
    assert row["party"] == "eu-referral-unit"
    assert "swordfish" not in stream.getvalue()


def test_an_unexpected_error_says_nothing_about_us(machine, world, monkeypatch, caplog):
    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr("stemtide.hub.rooms.signals.reads.signals.feed", crash)

    answer = machine(world.agency)("GET", "/api/v1/feed")

    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert b"swordfish" not in answer.content
    assert b"Traceback" not in answer.content
    assert "swordfish" in caplog.text


def test_a_database_that_is_away_asks_for_patience(machine, world, monkeypatch):
    def gone(*_: object, **__: object) -> None:
        raise OperationalError("server closed the connection at 10.0.0.7")

    monkeypatch.setattr("stemtide.hub.rooms.signals.reads.signals.feed", gone)

    answer = machine(world.agency)("GET", "/api/v1/feed")

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert b"10.0.0.7" not in answer.content


def test_answers_are_never_cached_and_can_be_quoted(machine, world):
    answer = machine(world.agency)("GET", "/api/v1/feed")

    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Request-Id"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.django_db
def test_a_page_of_the_desk_is_left_as_it_is(client):
    answer = client.get("/nowhere")

    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")


def test_what_comes_from_below_with_an_unknown_status_says_nothing():
    assert problems.below(418).status == 500
