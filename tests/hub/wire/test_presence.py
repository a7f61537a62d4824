# SPDX-License-Identifier: Apache-2.0
"""Reports of agents are kept in memory and written in batches."""

from datetime import timedelta

import pytest
from django.db import OperationalError

from stemtide.hub.rooms.parties.models import Agent
from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.rooms.parties.writes import parties
from stemtide.hub.rooms.parties.writes.statuses import StatusRow, write_statuses
from stemtide.hub.wire import presence as room
from stemtide.hub.wire.presence import Presence
from stemtide.protocol.sync.agents import AgentStatusIn
from tests.world import NOON


def status(**facts: object) -> AgentStatusIn:
    return AgentStatusIn(
        **{"version": "1", "position": 1, "signals": 2, "started_at": NOON} | facts
    )


@pytest.fixture
def caller(world) -> Caller:
    parties.report_status("a", by=world.big_provider, status=status(), now=NOON)
    return Caller(world.big_provider, "key", frozenset())


@pytest.fixture
def present(caller, monkeypatch) -> Presence:
    """The agent "a", that reported, and whose further reports no thread writes by itself."""
    monkeypatch.setattr(room, "WRITE_S", 3600.0)
    present = Presence()
    present.learn(caller, "a", status(), now=NOON)
    return present


def later(seconds: int):
    return NOON + timedelta(seconds=seconds)


def test_a_changed_report_is_written_with_the_next_batch(present, caller):
    present.take(caller, "a", status(position=7, troubles=["disk"]), now=later(1))
    present.write_due()

    row = Agent.objects.get()
    assert (row.position, row.troubles, row.last_seen_at) == (7, ["disk"], later(1))


def test_few_agents_report_at_once_and_a_thousand_rest(present, caller):
    assert present.rest_s() == 0.0
    for number in range(999):
        present.learn(caller, f"b-{number}", status(), now=NOON)
    assert present.rest_s() == 2.0


def test_an_unchanged_report_is_written_only_after_a_while(present, caller, monkeypatch):
    present.take(caller, "a", status(), now=later(1))
    present.write_due()
    assert Agent.objects.get().last_seen_at == NOON

    monkeypatch.setattr(room, "SEEN_S", 0.0)
    present.write_due()
    assert Agent.objects.get().last_seen_at == later(1)


def test_at_the_end_everything_is_written_and_nothing_more_is_taken(present, caller):
    present.take(caller, "a", status(), now=later(1))
    present.write_due(is_last=True)

    assert Agent.objects.get().last_seen_at == later(1)


def test_a_report_of_another_version_or_agent_is_for_the_database(present, caller, world):
    assert present.knows(caller, "a", status())
    assert not present.knows(caller, "a", status(version="2"))
    assert not present.knows(caller, "b", status())
    assert not present.knows(Caller(world.observer, "key", frozenset()), "a", status())


def test_an_agent_that_was_silent_is_for_the_database(present, caller, monkeypatch):
    monkeypatch.setattr(room, "_SILENT_S", 0.0)
    assert not present.knows(caller, "a", status())


def test_what_could_not_be_written_is_written_later(caller):
    written = []

    def write(rows: list[StatusRow]) -> None:
        if not written:
            written.append("failed")
            raise OperationalError("away")
        written.extend(row.status.position for row in rows)

    present = Presence(write)
    present.learn(caller, "a", status(), now=NOON)
    present.take(caller, "a", status(position=7), now=later(1))
    with pytest.raises(OperationalError):
        present.write_due()
    present.write_due()

    assert written == ["failed", 7]


def test_a_row_that_another_process_wrote_later_stays(caller):
    parties.report_status("a", by=caller.party, status=status(position=9), now=later(2))
    write_statuses([StatusRow(caller.party.pk, "a", status(position=7), later(1))])

    assert Agent.objects.get().position == 9


def test_a_row_of_another_version_stays(caller):
    write_statuses([StatusRow(caller.party.pk, "a", status(version="0", position=7), later(1))])

    assert Agent.objects.get().position == 1


def test_an_agent_that_the_database_does_not_know_reports_there_again(present, caller):
    Agent.objects.all().delete()  # the database was set back to before its first report
    present.take(caller, "a", status(position=7), now=later(1))
    present.write_due()

    assert not present.knows(caller, "a", status())
