# SPDX-License-Identifier: Apache-2.0
"""An agent starts without a wall of the sandbox only if its settings name that wall."""

import json
import sys

import pytest
from typer.testing import CliRunner

from stemtide.agent.config.settings import ConfigError, load
from stemtide.agent.process.supervisor import serve
from stemtide.cli.commands.agent.agent import agent as commands
from stemtide.fingerprints.sandbox.lockdown import available_walls
from stemtide.fingerprints.sandbox.walls import Wall, missing_walls, refusal
from tests.agent.world import agent_of, config_of
from tests.fingerprints.attacker import standing_only
from tests.rounds import rounds

ALL = frozenset(Wall)
NO_LANDLOCK = frozenset({Wall.SECCOMP, Wall.NETWORK})
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the walls are those of Linux")


@pytest.mark.parametrize(
    ("missing", "accepted", "starts"),
    [
        (set(), set(), True),
        (set(), {Wall.LANDLOCK}, True),
        ({Wall.LANDLOCK}, set(), False),
        ({Wall.LANDLOCK}, {Wall.LANDLOCK}, True),
        ({Wall.LANDLOCK}, {Wall.SECCOMP}, False),
        ({Wall.LANDLOCK, Wall.MEMORY}, {Wall.LANDLOCK}, False),
        (ALL, ALL, True),
        (ALL, set(), False),
    ],
)
def test_every_missing_wall_must_be_named(missing, accepted, starts):
    reason = refusal(ALL - missing, accepted=accepted)
    assert (reason == "") == starts
    named = reason.partition(", which this system lacks")[0]
    assert all((wall in named) == (wall not in accepted) for wall in missing if reason)
    assert missing_walls(ALL - missing) == [wall for wall in Wall if wall in missing]


@LINUX
@pytest.mark.parametrize("processes", rounds([1], nightly=[1, 2]))
def test_an_agent_does_not_start_without_a_wall_that_it_does_not_name(hub, tmp_path, processes):
    config = config_of(hub, tmp_path, port=0, http_workers=processes)
    why = "accept_missing_walls: does not name landlock.*could open files"
    with standing_only(tmp_path, standing=NO_LANDLOCK), pytest.raises(ConfigError, match=why):
        serve(config)


def toml(folder, line=""):
    file = folder / "agent.toml"
    file.write_text(
        'name = "uploads"\nhub_url = "https://hub.example"\nkey = "k"\n'
        f'data_dir = "{folder}/agent"\n{line}\n'
    )
    return str(file)


LINES = [("", 1), ('accept_missing_walls = ["landlock"]', 0)]


@LINUX
@pytest.mark.parametrize(("line", "code"), rounds(LINES[:1], nightly=LINES))
def test_the_check_names_a_missing_wall_and_says_whether_the_agent_starts(
    tmp_path, monkeypatch, line, code
):
    monkeypatch.delenv("STEMTIDE_AGENT_ACCEPT_MISSING_WALLS", raising=False)
    words = ["check", "--json", "--config", toml(tmp_path, line)]
    with standing_only(tmp_path, standing=NO_LANDLOCK):
        done = CliRunner().invoke(commands, words)
    rows = [json.loads(row) for row in done.output.splitlines() if row.startswith("{")]
    assert rows[0] == {"wall": "landlock", "stands": False, "accepted": code == 0}
    assert [row["wall"] for row in rows] == list(Wall)
    assert done.exit_code == code


def test_a_wall_that_there_is_not_is_refused_in_the_settings(tmp_path):
    with pytest.raises(ConfigError, match="accept_missing_walls"):
        load(tmp_path / toml(tmp_path, 'accept_missing_walls = ["chroot"]'), env={})


def test_the_environment_names_walls_too(tmp_path):
    names = {"STEMTIDE_AGENT_ACCEPT_MISSING_WALLS": "landlock,memory"}
    config = load(tmp_path / toml(tmp_path), env=names)
    assert config.accept_missing_walls == {Wall.LANDLOCK, Wall.MEMORY}


def test_health_and_metrics_say_which_walls_stand(config, sandbox):
    standing = sandbox.walls()
    with agent_of(config, sandbox) as agent:
        assert agent.health()["walls"] == {wall: wall in standing for wall in Wall}
        metrics = agent.http.get("/metrics").text
        for wall in Wall:
            assert f'stemtide_agent_wall{{wall="{wall}"}} {float(wall in standing)}' in metrics


def test_what_is_told_from_outside_is_what_a_worker_reports(sandbox):
    assert available_walls() == sandbox.walls()
