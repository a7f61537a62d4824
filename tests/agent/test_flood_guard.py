# SPDX-License-Identifier: Apache-2.0
"""A signal that matches far more than is plausible leads to hold, unless two parties confirm it."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from stemtide.agent.config.settings import DEFAULT_RULES, Rule
from stemtide.agent.store import match_rates
from stemtide.agent.store.match_rates import TABLES
from stemtide.agent.sync import flood_guard
from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.enums import Action
from tests.agent.test_actions import lines
from tests.agent.world import agent_of, config_of, sha256, until

GOOGLE = sha256(b"a logo")


@pytest.fixture
def config(hub, tmp_path):
    """The provider names a partner, whose word alone is enough."""
    rule = Rule(name="partner", action=Action.BLOCK, sharers=frozenset({"paste-corner"}))
    rules = (rule, *DEFAULT_RULES)
    return config_of(hub, tmp_path, rules=rules)


def flood(agent, value, number, *, first=0, others=0):
    """Upload content so many times, beside other content; return the actions."""
    lawful = [{"sha256": sha256(f"other {first + n}".encode())} for n in range(others)]
    for start in range(0, others, 500):
        agent.ask(*lawful[start : start + 500])
    items = [{"ref": f"upload-{first + n}", "sha256": value} for n in range(number)]
    return [answer["decision"]["action"] for answer in agent.ask(*items)]


def marks(agent):
    rows = agent.http.get("/runaways").json()["runaways"]
    return {row["signal"]: row["state"] for row in rows}


def wait_mark(agent, signal, state):
    until(lambda: marks(agent).get(str(signal.id)) == state, what=f"{state} signal")


@pytest.fixture
def runaway(hub, agent, monkeypatch):
    """A partner's signal of a common file, lowered here; others are looked for often."""
    monkeypatch.setattr(flood_guard, "EVERY_S", 0.1)
    signal = hub.share(GOOGLE, shared_by="paste-corner")
    agent.wait(position=hub.head)
    assert set(flood(agent, GOOGLE, 40)) == {"block"}
    wait_mark(agent, signal, "lowered")
    return signal


@pytest.mark.usefixtures("runaway")
def test_a_runaway_holds_new_uploads_and_says_what_is_missing(agent):
    answer = agent.ask({"ref": "later", "sha256": GOOGLE})[0]
    assert answer["decision"]["action"] == "hold"
    assert "matches far more uploads than usual" in answer["decision"]["missing"]
    assert answer["matches"][0]["missing"] == answer["decision"]["missing"]
    looked = agent.http.get("/match/hash", params={"sha256": GOOGLE}).json()
    assert looked["matches"][0]["disputed"] is True
    assert "stemtide_agent_lowered 1.0" in agent.http.get("/metrics").text


@pytest.mark.usefixtures("runaway")
def test_what_it_blocked_since_becomes_a_hold_and_is_not_released(agent, config):
    def told():
        return [(event["type"], event["data"]["ref"]) for event in lines(config)]

    until(lambda: sum(kind == "content.hold" for kind, _ in told()) == 40)
    assert {kind for kind, _ in told()} == {"content.block", "content.hold"}
    assert agent.health()["lowered"] == 1


def test_a_few_matches_of_a_small_provider_lower_nothing(hub, agent):
    few = hub.share(sha256(b"few"), shared_by="paste-corner")
    many = hub.share(GOOGLE, shared_by="paste-corner")
    agent.wait(position=hub.head)
    flood(agent, sha256(b"few"), 29, first=100)
    flood(agent, GOOGLE, 30)
    wait_mark(agent, many, "lowered")
    assert str(few.id) not in marks(agent)


def test_the_same_upload_counts_once(hub, agent, config):
    hub.share(GOOGLE, shared_by="paste-corner")
    agent.wait(position=hub.head)
    for _ in range(4):
        flood(agent, GOOGLE, 10)
    with closing(sqlite3.connect(config.data_dir / "agent.db")) as connection:
        counted = connection.execute("SELECT sum(count) FROM signal_matches").fetchall()
    assert counted == [(10,)]


def test_a_confirmation_of_a_second_party_ends_it(hub, agent, runaway):
    hub.confirm(runaway, "another-provider")
    agent.wait(position=hub.head)
    until(lambda: not marks(agent))
    assert flood(agent, GOOGLE, 1, first=100) == ["block"]


@pytest.mark.nightly
def test_an_agency_that_clears_it_ends_it_for_good(hub, agent, runaway):
    hub.clear(runaway)
    agent.wait(position=hub.head)
    until(lambda: not marks(agent))
    assert set(flood(agent, GOOGLE, 40, first=100)) == {"block"}


def test_the_provider_lifts_it(agent, runaway):
    lifted = agent.http.post(f"/runaways/{runaway.id}/lift")
    assert lifted.json()["state"] == "lifted"
    assert set(flood(agent, GOOGLE, 40, first=100)) == {"block"}
    assert marks(agent) == {str(runaway.id): "lifted"}
    assert agent.http.post("/runaways/nothing/lift").status_code == 404


@pytest.mark.nightly
def test_what_the_provider_lifted_is_lowered_again_once_it_is_watched_again(agent, runaway):
    path = f"/runaways/{runaway.id}/lift"
    assert agent.http.delete(path).status_code == 404
    agent.http.post(path)
    assert agent.http.delete(path).status_code == 204
    wait_mark(agent, runaway, "lowered")
    assert flood(agent, GOOGLE, 1, first=100) == ["hold"]


def test_the_hub_is_told_with_the_curve_and_nothing_of_an_upload(hub, agent, runaway):
    until(lambda: str(runaway.id) in hub.runaways)
    report = hub.runaways[str(runaway.id)]
    assert (report.state, report.matches, report.lookups) == ("lowered", 40, 40)
    assert sum(bucket.matches for bucket in report.curve) == 40
    agent.http.post(f"/runaways/{runaway.id}/lift")
    until(lambda: hub.runaways[str(runaway.id)].state == "lifted")


def test_a_signal_that_the_hub_lowered_holds_and_never_releases(hub, agent, config):
    signal = hub.share(GOOGLE)
    agent.wait(position=hub.head)
    assert flood(agent, GOOGLE, 1) == ["block"]
    hub.lower(signal)
    agent.wait(position=hub.head)
    until(lambda: [event["type"] for event in lines(config)] == ["content.block", "content.hold"])
    answer = agent.ask({"ref": "later", "sha256": GOOGLE})[0]
    assert answer["decision"]["action"] == "hold"
    assert "an agency clears it" in answer["decision"]["missing"]


@pytest.mark.nightly
def test_a_mark_survives_a_restart_and_a_new_version_of_the_signal(
    hub, agent, runaway, config, sandbox
):
    agent.stop()
    hub.confirm(runaway)
    with agent_of(config, sandbox) as again:
        again.wait(position=hub.head)
        assert flood(again, GOOGLE, 1, first=100) == ["hold"]


@pytest.mark.nightly
def test_an_authoritys_outbreak_is_lowered_only_if_it_is_implausibly_much_of_all(hub, agent):
    """An outbreak of 4 % is plausible, a picture that every tenth upload has is not."""
    outbreak, common = sha256(b"attack"), GOOGLE
    confirmed = hub.share(sha256(b"both"), shared_by="be-crisis-centre")
    hub.confirm(confirmed, "another-provider")
    attack = hub.share(outbreak, shared_by="be-crisis-centre")
    picture = hub.share(common, shared_by="be-crisis-centre")
    agent.wait(position=hub.head)
    flood(agent, sha256(b"both"), 200, first=1000, others=700)
    flood(agent, outbreak, 40, first=2000)
    flood(agent, common, 120, first=3000)
    wait_mark(agent, picture, "lowered")
    wait_mark(agent, confirmed, "alarmed")
    assert marks(agent) == {str(picture.id): "lowered", str(confirmed.id): "alarmed"}
    assert flood(agent, outbreak, 1, first=4000) == ["block"]
    assert flood(agent, sha256(b"both"), 1, first=5000) == ["block"]
    assert str(attack.id) not in marks(agent)


@pytest.mark.nightly
def test_the_upload_that_is_one_too_many_lowers_it_without_waiting_for_the_next_round(
    hub, config, sandbox, monkeypatch
):
    monkeypatch.setattr(flood_guard, "EVERY_S", 3600.0)
    common, outbreak = hub.share(GOOGLE), hub.share(sha256(b"attack"))
    with agent_of(config, sandbox) as agent:
        agent.wait(position=hub.head)
        flood(agent, sha256(b"attack"), 50, others=1000)
        for first in range(0, 51, 17):
            flood(agent, GOOGLE, 17, first=first + 100)
        wait_mark(agent, common, "lowered")
        assert marks(agent) == {str(common.id): "lowered"}
        assert flood(agent, sha256(b"attack"), 1, first=1000) == ["block"]
        wait_mark(agent, outbreak, "lowered")


def test_a_new_signal_of_what_everybody_uploads_is_lowered_before_it_stops_any(hub, agent):
    attack = sha256(b"attack")
    agent.wait(position=hub.head)
    flood(agent, GOOGLE, 60, others=960)
    flood(agent, attack, 20, first=1000)
    common = hub.share(GOOGLE, shared_by="be-crisis-centre")
    hub.share(attack, shared_by="be-crisis-centre")
    agent.wait(position=hub.head)
    assert marks(agent) == {str(common.id): "lowered"}
    assert flood(agent, GOOGLE, 1, first=2000) == ["hold"]
    assert flood(agent, attack, 1, first=2100) == ["block"]
    until(lambda: str(common.id) in hub.runaways)
    assert hub.runaways[str(common.id)].matches == 60


@pytest.fixture
def counts():
    """The tables of counts, in memory."""
    connection = sqlite3.connect(":memory:")
    for table in TABLES.values():
        connection.execute(table)
    connection.execute("CREATE TABLE signals (id TEXT, kind TEXT)")
    return connection


def test_look_ups_before_the_first_match_do_not_dilute_its_share(counts):
    """A thousand in the same minute, of which none could have matched."""
    now = datetime(2026, 11, 28, 12, 30, 59, tzinfo=UTC)
    minute = match_rates.minute_of(now)
    counts.execute("INSERT INTO signals VALUES ('a', 'pdq')")
    for number in (1000, 20, 30):
        match_rates.add_lookups(counts, {(minute, Kind.PDQ): number, (minute, Kind.URL): 7})
        match_rates.count_matches(counts, ["a", "a"], now=now)

    def read(sql, values):
        return counts.execute(sql, values).fetchall()

    rate = match_rates.rate_since(read, "a", kind=Kind.PDQ, begins_at=minute)
    assert (rate.matches, rate.lookups) == (6, 50)
    earlier = match_rates.rate_since(read, "a", kind=Kind.PDQ, begins_at=minute - 60)
    assert (earlier.matches, earlier.lookups) == (6, 1050)


def test_minutes_become_hours_and_hours_end(counts):
    now = datetime(2026, 11, 28, 12, 30, tzinfo=UTC)
    for minutes in (1, 100, 200, 201, 3000):
        at = now - timedelta(minutes=minutes)
        match_rates.count_matches(counts, ["a"], now=at)
        match_rates.add_lookups(counts, {(match_rates.minute_of(at), Kind.PDQ): 5})
    for _ in range(2):
        match_rates.tidy(counts, now=now)
    rows = counts.execute(
        "SELECT (? - begins_at) / 60, count FROM signal_matches", (now.timestamp(),)
    )
    assert rows.fetchall() == [(210.0, 2), (100.0, 1), (1.0, 1)]
    counts = counts.execute("SELECT count FROM kind_lookups").fetchall()
    assert counts == [(10,), (5,), (5,)]


def test_too_many_rows_cost_the_signals_that_matched_least(counts):
    now = datetime(2026, 11, 28, 12, 30, tzinfo=UTC)
    match_rates.count_matches(
        counts, ["often", "often", "often", "once", "twice", "twice"], now=now
    )
    match_rates._evict(counts, most=1)
    rows = counts.execute("SELECT signal, count FROM signal_matches")
    assert rows.fetchall() == [("often", 3)]
