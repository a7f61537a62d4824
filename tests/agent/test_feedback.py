# SPDX-License-Identifier: Apache-2.0
import sqlite3
from datetime import UTC, datetime

import pytest

from stemtide.agent.outbox.uploads import count
from stemtide.agent.store.database import Store
from stemtide.protocol.enums import Outcome
from tests.agent.world import agent_of, config_of, sha256, until

ONE = sha256(b"one")


def share(hub, agent, **other):
    signal = hub.share(ONE, **other)
    agent.wait(position=hub.head)
    return str(signal.id)


def upload(agent, number):
    agent.ask(*({"sha256": ONE} for _ in range(number)))


def test_outcomes_are_counted_per_signal_and_reported_in_one_go(hub, agent):
    signal = share(hub, agent)
    upload(agent, 40)
    upload(agent, 2)
    until(lambda: hub.outcomes[signal, "blocked"] == 42)
    assert len(hub.reports) <= 2
    agent.wait(outbox=0)


def test_holds_and_logs_are_reported_as_such(hub, agent):
    held = share(hub, agent, severity="low")
    upload(agent, 1)
    until(lambda: hub.outcomes[held, "held"] == 1)


@pytest.mark.nightly
def test_a_report_says_how_many_look_ups_there_were_matched_or_not(hub, agent):
    signal = share(hub, agent)
    agent.ask(*({"sha256": sha256(b"other %d" % number)} for number in range(5)))
    agent.ask({"sha256": sha256(b"another")}, {"sha256": ONE}, {"sha256": ONE})
    until(lambda: hub.outcomes[signal, "blocked"] == 2)
    assert sum(hub.lookups.values()) == 8
    upload(agent, 3)
    until(lambda: hub.outcomes[signal, "blocked"] == 5)
    assert sum(hub.lookups.values()) == 11


@pytest.mark.nightly
def test_an_older_hub_gets_its_reports_without_look_ups(hub, agent):
    hub.knows_lookups = False
    signal = share(hub, agent)
    upload(agent, 2)
    until(lambda: hub.outcomes[signal, "blocked"] == 2)
    agent.wait(outbox=0)
    assert not hub.lookups


def test_what_an_older_agent_left_to_report_was_looked_up_too(tmp_path):
    now = datetime.now(UTC)
    with Store(tmp_path) as store, store.write() as tx:
        count(tx, signal="a", outcome=Outcome.BLOCKED, now=now, number=7)
        tx.execute("DROP TABLE lookups")
    with Store(tmp_path) as store:
        assert [number for _, number in store.read("SELECT * FROM lookups")] == [7]


def settled(hub):
    return {key: number for key, number in hub.outcomes.items() if number}


def test_an_upload_counts_once_on_its_way_from_block_over_hold_to_release(hub, agent):
    signal = hub.share(ONE)
    agent.wait(position=hub.head)
    upload(agent, 3)
    until(lambda: settled(hub) == {(str(signal.id), "blocked"): 3})
    hub.dispute(signal)
    until(lambda: settled(hub) == {(str(signal.id), "held"): 3})
    hub.withdraw(signal)
    until(lambda: settled(hub) == {(str(signal.id), "reversed"): 3})


@pytest.mark.nightly
def test_an_upload_that_is_held_and_then_blocked_counts_as_blocked(hub, agent):
    held = share(hub, agent, severity="low")
    agent.ask({"ref": "post-1", "sha256": ONE})
    until(lambda: settled(hub) == {(held, "held"): 1})
    blocked = share(hub, agent)
    agent.ask({"ref": "post-1", "sha256": ONE})
    until(lambda: settled(hub) == {(blocked, "blocked"): 1})


@pytest.mark.nightly
def test_an_upload_counts_at_the_signal_that_still_stops_it(hub, agent):
    first, second = hub.share(ONE), hub.share(ONE)
    agent.wait(position=hub.head)
    upload(agent, 1)
    until(lambda: sum(hub.outcomes.values()) == 1)
    ((decided, _),) = settled(hub)
    other = second if decided == str(first.id) else first
    hub.withdraw(first if other is second else second)
    until(lambda: settled(hub) == {(str(other.id), "blocked"): 1})
    hub.withdraw(other)
    until(lambda: settled(hub) == {(str(other.id), "reversed"): 1})


@pytest.mark.nightly
def test_what_was_blocked_before_uploads_were_remembered_is_reported_as_reversed(hub, agent):
    signal = hub.share(ONE)
    agent.wait(position=hub.head)
    upload(agent, 1)
    until(lambda: sum(hub.outcomes.values()) == 1)
    with agent._store.write() as tx:
        tx.execute("DELETE FROM counted")
    hub.withdraw(signal)
    until(lambda: hub.outcomes[str(signal.id), "reversed"] == 1)


@pytest.mark.nightly
def test_an_exercise_is_reported_as_logged(hub, tmp_path, sandbox):
    with agent_of(config_of(hub, tmp_path, exercise=True), sandbox) as agent:
        agent.wait(ready=True)
        signal = share(hub, agent, exercise=True)
        upload(agent, 1)
        until(lambda: hub.outcomes)
    assert hub.outcomes == {(signal, "logged"): 1}


def test_a_report_whose_answer_was_lost_is_counted_once(hub, agent):
    signal = share(hub, agent)
    hub.faults["lose the answer"] = 3
    upload(agent, 5)
    agent.wait(outbox=0)
    assert hub.asked["/outcomes"] >= 4
    assert hub.outcomes == {(signal, "blocked"): 5}


def test_counts_made_while_the_hub_is_away_arrive_once(hub, config, sandbox):
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        signal = share(hub, agent)
        hub.stop()
        upload(agent, 3)
        assert agent.health()["outbox"] == 3
    with agent_of(config, sandbox) as agent:
        upload(agent, 4)
        hub.start()
        agent.wait(outbox=0)
    assert hub.outcomes == {(signal, "blocked"): 7}


@pytest.mark.nightly
def test_what_the_hub_rejects_is_kept_shown_and_may_be_retried(hub, agent):
    signal = share(hub, agent)
    hub.unknown.add(signal)
    upload(agent, 2)
    agent.wait(outbox_refused=2, outbox=0)
    hub.unknown.clear()
    assert agent.http.post("/deliveries/retry").json()["outcome_rows"] == 1
    agent.wait(outbox_refused=0, outbox=0)
    assert hub.outcomes == {(signal, "blocked"): 2}


def test_a_report_that_is_declined_whole_holds_up_no_other(hub, agent):
    signal = share(hub, agent)
    hub.faults["decline report"] = 1
    upload(agent, 2)
    agent.wait(outbox_refused=2)
    upload(agent, 3)
    until(lambda: hub.outcomes[signal, "blocked"] == 3)
    agent.http.post("/deliveries/retry")
    until(lambda: hub.outcomes[signal, "blocked"] == 5)


@pytest.mark.nightly
def test_more_signals_than_a_report_holds_go_in_several(hub, agent):
    store = agent._store
    now = hub.share(ONE).shared_at
    agent.wait(position=1)
    hub.stop()  # so that nothing leaves before all of it is counted
    with store.write() as tx:
        for number in range(10_001):
            signal = f"00000000-0000-4000-8000-{number:012}"
            count(tx, signal=signal, outcome=Outcome.LOGGED, now=now)
        count(tx, signal=signal, outcome=Outcome.REVERSED, now=now, was=Outcome.LOGGED)
    upload(agent, 1)
    hub.start()
    agent.wait(outbox=0)
    assert (len(hub.reports), sum(hub.outcomes.values())) == (2, 10_002)
    assert hub.corrected_in == hub.reports[1:]  # after what it corrects


def test_what_was_met_at_other_times_leaves_as_other_rows(tmp_path):
    """The hub learns when content was met, also after an outage of hours."""
    noon = datetime(2026, 11, 24, 12, 0, 1, tzinfo=UTC)
    with Store(tmp_path) as store:
        for minute in (0, 4, 5, 59):
            with store.write() as tx:
                at = noon.replace(minute=minute)
                count(tx, signal="a", outcome=Outcome.BLOCKED, now=at, number=2)
        rows = store.read("SELECT bucket, count FROM outcomes ORDER BY bucket")
    day = "2026-11-24T12"
    assert rows == [
        (f"{day}:00:00+00:00", 4),
        (f"{day}:05:00+00:00", 2),
        (f"{day}:55:00+00:00", 2),
    ]


@pytest.mark.nightly
def test_the_language_of_content_is_counted_and_reported(hub, agent):
    share(hub, agent)
    agent.ask({"sha256": ONE, "language": "nl"}, {"sha256": ONE, "language": "nl"}, {"sha256": ONE})
    until(lambda: sum(hub.languages.values()) == 3)
    assert hub.languages == {"nl": 2, None: 1}


def test_what_is_no_language_is_refused(agent):
    body = {"items": [{"sha256": ONE, "language": "not one"}]}
    assert agent.http.post("/match", json=body).status_code == 422
    kind = {"Content-Type": "image/png"}
    bare = agent.http.post("/match?language=x", content=b"x", headers=kind)
    assert bare.json()["errors"][0]["field"] == "language"


def test_a_store_of_the_second_version_keeps_its_counts(tmp_path):
    with Store(tmp_path) as store, store.write() as tx:
        now = datetime(2026, 11, 24, tzinfo=UTC)
        count(tx, signal="a", outcome=Outcome.HELD, now=now, number=3)
    with sqlite3.connect(tmp_path / "agent.db") as db:
        db.executescript("""
          CREATE TABLE older (report TEXT NOT NULL, signal TEXT NOT NULL, outcome TEXT NOT NULL,
            count INTEGER NOT NULL, first_at TEXT NOT NULL, last_at TEXT NOT NULL,
            refused TEXT NOT NULL DEFAULT '', PRIMARY KEY (report, signal, outcome)) WITHOUT ROWID;
          INSERT INTO older SELECT report, signal, outcome, count, first_at, last_at, refused
            FROM outcomes;
          DROP TABLE outcomes;
          ALTER TABLE older RENAME TO outcomes;
          PRAGMA user_version = 2;
        """)
    db.close()
    with Store(tmp_path) as store:
        assert store.read("SELECT signal, count, bucket, language FROM outcomes") == [
            ("a", 3, "", "")
        ]
