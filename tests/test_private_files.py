# SPDX-License-Identifier: Apache-2.0
"""Nobody else on the machine reads what the hub, the agent and the commands write."""

import os
import subprocess
import sys

import pytest

from stemtide import private_files
from stemtide.agent.store.schema import StoreError, lock_directory
from stemtide.private_files import NotPrivateError
from tests.cli.conftest import COMMAND

NOBODY = 65534
NAMES = ("hub.sqlite3*", "*.key", "snapshots")


def mode(path):
    return path.stat().st_mode & 0o777


@pytest.fixture
def open_folder(tmp_path):
    """A data folder of the time before: others may read it and all that it holds."""
    folder = tmp_path / "hub"
    (folder / "snapshots/of-a-party").mkdir(parents=True)
    for name in ("hub.sqlite3", "hub.sqlite3-wal", "hub.sqlite3-shm", "secret.key"):
        (folder / name).touch()
    (folder / "snapshots/of-a-party/1.gz").touch()
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    folder.chmod(0o755)
    return folder


def test_a_folder_that_was_open_is_closed_with_all_that_is_the_programs(open_folder):
    private_files.claim(open_folder, names=NAMES)
    modes = {path.name: mode(path) for path in (open_folder, *open_folder.rglob("*"))}
    assert modes == {
        **dict.fromkeys(("hub", "snapshots", "of-a-party"), 0o700),
        **dict.fromkeys(("hub.sqlite3", "hub.sqlite3-wal", "hub.sqlite3-shm"), 0o600),
        **dict.fromkeys(("secret.key", "1.gz"), 0o600),
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file to somebody else")
@pytest.mark.parametrize("of", [".", "secret.key", "snapshots/of-a-party/1.gz"])
def test_what_belongs_to_somebody_else_and_is_open_is_refused_and_nothing_is_changed(
    open_folder, of
):
    os.chown(open_folder / of, NOBODY, NOBODY)
    with pytest.raises(NotPrivateError, match="chown -R 0"):
        private_files.claim(open_folder, names=NAMES)
    assert mode(open_folder) == 0o755


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file to somebody else")
def test_what_belongs_to_somebody_else_and_is_closed_is_used(open_folder):
    """An operator who is root runs a command on the hub of another user."""
    private_files.claim(open_folder, names=NAMES)
    for path in (open_folder, *open_folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    private_files.claim(open_folder, names=NAMES)


def test_a_folder_of_other_things_is_left_as_it_is(tmp_path):
    """Who names /tmp or their home must not find it closed."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "letter.txt").touch()
    folder.chmod(0o755)
    with pytest.raises(NotPrivateError, match="chmod 700"):
        private_files.claim(folder, names=NAMES)
    assert mode(folder) == 0o755
    folder.chmod(0o700)
    private_files.claim(folder, names=NAMES)


def test_an_empty_folder_and_one_of_a_new_disk_are_taken(tmp_path):
    for name in ("empty", "disk"):
        (tmp_path / name).mkdir(mode=0o755)
    (tmp_path / "disk/lost+found").mkdir()
    for name in ("empty", "disk"):
        private_files.claim(tmp_path / name, names=NAMES)
        assert mode(tmp_path / name) == 0o700


def test_a_link_in_the_folder_closes_nothing_elsewhere(open_folder, tmp_path):
    elsewhere = tmp_path / "shared.key"
    elsewhere.touch()
    elsewhere.chmod(0o644)
    (open_folder / "media.key").symlink_to(elsewhere)
    (open_folder / "lost.key").symlink_to(tmp_path / "nowhere")
    private_files.claim(open_folder, names=NAMES)
    assert mode(elsewhere) == 0o644


COMMAND_THAT_WRITES = """
import sys
from pathlib import Path
from stemtide.cli import app
out, sys.argv[1:] = sys.argv[1], ["--version"]
try:
    app.main()
finally:
    Path(out).touch()
"""


def run(*words, program=COMMAND, **more):
    """The command as a shell with an open umask starts it."""
    ours = ("STEMTIDE_", "DJANGO_")
    environment = {key: text for key, text in os.environ.items() if not key.startswith(ours)}
    return subprocess.run(
        [program, *words],
        env=environment | more,
        umask=0o022,
        capture_output=True,
        text=True,
        check=False,
    )


HUB = """
from stemtide.hub.settings import DATA_DIR
(DATA_DIR / "hub.sqlite3-wal").touch()
"""


def test_the_hub_closes_what_it_had_open_and_makes_the_rest_closed(open_folder):
    for name in ("hub.sqlite3-wal", "hub.sqlite3-shm", "secret.key"):
        (open_folder / name).unlink()
    run("-c", HUB, program=sys.executable, STEMTIDE_DATA_DIR=str(open_folder))
    modes = {path.name: mode(path) for path in open_folder.iterdir() if path.is_file()}
    assert modes == dict.fromkeys(("hub.sqlite3", "hub.sqlite3-wal", "secret.key"), 0o600)
    assert mode(open_folder) == 0o700


def test_a_command_writes_what_it_is_asked_for_closed_too(tmp_path):
    run("-c", COMMAND_THAT_WRITES, str(tmp_path / "out.csv"), program=sys.executable)
    assert mode(tmp_path / "out.csv") == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file to somebody else")
def test_a_command_says_in_one_line_what_to_do_about_somebody_elses_folder(open_folder):
    os.chown(open_folder, NOBODY, NOBODY)
    refused = run("party", "list", "--data-dir", open_folder)
    assert refused.returncode == 1
    assert "belongs to another user" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1


def test_a_database_elsewhere_is_closed_as_well(tmp_path):
    database = tmp_path / "db.sqlite3"
    beside = private_files.of_sqlite(database)
    for path in beside:
        path.touch()
        path.chmod(0o644)
    private_files.close(beside)
    assert [mode(path) for path in beside] == [0o600] * 3


def test_an_agents_folder_is_closed(tmp_path):
    folder = tmp_path / "agent"
    (folder / "segments").mkdir(parents=True)
    (folder / "agent.db").touch()
    for path in (folder, folder / "segments"):
        path.chmod(0o755)
    (folder / "agent.db").chmod(0o644)
    with lock_directory(folder):
        assert (mode(folder), mode(folder / "segments")) == (0o700, 0o700)
        assert mode(folder / "agent.db") == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file to somebody else")
def test_an_agent_refuses_somebody_elses_folder_with_the_remedy(tmp_path):
    folder = tmp_path / "agent"
    folder.mkdir()
    folder.chmod(0o750)
    os.chown(folder, NOBODY, NOBODY)
    with pytest.raises(StoreError, match="run as that user"):
        lock_directory(folder)


WORKER = """
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.sandbox.lockdown import lock_down
status = open("/proc/self/status")
lock_down(DecodingLimits())
print(status.read())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc says what the umask is")
def test_a_worker_of_the_sandbox_makes_files_for_its_owner_alone():
    asked = subprocess.run(
        [sys.executable, "-c", WORKER], umask=0o022, capture_output=True, text=True, check=True
    )
    assert "Umask:\t0077" in asked.stdout
