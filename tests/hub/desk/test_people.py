# SPDX-License-Identifier: Apache-2.0
import pytest
from django.test import Client
from django.urls import reverse

from stemtide.protocol.enums import Role
from tests.hub.desk.conftest import PASSWORD

SIGN_IN = "/sign-in"
WRONG = "Wrong mail address or password."


def sign_in(client, *, email="analyst@authority.example", password=PASSWORD, **more):
    return client.post(SIGN_IN, {"username": email, "password": password, **more})


def test_a_person_signs_in_and_stands_before_the_board(world, client):
    world.person("authority")
    answer = sign_in(client)
    assert (answer.status_code, answer.headers["Location"]) == (302, reverse("board"))
    assert "The authority" in client.get("/").content.decode()


def test_the_mail_address_may_be_written_in_capitals(world, client):
    world.person("authority")
    assert sign_in(client, email=" Analyst@Authority.example ").status_code == 302


@pytest.mark.parametrize("email", ["analyst@authority.example", "nobody@nowhere.example"])
def test_a_wrong_password_and_an_unknown_person_look_alike(world, client, email):
    world.person("authority")
    page = sign_in(client, email=email, password="not the password")
    assert page.status_code == 200
    assert WRONG in page.content.decode()


def test_a_person_who_left_is_told_no_more_than_others(world, client):
    person = world.person("authority")
    person.is_active = False
    person.save()
    assert WRONG in sign_in(client).content.decode()


@pytest.mark.parametrize("email", ["analyst@authority.example", "nobody@nowhere.example"])
def test_too_many_wrong_passwords_lock_the_door_for_known_and_unknown_alike(world, client, email):
    world.person("authority")
    for _ in range(8):
        page = sign_in(client, email=email, password="not the password")
    assert page.status_code == 429
    assert "too many wrong passwords" in page.content.decode()
    assert sign_in(client, email=email).status_code == 429


def test_a_locked_address_does_not_lock_its_neighbour(world, client):
    world.person("authority")
    world.person("agency")
    for _ in range(8):
        sign_in(client, password="not the password")
    assert sign_in(client, email="analyst@agency.example").status_code == 302


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example"],
)
def test_signing_in_leads_nowhere_else(world, client, elsewhere):
    world.person("authority")
    assert sign_in(client, next=elsewhere).headers["Location"] == "/"


def test_signing_in_leads_back_to_the_page_that_was_asked_for(world, client):
    uid = world.share()
    world.person("authority")
    asked = client.get(f"/signals/{uid}")
    assert asked.headers["Location"] == f"/sign-in?next=/signals/{uid}"
    assert sign_in(client, next=f"/signals/{uid}").headers["Location"] == f"/signals/{uid}"


@pytest.mark.django_db
def test_a_fragment_leads_its_page_to_the_sign_in(client):
    answer = client.get("/board/_blocks", headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == SIGN_IN


@pytest.mark.parametrize("path", ["/", "/board/_blocks", "/signals/{}", "/crises/{}"])
def test_nobody_reads_without_signing_in(world, client, path):
    answer = client.get(path.format(world.share()))
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(SIGN_IN)


@pytest.mark.django_db
def test_the_stream_needs_a_session(client):
    assert client.get("/board/stream").status_code == 403


@pytest.mark.parametrize("path", ["withdraw", "do/dispute"])
def test_nobody_writes_without_signing_in(world, client, path):
    answer = client.post(f"/signals/{world.share()}/{path}")
    assert answer.headers["Location"] == "/sign-in?next=/"


def test_signing_out_needs_a_post(world):
    desk = world.desk("authority")
    assert desk.get("/sign-out").status_code == 405
    assert desk.post("/sign-out").headers["Location"] == SIGN_IN
    assert desk.get("/").status_code == 302


@pytest.mark.django_db
def test_a_form_without_its_token_is_refused_in_the_house_style():
    client = Client(enforce_csrf_checks=True)
    answer = sign_in(client)
    assert answer.status_code == 403
    assert "The form has expired" in answer.content.decode()


def test_somebody_signed_in_is_not_asked_again(world):
    desk = world.desk("authority", Role.DUTY_OFFICER)
    assert desk.get(SIGN_IN).headers["Location"] == "/"


@pytest.mark.parametrize(("bound", "status"), [("key", 429), ("total", 503)])
def test_streams_of_pages_are_bounded_as_those_of_agents_are(world, settings, bound, status):
    settings.STREAMS = {bound: 0}
    answer = world.desk("authority").get("/board/stream")

    assert (answer.status_code, answer.headers["Retry-After"]) == (status, "30")
