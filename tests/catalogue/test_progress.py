# SPDX-License-Identifier: Apache-2.0
"""What a scan reports of itself for the review page, however it ends."""

import signal
import time

import pytest

from stemtide.agent.journal.scans import SILENT_AFTER_S, ScanPhase, read_scans
from tests.agent.world import until
from tests.catalogue.conftest import CAT
from tests.catalogue.test_interrupted import many, start  # noqa: F401 - fixtures


@pytest.fixture
def progress(config):
    """Return the progress of the only catalogue."""

    def read():
        (scan,) = read_scans(config.data_dir)
        return scan.progress

    return read


@pytest.mark.nightly
def test_a_scan_reports_its_sources_and_numbers(scan, share, stored, progress):
    share(CAT)
    (stored / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    scan(stored)
    last = progress()
    assert (last.phase, last.sources) == (ScanPhase.FINISHED, [str(stored)])
    assert (last.listed, last.looked, last.total) == (4, 4, 4)
    assert (last.matched, last.unreadable, last.waiting) == (1, 1, 0)
    assert last.rate > 0
    assert not last.is_silent(time.time() + 10 * SILENT_AFTER_S)


@pytest.mark.nightly
def test_a_scan_within_a_budget_reports_what_waits(scan, stored, progress):
    scan(stored, "--max-files", 1)
    assert (progress().phase, progress().looked, progress().waiting) == ("finished", 1, 2)


@pytest.mark.nightly
def test_a_scan_that_fails_reports_why(scan, share, stored, progress):
    share(CAT)
    scan(stored, "--agent", "http://127.0.0.1:9")
    assert progress().phase is ScanPhase.FAILED
    assert "http://127.0.0.1:9 cannot be reached" in progress().trouble


@pytest.mark.nightly
def test_a_killed_scan_falls_silent(start, progress, many):  # noqa: F811
    process = start(many)
    until(lambda: progress().phase is ScanPhase.LOOKING, what="a report of the first batch")
    assert not progress().is_silent(time.time())
    process.kill()
    process.wait()
    assert progress().phase is ScanPhase.LOOKING
    assert progress().is_silent(progress().reported_at + SILENT_AFTER_S + 1)


@pytest.mark.nightly
def test_a_scan_stopped_by_ctrl_c_says_so(start, progress, many):  # noqa: F811
    process = start(many)
    process.send_signal(signal.SIGINT)
    process.wait()
    assert progress().phase is ScanPhase.STOPPED


def test_a_password_in_an_address_is_not_reported(scan, progress):
    scan("postgresql://anna:secret@127.0.0.1:1/posts", "--query", "SELECT 1")
    assert progress().phase is ScanPhase.FAILED
    assert "secret" not in str(progress())
    assert "127.0.0.1:1/posts" in progress().sources[0]
