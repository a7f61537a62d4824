# SPDX-License-Identifier: Apache-2.0
"""The return of a Member State against plain SQL, and a slow, obvious twin."""

import random
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from uuid import uuid4

import pytest
from django.db import connection

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.rooms.complaints.models import Complaint
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.orders.models import Access, Appeal, Order, Preservation
from stemtide.hub.rooms.parties.writes import competences
from stemtide.hub.rooms.reports.reads.yearly import version, yearly
from stemtide.hub.rooms.reports.rules.yearly import due_year, to_write
from stemtide.hub.rooms.reports.writes.yearly import finish_version, write_lines
from stemtide.protocol.enums import Duty
from stemtide.protocol.law.yearly import YearlyForm, YearlyKind, YearlyLineIn
from tests.hub.reports.requests import order
from tests.world import NOON, add_member

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 2, 1, tzinfo=UTC)
RETURN = YearlyForm.ART_21
DAY = 24 * 60


@pytest.fixture
def state(world):
    """Two authorities of Belgium in the register, and one of France."""
    world.neighbour = add_member(
        "be-prosecutor", title="Prosecutor", kind="authority", country="BE", now=NOON
    )
    for party in (world.authority, world.neighbour, world.other_authority):
        competences.name_competent(party, Duty.ISSUE, actor="operator", now=NOON)
    return world


@pytest.fixture
def year_of_rows(state):
    """Forty orders with pauses, accesses and appeals, in November to January."""
    chance = random.Random(19)  # noqa: S311  # the same world each time
    issuers = [state.authority, state.neighbour, state.other_authority]
    for _ in range(40):
        issued = chance.randrange(0, 60 * DAY)
        received = issued + chance.randrange(0, 90)
        is_executed = chance.random() < 0.7
        pauses = []
        if chance.random() < 0.4:
            stopped = received + chance.randrange(1, 40)
            pauses.append((stopped, stopped + 30, "manifest_error"))
        end = "executed" if is_executed else chance.choice(["withdrawn", "annulled", "received"])
        row = order(
            state,
            end,
            issued=issued,
            received=received,
            executed=received + chance.randrange(5, 200) if is_executed else None,
            pauses=pauses,
            addresses=chance.randint(1, 4),
            issued_by=chance.choice(issuers),
            exercise=chance.random() < 0.1,
        )
        if is_executed:
            _accessed(row, chance)
        if chance.random() < 0.4:
            _appealed(row, chance)
    return state


def _accessed(row, chance):
    kept = Preservation.objects.create(
        order=row, since=row.executed_at, until=row.executed_at + timedelta(days=180)
    )
    other = Preservation.objects.create(order=row, since=row.executed_at, basis="e_evidence")
    Access.objects.create(
        preservation=other, purpose="prosecution", who="court", at=row.executed_at
    )
    for _ in range(chance.randrange(0, 3)):
        purpose = chance.choice(["review", "complaint", "prosecution"])
        at = row.executed_at + timedelta(days=chance.randrange(0, 40))
        Access.objects.create(preservation=kept, purpose=purpose, who="court", at=at)


def _appealed(row, chance):
    lodged = row.issued_at.date() + timedelta(days=chance.randrange(0, 20))
    outcome = chance.choice(["pending", "confirmed", "overturned", "closed"])
    Appeal.objects.create(
        uid=uuid4(),
        order=row,
        lodged_by="provider",
        kind=chance.choice(["judicial", "administrative"]),
        body="court",
        lodged_on=lodged,
        entered_by=row.issued_by,
        entered_at=NOW,
        outcome=outcome,
        decided_on=None if outcome == "pending" else lodged + timedelta(days=10),
    )


def figures(report):
    return {figure.name: figure for part in report.parts for figure in part.figures}


def made(state, *, now=NOW, viewer=None):
    report = yearly(2026, viewer=viewer or state.authority, now=now, form=RETURN)
    return figures(report)


def counted_by_sql(query, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchone()[0]


OF_BELGIUM = (
    " JOIN parties_party p ON p.id = o.issued_by_id AND p.country = 'BE' AND o.exercise = %s"
)
IN_2026 = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


def test_orders_items_accesses_and_reviews_equal_plain_sql(year_of_rows):
    found = made(year_of_rows)
    within = "WHERE o.issued_at >= %s AND o.issued_at < %s"
    orders = counted_by_sql(
        f"SELECT count(*) FROM orders_order o{OF_BELGIUM} {within}",  # noqa: S608  # constants
        False,
        *IN_2026,
    )
    items = counted_by_sql(
        "SELECT count(*) FROM orders_orderaddress a JOIN orders_order o ON o.id = a.order_id"  # noqa: S608  # constants
        f"{OF_BELGIUM} {within} AND o.executed_at IS NOT NULL",
        False,
        *IN_2026,
    )
    accesses = counted_by_sql(
        "SELECT count(*) FROM orders_access x JOIN orders_preservation k ON k.id ="  # noqa: S608  # constants
        f" x.preservation_id AND k.basis = 'tco' JOIN orders_order o ON o.id = k.order_id"
        f"{OF_BELGIUM}"
        " WHERE x.at >= %s AND x.at < %s",
        False,
        *IN_2026,
    )
    lodged, ended = (
        counted_by_sql(
            "SELECT count(*) FROM orders_appeal a JOIN orders_order o ON o.id = a.order_id"  # noqa: S608  # constants
            f"{OF_BELGIUM} WHERE a.{day} BETWEEN %s AND %s",
            False,
            date(2026, 1, 1),
            date(2026, 12, 31),
        )
        for day in ("lodged_on", "decided_on")
    )
    assert min(orders, items, accesses, lodged, ended) > 0
    assert [found[name].count for name in ("ms_orders", "ms_items", "ms_accesses")] == [
        *(orders, items, accesses)
    ]
    assert [found[name].count for name in ("ms_reviews", "ms_review_decisions")] == [lodged, ended]
    for name in ("ms_orders", "ms_items", "ms_accesses", "ms_reviews", "ms_review_decisions"):
        assert sum(piece.count for piece in found[name].pieces) == found[name].count, name


def test_speed_equals_a_slow_twin(year_of_rows):
    took, in_hour = [], 0
    for row in Order.objects.all():
        if row.exercise or row.issued_by.country != "BE" or row.issued_at.year != 2026:
            continue
        if row.executed_at is None:
            continue
        # Second by second would be slower still: minutes, as all times here are whole minutes.
        running, since = 0, row.received_at
        pauses = [
            (one.answered_at, one.resumed_at)
            for one in row.answers.all()
            if one.form == "tco-annex-3"
        ]
        minute = row.received_at
        while minute < row.executed_at:
            running += not any(stop <= minute < resumed for stop, resumed in pauses)
            minute += timedelta(minutes=1)
        took.append(running)
        for _, resumed in pauses:
            since = max(since, resumed)
        in_hour += row.executed_at <= since + timedelta(minutes=60)
    took.sort()
    assert len(took) > 10
    half, rest = divmod(len(took), 2)
    median = took[half] if rest else Fraction(took[half - 1] + took[half], 2)
    ninetieth = next(one for one in took if sum(t <= one for t in took) * 10 >= 9 * len(took))
    found = made(year_of_rows)
    assert found["ms_speed_median"].count == round(float(median), 1)
    assert found["ms_speed_p90"].count == ninetieth
    assert found["ms_in_hour"].count == in_hour
    assert found["ms_in_hour_share"].count == round(100 * in_hour / len(took), 1)


def test_each_authority_of_a_state_reads_the_same_and_others_read_their_own(year_of_rows):
    own, neighbour, other = (
        {name: figure.count for name, figure in made(year_of_rows, viewer=viewer).items()}
        for viewer in (
            *(year_of_rows.authority, year_of_rows.neighbour, year_of_rows.other_authority),
        )
    )
    assert own == neighbour != other
    assert own["ms_authorities"] == 2


def test_an_authority_outside_the_register_and_a_provider_get_no_return(world):
    for viewer in (world.authority, world.big_provider):
        with pytest.raises(NotAllowedError):
            yearly(2026, viewer=viewer, now=NOW, form=RETURN)
    with pytest.raises(NotAllowedError):
        write_lines(2026, lines={}, by=world.actor(), now=NOW, form=RETURN)


def _complaint(party, basis, state):
    Complaint.objects.create(
        uid=uuid4(),
        party=party,
        basis=basis,
        state=state,
        code_hash=uuid4().hex,
        reference=uuid4().hex[:12],
        acted_at=NOON,
        erase_due=NOW,
        filed_at=NOON,
        decided_at=NOON if state in {"upheld", "rejected"} else None,
        due_at=NOON + timedelta(days=14),
    )


def test_complaints_to_providers_of_the_state_are_counted_once_the_year_is_over(state):
    for basis, end in [("own", "upheld"), ("signal", "rejected"), ("order", "upheld")]:
        _complaint(state.small_provider, basis, end)
        _complaint(state.big_provider, basis, end)
    report = made(state, now=datetime(2026, 12, 1, tzinfo=UTC), viewer=state.other_authority)
    assert (report["ms_complaints"].is_known, report["ms_complaints"].count) == (False, None)
    report = made(state, viewer=state.other_authority)
    assert (report["ms_complaints"].count, report["ms_complaints_ended"].count) == (2, 2)
    assert [piece.count for piece in report["ms_complaints_ended"].pieces] == [1, 1, 0]


def complete(state, *, year=2026):
    lines = {
        figure.name: YearlyLineIn(text="None.")
        if figure.kind is YearlyKind.WORDS
        else YearlyLineIn(count=0)
        for _, figure in to_write(RETURN)
    }
    return write_lines(year, lines=lines, by=state.actor(), now=NOW, form=RETURN)


def test_a_return_is_whole_without_any_order_and_is_finished_in_versions(state):
    with pytest.raises(ConflictError, match="is a draft"):
        finish_version(2026, by=state.actor(), now=NOW, form=RETURN)
    whole = complete(state)
    assert (whole.is_whole, whole.country) == (True, "BE")
    finish_version(2026, by=state.actor(), now=NOW, form=RETURN)
    assert Entry.objects.order_by("-number")[0].kind == "yearly.finished"
    with pytest.raises(InvalidError, match="a later version says"):
        finish_version(2026, by=state.actor(), now=NOW, form=RETURN)
    order(state, "executed", issued=0, received=1, executed=2)
    finished = finish_version(
        2026, by=state.actor(), now=NOW, form=RETURN, change="An order was missing."
    )
    assert [one.number for one in finished.versions] == [1, 2]
    counts = [
        figures(version(2026, number, viewer=state.authority, form=RETURN))["ms_orders"].count
        for number in (1, 2)
    ]
    assert counts == [0, 1]


def test_figures_of_a_return_are_apart_from_those_of_the_authoritys_own_report(state):
    complete(state)
    assert yearly(2026, viewer=state.authority, now=NOW).is_empty


@pytest.mark.parametrize(
    ("form", "today", "year"),
    [
        ("tco-art-7", date(2027, 2, 28), 2026),
        ("tco-art-7", date(2027, 3, 1), 2027),
        ("tco-art-8", date(2027, 3, 31), 2026),
        ("tco-art-21", date(2027, 3, 31), 2026),
        ("tco-art-21", date(2027, 4, 1), 2027),
    ],
)
def test_the_year_that_is_due_is_the_one_before_until_its_date(form, today, year):
    assert due_year(YearlyForm(form), today=today) == year
