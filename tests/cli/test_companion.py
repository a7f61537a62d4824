# SPDX-License-Identifier: Apache-2.0
"""stemtide agent companion, asked of a real agent that keeps the tests' HMA up."""

import json

import pytest
from typer.testing import CliRunner

from stemtide.cli.app import app
from stemtide.fingerprints.sandbox.pool import Sandbox
from tests.agent.companions import BLOCK, pdq, until_holds, until_quiet, with_companion
from tests.agent.fake_hma import FakeHma
from tests.agent.fake_hub import FakeHub
from tests.agent.world import agent_of, until


@pytest.fixture
def hub():
    hub = FakeHub().start()
    yield hub
    hub.stop()


@pytest.fixture
def hma():
    hma = FakeHma().start()
    yield hma
    hma.stop()


def run(*words):
    return CliRunner().invoke(app, ["agent", "companion", *words])


@pytest.mark.nightly
def test_status_and_rebuild_speak_with_the_agent(hub, hma, tmp_path):
    signal = hub.share(pdq(), kind="pdq")
    with Sandbox() as sandbox, agent_of(with_companion(hub, hma, tmp_path), sandbox) as agent:
        until_holds(hma, BLOCK, [signal.value])
        until_quiet(agent, handed=4)
        address = str(agent.http.base_url)
        until(lambda: "matched: all of them" in run("status", "--agent", address).stdout)
        said = run("status", "--agent", address)
        assert (said.exit_code, "handed over: 4, waiting: 0" in said.stdout) == (0, True)
        assert json.loads(run("status", "--agent", address, "--json").stdout)["handed"] == 4
        assert run("rebuild", "--agent", address, "--anew").exit_code == 2
        hma.contents.clear()
        assert run("rebuild", "--agent", address).exit_code == 0
        until_holds(hma, BLOCK, [signal.value])
        hma.banks.clear()
        assert run("rebuild", "--agent", address, "--anew", "--yes").exit_code == 0
        until_holds(hma, BLOCK, [signal.value])
        hma.stop()
        until(lambda: "cannot be reached" in run("status", "--agent", address).output)
        assert run("status", "--agent", address).exit_code == 1


def test_check_asks_hma_itself(hma, tmp_path):
    toml = 'name = "a"\nhub_url = "https://hub.example"\nkey = "k"\ndata_dir = "d"\n'
    (tmp_path / "agent.toml").write_text(f'{toml}[companion]\nurl = "{hma.url}"\n')
    words = ("check", "--config", str(tmp_path / "agent.toml"))
    said = run(*words)
    assert said.exit_code == 0, said.output
    assert "STEMTIDE_BLOCK  is not there yet" in said.stdout
    hma.types = ("pdq",)
    said = run(*words, "--json")
    assert (said.exit_code, json.loads(said.stdout)["missing_kinds"]) == (1, ["video_md5"])
    assert not hma.banks  # it only looked
    hma.stop()
    assert "cannot be reached" in run(*words).output
    (tmp_path / "agent.toml").write_text(toml)
    assert "[companion]" in run(*words).output
