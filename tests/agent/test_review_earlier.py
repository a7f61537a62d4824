# SPDX-License-Identifier: Apache-2.0
"""The page of earlier content: how far the search of the journal and the scans are."""

import time

import pytest

from stemtide.agent.config.journal import JournalSettings
from stemtide.agent.journal.scans import ScanPhase, ScanProgress, write_progress
from tests.agent.test_review import ON, Moderator
from tests.agent.world import agent_of, config_of, sha256, until
from tests.rounds import rounds


@pytest.fixture
def config(hub, tmp_path):
    return config_of(hub, tmp_path, review=ON)


@pytest.fixture
def anna(agent, config):
    with Moderator(agent, config) as moderator:
        yield moderator


def report(config, name="main", *, ago_s=0.0, **facts):
    """Write the progress of a scan, as its command does."""
    folder = config.data_dir / "catalogues" / name
    folder.mkdir(parents=True, exist_ok=True)
    at = time.time() - ago_s
    facts = {"sources": ["/srv/photos"], "started_at": at, "reported_at": at} | facts
    write_progress(folder, ScanProgress(**facts))
    return folder


def test_the_page_shows_how_far_a_running_scan_is(anna, config):
    facts = {"looked": 1000, "total": 4600, "rate": 2.0, "matched": 3, "unreadable": 5}
    report(config, phase=ScanPhase.LOOKING, listed=9000, acts=True, acted=2, **facts)
    page = anna.get("/earlier").text
    for text in ("/srv/photos", "running", "1,000 of 4,600", "2.0 a second, 30 min left"):
        assert text in page
    assert "3, acted on 2" in page
    assert "no report" not in page


STATES = [
    ({"phase": ScanPhase.LISTING, "listed": 70}, "lists the sources"),
    ({"phase": ScanPhase.COMPARING}, "compares signals"),
    ({"phase": ScanPhase.FINISHED, "waiting": 1500}, "1,500 wait for the next run"),
    ({"phase": ScanPhase.STOPPED}, "stopped"),
    ({"phase": ScanPhase.FAILED, "trouble": "the disk is full"}, "the disk is full"),
]


@pytest.mark.parametrize(
    ("facts", "text"),
    rounds(STATES[2:4], nightly=STATES),
)
def test_every_state_has_words(anna, config, facts, text):
    report(config, **facts)
    page = anna.get("/earlier/part").text
    assert text in page
    assert ("0 of 0" in page) == (facts["phase"] is ScanPhase.FINISHED)  # else it is not known


def test_a_scan_that_was_killed_does_not_look_as_if_it_ran(anna, config):
    report(config, phase=ScanPhase.LOOKING, looked=1, total=2, rate=1.0, ago_s=60)
    page = anna.get("/earlier").text
    assert "no report: it was killed, or hangs" in page
    assert ">running" not in page
    assert "a second" not in page


def test_a_torn_file_and_names_of_strangers_break_nothing(anna, config):
    report(config, sources=["<script>alert(1)</script>"], trouble="\u202e<b>")
    (report(config, "torn") / "progress.json").write_text("{")
    page = anna.get("/earlier").text
    assert "Its progress cannot be read" in page
    assert "<script>alert" not in page


def test_the_page_counts_what_later_signals_found(hub, agent, anna):
    agent.ask({"sha256": sha256(b"early"), "ref": "early"})
    hub.share(sha256(b"early"))
    agent.wait(position=hub.head)
    until(lambda: "actions on earlier uploads: 1" in anna.get("/earlier").text, what="a match")
    assert "uploads: 1, for 30 days at most" in anna.page.text
    assert "Nothing was scanned" in anna.page.text


def test_without_a_journal_the_page_says_so(hub, sandbox, tmp_path):
    config = config_of(hub, tmp_path, review=ON, journal=JournalSettings(enabled=False))
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, hub_reachable=True)
        with Moderator(agent, config) as anna:
            assert "The upload journal is off." in anna.get("/earlier").text


def test_nobody_without_a_session_gets_it(anna):
    anna.http.cookies.clear()
    assert anna.get("/earlier").status_code == 403
    assert anna.get("/earlier/part").status_code == 403
