# SPDX-License-Identifier: Apache-2.0
"""A modality of our own in a real worker: what the sandbox promises to every modality."""

import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from stemtide.fingerprints.analysis import MODALITIES, AnalysisOptions, Registered
from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.fingerprints.sandbox.walls import Wall
from tests.fingerprints.pictures import encoded, photo
from tests.rounds import rounds

MODULE = """
import socket, tempfile, time
from pathlib import Path
from stemtide.fingerprints.kinds import Fingerprint, Fingerprints, Kind
from stemtide.fingerprints.analysis import Analysis

def sniff(head):
    return "test/counted" if head.startswith(b"\\x01COUNT") else ""

def analyse(content, *, limits, options, progress):
    whole = content if isinstance(content, bytes) else content.open('rb').read()
    if whole.startswith(b"\\x01COUNT and write"):
        Path(tempfile.gettempdir(), "left behind").write_bytes(whole)
    if whole.startswith(b"\\x01COUNT for ever"):
        while True:
            time.sleep(0.01)
            progress(1, 2)
    if whole.startswith(b"\x01COUNT and call"):
        socket.create_connection(("127.0.0.1", int(whole[15:])), timeout=5).close()
    if whole.startswith(b"\x01COUNT much"):
        return Analysis(Fingerprints(each=(Fingerprint(Kind.SHA256, bytes(32)),) * 50))
    if whole.startswith(b"\x01COUNT nothing"):
        return Analysis(Fingerprints(each=()))
    for second in range(5):
        time.sleep(0.11)
        progress(second, 5)
    named = f"{type(content).__name__} within {limits.wall_s:g} s"
    made = Fingerprint(Kind.SHA256, bytes(32), part=named)
    return Analysis(Fingerprints(each=(made,), media_type="test/counted"))
"""

LAUNCHER = """#!{python}
import json, sys
sys.path.insert(0, {folder!r})
import tempfile
tempfile.tempdir = {folder!r} + "/temporary"
from stemtide.fingerprints import analysis
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.sandbox import fork_server_process
analysis.MODALITIES["counted"] = analysis.Registered(
    {module!r}, frozenset({{analysis.Kind.SHA256}}), is_long=True
)
limits = DecodingLimits(**json.loads(sys.argv[-1]))
fork_server_process.main(int(sys.argv[-2]), limits)
"""


@pytest.fixture
def launch(tmp_path, monkeypatch):
    """Make sandboxes whose workers know one modality more."""

    def launch(*, module="counted_modality", **limits):
        (tmp_path / "counted_modality.py").write_text(MODULE)
        (tmp_path / "temporary").mkdir()
        launcher = tmp_path / "launcher"
        said = LAUNCHER.format(python=sys.executable, folder=str(tmp_path), module=module)
        launcher.write_text(said)
        launcher.chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(launcher))
        counted = Registered(module, frozenset({Kind.SHA256}), is_long=True)
        monkeypatch.setitem(MODALITIES, "counted", counted)
        return Sandbox(limits=DecodingLimits(**limits))

    return launch


def made_by_it(look):
    return [one.part for one in look.fingerprints.each if one.part]


def test_a_modality_is_found_by_its_first_bytes_and_has_limits_of_its_own(launch):
    with launch(long_wall_s=77) as sandbox:
        look = sandbox.analyse(b"\x01COUNT this")
        assert made_by_it(look) == ["bytes within 77 s"]
        assert look.fingerprints.media_type == "test/counted"
        assert sandbox.fingerprint(encoded(photo(), "JPEG")).of(Kind.PDQ)
        assert made_by_it(sandbox.analyse(b"not told by its head", modality="counted"))


def test_content_of_which_nothing_comes_is_not_passed_over_in_silence(launch):
    with launch() as sandbox:
        found = sandbox.fingerprint(b"\x01COUNT nothing")
        assert found.is_incomplete
        assert found.remarks[0].startswith("undecodable: nothing was found in it")


@pytest.mark.nightly
def test_a_look_tells_how_far_it_has_come_and_ends_when_the_listener_has_had_enough(launch):
    told = []
    with launch() as sandbox:
        sandbox.analyse(b"\x01COUNT this", progress=lambda done, total: told.append((done, total)))
        assert told
        assert all(total == 5 for _, total in told)
        assert told == sorted(told)

        def enough(*_):
            raise InterruptedError

        with pytest.raises(InterruptedError):
            sandbox.analyse(b"\x01COUNT for ever", progress=enough)
        assert made_by_it(sandbox.analyse(b"\x01COUNT this"))


@pytest.mark.nightly
def test_a_large_file_is_handed_over_opened_and_never_read_into_memory_here(launch, tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.write(b"\x01COUNT")
        file.truncate(40 << 20)
    with launch(max_input_bytes=1 << 20) as sandbox:
        look = sandbox.analyse(path)
        assert made_by_it(look)[0].endswith("OpenedFile within 1200 s")
        assert look.fingerprints.size_bytes == 40 << 20
        digest = hashlib.sha256(path.read_bytes()).digest()
        assert look.fingerprints.of(Kind.SHA256)[0].value == digest


@pytest.mark.nightly
def test_a_large_file_that_is_a_picture_is_held_to_the_limit_on_pictures(tmp_path):
    path = tmp_path / "large.jpg"
    with path.open("wb") as file:
        file.write(encoded(photo(), "JPEG"))
        file.truncate(40 << 20)
    with Sandbox() as sandbox:
        assert sandbox.fingerprint(path).of(Kind.PDQ)
    with Sandbox(limits=DecodingLimits(max_input_bytes=1 << 20)) as sandbox:
        assert "max_input_bytes" in sandbox.fingerprint(path).remarks[0]


@pytest.mark.nightly
def test_the_limit_on_the_time_of_long_content_bites_and_is_named(launch):
    with launch(wall_s=1, long_wall_s=2) as sandbox:
        began = time.monotonic()
        remark = sandbox.fingerprint(b"\x01COUNT for ever").remarks[0]
        assert remark == "limit: decoding it takes more than 2 s on the clock (wall_s)"
        assert time.monotonic() - began >= 2


@pytest.mark.nightly
def test_the_limit_on_what_a_worker_may_answer_bites_and_is_named(launch):
    with launch(output_bytes=2000) as sandbox:
        remark = sandbox.fingerprint(b"\x01COUNT much").remarks[0]
        assert remark == "limit: its result has more than 2,000 bytes (output_bytes)"
        assert made_by_it(sandbox.analyse(b"\x01COUNT this"))


def test_a_decoder_that_would_call_somebody_cannot_and_that_is_said(launch):
    with socket.create_server(("127.0.0.1", 0)) as server, launch() as sandbox:
        walls = sandbox.walls()
        found = sandbox.fingerprint(b"\x01COUNT and call%d" % server.getsockname()[1])
        if Wall.NETWORK in walls:  # on Linux, that is, whatever a container allows
            assert found.is_incomplete
            server.settimeout(0.1)
            with pytest.raises(TimeoutError):
                server.accept()
        assert Wall.SECCOMP in walls or sys.platform != "linux"


@pytest.mark.nightly
def test_a_modality_whose_decoders_are_not_installed_is_named_not_passed_over(launch):
    with launch(module="no_such_module") as sandbox:
        found = sandbox.fingerprint(b"\x01\x02 only bytes")
        assert found.is_incomplete
        assert "it may be counted, whose decoders are not installed" in found.remarks[-1]


@pytest.mark.nightly
def test_views_and_local_features_come_through_the_sandbox_only_when_asked_for():
    blob = encoded(photo("coffee.png"), "PNG")
    with Sandbox() as sandbox:
        plain, full = (
            sandbox.analyse(blob),
            sandbox.analyse(blob, options=AnalysisOptions(views=True, robust=True)),
        )
        assert (plain.views, plain.local) == ((), ())
        assert len(full.views) >= 8
        assert len(full.fingerprints.of(Kind.PDQ)) == 8
        assert plain.fingerprints.each == full.fingerprints.each[:3]
        pytest.importorskip("cv2")
        assert len(sandbox.analyse(blob, options=AnalysisOptions(local=True)).local) == 2


def left_behind(folder):
    return list((folder / "temporary").iterdir())


def test_a_decoder_that_would_leave_a_file_behind_cannot(launch, tmp_path):
    with launch() as sandbox:
        walls = sandbox.walls()
        remark = sandbox.fingerprint(b"\x01COUNT and write").remarks[0]
        assert remark.startswith("limit: its decoder would write a file")
        assert sum(path.stat().st_size for path in left_behind(tmp_path)) == 0
        if Wall.LANDLOCK in walls:
            assert left_behind(tmp_path) == []


@pytest.mark.parametrize(
    "how", rounds([signal.SIGKILL], nightly=[signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
)
def test_no_file_is_left_behind_by_a_worker_that_is_killed(launch, tmp_path, how):
    with launch() as sandbox:

        def kill_it(*_):
            (worker,) = sandbox._at_work
            os.kill(worker.pid, how)

        assert sandbox.analyse(b"\x01COUNT for ever", progress=kill_it).fingerprints.is_incomplete
        assert left_behind(tmp_path) == []


CALLER = """
import sys
from pathlib import Path
from stemtide.fingerprints.sandbox.decoders import DecoderGroup
from stemtide.fingerprints.sandbox.pool import Sandbox
sandbox = Sandbox().warm()
print(sandbox._reserve._servers[DecoderGroup.PICTURES]._process.pid, flush=True)
while True:
    sandbox.analyse(Path(sys.argv[1]))
"""


def test_no_file_is_left_behind_by_a_caller_that_is_killed(tmp_path):
    content, temporary = tmp_path / "large.jpg", tmp_path / "temporary"
    temporary.mkdir()
    with content.open("wb") as file:
        file.write(encoded(photo(), "JPEG"))
        file.truncate(40 << 20)
    caller = subprocess.Popen(
        [sys.executable, "-c", CALLER, str(content)],
        stdout=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(temporary)},
    )
    server = int(caller.stdout.readline())
    threading.Event().wait(0.2)
    caller.kill()
    caller.wait()
    caller.stdout.close()
    while Path(f"/proc/{server}").exists() and not is_zombie(server):
        time.sleep(0.01)
    assert list(temporary.iterdir()) == []


def is_zombie(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
