# SPDX-License-Identifier: Apache-2.0
"""What a command is as a process: its exit code, its signals, its streams, its terminal.

All other tests of commands run them in forks (`tests.forks`).
"""

import json
import os
import pty
import signal
import subprocess

import pytest

from stemtide import __version__
from tests.cli.conftest import COMMAND, run, run_process, surroundings
from tests.protocol.test_dsa import SOUND
from tests.rounds import rounds
from tests.transparency_database import Fault, TransparencyDatabase

ENDS = [
    (["hash", "no-such-file.jpg"], 1),
    (["crisis", "list"], 2),
    (["--version"], 0),
    (["hash", "--nope"], 2),
]


@pytest.mark.parametrize(("words", "code"), rounds(ENDS[:1], nightly=ENDS))
def test_a_process_ends_as_a_fork_does(words, code):
    process, fork = run_process(*words), run(*words)
    assert process == fork
    assert process.code == code


@pytest.mark.nightly
def test_a_fork_has_its_own_folder_input_and_environment(tmp_path, monkeypatch):
    (tmp_path / "here.txt").write_text("some words")
    monkeypatch.chdir(tmp_path)
    (named,) = run("hash", "--json", "here.txt").rows
    (given,) = run("hash", "--json", "-", stdin=b"some words").rows
    assert named["fingerprints"] == given["fingerprints"]
    assert "no-such-place" in run("crisis", "list", STEMTIDE_KEY_FILE="no-such-place").err
    assert run("crisis", "list").code == 2
    assert "STEMTIDE_KEY_FILE" not in run("crisis", "list").err


@pytest.mark.nightly
def test_a_process_says_its_version():
    assert run_process("--version").out == f"stemtide {__version__}\n"


def test_a_reader_that_goes_away_gets_no_traceback():
    read_end, write_end = os.pipe()
    os.close(read_end)
    ended = subprocess.run(
        [COMMAND, "--version"], stdout=write_end, stderr=subprocess.PIPE, check=False
    )
    os.close(write_end)
    assert ended.stderr == b""


@pytest.fixture
def _interruptible():
    """Undo what a shell does to tests that it starts in the background: they ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_ctrl_c_ends_a_command_without_a_traceback(tmp_path):
    database = TransparencyDatabase().start()
    database.faults.append(Fault(503, headers={"Retry-After": "600"}))
    (tmp_path / "token").write_text(database.token)
    (tmp_path / "rows.jsonl").write_text(json.dumps(SOUND))
    words = ["--to", database.url, "--token-file", tmp_path / "token"]
    started = subprocess.Popen(
        [COMMAND, "statement", "post", tmp_path / "rows.jsonl", *words],
        env=surroundings({}),
        stderr=subprocess.PIPE,
        text=True,
    )
    while not database.calls:
        assert started.poll() is None
    started.send_signal(signal.SIGINT)
    _, err = started.communicate()
    database.stop()
    assert started.returncode == 130
    assert "Traceback" not in err


@pytest.mark.nightly
def test_progress_is_shown_on_a_terminal_and_nowhere_else(tmp_path):
    for number in range(12):
        (tmp_path / f"{number}.txt").write_text(f"text {number}")
    ours, theirs = pty.openpty()
    started = subprocess.Popen(
        [COMMAND, "hash", tmp_path],
        env=surroundings({"TERM": "xterm"}),
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:  # the command closed its terminal
        pass
    assert started.wait() == 0
    os.close(ours)
    assert b"Fingerprinting" in shown
    assert "Fingerprinting" not in run("hash", tmp_path).err
