# SPDX-License-Identifier: Apache-2.0
"""Every figure here was reckoned by hand from the rows above it.

Minutes are after noon of 24 November 2026.
"""

from datetime import UTC, datetime, timedelta

import pytest

from stemtide.hub.platform.errors import InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.complaints.models import Complaint
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.orders.models import Order, Scrutiny
from stemtide.hub.rooms.reports.reads import yearly as reads_yearly
from stemtide.hub.rooms.reports.rules import yearly as rules
from stemtide.hub.rooms.reports.writes import yearly as writes
from stemtide.protocol.enums import PartyKind, Role
from stemtide.protocol.law.yearly import YearlyForm, YearlyLineIn, report_definition
from tests.hub.complaints.conftest import bench  # noqa: F401  # a fixture
from tests.hub.reports.requests import order, referral
from tests.world import NOON

NEXT_YEAR = NOON + timedelta(days=60)
DAY = 24 * 60
NEW_YEAR = 37 * DAY + 720  # midnight of 1 January 2027


def report(world, party="authority", year=2026, now=NEXT_YEAR, **named):
    return reads_yearly.yearly(year, viewer=getattr(world, party), now=now, **named)


def figures(found):
    return {one.name: one for part in found.parts for one in part.figures}


def counts(found):
    return {name: one.count for name, one in figures(found).items() if one.is_known}


def pieces(found, name):
    return {one.name: one.count for one in figures(found)[name].pieces}


@pytest.fixture
def eight(world):
    """Eight orders of the authority's, one of another's, an exercise, and a draft."""
    error, force = "manifest_error", "impossibility"
    order(world, "executed", addresses=3, received=5, executed=25)
    order(world, "executed", received=0, executed=130, pauses=[(30, 80, error)])
    order(world, "suspended", received=0, pauses=[(10, None, force, error)])
    order(world, "received", received=1, is_cross_border=True, scrutiny=["upheld"])
    border = {"received": 0, "is_cross_border": True}
    order(world, "reinstated", executed=50, reinstated=900, scrutiny=["infringed"], **border)
    order(world, "annulled", scrutiny=["closed", "infringed"], **border)
    ended = {"is_cross_border": True, "is_unconfirmed": True}
    order(world, "withdrawn", received=0, pauses=[(5, None, error)], **ended)
    order(world, "executed", received=3, executed=NEW_YEAR + 10, addresses=2)
    order(world, "executed", received=3, executed=9, issued_by=world.other_authority)
    order(world, "executed", received=3, executed=9, exercise=True)
    order(world, "drafted", issued=None)
    order(world, "submitted", issued=None)
    return world


def test_an_authority_reports_what_became_of_the_orders_of_its_year(eight):
    found = report(eight)
    assert found.form == YearlyForm.ART_8
    assert counts(found) == {
        "orders_issued": 8,
        "orders_cross_border": 4,
        "orders_unconfirmed": 1,
        "orders_scrutinised": 3,
        "orders_executed": 4,
        "orders_not_executed": 4,
        "grounds": 3,
        "items": 7,
        "scrutinies": 0,
    }
    assert pieces(found, "orders_scrutinised") == {"infringed": 2, "upheld": 1, "other": 0}
    assert pieces(found, "orders_executed") == {"removed": 4, "disabled": 0}
    became = {"not_executed": 1, "withdrawn": 1, "annulled": 1, "open": 1}
    assert pieces(found, "orders_not_executed") == became
    grounds = {"impossibility": 1, "manifest_error": 3, "insufficient_information": 0}
    assert pieces(found, "grounds") == grounds


def test_a_provider_reports_what_happened_in_its_year_whenever_it_was_ordered(eight):
    before, after = report(eight, "big_provider"), report(eight, "big_provider", year=2027)
    assert before.form == YearlyForm.ART_7
    assert counts(before) == {
        "orders_received": 9,
        "items_by_orders": 6,
        "orders_not_executed": 2,
        "complaints_filed": 0,
        "complaints_decided": 0,
        "reinstated_after_orders": 1,
        "reinstated_after_complaints": 0,
    }
    assert pieces(before, "items_by_orders") == {"removed": 6, "disabled": 0}
    grounds = {"impossibility": 1, "manifest_error": 2, "insufficient_information": 0}
    assert pieces(before, "orders_not_executed") == grounds
    assert (counts(after)["orders_received"], counts(after)["items_by_orders"]) == (0, 2)


def test_what_was_carried_out_in_spite_of_a_ground_is_carried_out(world):
    row = order(world, "suspended", received=0, pauses=[(10, None, "impossibility")])
    assert counts(report(world, "big_provider"))["orders_not_executed"] == 1
    Order.objects.filter(pk=row.pk).update(executed_at=NEXT_YEAR, state="executed")
    assert counts(report(world, "big_provider"))["orders_not_executed"] == 0


def test_an_order_that_named_its_ground_twice_is_one_order(world):
    order(
        world,
        "suspended",
        received=0,
        pauses=[(5, 9, "impossibility"), (12, None, "manifest_error")],
    )
    found = report(world, "big_provider")
    assert counts(found)["orders_not_executed"] == 1
    assert sum(pieces(found, "orders_not_executed").values()) == 2


def test_one_finding_of_an_infringement_outweighs_one_that_found_none(world):
    order(world, "undone", received=0, executed=9, scrutiny=["upheld", "infringed", "closed"])
    found = report(world)
    assert pieces(found, "orders_scrutinised") == {"infringed": 1, "upheld": 0, "other": 0}
    assert counts(found)["orders_scrutinised"] == 1


def test_an_authority_counts_the_orders_of_others_that_it_examined(world):
    for state in ("infringed", "upheld", "closed", "opened"):
        order(world, "received", scrutiny=[state], decided=30, issued_by=world.other_authority)
    Scrutiny.objects.update(authority=world.authority)
    found = report(world)
    assert counts(found)["scrutinies"] == 2
    assert pieces(found, "scrutinies") == {"infringed": 1, "upheld": 1}
    assert counts(report(world, "other_authority"))["scrutinies"] == 0


def test_complaints_are_counted_when_they_came_and_when_they_ended(world, bench):  # noqa: F811
    for _ in range(3):
        bench.complain()
    first, second, third = Complaint.objects.order_by("pk")
    Complaint.objects.filter(pk=first.pk).update(state="upheld", decided_at=NOON)
    Complaint.objects.filter(pk=second.pk).update(state="rejected", decided_at=NEXT_YEAR)
    Complaint.objects.filter(pk=third.pk).update(basis="referral", decided_at=NOON, state="upheld")
    found = report(world, "big_provider", now=NEXT_YEAR + timedelta(days=1))
    assert (counts(found)["complaints_filed"], counts(found)["complaints_decided"]) == (2, 1)
    assert pieces(found, "complaints_decided") == {"upheld": 1, "rejected": 0, "withdrawn": 0}
    assert pieces(found, "complaints_filed") == {"signal": 2, "order": 0, "own": 0}
    assert counts(found)["reinstated_after_complaints"] == 1
    later = report(world, "big_provider", year=2027, now=NEXT_YEAR + timedelta(days=1))
    assert pieces(later, "complaints_decided") == {"upheld": 0, "rejected": 1, "withdrawn": 0}
    assert counts(report(world, "small_provider"))["complaints_filed"] == 0


def test_referrals_are_in_no_yearly_report(world):
    referral(world, "removed", answered=10, answer="removed", gone=10)
    assert report(world, "big_provider").is_empty
    assert report(world).is_empty


def test_an_empty_year_says_so_and_what_nobody_knows_is_no_nought(world):
    found = report(world)
    assert found.is_empty
    assert found.nothing
    assert set(counts(found).values()) == {0}
    unknown = [one for one in figures(found).values() if not one.is_known]
    assert unknown
    assert {(one.count, one.text, one.is_given) for one in unknown} == {(None, "", False)}


def test_exercises_are_a_year_of_their_own(eight):
    found = report(eight, is_exercise=True)
    assert (found.exercise, counts(found)["orders_issued"]) == (True, 1)


def test_a_year_begins_at_midnight_where_the_asker_says(world):
    order(world, "executed", issued=NEW_YEAR - 30, received=NEW_YEAR - 30, executed=NEW_YEAR - 20)
    here = {"zone": "Europe/Brussels"}
    assert counts(report(world, **here))["orders_issued"] == 0
    assert counts(report(world, year=2027, **here))["orders_issued"] == 1
    assert counts(report(world))["orders_issued"] == 1


def test_the_running_year_is_counted_until_now_and_is_no_whole_report(world):
    found = report(world, now=NOON)
    assert (found.is_over, found.is_whole, found.until) == (False, False, NOON)
    assert report(world).is_over
    assert report(world).until == datetime(2027, 1, 1, tzinfo=UTC)


def test_a_provider_publishes_before_the_first_of_march(world):
    assert str(report(world, "big_provider").due) == "2027-03-01"
    assert report(world).due is None


@pytest.mark.parametrize("party", ["agency", "consortium", "observer"])
def test_who_issues_and_gets_no_orders_publishes_no_report(world, party):
    with pytest.raises(NotAllowedError, match="Article 7"):
        report(world, party)


@pytest.mark.parametrize("year", [-1, 0, 2021, 2028, 10_000])
def test_there_is_no_report_before_the_regulation_and_after_this_year(world, year):
    with pytest.raises(InvalidError, match="from 2022 to 2027"):
        report(world, year=year)


@pytest.mark.parametrize(
    ("form", "party"), [("tco-art-7", "big_provider"), ("tco-art-8", "authority")]
)
def test_each_figure_of_the_file_is_counted_or_left_to_people(world, form, party):
    found = figures(report(world, party))
    asked = {one.name: one for one in report_definition(YearlyForm(form)).figures()}
    assert list(found) == list(asked)
    assert {name for name, one in found.items() if one.count is not None} == {
        name for name, one in asked.items() if one.is_known
    }


def write(world, party="authority", role="duty_officer", year=2026, now=NEXT_YEAR, **lines):
    said = {
        name: YearlyLineIn(text=one) if isinstance(one, str) else YearlyLineIn(count=one)
        for name, one in lines.items()
    }
    by = world.actor(getattr(world, party), role=role)
    return writes.write_lines(year, lines=said, by=by, now=now)


WHOLE = {
    "measure_decisions": 2,
    "measure_words": "Two providers reported.",
    "reviews": 0,
    "review_outcomes": "None.",
    "penalties": 0,
    "penalty_kinds": "None.",
}


def test_what_people_write_makes_a_report_whole(world):
    found = write(world, **WHOLE)
    assert found.is_whole
    assert not found.is_empty
    told = figures(found)
    assert (told["penalties"].count, told["penalties"].is_given) == (0, True)
    assert (told["measure_words"].text, told["measure_words"].is_known) == (
        "Two providers reported.",
        False,
    )
    assert not report(world, year=2027).parts[1].figures[0].is_given
    assert not report(world, "other_authority").is_whole


def test_a_report_of_a_running_year_is_a_draft_whatever_is_written(world):
    found = write(world, now=NOON, **WHOLE)
    assert (found.is_over, found.is_whole) == (False, False)
    assert report(world).is_whole


def test_the_ledger_names_the_figures_and_not_what_was_written(world):
    write(world, **WHOLE)
    write(world, **WHOLE)
    [entry] = Entry.objects.filter(kind="yearly.written")
    assert (entry.subject, entry.detail["figures"]) == ("yearly:tco-art-8:2026", sorted(WHOLE))
    assert "Two providers" not in str(entry.detail)


def test_an_empty_line_is_not_known_again(world):
    write(world, **WHOLE)
    found = write(world, measure_words="", penalties=None)
    told = figures(found)
    assert (told["penalties"].count, told["penalties"].is_given, found.is_whole) == (
        None,
        False,
        False,
    )
    assert Entry.objects.filter(kind="yearly.written").count() == 2


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ({"orders_issued": 3}, "orders_issued: is not a figure"),
        ({"nonsense": 3}, "nonsense: is not a figure"),
        ({"penalties": "two"}, "penalties: must be a number"),
        ({"penalties": -1}, "must be 0 or more"),
        ({"penalties": 10**12}, "must be 0 or more"),
        ({"penalty_kinds": 2}, "must be text"),
        ({"penalty_kinds": "x" * 10_001}, "at most 10,000"),
        ({"penalty_kinds": "Ask jane.doe@example.org."}, "personal data"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_figure_and_nothing_is_written(world, lines, says):
    with pytest.raises(InvalidError, match=says):
        write(world, reviews=1, **lines)
    assert figures(report(world))["reviews"].count is None


def test_nothing_is_written_for_a_year_without_a_report(world):
    with pytest.raises(InvalidError, match="no report for 2030"):
        write(world, year=2030, penalties=1)


YES, NO = True, False


@pytest.mark.parametrize(
    ("kind", "role", "may"),
    [
        (PartyKind.AUTHORITY, Role.DUTY_OFFICER, YES),
        (PartyKind.AUTHORITY, Role.COORDINATOR, YES),
        (PartyKind.AUTHORITY, Role.ANALYST, YES),
        (PartyKind.AUTHORITY, Role.ADMINISTRATOR, YES),
        (PartyKind.AUTHORITY, Role.DATA_PROTECTION_OFFICER, NO),
        (PartyKind.AUTHORITY, Role.OBSERVER, NO),
        (PartyKind.PROVIDER, Role.DUTY_OFFICER, YES),
        (PartyKind.PROVIDER, Role.OBSERVER, NO),
        (PartyKind.AGENCY, Role.COORDINATOR, NO),
        (PartyKind.CONSORTIUM, Role.DUTY_OFFICER, NO),
        (PartyKind.OBSERVER, Role.DUTY_OFFICER, NO),
    ],
)
def test_who_writes_into_a_report(kind, role, may):
    assert allows(rules.check_write, kind=kind, role=role) is may
