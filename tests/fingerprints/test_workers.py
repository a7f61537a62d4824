# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stemtide.fingerprints.analysis import QueryView
from stemtide.fingerprints.kinds import Fingerprint, FingerprintError, Kind
from stemtide.fingerprints.limits import SandboxError
from stemtide.fingerprints.sandbox.decoders import DecoderGroup
from stemtide.fingerprints.sandbox.fork_server import _environment
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.fingerprints.sandbox.walls import Wall
from tests.fingerprints.attacker import checked, seen, taken_over
from tests.fingerprints.pictures import png_bomb

IS_LINUX = sys.platform == "linux"


def test_a_worker_is_given_none_of_our_secrets(monkeypatch):
    monkeypatch.setenv("STEMTIDE_SECRET_KEY", "not for workers")
    assert "not for workers" not in str(_environment())


@pytest.mark.skipif(not IS_LINUX, reason="what a system lets a process give up differs")
def test_a_worker_gives_up_what_it_does_not_need():
    with Sandbox().warm() as sandbox:
        (worker,) = sandbox._reserve._ready[DecoderGroup.PICTURES]
        limits = Path(f"/proc/{worker.pid}/limits").read_text().splitlines()
        soft = {line[:26].strip(): line[26:].split()[0] for line in limits}
        status = Path(f"/proc/{worker.pid}/status").read_text()
        walls = sandbox.walls()
    assert soft["Max core file size"] == soft["Max file size"] == soft["Max processes"] == "0"
    assert soft["Max open files"] == "64"
    assert int(soft["Max address space"]) < 3 << 30
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    assert {Wall.PRIVILEGES, Wall.MEMORY, Wall.SECCOMP, Wall.NETWORK} <= walls


ORPHANS = """
import os, sys, threading
from pathlib import Path
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.analysis import QueryView
from stemtide.fingerprints.sandbox.decoders import DecoderGroup
from stemtide.fingerprints.sandbox.pool import Sandbox
limits = DecodingLimits(max_pixels=10**10, memory_bytes=1 << 40, wall_s=500, cpu_s=500)
sandbox = Sandbox(workers=2, limits=limits).warm()
threading.Thread(target=sandbox.fingerprint, args=(Path(sys.argv[1]),)).start()
while not any(worker.is_used for worker in list(sandbox._at_work)):
    pass
servers, ready = sandbox._reserve._servers.values(), sandbox._reserve._ready[DecoderGroup.PICTURES]
for worker in ready:
    worker.wait_ready()
workers = [*sandbox._at_work, *ready]
print(*[worker.pid for worker in workers], *[of._process.pid for of in servers], flush=True)
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
    assert len(pids) >= 3  # at work, ready, and their server
    assert all(is_running(pid) for pid in pids)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    while any(is_running(pid) for pid in pids):
        time.sleep(0.01)


@pytest.fixture(scope="module")
def taken(tmp_path_factory):
    with taken_over(tmp_path_factory.mktemp("taken")) as sandbox:
        yield sandbox


PDQ_ONLY = frozenset({Kind.PDQ})
SENSIBLE = ["pdq", bytes(32), 50, "x" * 999]


@pytest.mark.parametrize(
    "answer",
    [
        {"each": [["pdq", bytes(1), 50, ""]]},
        {"each": [["pdq", bytes(32), 101, ""]]},
        {"each": [["pdq", bytes(32), "50", ""]]},
        {"each": [["pdq", bytes(32), None, ""]]},
        {"each": [["pdq", "z" * 43, 50, ""]]},
        {"each": [["pdq", bytes(32)]]},
        {"each": [["sha256", bytes(32), None, ""]]},
        {"each": [["magic", bytes(32), None, ""]]},
        {"each": "nonsense"},
        {"each": [SENSIBLE] * 5000},
        {"views": [["mirrored", bytes(32), None, ""]]},
        {"views": [["mirrored", bytes(1), 50, ""]]},
        {"views": [["mirrored", bytes(32), 50, ""]] * 5000},
        {"local": ["zz!"]},
        {"local": [bytes(100_000)]},
        {"local": [bytes(1)] * 3},
        {"local": 7},
        {"still": [480, -480, b""]},
        {"still": [480, 480]},
        {"chunk": [None, -1.0, b""]},
        {"chunk": [-1e10, 1.0, b""]},
        {"chunk": [0.0, 1.0, bytes(1 << 17)]},
        {"text": 7},
    ],
    ids=lambda answer: str(answer)[:40],
)
def test_an_answer_that_makes_no_sense_is_not_believed(answer):
    with pytest.raises((FingerprintError, TypeError, ValueError)):
        checked(answer, kinds=PDQ_ONLY)


def test_an_answer_that_makes_sense_is_believed_within_bounds():
    views, local = [["y" * 999, bytes(32), 50, "p"]], [b"\x01\x02", b""]
    answer = {"each": [SENSIBLE], "remarks": ["y" * 999] * 99, "views": views, "local": local}
    look = checked(answer, kinds=PDQ_ONLY)
    found = look.fingerprints
    assert found.each == (Fingerprint(Kind.PDQ, bytes(32), quality=50, part="x" * 300),)
    assert found.remarks == ("y" * 300,) * 16
    assert look.views == (QueryView("y" * 300, bytes(32), 50, "p"),)
    assert look.local == (b"\x01\x02", b"")


@pytest.mark.parametrize(
    ("does", "remark"),
    [
        ("say(b'no json')", "undecodable: the decoder gave no sensible answer"),
        ("say(b'[]')", "undecodable: the decoder gave no sensible answer"),
        ("say(b'{\"result\": 7}')", "undecodable: the decoder gave no sensible answer"),
        ('say(b\'{"modality": "no"}\')', "undecodable: the decoder gave no sensible answer"),
        (
            "say(b'{\"x\": ' + b'[' * 10**6 + b']' * 10**6 + b'}')",
            "undecodable: the decoder gave no sensible answer",
        ),
        (
            "import os; os.write(3, b'\\xff' * 4)",
            "limit: the decoder would answer with more than 67,108,864",
        ),
        ("[say(b'{}') for _ in iter(int, 1)]", "undecodable: the decoder talks without end"),
        ("import os; os._exit(3)", "undecodable: it makes the decoder crash (exit code 3)"),
        (
            "import os; os.kill(os.getpid(), 40)",
            "undecodable: it makes the decoder crash (signal 40)",
        ),
        (
            "import os, signal; signal.signal(25, signal.SIG_DFL); os.kill(os.getpid(), 25)",
            "limit: its decoder would write a file or call somebody",
        ),
        (
            "import os; os.kill(os.getpid(), 14)",
            "limit: decoding it takes more than 20 s on the clock",
        ),
    ],
)
def test_a_worker_that_was_taken_over_costs_one_remark(taken, does, remark):
    found = taken.fingerprint(does.encode())
    assert [one.kind for one in found.each] == [Kind.SHA256, Kind.MD5]
    assert len(found.remarks) == 1
    assert found.remarks[0].startswith(remark)
    assert seen(taken, "seen = 'the next one works'") == "seen: the next one works"


def test_decoders_that_cannot_be_loaded_are_named(tmp_path, monkeypatch):
    server = tmp_path / "server"
    report = "import socket, sys\nfrom stemtide.fingerprints.sandbox import channel\n"
    report += "socket.socket(fileno=int(sys.argv[-2])).sendall("
    report += 'channel.encode({"error": "ImportError: no decoder"}))\n'
    server.write_text(f"#!{sys.executable}\n{report}")
    server.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(server))
    why = "did not start: ImportError: no decoder"
    with Sandbox() as sandbox, pytest.raises(SandboxError, match=why):
        sandbox.fingerprint(b"content")


def test_of_many_remarks_what_could_not_be_looked_at_is_kept():
    remarks = [*(f"text {number}: too short" for number in range(500)), "limit: the rest"]
    look = checked({"each": [], "remarks": remarks}, kinds=PDQ_ONLY)
    assert look.fingerprints.is_incomplete
    assert look.fingerprints.remarks[:2] == ("limit: the rest", "text 0: too short")
