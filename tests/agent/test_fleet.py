# SPDX-License-Identifier: Apache-2.0
"""An agent of several processes on one port: all of them real, and killed for real."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.agent.fake_hub import KEY
from tests.agent.world import AgentInProcess, sha256, until

PROCESSES = 3


@pytest.fixture
def fleet(hub, tmp_path):
    agent = AgentInProcess(tmp_path, toml_of(hub, tmp_path))
    yield agent
    agent.kill()


def toml_of(hub, folder, **other):
    settings = {"name": "uploads", "hub_url": hub.url, "key": KEY, "port": 0, "heartbeat_s": 0.2}
    settings |= {"data_dir": str(folder / "agent"), "http_workers": PROCESSES, **other}
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())


def ready(agent, position=0):
    agent.wait(ready=True, http_workers=PROCESSES)
    agent.wait_position(position)


@contextmanager
def clients(agent, number):
    """So many connections, each of its own."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(httpx.Client(base_url=agent.http.base_url, timeout=60))
            for _ in range(number)
        ]


@contextmanager
def one_each(agent):
    """A connection to each process, by the process's number."""
    ends = time.monotonic() + 60
    while True:  # one that has begun may not be handed connections yet
        with clients(agent, 4 * PROCESSES) as several:
            found = {one.get("/health").json()["answered_by"]: one for one in several}
            if sorted(found) == list(range(1, PROCESSES + 1)):
                yield found
                return
        assert time.monotonic() < ends, f"only {sorted(found)} answer"


def open_lines(agent):
    """The connections that the agent's processes have not closed, as the system lists them."""
    port = f":{agent.http.base_url.port:04X}"
    rows = [one.split() for one in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
    established, half_closed = "01", "08"
    return [row for row in rows if row[1].endswith(port) and row[3] in {established, half_closed}]


def look(client, value):
    return client.get("/match/hash", params={"sha256": sha256(value)}).json()["matches"]


@pytest.mark.nightly
def test_connections_are_spread_evenly(fleet):
    ready(fleet)
    fleet.http.close()
    until(lambda: not open_lines(fleet))
    with clients(fleet, 4 * PROCESSES) as several:
        answered = [one.get("/health").json()["answered_by"] for one in several]
        assert {answered.count(number) for number in set(answered)} == {4}
        for one in several[: 2 * PROCESSES]:  # whoever has fewer gets the next ones
            one.close()
    until(lambda: not open_lines(fleet))
    with clients(fleet, PROCESSES) as several:
        answered = [one.get("/health").json()["answered_by"] for one in several]
        assert sorted(answered) == list(range(1, PROCESSES + 1))


@pytest.mark.nightly
def test_a_signal_matches_in_every_process_until_it_is_withdrawn(hub, fleet):
    ready(fleet)
    signal_of = hub.share(sha256(b"x"))
    fleet.wait_position(1)
    with one_each(fleet) as each:
        assert all(look(one, b"x") for one in each.values())
        hub.withdraw(signal_of)
        fleet.wait_position(2)
        assert not any(look(one, b"x") for one in each.values())


@pytest.mark.nightly
def test_another_hub_replaces_the_signals_of_every_process(hub, fleet):
    hub.share(sha256(b"x"))
    ready(fleet, 1)
    hub.stop()
    hub.id, hub.entries = uuid4(), {}
    hub.share(sha256(b"of the other hub"))
    hub.start()
    with one_each(fleet) as each:
        until(lambda: all(look(one, b"of the other hub") for one in each.values()))
        assert not any(look(one, b"x") for one in each.values())


def test_whoever_decides_the_lead_delivers_and_reports(hub, fleet, tmp_path):
    hub.share(sha256(b"x"))
    ready(fleet, 1)
    with one_each(fleet) as each:
        for number, one in each.items():
            body = {"items": [{"ref": f"post-{number}", "sha256": sha256(b"x")}]}
            assert one.post("/match", json=body).status_code == 200
    until(lambda: sum(hub.outcomes.values()) == PROCESSES)
    fleet.wait(outbox=0, deliveries=0)
    lines = (tmp_path / "agent/actions.jsonl").read_text().splitlines()
    assert len(lines) == PROCESSES


@pytest.mark.nightly
def test_metrics_and_health_are_of_the_whole_agent(hub, fleet):
    hub.share(sha256(b"x"))
    ready(fleet, 1)
    with one_each(fleet) as each:
        for one in each.values():
            one.post("/match", json={"items": [{"sha256": sha256(b"y")}] * 2})
            look(one, b"x")
        healths = [one.get("/health").json() for one in each.values()]
        assert {one["led_by"] for one in healths} == {1}
        until(lambda: all(one.get("/health").json()["hub_reachable"] for one in each.values()))
        for one in each.values():
            text = one.get("/metrics").text
            assert f"stemtide_agent_items_total {2.0 * PROCESSES}" in text
            assert f"stemtide_agent_hashes_matched_total {1.0 * PROCESSES}" in text
            assert f"stemtide_agent_http_workers {1.0 * PROCESSES}" in text
            assert 'stemtide_agent_match_seconds_bucket{le="+Inf"} 3.0' in text


def test_when_the_lead_is_killed_another_one_leads(hub, fleet):
    hub.share(sha256(b"x"))
    ready(fleet, 1)
    fleet.http.close()
    lead = fleet.pids()[0]  # the first one that was started leads
    os.kill(lead, signal.SIGKILL)
    until(lambda: lead not in fleet.pids())
    fleet.http = httpx.Client(base_url=fleet.http.base_url, timeout=60)
    hub.share(sha256(b"y"))
    ready(fleet, 2)
    with one_each(fleet) as each:
        assert all(look(one, b"y") for one in each.values())
        assert {one.get("/health").json()["led_by"] for one in each.values()} <= {1, 2, 3}
        fleet.wait(hub_reachable=True)


@pytest.mark.nightly
def test_a_process_that_dies_is_replaced_and_the_others_answer(hub, fleet, tmp_path):
    hub.share(sha256(b"x"))
    ready(fleet, 1)
    before = fleet.pids()
    os.kill(before[-1], signal.SIGKILL)
    until(lambda: before[-1] not in fleet.pids())
    until(lambda: len(fleet.pids()) == PROCESSES)
    fleet.http.close()
    fleet.http = httpx.Client(base_url=fleet.http.base_url, timeout=60)
    ready(fleet, 1)
    with one_each(fleet) as each:
        assert all(look(one, b"x") for one in each.values())
    assert f"({before[-1]}) was ended by signal 9; it starts again in 0.1 s" in (
        tmp_path / "agent.log"
    ).read_text("utf-8")


@pytest.mark.nightly
def test_told_to_stop_all_of_them_stop(fleet, tmp_path):
    ready(fleet)
    children = fleet.pids()
    assert fleet.stop() == 0
    assert not [one for one in children if Path(f"/proc/{one}").exists()]
    assert "Traceback" not in (tmp_path / "agent.log").read_text("utf-8")


@pytest.mark.nightly
def test_when_the_parent_is_killed_so_are_they_and_it_may_start_again(hub, fleet):
    hub.share(sha256(b"x"))
    ready(fleet, 1)
    children = fleet.pids()
    fleet.kill()
    until(lambda: not [one for one in children if Path(f"/proc/{one}").exists()])
    fleet.start()
    ready(fleet, 1)
    assert look(fleet.http, b"x")


def started(folder):
    """What the command says when it is started in vain."""
    program = "from stemtide.cli.app import main; main()"
    command = [sys.executable, "-c", program, "agent", "start", "--config", folder / "agent.toml"]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.mark.nightly
def test_a_second_agent_in_the_same_folder_is_refused(hub, fleet, tmp_path):
    ready(fleet)
    (tmp_path / "agent.toml").write_text(toml_of(hub, tmp_path))
    second = started(tmp_path)
    assert "data_dir: another agent uses" in second.stderr
    assert second.returncode == 1


@pytest.mark.nightly
def test_a_store_that_cannot_be_opened_is_said_and_not_tried_for_ever(hub, tmp_path):
    (tmp_path / "other").mkdir()
    with sqlite3.connect(tmp_path / "other/agent.db") as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    (tmp_path / "agent.toml").write_text(toml_of(hub, tmp_path, data_dir=str(tmp_path / "other")))
    done = started(tmp_path)
    assert "data_dir: " in done.stderr
    assert "a database of another program" in done.stderr
    assert done.returncode == 1


ORPHAN = """
import socket
from stemtide.agent.process.worker import _WorkerServer
parent, channel = socket.socketpair()
channel.sendall(b"said, and never read")
parent.close()
server = object.__new__(_WorkerServer)
server._channel = channel
server._receive_connection()
print("lives on")
"""


@pytest.mark.nightly
def test_a_process_whose_parent_was_killed_while_it_spoke_ends_as_well():
    done = subprocess.run([sys.executable, "-c", ORPHAN], check=False, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")
