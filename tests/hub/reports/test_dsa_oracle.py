# SPDX-License-Identifier: Apache-2.0
"""The DSA report of a year of random orders equals what plain SQL and a slow twin count."""

from datetime import datetime, timedelta
from statistics import median

import pytest
from django.db import connection

from stemtide.hub.rooms.orders.models import Order
from tests.hub.reports.test_dsa import cells, report
from tests.hub.reports.test_yearly_oracle import (  # noqa: F401  # fixtures
    NOW,
    chance,
    orders_at_random,
)

SHEET = "3_member_states_orders"
RECEIVED = """
SELECT o.id, p.country, o.received_at, o.acknowledged_at, o.answered_at, o.executed_at,
       (SELECT count(*) FROM orders_orderaddress a WHERE a.order_id = o.id)
FROM orders_order o JOIN parties_party p ON p.id = o.issued_by_id
WHERE o.addressee_id = %s AND NOT o.exercise AND o.received_at IS NOT NULL
"""


def moment(value):
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def hours(begins, ends):
    return max(0.0, (moment(ends) - moment(begins)).total_seconds() / 3600)


def counted(world, year):
    """Orders, items and medians by Member State, and of all together, from plain rows."""
    with connection.cursor() as cursor:
        cursor.execute(RECEIVED, [world.big_provider.pk])
        rows = [row for row in cursor.fetchall() if moment(row[2]).year == year]
    found = {}
    for scope in {"TOTAL", *(row[1] for row in rows)}:
        own = [row for row in rows if scope in {"TOTAL", row[1]}]
        confirmed = [hours(row[2], row[3] or row[4]) for row in own if row[3] or row[4]]
        carried_out = [hours(row[2], row[5]) for row in own if row[5]]
        found[scope] = (
            len(own),
            sum(row[6] for row in own),
            median(confirmed) if confirmed else None,
            median(carried_out) if carried_out else None,
        )
    return found


@pytest.mark.parametrize("year", [2026, 2027])
def test_each_figure_of_orders_equals_plain_sql(orders_at_random, chance, year):  # noqa: F811
    world = orders_at_random
    for row in Order.objects.exclude(received_at=None):
        if chance.random() < 0.5:
            row.acknowledged_at = row.received_at + timedelta(minutes=chance.randrange(0, 50))
            row.save(update_fields=["acknowledged_at"])
    expected = counted(world, year)
    assert expected["TOTAL"][0] > 5
    found = report(world, now=NOW, year=year)
    for scope, (orders, items, confirm, effect) in expected.items():
        row = cells(found, SHEET, "10d", scope)
        assert row[6:8] == [orders, items], scope
        assert row[8] == (None if confirm is None else pytest.approx(confirm, abs=0.01)), scope
        assert row[9] == (None if effect is None else pytest.approx(effect, abs=0.01)), scope
    table = next(table for table in found.report.tables if table.name == SHEET)
    of_states = [
        line[6] or 0
        for line in table.rows
        if line[3] == "KEYWORD_TERRORIST_CONTENT" and line[5] != "TOTAL"
    ]
    assert sum(of_states) == expected["TOTAL"][0]
