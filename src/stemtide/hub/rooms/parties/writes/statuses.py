# SPDX-License-Identifier: Apache-2.0
"""Write the status of many agents at once."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Count

from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.ledger.writes.ledger import Act
from stemtide.hub.rooms.parties.models import Agent
from stemtide.hub.rooms.parties.reads import parties as reads
from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.rooms.parties.rules import parties as rules
from stemtide.protocol.enums import Scope
from stemtide.protocol.sync.agents import AgentStatusIn

ENTRY_KINDS = {
    "appeared": "agent.appeared",
    "updated": "agent.updated",
    "returned": "agent.returned",
}
"""Kinds of entries about reports, by what changed."""

_AT_ONCE = 200
"""Agents in one transaction, so that other writers are not blocked for long."""

_UPDATE = """
UPDATE parties_agent SET position = %s, signals = %s, exercise = %s, started_at = %s,
  troubles = %s, last_seen_at = %s
WHERE party_id = %s AND name = %s AND version = %s AND last_seen_at < %s
"""

_RETURN = """
UPDATE parties_agent SET position = %s, signals = %s, exercise = %s, started_at = %s,
  troubles = %s, last_seen_at = %s, version = %s
WHERE id = %s
"""

_REPORTED = ("position", "signals", "exercise", "started_at", "troubles")
_COLUMNS: dict[str, Any] = {
    field.attname: field
    for field in Agent._meta.local_concrete_fields  # noqa: SLF001  # Django documents it as public
}
_FIELDS = [_COLUMNS[name] for name in (*_REPORTED, "last_seen_at")]


class StatusRow(NamedTuple):
    """A report of a known agent. party: its primary key."""

    party: int
    name: str
    status: AgentStatusIn
    seen_at: datetime


@needs_no_entry("report_status records that an agent appears, returns or changes its version")
def write_statuses(rows: Sequence[StatusRow]) -> list[StatusRow]:
    """Write further reports of known agents. What another process has written since stays.

    returns: the reports of agents that the database does not know, as after it was set back.
    """
    unknown = []
    ordered = sorted(rows, key=lambda row: (row.party, row.name))  # always locked in one order
    for start in range(0, len(ordered), _AT_ONCE):
        unknown += _write_part(ordered[start : start + _AT_ONCE])
    return unknown


@transaction.atomic
def _write_part(rows: Sequence[StatusRow]) -> list[StatusRow]:
    """Write one part in a transaction of its own; return the reports of unknown agents."""
    with connection.cursor() as cursor:
        cursor.executemany(_UPDATE, [_parameters(row) for row in rows])
    agents = Agent.objects.filter(name__in={row.name for row in rows})
    names = set(agents.values_list("party_id", "name"))
    return [row for row in rows if (row.party, row.name) not in names]


def _parameters(row: StatusRow) -> list[Any]:
    """Return the parameters of the update of one agent, as the driver takes them."""
    values = (*(getattr(row.status, name) for name in _REPORTED), row.seen_at)
    prepared = [
        field.get_db_prep_save(value, connection)
        for field, value in zip(_FIELDS, values, strict=True)
    ]
    return [*prepared, row.party, row.name, row.status.version, prepared[-1]]


class AgentReport(NamedTuple):
    """A report that the ledger may need an entry about. key: its prefix; the secret was right."""

    name: str
    status: AgentStatusIn
    key: str


@transaction.atomic
def record_reports(
    take: Callable[[], Sequence[AgentReport]], *, clock: Callable[[], datetime]
) -> list[bool | None]:
    """Record reports in one transaction, each as report_status does.

    take: returns the reports that wait, once this write holds the ledger's lock. Keys are read
          under the lock, too.

    returns: True for each that is recorded; None for each that report_status must refuse.
    """
    ledger.lock_ledger()
    reports, now = take(), clock()
    group = _ReportGroup(reports, now=now)
    recorded = [group.add(report) for report in reports]
    ledger.append_many(group.store(), now=now)
    return [is_recorded or None for is_recorded in recorded]


class _ReportGroup:
    """The reports of one transaction, with the agents that they are about."""

    def __init__(self, reports: Sequence[AgentReport], *, now: datetime) -> None:
        self._now = now
        keys = {report.key for report in reports}
        self._working = reads.working_callers(keys, now=now)
        existing = Agent.objects.filter(
            party__in={caller.party.pk for caller in self._working.values()},
            name__in={report.name for report in reports},
        )
        self._agents = {(agent.party_id, agent.name): agent for agent in existing}
        of_key = Agent.objects.filter(key__in=keys).values_list("key").annotate(Count("pk"))
        self._of_key = Counter(dict(of_key.order_by()))
        self._reported: dict[tuple[int, str], Agent] = {}
        self._entries: list[tuple[str, Agent, AgentStatusIn, Caller]] = []

    def add(self, report: AgentReport) -> bool:
        """Take a report; return False for one that report_status must refuse."""
        caller, status = self._working.get(report.key), report.status
        if caller is None or Scope.FEEDBACK_WRITE not in caller.scopes:
            return False
        if caller.party.exercise and not status.exercise:
            return False
        place = caller.party.pk, report.name
        agent = self._agents.get(place)
        before = agent.version if agent else None
        is_steady = (
            agent is not None
            and before == status.version
            and rules.is_connected(agent.last_seen_at, now=self._now)
        )
        if agent is None:
            if self._of_key[report.key] >= rules.MAX_AGENTS_OF_KEY:
                return False
            self._of_key[report.key] += 1
            agent = Agent(
                party=caller.party, name=report.name, key=report.key, first_seen_at=self._now
            )
        for name in (*_REPORTED, "version"):
            setattr(agent, name, getattr(status, name))
        agent.last_seen_at = self._now
        self._agents[place] = self._reported[place] = agent
        if not is_steady:
            kind = ENTRY_KINDS[rules.change_of_agent(before, status.version)]
            self._entries.append((kind, agent, status, caller))
        return True

    def store(self) -> list[Act]:
        """Store the agents; return the entries about them."""
        # In the order of write_statuses, so that neither waits for the other.
        agents = [agent for _, agent in sorted(self._reported.items())]
        returning = [agent for agent in agents if agent.pk]
        with connection.cursor() as cursor:
            cursor.executemany(_RETURN, [_row_of(agent) for agent in returning])
        Agent.objects.bulk_create([agent for agent in agents if not agent.pk])
        return [
            Act(
                kind,
                actor=caller.party.ref,
                subject=agent.ref,
                detail={"party": caller.party.ref, "version": status.version},
                exercise=status.exercise,
                crisis=None,
            )
            for kind, agent, status, caller in self._entries
        ]


def _row_of(agent: Agent) -> list[Any]:
    """Return the parameters of the update of an agent that reports again."""
    prepared = [
        field.get_db_prep_save(getattr(agent, field.attname), connection) for field in _FIELDS
    ]
    return [*prepared, agent.version, agent.pk]
