# SPDX-License-Identifier: Apache-2.0
"""Signing in: a second factor, one lock for every door, invitations, sittings that end."""

import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.cache import cache
from django.test import Client

from stemtide.hub.desk.auth.accounts import AccountAdapter
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.parties.models import Person, PersonSession
from stemtide.hub.rooms.parties.writes import people as writes_people
from stemtide.protocol.enums import Role
from tests.hub.desk.conftest import PASSWORD
from tests.rounds import at_night, few
from tests.world import lift, suspend

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_remembered():
    cache.clear()


def code(secret, *, steps=0):
    """The code that an app shows, or will show after some steps of 30 seconds."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))


def sign_in(email, password=PASSWORD):
    client = Client()
    page = client.post("/sign-in", {"username": email, "password": password})
    return client, page


def pre_login(person, rf):
    """Ask allauth's last question before it signs somebody in; None if nothing is against it."""
    request = rf.post("/sign-in/passkey")
    SessionMiddleware(lambda _: None).process_request(request)
    MessageMiddleware(lambda _: None).process_request(request)
    nothing = {"email_verification": "none", "signal_kwargs": None, "email": None}
    return AccountAdapter().pre_login(request, person, signup=False, redirect_url=None, **nothing)


@pytest.fixture
def secured(world, rf):
    """A duty officer with codes from an app: their address and the app's secret."""
    from allauth.core import context

    person = world.person("provider", Role.DUTY_OFFICER)
    secret = generate_totp_secret()
    with context.request_context(rf.get("/")):
        TOTP.activate(person, secret)
    return person.email, secret


def test_a_password_alone_does_not_open_an_account_with_a_second_factor(secured):
    client, page = sign_in(secured[0])
    assert page.headers["Location"] == "/sign-in/code"
    assert client.get("/").headers["Location"].startswith("/sign-in")
    assert client.get("/sign-in/code").status_code == 200


def test_the_right_code_opens_the_desk(secured):
    email, secret = secured
    client, _ = sign_in(email)
    page = client.post("/sign-in/code", {"code": code(secret)})
    assert page.headers["Location"] == "/"
    assert client.get("/").status_code == 200


def test_a_code_opens_once(secured):
    email, secret = secured
    now = code(secret)
    for opened in (True, False):
        cache.clear()  # another process has another cache; the row is what must remember
        client, _ = sign_in(email)
        page = client.post("/sign-in/code", {"code": now})
        assert (page.status_code == 302) is opened
    assert "was used" in page.content.decode()


def test_an_older_code_is_spent_with_a_newer_one(secured):
    email, secret = secured
    client, _ = sign_in(email)
    assert client.post("/sign-in/code", {"code": code(secret, steps=1)}).status_code == 302
    client, _ = sign_in(email)
    assert client.post("/sign-in/code", {"code": code(secret)}).status_code == 200


def test_the_apps_secret_is_not_readable_in_the_database(secured):
    assert secured[1] not in str(Authenticator.objects.values().get())


def test_eight_wrong_codes_lock_every_door(secured):
    email, secret = secured
    for _ in range(8):
        client, _page = sign_in(email)
        page = client.post("/sign-in/code", {"code": "000000"})
    assert page.status_code == 429
    assert "Too many wrong tries" in page.content.decode()
    _, page = sign_in(email)
    assert page.status_code == 429
    assert client.post("/sign-in/code", {"code": code(secret)}).status_code == 429


@at_night
def test_wrong_passwords_and_wrong_codes_add_up(secured):
    email, _ = secured
    for _ in range(4):
        sign_in(email, "wrong password entirely")
        client, _page = sign_in(email)
        page = client.post("/sign-in/code", {"code": "000000"})
    assert page.status_code == 429


@at_night
def test_a_wrong_password_again_counts_towards_the_lock(world):
    client = world.desk("provider", Role.DUTY_OFFICER)
    for _ in range(8):
        page = client.post("/you/again?next=/you/codes", {"password": "wrong password"})
    assert page.status_code == 429


@pytest.mark.parametrize(
    ("role", "led"),
    few(
        (1, 5),
        of=[
            (Role.DUTY_OFFICER, True),
            (Role.ANALYST, True),
            (Role.COORDINATOR, True),
            (Role.ADMINISTRATOR, True),
            (Role.DATA_PROTECTION_OFFICER, True),
            (Role.OBSERVER, False),
        ],
    ),
)
def test_roles_that_do_more_than_read_set_up_a_second_factor_first(world, settings, role, led):
    settings.SECOND_FACTOR_REQUIRED = True
    client = world.desk("provider", role)
    page = client.get("/")
    assert (page.status_code, page.headers.get("Location")) == (
        (302, "/you") if led else (200, None)
    )
    fragment = client.get("/board/_blocks", headers={"HX-Request": "true"})
    assert (fragment.headers.get("HX-Redirect") == "/you") is led
    assert client.get("/board/stream").status_code == (403 if led else 200)
    assert client.get("/you").status_code == 200


def test_codes_are_set_up_by_scanning_and_typing_one(world, settings):
    settings.SECOND_FACTOR_REQUIRED = True
    world.person("provider", Role.DUTY_OFFICER)
    client, page = sign_in("duty_officer@provider.example")
    html = client.get("/you/codes").content.decode()
    assert "<svg" in html
    secret = re.search(r'<code class="code">(\w+)</code>', html)[1]
    wrong = client.post("/you/codes", {"code": "000000"})
    assert "This code is wrong" in wrong.content.decode()
    page = client.post("/you/codes", {"code": code(secret)})
    assert page.headers["Location"] == "/you/paper"
    assert len(re.findall(r'<code class="code">', client.get("/you/paper").content.decode())) == 10
    assert client.get("/").status_code == 200
    assert Entry.objects.latest("number").kind == "factors.changed"


def test_the_last_second_factor_stays_while_the_role_needs_one(secured, settings):
    settings.SECOND_FACTOR_REQUIRED = True
    email, secret = secured
    client, _ = sign_in(email)
    client.post("/sign-in/code", {"code": code(secret)})
    page = client.post("/you/codes/remove")
    assert "set up another one" in page.content.decode()
    assert Authenticator.objects.exists()


def test_a_change_of_factors_asks_again_who_it_is_after_a_while(world):
    client = world.desk("provider", Role.DUTY_OFFICER)  # no record of when they signed in
    for path in ("/you/codes", "/you/passkeys/new", "/you/paper/new"):
        assert client.get(path).headers["Location"].startswith("/you/again?")
    page = client.post("/you/again?next=/you/codes", {"password": PASSWORD})
    assert page.headers["Location"] == "/you/codes"
    assert client.get("/you/codes").status_code == 200


def test_a_deactivated_person_is_told_no_more_than_a_stranger(world):
    person = world.person("provider")
    Person.objects.update(is_active=False)
    _, page = sign_in(person.email)
    _, other = sign_in("nobody@provider.example")
    said = "Wrong mail address or password"
    assert said in page.content.decode()
    assert said in other.content.decode()


@pytest.mark.parametrize(
    "path",
    few(
        (0, 2, 5),
        of=[
            "/accounts/signup/",
            "/signup",
            "/accounts/password/reset/",
            "/accounts/email/",
            "/you/email",
            "/sign-in/with/nobody",
        ],
    ),
)
def test_no_other_door_exists(world, path):
    assert world.desk("provider").get(path).status_code == 404


def test_who_signed_in_from_where_is_kept_nowhere(world):
    from axes.models import AccessLog

    world.person("provider")
    client, _ = sign_in("analyst@provider.example")
    assert client.get("/").status_code == 200
    assert not AccessLog.objects.exists()


@pytest.mark.parametrize("is_active", [True, False])
def test_doors_without_a_password_open_for_the_locked_but_not_for_the_deactivated(
    world, rf, is_active
):
    """What every door of allauth asks last, the passkey's among them."""
    person = world.person("provider")
    person.is_active = is_active
    for _ in range(8):
        sign_in(person.email, "wrong password entirely")
    answer = pre_login(person, rf)
    assert (answer and answer.status_code) == (None if is_active else 302)


# A suspended party


def test_the_people_of_a_suspended_party_are_signed_out_and_cannot_sign_in(world):
    client = world.desk("provider")
    assert client.get("/").status_code == 200
    suspend(world.party["provider"], agency=world.party["agency"], now=world.now)
    assert client.get("/").headers["Location"].startswith("/sign-in")
    lift(world.party["provider"], agency=world.party["agency"], now=world.now)
    assert client.get("/").status_code == 302  # the session has ended
    client, _ = sign_in("analyst@provider.example")
    assert client.get("/").status_code == 200


def test_who_signs_in_for_a_suspended_party_is_told_why_and_whom_to_write_to(world):
    person = world.person("provider")
    suspend(world.party["provider"], agency=world.party["agency"], now=world.now)
    client, page = sign_in(person.email)
    assert page.headers["Location"] == "/sign-in"
    said = client.get("/sign-in").content.decode()
    assert "It shares newspapers." in said
    assert "The agency" in said
    assert client.get("/").status_code == 302


def test_no_other_method_signs_in_for_a_suspended_party(world, rf):
    """What every method of allauth asks last: passkeys and identity providers among them."""
    person = world.person("provider")
    assert pre_login(person, rf) is None
    suspend(world.party["provider"], agency=world.party["agency"], now=world.now)
    person.refresh_from_db()
    assert pre_login(person, rf).headers["Location"] == "/sign-in"


def test_a_session_that_began_before_the_suspension_shows_nothing(world):
    client = Client()
    client.force_login(
        world.person("provider"), backend="django.contrib.auth.backends.ModelBackend"
    )
    suspend(world.party["provider"], agency=world.party["agency"], now=world.now)
    assert client.get("/").status_code == 302
    assert not PersonSession.objects.exists()


# Invitations


def invite(world, email="new@provider.example"):
    return writes_people.invite_person(
        email, party=world.party["provider"], role="analyst", actor="operator", now=world.now
    )


def test_an_invitation_sets_a_password_once(world):
    person, secret = invite(world)
    client, path = Client(), f"/invited/{secret}"
    assert person.email in client.get(path).content.decode()
    assert client.get(path).status_code == 200  # looking at it does not use it up
    page = client.post(path, {"password": PASSWORD, "again": PASSWORD})
    assert page.headers["Location"] == "/sign-in"
    assert client.get(path).status_code == 404
    assert client.post(path, {"password": PASSWORD, "again": PASSWORD}).status_code == 404
    client, page = sign_in(person.email)
    assert client.get("/").status_code == 200
    kinds = list(Entry.objects.order_by("number").values_list("kind", flat=True))
    assert kinds[-3:] == ["person.added", "person.invited", "person.joined"]


def test_an_invitation_ends_after_three_days(world):
    _, secret = invite(world)
    Person.objects.update(invited_until=world.now - timedelta(seconds=1))
    assert Client().get(f"/invited/{secret}").status_code == 404


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"password": "short", "again": "short"}, "at least 12"),
        ({"password": PASSWORD, "again": PASSWORD + "x"}, "do not match"),
        ({}, "required"),
    ],
)
def test_a_password_that_is_none_is_refused_and_the_invitation_stays(world, given, said):
    _, secret = invite(world)
    page = Client().post(f"/invited/{secret}", given)
    assert page.status_code == 422
    assert said in page.content.decode()
    assert Client().get(f"/invited/{secret}").status_code == 200


def test_nobody_signs_in_before_their_invitation_is_used(world):
    invite(world)
    _, page = sign_in("new@provider.example", "")
    assert page.status_code == 200
    assert not PersonSession.objects.exists()


# Sittings


def test_a_sitting_says_where_somebody_is_signed_in(world):
    client = world.desk("provider")
    html = client.get(
        "/you", headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}
    ).content.decode()
    assert "Firefox on Linux" in html
    assert PersonSession.objects.get().door == "password"


@pytest.mark.parametrize(
    ("facts", "goes_on"),
    few(
        (2, 4, 5),
        of=[
            ({}, True),
            ({"started_at": timedelta(hours=11, minutes=59)}, True),
            ({"started_at": timedelta(hours=12)}, False),
            ({"seen_at": timedelta(minutes=119)}, True),
            ({"seen_at": timedelta(minutes=120)}, False),
            ({"ended_at": timedelta(0)}, False),
        ],
    ),
)
def test_a_sitting_ends_by_its_length_by_rest_or_by_hand(world, facts, goes_on):
    client = world.desk("provider")
    client.get("/you")
    PersonSession.objects.update(**{name: datetime.now(UTC) - ago for name, ago in facts.items()})
    assert (client.get("/").status_code == 200) is goes_on
    assert (client.get("/").status_code == 200) is goes_on


def test_what_a_page_fetches_by_itself_keeps_no_sitting_alive(world):
    client = world.desk("provider")
    client.get("/you")
    long_ago = datetime.now(UTC) - timedelta(minutes=90)
    PersonSession.objects.update(seen_at=long_ago)
    client.get("/board/_blocks")
    assert PersonSession.objects.get().seen_at == long_ago
    client.get("/you")
    assert PersonSession.objects.get().seen_at > long_ago


@at_night
def test_a_person_signs_out_elsewhere(world):
    here, there = world.desk("provider"), Client()
    there.force_login(Person.objects.get(), backend="django.contrib.auth.backends.ModelBackend")
    here.get("/you")
    there.get("/you")
    number = PersonSession.objects.latest("pk").pk
    assert here.post("/you/sittings/end", {"number": str(number)}).status_code == 302
    assert there.get("/").status_code == 302
    assert here.get("/").status_code == 200


def test_nobody_ends_anothers_sitting(world):
    mine, other = world.desk("provider"), world.desk("rival")
    mine.get("/you")
    other.get("/you")
    theirs = PersonSession.objects.get(person__party=world.party["rival"])
    mine.post("/you/sittings/end", {"number": str(theirs.pk)})
    assert other.get("/").status_code == 200


def test_a_new_password_ends_every_other_sitting(world):
    world.person("provider")
    here, _ = sign_in("analyst@provider.example")
    there, _ = sign_in("analyst@provider.example")
    assert there.get("/you").status_code == 200
    assert here.get("/you").status_code == 200
    new = "another long sentence"
    page = here.post("/you/password", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    assert page.status_code == 302, page.content
    assert here.get("/").status_code == 200
    assert there.get("/").status_code == 302
    assert Entry.objects.latest("number").kind == "password.changed"


def test_signing_out_ends_the_sitting(world):
    client = world.desk("provider")
    client.get("/you")
    client.post("/sign-out")
    assert PersonSession.objects.get().ended_at
