# SPDX-License-Identifier: Apache-2.0
"""Setting up a new hub with the link that its operator printed: who gets the page, and once."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from stemtide.hub.platform import rate_windows
from stemtide.hub.platform.errors import ConflictError
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.parties.models import Party, Person, SetUpLink
from stemtide.hub.rooms.parties.rules import people as rules
from stemtide.hub.rooms.parties.writes import parties, set_up as writes
from tests.hub.desk.conftest import PASSWORD

pytestmark = pytest.mark.django_db
FORM = {
    "title": "The Union's agency",
    "name": "eu-agency",
    "country": "",
    "person": "Ada Example",
    "email": "Ada@agency.example",
    "password": PASSWORD,
    "again": PASSWORD,
}


@pytest.fixture
def link():
    """The address that a new hub prints."""
    return f"/set-up/{writes.renew_link(now=datetime.now(UTC))}"


def opened(link):
    """The browser of whoever opened the link."""
    client = Client()
    assert client.get(link).headers["Location"] == "/set-up"
    return client


def test_the_link_sets_up_the_agency_and_its_coordinator_once(link):
    client = opened(link)
    page = client.get("/set-up")
    assert link.rpartition("/")[2] not in page.content.decode()
    assert client.post("/set-up", FORM).headers["Location"] == "/sign-in"
    person = Person.objects.get()
    assert (person.name, person.email, person.role) == (
        *("Ada Example", "ada@agency.example"),
        "coordinator",
    )
    assert (person.party.name, person.party.kind, person.party.standing) == (
        *("eu-agency", "agency"),
        "member",
    )
    kinds = list(Entry.objects.order_by("number").values_list("kind", flat=True))
    assert kinds == ["party.added", "person.added", "person.joined"]
    assert "Ada" not in str(list(Entry.objects.values()))
    signed_in = Client().post("/sign-in", {"username": person.email, "password": PASSWORD})
    assert signed_in.status_code == 302
    for other in (client, Client()):
        assert other.get(link).status_code == 404
        assert other.post("/set-up", FORM).status_code == 404
    assert Party.objects.count() == 1


def test_who_has_no_link_gets_nothing(link):
    stranger = Client()
    assert stranger.get("/set-up").status_code == 404
    assert stranger.post("/set-up", FORM).status_code == 404
    assert stranger.get(f"{link}x").status_code == 404
    assert stranger.post(link, FORM).status_code == 405
    stranger.cookies["sessionid"] = "guessed"
    assert stranger.post("/set-up", FORM).status_code == 404
    assert not Party.objects.exists()


def test_a_hub_that_printed_no_link_is_set_up_by_nobody():
    """A service prints none."""
    stranger = Client()
    assert stranger.get("/set-up").status_code == 404
    assert stranger.post("/set-up", FORM).status_code == 404
    assert not Party.objects.exists()


def test_whoever_was_slower_with_the_same_link_changes_nothing(link):
    first, second = opened(link), opened(link)
    assert first.post("/set-up", FORM).status_code == 302
    assert second.post("/set-up", FORM | {"name": "other"}).status_code == 404
    assert list(Party.objects.values_list("name", flat=True)) == ["eu-agency"]


def test_opening_the_link_gives_the_browser_a_new_session(link):
    client = Client()
    client.get("/sign-in?language=de")
    session = client.session
    session["x"] = 1
    session.save()
    client.cookies["sessionid"] = before = session.session_key
    client.get(link)
    assert client.session.session_key != before


def test_a_link_ends_after_an_hour_and_with_the_next(link):
    client = opened(link)
    SetUpLink.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert client.post("/set-up", FORM).status_code == 404
    assert client.get(link).status_code == Client().get("/set-up").status_code == 404
    newer = f"/set-up/{writes.renew_link(now=datetime.now(UTC))}"
    assert client.get(link).status_code == 404
    assert client.post("/set-up", FORM).status_code == 404
    assert client.get(newer).status_code == 302


def test_a_hub_with_a_party_has_no_such_page(link):
    client = opened(link)
    parties.add_party("x", title="X", kind="provider", actor="operator", now=datetime.now(UTC))
    assert client.get("/set-up").status_code == 404
    assert client.post("/set-up", FORM).status_code == 404
    assert "set-up" not in client.get(link).content.decode()
    with pytest.raises(ConflictError):
        writes.renew_link(now=datetime.now(UTC))


def test_only_a_digest_of_the_secret_is_kept_and_nothing_is_logged(link, caplog):
    caplog.set_level(logging.WARNING, logger="django.request")
    secret = link.rpartition("/")[2]
    assert len(secret) >= 43  # 256 bits
    assert SetUpLink.objects.get().secret_sha256 == rules.digest(secret)
    client = opened(link)
    Client(enforce_csrf_checks=True).post("/set-up", FORM)
    assert client.post("/set-up", FORM | {"again": "x"}).status_code == 422
    assert secret not in caplog.text
    assert "/set-up" in caplog.text


def test_wrong_links_are_counted_and_the_right_one_is_never_refused(link):
    rate_windows.windows._windows.clear()
    stranger = Client()
    codes = [stranger.get("/set-up/guess").status_code for _ in range(31)]
    assert (codes[29], codes[30]) == (404, 429)
    assert stranger.get(link).status_code == 302
    rate_windows.windows._windows.clear()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": "Not a name"}, "name"),
        ({"password": "short", "again": "short"}, "password"),
        ({"person": ""}, "person"),
    ],
)
def test_what_cannot_be_is_refused_beside_the_field_and_the_link_stays(link, given, field):
    client = opened(link)
    page = client.post("/set-up", FORM | given)
    assert page.status_code == 422
    assert f'id="id_{field}_error"' in page.content.decode()
    assert not Party.objects.exists()
    assert client.post("/set-up", FORM).status_code == 302
