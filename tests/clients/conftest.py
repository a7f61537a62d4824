# SPDX-License-Identifier: Apache-2.0
"""A throw-away hub as a client's user gets one from `stemtide demo --hub-only`."""

import contextlib
import json
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from stemtide.exercises import processes
from tests import forks, tables
from tests.accepted_walls import ACCEPTED
from tests.once import once

BIN = Path(sys.executable).parent


def plain_environment() -> dict[str, str]:
    """What a user's shell has: our commands on its path, and nothing that the test run set."""
    ours = ("STEMTIDE_", "DJANGO_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | ACCEPTED | {"PATH": f"{BIN}{os.pathsep}{kept['PATH']}"}


def read_env(path: Path) -> dict[str, str]:
    """The variables of an env file."""
    return dict(line.split("=", 1) for line in path.read_text("utf-8").splitlines())


@contextlib.contextmanager
def demo_hub(env_file: Path, *, words: Sequence[str]) -> Iterator[dict[str, str]]:
    """Run a command that raises a hub; give its variables, and expect a good end.

    words: the command, without its last word, the path of the file for the variables.
    """
    log = env_file.with_suffix(".log")
    with log.open("wb") as err:
        process = forks.ForkedProcess(
            [*words, str(env_file)], environment=plain_environment(), log=err
        )
    try:
        while not env_file.exists() and process.is_running():
            time.sleep(0.05)
        assert process.is_running(), log.read_text("utf-8")
        yield read_env(env_file)
    finally:
        code = _end(process)
    assert code == 0, log.read_text("utf-8")
    assert not env_file.exists()


def _made(folder: Path) -> None:
    """Have the command make its hub, and keep what the hub knows and the variables."""
    env_file = folder / "stemtide.env"
    with demo_hub(env_file, words=["throw-away-hub", str(folder)]) as variables:
        pass
    with contextlib.closing(sqlite3.connect(folder / "hub" / tables.NAME)) as database:
        database.execute("DELETE FROM ledger_hubkey")  # each hub records its own as it starts
        database.commit()
    (folder / "variables.json").write_text(json.dumps(variables), "utf-8")


@contextlib.contextmanager
def throw_away_hub(folder: Path) -> Iterator[dict[str, str]]:
    """Run a new hub with the cast of the exercises; give its variables, and expect a good end.

    What such a hub knows at its start is made once for the test run; the keys are the same for all.
    """
    made = once("throw-away-hub", _made)
    shutil.copytree(made / "hub", folder / "hub", ignore=shutil.ignore_patterns("*.log"))
    tables.new_hub(folder / "hub" / tables.NAME)
    hub = processes.hub(folder / "hub", environment={"STEMTIDE_WEBHOOK_LOOPBACK": "1"})
    environment = plain_environment() | dict(hub.environment)
    with hub.log.open("ab") as log:
        process = forks.ForkedProcess(
            ["stemtide", *hub.command[1:]], environment=environment, log=log
        )
    try:
        address = json.loads(process.stdout.readline())["hub"]
        variables = json.loads((made / "variables.json").read_text("utf-8"))
        yield {
            name: value.replace(variables["HUB_URL"], address) for name, value in variables.items()
        }
    finally:
        code = _end(process)
    assert code == 0, hub.tail()


def _end(process: forks.ForkedProcess) -> int:
    """Ask a process to end; return its exit code."""
    process.terminate()
    code = process.wait()
    process.stdout.close()
    return code


@pytest.fixture(scope="session")
def shared_hub(tmp_path_factory) -> Iterator[dict[str, str]]:
    """One throw-away hub for the tests of all clients: its variables. It holds what they shared."""
    with throw_away_hub(tmp_path_factory.mktemp("hub")) as variables:
        yield variables


@pytest.fixture(scope="session")
def hub(shared_hub) -> dict[str, str]:
    """The hub that all share, where a file of tests does not start one of its own."""
    return shared_hub
