# SPDX-License-Identifier: Apache-2.0
"""Before an order is issued, what others do with the same content is shown; it never blocks.

source: Regulation (EU) 2021/784 recital 36.
"""

from datetime import timedelta

import pytest

from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.orders.reads import drafts as reads_drafts, orders as reads
from stemtide.hub.rooms.orders.writes import orders as writes
from stemtide.hub.rooms.parties.writes import competences
from stemtide.hub.rooms.referrals.writes import holds as writes_holds
from stemtide.protocol.enums import Duty
from stemtide.protocol.enums.orders import OrderState
from stemtide.protocol.messages.holds import HoldIn
from stemtide.protocol.messages.orders import OrderIn
from tests.hub.orders import cast
from tests.hub.orders.cast import after
from tests.orders import issue_order
from tests.world import NOON

pytestmark = pytest.mark.django_db

AT_HOME = {"cross_border": False, "copy_sent": False, "home_contact": ""}
URGENT = {"emergency_ground": "ongoing_events"}
CONTACT = "+33 1 5555 0100, duty desk"


def order_of_france(world, *, url=cast.URL, **facts):
    """An order in effect that the French authority issued to the same provider."""
    competences.name_competent(world.other_authority, Duty.ISSUE, actor="operator", now=NOON)
    by = world.actor(world.other_authority)
    annex = cast.ANNEX_1 | AT_HOME | {"urls": [url]}
    body = OrderIn(to="small-forum", annex=annex, emergency="An attack.", **URGENT, **facts)
    return issue_order(writes.draft(body, by=by, now=NOON).id, by=by, now=NOON)


def hold_of_france(world, **facts):
    plain = {"until": NOON + timedelta(days=2), "reason": "investigation", "contact": CONTACT}
    body = HoldIn(**(plain | {"case_reference": "PARQUET 26-4711"} | facts))
    return writes_holds.place(body, by=world.actor(world.other_authority), now=NOON)


def doubts(world, uid):
    found = reads_drafts.lint(uid, viewer=world.authority, now=after(1))
    assert not any(finding.is_error for finding in found)
    return [(finding.field, finding.message) for finding in found]


def test_an_order_of_another_state_on_the_same_address_is_a_doubt_with_its_contact(orders):
    made = order_of_france(orders)
    [(field, message)] = doubts(orders, cast.draft(orders).id)
    assert field == "urls"
    assert f"{cast.URL} is in an order of French Referral Unit (FR)" in message
    assert "recital 36" in message
    assert made.reference not in message


def test_an_order_on_the_same_content_elsewhere_is_a_doubt(orders):
    theirs = orders.share(orders.other_authority)
    ours = orders.share()
    order_of_france(orders, url="https://small-forum.example/9", signals=(theirs.id,))
    [(field, message)] = doubts(orders, cast.draft(orders, signals=(ours.id,)).id)
    assert field == "signals"
    assert "name content that is in an order of French Referral Unit (FR)" in message


@pytest.mark.parametrize("on", ["address", "content"])
def test_a_hold_of_another_is_a_doubt_with_its_contact_and_without_its_case(orders, on):
    if on == "address":
        hold_of_france(orders, url=cast.URL)
    else:
        hold_of_france(orders, signal=orders.share(orders.other_authority).id)
    [(field, message)] = doubts(orders, cast.draft(orders, signals=(orders.share().id,)).id)
    assert field == ("urls" if on == "address" else "signals")
    assert CONTACT in message
    assert "PARQUET" not in message


def test_recital_36_blocks_nothing_and_tells_both_issuers_and_the_holder(orders):
    first = order_of_france(orders)
    held = hold_of_france(orders, url=cast.URL)
    mine = cast.issue(orders, now=after(1))
    assert mine.state is OrderState.ISSUED
    told = {
        (entry.subject, entry.kind, *entry.detail["parties"])
        for entry in Entry.objects.filter(kind__in=["order.overlapped", "hold.ordered"])
    }
    assert told == {
        (f"order:{first.id}", "order.overlapped", "fr-referral-unit"),
        (f"order:{mine.id}", "order.overlapped", "be-crisis-centre"),
        (f"hold:{held.id}", "hold.ordered", "fr-referral-unit"),
    }


def test_the_provider_does_not_read_in_its_order_whose_order_meets_it(orders):
    first = order_of_france(orders)
    cast.issue(orders, now=after(1))
    kinds = {
        name: [entry.kind for entry in reads.history(first.id, viewer=getattr(orders, name))]
        for name in ("other_authority", "small_provider")
    }
    assert "order.overlapped" in kinds["other_authority"]
    assert "order.overlapped" not in kinds["small_provider"]


def test_an_order_of_ones_own_is_named_and_nobody_is_told(orders):
    first = cast.issue(orders)
    [(field, message)] = doubts(orders, cast.draft(orders).id)
    assert (field, first.reference in message) == ("urls", True)
    cast.issue(orders, now=after(1))
    assert "order.overlapped" not in orders.ledger_kinds()


def test_an_exercise_meets_nothing_real(orders):
    order_of_france(orders)
    hold_of_france(orders, url=cast.URL)
    cast.inform(orders, exercise=True)
    assert doubts(orders, cast.draft(orders, exercise=True).id) == []
