# SPDX-License-Identifier: Apache-2.0
"""Decoders that start slowly, or not, on a loaded machine: a scan starts them anew."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from stemtide.catalogue.content import ReadingSettings, look_at
from stemtide.catalogue.items import StoredItem
from stemtide.fingerprints.limits import DecodingLimits, SandboxError
from stemtide.fingerprints.sandbox.walls import Wall
from tests.catalogue.conftest import CAT


@pytest.fixture
def cat(tmp_path):
    path = tmp_path / "cat.png"
    path.write_bytes(CAT)
    return StoredItem("cat", str(path))


def children():
    """Processes that threads of this one started."""
    tasks = Path("/proc/self/task").glob("*/children")
    return {int(pid) for task in tasks for pid in task.read_text().split()}


def kill_next(number, killed):
    """Kill the next processes that this one starts."""
    known = children()
    ends = time.monotonic() + 60
    while len(killed) < number and time.monotonic() < ends:
        for pid in children() - known:
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
            known.add(pid)
        time.sleep(0.001)


def look_while_killing(number, cat, *, limits):
    killed = []
    killer = threading.Thread(target=kill_next, args=(number, killed))
    killer.start()
    try:
        return look_at([cat], ReadingSettings(frozenset(Wall), limits=limits))
    finally:
        killer.join()
        assert len(killed) == number


def test_decoders_that_did_not_start_are_started_anew_and_the_file_is_read(cat):
    (look,) = look_while_killing(2, cat, limits=DecodingLimits(start_s=599))
    assert look.trouble == ""
    assert look.prints.each


def test_a_scan_gives_up_decoders_that_never_start(cat):
    with pytest.raises(SandboxError):
        look_while_killing(3, cat, limits=DecodingLimits(start_s=598))


def test_a_scan_waits_longer_for_decoders_than_an_upload_path_does():
    assert ReadingSettings().limits.start_s == 10 * DecodingLimits().start_s
