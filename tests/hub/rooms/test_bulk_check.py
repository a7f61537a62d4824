# SPDX-License-Identifier: Apache-2.0
"""A dry run says what sharing would do, does nothing, and tells nobody's secrets."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from stemtide.hub.platform.errors import NotAllowedError
from stemtide.hub.rooms.signals.models import LongValue, Signal
from stemtide.hub.rooms.signals.reads.sharing import bulk as reads_bulk
from stemtide.hub.rooms.signals.rules.signals import BulkRefusedError, RateLimitError
from stemtide.hub.rooms.signals.writes import signals as writes
from tests.prints import long_value
from tests.world import hex_value, signal_in


def check(world, *bodies, by=None):
    return reads_bulk.check_bulk(bodies, by=by or world.authority, now=world.noon)


def test_each_row_is_told_what_would_become_of_it(world):
    mine = world.share(value=hex_value(1))
    theirs = world.share(world.agency, value=hex_value(2))
    rows = [signal_in(value=hex_value(one)) for one in (1, 2, 3, 3)]
    out = check(world, *rows, signal_in(value=hex_value(4), audience=("nobody",)))
    assert [str(one.would_be) for one in out.rows] == [
        *("existing", "created", "created", "existing", "refused"),
    ]
    assert (out.created, out.existing, out.refused) == (2, 2, 1)
    assert (out.rows[0].id, out.rows[0].others) == (mine.id, [])
    assert (out.rows[1].id, out.rows[1].others) == (None, [theirs.id])
    assert (out.rows[3].id, out.rows[3].same_as) == (None, 2)
    assert out.rows[4].field == "audience"


def test_nothing_is_written(world):
    before = Signal.objects.count(), LongValue.objects.count()
    film = signal_in(kind="video", value=long_value("video").hex(), quality=None)
    check(world, signal_in(value=hex_value(1)), film)
    assert (Signal.objects.count(), LongValue.objects.count()) == before
    assert world.ledger_kinds() == []


def test_a_dry_run_says_what_the_act_then_does(world):
    world.share(value=hex_value(1))
    rows = [
        signal_in(value=hex_value(1)),
        signal_in(value=hex_value(1), severity="low"),
        signal_in(value=hex_value(2)),
        signal_in(value=hex_value(3), crisis="00000000-0000-4000-8000-000000000000"),
        signal_in(value="0" * 64, quality=10),
    ]
    said = check(world, *rows)
    with pytest.raises(BulkRefusedError) as refused:
        writes.share_many(rows, by=world.authority, now=world.noon)
    told = [(one.row, one.field, one.message) for one in said.rows if one.message]
    assert told == [(one.row, one.field, one.message) for one in refused.value.errors]
    done = writes.share_many(rows, by=world.authority, now=world.noon, partial=True)
    assert (said.created, said.existing, said.refused) == (
        *(done.created, done.existing, done.refused),
    )


def test_what_a_party_may_not_see_is_not_named_and_costs_no_more_queries(world):
    world.share(world.agency, value=hex_value(1), tlp="red", audience=("fr-referral-unit",))
    check(world, signal_in(value=hex_value(9)))  # the first reads the feed's newest pictures
    with CaptureQueriesContext(
        connection,
    ) as of_hidden:
        hidden = check(world, signal_in(value=hex_value(1)))
    with CaptureQueriesContext(connection) as of_none:
        none = check(world, signal_in(value=hex_value(2)))
    assert hidden.model_dump() == none.model_dump()
    assert len(of_hidden) == len(of_none)
    seen = check(world, signal_in(value=hex_value(1)), by=world.other_authority)
    assert len(seen.rows[0].others) == 1


def test_observers_and_those_who_spent_their_day_are_refused_as_if_it_were_real(world, settings):
    with pytest.raises(NotAllowedError, match="observers"):
        check(world, signal_in(), by=world.observer)
    settings.LONG_VALUE_BYTES_A_DAY = 10
    film = signal_in(kind="video", value=long_value("video").hex(), quality=None)
    with pytest.raises(RateLimitError):
        check(world, film)


def test_others_are_found_through_the_index_of_live_values(world):
    with CaptureQueriesContext(connection) as asked:
        check(world, signal_in(value=hex_value(1)))
    (query,) = [one["sql"] for one in asked if "(signals_signal.state = 'live')" in one["sql"]]
    with connection.cursor() as cursor:
        how = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"{how} {query}")
        plan = str(cursor.fetchall())
    assert "one_live_signal_a_party_and_value" in plan
