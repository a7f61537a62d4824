# SPDX-License-Identifier: Apache-2.0
"""Rows of a bulk that say the same are prepared once, and each keeps what it says."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection

from stemtide.hub.platform.database import bulk_insert
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.rules import checks as rules_ready
from stemtide.hub.rooms.signals.writes import signals as writes
from tests.world import NOON, hex_value, signal_in


def stored(out):
    """The rows of a bulk in the order sent."""
    found = {row.uid: row for row in Signal.objects.select_related("content")}
    return [found[one.id] for one in out.signals]


def test_rows_that_say_the_same_have_the_same_facts():
    bodies = [signal_in(value=hex_value(number), confidence=number // 2) for number in range(4)]

    first, second, third, fourth = rules_ready.read(bodies, now=NOON).drafts

    assert first.facts is second.facts
    assert third.facts is fourth.facts
    assert (first.facts.confidence, third.facts.confidence) == (0, 1)


def test_each_row_of_a_bulk_keeps_what_it_alone_says(world):
    content, hub, later = uuid4(), uuid4(), NOON + timedelta(days=1)
    said = [
        {},
        {"content": content},
        {"expires_at": later},
        {"via": [hub]},
        {"quality": 70, "within_bits": 12},
        {"entity": "EU 2023/1514 II.3"},
        {"labels": ["manifesto", "perpetrator-content"]},
        {"tlp": "red", "audience": [world.agency.name]},
        {},
    ]
    bodies = [signal_in(value=hex_value(number), **one) for number, one in enumerate(said)]

    rows = stored(writes.share_many(bodies, by=world.authority, now=NOON))

    assert [row.value for row in rows] == [body.value for body in bodies]
    assert [row.content and row.content.uid for row in rows] == [None, content, *[None] * 7]
    assert [row.expires_at for row in rows] == [None, None, later, *[None] * 6]
    assert [row.via for row in rows] == ["", "", "", str(hub), *[""] * 5]
    assert [row.within_bits for row in rows] == [*[None] * 4, 12, *[None] * 4]
    assert [row.entity is None for row in rows] == [*[True] * 5, False, *[True] * 3]
    assert [len(row.labels) for row in rows] == [len(body.labels) for body in bodies]
    assert [row.audience for row in rows] == [*[""] * 7, f"|{world.agency.name}|", ""]
    assert all(row.withdrawn_at is None and row.is_disputed is False for row in rows)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL is asked otherwise")
def test_columns_that_no_row_fills_are_not_sent(world):
    asked = []

    def listen(execute, sql, params, many, context):
        asked.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen):
        bodies = [signal_in(value=hex_value(1)), signal_in(value=hex_value(2), within_bits=9)]
        writes.share_many(bodies, by=world.authority, now=NOON)

    (insert,) = [sql for sql in asked if sql.startswith("INSERT INTO signals_signal")]
    assert "within_bits" in insert
    assert "withdrawn_at" not in insert


def test_rows_of_several_statements_keep_their_order_and_what_they_share(world, monkeypatch):
    monkeypatch.setattr(bulk_insert, "_VALUES_IN_A_STATEMENT", 60)
    bodies = [signal_in(value=hex_value(number), confidence=number % 3) for number in range(30)]

    rows = stored(writes.share_many(bodies, by=world.authority, now=NOON))

    assert [row.value for row in rows] == [body.value for body in bodies]
    assert [row.confidence for row in rows] == [body.confidence for body in bodies]
    assert [row.pk for row in rows] == sorted(row.pk for row in rows)
    assert [row.position for row in rows] == sorted(row.position for row in rows)
    assert {(row.shared_by_id, row.tlp, row.title) for row in rows} == {
        (world.authority.pk, "amber", rows[0].title)
    }
