# SPDX-License-Identifier: Apache-2.0
import hashlib
import json
import os
import random
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from stemtide.fingerprints.image.fingerprint import fingerprint_image
from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.limits import (
    ContentError,
    ContentTooLargeError,
    DecodingLimits,
    SandboxError,
)
from stemtide.fingerprints.sandbox.decoders import DecoderGroup
from stemtide.fingerprints.sandbox.pool import Sandbox
from tests.fingerprints import videos
from tests.fingerprints.pictures import animation, encoded, heic, lying_jpeg, photo, png_bomb
from tests.rounds import rounds

IS_LINUX = sys.platform == "linux"
GOOD = encoded(photo(), "JPEG", quality=90)
SLOW = png_bomb(25_000)
ENDLESS = DecodingLimits(max_pixels=10**10, memory_bytes=1 << 40, wall_s=500, cpu_s=500)
"""With these, SLOW takes so long that whatever is to happen meanwhile does."""


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(workers=2) as opened:
        yield opened


def kinds(found):
    return [one.kind for one in found.each]


def assert_only_digests(found, blob):
    assert kinds(found) == [Kind.SHA256, Kind.MD5]
    assert found.each[0].value == hashlib.sha256(blob).digest()
    assert found.size_bytes == len(blob)


def test_a_picture_gets_its_digests_and_the_hash_that_is_made_without_a_sandbox(sandbox):
    found = sandbox.fingerprint(GOOD)
    assert kinds(found) == [Kind.SHA256, Kind.MD5, Kind.PDQ]
    assert found.of(Kind.PDQ) == fingerprint_image(GOOD, limits=DecodingLimits()).each
    assert (found.media_type, found.size_bytes, found.remarks) == ("image/jpeg", len(GOOD), ())


def test_a_path_is_opened_and_read(sandbox, tmp_path):
    path = tmp_path / "picture.jpg"
    path.write_bytes(GOOD)
    assert sandbox.fingerprint(path) == sandbox.fingerprint(str(path)) == sandbox.fingerprint(GOOD)


def test_frames_come_with_their_parts(sandbox):
    found = sandbox.fingerprint(animation("GIF"))
    assert found.of(Kind.PDQ)[0].part == "frame 1 at 0.0 s"
    assert len(found.of(Kind.PDQ)) == 6


@pytest.mark.parametrize(
    "file_type", rounds(["AVIF", "TIFF"], nightly=["AVIF", "JPEG2000", "TIFF", "WEBP"])
)
def test_decoders_that_could_use_threads_do_without(sandbox, file_type):
    assert sandbox.fingerprint(encoded(photo(), file_type)).remarks == ()


@pytest.mark.parametrize(
    "options",
    rounds([{"tile_size": 128}], nightly=[{}, {"tile_size": 128}, {"deep": True}]),
    ids=str,
)
def test_a_picture_of_a_telephone_is_read_without_threads(sandbox, options):
    assert sandbox.fingerprint(heic(photo(), **options)).remarks == ()


@pytest.mark.nightly
def test_a_film_in_colours_that_are_converted_is_read_without_threads(sandbox):
    frames = videos.pictures("table")[:8]
    film = videos.encoded(frames, codec="libvpx-vp9", container="webm", pix_fmt="gbrp")
    found = sandbox.fingerprint(film)
    assert (found.of(Kind.VIDEO) != (), found.is_incomplete) == (True, False)


def test_what_is_no_image_gets_digests_and_a_remark(sandbox):
    found = sandbox.fingerprint(b"\x01\x02 only bytes")
    assert_only_digests(found, b"\x01\x02 only bytes")
    assert found.remarks[0].startswith("not an image")
    assert not found.is_incomplete


@pytest.mark.parametrize(
    ("blob", "prefix"),
    [
        (png_bomb(50_000), "limit: "),
        (lying_jpeg(65_000), "limit: "),
        (GOOD[:100], "undecodable: "),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 50, "undecodable: "),
    ],
    ids=["bomb", "lying header", "cut head", "no PNG"],
)
def test_hostile_content_costs_one_remark_and_the_next_content_works(sandbox, blob, prefix):
    found = sandbox.fingerprint(blob)
    assert_only_digests(found, blob)
    assert [remark.startswith(prefix) for remark in found.remarks] == [True]
    assert sandbox.fingerprint(GOOD).of(Kind.PDQ)


@pytest.mark.skipif(not IS_LINUX, reason="address space can only be limited on Linux")
def test_the_memory_limit_bites():
    blob = png_bomb(12_000)
    with Sandbox(limits=DecodingLimits(max_pixels=10**9, memory_bytes=100 << 20)) as sandbox:
        found = sandbox.fingerprint(blob)
        assert_only_digests(found, blob)
        assert found.remarks[0].startswith("limit: ")
        assert "memory_bytes" in found.remarks[0]
        assert sandbox.fingerprint(GOOD).of(Kind.PDQ)


def test_the_limit_on_time_on_the_clock_bites():
    blob = png_bomb(45_000)
    limits = DecodingLimits(max_pixels=10**10, memory_bytes=1 << 40, wall_s=1.5)
    with Sandbox(limits=limits).warm() as sandbox:
        found = sandbox.fingerprint(blob)
        assert_only_digests(found, blob)
        assert found.remarks == ("limit: decoding it takes more than 1.5 s on the clock (wall_s)",)
        # Where much else runs, the next content may take so long as well.
        assert any(sandbox.fingerprint(GOOD).of(Kind.PDQ) for _ in range(20))


@pytest.mark.nightly
def test_the_limit_on_processor_time_bites():
    blob = png_bomb(45_000)
    limits = DecodingLimits(max_pixels=10**10, memory_bytes=1 << 40, cpu_s=1, wall_s=500)
    with Sandbox(limits=limits) as sandbox:
        found = sandbox.fingerprint(blob)
        assert_only_digests(found, blob)
        assert found.remarks == (
            "limit: decoding it takes more than 1 s of processor time (cpu_s)",
        )


def test_content_that_is_too_large_is_refused_by_name(tmp_path):
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(2000))
    with Sandbox(limits=DecodingLimits(max_input_bytes=1999, max_file_bytes=1999)) as sandbox:
        for content in (path, bytes(2000)):
            with pytest.raises(
                ContentTooLargeError, match=r"2,000 bytes.*max_(input|file)_bytes"
            ) as error:
                sandbox.fingerprint(content)
            assert error.value.limit == ("max_file_bytes" if content is path else "max_input_bytes")


def test_a_path_that_cannot_be_read_is_named(sandbox, tmp_path):
    with pytest.raises(ContentError, match=r"nowhere\.jpg cannot be read: No such file"):
        sandbox.fingerprint(tmp_path / "nowhere.jpg")
    with pytest.raises(ContentError, match="cannot be read: Is a directory"):
        sandbox.fingerprint(tmp_path)
    with pytest.raises(ContentError, match="/dev/null is not a regular file"):
        sandbox.fingerprint("/dev/null")


def wait_busy(sandbox):
    """Wait until the one worker is at work; return it."""
    while not (used := [worker for worker in list(sandbox._at_work) if worker.is_used]):
        time.sleep(0.001)
    time.sleep(0.05)
    return used[0]


def ready(sandbox):
    """Return the workers that wait for pictures."""
    return list(sandbox._reserve._ready[DecoderGroup.PICTURES])


def kill_once_busy(sandbox, how):
    os.kill(wait_busy(sandbox).pid, how)


DEATHS = [
    (signal.SIGSEGV, "undecodable: it makes the decoder crash (SIGSEGV)"),
    (signal.SIGKILL, "undecodable: the worker was ended from outside"),
]


@pytest.mark.parametrize(("how", "remark"), rounds(DEATHS[:1], nightly=DEATHS))
def test_a_worker_that_dies_at_work_costs_one_remark(how, remark):
    with Sandbox(limits=ENDLESS).warm() as sandbox:
        killer = threading.Thread(target=kill_once_busy, args=(sandbox, how))
        killer.start()
        found = sandbox.fingerprint(SLOW)
        killer.join()
        assert_only_digests(found, SLOW)
        assert found.remarks[0].startswith(remark)
        assert sandbox.fingerprint(GOOD).of(Kind.PDQ)


def test_a_worker_killed_while_idle_is_replaced_unseen():
    with Sandbox().warm() as sandbox:
        (worker,) = ready(sandbox)
        os.kill(worker.pid, signal.SIGKILL)
        while not worker.is_dead():
            time.sleep(0.001)
        assert sandbox.fingerprint(GOOD).remarks == ()


def test_many_threads_share_the_workers(sandbox):
    blobs = [GOOD, b"text", GOOD[:100], GOOD[: len(GOOD) // 2]] * 10
    expected = [sandbox.fingerprint(blob) for blob in blobs[:4]] * 10
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(sandbox.fingerprint, blobs)) == expected
    assert len(ready(sandbox)) == 2
    assert not sandbox._at_work


def test_a_few_hundred_mutated_files_never_hurt_the_caller():
    chance = random.Random(7)  # noqa: S311 - repeatable, not secret
    small = photo().resize((96, 64))
    originals = [encoded(small, kind) for kind in ("JPEG", "PNG", "GIF", "WEBP")]
    blobs = []
    for number in range(rounds(20, nightly=300)):
        blob = bytearray(originals[number % 4])
        for _ in range(chance.randint(1, 30)):
            blob[chance.randrange(len(blob))] = chance.randrange(256)
        blobs.append(bytes(blob))
    with Sandbox(workers=2) as sandbox, ThreadPoolExecutor(2) as pool:
        every = list(pool.map(sandbox.fingerprint, blobs))
        assert all(kinds(found)[:2] == [Kind.SHA256, Kind.MD5] for found in every)
        assert all(found.of(Kind.PDQ) or found.remarks for found in every)
        assert sandbox.fingerprint(GOOD).of(Kind.PDQ)


@pytest.mark.nightly
def test_a_server_that_was_killed_is_replaced_unseen():
    with Sandbox().warm() as sandbox:
        unread = sandbox.fingerprint(b"\x01 bytes").remarks
        server = sandbox._reserve._servers[DecoderGroup.PICTURES]
        server._process.kill()
        server._process.wait()
        assert sandbox.fingerprint(GOOD).remarks == ()
        assert sandbox.fingerprint(b"\x01 bytes").remarks == unread
        assert sandbox._reserve._servers[DecoderGroup.PICTURES] is not server


def test_the_next_worker_is_ready_before_it_is_needed():
    with Sandbox(workers=2).warm() as sandbox:
        waiting = {worker.pid for worker in ready(sandbox)}
        sandbox.fingerprint(GOOD)
        left = {worker.pid for worker in ready(sandbox)}
        assert len(waiting) == len(left) == 2
        assert len(waiting & left) == 1


def test_a_closed_sandbox_says_so():
    sandbox = Sandbox().warm()
    sandbox.close()
    sandbox.close()
    with pytest.raises(SandboxError, match="closed"):
        sandbox.fingerprint(GOOD)


def test_closing_ends_work_under_way():
    sandbox = Sandbox(limits=ENDLESS).warm()
    closer = threading.Thread(target=lambda: (wait_busy(sandbox), sandbox.close()))
    closer.start()
    found = sandbox.fingerprint(SLOW)
    closer.join()
    assert_only_digests(found, SLOW)
    assert found.is_incomplete


def test_a_sandbox_whose_workers_cannot_start_says_why(monkeypatch, tmp_path):
    idler = tmp_path / "idler"
    idler.write_text("#!/bin/sh\nexec sleep 600\n")
    idler.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(idler))
    with (
        Sandbox(limits=DecodingLimits(start_s=0.001)) as sandbox,
        pytest.raises(SandboxError, match="start_s"),
    ):
        sandbox.fingerprint(GOOD)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with Sandbox() as sandbox, pytest.raises(SandboxError, match="no worker can be started"):
        sandbox.warm()
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with Sandbox() as sandbox, pytest.raises(SandboxError, match="did not start: exit code 1"):
        sandbox.warm()


def test_limits_and_workers_make_sense():
    with pytest.raises(ValueError, match="wall_s must be above 0"):
        DecodingLimits(wall_s=0)
    with pytest.raises(ValueError, match="at least one worker"):
        Sandbox(workers=0)


@pytest.mark.nightly
def test_a_forked_process_starts_workers_of_its_own():
    with Sandbox().warm() as sandbox:
        theirs = {worker.pid for worker in ready(sandbox)}
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            found = sandbox.fingerprint(GOOD)
            own = {worker.pid for worker in ready(sandbox.warm())}
            sandbox.close()
            os.write(write_end, json.dumps([len(found.each), not own & theirs]).encode())
            os._exit(0)
        os.close(write_end)
        with os.fdopen(read_end) as answer:
            assert json.load(answer) == [3, True]
        os.waitpid(child, 0)
        assert sandbox.fingerprint(GOOD).of(Kind.PDQ)
