# SPDX-License-Identifier: Apache-2.0
import io
from datetime import UTC, datetime
from types import SimpleNamespace

import openpyxl
import pytest

from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.reports.reads import dsa as reads
from stemtide.protocol.law.dsa.template import due_year
from tests.hub.desk.test_board import text
from tests.hub.reports.requests import order
from tests.rounds import at_night, few

PAGE = "/progress/dsa"
SENT = {"year": "2025", "half": "0", "kind": "platform", "provider": "Big", "service": "Big"}
RECALL = "8_automated_means/own_recall/value"


@pytest.fixture
def desk(world):
    return world.desk("provider")


def stored():
    """The report of 2025 as it is read after the page wrote it."""
    viewer = Party.objects.get(name="provider")
    return reads.dsa_report(2025, viewer=viewer, now=datetime.now(UTC))


@at_night
def test_it_opens_on_the_period_that_is_due_with_what_is_missing_on_top(desk):
    page = text(desk.get(PAGE))
    assert f"1 Jan {due_year(datetime.now(UTC).date())}" in page
    assert page.index("Missing entries") < page.index("Counted by the hub")
    assert "11_qualitative" in page


def test_counted_figures_stand_beside_those_of_the_period_before(desk):
    cast = SimpleNamespace(
        authority=Party.objects.get(name="authority"),
        big_provider=Party.objects.get(name="provider"),
    )
    order(cast, "executed", received=0, executed=90, addresses=3)
    page = text(desk.get(f"{PAGE}?year=2026"))
    assert "Removal orders received 1 0" in page
    assert "Median hours to give effect to them 1.50 -" in page


def test_what_is_written_is_stored_and_shown_again(desk):
    lines = "4_notices,7a,received,,12,\n3_member_states_orders,3g,received,DE,1,Doxing"
    texts = {"11_qualitative/summary/value": "A summary.", RECALL: "0.75"}
    answer = desk.post(f"{PAGE}/write", {**SENT, **texts, "others": lines}, follow=True)
    assert "Written." in text(answer)
    cells = {cell.address: cell.value for cell in stored().form.cells}
    assert cells == {
        RECALL: 0.75,
        "11_qualitative/summary/value": "A summary.",
        "4_notices/7a/received": 12,
        "3_member_states_orders/3g/received/DE/Doxing": 1,
    }
    again = {**SENT, **texts, "others": answer.context["fields"]["others"].value()}
    desk.post(f"{PAGE}/write", again)
    assert Entry.objects.filter(kind="dsa.written").count() == 1, "nothing changed"


@pytest.mark.parametrize(
    ("wrong", "says"),
    few(
        (0,),
        of=[
            ({RECALL: "1.5"}, "must be a number from 0 to 1"),
            ({"others": "4_notices,7a,received,,many,"}, "must be a whole number"),
            ({"others": "no cell"}, "1: "),
            ({"impossible": "nothing"}, "must be one of"),
        ],
    ),
)
def test_what_is_wrong_is_said_and_nothing_is_written(desk, wrong, says):
    answer = desk.post(f"{PAGE}/write", {**SENT, **wrong})
    assert (answer.status_code, says in text(answer)) == (422, True)
    assert stored().form.provider == ""


@at_night
def test_a_version_is_finished_and_downloaded(desk):
    desk.post(f"{PAGE}/write", SENT)
    assert "The version is finished." in text(
        desk.post(f"{PAGE}/finish", {"year": "2025", "half": "0"}, follow=True)
    )
    second = desk.post(f"{PAGE}/finish", {"year": "2025", "half": "0"})
    assert (second.status_code, "say what changed" in text(second)) == (422, True)
    answer = desk.get(f"{PAGE}?year=2025&half=0&as=xlsx&number=1")
    assert "dsa-report-2025-v1.xlsx" in answer.headers["Content-Disposition"]
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    assert book["1_report_identification"]["B2"].value == "Big"


@at_night
def test_another_provider_gets_neither_form_nor_version(world, desk):
    desk.post(f"{PAGE}/write", SENT)
    desk.post(f"{PAGE}/finish", {"year": "2025", "half": "0"})
    rival = world.desk("rival")
    assert "Version 1" not in text(rival.get(f"{PAGE}?year=2025"))
    assert rival.get(f"{PAGE}?year=2025&half=0&as=zip&number=1").status_code == 404
