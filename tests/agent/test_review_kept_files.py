# SPDX-License-Identifier: Apache-2.0
"""Encrypted copies of held files: shown blurred, and destroyed once somebody decided."""

import re
import sqlite3
import time
from contextlib import closing

import pytest

from stemtide.agent.config.review import ReviewSettings
from stemtide.agent.counters import Counters
from stemtide.agent.review import kept_files
from stemtide.agent.review.kept_files import KeptFiles
from stemtide.agent.store.database import Store
from tests.agent.test_review import HELD, Moderator, shown
from tests.agent.world import agent_of, config_of, picture, sha256, until

CAT = picture("chelsea.png")
KEEP = ReviewSettings(enabled=True, keep_files_hours=2, keep_files_mb=1)


@pytest.fixture(autouse=True)
def _swept_often(monkeypatch):
    monkeypatch.setattr(kept_files, "_SWEEP_S", 0.3)


@pytest.fixture
def config(hub, tmp_path):
    return config_of(hub, tmp_path, review=KEEP)


def upload_held(hub, agent, *refs, content=CAT):
    """Upload a file that is held, once for each id; return its signal."""
    signal = hub.share(sha256(content), **HELD)
    agent.wait(position=hub.head)
    for ref in refs:
        assert agent.match(content, ref=ref)["decision"]["action"] == "hold"
    return signal


def files(config):
    folder = config.data_dir / "kept"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def wait_gone(config):
    until(lambda: not files(config), what="the destruction of the copies")


def change_rows(config, sql):
    with closing(sqlite3.connect(config.data_dir / "agent.db", timeout=30)) as other, other:
        other.execute(sql)


@pytest.fixture
def kept(config):
    """Copies of a store without a running agent, in which a and b are held."""
    with Store(config.data_dir) as store:
        with store.write() as tx:
            for ref in ("a", "b"):
                tx.execute(
                    "INSERT INTO acted (ref, signal, action, kind, distance_bits, part, at)"
                    " VALUES (?, '', 'hold', '', 0, '', ?)",
                    (ref, time.time()),
                )
        yield KeptFiles(config, store=store, counters=Counters())


def test_a_held_file_is_shown_blurred_from_an_encrypted_copy_and_goes_with_the_decision(
    hub, agent, config
):
    upload_held(hub, agent, "v/1")
    (name,) = files(config)
    sealed = (config.data_dir / "kept" / name).read_bytes()
    assert CAT[1:4] not in sealed
    assert "v" not in name
    assert (config.data_dir / "kept" / name).stat().st_mode & 0o077 == 0
    assert agent.health()["review"]["kept_files"] == 1
    assert agent.health()["review"]["kept_bytes"] == len(CAT)
    with Moderator(agent, config) as anna:
        anna.open("v/1")
        assert "keeps an encrypted copy until" in anna.page.text
        assert shown(anna) is None
        anna.post("look", ref="v/1")
        veiled = shown(anna)
        assert veiled.headers["content-type"] == "image/jpeg"
        assert "blurred and grey" in anna.page.text
        anna.decide("v/1", "block")
        wait_gone(config)
    assert agent.health()["review"]["kept_files"] == 0


def test_a_withdrawn_signal_destroys_the_copies_of_what_it_held(hub, agent, config):
    signal = upload_held(hub, agent, "a", "b")
    assert len(files(config)) == 2
    hub.withdraw(signal)
    wait_gone(config)


def test_nothing_is_kept_of_what_is_not_held_or_only_looked_up(hub, agent, config):
    agent.match(CAT, ref="passed")
    hub.share(sha256(CAT), **HELD)
    agent.wait(position=hub.head)
    agent.http.post("/match", params={"look": "1"}, files={"file": ("upload", CAT)})
    agent.ask({"sha256": sha256(CAT), "ref": "by hash"})
    with Moderator(agent, config) as anna:
        anna.open("by hash")
        assert "No copy of this upload is kept" in anna.page.text
    assert files(config) == []


def test_an_unreadable_upload_that_is_held_is_kept(agent, config):
    agent.match(b"\x89PNG\r\n\x1a\n" + b"junk" * 100, ref="damaged")
    assert len(files(config)) == 1


def test_a_copy_is_destroyed_at_its_hour(hub, agent, config):
    upload_held(hub, agent, "a")
    change_rows(config, "UPDATE kept_files SET at = at - 7150")
    time.sleep(2 * kept_files._SWEEP_S)
    assert len(files(config)) == 1
    change_rows(config, "UPDATE kept_files SET at = at - 60")
    wait_gone(config)


def test_leftovers_of_a_crash_are_destroyed_at_the_next_start(hub, config, sandbox):
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, hub_reachable=True)
        upload_held(hub, agent, "a")
        (name,) = files(config)
    folder = config.data_dir / "kept"
    (folder / "00ff.part").write_bytes(b"half of a copy")
    (folder / "00ff").write_bytes(b"a copy without a row")
    with agent_of(config, sandbox) as agent:
        until(lambda: files(config) == [name], what="the destruction of leftovers")


def test_switching_it_off_destroys_the_copies_and_their_key(hub, config, sandbox, tmp_path):
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, hub_reachable=True)
        upload_held(hub, agent, "a")
    off = config_of(hub, tmp_path, review=ReviewSettings(enabled=True))
    with agent_of(off, sandbox):
        until(lambda: not (config.data_dir / "kept.key").exists(), what="the end of the key")
        assert files(config) == []


def test_no_more_than_the_limit_is_kept_and_the_earlier_copies_stay(hub, agent, config):
    large = CAT + b"\0" * (600_000 - len(CAT))
    upload_held(hub, agent, "a", "b", content=large)
    assert agent.health()["review"]["kept_bytes"] == 600_000
    with Moderator(agent, config) as anna:
        for ref, text in (("a", "keeps an encrypted copy"), ("b", "No copy of this upload")):
            assert text in anna.open(ref).text
    assert re.search(r"unkept_total 1\.0", agent.http.get("/metrics").text)
    assert "kept_files" not in agent.health()["troubles"]
    upload_held(hub, agent, "c", content=CAT + b"\0" * (350_000 - len(CAT)))
    assert "raise keep_files_mb" in agent.health()["troubles"]["kept_files"]


def test_a_copy_of_content_that_was_decided_meanwhile_is_never_written(kept, config):
    kept.keep([("a", b"1"), ("decided", b"2")])
    assert (len(files(config)), kept.read("a"), kept.read("decided")) == (1, b"1", None)


def test_the_same_id_sent_again_replaces_the_copy_and_keeps_its_hour(kept):
    kept.keep([("a", b"first")])
    until_then = kept.kept_until("a")
    kept.keep([("a", b"second one")])
    assert (kept.read("a"), kept.kept_until("a")) == (b"second one", until_then)
    assert kept.count().size_bytes == len(b"second one")


def test_the_same_id_sent_again_after_its_hours_is_not_kept_anew(kept, config):
    kept.keep([("a", b"1"), ("b", b"2")])
    change_rows(config, "UPDATE kept_files SET at = at - 7300 WHERE ref = 'a'")
    kept.sweep(now=time.time())
    kept.sweep(now=time.time() + 61)
    assert (len(files(config)), kept.count().files) == (1, 1)
    kept.keep([("a", b"1")])
    assert (kept.read("a"), kept.kept_until("a"), len(files(config))) == (None, None, 1)
    change_rows(config, "DELETE FROM acted WHERE ref = 'a'")
    kept.sweep(now=time.time())
    assert kept._store.read("SELECT ref FROM kept_files") == [("b",)]


def test_a_row_without_a_file_and_a_file_that_is_being_written_are_told_apart(kept, config):
    kept.keep([("a", b"1"), ("b", b"2")])
    for name in files(config):
        (config.data_dir / "kept" / name).unlink()
    kept.sweep(now=time.time())
    assert kept.count().files == 2
    kept.sweep(now=time.time() + 61)
    assert kept.count().files == 0
