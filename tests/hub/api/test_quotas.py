# SPDX-License-Identifier: Apache-2.0
"""Windows of requests: what is left falls until the window ends, and then all of it is there."""

import random
import threading

import pytest

from stemtide.hub.api.rate_limits import policy_name
from stemtide.hub.platform import rate_windows as quotas
from stemtide.hub.platform.rate_windows import Limit, RatePolicy, Windows, headers

FIVE = RatePolicy("reading", 5)
TEN = RatePolicy("reading-party", 10)


def key(name):
    return Limit(FIVE, name), Limit(TEN, "party")


def lefts(standings):
    return {one.policy.name: one.left for one in standings}


def test_what_is_left_falls_by_one_a_request():
    windows = Windows()
    found = [windows.take([Limit(FIVE, "a")], now=float(at))[0].left for at in range(5)]
    assert found == [4, 3, 2, 1, 0]


def test_a_request_too_many_is_refused_until_the_window_ends_and_no_longer():
    windows = Windows()
    for _ in range(5):
        windows.take([Limit(FIVE, "a")], now=100.0)
    late, after = (windows.take([Limit(FIVE, "a")], now=at)[0] for at in (159.9, 160.0))
    assert (late.is_over, late.reset_s(159.9)) == (True, 1)
    assert (after.is_over, after.left, after.reset_s(160.0)) == (False, 4, 60)


def test_one_key_that_used_up_its_own_leaves_others_theirs():
    windows = Windows()
    for _ in range(9):
        windows.take([Limit(FIVE, "a")], now=0.0)
    assert windows.take([Limit(FIVE, "b")], now=0.0)[0].left == 4


def test_keys_of_a_party_share_what_the_party_may():
    windows = Windows()
    for _ in range(5):
        windows.take(key("a"), now=0.0)
        windows.take(key("b"), now=0.0)
    found = windows.take(key("c"), now=0.0)
    assert [(one.policy.name, one.is_over) for one in found] == [
        ("reading-party", True),
        ("reading", False),
    ]


def test_a_refused_request_is_counted_nowhere():
    windows = Windows()
    for _ in range(50):
        windows.take(key("a"), now=0.0)
    assert lefts(windows.take(key("b"), now=0.0)) == {"reading": 4, "reading-party": 4}


def test_the_count_is_that_of_a_slow_obvious_twin():
    chance = random.Random(66)  # noqa: S311  # the same in every run
    windows, ends, used, now = Windows(), {}, {}, 0.0
    for _ in range(3000):
        now += chance.choice([0.0, 0.5, 7.0, 61.0])
        who = chance.choice("abc")
        if ends.get(who, 0.0) <= now:
            ends[who], used[who] = now + 60, 0
        expected = used[who] >= 5
        used[who] += not expected
        assert windows.take([Limit(FIVE, who)], now=now)[0].is_over is expected


def test_threads_that_ask_at_once_get_no_more_than_there_is():
    windows, let_in = Windows(), []
    policy = RatePolicy("reading", 500)

    def ask():
        let_in.extend(
            not windows.take([Limit(policy, "a")], now=0.0)[0].is_over for _ in range(200)
        )

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert (len(let_in), sum(let_in)) == (1600, 500)


def test_strangers_without_number_take_no_memory_without_bound(monkeypatch):
    monkeypatch.setattr(quotas, "MAX_COUNTED", 100)
    windows = Windows()
    for address in range(10_000):
        windows.take([Limit(FIVE, address)], now=0.0)
    assert len(windows) <= 100


def test_headers_say_policies_and_what_is_left_the_tightest_first():
    windows = Windows()
    assert headers(windows.take(key("a"), now=0.0), now=0.5) == {
        "RateLimit-Policy": '"reading";q=5;w=60, "reading-party";q=10;w=60',
        "RateLimit": '"reading";r=4;t=60, "reading-party";r=9;t=60',
    }
    for _ in range(5):
        found = windows.take(key("a"), now=10.0)
    assert headers(found, now=10.0)["Retry-After"] == "50"


@pytest.mark.parametrize(
    ("method", "path", "sent", "policy"),
    [
        ("GET", "/api/v1/feed", {}, "reading"),
        ("HEAD", "/misp/feed/manifest.json", {}, "reading"),
        ("GET", "/api/v1/snapshot", {}, "bulk"),
        ("GET", "/misp/feed/hashes.csv", {}, "bulk"),
        ("POST", "/api/v1/signals", {"content-length": "300"}, "writing"),
        ("DELETE", "/api/v1/a-door-that-is-not-built", {}, "writing"),
        ("POST", "/api/v1/signals/bulk", {"content-length": "300000"}, "bulk"),
        ("POST", "/api/v1/signals", {"transfer-encoding": "chunked"}, "bulk"),
        ("POST", "/api/v1/signals", {"content-length": "-"}, "writing"),
        ("POST", "/api/v1/documents/verify", {"content-length": "300"}, "heavy"),
    ],
)
def test_the_policy_is_known_from_method_address_and_size(method, path, sent, policy):
    assert policy_name(method, path, header=sent.get) == policy


@pytest.mark.parametrize(
    ("query", "policy"),
    [
        ("q=" + "0a" * 32, "heavy"),
        ("page=2&q=%20" + "0A" * 32 + "+", "heavy"),
        ("q=" + "0a" * 16, "reading"),
        ("q=attack", "reading"),
        ("", "reading"),
        ("q=%FF%00", "reading"),
    ],
)
def test_a_search_by_similarity_is_heavy_and_other_searches_are_not(query, policy):
    assert policy_name("GET", "/api/v1/search", query, header={}.get) == policy
