# SPDX-License-Identifier: Apache-2.0
"""Every command on the pages of docs/use/connect, bulk.md and snapshots.md is run as it stands.

1 Each page has a throw-away hub of its own, for pages show what a new hub answers. Its variables
  are in the shell's environment.
2 A block ```sh is run by bash, ```python by this Python, in one folder for the whole page; a block
  that is not to be run, such as what installs a client, is ```console.
3 A block ```text right after one of them is what it prints; "…" stands for what differs.
4 `stemtide` and `tx` run in forks of a process that has them loaded (tests/forks.py).
"""

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import exchange_servers, forks, tables
from tests.clients.conftest import plain_environment, throw_away_hub
from tests.rounds import rounds

USE = Path(__file__).parents[2] / "docs/use"
ELSEWHERE = {"tmk.md", "upload-form.md"}
"""Pages whose programs are files to copy: tests/agent/test_tmk.py and tests/cli/test_upload_form.py
run them."""

CONNECT = [path for path in sorted((USE / "connect").glob("*.md")) if path.name not in ELSEWHERE]
PAGES = [*CONNECT, USE / "bulk.md", USE / "snapshots.md"]
QUICK = [USE / "connect" / "README.md"]
"""What every client begins with; those of the other pages have tests of their own."""

RUNS = {"sh": ["bash", "-euo", "pipefail"], "python": ["python", "-"]}
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

pytestmark = pytest.mark.flow


@dataclass
class Block:
    """One block that is run. prints: what the page says comes of it; None where it says nothing."""

    how: str
    text: str
    prints: str | None = field(default=None)


def blocks(page: str) -> list[Block]:
    """The blocks of a page that are run, each with what it prints."""
    found: list[Block] = []
    for how, text in FENCE.findall(page):
        if how in RUNS:
            found.append(Block(how, text))
        elif how == "text" and found:
            found[-1].prints = text
    return found


def as_pattern(prints: str) -> str:
    """What is printed, as a pattern: "…" stands for anything."""
    return ".*".join(re.escape(part) for part in prints.strip().split("…"))


def run(block: Block, *, folder: Path, variables: dict[str, str]) -> str:
    """Run a block; gives what it printed."""
    done = subprocess.run(
        RUNS[block.how],
        input=block.text,
        cwd=folder,
        env=plain_environment() | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{block.text}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


@pytest.fixture(scope="module")
def path():
    """The shell's path, on which our commands come first."""
    with tempfile.TemporaryDirectory() as folder, forks.commands(Path(folder), "stemtide", "tx"):
        yield f"{folder}{os.pathsep}{plain_environment()['PATH']}"


@pytest.fixture
def variables(tmp_path, path):
    """What the shell of a page knows of its hub."""
    with throw_away_hub(tmp_path) as hub, exchange_servers.lists() as lists:
        yield (
            hub
            | lists
            | {
                "STEMTIDE_HUB_URL": hub["HUB_URL"],
                "STEMTIDE_KEY": hub["HUB_TOKEN"],
                "PATH": path,
            }
        )


@pytest.mark.parametrize("page", rounds(QUICK, nightly=PAGES), ids=lambda one: one.stem)
def test_the_commands_of_a_page_work_as_they_stand(page, tmp_path, variables):
    found = blocks(page.read_text("utf-8"))
    assert found
    folder = tmp_path / "work"
    tables.lay(folder / "ours")  # where a page has a hub of its own: making tables takes longest
    for block in found:
        said = run(block, folder=folder, variables=variables)
        if block.prints is not None:
            assert re.fullmatch(as_pattern(block.prints), said, re.DOTALL), said


def test_a_command_that_fails_or_says_something_else_is_seen(tmp_path):
    with pytest.raises(AssertionError, match="no-such-command"):
        run(Block("sh", "no-such-command\ntrue\n"), folder=tmp_path, variables={})
    assert re.fullmatch(as_pattern('{"a": …}'), '{"a": 1}')
    assert not re.fullmatch(as_pattern('{"a": …}'), '{"b": 1}')
