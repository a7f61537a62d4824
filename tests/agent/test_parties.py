# SPDX-License-Identifier: Apache-2.0
"""The standing of parties comes with snapshots and the feed, and is kept in the agent's file."""

import json
import shutil
import sqlite3
from contextlib import closing

import pytest

from stemtide.agent.counters import Counters
from stemtide.agent.store.database import Store
from stemtide.agent.sync.snapshot import FeedReader
from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.trust.standing import PartyTrust, speaks_alone
from tests.agent.test_upgrade import OLD, rows_of
from tests.agent.world import agent_of, config_of, sha256, until


def standing_of(config, name):
    rows = rows_of(
        config.data_dir / "agent.db",
        f"SELECT standing FROM parties WHERE name = '{name}'",  # noqa: S608 - our own names
    )
    return rows[0][0] if rows else None


def confirmed_by(config, uid):
    path = config.data_dir / "agent.db"
    ((body,),) = rows_of(path, f"SELECT body FROM signals WHERE id = '{uid}'")  # noqa: S608 - our own names
    return json.loads(body)["confirmed_by"]


def parties_after(config):
    ((after,),) = rows_of(
        config.data_dir / "agent.db", "SELECT value FROM state WHERE name = 'parties_after'"
    )
    return int(after)


@pytest.mark.usefixtures("agent")
def test_all_parties_come_with_the_snapshot(config):
    assert standing_of(config, "europol") == "member"
    assert standing_of(config, "nobody") is None


def test_a_changed_standing_comes_with_the_feed_and_moves_the_cursor(hub, config, agent):
    hub.set_party("paste-corner", standing="suspended")
    agent.wait(position=1)
    assert standing_of(config, "paste-corner") == "suspended"
    assert parties_after(config) == 1


@pytest.mark.nightly
def test_a_store_without_parties_asks_for_all_of_them(hub, tmp_path, sandbox):
    config = config_of(hub, tmp_path)
    known, hub.parties = hub.parties, None
    hub.share(sha256(b"x"))
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, position=1)
        assert (standing_of(config, "europol"), parties_after(config)) == (None, 0)
        hub.parties = known
        hub.share(sha256(b"y"))
        agent.wait(position=2)
        assert (standing_of(config, "europol"), parties_after(config)) == ("member", 2)


@pytest.mark.nightly
def test_parties_of_another_hub_replace_all(hub, config, sandbox):
    hub.set_party("of-the-first-hub")
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, position=1)
        hub.stop()
        hub.id = type(hub.id)(int=7)
        del hub.parties["of-the-first-hub"]
        hub.start()
        until(lambda: standing_of(config, "of-the-first-hub") is None)
        assert standing_of(config, "europol") == "member"


@pytest.mark.nightly
def test_an_older_hub_keeps_what_is_known_of_parties(hub, config, sandbox):
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        hub.parties = None
        hub.share(sha256(b"x"))
        agent.wait(position=1)
        assert standing_of(config, "europol") == "member"


@pytest.mark.parametrize("change", [{"standing": "exalted"}, {"kind": "oracle"}])
def test_a_party_with_a_word_from_the_future_does_not_count(change):
    counters = Counters(1)
    raw = {"position": 1, "name": "europol", "kind": "agency", "standing": "member"}
    (party,) = FeedReader(counters, exercise=False).parties([raw | change, "no party"])
    trust = PartyTrust(party.name, party.kind, party.standing)
    assert not speaks_alone(trust, kind=Kind.SHA256, reach=None)
    assert counters.total("skipped") == 1


def test_an_older_store_gets_a_table_of_parties(tmp_path):
    shutil.copy(OLD, tmp_path / "agent.db")
    with Store(tmp_path) as store:
        assert store.read("SELECT * FROM parties") == []
        assert (store.view.parties_after, store.position) == (0, 27)


def test_an_upgraded_agent_loads_a_snapshot_because_it_does_not_know_who_confirmed(
    hub, tmp_path, sandbox
):
    config = config_of(hub, tmp_path)
    signal = hub.share(sha256(b"x"))
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, position=1)
    with closing(sqlite3.connect(config.data_dir / "agent.db")) as database, database:
        database.execute("DROP TABLE parties")
    hub.entries[signal.id] = signal.model_copy(update={"confirmed_by": ["one", "two"]})
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, position=1)
        until(lambda: confirmed_by(config, signal.id) == ["one", "two"])


def test_a_cursor_beyond_the_position_asks_for_all(tmp_path):
    with Store(tmp_path):
        pass
    with sqlite3.connect(tmp_path / "agent.db") as db:
        db.execute("INSERT INTO state VALUES ('parties_after', '9')")
    db.close()
    with Store(tmp_path) as store:
        assert store.view.parties_after == 0
