# SPDX-License-Identifier: Apache-2.0
"""The wire and Django answer alike: each request is sent both ways to a real hub.

A cookie, which no agent sends, has Django answer.
"""

import json
import re
from datetime import UTC, datetime

import httpx
import pytest

from tests.hub.api.conftest import serving, signal, wait_until
from tests.rounds import rounds, some_of
from tests.world import hex_value

FEED = "/api/v1/feed"
SIGNALS = "/api/v1/signals"
AGENT = "/api/v1/agents/agent-1"
BY_DJANGO = {"Cookie": "by=django"}
VARYING = {"x-request-id", "ratelimit", "date", "retry-after"}
STARTED = datetime(2026, 11, 24, tzinfo=UTC).isoformat()


@pytest.fixture(scope="module")
def hub():
    """A hub with signals that not everybody may read."""
    with serving() as running:
        with running.client() as client:
            for number, facts in enumerate(
                (
                    {"tlp": "clear"},
                    {"tlp": "amber"},
                    {"tlp": "red", "audience": ["small-forum"]},
                    {"exercise": True},
                    {"tlp": "green"},
                )
            ):
                answer = client.post("/api/v1/signals", json=signal(hex_value(number), **facts))
                assert answer.status_code == 201, answer.text
            withdrawn = f"/api/v1/signals/{answer.json()['id']}/withdraw"
            client.post(withdrawn, json={"reason": "mistake"})
        yield running


def answers_from_memory(hub, route: str) -> float:
    with hub.client() as client:
        lines = client.get("/metrics").text.splitlines()
    begin = f'stemtide_memory_answers_total{{route="{route}"}} '
    return sum(float(line.removeprefix(begin)) for line in lines if line.startswith(begin))


def status(**facts: object) -> dict[str, object]:
    return {"version": "1", "position": 1, "signals": 1, "started_at": STARTED, **facts}


def described(answer: httpx.Response) -> tuple[object, ...]:
    """What of an answer must be the same both ways."""
    headers = {name: text for name, text in answer.headers.items() if name not in VARYING}
    shape = re.sub(r";[rt]=\d+", "", answer.headers.get("RateLimit", ""))
    body = re.sub(rb"(in )\d+( s)|(retry_after_s\":)\d+", rb"\1\2\3", answer.content)
    return answer.status_code, body, sorted(headers.items()), shape


def both(client: httpx.Client, method: str, path: str, **more) -> httpx.Response:
    """Send a request both ways and compare; the answer of the wire."""
    headers = more.pop("headers", {})
    by_wire = client.request(method, path, headers=headers, **more)
    by_django = client.request(method, path, headers=headers | BY_DJANGO, **more)
    assert described(by_wire) == described(by_django)
    return by_wire


@pytest.mark.parametrize(
    "query",
    some_of(
        3,
        [
            *("?limit=2&exercise=1", "?parties_after=0", "?history="),
            *("", "?after=0", "?after=1&limit=1", "?exercise=true&after=2"),
            *("?parties_after=3&exercise=false", "?after=007"),
        ],
    ),
)
@pytest.mark.parametrize(
    "party", some_of(2, ["big-video", "small-forum", "rights-watch", "be-crisis-centre"])
)
def test_a_page_of_the_feed_is_answered_from_memory_as_by_django(hub, party, query):
    with hub.client(party) as client:
        client.get(FEED)  # the first request of all starts the memory
        before = answers_from_memory(hub, "api/v1/feed")
        answer = both(client, "GET", FEED + query)

    assert answer.status_code == 200
    assert answers_from_memory(hub, "api/v1/feed") == before + 1


@pytest.mark.parametrize("host", ["hub.example.eu", "evil.example"])
def test_a_page_that_is_asked_for_through_a_proxy_is_answered_from_memory(hub, host):
    added = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https", "Via": "1.1 Caddy"}
    with hub.client("big-video") as client:
        client.get(FEED)
        before = answers_from_memory(hub, "api/v1/feed")
        answer = both(client, "GET", FEED, headers=added | {"X-Forwarded-Host": host})

    assert answer.status_code == 200
    assert answers_from_memory(hub, "api/v1/feed") == before + 1


@pytest.mark.parametrize(
    ("method", "path", "headers", "expected"),
    some_of(
        8,
        [
            ("GET", FEED, {"Authorization": ""}, 401),
            ("GET", FEED, {"Authorization": "Bearer st_x_y"}, 401),
            ("GET", FEED, {"Authorization": "Basic eHh4"}, 401),
            ("GET", FEED, {"Host": "evil.example"}, 400),
            ("GET", f"{FEED}?after=-1", {}, 422),
            ("GET", f"{FEED}?after=99999999999999999999", {}, 422),
            ("GET", f"{FEED}?limit=0", {}, 422),
            ("GET", f"{FEED}?limit=10001", {}, 422),
            ("GET", f"{FEED}?history=x", {}, 422),
            ("GET", f"{FEED}?exercise=perhaps", {}, 422),
            ("GET", f"{FEED}?after=999999", {}, 409),
            ("GET", f"{FEED}?after=1&history=0000000000000001", {}, 409),
            ("GET", f"{FEED}?after=1&after=2", {}, 200),
            ("GET", f"{FEED}?unknown=1", {}, 200),
            ("GET", f"{FEED}/", {}, 404),
            ("HEAD", FEED, {}, 405),
            ("POST", FEED, {}, 405),
            ("GET", AGENT, {}, 405),
            ("DELETE", AGENT, {}, 405),
        ],
    ),
)
def test_what_the_wire_does_not_answer_is_answered_by_django(hub, method, path, headers, expected):
    with hub.client("big-video") as client:
        client.get(FEED)
        answer = both(client, method, path, headers=headers)

    assert answer.status_code == expected


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    some_of(
        5,
        [
            (json.dumps(status()), {}, 200),
            (json.dumps(status(position=2.0)), {}, 200),
            (json.dumps(status(troubles=["disk"])), {}, 200),
            (json.dumps(status(position="2")), {}, 422),
            (json.dumps(status(unknown=1)), {}, 422),
            (json.dumps(status(version="\0")), {}, 400),
            ("{", {}, 400),
            ("", {}, 422),
            (json.dumps(status()), {"Content-Type": "text/plain"}, 415),
            (json.dumps(status()) + " " * 5000, {}, 200),
            (json.dumps(status()), {"Authorization": "Bearer st_x_y"}, 401),
        ],
    ),
)
def test_a_status_is_taken_or_refused_as_by_django(hub, body, headers, expected):
    headers = {"Content-Type": "application/json"} | headers
    with hub.client("big-video") as client:
        client.put(AGENT, json=status())
        answer = both(client, "PUT", AGENT, content=body, headers=headers)

    assert answer.status_code == expected


def test_further_reports_of_an_agent_are_taken_into_memory_and_reach_the_metrics(hub):
    path = "/api/v1/agents/moving"
    with hub.client("big-video") as client:
        client.get(FEED)
        client.put(path, json=status(position=1))
        before = answers_from_memory(hub, "api/v1/agents/<name>")
        client.put(path, json=status(position=1, troubles=["disk"]))
        assert answers_from_memory(hub, "api/v1/agents/<name>") == before + 1
        line = 'stemtide_agent_trouble{agent="moving",party="big-video",reason="disk"} 1.0'
        wait_until(lambda: line in client.get("/metrics").text)


def test_a_new_version_of_an_agent_is_recorded_at_once(hub):
    path = "/api/v1/agents/updated"
    with hub.client("be-crisis-centre") as client:
        client.put(path, json=status())
        before = client.get("/health").json()["entries"]
        client.put(path, json=status())
        assert client.get("/health").json()["entries"] == before
        client.put(path, json=status(version="2"))
        assert client.get("/health").json()["entries"] == before + 1


def test_a_share_is_in_the_next_page_that_its_sender_reads(hub):
    with hub.client() as client:
        for number in rounds(range(100, 105), nightly=range(100, 130)):
            after = client.get(FEED).json()["head"]
            shared = client.post("/api/v1/signals", json=signal(hex_value(number))).json()
            page = client.get(f"{FEED}?after={after}").json()
            assert shared["position"] in [entry["position"] for entry in page["entries"]]


def test_a_revoked_key_reads_nothing_more(hub):
    key = hub.another_key("big-video")
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=hub.address, headers=headers, trust_env=False) as client:
        wait_until(lambda: client.get(FEED).status_code == 200)
        hub.order(f"revoke {key.split('_')[1]}")
        wait_until(lambda: client.get(FEED).status_code == 401)
        assert client.put(AGENT, json=status()).status_code == 401


@pytest.mark.parametrize("scope", some_of(1, ["feed:read", "feedback:write"]))
def test_a_key_does_only_what_its_scopes_allow(hub, scope):
    headers = {"Authorization": f"Bearer {hub.another_key('big-video', scope)}"}
    with httpx.Client(base_url=hub.address, headers=headers, trust_env=False) as client:
        wait_until(lambda: client.get(FEED).status_code in {200, 403})
        feed, report = both(client, "GET", FEED), both(client, "PUT", AGENT, json=status())

    assert (feed.status_code, report.status_code) == {
        "feed:read": (200, 403),
        "feedback:write": (403, 200),
    }[scope]


def test_a_suspended_party_reads_and_reports_nothing(hub):
    with hub.client("tech-forum") as client:
        assert client.get(FEED).status_code == client.put(AGENT, json=status()).status_code == 200
        hub.order("suspend tech-forum")
        wait_until(lambda: client.get(FEED).status_code == 403)
        both(client, "GET", FEED)
        assert both(client, "PUT", AGENT, json=status()).status_code == 403


@pytest.mark.nightly
def test_both_ways_count_for_the_same_limit():
    with (
        serving(STEMTIDE_RATES="reading=6 writing=6") as small,
        small.client("big-video") as client,
    ):
        headers = [{}, BY_DJANGO]
        answers = [client.get(FEED, headers=headers[turn % 2]) for turn in range(8)]
        reports = [client.put(AGENT, json=status(), headers=headers[t % 2]) for t in range(8)]

    for replies in (answers, reports):
        assert [reply.status_code for reply in replies] == [200] * 6 + [429] * 2
        left = [re.search(r";r=(\d+)", reply.headers["RateLimit"])[1] for reply in replies]
        assert left == ["5", "4", "3", "2", "1", "0", "0", "0"]


def stored_together(hub) -> float:
    """How many single shares the hub has stored in transactions of groups."""
    begin = "stemtide_shares_in_a_commit_sum "
    with hub.client() as client:
        lines = client.get("/metrics").text.splitlines()
    return next(float(line.removeprefix(begin)) for line in lines if line.startswith(begin))


def test_a_share_is_stored_and_answered_as_by_django(hub):
    before = stored_together(hub)
    with hub.client("big-video") as client:
        by_wire = client.post(SIGNALS, json=signal(hex_value(111)))
        by_django = client.post(SIGNALS, json=signal(hex_value(112)), headers=BY_DJANGO)
        again = both(client, "POST", SIGNALS, json=signal(hex_value(111)))

    assert by_wire.status_code == by_django.status_code == 201
    assert described(by_wire)[2:] == described(by_django)[2:]
    assert by_wire.json() == {**by_django.json(), **again.json(), "created": True}
    assert again.status_code == 200
    assert stored_together(hub) == before + 2


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    some_of(
        5,
        [
            (json.dumps(signal(hex_value(101), severity="low")), {}, 409),
            (json.dumps(signal(hex_value(103), audience=["nobody"])), {}, 422),
            (json.dumps(signal(hex_value(103), quality="90")), {}, 422),
            (json.dumps(signal("00" * 32)), {}, 422),
            (json.dumps(signal(hex_value(101), quality=90.0)), {}, 200),
            (json.dumps(signal(hex_value(101))) + " " * 20_000, {}, 200),
            (json.dumps(signal(hex_value(103), labels=["\0"])), {}, 400),
            ("{", {}, 400),
            ("", {}, 422),
            (json.dumps(signal(hex_value(103))), {"Content-Type": "text/plain"}, 415),
            (json.dumps(signal(hex_value(103))), {"Authorization": "Bearer st_x_y"}, 401),
        ],
    ),
)
def test_a_share_is_refused_as_by_django(hub, body, headers, expected):
    headers = {"Content-Type": "application/json"} | headers
    with hub.client("big-video") as client:
        client.post(SIGNALS, json=signal(hex_value(101)))
        answer = both(client, "POST", SIGNALS, content=body, headers=headers)

    assert answer.status_code == expected


def test_a_refused_share_counts_once_against_the_rate_limit(hub):
    body = signal(hex_value(103), audience=["nobody"])
    with hub.client("small-forum") as client:
        left = [
            int(re.search(r";r=(\d+)", client.post(SIGNALS, json=body).headers["RateLimit"])[1])
            for _ in range(3)
        ]

    assert [left[0] - more for more in left] == [0, 1, 2]


def test_a_key_without_the_scope_and_a_revoked_one_share_nothing(hub):
    with hub.client("big-video") as client:
        for scopes, expected in ((["feed:read"], 403), (["signals:write"], 201)):
            key = hub.another_key("big-video", *scopes)
            headers = {"Authorization": f"Bearer {key}"}
            client.get(FEED)
            answer = client.post(SIGNALS, json=signal(hex_value(104)), headers=headers)
            assert answer.status_code == expected
