# SPDX-License-Identifier: Apache-2.0
"""A throw-away hub as a client's user gets one: `stemtide demo --hub-only`."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

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
def demo_hub(folder: Path) -> Iterator[dict[str, str]]:
    """Run one; gives its variables, and expects it to go in peace and to take its file along."""
    env_file = folder / "stemtide.env"
    process = subprocess.Popen(
        [str(BIN / "stemtide"), "demo", "--hub-only", "--env-file", str(env_file)],
        env=plain_environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not env_file.exists() and process.poll() is None:
            time.sleep(0.05)
        assert process.poll() is None, process.stderr.read()
        yield read_env(env_file)
    finally:
        process.terminate()
        said = process.communicate()[1]
    assert process.returncode == 0, said
    assert not env_file.exists()


@pytest.fixture(scope="module")
def hub(tmp_path_factory) -> Iterator[dict[str, str]]:
    """One throw-away hub for the tests of a file: its variables."""
    with demo_hub(tmp_path_factory.mktemp("hub")) as variables:
        yield variables
