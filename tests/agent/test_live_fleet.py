# SPDX-License-Identifier: Apache-2.0
"""The chunks of one stream reach any process of an agent, which may die in between."""

import os
import signal
from pathlib import Path

import pytest

from tests.agent.streams import KNOWN, OTHER, chunks, shared_values
from tests.agent.test_fleet import PROCESSES, fleet, one_each, ready  # noqa: F401 - a fixture
from tests.agent.world import until

pytestmark = pytest.mark.nightly

TS = {"content-type": "video/mp2t"}


def put(client, blob, seq):
    answer = client.post("/live/tv", content=blob, headers=TS, params={"seq": seq})
    assert answer.status_code == 200, answer.text
    return answer.json()


def is_running(pid):
    """Whether a process goes on; one that nobody has waited for is over."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def test_each_chunk_may_go_to_another_process(hub, fleet, sandbox):  # noqa: F811 - the fixture
    shared = hub.share(shared_values(sandbox)["audio"], kind="audio")
    ready(fleet, 1)
    with one_each(fleet) as each:
        several = list(each.values())
        answers = [
            put(several[seq % PROCESSES], blob, seq)
            for seq, blob in enumerate(chunks(OTHER, KNOWN))
        ]
    first = next(one for one in answers if one["alarms"])
    assert first["until_s"] <= 12 + 10
    assert {one["signal"] for one in first["alarms"]} == {str(shared.id)}
    assert len({one["ref"] for one in answers}) == 1
    assert [one["missing"] for one in answers] == [[]] * 6


def test_a_stream_outlives_the_process_and_the_agent(hub, fleet, sandbox):  # noqa: F811 - the fixture
    shared = hub.share(shared_values(sandbox)["video"], kind="video")
    ready(fleet, 1)
    each = chunks(OTHER, KNOWN)
    for seq in range(4):
        put(fleet.http, each[seq], seq)
    for pid in fleet.pids():
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(fleet.pids()) == PROCESSES, what="new processes")
    orphans = fleet.pids()
    fleet.kill()
    until(lambda: not any(map(is_running, orphans)), what="the end of the orphans")
    fleet.start()
    ready(fleet, 1)
    again = put(fleet.http, each[3], 3)
    assert again["repeated"]
    last = put(fleet.http, each[4], 4)
    assert last["missing"] == []
    assert last["matches"][0]["signal"] == str(shared.id)
    until(lambda: sum(hub.outcomes.values()) == 1, what="one outcome")
