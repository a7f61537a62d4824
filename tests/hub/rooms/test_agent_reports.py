# SPDX-License-Identifier: Apache-2.0
"""Reports of many agents in one transaction are what each would be alone."""

import random
from datetime import timedelta

import pytest
from django.db import transaction

from stemtide.hub.platform.errors import RefusalError
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.parties.models import Agent, ApiKey
from stemtide.hub.rooms.parties.reads import parties as reads
from stemtide.hub.rooms.parties.rules import parties as rules
from stemtide.hub.rooms.parties.writes import parties
from stemtide.hub.rooms.parties.writes.statuses import AgentReport, record_reports
from stemtide.protocol.sync.agents import AgentStatusIn
from tests.rounds import rounds
from tests.world import NOON

COLUMNS = (
    *("party__name", "name", "key", "version", "position", "signals", "exercise"),
    *("started_at", "first_seen_at", "last_seen_at", "troubles"),
)


@pytest.fixture
def keys(world):
    """The prefixes of a key of each of three providers, and of one that is revoked."""
    owners = (world.big_provider, world.small_provider, world.authority, world.authority)
    prefixes = [reads.caller(world.key(party), now=NOON).key for party in owners]
    ApiKey.objects.filter(prefix=prefixes[-1]).update(revoked_at=NOON)
    return prefixes


def made_up(chance, keys):
    """Some reports, of few agents, so that many come again."""
    return [
        AgentReport(
            f"a{chance.randrange(5)}",
            AgentStatusIn(
                version=chance.choice(["1", "2"]),
                position=chance.randrange(9),
                signals=chance.randrange(9),
                exercise=chance.random() < 0.3,
                started_at=NOON,
                troubles=chance.choice([[], ["disk"]]),
            ),
            chance.choice(keys),
        )
        for _ in range(chance.randrange(1, 9))
    ]


def alone(reports, now):
    """Record each by itself; None for those that are refused."""
    results = []
    for report in reports:
        caller = reads.working_callers({report.key}, now=now).get(report.key)
        facts = {"status": report.status, "now": now, "key": report.key}
        try:
            agent = caller and parties.report_status(report.name, by=caller.party, **facts)
        except RefusalError:
            agent = None
        results.append(True if agent else None)
    return results


def state():
    """All agents, and the entries about them without the numbers of their rows."""
    names = {agent.ref: agent.name for agent in Agent.objects.all()}
    entries = Entry.objects.filter(kind__startswith="agent.").order_by("number")
    return list(Agent.objects.order_by("party__name", "name").values_list(*COLUMNS)), [
        (entry.kind, entry.actor, names[entry.subject], entry.detail, entry.exercise)
        for entry in entries
    ]


@pytest.mark.parametrize("seed", range(1, 1 + rounds(1, nightly=100)))
def test_reports_together_are_what_they_are_one_after_the_other(keys, monkeypatch, seed):
    monkeypatch.setattr(rules, "MAX_AGENTS_OF_KEY", 4)
    chance = random.Random(seed)  # noqa: S311  # repeatable
    groups = [made_up(chance, keys) for _ in range(6)]
    waits = [chance.choice([1, 19, 21, 60]) for _ in groups]
    outcomes = []
    for record in (alone, lambda group, now: record_reports(lambda: group, clock=lambda: now)):
        with transaction.atomic():
            now, results = NOON, []
            for group, wait in zip(groups, waits, strict=True):
                now += timedelta(seconds=wait)
                results.append(record(group, now))
            outcomes.append((results, *state()))
            transaction.set_rollback(True)
    assert outcomes[0] == outcomes[1]
    assert any(None in results for results in outcomes[0][0])
