# SPDX-License-Identifier: Apache-2.0
import csv
import io
import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.writes import competences
from stemtide.hub.rooms.reports.rules.yearly import to_write
from stemtide.protocol.enums import Duty
from stemtide.protocol.law.yearly import YearlyForm, YearlyKind
from tests.hub.desk.test_board import text
from tests.hub.reports.requests import order
from tests.rounds import at_night

PAGE = "/progress/yearly"


@pytest.fixture
def busy(world):
    """One order of the authority's, carried out, and one that named a ground."""
    cast = SimpleNamespace(
        authority=Party.objects.get(name="authority"),
        big_provider=Party.objects.get(name="provider"),
    )
    order(cast, "executed", received=0, executed=20, addresses=3)
    order(cast, "suspended", received=0, pauses=[(1, None, "manifest_error")])
    return world


@at_night
def test_an_authority_reads_its_report_point_by_point(busy):
    page = busy.desk("authority").get(f"{PAGE}?year=2026")
    told = text(page)
    assert "Yearly report of a competent authority" in told
    assert "Art. 8(1)(a)" in told
    assert "Removal orders issued in the year 2" in told
    assert "manifest errors in the order 1" in told
    assert "Decisions that impose a penalty under Article 18 not known here" in told
    assert "compare the points" not in told  # Article 8 was compared with its text


def test_a_provider_reads_its_own(busy):
    told = text(busy.desk("provider").get(f"{PAGE}?year=2026"))
    assert "because of removal orders 3" in told
    assert "1 Mar 2027" in told
    assert "because of a removal order Not asked for by the article." in told  # Art. 10


def test_an_empty_year_says_so(world):
    told = text(world.desk("provider").get(f"{PAGE}?year=2022"))
    assert "Nothing was counted for this year, and nothing is written." in told
    assert "owes no report" in told


def test_without_a_year_it_is_the_one_that_is_due(world):
    today = datetime.now(UTC)
    year = today.year - (today.month <= 3)
    assert f", {year}" in text(world.desk("authority").get(PAGE))


@at_night
def test_a_year_is_compared_with_the_one_before(busy):
    desk = busy.desk("authority")
    assert "year before: 0" in text(desk.get(f"{PAGE}?year=2026"))
    assert "year before" not in text(desk.get(f"{PAGE}?year=2022"))


def test_what_is_written_stands_in_the_report_and_in_its_files(busy):
    desk = busy.desk("authority")
    sent = {"year": "2026", "penalties": "0", "penalty_kinds": "No fine was imposed."}
    answer = desk.post(f"{PAGE}/write", sent, follow=True)
    told = text(answer)
    assert "Written." in told
    assert "No fine was imposed." in told
    assert "0 as your party states it" in told
    rows = list(csv.DictReader(io.StringIO(desk.get(f"{PAGE}?year=2026&as=csv").content.decode())))
    cell = {(one["figure"], one["of"]): one for one in rows}
    assert cell["penalties", ""]["count"] == "0"
    assert (cell["reviews", ""]["count"], cell["reviews", ""]["known"]) == ("", "no")
    assert cell["grounds", "manifest_error"]["count"] == "1"
    assert cell["penalty_kinds", ""]["text"] == "No fine was imposed."
    found = json.loads(desk.get(f"{PAGE}?year=2026&as=json").content)
    assert (found["form"], found["is_whole"]) == ("tco-art-8", False)
    paper = desk.get(f"{PAGE}?year=2026&as=pdf")
    assert paper.content.startswith(b"%PDF-")
    assert "tco-art-8-2026.pdf" in paper.headers["Content-Disposition"]


def test_an_exercise_is_written_apart(world):
    desk = world.desk("authority")
    sent = {"year": "2026", "exercise": "on", "penalties": "3"}
    assert "Only exercises are counted here." in text(desk.post(f"{PAGE}/write", sent, follow=True))
    assert "3 as your party states it" not in text(desk.get(f"{PAGE}?year=2026"))


@at_night
@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({"penalty_kinds": "Ask jane.doe@example.org."}, "contains personal data"),
        ({"penalties": "-1"}, "greater than or equal to 0"),
        ({"penalties": "many"}, "Enter a whole number"),
        ({"year": "2019"}, "Select a valid choice"),
    ],
)
def test_what_does_not_fit_is_said_beside_its_field_and_nothing_is_lost(world, sent, says):
    answer = world.desk("authority").post(f"{PAGE}/write", {"year": "2026", "reviews": "7"} | sent)
    assert answer.status_code == 422
    assert says in text(answer)
    assert "year" in sent or 'value="7"' in answer.content.decode()
    assert not Entry.objects.filter(kind="yearly.written").exists()


def test_who_only_reads_finds_no_form(busy):
    page = busy.desk("authority", "observer").get(f"{PAGE}?year=2026")
    assert "What the hub cannot count" not in text(page)
    assert "Removal orders issued in the year 2" in text(page)


@at_night
def test_only_who_publishes_one_is_led_there(world):
    assert "Yearly report" in text(world.desk("provider").get("/progress"))
    agency = world.desk("agency")
    assert "Yearly report" not in text(agency.get("/progress"))
    assert agency.get(PAGE).status_code == 403


def test_a_wrong_year_is_said_beside_the_form(world):
    page = world.desk("authority").get(f"{PAGE}?year=1999")
    assert page.status_code == 422
    assert "Select a valid choice" in text(page)


@at_night
def test_the_return_of_the_member_state_is_chosen_completed_and_finished(busy):
    authority = busy.party["authority"]
    competences.name_competent(authority, Duty.ISSUE, actor="operator", now=busy.now)
    desk = busy.desk("authority")
    asked = {"form": "tco-art-21", "year": "2025"}
    told = text(desk.get(PAGE, asked))
    assert "Return of a Member State" in told
    assert "To be sent to the Commission before 1 Apr 2026" in told
    refused = desk.post(f"{PAGE}/finish", asked)
    assert refused.status_code == 422
    assert "the report is a draft" in text(refused).lower()
    lines = {
        figure.name: "0" if figure.kind is YearlyKind.COUNT else "None."
        for _, figure in to_write(YearlyForm.ART_21)
    }
    assert "Nothing that the article asks for is missing." in text(
        desk.post(f"{PAGE}/write", asked | lines, follow=True)
    )
    done = text(desk.post(f"{PAGE}/finish", asked, follow=True))
    assert "The version is finished." in done
    assert "Version 1" in done
    version = json.loads(desk.get(PAGE, asked | {"as": "json", "number": "1"}).content)
    assert (version["form"], version["is_whole"]) == ("tco-art-21", True)
    assert desk.get(PAGE, asked | {"as": "pdf", "number": "1"}).content.startswith(b"%PDF-")
    assert desk.get(PAGE, asked | {"as": "pdf", "number": "2"}).status_code == 404


def test_an_authority_outside_the_register_makes_no_return(busy):
    desk = busy.desk("authority")
    assert "Your Member State, Art. 21" not in text(desk.get(PAGE))
    assert desk.get(PAGE, {"form": "tco-art-21", "year": "2025"}).status_code == 422
