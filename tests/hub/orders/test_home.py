# SPDX-License-Identifier: Apache-2.0
"""Copies as the authority of the provider's Member State reads them: what waits comes first."""

from datetime import timedelta

import pytest

from stemtide.hub.rooms.orders.reads import home as reads_home
from stemtide.hub.rooms.orders.writes import answers as writes_answers, endings as writes_endings
from stemtide.protocol.messages.orders import OrderReasonIn, ScrutinyIn
from tests.hub.orders import cast
from tests.hub.orders.cast import URL, after
from tests.world import NOON

pytestmark = pytest.mark.django_db


def opened(orders, uid, *, at=NOON):
    writes_answers.receive_copy(uid, by=orders.actor(orders.other_authority), now=at)


def copies(orders, *, now=NOON):
    return reads_home.copies(viewer=orders.other_authority, now=now)


def test_a_copy_that_nobody_opened_has_no_end_of_its_72_hours(orders):
    cast.issue(orders)
    (row,) = copies(orders, now=NOON + timedelta(days=9))
    assert (row.received_at, row.until, row.due_at) == (None, None, None)


def test_an_opened_copy_may_be_examined_for_72_hours_and_no_longer(orders):
    made = cast.issue(orders)
    opened(orders, made.id)
    (row,) = copies(orders, now=NOON + timedelta(hours=72))
    assert row.until == NOON + timedelta(hours=72)
    (row,) = copies(orders, now=NOON + timedelta(hours=72, seconds=1))
    assert row.until is None


def test_an_order_that_ended_leaves_nothing_to_examine(orders):
    made = cast.issue(orders)
    opened(orders, made.id)
    body = OrderReasonIn(text="A mistake.")
    by = orders.actor(orders.authority)
    writes_endings.withdraw(made.id, body=body, by=by, now=after(1))
    assert copies(orders, now=after(2))[0].until is None


@pytest.mark.nightly
def test_scrutiny_that_waits_comes_before_copies_and_what_is_over_comes_last(orders):
    made = [cast.issue(orders, annex={"urls": [f"{URL}{one}"]}) for one in range(4)]
    over, may, new, asked = (one.id for one in made)
    for one in (over, may, asked):
        opened(orders, one)
    cast.receive(asked)
    body = ScrutinyIn(basis="provider", reasons="It is a news report.")
    by = orders.actor(orders.small_provider)
    writes_endings.open_scrutiny(asked, body=body, by=by, now=after(30))
    cast.examine(orders, over)
    cast.decide(orders, over, "uphold")
    rows = copies(orders, now=after(60))
    assert [one.order.id for one in rows] == [asked, new, may, over]
    assert rows[0].due_at == after(30) + timedelta(hours=72)
    assert rows[3].due_at is None


@pytest.mark.nightly
def test_many_copies_ask_no_more_of_the_database_than_one(orders, django_assert_num_queries):
    for number in range(6):
        made = cast.issue(orders, annex={"urls": [f"{URL}{number}"]})
        cast.examine(orders, made.id)
        cast.decide(orders, made.id, "uphold")
    with django_assert_num_queries(3):
        assert len(copies(orders, now=after(60))) == 6


@pytest.mark.parametrize("party", ["authority", "small_provider", "agency"])
def test_who_has_no_copy_reads_none(orders, party):
    cast.issue(orders)
    assert reads_home.copies(viewer=getattr(orders, party), now=NOON) == []
