# SPDX-License-Identifier: Apache-2.0
import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stemtide.fingerprints.analysis import QueryView
from stemtide.fingerprints.kinds import Fingerprint, FingerprintError, Kind
from stemtide.fingerprints.limits import DecodingLimits, SandboxError
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.fingerprints.sandbox.worker import Worker, _environment, checked
from tests.fingerprints.pictures import png_bomb

IS_LINUX = sys.platform == "linux"


def test_a_worker_is_given_none_of_our_secrets(monkeypatch):
    monkeypatch.setenv("STEMTIDE_SECRET_KEY", "not for workers")
    assert "not for workers" not in str(_environment())


@pytest.mark.skipif(not IS_LINUX, reason="what a system lets a process give up differs")
def test_a_worker_gives_up_what_it_does_not_need():
    worker = Worker(DecodingLimits())
    worker.wait_ready()
    with contextlib.closing(worker._channel):
        limits = Path(f"/proc/{worker.pid}/limits").read_text().splitlines()
        soft = {line[:26].strip(): line[26:].split()[0] for line in limits}
        status = Path(f"/proc/{worker.pid}/status").read_text()
        worker.end()
    assert soft["Max core file size"] == soft["Max file size"] == soft["Max processes"] == "0"
    assert soft["Max open files"] == "64"
    assert int(soft["Max address space"]) < 3 << 30
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    assert {"privileges", "memory", "written files", "calls"} <= set(worker.protections)


ATTEMPTS = """
import os, socket, sys
from pathlib import Path
from stemtide.fingerprints.sandbox.lockdown import lock_down
from stemtide.fingerprints.limits import DecodingLimits
walls = lock_down(DecodingLimits())
def fork():
    if os.fork() == 0:
        os._exit(0)
def write():
    with open(sys.argv[1], "wb", buffering=0) as file:
        file.write(b"x")
attempts = {
    "memory": lambda: bytearray(2 << 30),
    "network": lambda: socket.create_connection(("127.0.0.1", int(sys.argv[2]))),
    "open files": lambda: [os.dup(1) for _ in range(100)],
    "changes to files": lambda: os.mkdir(sys.argv[1] + ".d"),
    "calls": socket.socket,
    "processes": fork,
    "written files": write,
}
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
print("walls", ",".join(walls).replace(" ", "-"))
for wall, attempt in attempts.items():
    try:
        attempt()
        print(wall, "open")
    except (OSError, MemoryError):
        print(wall, "held" if wall in walls else "held-by-another")
"""


@pytest.mark.skipif(not IS_LINUX, reason="what a system lets a process give up differs")
def test_the_walls_of_a_worker_hold(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        attempts = subprocess.run(
            [sys.executable, "-c", ATTEMPTS, str(tmp_path / "out"), str(server.getsockname()[1])],
            capture_output=True,
            text=True,
            check=True,
        )
    said = dict(line.rsplit(" ", 1) for line in attempts.stdout.splitlines())
    for wall in ("memory", "open files", "written files"):
        assert said[wall] == "held"
    has_landlock = "changes-to-files" in said["walls"]
    assert said["changes to files"] == ("held" if has_landlock else "open")
    assert said["processes"] == ("open" if os.getuid() == 0 else "held")  # root is not counted
    assert said["calls"] == "held"
    # A container may allow no namespace; then the worker says so and the other walls stand.
    assert said["network"] == ("held" if "network" in said["walls"] else "held-by-another")


ORPHANS = """
import os, sys, threading
from pathlib import Path
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.analysis import QueryView
from stemtide.fingerprints.sandbox.pool import Sandbox
limits = DecodingLimits(max_pixels=10**10, memory_bytes=1 << 40, wall_s=500, cpu_s=500)
sandbox = Sandbox(workers=2, limits=limits).warm()
threading.Thread(target=sandbox.fingerprint, args=(Path(sys.argv[1]),)).start()
while not any(worker.items for worker in sandbox._alive):
    pass
print(*[worker.pid for worker in sandbox._alive], flush=True)
"""


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.skipif(not IS_LINUX, reason="reads /proc")
def test_no_worker_outlives_a_parent_that_is_killed(tmp_path):
    path = tmp_path / "slow.png"
    path.write_bytes(png_bomb(25_000))
    parent = subprocess.Popen([sys.executable, "-c", ORPHANS, str(path)], stdout=subprocess.PIPE)
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 2
    assert all(is_running(pid) for pid in pids)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    while any(is_running(pid) for pid in pids):
        time.sleep(0.01)


PDQ_ONLY = frozenset({Kind.PDQ})
SENSIBLE = ["pdq", "00" * 32, 50, "x" * 999]


@pytest.mark.parametrize(
    "answer",
    [
        {"each": [["pdq", "00", 50, ""]]},
        {"each": [["pdq", "00" * 32, 101, ""]]},
        {"each": [["pdq", "00" * 32, "50", ""]]},
        {"each": [["pdq", "00" * 32, None, ""]]},
        {"each": [["pdq", "zz" * 32, 50, ""]]},
        {"each": [["pdq", "00" * 32]]},
        {"each": [["sha256", "00" * 32, None, ""]]},
        {"each": [["magic", "00" * 32, None, ""]]},
        {"each": "nonsense"},
        {"each": [SENSIBLE] * 5000},
        {"views": [["mirrored", "00" * 32, None, ""]]},
        {"views": [["mirrored", "00", 50, ""]]},
        {"views": [["mirrored", "00" * 32, 50, ""]] * 5000},
        {"local": ["zz"]},
        {"local": ["00" * 100_000]},
        {"local": ["00"] * 3},
        {"local": 7},
    ],
    ids=lambda answer: str(answer)[:40],
)
def test_an_answer_that_makes_no_sense_is_not_believed(answer):
    with pytest.raises((FingerprintError, TypeError, ValueError)):
        checked(answer, kinds=PDQ_ONLY)


def test_an_answer_that_makes_sense_is_believed_within_bounds():
    views, local = [["y" * 999, "00" * 32, 50, "p"]], ["0102", ""]
    answer = {"each": [SENSIBLE], "remarks": ["y" * 999] * 99, "views": views, "local": local}
    look = checked(answer, kinds=PDQ_ONLY)
    found = look.fingerprints
    assert found.each == (Fingerprint(Kind.PDQ, bytes(32), quality=50, part="x" * 300),)
    assert found.remarks == ("y" * 300,) * 16
    assert look.views == (QueryView("y" * 300, bytes(32), 50, "p"),)
    assert look.local == (b"\x01\x02", b"")


IMPOSTOR = """#!{python}
import os, struct, sys
fd = int(sys.argv[-2])
def say(body):
    os.write(fd, struct.pack(">I", len(body)) + body)
{does}
"""


def impostor(path, monkeypatch, does):
    """Let a worker be a program that says what it likes, as one taken over by content might."""
    path.write_text(IMPOSTOR.format(python=sys.executable, does=does))
    path.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(path))
    return Sandbox()


@pytest.mark.parametrize(
    ("does", "remark"),
    [
        ("say(b'no json')", "undecodable: the decoder gave no sensible answer"),
        ("say(b'[]')", "undecodable: the decoder gave no sensible answer"),
        ("say(b'{\"each\": 7}')", "undecodable: the decoder gave no sensible answer"),
        ("os.write(fd, b'\\xff' * 4)", "limit: the decoder would answer with more than 67,108,864"),
        ("[say(b'{}') for _ in iter(int, 1)]", "undecodable: the decoder talks without end"),
        ("os._exit(3)", "undecodable: it makes the decoder crash (exit code 3)"),
        ("os.kill(os.getpid(), 40)", "undecodable: it makes the decoder crash (signal 40)"),
        (
            "import signal; signal.signal(25, signal.SIG_DFL); os.kill(os.getpid(), 25)",
            "limit: its decoder would write a file or call somebody",
        ),
        ("os.kill(os.getpid(), 14)", "limit: decoding it takes more than 20 s on the clock"),
    ],
)
def test_a_worker_that_was_taken_over_costs_one_remark(tmp_path, monkeypatch, does, remark):
    taken_over = f"say(b'{{}}'); os.read(fd, 1 << 20); {does}; os.read(fd, 1 << 20)"
    with impostor(tmp_path / "worker", monkeypatch, taken_over) as sandbox:
        found = sandbox.fingerprint(b"content")
        assert [one.kind for one in found.each] == [Kind.SHA256, Kind.MD5]
        assert len(found.remarks) == 1
        assert found.remarks[0].startswith(remark)


def test_a_worker_that_cannot_load_its_decoders_says_why(tmp_path, monkeypatch):
    does = 'say(b\'{"error": "ImportError: no decoder"}\')'
    with (
        impostor(tmp_path / "worker", monkeypatch, does) as sandbox,
        pytest.raises(SandboxError, match="did not start: ImportError: no decoder"),
    ):
        sandbox.fingerprint(b"content")


def test_of_many_remarks_what_could_not_be_looked_at_is_kept():
    remarks = [*(f"text {number}: too short" for number in range(500)), "limit: the rest"]
    look = checked({"each": [], "remarks": remarks}, kinds=PDQ_ONLY)
    assert look.fingerprints.is_incomplete
    assert look.fingerprints.remarks[:2] == ("limit: the rest", "text 0: too short")
