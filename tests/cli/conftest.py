# SPDX-License-Identifier: Apache-2.0
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import stemtide.cli.app  # commands are listed in the order in which it imports them
from tests import forks, tables
from tests.accepted_walls import ACCEPTED
from tests.hub.api.conftest import Hub, serving

COMMAND = Path(sys.executable).with_name("stemtide")


@dataclass(frozen=True)
class Said:
    """What a command said: its exit code, stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


BARE = """
import sys

sys.modules.update(dict.fromkeys(["threatexchange", "pyarrow", "cv2", "skimage", "fsspec", "ray"]))
"""
"""What a program begins with that has none of the extras of pyproject.toml to import."""


def run(*words: object, stdin: bytes = b"", **environment: str) -> Said:
    """Run `stemtide` with these arguments, in a fork of a process that has it loaded."""
    done = forks.run(
        ["stemtide", *map(str, words)], stdin=stdin, environment=surroundings(environment)
    )
    return Said(done.returncode, done.stdout.decode(), done.stderr.decode())


def run_process(
    *words: object,
    stdin: bytes = b"",
    program: tuple[str, ...] = (str(COMMAND),),
    **environment: str,
) -> Said:
    """Run `stemtide`, or another program, in a process of its own, from the start of Python on."""
    done = subprocess.run(
        [*program, *map(str, words)],
        env=surroundings(environment),
        capture_output=True,
        check=False,
        input=stdin,
    )
    return Said(done.returncode, done.stdout.decode(), done.stderr.decode())


def surroundings(environment: dict[str, str]) -> dict[str, str]:
    """Return the environment of a command: a terminal's, without settings of the test run."""
    ours = ("STEMTIDE_", "DJANGO_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | ACCEPTED | {"COLUMNS": "100", "NO_COLOR": "1"} | environment


def run_bare(*words: object, **environment: str) -> Said:
    """The same after an install without extras."""
    main = f"{BARE}\nfrom stemtide.cli.app import main\nmain()"
    return run_process(*words, program=(sys.executable, "-c", main), **environment)


@pytest.fixture
def stemtide():
    return run


@pytest.fixture(scope="session")
def hub() -> Iterator[Hub]:
    """A real hub for all tests of commands: they count what is their own, or use a new party."""
    with serving(STEMTIDE_WEBHOOK_LOOPBACK="1") as running:
        yield running


@pytest.fixture
def hub_folder(tmp_path) -> Path:
    """The folder of a new hub, with its tables: to make them takes longer than a command."""
    folder = tmp_path / "hub"
    tables.lay(folder)
    return folder


@pytest.fixture
def newcomer(hub) -> str:
    """Add an authority to the hub that has done nothing yet; return its name. Its key is there."""
    name, at = f"authority-{uuid4().hex[:8]}", ("--data-dir", hub.folder)
    assert run("party", "add", name, "--kind", "authority", "--country", "BE", *at).code == 0
    (made,) = run("key", "new", "--party", name, "--json", *at).rows
    hub.keys[name] = made["key"]
    return name
