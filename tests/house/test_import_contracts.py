# SPDX-License-Identifier: Apache-2.0
"""The import contracts hold, and each breaks when it should."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.rounds import rounds

ROOT = Path(__file__).parents[2]

BREACHES = {
    "floors": ("fingerprints/kinds.py", "import stemtide.matching"),
    "hub-floors": ("hub/platform/errors.py", "import stemtide.hub.rooms.signals.models"),
    "room-floors": (
        "hub/rooms/ledger/writes/ledger.py",
        "import stemtide.hub.rooms.signals.models",
    ),
    "agent-floors": ("agent/config/settings.py", "import stemtide.agent.store.database"),
    "pure": ("agent/config/settings.py", "import django"),
    "library": ("matching/__init__.py", "import pydantic"),
    "protocol": ("protocol/enums/__init__.py", "import httpx"),
    "doors": ("hub/scheduler.py", "import stemtide.hub.rooms.signals.models"),
    "rules": ("hub/rooms/signals/rules/signals.py", "import django"),
    "siblings": ("protocol/enums/__init__.py", "import stemtide.protocol.messages.signals"),
}
"""A contract and the one line, in one file, that must break it."""


PROGRAM = """
import sys
sys.path.insert(0, "src")
from importlinter.cli import lint_imports
sys.exit(lint_imports(no_cache=True))
"""


def lint(folder):
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def name_of(contract):
    house = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    rows = house["tool"]["importlinter"]["contracts"]
    return next(one["name"] for one in rows if one["id"] == contract)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copytree(
        ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "static")
    )
    return folder


def test_the_contracts_hold(copy):
    done = lint(copy)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("contract", rounds(["floors", "rules"], nightly=[*BREACHES]))
def test_a_breach_is_caught(copy, contract):
    name, line = BREACHES[contract]
    path = copy / "src/stemtide" / name
    before = path.read_text("utf-8")
    path.write_text(f"{before}\n{line}\n", "utf-8")
    try:
        done = lint(copy)
    finally:
        path.write_text(before, "utf-8")
    assert done.returncode == 1, done.stdout
    told = " ".join(done.stdout.split())
    assert f"{name_of(contract)} BROKEN" in told
