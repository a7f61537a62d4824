# SPDX-License-Identifier: Apache-2.0
"""Commands as an operator runs them, on a database that holds nothing yet."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.hub.api.conftest import empty_database

_MAIN = "from stemtide.cli.app import main; main()"


@pytest.fixture
def empty_hub(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Return the environment of a hub without tables, on the database of this test run."""
    with empty_database() as database:
        environment = {**os.environ, **database, "STEMTIDE_DATA_DIR": str(tmp_path / "hub")}
        environment.pop("DJANGO_SETTINGS_MODULE", None)
        yield environment


@pytest.fixture
def run(empty_hub: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """run("hub", "start") starts a command; what still runs after the test is stopped."""
    with ExitStack() as stack:

        def start(*words: str, **settings: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-c", _MAIN, *words],
                env=empty_hub | settings,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.terminate)
            return process

        yield start
