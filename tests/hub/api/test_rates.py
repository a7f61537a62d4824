# SPDX-License-Identifier: Apache-2.0
"""Limits at every door for machines: a real hub with small ones, in each protocol's own shape."""

import base64
import re
import threading
import time

import httpx
import pytest

from stemtide.hub.api import rate_limits as rates
from stemtide.hub.platform.rate_windows import LimitState, RatePolicy
from tests.hub.api.conftest import serving, signal, wait_until
from tests.rounds import at_night

RATES = "reading=8 writing=6 bulk=2 heavy=2 stranger=20"
READING = '"reading";q=8;w=60, "reading-party";q=32;w=60'
TAXII = "application/taxii+json;version=2.1"


@pytest.fixture(scope="module")
def small():
    """A hub that allows little; every test uses up something of its own."""
    with serving(STEMTIDE_RATES=RATES) as running:
        yield running


def spend(ask, *, times=40):
    """Ask until it is refused; the answers."""
    found = []
    for _ in range(times):
        found.append(ask())
        if found[-1].status_code == 429:
            return found
    pytest.fail("it was never refused")


def left(answer):
    return int(re.match(r'"[a-z-]+";r=(\d+);t=\d+', answer.headers["RateLimit"])[1])


def checked_wait(answer):
    """The wait that an answer 429 names, everywhere where it does."""
    wait = int(answer.headers["Retry-After"])
    assert 1 <= wait <= 60
    assert re.match(rf'"[a-z-]+";r=0;t={wait}(,|$)', answer.headers["RateLimit"])
    return wait


def test_headers_count_down_and_then_the_answer_is_429_in_our_shape(small):
    with small.client("fr-referral-unit") as client:
        *taken, refused = spend(lambda: client.get("/api/v1/whoami"))
    assert [left(one) for one in taken] == [7, 6, 5, 4, 3, 2, 1, 0]
    assert taken[0].headers["RateLimit-Policy"] == READING
    said = refused.json()
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert (said["type"], said["status"]) == ("/problems/too-many", 429)
    assert said["retry_after_s"] == checked_wait(refused)


def test_searches_by_similarity_are_refused_as_heavy_while_other_reading_goes_on(small):
    headers = {"Authorization": f"Bearer {small.another_key('fr-referral-unit')}"}
    with httpx.Client(base_url=small.address, headers=headers, trust_env=False) as client:
        *taken, refused = spend(lambda: client.get("/api/v1/search", params={"q": "0a" * 32}))
        assert [one.status_code for one in taken] == [200, 200]
        assert "heavy" in refused.json()["detail"]
        assert checked_wait(refused)
        assert client.get("/api/v1/search", params={"q": "attack"}).status_code == 200


def test_taxii_says_it_in_its_own_shape(small):
    key = base64.b64encode(f"big-video:{small.keys['big-video']}".encode()).decode()
    headers = {"Authorization": f"Basic {key}", "Accept": TAXII}
    with httpx.Client(
        base_url=small.address, headers=headers, trust_env=False, timeout=60
    ) as client:
        *taken, refused = spend(lambda: client.get("/taxii2/hub/collections/"))
    assert ({one.status_code for one in taken}, len(taken)) == ({200}, 8)
    assert refused.headers["Content-Type"] == TAXII
    assert refused.json()["http_status"] == "429"
    assert refused.json()["error_code"] == "too-many"
    assert checked_wait(refused)


@at_night
def test_stopncii_clients_are_told_what_they_wait_for(small):
    key = small.keys["small-forum"]
    headers = {"x-functions-key": key, "Ocp-Apim-Subscription-Key": key}
    with httpx.Client(
        base_url=small.address, headers=headers, trust_env=False, timeout=60
    ) as client:
        *taken, refused = spend(lambda: client.get("/stopncii/v1/FetchHashes"))
    assert ({one.status_code for one in taken}, len(taken)) == ({200}, 8)
    assert refused.json()["status"] == 429
    assert checked_wait(refused)


def test_misp_says_it_in_its_own_shape(small):
    headers = {"Authorization": small.keys["tech-forum"]}
    with httpx.Client(
        base_url=small.address, headers=headers, trust_env=False, timeout=60
    ) as client:
        *taken, refused = spend(lambda: client.get("/misp/servers/getVersion"))
    assert ({one.status_code for one in taken}, len(taken)) == ({200}, 8)
    assert refused.json()["name"] == "Too much of this at once"
    assert "reading" in refused.json()["message"]
    assert checked_wait(refused)


@at_night
def test_opening_streams_counts_as_reading_and_says_what_is_left(small):
    def opened(client):
        with client.stream("GET", "/api/v1/events/stream") as answer:
            if answer.status_code != 200:
                answer.read()
            return answer

    with small.client("rights-watch") as client:
        *taken, refused = spend(lambda: opened(client))
    assert [left(one) for one in taken] == [7, 6, 5, 4, 3, 2, 1, 0]
    assert refused.json()["type"] == "/problems/too-many"
    assert checked_wait(refused)


def test_who_read_too_much_may_still_write_and_report(small):
    with small.client("eu-referral-unit") as client:
        spend(lambda: client.get("/api/v1/feed"))
        shared = client.post("/api/v1/signals", json=signal("5" * 64))
    assert shared.status_code == 201, shared.text
    assert '"writing";q=6;w=60' in shared.headers["RateLimit-Policy"]


def test_a_large_body_counts_as_a_bulk_whatever_address_it_goes_to(small):
    body = b'{"signals": []}' + b" " * 300_000
    headers = {"Content-Type": "application/json"}
    with small.client() as client:
        *taken, refused = spend(
            lambda: client.post("/api/v1/signals/bulk", content=body, headers=headers)
        )
    assert ([one.status_code for one in taken], refused.status_code) == ([422, 422], 429)
    assert '"bulk";q=2' in taken[0].headers["RateLimit-Policy"]


@at_night
def test_looking_at_documents_has_a_small_limit_of_its_own(small):
    headers = {"Content-Type": "application/pdf"}
    with small.client() as client:
        *taken, refused = spend(
            lambda: client.post("/api/v1/documents/verify", content=b"%PDF-", headers=headers)
        )
    assert ([one.status_code for one in taken], refused.status_code) == ([200, 200], 429)


def test_keys_of_a_party_share_what_their_party_may_send(small):
    party = "be-crisis-centre"
    sent = []
    for _ in range(5):
        headers = {"Authorization": f"Bearer {small.another_key(party)}"}
        with httpx.Client(
            base_url=small.address, headers=headers, trust_env=False, timeout=60
        ) as client:
            sent.extend(client.get("/api/v1/whoami") for _ in range(8))
    assert [one.status_code for one in sent].count(200) == 32
    assert sent[-1].headers["RateLimit"].startswith('"reading-party";r=0;')
    assert "reading-party" in sent[-1].json()["detail"]
    assert checked_wait(sent[-1])


def test_strangers_are_bounded_by_address_and_known_keys_there_are_not(small):
    with httpx.Client(base_url=small.address, trust_env=False, timeout=60) as client:
        *refused, bounded = spend(lambda: client.get("/api/v1/whoami"))
    assert {one.status_code for one in refused} == {401}
    assert refused[0].headers["WWW-Authenticate"] == "Bearer"
    assert '"stranger";q=20;w=60' in bounded.headers["RateLimit-Policy"]
    assert checked_wait(bounded)
    with httpx.Client(base_url=small.address, trust_env=False, timeout=60) as client:
        key = small.another_key("fr-referral-unit")
        known = client.get("/api/v1/whoami", headers={"Authorization": f"Bearer {key}"})
        assert known.status_code == 200
        assert client.get("/health").status_code == 200
        assert client.get("/taxii2/").status_code == 429


@at_night
def test_a_flood_with_one_key_is_refused_while_every_request_of_another_is_answered():
    with (
        serving(STEMTIDE_RATES="reading=200 writing=200") as hub,
        hub.client("small-forum") as calm,
    ):
        done, floods, began = threading.Event(), [], time.monotonic()

        def flood():
            with hub.client("big-video") as client:
                while not done.is_set():
                    floods.append(client.get("/api/v1/feed").status_code)

        threads = [threading.Thread(target=flood) for _ in range(4)]
        for one in threads:
            one.start()
        try:
            answers = [calm.get("/api/v1/feed").status_code for _ in range(150)]
            # Each of the four may have been refused where requests are counted, and then below it.
            wait_until(lambda: floods.count(429) > 4)
            told = calm.get("/metrics").text
        finally:
            done.set()
            for one in threads:
                one.join()
    assert answers == [200] * 150
    windows = 1 + int((time.monotonic() - began) // 60)  # one, unless the machine is very busy
    assert 200 <= floods.count(200) <= 200 * windows
    assert set(floods) == {200, 429}
    assert 'route="too-many",status="429"' in told


@at_night
def test_a_hub_that_sets_no_limits_says_nothing_of_any():
    with serving(STEMTIDE_RATES="off") as hub, hub.client() as client:
        answers = [client.get("/api/v1/whoami") for _ in range(30)]
    assert {one.status_code for one in answers} == {200}
    assert not any("RateLimit" in one.headers for one in answers)


def test_whoever_uses_something_up_is_kept_while_others_come_and_go(monkeypatch):
    class Coming(LimitState):
        """A standing that others join whenever somebody looks when it ends."""

        @property
        def ends_at(self):
            boxed[str(len(boxed)), "", ""] = (self,)
            return 0.0

    policy = RatePolicy("writing", 1)
    boxed = {("a", "", ""): (Coming.__new__(Coming),)}
    monkeypatch.setattr(rates, "_blocked", boxed)
    monkeypatch.setattr(rates, "_MAX_BLOCKED", 1)
    rates._block(("b", "", ""), (LimitState(policy, 0, 9.0),), now=1.0)
    assert ("a", "", "") not in boxed
