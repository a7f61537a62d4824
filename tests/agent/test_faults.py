# SPDX-License-Identifier: Apache-2.0
import json
import random
import signal as signals
import socket
import threading

import pytest

from tests.agent.fake_hub import KEY
from tests.agent.world import SECRET, AgentInProcess, sha256, until
from tests.rounds import rounds

ONE = sha256(b"one")


@pytest.fixture
def toml(hub, provider, tmp_path):
    (tmp_path / "key").write_text(KEY)
    return f"""
name = "uploads"
hub_url = "{hub.url}"
key_file = "key"
data_dir = "data"
port = 0
[webhook]
url = "{provider.url}"
secret = "{SECRET}"
backoff_s = 0.05
"""


@pytest.fixture
def agent(toml, tmp_path):
    agent = AgentInProcess(tmp_path, toml)
    yield agent
    agent.kill()


@pytest.mark.nightly
def test_sigterm_stops_the_agent_cleanly(toml, tmp_path):
    agent = AgentInProcess(tmp_path, toml)
    agent.wait(ready=True)
    assert agent.stop() == 0
    assert "Traceback" not in (tmp_path / "agent.log").read_text()


@pytest.mark.nightly
def test_an_agent_killed_while_it_syncs_holds_every_signal_once(hub, agent):
    rng = random.Random(7)  # noqa: S311 - when to kill is no secret
    each = rounds(1500, nightly=4000)
    for number in range(3):
        for one in range(each):
            hub.share(sha256(f"{number} {one}".encode()))
        until(lambda: agent.health()["ready"])
        agent.wait_position(rng.randrange(hub.head))
        agent.kill()
        agent.start()
    health = agent.wait(position=3 * each)
    assert health["signals"]["sha256"] == 3 * each
    assert len(agent.ask({"sha256": sha256(f"2 {each - 1}".encode())})[0]["matches"]) == 1


def test_an_agent_killed_while_it_loads_segments_goes_on_with_those_that_it_has(
    hub, toml, tmp_path
):
    for number in range(40):
        hub.share(sha256(bytes([number, 1])))
    hub.played_back = hub.segment_list()
    hub.hold_after, hub.segment_gate = 3, threading.Event()
    agent = AgentInProcess(tmp_path, toml)
    try:
        folder = tmp_path / "data" / "incoming"
        until(lambda: len([path for path in folder.glob("*") if not path.suffix]) == 3)
        agent.kill()
        hub.segment_gate.set()
        agent.start()
        assert agent.wait(ready=True, position=40)["signals"]["sha256"] == 40
    finally:
        hub.segment_gate.set()
        agent.kill()
    fetched = [name for name, _ in hub.fetched]
    assert {name for name in fetched if fetched.count(name) == 1} >= {*fetched[:3]}
    assert {*fetched} == {*hub.segments}


def test_an_agent_killed_while_it_reports_counts_every_outcome_once(hub, agent):
    hub.share(ONE)
    answered = 0
    for number in range(rounds(2, nightly=4)):
        agent.wait(ready=True, position=1)
        hub.faults["lose the answer"] = number
        for _ in range(25):
            agent.ask({"sha256": ONE})
            answered += 1
        until(lambda: hub.reports)
        agent.kill()
        agent.start()
    agent.wait(outbox=0)
    assert sum(hub.outcomes.values()) == answered


def test_an_agent_killed_while_it_acts_writes_every_action_once(hub, agent, provider, tmp_path):
    hub.share(ONE)
    refs = []
    for number in range(rounds(1, nightly=3)):
        agent.wait(ready=True, position=1)
        for one in range(10):
            refs.append(f"{number}-{one}")
            agent.ask({"ref": refs[-1], "sha256": ONE})
        agent.kill()
        agent.start()
    agent.wait(deliveries=0, dead_letters=0)
    lines = (tmp_path / "data/actions.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["data"]["ref"] for line in lines) == sorted(refs)
    heard = {
        webhook_id: ref for webhook_id, (_, ref) in zip(provider.ids, provider.told(), strict=True)
    }
    assert sorted(heard.values()) == sorted(refs)


@pytest.mark.nightly
def test_an_agent_killed_while_it_undoes_a_suspension_holds_everything_once(hub, agent, tmp_path):
    refs = [f"post {number}" for number in range(1200)]
    hub.share(ONE)
    agent.wait(ready=True, position=1)
    for at in range(0, len(refs), 100):
        agent.ask(*({"ref": ref, "sha256": ONE} for ref in refs[at : at + 100]))

    def held():
        whole, _, _ = (tmp_path / "data/actions.jsonl").read_text().rpartition("\n")
        events = map(json.loads, whole.splitlines())  # the last line may be half written
        return sorted(one["data"]["ref"] for one in events if one["type"] == "content.hold")

    hub.set_party("europol", standing="suspended")
    until(held)
    agent.kill()
    agent.start()
    until(lambda: len(held()) >= len(refs))
    agent.wait(position=2)
    assert held() == sorted(refs)


@pytest.mark.nightly
def test_requests_under_way_are_finished_before_the_agent_stops(hub, agent):
    hub.share(ONE)
    agent.wait(ready=True, position=1)
    url = agent.http.base_url
    body = json.dumps({"items": [{"sha256": ONE}]}).encode()
    head = (
        f"POST /match HTTP/1.1\r\nHost: {url.host}:{url.port}\r\nExpect: 100-continue\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((url.host, url.port)) as line, line.makefile("rb") as said:
        line.sendall(head.encode())
        assert said.readline().startswith(b"HTTP/1.1 100")  # it waits for the body now
        agent._process.send_signal(signals.SIGTERM)
        line.sendall(body)
        answer = json.loads(said.read().rpartition(b"\r\n\r\n")[2])
    assert answer["items"][0]["decision"]["action"] == "block"
    assert agent.stop() == 0
    agent.start()
