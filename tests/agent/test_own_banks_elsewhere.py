# SPDX-License-Identifier: Apache-2.0
"""Own banks where no upload comes in: earlier uploads of the journal, and live streams."""

import pytest

from tests.agent.streams import KNOWN, chunks, shared_values
from tests.agent.test_journal import actions_on, wait_acted, wait_searched
from tests.agent.test_live import play
from tests.agent.test_own_banks import BANK, ONE, TWO, add, make

pytestmark = pytest.mark.usefixtures("searched_often")


@pytest.fixture(scope="module")
def values(sandbox):
    return shared_values(sandbox)


def remove(agent, item, *, release):
    path = f"/banks/{BANK}/items/{item['id']}"
    assert agent.http.delete(path, params={"release": release}).is_success


def kinds_of(config, ref):
    return [event["type"] for event in actions_on(config, ref)]


def test_a_new_item_finds_an_earlier_upload_and_releases_it_when_told_so(hub, agent, config):
    agent.ask({"sha256": ONE, "ref": "early"}, {"sha256": TWO, "ref": "other"})
    make(agent, action="hold")
    item = add(agent, ONE, reason="what we removed before")
    event = wait_acted(config, "early", "content.hold")
    assert event["data"]["signal"] == item["id"]
    assert "uploaded_at" in event["data"]
    assert kinds_of(config, "other") == []
    assert hub.outcomes == {}
    remove(agent, item, release=1)
    wait_acted(config, "early", "content.release")


@pytest.mark.nightly
def test_a_bank_that_is_put_back_is_searched_for_again(agent, config):
    agent.ask({"sha256": TWO, "ref": "first"})
    make(agent)
    add(agent, ONE)
    wait_searched(agent, 1)
    agent.http.delete(f"/banks/{BANK}").raise_for_status()
    agent.ask({"sha256": ONE, "ref": "meanwhile"})
    agent.http.post(f"/banks/{BANK}/restore").raise_for_status()
    assert "uploaded_at" in wait_acted(config, "meanwhile", "content.block")["data"]


@pytest.mark.nightly
def test_a_bank_that_is_switched_off_finds_nothing_earlier(agent, config):
    agent.ask({"sha256": ONE, "ref": "early"})
    make(agent, enabled_ratio=0)
    add(agent, ONE)
    wait_searched(agent, 1)
    assert kinds_of(config, "early") == []


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["video", "audio"])
def test_a_live_stream_is_compared_with_own_banks(hub, agent, values, kind):
    make(agent, action="block")
    item = add(agent, values[kind], kind=kind)
    answers = play(agent, "tv", chunks(KNOWN))
    alarms = [alarm for answer in answers for alarm in answer["alarms"]]
    assert {alarm["signal"] for alarm in alarms} == {item["id"]}
    assert answers[-1]["decision"]["action"] == "block"
    assert answers[-1]["decision"]["rule"] == "own bank"
    assert hub.outcomes == {}
    remove(agent, item, release=0)
    assert agent.http.get("/live/tv").json()["matches"] == []
    agent.http.patch(f"/banks/{BANK}", json={"enabled_ratio": 0}).raise_for_status()
    add(agent, values[kind], kind=kind)
    assert not any(answer["alarms"] for answer in play(agent, "later", chunks(KNOWN)))
