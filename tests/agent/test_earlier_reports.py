# SPDX-License-Identifier: Apache-2.0
"""How many uploads came before their signal, and in which hour: counts that the hub gets."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from sqlite3 import connect

import pytest

from stemtide.agent.outbox.uploads import count_earlier
from stemtide.agent.store.database import Store
from tests.agent.world import agent_of, config_of, sha256, until

FILM = sha256(b"film")


@pytest.fixture
def config(hub, tmp_path):
    return config_of(hub, tmp_path)


def this_hour():
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def test_the_hub_gets_the_number_of_earlier_uploads_and_their_first_hour(hub, agent):
    before = this_hour()
    agent.ask(*({"sha256": FILM, "ref": ref} for ref in ("a", "b", "c")))
    agent.ask({"sha256": sha256(b"other"), "ref": "d"})
    signal = hub.share(FILM)
    until(lambda: hub.earlier, what="the report of earlier uploads")
    count, first_hour = hub.earlier[str(signal.id)]
    assert count == 3
    assert before <= first_hour <= this_hour()
    assert list(hub.earlier) == [str(signal.id)]


def test_an_upload_after_the_signal_is_no_earlier_one(hub, agent):
    signal = hub.share(FILM)
    agent.wait(position=hub.head)
    agent.ask({"sha256": FILM, "ref": "a"})
    until(lambda: hub.outcomes[str(signal.id), "blocked"] == 1, what="the report")
    assert hub.earlier == {}


def test_an_older_hub_gets_its_report_without_them(hub, agent):
    hub.knows_earlier = False
    agent.ask({"sha256": FILM, "ref": "a"})
    signal = hub.share(FILM)
    until(lambda: hub.outcomes[str(signal.id), "blocked"] == 1, what="the report")
    agent.wait(outbox=0, outbox_refused=0)
    assert hub.earlier == {}
    assert hub.lookups


@pytest.mark.nightly
def test_a_number_that_changed_before_a_lost_answer_came_again_is_not_lost(hub, agent, config):
    """The hub reads a report once. Its repeat must not make a newer number look reported."""
    agent.ask({"sha256": FILM, "ref": "a"})
    hub.faults["lose the answer"] = 1_000
    signal = hub.share(FILM)
    until(lambda: hub.earlier, what="the report of earlier uploads")
    with closing(connect(config.data_dir / "agent.db", timeout=30)) as file, file:
        file.execute("UPDATE earlier_uploads SET count = 2")
    asked = hub.asked["/outcomes"]
    until(lambda: hub.asked["/outcomes"] > asked + 1, what="a repeat with the newer number")
    hub.faults["lose the answer"] = 0
    agent.wait(outbox=0)
    agent.ask({"sha256": FILM, "ref": "later"})
    until(lambda: hub.earlier[str(signal.id)][0] == 2, what="the newer number")


@pytest.mark.nightly
def test_numbers_that_an_older_hub_did_not_take_come_after_its_upgrade(hub, agent):
    hub.knows_earlier = False
    agent.ask({"sha256": FILM, "ref": "a"})
    signal = hub.share(FILM)
    until(lambda: hub.outcomes[str(signal.id), "blocked"] == 1, what="the report")
    agent.wait(outbox=0)
    hub.knows_earlier = True
    agent.ask({"sha256": FILM, "ref": "later"})
    until(lambda: hub.earlier, what="the numbers of before")
    assert hub.earlier[str(signal.id)][0] == 1


def test_a_restart_reports_the_same_number_again_and_not_twice(hub, config, sandbox):
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, hub_reachable=True)
        agent.ask({"sha256": FILM, "ref": "a"})
        signal = hub.share(FILM)
        until(lambda: hub.earlier, what="the report of earlier uploads")
    with Store(config.data_dir) as store, store.write() as tx:
        tx.execute("UPDATE state SET value = '0' WHERE name = 'journal_searched'")
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, hub_reachable=True)
        until(lambda: agent.health()["journal"]["searched"], what="another search")
        agent.ask({"sha256": FILM, "ref": "b"})
        until(lambda: hub.outcomes[str(signal.id), "blocked"] == 2, what="another report")
    assert hub.earlier[str(signal.id)][0] == 1


def test_the_first_of_several_hours_counts(tmp_path):
    late = datetime(2026, 11, 29, 12, 59, tzinfo=UTC)
    with Store(tmp_path) as store:
        with store.write() as tx:
            for at in (late, late - timedelta(hours=3), late):
                count_earlier(tx, ["s"], uploaded_at=at)
        ((count, hour),) = store.read("SELECT count, first_hour FROM earlier_uploads")
    assert (count, datetime.fromtimestamp(hour, UTC)) == (3, late.replace(hour=9, minute=0))
