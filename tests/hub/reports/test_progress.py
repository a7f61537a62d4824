# SPDX-License-Identifier: Apache-2.0
"""Every figure here was reckoned by hand from the rows above it."""

from datetime import date, timedelta
from itertools import product

import pytest

from stemtide.hub.platform.errors import InvalidError, NotAllowedError
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.referrals.models import Referral
from stemtide.hub.rooms.reports.reads.orders import orders
from stemtide.hub.rooms.reports.reads.referrals import referrals
from stemtide.protocol.messages.progress import ProgressQuery
from tests.hub.reports.requests import order, referral, visited
from tests.world import NOON

DAY = date(2026, 11, 24)
LATER = NOON + timedelta(days=60)
"""A moment at which the fourth quarter is over."""


def asked(**facts):
    return ProgressQuery(**{"first": DAY, "last": DAY} | facts)


def quarter(**facts):
    return asked(of="all", first=date(2026, 10, 1), last=date(2026, 12, 31), **facts)


@pytest.fixture
def ten(world):
    """Ten assessed: one still waits, one was dropped, eight sent; six of those to big-video."""
    small, france = world.small_provider, world.other_authority
    referral(world, "assessed", decided=None, sent=None, language="fr")
    referral(world, "not_referred", decided=3, sent=None)
    referral(world, "removed", acknowledged=2, answered=10, answer="removed", gone=10)
    referral(world, "disabled", acknowledged=4, answered=31, answer="disabled", gone=30)
    referral(world, "reinstated", sent=1, answered=21, answer="removed", gone=21, reinstated=90)
    referral(world, "geo_blocked", acknowledged=6, answered=9, answer="geo_blocked", language="")
    refused = {"answer": "refused", "reason": "within_terms"}
    referral(world, "refused", acknowledged=8, answered=8, ideology="jihadist", **refused)
    referral(world, "needs_context", acknowledged=1, answer="needs_context", provider=small)
    referral(world, "withdrawn", provider=small, content_type="text")
    referral(world, "withdrawn", acknowledged=3, answered=50, answer="not_found")
    referral(world, sender=france, answered=7, answer="removed", provider=small)
    referral(world, exercise=True, answer="removed", answered=5)
    return world


def test_an_authority_reads_how_far_its_referrals_came(ten):
    found = referrals(asked(), viewer=ten.authority, now=NOON).total
    assert found.model_dump(exclude={"to_acknowledge", "to_removal", "refusals"}) == {
        "name": "",
        "assessed": 10,
        "decided": 9,
        "not_referred": 1,
        "referred": 8,
        "acknowledged": 7,
        "removed": 2,
        "disabled": 1,
        "geo_blocked": 1,
        "refused": 1,
        "not_found": 1,
        "withdrawn": 1,
        "waiting": 1,
        "reinstated": 1,
        "came_back": None,
    }
    assert [(one.name, one.count) for one in found.refusals] == [("within_terms", 1)]


def test_times_are_exact(ten):
    found = referrals(asked(), viewer=ten.authority, now=NOON).total
    # To acknowledge, in minutes: 1 2 3 4 6 8 20; the answer counts where nobody acknowledged.
    assert (found.to_acknowledge.count, found.to_acknowledge.median_s) == (7, 4 * 60)
    assert found.to_acknowledge.p90_s == 20 * 60
    # To removal or disabling: 10 20 30.
    assert (found.to_removal.count, found.to_removal.median_s) == (3, 20 * 60)
    assert found.to_removal.p90_s == 30 * 60


def test_what_came_back_is_counted_of_what_the_hub_visited(world):
    gone = {"answered": 10, "answer": "removed", "gone": 10}
    rows = [referral(world, "removed", language=one, **gone) for one in ("nl", "nl", "fr", "de")]
    visited(rows[0], came_back=True, settled="there")
    visited(rows[1])
    visited(rows[2], settled="")  # unclear each time: nobody knows
    found = referrals(asked(by="language"), viewer=world.authority, now=NOON)
    assert found.total.came_back == 1
    assert {one.name: one.came_back for one in found.rows} == {"nl": 1, "fr": None, "de": None}


def test_what_came_back_at_few_providers_is_withheld_from_everybody(world):
    many(world, providers=5, each=3)
    for row in Referral.objects.all()[:2]:
        visited(row, came_back=True)
    found = referrals(quarter(), viewer=world.observer, now=LATER).total
    assert (found.removed, found.came_back) == (15, None)
    assert referrals(quarter(), viewer=world.agency, now=LATER).total.came_back == 2


def test_a_provider_reads_what_it_got_and_nothing_of_what_went_before(ten):
    found = referrals(asked(), viewer=ten.small_provider, now=NOON).total
    assert (found.assessed, found.decided, found.not_referred) == (None, None, None)
    assert (found.referred, found.removed, found.waiting, found.withdrawn) == (3, 1, 1, 1)


def test_an_agency_reads_everybodys_by_authority(ten):
    found = referrals(asked(of="all", by="authority"), viewer=ten.agency, now=NOON)
    assert found.total.referred == 9
    assert [(one.name, one.referred) for one in found.rows] == [
        ("be-crisis-centre", 8),
        ("fr-referral-unit", 1),
    ]
    assert found.total.assessed is None


@pytest.mark.parametrize(
    ("by", "rows"),
    [
        ("provider", [("big-video", 8, 6), ("small-forum", 2, 2)]),
        ("authority", [("be-crisis-centre", 10, 8)]),
        ("language", [("nl", 8, 7), ("", 1, 1), ("fr", 1, 0)]),
        ("content_type", [("video", 9, 7), ("text", 1, 1)]),
        ("ideology", [("", 9, 7), ("jihadist", 1, 1)]),
    ],
)
def test_rows_are_what_was_asked_for_the_largest_first(ten, by, rows):
    found = referrals(asked(by=by), viewer=ten.authority, now=NOON).rows
    assert [(one.name, one.assessed, one.referred) for one in found] == rows


def test_an_exercise_is_counted_apart(ten):
    found = referrals(asked(exercise=True), viewer=ten.authority, now=NOON).total
    assert (found.assessed, found.removed) == (1, 1)


def test_what_was_removed_before_it_was_referred_took_no_time(world):
    referral(world, "removed", sent=10, answered=12, answer="removed", gone=5)
    found = referrals(asked(), viewer=world.authority, now=NOON).total
    assert (found.to_removal.median_s, found.to_removal.p90_s) == (0, 0)


def test_nothing_is_a_row_of_noughts(world):
    found = referrals(asked(by="provider"), viewer=world.authority, now=NOON)
    assert (found.total.assessed, found.total.removed, found.rows) == (0, 0, [])
    assert (found.total.to_removal.count, found.total.to_removal.median_s) == (0, None)


def test_a_day_begins_at_midnight_where_the_asker_says(world):
    referral(world, assessed=-12 * 60 - 30)  # half past eleven at night in UTC, past midnight there
    referral(world, assessed=11 * 60 + 30)  # half past midnight of the next day there
    here = referrals(asked(zone="Europe/Brussels"), viewer=world.authority, now=NOON).total
    in_utc = referrals(asked(), viewer=world.authority, now=NOON).total
    assert (here.assessed, in_utc.assessed) == (1, 1)
    referral(world, assessed=0)
    parts = referrals(asked(zone="Europe/Brussels"), viewer=world.authority, now=NOON).spans
    assert [(one.first, one.assessed) for one in parts] == [(DAY, 2)]


def test_the_parts_of_a_period_add_up(ten):
    found = referrals(
        asked(first=date(2026, 11, 1), last=date(2026, 11, 30)), viewer=ten.authority, now=NOON
    )
    assert len(found.spans) == 30
    told = [one for one in found.spans if one.assessed]
    assert [(one.first, one.assessed, one.begun, one.removed) for one in told] == [(DAY, 10, 8, 3)]


def test_a_consortium_has_no_referrals_of_its_own(world):
    with pytest.raises(InvalidError, match="use all"):
        referrals(asked(), viewer=world.consortium, now=NOON)


def test_an_agency_has_no_orders_of_its_own(world):
    with pytest.raises(InvalidError, match="use all"):
        orders(asked(), viewer=world.agency, now=NOON)


@pytest.mark.parametrize("name", ["other_authority", "big_provider", "consortium", "observer"])
def test_everybodys_figures_are_not_divided(world, name):
    with pytest.raises(NotAllowedError, match="cannot be divided"):
        referrals(quarter(by="provider"), viewer=getattr(world, name), now=LATER)


def test_an_agency_reads_everybodys_orders_as_anybody_does(world):
    with pytest.raises(NotAllowedError, match="cannot be divided"):
        orders(quarter(by="authority"), viewer=world.agency, now=LATER)


def many(world, *, providers, each, state="removed", answer="removed"):
    """So many referrals at each of some providers."""
    for number in range(providers):
        name = f"provider-{number}"
        one, _ = Party.objects.get_or_create(
            name=name, defaults={"title": name, "kind": "provider", "joined_at": NOON}
        )
        for _ in range(each):
            referral(world, state, provider=one, answered=5, answer=answer, gone=5)


def test_everybodys_figures_are_told_where_enough_providers_are_in_them(world):
    many(world, providers=5, each=3)
    found = referrals(quarter(), viewer=world.observer, now=LATER)
    assert (found.total.referred, found.total.removed, found.total.waiting) == (15, 15, 0)
    assert (found.total.to_removal.median_s, found.rows, found.spans) == (300, [], [])


def test_a_small_count_is_withheld_and_so_is_what_would_give_it_away(world):
    many(world, providers=5, each=3)
    many(world, providers=1, each=2, state="refused", answer="refused")
    found = referrals(quarter(), viewer=world.observer, now=LATER).total
    # 17 in all and 15 removed would leave the 2 that one provider refused: one of them must go.
    assert (found.refused, found.removed) == (None, None)
    assert found.referred == 17
    assert (found.to_removal.count, found.to_removal.median_s) == (None, None)
    assert [(one.name, one.count) for one in found.refusals] == [("", None)]


def test_with_few_providers_nothing_is_told(world):
    many(world, providers=3, each=30)
    found = referrals(quarter(), viewer=world.observer, now=LATER).total
    assert (found.referred, found.removed, found.acknowledged) == (None, None, None)
    assert found.refused == 0


@pytest.fixture
def seven_orders(world):
    """One of each fate."""
    error, force = "manifest_error", "impossibility"
    order(world, "executed", addresses=3, received=5, executed=25)
    order(world, "executed", received=0, executed=100, missed=61)
    order(world, "executed", received=0, executed=130, pauses=[(30, 80, error)])
    order(world, "suspended", received=0, pauses=[(10, None, force, error)])
    order(world, "received", received=1, is_cross_border=True, scrutiny=["upheld"])
    border = {"received": 0, "is_cross_border": True, "scrutiny": ["infringed"]}
    order(
        world, "reinstated", executed=50, reinstated=900, addressee=world.small_provider, **border
    )
    order(world, "annulled", **border)
    order(world, "withdrawn", issued_by=world.other_authority)
    order(world, "drafted", issued=None)
    order(world, "submitted", issued=None)
    return world


def test_an_authority_reads_how_far_its_orders_came(seven_orders):
    found = orders(asked(), viewer=seven_orders.authority, now=NOON).total
    assert found.model_dump(exclude={"to_execute", "grounds"}) == {
        "name": "",
        "issued": 7,
        "received": 7,
        "executed": 4,
        "not_executed": 1,
        "withdrawn": 0,
        "annulled": 1,
        "open": 1,
        "in_time": 3,
        "overdue": 1,
        "cross_border": 3,
        "scrutinised": 3,
        "infringed": 2,
        "undone": 1,
        "unconfirmed": 0,
        "reinstated": 1,
        "addresses": 6,
    }
    assert [(one.name, one.count) for one in found.grounds] == [
        ("manifest_error", 2),
        ("impossibility", 1),
    ]
    # From receipt, without pauses, in minutes: 20 50 80 100.
    assert (found.to_execute.median_s, found.to_execute.p90_s) == (65 * 60, 100 * 60)


def test_orders_that_nobody_confirmed_are_counted_apart(world):
    order(world, "withdrawn", is_unconfirmed=True)
    order(world, "undone", received=0, executed=9, is_unconfirmed=True)
    order(world, "withdrawn")
    found = orders(asked(), viewer=world.authority, now=NOON).total
    assert (found.issued, found.executed, found.withdrawn, found.unconfirmed) == (3, 1, 2, 2)


def test_a_provider_reads_the_orders_that_it_got(seven_orders):
    found = orders(asked(by="authority"), viewer=seven_orders.big_provider, now=NOON)
    assert [(one.name, one.issued, one.executed) for one in found.rows] == [
        ("be-crisis-centre", 6, 3),
        ("fr-referral-unit", 1, 0),
    ]
    assert [(one.first, one.begun, one.removed) for one in found.spans] == [(DAY, 7, 3)]


def test_orders_are_in_no_figure_of_referrals(seven_orders):
    assert referrals(asked(), viewer=seven_orders.authority, now=NOON).total.assessed == 0


def test_everybodys_orders_are_told_where_enough_providers_are_in_them(world):
    for number, _ in product(range(5), range(3)):
        name = f"provider-{number}"
        one, _ = Party.objects.get_or_create(
            name=name, defaults={"title": name, "kind": "provider", "joined_at": NOON}
        )
        order(world, "executed", received=0, executed=10, addressee=one)
    found = orders(quarter(), viewer=world.observer, now=LATER).total
    assert (found.issued, found.executed, found.in_time, found.addresses) == (15, 15, 15, 15)
    assert found.to_execute.median_s == 600


def test_everybodys_orders_at_one_provider_are_withheld(seven_orders):
    found = orders(quarter(), viewer=seven_orders.agency, now=LATER).total
    assert (found.issued, found.executed, found.in_time, found.addresses) == (None,) * 4
    assert (found.to_execute.count, found.grounds) == (None, [])
