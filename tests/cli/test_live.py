# SPDX-License-Identifier: Apache-2.0
import threading
import time

import pytest

from stemtide.fingerprints.sandbox.pool import Sandbox
from tests.agent.fake_hub import FakeHub
from tests.agent.streams import KNOWN, OTHER, chunks, fragments, shared_values
from tests.agent.world import agent_of, config_of
from tests.cli.conftest import run


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    hub = FakeHub().start()
    with Sandbox() as sandbox:
        hub.share(shared_values(sandbox)["video"], kind="video")
        with agent_of(config_of(hub, tmp_path_factory.mktemp("agent")), sandbox) as agent:
            agent.wait(position=1)
            yield agent
    hub.stop()


def send(agent, *words):
    address = str(agent.http.base_url)
    return run("agent", "live", "--agent", address, "--stream", "tv", "--json", *words)


def test_a_folder_of_segments_is_sent_in_order_and_the_stream_ended(agent, tmp_path):
    for number, blob in enumerate(chunks(OTHER, KNOWN)):
        (tmp_path / f"{number:03}.ts").write_bytes(blob)
    said = send(agent, tmp_path)
    assert said.code == 0, said.err
    assert [row["file"][-6:] for row in said.rows] == [f"{n:03}.ts"[-6:] for n in range(6)]
    assert said.rows[-1]["decision"]["action"] == "block"
    assert agent.http.get("/live/tv").status_code == 404


@pytest.mark.nightly
def test_segments_that_come_while_it_runs_are_sent(agent, tmp_path):
    init, each = fragments(KNOWN)
    (tmp_path / "init.mp4").write_bytes(init)
    folder = tmp_path / "segments"
    folder.mkdir()

    def write():
        for number, blob in enumerate(each):
            (tmp_path / "next").write_bytes(blob)
            (tmp_path / "next").rename(folder / f"{number}.m4s")  # never half of one
            time.sleep(0.3)

    writer = threading.Thread(target=write)
    writer.start()
    said = send(agent, folder, "--init", tmp_path / "init.mp4", "--follow-s", "12", "--look")
    writer.join()
    assert said.code == 0, said.err
    assert len(said.rows) == len(each)
    assert said.rows[-1]["decision"]["action"] == "block"


@pytest.mark.nightly
def test_what_the_agent_refuses_is_told(agent, tmp_path):
    (tmp_path / "empty.ts").write_bytes(b"")
    said = send(agent, tmp_path)
    assert said.code == 1
    assert "body: is empty" in said.err
    assert send(agent, tmp_path / "nowhere").code == 2
