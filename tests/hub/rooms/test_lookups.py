# SPDX-License-Identifier: Apache-2.0
"""Looking up signals: each lookup reads one index, on both databases."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from stemtide.hub.rooms.signals.reads import lookups
from tests.world import hex_value

pytestmark = pytest.mark.django_db
PLANS = {
    "value": (lambda viewer: lookups.by_value(hex_value(5), viewer=viewer, limit=21), "_value"),
    "prefix": (lambda viewer: lookups.by_prefix("0a1b2c", viewer=viewer, limit=21), "_value"),
    "host": (
        lambda viewer: lookups.by_address("forum.example", viewer=viewer, limit=21),
        "signals_by_address",
    ),
}


def plan(statement):
    """How a database would answer, were the table large."""
    how = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            for way in ("seqscan", "bitmapscan"):
                cursor.execute(f"SET LOCAL enable_{way} = off")
        cursor.execute(how + statement.replace("%", "%%"))
        return " ".join(str(row) for row in cursor.fetchall())


@pytest.mark.parametrize("name", PLANS)
def test_a_lookup_reads_the_range_of_an_index(world, name):
    ask, index = PLANS[name]
    with CaptureQueriesContext(connection) as asked:
        ask(world.agency)
    for query in asked.captured_queries:
        told = plan(query["sql"])
        assert index in told, told
        assert "SCAN" not in told.replace("Index Scan", "")
        assert "B-TREE FOR ORDER" not in told


def test_a_host_is_found_in_a_range_of_addresses_that_holds_no_longer_hosts(world):
    addresses = ("forum.example", "forum.example/x", "forum.example:8443/x", "forum.example?q=1")
    for address in (*addresses, "forum.example.org/x", "forum.examples"):
        world.share(kind="url", value=f"https://{address}", quality=None)
    hits = lookups.by_address("forum.example", viewer=world.agency, limit=21)
    assert [row.url for row in hits] == ["forum.example", *addresses[1:]]
    assert len(lookups.by_address("forum.example", viewer=world.agency, limit=2)) == 2


def test_a_lookup_is_for_its_viewer(world):
    facts = {"tlp": "red", "audience": ("small-forum",)}
    hidden = world.share(value=hex_value(5), **facts)
    for ask in (
        lambda viewer: lookups.by_value(hex_value(5), viewer=viewer, limit=21),
        lambda viewer: lookups.by_prefix(hex_value(5)[:8], viewer=viewer, limit=21),
        lambda viewer: lookups.by_id(hidden.id, viewer=viewer, limit=21),
    ):
        assert [row.uid for row in ask(world.small_provider)] == [hidden.id]
        assert ask(world.big_provider) == []
    assert lookups.by_id(uuid4(), viewer=world.small_provider, limit=21) == []
