# SPDX-License-Identifier: Apache-2.0
"""Addresses that are covered by a folder or a host, and looked up without being told."""

import sqlite3

import pytest

from stemtide.agent.store import schema
from stemtide.fingerprints.url.canonical import digest
from stemtide.fingerprints.url.reach import UrlScope, print_of_url
from tests.agent.world import agent_of
from tests.rounds import rounds

PAGE = "https://m.bad.example/video/12?utm_source=x"
FOLDER, HOST = "m.bad.example/video/", "bad.example/"


def share(hub, covered, **facts):
    return hub.share(digest(covered).hex(), kind="url", **facts)


CASES = [  # what is covered, the reach that is said, how it is met, what is done
    ("m.bad.example/video/12", None, "", "block"),
    (FOLDER, "folder", "folder", "hold"),  # one authority alone never blocks a folder
    (HOST, "host", "host", "hold"),
    (HOST, None, "host", "hold"),  # whoever says less than what it covers gains nothing
]


@pytest.mark.parametrize(
    "case",
    rounds(CASES[:2], nightly=CASES),
)
def test_an_address_is_met_by_what_covers_it_and_how_is_said(hub, agent, case):
    covered, reach, transform, action = case
    signal = share(hub, covered, reach=reach)
    agent.wait(position=1)
    met, other = agent.ask({"url": PAGE}, {"url": "https://good.example/video/12"})
    (match,) = met["matches"]
    assert (match["signal"], match["kind"], match["transform"]) == (
        str(signal.id),
        "url",
        transform,
    )
    assert met["decision"]["action"] == action
    assert other["matches"] == []


def test_a_whole_shared_host_meets_nothing_whoever_says_so(hub, agent):
    share(hub, "youtube.com/", reach="host")
    share(hub, "co.uk/", reach="host")
    agent.wait(position=2)
    answers = agent.ask({"url": "https://youtube.com/watch?v=a"}, {"url": "https://bbc.co.uk/news"})
    assert [one["matches"] for one in answers] == [[], []]


def test_a_host_that_is_withdrawn_covers_nothing_any_more(hub, agent):
    signal = share(hub, HOST, reach="host")
    agent.wait(position=1)
    hub.withdraw(signal)
    agent.wait(position=2)
    (answer,) = agent.ask({"url": PAGE})
    assert answer["matches"] == []


def test_an_address_is_looked_up_without_being_told(hub, agent):
    share(hub, FOLDER, reach="folder")
    share(hub, "other.example/")
    agent.wait(position=2)
    asked = print_of_url(PAGE)
    given = [("prefix", one.hex()) for one in asked.prefixes]
    answer = agent.http.get("/match/urls", params=given).json()
    assert answer["digests"] == [digest(FOLDER).hex()]
    assert asked.check(map(bytes.fromhex, answer["digests"])) is UrlScope.FOLDER
    assert (answer["position"], answer["ready"]) == (2, True)
    good = [("prefix", one.hex()) for one in print_of_url("https://good.example/").prefixes]
    assert agent.http.get("/match/urls", params=good).json()["digests"] == []


def test_a_bucket_holds_only_addresses_that_match_now(hub, agent):
    share(hub, HOST, expires_at="2020-01-01T00:00:00Z")
    share(hub, FOLDER, exercise=True)
    hub.share(digest("m.bad.example/").hex(), kind="sha256")
    agent.wait(position=3)
    given = [("prefix", one.hex()) for one in print_of_url(PAGE).prefixes]
    assert agent.http.get("/match/urls", params=given).json()["digests"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "prefix"),
        ("prefix=abc", "prefix"),
        ("prefix=abcdefgh", "prefix"),
        ("prefix=abcdef0011", "prefix"),
        ("prefix=ab%20cd%2000", "prefix"),
        ("prefixes=abcdef00", "prefixes"),
        ("&".join(["prefix=abcdef00"] * 27), "prefix"),
    ],
)
def test_what_is_no_prefix_is_refused_by_name(unchanged, query, field):
    answer = unchanged.agent.http.get(f"/match/urls?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


def test_a_file_of_before_gets_its_index_of_addresses(config, sandbox, hub):
    with agent_of(config, sandbox) as agent:
        share(hub, FOLDER, reach="folder")
        agent.wait(position=1)
    path = config.data_dir / "agent.db"
    with sqlite3.connect(path) as file:
        found = file.execute(schema._HAS_URLS.replace("SELECT 1", "SELECT name")).fetchall()
        for (name,) in found:
            file.execute(f"DROP INDEX {name}")
    schema.connect(path).close()
    with sqlite3.connect(path) as file:
        assert file.execute(schema._HAS_URLS).fetchone()
