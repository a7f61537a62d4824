# SPDX-License-Identifier: Apache-2.0
import csv
import io
import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.parties.models import Party
from tests.hub.desk.test_board import text
from tests.hub.reports.requests import order

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


def test_without_a_year_it_is_the_current_one(world):
    year = datetime.now(UTC).year
    assert f", {year}" in text(world.desk("authority").get(PAGE))


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


def test_only_who_publishes_one_is_led_there(world):
    assert "Yearly report" in text(world.desk("provider").get("/progress"))
    agency = world.desk("agency")
    assert "Yearly report" not in text(agency.get("/progress"))
    assert agency.get(PAGE).status_code == 403


def test_a_wrong_year_is_said_beside_the_form(world):
    page = world.desk("authority").get(f"{PAGE}?year=1999")
    assert page.status_code == 422
    assert "Select a valid choice" in text(page)
