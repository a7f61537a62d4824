# SPDX-License-Identifier: Apache-2.0
"""The hub fills in the transparency report of a provider from its rows, and keeps versions."""

from datetime import UTC, date, datetime, timedelta

import pytest

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.complaints.models import Complaint
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.reports.reads import dsa as reads
from stemtide.hub.rooms.reports.writes import dsa as writes
from stemtide.hub.rooms.signals.writes import signals
from stemtide.protocol.enums import Outcome
from stemtide.protocol.law.dsa.figures import ReportForm
from tests.hub.complaints.conftest import bench  # noqa: F401  # a fixture
from tests.hub.reports.requests import order
from tests.world import NOON, hex_value, outcome, report_of

NEXT_YEAR = NOON + timedelta(days=60)
FORM = ReportForm(provider="Big", service="Big", ground="terms", measure="disable")


def report(world, party="big_provider", now=NEXT_YEAR, year=2026):
    return reads.dsa_report(year, viewer=getattr(world, party), now=now)


def cells(found, sheet, row, scope="TOTAL"):
    table = next(table for table in found.report.tables if table.name == sheet)
    codes = {"10d": "KEYWORD_TERRORIST_CONTENT"}
    has_scope = sheet == "3_member_states_orders"
    return next(
        line
        for line in table.rows
        if (line[3] == codes[row] and (not has_scope or line[5] == scope))
    )


def write(world, form=FORM, role="duty_officer", now=NEXT_YEAR):
    by = world.actor(world.big_provider, role=role)
    return writes.write_form(form, year=2026, by=by, now=now)


def finish(world, change="", now=NEXT_YEAR, role="duty_officer"):
    by = world.actor(world.big_provider, role=role)
    return writes.finish_version(change=change, year=2026, by=by, now=now)


def test_orders_received_in_the_year_are_counted_by_the_state_of_their_authority(world):
    order(world, "executed", received=0, executed=30, addresses=3)
    order(world, "executed", received=10, executed=100)
    order(world, "executed", received=0, executed=9, exercise=True)
    order(world, "executed", received=60 * 24 * 40, executed=60 * 24 * 41)  # next year
    order(world, "executed", received=0, executed=9, addressee=world.small_provider)
    Order.objects.filter(received_at=NOON, exercise=False).update(
        acknowledged_at=NOON + timedelta(minutes=15)
    )
    row = cells(report(world), "3_member_states_orders", "10d")
    assert row[6:10] == [2, 4, 0.875, 1.0]  # 15 and 90 minutes; 30 and 90 minutes
    state = world.authority.country
    assert cells(report(world), "3_member_states_orders", "10d", state)[6] == 2


def test_blocks_are_those_that_agents_reported_in_the_year(world):
    signal = world.share(value=hex_value(1))
    rows = (outcome(signal.id, count=30), outcome(signal.id, "held", count=4))
    signals.report_outcomes(report_of(*rows), by=world.big_provider, now=NOON)
    back = outcome(signal.id, "reversed", count=3).model_copy(update={"was": Outcome.BLOCKED})
    drill = outcome(world.share(value=hex_value(2), exercise=True).id, count=7)
    signals.report_outcomes(report_of(back, drill), by=world.big_provider, now=NOON)
    late = report_of(outcome(signal.id, count=5))
    signals.report_outcomes(late, by=world.big_provider, now=NEXT_YEAR)
    write(world)
    row = cells(report(world), "6_own_initiative_TC", "10d")
    assert row[5:9] == [30, 30, None, 30]
    means = next(t for t in report(world).report.tables if t.name == "8_automated_means").rows
    assert [line[6] for line in means[5:9]] == [30, None, None, 0.9]
    assert cells(report(world, "small_provider"), "6_own_initiative_TC", "10d")[5] is None


def test_an_upheld_complaint_reverses_and_those_about_orders_are_left_out(world, bench):  # noqa: F811  # the fixture
    bench.uphold(bench.complain())
    bench.reject(bench.complain(), now=NOON + timedelta(hours=4))
    bench.complain()
    row = bench.complain()
    Complaint.objects.filter(uid=row.id).update(basis="order")
    lines = next(t for t in report(world).report.tables if t.name.startswith("7_")).rows
    assert [line[6] for line in lines[:6]] == [3, 1, 0, 1, 2.0, 0]


@pytest.mark.parametrize("party", ["authority", "agency", "observer", "consortium"])
def test_only_providers_have_such_a_report(world, party):
    with pytest.raises(NotAllowedError, match="made by providers"):
        report(world, party)


def test_a_report_is_of_its_party_alone(world):
    write(world)
    finish(world)
    other = report(world, "small_provider")
    assert (other.form, other.versions) == (ReportForm(), [])
    with pytest.raises(NotFoundError):
        reads.version_tables(2026, 0, 1, viewer=world.small_provider)


def test_a_finished_version_stays_as_it_was(world):
    write(world)
    finish(world)
    before, _ = reads.version_tables(2026, 0, 1, viewer=world.big_provider)
    order(world, "executed", received=0, executed=30)
    write(world, FORM.model_copy(update={"service": "Bigger"}))
    assert reads.version_tables(2026, 0, 1, viewer=world.big_provider)[0] == before
    found = finish(world, change="A late order was added.")
    assert [(row.number, row.change) for row in found.versions] == [
        (1, ""),
        (2, "A late order was added."),
    ]
    after, _ = reads.version_tables(2026, 0, 2, viewer=world.big_provider)
    assert after[2].rows != before[2].rows


def test_a_later_version_says_what_changed(world):
    finish(world)
    with pytest.raises(InvalidError, match="change: say what changed"):
        finish(world, change="  ")


def test_a_version_is_finished_after_its_period_and_without_faults(world):
    with pytest.raises(ConflictError, match="not over"):
        finish(world, now=NOON)
    sums = [("13a", 3), ("13b", 2), ("13c", 0), ("13", 9)]
    wrong = [
        {"sheet": "4_notices", "row": row, "column": "received", "value": value}
        for row, value in sums
    ]
    write(world, ReportForm.model_validate({"cells": wrong}))
    with pytest.raises(ConflictError, match="faults"):
        finish(world)


def test_a_wrong_cell_is_refused_by_its_address_and_nothing_is_written(world):
    wrong = {"sheet": "3_member_states_orders", "row": "7a", "column": "received"}
    cell = wrong | {"scope": "DE", "value": 1.5}
    with pytest.raises(InvalidError, match="3_member_states_orders/7a/received/DE: must be a whol"):
        write(world, ReportForm.model_validate({"cells": [cell]}))
    assert report(world).form == ReportForm()


@pytest.mark.parametrize("act", [write, finish])
def test_who_only_reads_writes_and_finishes_nothing(world, act):
    with pytest.raises(NotAllowedError, match="can only read"):
        act(world, role="observer")


def test_the_ledger_has_each_change_and_no_values(world):
    write(world)
    write(world)
    finish(world)
    entries = Entry.objects.filter(kind__startswith="dsa.")
    assert [entry.kind for entry in entries] == ["dsa.written", "dsa.finished"]
    assert entries[0].subject == "dsa:2026-01-01/2026-12-31"
    assert "Big" not in str([entry.detail for entry in entries])


def test_there_is_no_report_before_the_template_and_after_this_year(world):
    for year in (2024, 2028):
        with pytest.raises(InvalidError, match="ask for a year from 2025 to 2027"):
            report(world, year=year)
    assert report(world).report.due == date(2027, 2, 28)
    at_new_year = datetime(2027, 1, 1, tzinfo=UTC)
    assert report(world, now=at_new_year).report.is_over
    assert not report(world, now=at_new_year - timedelta(seconds=1)).report.is_over
