# SPDX-License-Identifier: Apache-2.0
"""Organisations that sign their people in: a real provider, real redirects, and what it may not."""

import re
from html import unescape
from types import SimpleNamespace
from urllib.parse import urlsplit

import httpx
import pytest
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.test import Client

from stemtide.hub import settings as house
from stemtide.hub.platform.errors import NotAllowedError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.parties.models import Person, PersonSession
from stemtide.hub.rooms.parties.rules import openid as rules_openid
from stemtide.protocol.enums import Role
from tests import allauth_provider
from tests.openid_provider import IdentityProvider
from tests.rounds import at_night

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider")]


@pytest.fixture(scope="module")
def running():
    provider = IdentityProvider()
    provider.start()
    yield provider
    provider.stop()


@pytest.fixture
def provider(running, settings):
    """The provider of the party "provider", as the hub's settings name it."""
    running.claims = {"sub": "one", "email": "duty@provider.example", "email_verified": True}
    running.said_issuer = None
    running.configure = lambda **more: configure(settings, running, **more)
    running.configure()
    return running


def configure(settings, provider, **more):
    text = {
        "id": "big",
        "name": "Big Provider",
        "party": "provider",
        "issuer": provider.issuer,
        "client_id": provider.client_id,
        "client_secret": provider.client_secret,
    } | more
    lines = [
        f"{name} = {str(value).lower() if value is True else repr(value)}"
        for name, value in text.items()
    ]
    lines.append('mail_domains = ["provider.example"]')
    organisations = rules_openid.read_organisations("\n".join(["[[organisation]]", *lines]))
    settings.ORGANISATIONS = organisations
    settings.SOCIALACCOUNT_PROVIDERS = house._identity_providers(organisations)


def sent_back(away):
    """Where the provider sends somebody who was sent there."""
    return httpx.get(away.headers["Location"], timeout=60).headers["Location"]


def come_in(client=None, *, asked=""):
    """Through the provider and back; the client, and the hub's last answer."""
    client = client or Client()
    away = client.get(f"/sign-in/with/big{asked}")
    split = urlsplit(sent_back(away))
    return client, client.get(f"{split.path}?{split.query}")


def person(world, party="provider", email="duty@provider.example", role=Role.DUTY_OFFICER):
    made = world.person(party, role)
    Person.objects.filter(pk=made.pk).update(email=email)
    return made


def refused(client, answer):
    """What the sign-in page says; nobody is in."""
    assert answer.headers["Location"] == "/sign-in"
    assert client.get("/").status_code == 302
    assert not PersonSession.objects.exists()
    return client.get("/sign-in").content.decode()


def test_a_person_who_was_added_comes_in_through_their_organisation(world):
    person(world)
    html = Client().get("/sign-in").content.decode()
    assert "Sign in with Big Provider" in " ".join(html.split())
    client, answer = come_in()
    assert answer.headers["Location"] == "/"
    assert client.get("/").status_code == 200
    assert PersonSession.objects.get().door == "organisation"
    assert Entry.objects.latest("number").kind == "account.joined"


@at_night
def test_nothing_is_kept_of_what_the_provider_says_but_its_number(world, provider):
    person(world)
    provider.claims |= {"name": "A Person", "phone_number": "+32"}
    for _ in range(2):
        come_in()
    row = SocialAccount.objects.values().get()
    assert (row["uid"], row["extra_data"]) == ("one", {})
    assert not SocialToken.objects.exists()
    assert Person.objects.get().email == "duty@provider.example"


@at_night
def test_the_second_time_the_number_is_enough(world):
    person(world)
    come_in()
    Person.objects.update(email="renamed@provider.example")
    client, _ = come_in()
    assert client.get("/").status_code == 200


@pytest.mark.usefixtures("world")
def test_nobody_comes_in_who_was_not_added():
    assert "has not added you here" in refused(*come_in())
    assert not Person.objects.exists()


def test_a_provider_never_signs_in_a_person_of_another_party(world):
    person(world, "rival", "duty@provider.example")
    assert "has not added you here" in refused(*come_in())


def test_a_tie_ends_where_the_person_is_of_another_party_now(world):
    one = person(world)
    come_in()
    PersonSession.objects.all().delete()
    Person.objects.filter(pk=one.pk).update(party=world.party["rival"])
    assert "cannot sign in people of your party" in refused(*come_in())


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"email": "duty@rival.example"}, "may not confirm"),
        ({"email": "duty@evil.provider.example"}, "may not confirm"),
        ({"email": "duty@provider.example.evil"}, "may not confirm"),
        ({"email": ""}, "may not confirm"),
        ({"email_verified": False}, "verify it there first"),
    ],
)
def test_a_provider_vouches_for_its_own_verified_addresses(world, provider, claims, said):
    for party, email in (("provider", "duty@provider.example"), ("rival", "duty@rival.example")):
        person(world, party, email)
    provider.claims |= claims
    assert said in refused(*come_in())


def test_an_address_that_another_account_holds_is_not_taken_over(world, provider):
    person(world)
    come_in()
    PersonSession.objects.all().delete()
    provider.claims["sub"] = "two"
    assert "another account of your organisation" in refused(*come_in())


def test_a_deactivated_person_stays_out(world):
    person(world)
    come_in()
    PersonSession.objects.all().delete()
    Person.objects.update(is_active=False)
    refused(*come_in())


@at_night
def test_wrong_passwords_of_others_do_not_shut_this_door(world):
    """It asks for no password that could be guessed: a lock would only keep the officer out."""
    person(world)
    for _ in range(8):
        Client().post("/sign-in", {"username": "duty@provider.example", "password": "wrong"})
    client, _ = come_in()
    assert client.get("/").status_code == 200


@at_night
@pytest.mark.usefixtures("world")
def test_whom_it_knows_is_added_to_read_where_its_party_says_so(provider):
    provider.configure(adds_observers=True)
    client, _ = come_in()
    assert client.get("/").status_code == 200
    made = Person.objects.get()
    assert (made.party.name, made.role, made.has_usable_password()) == (
        ("provider", "observer", False)
    )
    assert client.get("/people").status_code == 403
    assert client.get("/you/password").headers["Location"] == "/you"
    assert client.get("/you").status_code == 200


def test_an_address_of_another_party_is_not_added_a_second_time(world, provider):
    provider.configure(adds_observers=True)
    person(world, "rival", "duty@provider.example")
    assert "already a person with this mail address" in refused(*come_in())


@pytest.mark.parametrize("asks", [True, False])
def test_a_second_factor_is_the_providers_where_it_asks_for_one(world, provider, settings, asks):
    settings.SECOND_FACTOR_REQUIRED = True
    provider.configure(**({"asks_second_factor": True} if asks else {}))
    person(world)
    client, _ = come_in()
    assert client.get("/").status_code == (200 if asks else 302)


@at_night
@pytest.mark.parametrize("process", ["connect", "redirect"])
def test_a_provider_is_there_to_sign_in_with_and_for_nothing_else(world, process):
    client = world.desk("rival")
    assert client.get("/").status_code == 200
    _, answer = come_in(client, asked=f"?process={process}")
    assert answer.headers["Location"] in {"/sign-in", "/"}
    assert not SocialAccount.objects.exists()


def test_where_one_wanted_to_go_is_kept_on_the_way_but_not_out_of_the_hub(world):
    person(world)
    assert come_in(asked="?next=/contacts")[1].headers["Location"] == "/contacts"
    assert come_in(asked="?next=https://evil.example/")[1].headers["Location"] == "/"


def test_a_token_of_another_issuer_is_refused(world, provider):
    person(world)
    provider.said_issuer = "http://127.0.0.1:1"
    assert "did not work" in refused(*come_in())


def test_an_answer_that_nobody_asked_for_is_refused(world):
    person(world)
    client = Client()
    answer = client.get("/sign-in/with/big/back?code=x&state=y")
    assert "did not work" in refused(client, answer)


def test_an_answer_serves_the_browser_that_asked_alone(world):
    person(world)
    away = Client().get("/sign-in/with/big")
    back = urlsplit(sent_back(away))
    other = Client()
    refused(other, other.get(f"{back.path}?{back.query}"))


GOOD = """
[[organisation]]
id = "a"
name = "A"
party = "a"
issuer = "https://login.a.example/"
client_id = "c"
mail_domains = ["A.example"]
"""


def test_a_file_of_organisations_is_read():
    found = rules_openid.read_organisations(GOOD)[0]
    assert (found.issuer, found.mail_domains) == ("https://login.a.example", {"a.example"})
    assert not found.asks_second_factor
    assert rules_openid.read_organisations("") == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[", "not TOML"),
        ("organisation = 3", r"\[\[organisation\]\]"),
        ("organisation = [3]", r"\[\[organisation\]\]"),
        (GOOD.replace('name = "A"\n', ""), "'a' lacks name"),
        (GOOD + 'secret = "x"', "unknown secret"),
        (GOOD.replace('["A.example"]', '"A.example"'), "is a list"),
        (GOOD.replace('["A.example"]', "[]"), "is a list"),
        (GOOD.replace('id = "a"', 'id = "a/b"'), "a-z, 0-9"),
        (GOOD.replace("https:", "http:"), "https address"),
        (GOOD + GOOD, "the same id"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_reason(text, said):
    with pytest.raises(rules_openid.OpenIdError, match=said):
        rules_openid.read_organisations(text)


def test_a_provider_speaks_for_its_party_alone():
    found = rules_openid.read_organisations(GOOD)[0]
    assert allows(rules_openid.check_speaks_for, "a", organisation=found)
    with pytest.raises(NotAllowedError):
        rules_openid.check_speaks_for("b", organisation=found)


# django-allauth as the provider, in a process of its own: its pages, its consent, its tokens.


@pytest.fixture(scope="module")
def allauth():
    with allauth_provider.running("http://testserver/sign-in/with/big/back") as issuer:
        yield issuer


def come_through(issuer, settings, *, email, consents=True):
    """Sign in on the provider's own pages; the hub's client and its last answer."""
    provider = SimpleNamespace(
        issuer=issuer, client_id=allauth_provider.CLIENT, client_secret=allauth_provider.SECRET
    )
    configure(settings, provider)
    client = Client()
    away = client.get("/sign-in/with/big").headers["Location"]
    with httpx.Client(base_url=issuer, follow_redirects=True, timeout=60) as browser:
        page = browser.get(away)
        words = {"login": email, "password": allauth_provider.PASSWORD}
        page = browser.post(page.url, data=fields(page) | words)
        answer = browser.post(
            page.url.copy_with(query=None),
            data=fields(page)
            | {"scopes": SCOPE.findall(page.text), "action": "grant" if consents else "cancel"},
            follow_redirects=False,
        )
    assert urlsplit(answer.headers["Location"]).netloc == "testserver"
    back = urlsplit(answer.headers["Location"])
    return client, client.get(f"{back.path}?{back.query}")


SCOPE = re.compile(r'name="scopes" value="(\w+)"')
HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


def fields(page):
    """The hidden fields of a form."""
    return {name: unescape(value) for name, value in HIDDEN.findall(page.text)}


@at_night
def test_a_person_comes_in_through_a_provider_that_is_not_ours(world, settings, allauth):
    person(world)
    for _ in range(2):
        client, answer = come_through(allauth, settings, email=allauth_provider.EMAIL)
        assert answer.headers["Location"] == "/"
        assert client.get("/").status_code == 200
    assert SocialAccount.objects.count() == 1
    assert not SocialToken.objects.exists()


@at_night
def test_an_address_that_this_provider_has_not_verified_opens_nothing(world, settings, allauth):
    person(world, email=allauth_provider.UNVERIFIED)
    client, answer = come_through(allauth, settings, email=allauth_provider.UNVERIFIED)
    assert "has not verified your mail address" in refused(client, answer)


@at_night
def test_who_consents_to_nothing_at_this_provider_is_not_in(world, settings, allauth):
    person(world)
    client, answer = come_through(allauth, settings, email=allauth_provider.EMAIL, consents=False)
    assert answer.headers["Location"] == "/sign-in"
    assert client.get("/").status_code == 302
    assert not PersonSession.objects.exists()


@at_night
def test_a_wrong_secret_opens_nothing_at_this_provider(world, settings, allauth, monkeypatch):
    person(world)
    monkeypatch.setattr(allauth_provider, "SECRET", "another")
    client, answer = come_through(allauth, settings, email=allauth_provider.EMAIL)
    assert answer.headers["Location"] == "/sign-in"
    assert client.get("/").status_code == 302
