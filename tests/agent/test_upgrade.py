# SPDX-License-Identifier: Apache-2.0
"""A store that the first agent wrote (agent-v1.db, made by that agent) is brought up to date."""

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from stemtide.agent.store import schema
from stemtide.agent.store.database import Store
from stemtide.fingerprints.kinds import Kind
from tests.agent.test_segments import apply
from tests.agent.world import sha256

OLD = Path(__file__).with_name("agent-v1.db")


@pytest.fixture
def folder(tmp_path):
    shutil.copy(OLD, tmp_path / "agent.db")
    return tmp_path


def rows_of(path, sql):
    with sqlite3.connect(path) as db:
        found = db.execute(sql).fetchall()
    db.close()
    return found


def test_every_signal_is_there_and_matches(folder):
    before = rows_of(OLD, "SELECT id, kind, value, within_bits, body FROM signals ORDER BY rowid")
    with Store(folder) as store:
        after = store.read("SELECT id, kind, value, within_bits, body FROM signals ORDER BY seq")
        assert (after, len(after)) == (before, 24)
        counts = store.library.counts()
        assert [counts[kind] for kind in (Kind.PDQ, Kind.SHA256, Kind.MD5)] == [2, 21, 1]
        hits = store.library.match_values(Kind.SHA256, bytes.fromhex(sha256(b"v1 7")))
        (found,) = store.find(hits.keys.tolist()).values()
        assert found.value == sha256(b"v1 7")


def test_what_only_the_agent_has_is_there(folder):
    tables = ["outcomes", "deliveries", "acted"]
    before = [rows_of(OLD, f"SELECT * FROM {table}") for table in tables]  # noqa: S608 - our own names
    with Store(folder) as store:
        after = [store.read(f"SELECT * FROM {table}") for table in tables]  # noqa: S608 - our own names
        # What came later: bucket and language, and how each signal matched.
        after = [[row[:7] for row in after[0]], after[1], [row[:7] for row in after[2]]]
        assert after == before
        assert (len(before[0]), len(before[2])) == (2, 2)
        assert (store.position, store.origin.exercise) == (27, True)


def test_there_is_room_for_what_an_hma_holds(folder):
    with Store(folder) as store:
        assert store.read("SELECT * FROM banks") == store.read("SELECT * FROM banked") == []
    with Store(folder) as store:  # and only once
        assert store.read("SELECT count(*) FROM banked") == [(0,)]


def test_what_answers_say_in_short_is_what_the_signals_say(folder):
    with Store(folder) as store:
        ((ends,),) = store.read("SELECT expires_at FROM signals WHERE kind = 'md5'")
        assert ends == pytest.approx(32472187200.25)
        assert store.read("SELECT count(*) FROM signals WHERE exercise") == [(1,)]
        briefs = store.summaries([1, 24], now=0, exercise=True)
        assert [briefs[seq].disputed for seq in (1, 24)] == [False, True]


def test_distances_of_an_older_store_are_limited_in_its_files_as_well(tmp_path):
    with Store(tmp_path) as store:
        apply(store, 1, within_bits=64)
        apply(store, 2, within_bits=12)
        store.library.save()
    with sqlite3.connect(tmp_path / "agent.db") as db:
        db.execute("PRAGMA user_version = 3")
    db.close()
    far = (1 ^ ((1 << 32) - 1) << 100).to_bytes(32, "big")  # 32 bits away
    with Store(tmp_path) as store:
        assert store.read("SELECT within_bits FROM signals") == [(31,), (12,)]
        assert not len(store.library.match_values(Kind.PDQ, far).keys)


TRY = """
import resource, sys
from pathlib import Path
from stemtide.agent.store.database import Store
resource.setrlimit(resource.RLIMIT_FSIZE, (32 * 1024, -1))
Store(Path(sys.argv[1]))
"""


def test_a_full_disk_on_the_way_loses_nothing(folder):
    done = subprocess.run(
        [sys.executable, "-c", TRY, folder], check=False, capture_output=True, text=True
    )
    assert "agent.db cannot be used: " in done.stderr
    assert not list(folder.glob("*.torn-*"))
    with Store(folder) as store:
        assert len(store.library) == 24


def test_a_kill_on_the_way_leaves_the_old_file(folder, monkeypatch):
    monkeypatch.setattr(schema, "_unix_time", lambda _: 1 / 0)
    with pytest.raises(schema.TornError):
        schema.connect(folder / "agent.db")
    assert rows_of(folder / "agent.db", "PRAGMA user_version") == [(1,)]
    assert rows_of(folder / "agent.db", "SELECT count(*) FROM signals") == [(24,)]
