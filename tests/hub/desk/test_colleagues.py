# SPDX-License-Identifier: Apache-2.0
"""The pages on which a party looks after its people and says how it is reached."""

import re

import pytest
from django.test import Client

from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.parties.models import ContactPoint, Person
from stemtide.protocol.enums import Role
from tests.rounds import at_night, few

pytestmark = pytest.mark.django_db

MANAGERS = {Role.COORDINATOR, Role.ADMINISTRATOR}


@at_night
@pytest.mark.parametrize(
    ("role", "people", "contact_form"),
    [
        (Role.DUTY_OFFICER, 403, 403),
        (Role.ANALYST, 403, 403),
        (Role.COORDINATOR, 200, 200),
        (Role.DATA_PROTECTION_OFFICER, 200, 403),
        (Role.OBSERVER, 403, 403),
        (Role.ADMINISTRATOR, 200, 200),
    ],
)
def test_which_pages_open_for_which_role(world, role, people, contact_form):
    client = world.desk("provider", role)
    assert client.get("/people").status_code == people
    assert client.get("/contacts/own/new").status_code == contact_form
    assert client.get("/contacts").status_code == 200
    assert client.get("/contacts/own").status_code == 200
    assert ('href="/people"' in client.get("/contacts").content.decode()) is (people == 200)
    assert ('href="/contacts/own/new"' in client.get("/contacts/own").content.decode()) is (
        contact_form == 200
    )


def test_nobody_sees_the_pages_without_signing_in():
    for path in ("/people", "/contacts", "/contacts/own", "/you"):
        assert Client().get(path).headers["Location"].startswith("/sign-in")


def test_a_colleague_is_added_and_the_link_is_shown_once(world):
    client = world.desk("provider", Role.ADMINISTRATOR)
    facts = {"name": "Ada  Example", "email": "New@provider.example", "role": "analyst"}
    page = client.post("/people", facts)
    link = re.search(r"http://testserver(/invited/[\w-]+)", page.content.decode())[1]
    assert Client().get(link).status_code == 200
    html = client.get("/people").content.decode()
    assert "new@provider.example" in html
    assert "Ada Example" in html
    assert link not in html


@at_night
@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"email": "nobody", "role": "analyst"}, "email"),
        ({"email": "a@b.example", "role": ""}, "role"),
        ({"email": "administrator@provider.example", "role": "analyst"}, "email"),
        ({"name": "", "email": "a@b.example", "role": "analyst"}, "name"),
    ],
)
def test_a_colleague_that_cannot_be_is_refused_beside_the_field(world, facts, field):
    page = world.desk("provider", Role.ADMINISTRATOR).post("/people", {"name": "Ada"} | facts)
    assert page.status_code == 422
    assert f'id="id_{field}_error"' in page.content.decode()


def test_a_name_is_changed_and_stands_nowhere_in_the_ledger(world):
    other = world.person("provider")
    client = world.desk("provider", Role.ADMINISTRATOR)
    client.post(f"/people/{other.pk}/name", {"name": " Ada\tExample "})
    assert "Ada Example" in client.get("/people").content.decode()
    assert "Ada" not in str(list(Entry.objects.values()))
    for wrong in ("x" * 81, "a\u202eb"):
        client.post(f"/people/{other.pk}/name", {"name": wrong})
        assert Person.objects.get(pk=other.pk).name == "Ada Example"


def test_a_role_is_changed_and_somebody_is_shut_out(world):
    other = world.person("provider")
    theirs = Client()
    theirs.force_login(other, backend="django.contrib.auth.backends.ModelBackend")
    assert theirs.get("/").status_code == 200
    client = world.desk("provider", Role.ADMINISTRATOR)
    client.post(f"/people/{other.pk}/role", {"role": "observer"})
    assert theirs.get("/").status_code == 302
    client.post(f"/people/{other.pk}/deactivate")
    assert not Person.objects.get(pk=other.pk).is_active
    client.post(f"/people/{other.pk}/erase")
    assert Person.objects.get(pk=other.pk).email == other.email  # the box was not ticked
    client.post(f"/people/{other.pk}/erase", {"confirm": "yes"})
    assert "erased" in Person.objects.get(pk=other.pk).email
    assert client.get("/people").status_code == 200


def test_buttons_stand_where_the_rules_allow_them(world):
    other = world.person("provider")
    boss = world.desk("provider", Role.ADMINISTRATOR)
    html = boss.get("/people").content.decode()
    mine = Person.objects.get(role="administrator").pk
    assert f"/people/{other.pk}/deactivate" in html
    assert f"/people/{other.pk}/erase" not in html
    assert f"/people/{mine}/deactivate" not in html
    officer = world.desk("provider", Role.DATA_PROTECTION_OFFICER).get("/people").content.decode()
    assert f"/people/{other.pk}/" not in officer
    Person.objects.filter(pk=other.pk).update(is_active=False)
    officer = world.desk("rival", Role.DATA_PROTECTION_OFFICER).get("/people").content.decode()
    assert f"/people/{other.pk}/" not in officer


@pytest.mark.parametrize(
    "verb", few((0, 5), of=["role", "invite", "deactivate", "factors", "sign-out", "erase"])
)
def test_what_is_posted_for_a_stranger_finds_nobody(world, verb):
    stranger = world.person("rival")
    client = world.desk("provider", Role.ADMINISTRATOR)
    facts = {"confirm": "yes", "role": "observer"}
    assert client.post(f"/people/{stranger.pk}/{verb}", facts).status_code == 404
    assert client.post(f"/people/{stranger.pk}/vanish").status_code == 404


# Contact points


POINT = {
    "title": "Duty desk",
    "channel": "phone",
    "address": "+32 2 555 01 00",
    "languages": "nl, fr-be",
    "time_zone": "Europe/Brussels",
    "is_24_7": "on",
}


@at_night
def test_a_contact_point_is_added_changed_and_removed(world):
    client = world.desk("agency", Role.COORDINATOR)
    assert client.post("/contacts/own/new", POINT).status_code == 302
    point = ContactPoint.objects.get()
    assert (point.address, point.languages) == ("+3225550100", ["nl", "fr-BE"])
    assert "Duty desk" in client.get(f"/contacts/own/{point.pk}").content.decode()
    client.post(f"/contacts/own/{point.pk}", POINT | {"title": "Night desk"})
    assert "Night desk" in client.get("/contacts/own").content.decode()
    page = client.post(
        "/contacts/own/ladder", {f"step-{point.pk}": "1", f"minutes-{point.pk}": "5"}
    )
    assert page.status_code == 302
    assert "then wait 5 minutes" in client.get("/contacts/own").content.decode()
    client.post(f"/contacts/own/{point.pk}/remove")
    assert "Nobody can be reached" in client.get("/contacts/own").content.decode()
    assert client.get(f"/contacts/own/{point.pk}").status_code == 404


def test_the_time_zone_of_a_contact_point_is_found_by_a_part_of_its_name(world):
    client = world.desk("agency", Role.COORDINATOR)
    assert '<option value="Europe/Brussels">' in client.get("/contacts/own/new").content.decode()
    client.post("/contacts/own/new", POINT | {"time_zone": "brussels"})
    client.post("/contacts/own/new", POINT | {"time_zone": "", "address": "+32 2 555 01 01"})
    zones = ContactPoint.objects.order_by("pk").values_list("time_zone", flat=True)
    assert list(zones) == ["Europe/Brussels", "UTC"]


@at_night
@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"address": "02 555"}, "address"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"languages": "dutch"}, "languages"),
        ({"channel": "pigeon"}, "channel"),
    ],
)
def test_a_contact_point_that_cannot_be_is_refused_beside_its_field(world, facts, field):
    client = world.desk("agency", Role.COORDINATOR)
    page = client.post("/contacts/own/new", POINT | facts)
    assert page.status_code == 422
    assert f'id="id_{field}_error"' in page.content.decode()


@at_night
@pytest.mark.parametrize("step", ["x", "1.5", "-1"])
def test_a_ladder_of_no_numbers_is_refused_in_words(world, step):
    client = world.desk("agency", Role.COORDINATOR)
    client.post("/contacts/own/new", POINT)
    number = ContactPoint.objects.get().pk
    page = client.post("/contacts/own/ladder", {f"step-{number}": step})
    assert page.status_code == 422
    assert "whole numbers" in page.content.decode()


def test_the_directory_shows_what_the_party_may_see(world):
    world.desk("provider", Role.COORDINATOR).post("/contacts/own/new", POINT)
    assert "+3225550100" in world.desk("agency").get("/contacts").content.decode()
    assert "+3225550100" not in world.desk("rival").get("/contacts").content.decode()
    assert "No contact point" in world.desk("observer").get("/contacts").content.decode()


def test_everybody_changes_their_own_name_alone_and_the_ledger_does_not_say_it(world):
    other = world.person("provider", Role.COORDINATOR)
    desk = world.desk("provider", Role.OBSERVER)
    desk.post("/you/name", {"name": " Ada  Byron ", "number": other.pk})
    assert Person.objects.get(role=Role.OBSERVER).name == "Ada Byron"
    assert 'value="Ada Byron"' in desk.get("/you").content.decode()
    other.refresh_from_db()
    assert other.name == ""
    assert "Ada" not in str(list(Entry.objects.values()))
    desk.post("/you/name", {"name": "a" * 81})
    assert Person.objects.get(role=Role.OBSERVER).name == "Ada Byron"
