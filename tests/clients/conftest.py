# SPDX-License-Identifier: Apache-2.0
"""A throw-away hub as a client's user gets one from `stemtide demo --hub-only`."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests import forks

BIN = Path(sys.executable).parent


def plain_environment() -> dict[str, str]:
    """What a user's shell has: our commands on its path, and nothing that the test run set."""
    ours = ("STEMTIDE_", "DJANGO_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"PATH": f"{BIN}{os.pathsep}{kept['PATH']}"}


def read_env(path: Path) -> dict[str, str]:
    """The variables of an env file."""
    return dict(line.split("=", 1) for line in path.read_text("utf-8").splitlines())


@contextlib.contextmanager
def throw_away_hub(folder: Path, *, words: Sequence[str] = ()) -> Iterator[dict[str, str]]:
    """Run a hub with the cast of the exercises; give its variables, and expect a good end.

    words: the command that starts it; its last word is to be the path of a file for the variables.
           Without one, the hub starts as `stemtide demo --hub-only` does, on tables made before.
    """
    env_file, log = folder / "stemtide.env", folder / "hub.log"
    with log.open("wb") as err, Path(os.devnull).open("r+b") as nothing:
        process = forks.Fork(
            [*(words or ["throw-away-hub"]), str(env_file)],
            environment=plain_environment(),
            stdin=nothing.fileno(),
            stdout=nothing.fileno(),
            stderr=err.fileno(),
        )
    try:
        while not env_file.exists() and process.is_running():
            time.sleep(0.05)
        assert process.is_running(), log.read_text("utf-8")
        yield read_env(env_file)
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait()
    assert code == 0, log.read_text("utf-8")
    assert not env_file.exists()


@pytest.fixture(scope="session")
def shared_hub(tmp_path_factory) -> Iterator[dict[str, str]]:
    """One throw-away hub for the tests of all clients: its variables. It holds what they shared."""
    with throw_away_hub(tmp_path_factory.mktemp("hub")) as variables:
        yield variables


@pytest.fixture(scope="session")
def hub(shared_hub) -> dict[str, str]:
    """The hub that all share, where a file of tests does not start one of its own."""
    return shared_hub
