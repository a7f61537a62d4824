# SPDX-License-Identifier: Apache-2.0
"""/health says that an agent is not up to date, and why, while it goes on answering."""

import json
import resource
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta

import pytest

from tests.agent.fake_hub import KEY
from tests.agent.world import AgentInProcess, agent_of, sha256, until

KNOWN = b"content that the authority shares"


def reasons(agent):
    """The status of /health, and what it says is wrong."""
    answer = agent.http.get("/health")
    return answer.status_code, set(answer.json()["troubles"])


def blocks(agent):
    return agent.ask({"sha256": sha256(KNOWN)})[0]["decision"]["action"] == "block"


@pytest.fixture
def quick(monkeypatch):
    """Shorter waits than an operator has."""
    monkeypatch.setattr("stemtide.agent.sync.feed.SILENT_S", 0.6)
    monkeypatch.setattr("stemtide.agent.hub.connection.STALLED_S", 0.3)


@pytest.mark.usefixtures("quick")
def test_a_frozen_hub_makes_the_agent_unhealthy_while_it_answers(hub, config, sandbox):
    hub.share(sha256(KNOWN))
    with agent_of(config, sandbox) as agent:
        agent.wait(position=1, healthy=True, streaming=True)
        hub.is_frozen = True
        agent.wait(healthy=False, hub_reachable=False)

        until(lambda: reasons(agent) == (503, {"hub"}))
        assert "has said nothing for" in agent.health()["troubles"]["hub"]
        assert blocks(agent)
        asked = [agent.http.get("/health", params={name: ""}) for name in ("live", "ready")]
        assert [answer.status_code for answer in asked] == [200, 200]
        metrics = agent.http.get("/metrics").text
        assert 'stemtide_agent_trouble{part="hub"} 1.0' in metrics
        assert "stemtide_agent_healthy 0.0" in metrics
        hub.is_frozen = False
        agent.wait(healthy=True)


@pytest.mark.usefixtures("quick")
def test_an_agent_that_takes_nothing_in_says_so_to_its_operator_and_to_the_hub(
    hub, config, sandbox, monkeypatch
):
    # Old records are due for deletion all the time: that wait must not silence the agent.
    monkeypatch.setattr("stemtide.agent.sync.feed._PRUNE_EVERY", timedelta(seconds=0.05))
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, healthy=True, streaming=True)
        with closing(sqlite3.connect(config.data_dir / "agent.db")) as other:
            other.execute("BEGIN IMMEDIATE")  # nothing is written while this lasts
            hub.share(sha256(KNOWN))
            until(lambda: reasons(agent) == (503, {"stalled"}))
            until(lambda: "stalled" in hub.statuses[-1][1].troubles)
        agent.wait(healthy=True, position=1)
        assert blocks(agent)


def test_an_agent_answers_while_sixteen_callers_wait_for_its_file(hub, config, sandbox):
    hub.share(sha256(KNOWN))
    with agent_of(config, sandbox) as agent, ThreadPoolExecutor(16) as callers:
        agent.wait(position=1, healthy=True)
        with closing(sqlite3.connect(config.data_dir / "agent.db")) as other:
            other.execute("BEGIN IMMEDIATE")  # nothing is written while this lasts
            waiting = [callers.submit(agent.http.post, "/deliveries/retry") for _ in range(16)]
            for path in ("/health", "/metrics") * 10:
                assert agent.http.get(path).status_code == 200
            assert agent.ask({"sha256": sha256(b"other")})[0]["matches"] == []
            assert not any(call.done() for call in waiting)
        assert {call.result().status_code for call in waiting} == {200}


def test_an_agent_without_a_hub_is_not_healthy_and_answers(hub, config, sandbox):
    hub.share(sha256(KNOWN))
    with agent_of(config, sandbox) as agent:
        agent.wait(position=1, healthy=True)
        hub.stop()
        until(lambda: reasons(agent) == (503, {"hub"}))
        assert blocks(agent)


@pytest.mark.nightly
def test_an_agent_whose_disk_takes_nothing_says_so_and_recovers(hub, tmp_path):
    settings = {"name": "uploads", "hub_url": hub.url, "key": KEY, "port": 0, "http_workers": 1}
    settings |= {"data_dir": str(tmp_path / "agent"), "heartbeat_s": 0.2}
    toml = "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    agent = AgentInProcess(tmp_path, toml)
    try:
        agent.wait(ready=True, healthy=True)
        limits = resource.prlimit(agent.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, (1, limits[1]))
        hub.share(sha256(KNOWN))
        agent.wait(healthy=False)
        until(lambda: "disk" in reasons(agent)[1])
        until(lambda: agent.health()["hub_head"] == 1)
        assert agent.health()["position"] == 0
        for head in (2, 3):  # it cannot store that either, and hears and reports all the same
            hub.share(sha256(bytes(head)))
            until(lambda head=head: agent.health()["hub_head"] == head)
            reported = len(hub.statuses)
            until(lambda before=reported: len(hub.statuses) > before)
            time.sleep(2)  # longer than a part that failed waits before it starts again
        resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, limits)
        agent.wait(healthy=True, position=3)
        assert blocks(agent)
    finally:
        assert agent.stop() == 0
