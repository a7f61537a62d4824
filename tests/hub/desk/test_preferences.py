# SPDX-License-Identifier: Apache-2.0
"""In which language and on which clock somebody reads."""

from datetime import UTC, datetime

import pytest
from django.utils import timezone, translation

from stemtide.hub.desk import times
from stemtide.hub.desk.templatetags import desk

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 24, 12, 3, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "moment", "told"),
    [
        ("UTC", NOON, "24 Nov 2026, 12:03:11 UTC"),
        ("Europe/Brussels", NOON, "24 Nov 2026, 13:03:11 CET"),
        ("Europe/Brussels", NOON.replace(month=7), "24 Jul 2026, 14:03:11 CEST"),
        ("America/Sao_Paulo", NOON, "24 Nov 2026, 09:03:11 UTC-03"),
    ],
)
def test_a_moment_is_told_on_the_readers_clock_with_its_zone(zone, moment, told):
    with timezone.override(zone):
        html = desk.stamp(moment)
    utc = f"{moment:%Y-%m-%dT%H:%M:%S}+00:00"
    assert f'datetime="{utc}"' in html
    assert f">{told}</time>" in html
    assert f'title="{times.in_utc(moment)}"' in html
    assert times.in_utc(moment).endswith("12:03:11 UTC")


def test_a_month_is_told_in_the_readers_language():
    with translation.override("nl"):
        assert times.stamp(NOON.replace(month=5)) == "24 mei 2026, 12:03:11 UTC"


def test_an_axis_names_months_in_the_readers_language():
    with translation.override("fr"):
        assert times.of_minute(NOON.replace(month=4)) == "24 avr 12:03"


def test_a_person_chooses_a_language_and_a_clock(world):
    client = world.desk("provider")
    page = client.post("/you/preferences", {"language": "nl", "time_zone": "Europe/Brussels"})
    assert page.status_code == 302
    page = client.get("/you/preferences")
    assert page.headers["Content-Language"] == "nl"
    assert b'lang="nl"' in page.content
    assert "Europe/Brussels" in page.content.decode().split("<footer", 1)[1]
    assert 'data-letters="off"' in page.content.decode()  # its box was not ticked


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("brussels", "Europe/Brussels"), ("sao paulo", "America/Sao_Paulo"), ("", ""), ("utc", "UTC")],
)
def test_a_time_zone_is_found_by_a_part_of_its_name(world, typed, kept):
    from stemtide.hub.rooms.parties.models import Person

    client = world.desk("provider")
    assert client.post("/you/preferences", {"time_zone": typed}).status_code == 302
    assert Person.objects.get(party=world.party["provider"]).time_zone == kept


def test_a_time_zone_that_several_names_fit_is_not_guessed(world):
    page = world.desk("provider").post("/you/preferences", {"time_zone": "america/argentina"})
    assert page.status_code == 422
    assert "Several time zones fit: America/Argentina/" in page.content.decode()


def test_a_language_is_chosen_before_anybody_is_known(client):
    answer = client.get("/sign-in?language=fr&next=/crises")
    assert answer.headers["Location"] == "/sign-in?next=%2Fcrises"
    page = client.get(answer.headers["Location"], headers={"Accept-Language": "de"})
    assert page.headers["Content-Language"] == "fr"
    assert "Se connecter" in page.content.decode()


def test_a_language_that_is_none_is_not_chosen(client):
    assert client.get("/sign-in?language=xx").status_code == 200


@pytest.mark.parametrize(
    ("facts", "field"),
    [({"language": "xx", "time_zone": ""}, "language"), ({"time_zone": "Mars/Base"}, "time_zone")],
)
def test_a_choice_that_is_none_is_refused_beside_its_field(world, facts, field):
    page = world.desk("provider").post("/you/preferences", facts)
    assert page.status_code == 422
    assert f'id="id_{field}_error"' in page.content.decode()


@pytest.mark.parametrize(
    ("asked", "given"), [("de-AT,de;q=0.8", "de"), ("fr", "fr"), ("pt", "en"), ("", "en")]
)
def test_before_anybody_chose_the_browser_says_in_which_language(client, asked, given):
    page = client.get("/sign-in", headers={"Accept-Language": asked})
    assert page.headers["Content-Language"] == given
    assert "Accept-Language" in page.headers["Vary"]


def test_machines_are_answered_in_one_language(client):
    answer = client.get("/health", headers={"Accept-Language": "nl"})
    assert "Content-Language" not in answer.headers


def test_a_zone_that_is_gone_leaves_the_page_standing(world):
    from stemtide.hub.rooms.parties.models import Person

    client = world.desk("provider")
    Person.objects.update(time_zone="Gone/Zone")
    assert b"UTC" in client.get("/you/preferences").content
