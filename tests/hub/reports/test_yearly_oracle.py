# SPDX-License-Identifier: Apache-2.0
"""Yearly reports and figures of progress against a slow, obvious twin, on random worlds."""

import random
from collections import Counter
from datetime import UTC, date, datetime
from fractions import Fraction

import pytest

from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.referrals.models import Referral
from stemtide.hub.rooms.reports.reads.orders import orders
from stemtide.hub.rooms.reports.reads.referrals import referrals
from stemtide.hub.rooms.reports.reads.yearly import yearly
from stemtide.protocol.messages.progress import ProgressQuery
from tests.hub.reports.requests import order, referral
from tests.rounds import rounds

NOW = datetime(2028, 2, 1, tzinfo=UTC)
DAY = 24 * 60
GROUNDS = ("impossibility", "manifest_error", "insufficient_information")
ANSWERS = ("", "removed", "disabled", "geo_blocked", "refused", "not_found", "needs_context")
BY = ("provider", "authority", "language", "content_type", "ideology")


@pytest.fixture(params=range(rounds(1, nightly=4)))
def chance(request):
    return random.Random(request.param)  # noqa: S311  # the same worlds each time


@pytest.fixture
def orders_at_random(world, chance):
    """Sixty orders over some four months around New Year."""
    for _ in range(60):
        issued = chance.randrange(0, 120 * DAY)
        received = issued + chance.randrange(0, 90) if chance.random() < 0.9 else None
        executed = (
            received + chance.randrange(0, 3 * DAY) if received and chance.random() < 0.6 else None
        )
        pauses = []
        if received is not None and chance.random() < 0.4:
            stopped = received + chance.randrange(0, 60)
            grounds = chance.sample(GROUNDS, chance.randint(1, 3))
            pauses.append((stopped, chance.choice([None, stopped + 30]), *grounds))
        ends = (
            ["executed", "undone", "reinstated"]
            if executed
            else [*("issued", "received", "suspended", "withdrawn", "annulled")]
        )
        order(
            world,
            chance.choice(ends),
            issued=issued,
            received=received,
            executed=executed,
            pauses=pauses,
            addresses=chance.randint(1, 4),
            is_cross_border=chance.random() < 0.5,
            scrutiny=chance.choices(["upheld", "infringed", "closed"], k=chance.randrange(0, 3)),
            issued_by=chance.choice([world.authority, world.other_authority]),
            addressee=chance.choice([world.big_provider, world.small_provider]),
            exercise=chance.random() < 0.1,
            language=chance.choice(["nl", "fr", "en"]),
        )
    for row in Order.objects.filter(executed_at__isnull=False):
        row.measure = chance.choice(["removed", "disabled"])
        row.save(update_fields=["measure"])
    return world


def in_year(moment, year):
    return moment is not None and moment.year == year


def grounds_of(row, year=None):
    told = set()
    for one in row.answers.all():
        if one.form == "tco-annex-3" and (year is None or one.answered_at.year == year):
            told.update(one.annex["grounds"])
    return told


@pytest.mark.parametrize("year", [2026, 2027])
def test_article_8_equals_counting_row_by_row(orders_at_random, year):
    world, told = orders_at_random, Counter()
    for row in Order.objects.all():
        if row.exercise or row.issued_by != world.authority or not in_year(row.issued_at, year):
            continue
        told["orders_issued"] += 1
        told["orders_cross_border"] += row.is_cross_border
        told["orders_scrutinised"] += row.scrutinies.exists()
        told["orders_executed" if row.executed_at else "orders_not_executed"] += 1
        told["items"] += row.addresses.count() if row.executed_at else 0
        told["grounds"] += bool(grounds_of(row))
        for ground in grounds_of(row):
            told["grounds", ground] += 1
    assert told["orders_issued"] > 5
    same(told, yearly(year, viewer=world.authority, now=NOW))


@pytest.mark.parametrize("year", [2026, 2027])
def test_article_7_equals_counting_row_by_row(orders_at_random, year):
    world, told = orders_at_random, Counter()
    for row in Order.objects.all():
        if row.exercise or row.addressee != world.big_provider:
            continue
        told["orders_received"] += in_year(row.received_at, year)
        told["reinstated_after_orders"] += in_year(row.reinstated_at, year)
        if in_year(row.executed_at, year):
            told["items_by_orders"] += row.addresses.count()
            told["items_by_orders", row.measure] += row.addresses.count()
        if row.executed_at is None and grounds_of(row, year):
            told["orders_not_executed"] += 1
            for ground in grounds_of(row):
                told["orders_not_executed", ground] += 1
    assert told["orders_received"] > 5
    same(told, yearly(year, viewer=world.big_provider, now=NOW))


def same(told, found):
    """Each count, and each piece of those that were divided here."""
    divided = {name[0] for name in told if isinstance(name, tuple)}
    for part in found.parts:
        for one in part.figures:
            if one.is_known:
                assert one.count == told[one.name], one.name
            for piece in one.pieces if one.name in divided else ():
                assert piece.count == told[one.name, piece.name], (one.name, piece.name)


@pytest.fixture
def referrals_at_random(world, chance):
    """Eighty referrals over sixty days."""
    for _ in range(80):
        assessed = chance.randrange(0, 60 * DAY)
        decided = assessed + chance.randrange(0, 100) if chance.random() < 0.9 else None
        sent = decided + chance.randrange(0, 5) if decided and chance.random() < 0.85 else None
        answer = chance.choice(ANSWERS) if sent else ""
        answered = sent + chance.randrange(1, 4 * DAY) if answer else None
        state = answer or ("sent" if sent else "not_referred" if decided else "assessed")
        if sent and not answer and chance.random() < 0.3:
            state = "withdrawn"
        referral(
            world,
            state,
            assessed=assessed,
            decided=decided,
            sent=sent,
            acknowledged=sent + chance.randrange(0, 60) if sent and chance.random() < 0.5 else None,
            answer=answer,
            answered=answered,
            gone=chance.choice([None, answered]) if answer in {"removed", "disabled"} else None,
            reason=chance.choice(["within_terms", "other"]) if answer == "refused" else "",
            reinstated=answered + 9 if answer == "removed" and chance.random() < 0.2 else None,
            sender=chance.choice([world.authority, world.other_authority]),
            provider=chance.choice([world.big_provider, world.small_provider]),
            language=chance.choice(["nl", "fr", ""]),
            content_type=chance.choice(["video", "text"]),
            ideology=chance.choice(["", "jihadist"]),
            exercise=chance.random() < 0.1,
        )
    return world


def ninetieth(times):
    """The smallest of the times that nine in ten do not exceed, by trying each."""
    enough = [
        one
        for one in times
        if Fraction(sum(x <= one for x in times), len(times)) >= Fraction(9, 10)
    ]
    return min(enough)


def middle(times):
    """The median by taking away the smallest and the largest until one or two are left."""
    left = sorted(times)
    while len(left) > 2:
        left = left[1:-1]
    return sum(left) / len(left)


NAMED = {
    "provider": lambda row: row.provider.name,
    "authority": lambda row: row.sender.name,
    "language": lambda row: row.language,
    "content_type": lambda row: row.content_type,
    "ideology": lambda row: row.ideology,
}


@pytest.mark.parametrize("by", BY[: rounds(2, nightly=None)])
def test_figures_of_referrals_equal_counting_row_by_row(referrals_at_random, by):
    world = referrals_at_random
    asked = ProgressQuery(first=date(2026, 12, 1), last=date(2026, 12, 31), by=by)
    rows = [
        row
        for row in Referral.objects.all()
        if row.sender == world.authority and not row.exercise and row.assessed_at.month == 12
    ]
    assert len(rows) > 5
    found = referrals(asked, viewer=world.authority, now=NOW)
    groups = {
        name: [row for row in rows if NAMED[by](row) == name] for name in map(NAMED[by], rows)
    }
    assert {one.name for one in found.rows} == set(groups)
    for figures in [found.total, *found.rows]:
        check(figures, groups[figures.name] if figures is not found.total else rows)


def check(figures, rows):
    """One row of figures, counted again."""
    sent = [row for row in rows if row.sent_at]
    assert figures.assessed == len(rows)
    assert figures.decided == sum(row.decided_at is not None for row in rows)
    assert figures.referred == len(sent)
    for name in ("removed", "disabled", "geo_blocked", "refused", "not_found"):
        assert getattr(figures, name) == sum(row.answer == name for row in sent)
    assert figures.withdrawn == sum(row.state == "withdrawn" for row in sent)
    outcomes = (figures.removed, figures.disabled, figures.geo_blocked, figures.refused)
    rest = (figures.not_found, figures.withdrawn, figures.waiting)
    assert sum(outcomes) + sum(rest) == figures.referred
    told = Counter(row.refusal_reason for row in sent if row.answer == "refused")
    assert {one.name: one.count for one in figures.refusals} == told
    gone = [
        ((row.measure_at or row.answered_at) - row.sent_at).total_seconds()
        for row in sent
        if row.answer in {"removed", "disabled"}
    ]
    assert figures.to_removal.count == len(gone)
    if gone:
        assert figures.to_removal.p90_s == ninetieth(gone)
        assert figures.to_removal.median_s == middle(gone)


@pytest.mark.parametrize("by", BY[: rounds(2, nightly=None)])
def test_the_rows_of_orders_add_up_to_their_sum(orders_at_random, by):
    world = orders_at_random
    asked = ProgressQuery(first=date(2026, 11, 1), last=date(2027, 6, 30), by=by)
    found = orders(asked, viewer=world.authority, now=NOW)
    issued = [
        one for one in Order.objects.filter(exercise=False) if one.issued_by == world.authority
    ]
    assert found.total.issued == len(issued)
    for name in (
        "issued",
        "executed",
        "not_executed",
        "open",
        "in_time",
        "addresses",
        "scrutinised",
        "unconfirmed",
    ):
        assert sum(getattr(one, name) for one in found.rows) == getattr(found.total, name)
    taken = found.total
    parts = (taken.executed, taken.not_executed, taken.withdrawn, taken.annulled, taken.open)
    assert sum(parts) == taken.issued
