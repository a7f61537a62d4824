# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest

from stemtide.hub.desk.progress import charts
from stemtide.hub.rooms.parties.models import Party, Person
from stemtide.protocol.messages.progress import Span
from tests.hub.desk.test_board import text
from tests.hub.reports.requests import order, referral
from tests.rounds import at_night

PERIOD = "from=2026-11-01&to=2026-11-30&of=own"


@pytest.fixture
def busy(world):
    """Three referrals and one order of the authority's."""
    cast = SimpleNamespace(
        authority=Party.objects.get(name="authority"),
        big_provider=Party.objects.get(name="provider"),
    )
    referral(cast, "removed", acknowledged=2, answered=10, answer="removed", gone=10)
    referral(cast, "refused", answered=4, answer="refused", reason="counter_speech", language="")
    referral(cast, "not_referred", decided=1, sent=None, ideology="jihadist")
    order(cast, "executed", received=0, executed=20, pauses=[(1, 5, "manifest_error")])
    return world


def test_an_authority_reads_its_referrals_step_by_step(busy):
    page = busy.desk("authority").get(f"/progress?{PERIOD}&by=provider")
    told = text(page)
    assert "Referral outcomes" in told
    for said in ("assessed 3", "referred 2", "removed or disabled 1", "refused 1 before: 0 50 %"):
        assert said in told
    assert "counter-speech 1" in told
    assert "The provider 3 3 2 2 1 10 min 00 s" in told
    assert "decided not to refer 1" in told
    assert "withheld" not in told


def test_a_provider_reads_nothing_of_what_went_before(busy):
    told = text(busy.desk("provider").get(f"/progress?{PERIOD}&by=authority"))
    assert "referred 2" in told
    assert "assessed" not in told
    assert "decided" not in told
    assert "The authority 2 2 1" in told


@at_night
@pytest.mark.parametrize(
    ("by", "row"),
    [
        ("language", "not known 1 1 1 1 0"),
        ("language", "Dutch (nl) 2 2 1 1 1 10 min 00 s"),
        ("content_type", "video 3 3 2 2 1"),
        ("ideology", "Jihadist 1 1 0 0 0"),
    ],
)
def test_rows_are_named_in_words(busy, by, row):
    assert row in text(busy.desk("authority").get(f"/progress?{PERIOD}&by={by}"))


def test_a_language_without_a_name_keeps_its_code(world):
    cast = SimpleNamespace(
        authority=Party.objects.get(name="authority"),
        big_provider=Party.objects.get(name="provider"),
    )
    referral(cast, language="tlh")
    assert "tlh 1 1 1" in text(world.desk("authority").get(f"/progress?{PERIOD}&by=language"))


def test_what_is_not_asked_is_as_usual(busy):
    told = text(busy.desk("authority").get("/progress?by=provider"))
    assert f"From 1 Jan {datetime.now(UTC).year}" in told
    assert "For each provider" in told


def test_days_without_anything_say_so(world):
    told = text(world.desk("authority").get(f"/progress?{PERIOD}"))
    assert "No referral of these days is counted here" in told
    assert "Over time" not in told


def test_orders_have_a_page_of_their_own(busy):
    told = text(busy.desk("authority").get(f"/progress/orders?{PERIOD}&by=provider"))
    assert "Removal order outcomes" in told
    assert "executed within the hour 1" in told
    assert "manifest errors in the order 1" in told
    assert "From receipt to execution 16 min 00 s" in told
    assert "assessed" not in told


def test_figures_are_taken_along(busy):
    answer = busy.desk("authority").get(f"/progress?{PERIOD}&by=provider&as=csv")
    rows = answer.content.decode().splitlines()
    assert answer.headers["Content-Type"] == "text/csv"
    assert "referrals-2026-11-01-2026-11-30.csv" in answer.headers["Content-Disposition"]
    assert [row.partition(",")[0] for row in rows] == ["name", "provider", "total"]


@at_night
@pytest.mark.parametrize(
    ("party", "path"),
    [("observer", "/progress"), ("observer", "/progress/orders"), ("agency", "/progress/orders")],
)
def test_who_has_none_of_its_own_reads_everybodys_of_the_last_quarter(busy, party, path):
    page = busy.desk(party).get(path)
    told = text(page)
    assert page.status_code == 200
    assert "my party's" not in told
    assert "in days of UTC" in told


def test_everybodys_small_counts_are_withheld(busy):
    now = datetime.now(UTC)
    first = date(now.year - 1, 10, 1)
    cast = SimpleNamespace(
        authority=Party.objects.get(name="authority"),
        big_provider=Party.objects.get(name="provider"),
    )
    made = referral(cast, "removed", answered=10, answer="removed", gone=10)
    type(made).objects.filter(pk=made.pk).update(sent_at=datetime(now.year - 1, 11, 1, tzinfo=UTC))
    query = f"from={first}&to={now.year - 1}-12-31&of=all"
    told = text(busy.desk("observer").get(f"/progress?{query}"))
    assert "Counts are withheld where" in told
    assert "removed withheld" in told
    assert "Until removed withheld" in told


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("from=2026-11-30&to=2026-11-01&of=own", "is before from"),
        ("from=2026-11-01&to=2026-11-30&of=all", "one completed quarter"),
        ("from=2026-07-01&to=2026-09-30&of=all&by=provider", "cannot be divided"),
        ("from=soon&to=2026-11-30&of=own", "Enter a valid date"),
        ("from=2026-11-01&to=2026-11-30&of=mine", "Select a valid choice"),
    ],
)
def test_what_cannot_be_asked_is_said_beside_the_form(busy, query, says):
    page = busy.desk("authority").get(f"/progress?{query}")
    assert page.status_code == 422
    assert says in text(page)


def test_a_day_begins_where_the_reader_is(busy):
    desk = busy.desk("authority")
    Person.objects.update(time_zone="Pacific/Kiritimati")
    told = text(desk.get("/progress?from=2026-11-25&to=2026-11-25&of=own"))
    assert "days of Pacific/Kiritimati" in told
    assert "assessed 3" in told


def spans(*counts):
    day = date(2026, 11, 1)
    return [
        Span(first=day + timedelta(days=place), assessed=None, begun=begun, removed=gone)
        for place, (begun, gone) in enumerate(counts)
    ]


def test_columns_stand_side_by_side_within_the_drawing():
    drawn = charts.columns(spans((4, 2), (0, 0), (8, 8)))
    assert [one.height for one in drawn.columns] == [70.0, 0.0, 140.0]
    assert [one.height_gone for one in drawn.columns] == [35.0, 0.0, 140.0]
    assert drawn.columns[0].x >= drawn.left
    assert drawn.columns[-1].x + drawn.columns[-1].width <= drawn.right
    assert (drawn.begun, drawn.gone) == (12, 10)


def test_nothing_is_drawn_of_nothing():
    assert charts.columns([]) is None
    assert charts.columns(spans((0, 0))) is None


def test_a_withheld_count_has_no_bar():
    [one, two] = charts.bars({"a": "A", "b": "B"}, {"a": 3, "b": None}, whole=4)
    assert (one.width, one.share) == (750.0, 75)
    assert (two.count, two.width, two.share) == (None, 0.0, None)
