# SPDX-License-Identifier: Apache-2.0
import gc
import os
import sys
from pathlib import Path

import pytest

from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.sandbox.channel import BUFFER_BYTES, SharedBuffer
from stemtide.fingerprints.sandbox.decoders import DecoderGroup
from stemtide.fingerprints.sandbox.pool import Sandbox
from tests.fingerprints.pictures import encoded, photo

IS_LINUX = sys.platform == "linux"
GOOD = encoded(photo(), "JPEG")


@pytest.fixture
def tray():
    one = SharedBuffer()
    yield one
    one.release()


@pytest.mark.skipif(not IS_LINUX, reason="Linux has such memory")
def test_what_is_laid_on_the_tray_can_be_read_and_not_written(tray):
    assert tray.write(b"a long piece of content")
    assert tray.write(b"a short one")
    assert os.pread(tray.file, 11, 0) == b"a short one"
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.write(tray.file, b"x")


def test_what_does_not_fit_is_not_laid(tray):
    assert not tray.write(b"")
    assert not tray.write(bytes(BUFFER_BYTES + 1))


@pytest.mark.skipif(not IS_LINUX, reason="Linux has such memory")
def test_a_worker_that_cuts_the_memory_off_costs_us_nothing(tray):
    tray.write(bytes(5000))
    os.truncate(f"/proc/self/fd/{tray.file}", 0)
    assert tray.write(b"next")
    assert os.pread(tray.file, 4, 0) == b"next"


def test_a_tray_that_was_cleared_away_holds_nothing(tray):
    tray.release()
    tray.release()
    assert not tray.write(b"x")


def test_where_there_is_no_such_memory_the_socket_takes_its_place(monkeypatch):
    monkeypatch.delattr(os, "memfd_create", raising=False)
    with Sandbox() as sandbox:
        found = sandbox.fingerprint(GOOD)
        assert sandbox._reserve._ready[DecoderGroup.PICTURES][0]._buffer.file == -1
    with Sandbox() as sandbox:
        assert sandbox.fingerprint(GOOD) == found
        assert found.of(Kind.PDQ)


def test_content_larger_than_the_tray_gets_the_same_hash():
    large = encoded(photo().resize((2000, 1500)), "BMP")
    assert len(large) > BUFFER_BYTES
    with Sandbox() as sandbox:
        assert sandbox.fingerprint(large).of(Kind.PDQ)
        assert sandbox.fingerprint(GOOD).of(Kind.PDQ)


@pytest.mark.nightly
@pytest.mark.skipif(not IS_LINUX, reason="reads /proc")
def test_a_closed_sandbox_leaves_no_file_open():
    gc.collect()  # what others left open goes now, and not meanwhile
    before = open_files()
    with Sandbox(workers=2).warm() as sandbox:
        sandbox.fingerprint(GOOD)
    assert open_files() == before


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))
