# SPDX-License-Identifier: Apache-2.0
"""Write the status of many agents at once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction

from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.parties.models import Agent
from stemtide.protocol.sync.agents import AgentStatusIn

_AT_ONCE = 200
"""Agents in one transaction, so that other writers are not blocked for long."""

_UPDATE = """
UPDATE parties_agent SET position = %s, signals = %s, exercise = %s, started_at = %s,
  troubles = %s, last_seen_at = %s
WHERE party_id = %s AND name = %s AND version = %s AND last_seen_at < %s
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
