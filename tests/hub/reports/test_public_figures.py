# SPDX-License-Identifier: Apache-2.0
"""Public figures of a quarter: counted from real acts, published once, small counts withheld."""

import hashlib
from datetime import date, timedelta

import pytest
from django.db import connection

from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.reports.models import PublishedFigures
from stemtide.hub.rooms.reports.reads.public import figures as reads
from stemtide.hub.rooms.reports.writes import public_figures as writes
from stemtide.hub.rooms.reports.writes.public_figures import publish_due
from stemtide.protocol.figures.messages import PublicFigures, TableName
from stemtide.protocol.figures.sums import faults
from tests.hub.orders import cast
from tests.hub.reports.quarter import DUE, Quarter
from tests.world import NOON, add_member

QUARTER = "2026-Q4"


@pytest.fixture
def quarter(world):
    return Quarter(world)


def published(now=DUE):
    assert publish_due(now) == 1
    return reads.figures(QUARTER)


def table(figures, name):
    return next(table for table in figures.tables if table.name == name)


def rows(figures, name):
    return {row.name: row.count for row in table(figures, name).rows}


def test_figures_are_published_once_some_days_after_the_quarter(quarter):
    quarter.share_some()
    assert publish_due(DUE - timedelta(seconds=1)) == 0
    assert publish_due(DUE) == 1
    assert publish_due(DUE + timedelta(days=1)) == 0
    row, entry = PublishedFigures.objects.get(), Entry.objects.get(kind="figures.published")
    assert (row.first, row.last) == (date(2026, 10, 1), date(2026, 12, 31))
    assert entry.detail == {"first": "2026-10-01", "digest": row.digest}
    assert row.digest == hashlib.sha256(row.body.encode()).hexdigest()
    assert row.entry == entry.number
    assert reads.figures(QUARTER).head == entry.number - 1


def test_two_schedulers_publish_a_quarter_once(quarter, monkeypatch):
    """The other one publishes while this one counts signals."""
    quarter.share_some()
    count = writes.count_signals

    def count_slowly(of):
        monkeypatch.undo()
        assert publish_due(DUE) == 1
        return count(of)

    monkeypatch.setattr(writes, "count_signals", count_slowly)
    assert publish_due(DUE) == 0
    assert PublishedFigures.objects.count() == 1
    assert Entry.objects.filter(kind="figures.published").count() == 1


def test_later_acts_change_nothing_that_is_published(quarter):
    first, *_ = quarter.share_some()
    before = published()
    quarter.withdraw(first)
    publish_due(DUE + timedelta(days=20))
    assert reads.figures(QUARTER) == before


@pytest.mark.nightly
def test_a_hub_that_was_down_publishes_what_it_missed(quarter):
    quarter.share_some()
    assert publish_due(DUE + timedelta(days=180)) == 2
    assert reads.published() == ["2027-Q1", "2026-Q4"]


@pytest.mark.nightly
def test_no_more_than_a_year_is_published_late(quarter):
    quarter.share_some()
    assert publish_due(DUE + timedelta(days=365 * 3)) == 4
    assert QUARTER not in reads.published()


def test_signals_are_counted_as_plain_sql_counts_them(quarter):
    quarter.share_some()
    figures = published()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM signals_signal WHERE kind = 'pdq'")
        (count,) = cursor.fetchone()
    assert count == 18
    assert rows(figures, TableName.SHARED_BY_KIND) == {"pdq": count}
    assert table(figures, TableName.SHARED_BY_KIND).total == count


def test_a_label_of_one_sharer_is_withheld_and_cannot_be_subtracted(quarter):
    quarter.share_some()
    figures = published()
    assert table(figures, TableName.SHARED_BY_KIND).total == 18
    # 18 - 16 would be the two of the one sharer: so the other label is withheld as well.
    labels = {"incitement": None, "manifesto": None}
    assert rows(figures, TableName.SHARED_BY_LABEL) == labels
    live = table(figures, TableName.LIVE)
    assert [row.count for row in live.rows] == [None, None]


@pytest.mark.nightly
def test_a_label_that_many_share_is_published(quarter):
    for _ in range(3):
        for by in quarter.sharers:
            quarter.share(by, "incitement")
            quarter.share(by, "glorification")
    assert rows(published(), TableName.SHARED_BY_LABEL) == {"glorification": 24, "incitement": 24}


def test_exercises_do_not_count(quarter):
    quarter.share_some()
    for by in quarter.sharers:
        quarter.share(by, exercise=True)
    assert table(published(), TableName.SHARED_BY_KIND).total == 18


def test_signals_that_ended_are_not_live_at_the_end(quarter):
    for by in quarter.sharers:
        shared = [quarter.share(by) for _ in range(4)]
        for signal in shared[:2]:
            quarter.withdraw(signal, by=by)
    figures = published()
    assert rows(figures, TableName.ENDED) == {"mistake": 16}
    live = table(figures, TableName.LIVE)
    assert live.total == 16
    ages = {cell.name: cell.count for cell in live.columns}
    assert ages == {"under_30_days": 0, "under_180_days": 16, "under_a_year": 0, "older": 0}


def test_a_few_that_ended_cannot_be_computed_from_what_is_live(quarter):
    first, *_ = [quarter.share(by) for by in quarter.sharers for _ in range(2)]
    quarter.withdraw(first)
    figures = published()
    assert table(figures, TableName.ENDED).total is None
    shared = table(figures, TableName.SHARED_BY_KIND).total
    live = table(figures, TableName.LIVE).total
    # Nothing was live before: shared - live would be what one sharer withdrew.
    assert None in (shared, live)


@pytest.mark.nightly
def test_referrals_are_counted_by_answer_time_ideology_and_language(quarter):
    for provider in quarter.providers:
        for hours in (0.5, 0.5, 0.5, 30, 30, 30):
            quarter.refer(provider, hours=hours)
            quarter.refer(provider, answer="refused", ideology="jihadist", language="fr")
    figures = published()
    assert rows(figures, TableName.REFERRALS_BY_ANSWER) == {"refused": 30, "removed": 30}
    times = {"within_1_hour": 15, "within_7_days": 15, "not": 30}
    assert rows(figures, TableName.REFERRALS_BY_TIME) == times
    assert table(figures, TableName.REFERRALS_BY_TIME).median_s == (0.5 + 30) / 2 * 3600
    (jihadist, right) = table(figures, TableName.REFERRALS_BY_IDEOLOGY).rows
    assert (jihadist.name, jihadist.count, jihadist.median_s) == ("jihadist", 30, None)
    assert {cell.name: cell.count for cell in right.cells} == {"carried_out": 30, "other": 0}
    assert rows(figures, TableName.REFERRALS_BY_LANGUAGE) == {"en": 30, "fr": 30}


@pytest.mark.nightly
def test_the_refusals_of_two_providers_are_withheld_in_every_table(quarter):
    quarter.refer_some()
    figures = published()
    # 17 referrals, of which two providers refused two: no table may show 15 of 17.
    assert table(figures, TableName.REFERRALS_BY_ANSWER).total == 17
    assert rows(figures, TableName.REFERRALS_BY_ANSWER) == {"refused": None, "removed": None}
    assert rows(figures, TableName.REFERRALS_BY_IDEOLOGY) == {"jihadist": None, "right-wing": None}
    columns = table(figures, TableName.REFERRALS_BY_IDEOLOGY).columns
    assert [cell.count for cell in columns] == [None, None]
    assert table(figures, TableName.REFERRALS_BY_TIME).median_s is None


def test_one_provider_has_no_figures_of_its_own(quarter):
    cast.name_competent(quarter.world)
    cast.inform(quarter.world)
    quarter.order()
    figures = published()
    assert table(figures, TableName.ORDERS_BY_ANSWER).total is None
    assert rows(figures, TableName.ORDERS_BY_ANSWER) == {"executed": None}
    assert table(figures, TableName.ORDERS_BY_TIME).median_s is None


@pytest.mark.nightly
def test_disputes_are_counted_by_what_became_of_them(quarter):
    shared = [quarter.share(quarter.world.authority) for _ in range(9)]
    for signal in shared:
        for provider in quarter.providers:
            quarter.opine(signal, by=provider)
    for signal in shared[:3]:
        quarter.withdraw(signal)
    for signal in shared[3:6]:
        for provider in quarter.providers:
            quarter.opine(signal, "agree", by=provider)
    counts = {"open": 15, "signal_withdrawn": 15, "taken_back": 15}
    assert rows(published(), TableName.DISPUTES) == counts


@pytest.mark.nightly
def test_complaints_are_counted_by_outcome_with_their_duration(quarter):
    signal = quarter.share(quarter.world.authority)
    for provider in quarter.providers:
        for days in (1, 2, 9):
            quarter.complain(provider, signal, days=days)
    figures = published()
    assert rows(figures, TableName.COMPLAINTS_FILED) == {"signal": 15}
    (upheld,) = table(figures, TableName.COMPLAINTS_DECIDED).rows
    assert (upheld.name, upheld.count, upheld.median_s) == ("upheld", 15, 2 * 86_400)


@pytest.mark.nightly
def test_a_crisis_of_many_parties_is_published_with_its_duration(quarter):
    world = quarter.world
    crisis = world.activate()
    unit = add_member("nl-unit", title="Dutch Unit", kind="authority", country="NL")
    world.join(crisis, world.other_authority, world.consortium, unit, *quarter.providers)
    later = NOON + timedelta(hours=20)
    world.calm(crisis, now=later)
    world.close(crisis, now=later)
    (closed,) = table(published(), TableName.CRISES).rows
    assert (closed.name, closed.count, closed.median_s) == ("closed", 1, 20 * 3600)


def test_a_crisis_of_few_parties_is_withheld(quarter):
    crisis = quarter.world.activate()
    quarter.world.close(crisis)
    (closed,) = table(published(), TableName.CRISES).rows
    assert (closed.name, closed.count, closed.median_s) == ("closed", None, None)


@pytest.mark.nightly
def test_the_sums_of_figures_hold(quarter):
    quarter.share_some()
    quarter.refer_some()
    body = published()
    assert list(faults(body)) == []
    changed = body.model_dump(mode="json")
    changed["tables"][0]["total"] = 17
    assert "signals_shared_by_kind: the parts add up to 18" in " ".join(
        faults(PublicFigures.model_validate(changed))
    )
