# SPDX-License-Identifier: Apache-2.0
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from stemtide.agent.outbox.actions import MatchReason, forget, record, refs_of
from stemtide.agent.outbox.uploads import count
from stemtide.agent.store.database import Store
from stemtide.agent.store.schema import StoreError, open_file, write_for_loading
from stemtide.protocol.enums import Action, Outcome
from tests.agent.world import agent_of, sha256, until
from tests.rounds import rounds

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SIGNAL = "00000000-0000-4000-8000-000000000001"


def counted(store):
    return store.read("SELECT signal, outcome, count FROM outcomes")


def test_a_new_store_knows_no_hub(tmp_path):
    with Store(tmp_path) as store:
        assert (store.origin, store.position, store.synced_at) == (None, 0, None)
        assert len(store.library) == 0


def test_a_transaction_that_fails_leaves_nothing(tmp_path):
    with Store(tmp_path) as store:
        with pytest.raises(sqlite3.OperationalError), store.write() as tx:
            write_and_fail(tx)
        assert counted(store) == []


def write_and_fail(tx):
    count(tx, signal=SIGNAL, outcome=Outcome.BLOCKED, now=NOON)
    tx.execute("INSERT INTO nowhere VALUES (1)")


def test_two_agents_never_share_a_directory(tmp_path):
    with Store(tmp_path), pytest.raises(StoreError, match="another agent uses"):
        Store(tmp_path)
    with Store(tmp_path):
        pass


def test_a_directory_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be used"):
        Store(tmp_path / "file")


def test_a_database_of_another_program_is_left_alone(tmp_path):
    with sqlite3.connect(tmp_path / "agent.db") as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    with pytest.raises(StoreError, match="a database of another program; move it away"):
        Store(tmp_path)


def test_a_store_of_a_newer_agent_is_left_alone(tmp_path):
    with Store(tmp_path) as store:
        store._writer.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match=r"written by a newer agent \(store version 99"):
        Store(tmp_path)


def test_a_file_that_is_no_database_is_kept_aside_and_said(tmp_path):
    (tmp_path / "agent.db").write_bytes(b"not a database, whatever it was" * 500)
    with Store(tmp_path) as store:
        assert "0 outcomes (the rest is unreadable)" in store.trouble
        assert store.origin is None
    assert [one.name for one in tmp_path.glob("agent.db.torn-*")]


def test_a_torn_file_loses_signals_but_no_counts(hub, config, sandbox):
    """The signals' pages are damaged; what only the agent has is carried over."""
    signals = rounds(500, nightly=3000)
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        for number in range(signals):
            hub.share(sha256(str(number).encode()))
        agent.wait(position=signals)
        hub.stop()
        agent.ask({"ref": "post-1", "sha256": sha256(b"7")})
    path = config.data_dir / "agent.db"
    tear_pages_of(path, "signals")
    hub.start()
    with agent_of(config, sandbox) as agent:
        trouble = until(lambda: agent.health()["troubles"].get("store"))  # the check comes later
        assert "was damaged" in trouble
        assert "1 outcomes" in trouble
        agent.wait(ready=True, position=signals, outbox=0)
    assert sum(hub.outcomes.values()) == 1


def test_the_log_is_copied_after_as_many_bytes_whatever_the_size_of_pages(tmp_path):
    file = tmp_path / "agent.db"
    with Store(tmp_path), closing(open_file(file)) as new:
        assert pages_of(new) == (16_384, 488)
        write_for_loading(new)
        assert pages_of(new) == (16_384, 3906)
    with closing(sqlite3.connect(file)) as older:  # as agents made them before
        for statement in ("journal_mode = DELETE", "page_size = 4096"):
            older.execute(f"PRAGMA {statement}")
        older.execute("VACUUM")
    with Store(tmp_path), closing(open_file(file)) as older:
        assert pages_of(older) == (4096, 1953)


def pages_of(connection):
    """Return the bytes of a page, and the pages after which the log is copied."""
    names = ("page_size", "wal_autocheckpoint")
    return tuple(connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names)


def tear_pages_of(path, table):
    """Overwrite a page in the middle of a table with noise."""
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (root,) = db.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)
        ).fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    db.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xa5" * size)


def test_what_was_acted_upon_is_forgotten_after_its_time(tmp_path, config):
    reasons = [MatchReason(SIGNAL, Action.BLOCK, "md5", 0, "")]
    facts = {"exercise": False}
    with Store(tmp_path) as store, store.write() as tx:
        record(tx, ref="old", reasons=reasons, extra=facts, config=config, now=NOON)
        later = NOON + timedelta(days=40)
        record(tx, ref="new", reasons=reasons, extra=facts, config=config, now=later)
        forget(tx, before=later - timedelta(days=30))
        assert refs_of(tx, SIGNAL) == ["new"]


def test_a_full_disk_does_not_let_known_content_through(hub, agent):
    hub.share(sha256(b"x"))
    agent.wait(position=1)
    store = agent._store
    (pages,) = store._writer.execute("PRAGMA page_count").fetchone()
    store._writer.execute(f"PRAGMA max_page_count = {pages}")
    items = [{"ref": f"{number:03}" * 60, "sha256": sha256(b"x")} for number in range(500)]
    answers = agent.ask(*items)
    assert {one["decision"]["action"] for one in answers} == {"block"}
    assert "not recorded: " in answers[0]["remarks"][0]
    assert agent.health()["unrecorded"] == 500
    store._writer.execute("PRAGMA max_page_count = 1073741823")
    agent.ask({"ref": "1", "sha256": sha256(b"x")})
    until(lambda: sum(hub.outcomes.values()) == 1)
