# SPDX-License-Identifier: Apache-2.0
"""What a decoder that was taken over can do: nothing, and each wall is why."""

import os
import re
import socket
import sys
from pathlib import Path

import pytest

from stemtide.fingerprints.sandbox import landlock, seccomp
from stemtide.fingerprints.sandbox.walls import Wall
from tests.fingerprints.attacker import REPLACEABLE, seen, taken_over
from tests.rounds import rounds

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the walls are those of Linux")

LANDLOCK, SECCOMP, NETWORK = Wall.LANDLOCK, Wall.SECCOMP, Wall.NETWORK

MAKE_CODE = """
import ctypes
call = ctypes.CDLL(None).mmap
call.restype = ctypes.c_ssize_t
if call(None, 4096, 7, 0x22, -1, 0) == -1:
    raise OSError
"""
ATTACH = """
import ctypes
if ctypes.CDLL(None).ptrace(0x4206, {agent}, 0, 0):
    raise OSError
"""

ATTACKS = {
    "read a file": ("seen = open('/etc/passwd').read(4)", {LANDLOCK, SECCOMP}),
    "read the agent's key": ("seen = open({key!r}).read(6)", {LANDLOCK, SECCOMP}),
    "list a folder": ("import os; seen = os.listdir('/')[:1]", {LANDLOCK, SECCOMP}),
    "ask about a file": ("import os; seen = os.stat({key!r}).st_size", {SECCOMP}),
    "make a folder": ("import os; os.mkdir({key!r} + '.d'); os.rmdir({key!r} + '.d')",
                      {LANDLOCK, SECCOMP}),
    "remove a file": ("import os; open({key!r} + '2', 'w').close(); os.remove({key!r} + '2')",
                      {LANDLOCK, SECCOMP}),
    "read the agent's environment": ("seen = open('/proc/{agent}/environ').read(1)",
                                     {LANDLOCK, SECCOMP, NETWORK}),
    "open the memory of another upload": ("seen = open('/proc/{agent}/fd/{memory}').read(5)",
                                          {LANDLOCK, SECCOMP, NETWORK}),
    "read the agent's memory": ("seen = open('/proc/{agent}/maps').read(1)",
                                {LANDLOCK, SECCOMP, NETWORK}),
    "call somebody": ("import socket; socket.socket().connect(('127.0.0.1', {port}))",
                      {LANDLOCK, SECCOMP, NETWORK}),
    "make a socket": ("import socket; socket.socket(socket.AF_UNIX)", {SECCOMP}),
    "fork": ("import os; os.fork() or os._exit(0); os.wait()", {SECCOMP}),
    "start a thread": ("import _thread, time; _thread.start_new_thread(time.time, ())", {SECCOMP}),
    "run a program": ("import os; os.execv('/bin/true', ['true'])", {LANDLOCK, SECCOMP}),
    "signal the agent": ("import os; os.kill({agent}, 0)", {LANDLOCK, SECCOMP, NETWORK}),
    "signal its server": ("import os; os.kill(os.getppid(), 0)", {LANDLOCK, SECCOMP}),
    "make memory executable": (MAKE_CODE, {SECCOMP}),
    "attach to the agent": (ATTACH, {LANDLOCK, SECCOMP, NETWORK}),
}  # fmt: skip
"""Programs of the attacker, and the walls each of which alone refuses it."""

STANDING = {
    "all": REPLACEABLE,
    "landlock": frozenset({LANDLOCK}),
    "seccomp": frozenset({SECCOMP}),
    "network": frozenset({NETWORK}),
    "none": frozenset(),
}


@pytest.fixture(scope="module", params=rounds(["all", "seccomp", "none"], nightly=[*STANDING]))
def behind(request, tmp_path_factory):
    """A sandbox with some walls, and those that stand: what a system lacks cannot be proved."""
    standing = STANDING[request.param]
    with taken_over(tmp_path_factory.mktemp("walls"), standing=standing) as sandbox:
        walls = sandbox.walls() & REPLACEABLE
        if SECCOMP in walls:  # it counts as a wall around the network, too
            walls -= {NETWORK} - standing
        missing = sorted(standing - walls)
        if missing and len(standing) == 1:
            pytest.skip(f"this system has no {missing[0]}: that wall cannot be proved here")
        yield sandbox, walls


@pytest.fixture(scope="module")
def targets(tmp_path_factory):
    """What there is to attack: a key, a caller, another upload in memory."""
    key = tmp_path_factory.mktemp("agent") / "key"
    key.write_text("secret")
    key.chmod(0o600)
    memory = os.memfd_create("content")
    os.write(memory, b"other")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        yield {"key": str(key), "agent": os.getpid(), "memory": memory, "port": port}
    os.close(memory)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_by_each_of_its_walls_and_succeeds_without(behind, targets, name):
    sandbox, walls = behind
    program, holding = ATTACKS[name]
    if name == "signal the agent":
        holding = holding - {NETWORK}
    answer = seen(sandbox, program.format(**targets))
    if holding & walls:
        assert answer.startswith(("refused: ", "limit: its decoder would write")), answer
    else:
        assert not answer.startswith(("refused: ", "limit: ")), answer


@pytest.fixture(scope="module")
def taken(tmp_path_factory):
    with taken_over(tmp_path_factory.mktemp("walls")) as sandbox:
        yield sandbox


def test_a_decoder_has_its_channel_open_and_nothing_else(taken):
    program = """
import os
seen = []
for number in range(64):
    try:
        os.read(number, 0)
        seen.append(number)
    except OSError:
        pass
"""
    assert seen(taken, program) == "seen: [0, 1, 2, 3]"


def test_a_decoder_leaves_nothing_to_the_next_upload(taken):
    program = "import os, sys; seen = getattr(sys, 'kept', 'nothing'); sys.kept = os.getpid()"
    assert [seen(taken, program) for _ in range(3)] == ["seen: nothing"] * 3
    assert len({seen(taken, "import os; seen = os.getpid()") for _ in range(5)}) == 5


def test_a_decoder_has_no_environment(taken):
    program = "import os; seen = (dict(os.environ), os.getenvb(b'PATH'))"
    assert seen(taken, program) == "seen: ({}, None)"


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", 0),
        ("/usr/include/asm-generic/unistd.h", 1),
    ],
    ids=["x86_64", "aarch64"],
)
def test_the_numbers_of_system_calls_are_those_of_linux(header, column):
    if not Path(header).exists():
        pytest.skip(f"{header} is not installed")
    found = re.findall(r"#define __NR(?:3264)?_(\w+) (\d+)", Path(header).read_text())
    numbers = dict(found)
    tables = (seccomp.ALLOWED, seccomp.OWN_ONLY, seccomp.ZERO_ONLY, seccomp.NO_CODE, seccomp.ABSENT)
    for table in tables:
        for name, known in table.items():
            if known[column] >= 0:
                assert numbers[name] == str(known[column]), name


def test_the_rights_that_landlock_refuses_are_all_that_each_version_knows():
    assert [rights.bit_count() for rights in landlock._FILES] == [13, 14, 15, 15, 16]
