# SPDX-License-Identifier: Apache-2.0
"""Scans whose matches the agent decides about and acts on, as on uploads."""

import pytest

from tests.agent.test_journal import actions_on, wait_acted
from tests.agent.world import until
from tests.catalogue.conftest import CAT, ROCKET, events, summary
from tests.rounds import rounds


@pytest.fixture
def act(scan, agent):
    """Run the command with the agent's address."""
    return lambda *words: scan(*words, "--agent", str(agent.http.base_url))


def cat_of(stored):
    return str(stored / "2025" / "cat.png")


def test_the_agent_acts_on_what_matches_counts_it_and_releases_it(act, hub, share, stored, config):
    signal = share(CAT)
    said = act(stored)
    (match,) = events(said, "match")
    assert match["decision"]["action"] == "block"
    assert (summary(said)["matched"], summary(said)["acted"]) == (1, 1)
    event = wait_acted(config, cat_of(stored), "content.block")
    assert (event["data"]["catalogue"], event["data"]["signal"]) == ("main", str(signal.id))
    until(lambda: hub.outcomes, what="a report to the hub")
    hub.withdraw(signal)
    wait_acted(config, cat_of(stored), "content.release")


@pytest.mark.nightly
def test_what_was_only_reported_is_acted_on_once_an_agent_is_named(
    act, scan, share, stored, config
):
    share(CAT)
    scan(stored)
    assert actions_on(config, cat_of(stored)) == []
    said = act(stored)
    assert (summary(said)["looked"], summary(said)["acted"]) == (0, 1)
    wait_acted(config, cat_of(stored), "content.block")
    assert events(act(stored), "match") == []


@pytest.mark.nightly
def test_a_new_signal_finds_what_is_stored_in_the_next_run(act, share, stored, config):
    act(stored)
    share(ROCKET)
    (match,) = events(act(stored), "match")
    assert (match["ref"], match["decision"]["action"]) == (str(stored / "rocket.jpg"), "block")
    wait_acted(config, match["ref"], "content.block")


@pytest.mark.nightly
def test_without_its_agent_a_scan_stops_and_later_acts(scan, act, share, stored):
    share(CAT)
    said = scan(stored, "--agent", "http://127.0.0.1:9")
    assert said.code == 1
    assert "the agent at http://127.0.0.1:9 cannot be reached" in said.err
    assert summary(act(stored))["acted"] == 1


def sent(uid, *, matches, lookups):
    rate = {"signal": str(uid), "matches": matches, "lookups": lookups}
    return {"rates": [rate]}


def test_a_signal_that_matches_most_of_a_catalogue_is_lowered_before_it_acts(agent, share, sandbox):
    signal = share(CAT)
    value = next(p.hex for p in sandbox.fingerprint(CAT).each if p.kind == "pdq")
    items = [{"ref": "post-1", "pdq": value}]
    answer = agent.http.post(
        "/catalogues/main/matches",
        json={"items": items, **sent(signal.id, matches=900, lookups=1000)},
    )
    (decision,) = answer.json()["items"]
    assert (decision["ref"], decision["action"]) == ("post-1", "hold")
    (runaway,) = agent.http.get("/runaways").json()["runaways"]
    assert (runaway["signal"], runaway["state"]) == (str(signal.id), "lowered")
    assert "900 of the 1000 pieces of stored content would have matched it" in runaway["why"]


def test_a_plausible_share_lowers_nothing(agent, share, sandbox):
    signal = share(CAT)
    value = next(p.hex for p in sandbox.fingerprint(CAT).each if p.kind == "pdq")
    body = {"items": [{"ref": "post-1", "pdq": value}]}
    body |= sent(signal.id, matches=10, lookups=1_000_000)
    answer = agent.http.post("/catalogues/main/matches", json=body)
    assert answer.json()["items"][0]["action"] == "block"
    assert agent.http.get("/runaways").json()["runaways"] == []


WRONG = [
    ("Main", {"items": [{"ref": "1", "md5": "0" * 32}]}),
    ("main", {"items": [{"ref": "1"}]}),
    ("main", {"items": []}),
    ("main", {"items": [{"ref": "1", "md5": "0" * 32}], "rates": [{"signal": "x"}]}),
]


@pytest.mark.parametrize(("name", "body"), rounds(WRONG[:1], nightly=WRONG))
def test_a_request_that_is_wrong_is_refused(agent, name, body):
    answer = agent.http.post(f"/catalogues/{name}/matches", json=body)
    assert answer.status_code == 422, answer.text
