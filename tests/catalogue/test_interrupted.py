# SPDX-License-Identifier: Apache-2.0
"""Scans that are stopped, killed or out of disk: nothing is lost, and they go on."""

import json
import os
import resource
import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.agent.world import until
from tests.catalogue.conftest import CAT, ROCKET, summary
from tests.cli.conftest import COMMAND, surroundings

MANY = 640


@pytest.fixture
def many(tmp_path):
    """A folder of many pictures, some of which match."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(MANY):
        (folder / f"{number:04}.jpg").write_bytes(CAT if number % 10 == 0 else ROCKET)
    return folder


@pytest.fixture
def start(agent, tmp_path):  # noqa: ARG001 - its signals
    """Start the command in a process of its own; return it once it has looked at something."""
    records = tmp_path / "agent" / "catalogues" / "main" / "catalogue.db"
    begun = []

    def start_scan(folder):
        words = ["catalogue", "scan", folder, "--config", tmp_path / "agent.toml", "--json"]
        process = subprocess.Popen(
            [COMMAND, *map(str, words), "--processes", "1"],
            env=surroundings({}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        begun.append(process)
        until(lambda: looked_at(records), what="a first batch")
        return process

    yield start_scan
    for process in begun:
        process.kill()
        process.communicate()


def looked_at(records):
    if not records.exists():
        return 0
    with sqlite3.connect(records) as reader:
        try:
            return reader.execute("SELECT count(*) FROM items WHERE state = 'done'").fetchone()[0]
        except sqlite3.OperationalError:
            return 0
        finally:
            reader.rollback()


def finish(scan, folder, out):
    """Run the command again; check that all was looked at and each match was listed."""
    before = [json.loads(line) for line in out.decode().splitlines() if line.endswith("}")]
    said = scan(folder)
    assert said.code == 0, said.err
    assert 0 < summary(said)["looked"] < MANY
    matched = {row["ref"] for row in [*before, *said.rows] if row["event"] == "match"}
    assert matched == {str(folder / f"{number:04}.jpg") for number in range(0, MANY, 10)}
    assert summary(scan(folder))["looked"] == 0


@pytest.mark.nightly
def test_ctrl_c_says_how_to_go_on_and_the_next_run_does(start, scan, share, many):
    share(CAT)
    process = start(many)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, b"Run the same command to go on" in err) == (130, True), err
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), what="their end")
    finish(scan, many, out)


@pytest.mark.nightly
def test_a_scan_that_is_killed_goes_on_where_it_was(start, scan, share, many):
    share(CAT)
    process = start(many)
    process.kill()
    out, _ = process.communicate()
    finish(scan, many, out)


@pytest.mark.nightly
def test_a_worker_that_is_killed_costs_no_content(start, share, many):
    share(CAT)
    process = start(many)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    workers = [
        pid for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    for pid in workers:
        os.kill(int(pid), signal.SIGKILL)
    out, err = process.communicate()
    assert process.returncode == 0, err
    rows = [json.loads(line) for line in out.decode().splitlines()]
    assert (rows[-1]["looked"], rows[-1]["matched"]) == (MANY, len(range(0, MANY, 10)))


@pytest.mark.nightly
def test_a_full_disk_stops_the_scan_and_the_next_run_goes_on(start, scan, share, many):
    share(CAT)
    process = start(many)
    limits = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1, limits[1]))
    out, err = process.communicate()
    assert process.returncode == 1
    assert b"the scan stopped: " in err
    assert b"run the same command to go on" in err
    finish(scan, many, out)
