# SPDX-License-Identifier: Apache-2.0
"""The lock on signing in: for an account, for a network, and the most codes that an hour takes."""

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.signals import user_login_failed
from django.core.cache import cache
from django.db import connections, transaction
from django.test import Client, RequestFactory

from stemtide.hub.rooms.alerts import sender as sending
from stemtide.hub.rooms.alerts.models import Alert, Delivery
from stemtide.hub.rooms.alerts.reads.deliveries import Home
from stemtide.hub.rooms.alerts.writes import alerts, deliveries as writes_deliveries
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.parties.models import CodeTry, Person
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.rules.people import CODES_AN_HOUR, FAILURES, NETWORK_FAILURES
from stemtide.hub.rooms.parties.writes import locks as writes_locks
from stemtide.protocol.enums import Role
from tests.hub.alerts.test_mail import post, server
from tests.hub.desk.conftest import PASSWORD
from tests.hub.desk.test_sign_in import code, secured, sign_in  # noqa: F401  # a fixture
from tests.rounds import at_night, few, rounds

pytestmark = pytest.mark.django_db

WRONG = "wrong password entirely"


@pytest.fixture(autouse=True)
def _nothing_remembered():
    cache.clear()


def fail(email, *, times=FAILURES, start=1, host="2001:db8:0:{}::1"):
    """Type wrong passwords, each from a network of its own; returns the last answer."""
    page = None
    for number in range(start, start + times):
        page = Client().post(
            "/sign-in",
            {"username": email, "password": WRONG},
            REMOTE_ADDR=host.format(f"{number:x}"),
        )
    return page


def kinds():
    return list(Entry.objects.order_by("number").values_list("kind", flat=True))


ONE_NETWORK = "2001:db8::{}"
MANY_NETWORKS = "2001:db8:0:{}::1"


@pytest.mark.parametrize("host", few((1,), of=[ONE_NETWORK, MANY_NETWORKS]))
def test_of_many_wrong_codes_over_50_addresses_few_are_tried_and_the_right_one_opens_nothing(
    secured,  # noqa: F811  # the fixture
    host,
):
    """An attack sent 300, all of which were tried. After the lock each is answered alike."""
    email, secret = secured
    client, _ = sign_in(email)
    addresses = [host.format(f"{number:x}") for number in range(1, 51)]
    tried = 0
    for number in range(rounds(3 * FAILURES, nightly=100)):
        page = client.post("/sign-in/code", {"code": "000000"}, REMOTE_ADDR=addresses[number % 50])
        tried += b"This code is wrong" in page.content
    assert tried < FAILURES
    assert CodeTry.objects.count() == FAILURES
    page = client.post("/sign-in/code", {"code": code(secret)}, REMOTE_ADDR=addresses[7])
    assert page.status_code == 429
    assert client.get("/").status_code == 302


def test_an_account_takes_20_wrong_codes_an_hour_however_often_its_lock_is_lifted(secured):  # noqa: F811
    email, secret = secured
    client, _ = sign_in(email)
    for number in range(rounds(CODES_AN_HOUR + 4, nightly=60)):
        client.post("/sign-in/code", {"code": "000000"}, REMOTE_ADDR=f"2001:db8:0:{number:x}::1")
        AccessAttempt.objects.all().delete()
    assert CodeTry.objects.count() == CODES_AN_HOUR
    assert client.post("/sign-in/code", {"code": code(secret)}).status_code == 429
    CodeTry.objects.update(tried_at=datetime.now(UTC) - timedelta(hours=1))
    assert client.post("/sign-in/code", {"code": code(secret)}).status_code == 302
    assert not CodeTry.objects.exists()


def test_codes_from_paper_and_codes_asked_again_count_as_well(secured):  # noqa: F811
    email, secret = secured
    client, _ = sign_in(email)
    client.post("/sign-in/code", {"code": "12345678"})  # as long as one from paper
    client.post("/sign-in/code", {"code": code(secret)})
    client.post("/you/again/code?next=/you", {"code": "000000"})
    assert CodeTry.objects.count() == 2


def test_wrong_passwords_from_everywhere_lock_an_account_and_its_sessions_go_on(world):
    desk = world.desk("provider", Role.DUTY_OFFICER)
    email = "duty_officer@provider.example"
    assert fail(email).status_code == 429
    assert sign_in(email)[1].status_code == 429
    assert desk.get("/").status_code == 200


def test_an_address_of_nobody_is_locked_as_an_account_is(world):  # noqa: ARG001  # the hub must be there
    assert fail("nobody@provider.example").status_code == 429
    assert sign_in("nobody@provider.example")[1].status_code == 429
    assert "person.locked" not in kinds()


def test_a_network_that_fails_for_many_accounts_is_locked_and_its_neighbour_is_not(world):
    world.person("provider")
    for number in range(NETWORK_FAILURES):
        fail(f"nobody-{number}@provider.example", times=1, start=number, host=ONE_NETWORK)
    fields = {"username": "analyst@provider.example", "password": PASSWORD}
    assert Client().post("/sign-in", fields, REMOTE_ADDR="2001:db8::ffff").status_code == 429
    assert Client().post("/sign-in", fields, REMOTE_ADDR="2001:db8:0:1::1").status_code == 302


@at_night
def test_behind_a_proxy_that_is_not_named_failures_lock_the_account_alone(world, settings):
    """There every caller has the proxy's address: a lock on it would be one on everybody."""
    settings.NETWORKS_ARE_KNOWN = False
    world.person("provider")
    for number in range(NETWORK_FAILURES):
        fail(f"nobody-{number}@provider.example", times=1, host="10.0.0.5")
    assert sign_in("analyst@provider.example")[1].status_code == 302
    assert fail("analyst@provider.example", host="10.0.0.5").status_code == 429


def test_a_lock_ends_after_an_hour_and_tries_meanwhile_do_not_prolong_it(world):
    person = world.person("provider")
    fail(person.email)
    AccessAttempt.objects.update(attempt_time=datetime.now(UTC) - timedelta(minutes=59))
    assert fail(person.email, start=100).status_code == 429
    AccessAttempt.objects.update(attempt_time=datetime.now(UTC) - timedelta(hours=1))
    assert sign_in(person.email)[1].status_code == 302


@at_night
def test_a_wrong_old_password_counts_towards_the_lock(world):
    client = world.desk("provider", Role.DUTY_OFFICER)
    new = "another long sentence"
    fields = {"oldpassword": WRONG, "password1": new, "password2": new}
    pages = [client.post("/you/password", fields) for _ in range(FAILURES)]
    assert [page.status_code for page in pages] == [200] * (FAILURES - 1) + [429]
    assert not AccessAttempt.objects.filter(post_data__contains=WRONG).exists()


@pytest.mark.parametrize("by", few((0,), of=[Role.COORDINATOR, Role.ADMINISTRATOR]))
def test_a_coordinator_lifts_a_lock_in_one_act(world, by):
    person = world.person("provider", Role.DUTY_OFFICER)
    fail(person.email)
    desk = world.desk("provider", by)
    assert "Unlock" in desk.get("/people").content.decode()
    page = desk.post(f"/people/{person.pk}/unlock", follow=True)
    assert "Unlocked." in page.content.decode()
    assert "Unlock" not in desk.get("/people").content.decode()
    assert sign_in(person.email)[1].status_code == 302
    entry = Entry.objects.get(kind="person.unlocked")
    assert (entry.subject, entry.actor.partition(":")[0]) == (person.ref, "person")


@pytest.mark.parametrize(
    ("party", "role", "status"),
    few(
        (2, 3),
        of=[
            ("provider", Role.DUTY_OFFICER, 403),
            ("provider", Role.DATA_PROTECTION_OFFICER, 403),
            ("provider", Role.OBSERVER, 403),
            ("rival", Role.COORDINATOR, 404),
        ],
    ),
)
def test_nobody_else_lifts_it(world, party, role, status):
    person = world.person("provider", Role.ANALYST)
    fail(person.email)
    assert world.desk(party, role).post(f"/people/{person.pk}/unlock").status_code == status
    assert sign_in(person.email)[1].status_code == 429


def test_nobody_lifts_their_own_lock_or_one_that_is_not_there(world):
    desk = world.desk("provider", Role.COORDINATOR)
    own = Person.objects.get(role=Role.COORDINATOR)
    other = world.person("provider", Role.ANALYST)
    page = desk.post(f"/people/{other.pk}/unlock", follow=True)
    assert "not locked" in page.content.decode()
    fail(own.email)
    assert desk.post(f"/people/{own.pk}/unlock").status_code == 403


# What the person and the party are told


def send_mail(inbox):
    """Do what the hub's clock does: raise alerts, and send what is due."""
    now = datetime.now(UTC)
    alerts.raise_from_ledger(now)
    home = Home("https://hub.example", frozenset({"en", "de", "nl", "fr"}))
    for parcel in writes_deliveries.claim_due(now, limit=20, home=home):
        result = sending.attempt(parcel, post=post(inbox))
        writes_deliveries.note(parcel, result=result, jitter=0, now=now)


@at_night
def test_a_locked_account_gets_one_mail_in_its_language(world):
    person = world.person("provider", Role.DUTY_OFFICER)
    Person.objects.update(language="de", time_zone="Europe/Berlin")
    with server() as inbox:
        fail(person.email)
        fail(person.email, start=50)
        send_mail(inbox)
        send_mail(inbox)
    (mail,) = inbox.messages
    assert mail["To"] == person.email
    assert mail["Subject"] == "Ihr Stemtide-Konto ist für eine Stunde gesperrt"
    text = mail.get_content()
    assert "2001:db8::/48" in text
    assert f"{datetime.now(UTC):%Y-}" in text
    assert "CE" in text  # CET or CEST
    assert "Passkey" in text
    assert "https://hub.example" not in text  # nothing to click in a mail about signing in


@at_night
def test_the_mail_holds_no_link_and_the_hub_keeps_no_address_of_who_tried(world):
    person = world.person("provider", Role.DUTY_OFFICER)
    with server() as inbox:
        fail(person.email)
        send_mail(inbox)
    kept = [str(list(model.objects.values())) for model in (Alert, Delivery, Entry)]
    assert "2001:db8" not in " ".join(kept)
    assert not list(inbox.messages[0].iter_attachments())


@at_night
def test_the_party_reads_that_an_account_is_locked_but_not_whose(world):
    person = world.person("provider", Role.DUTY_OFFICER)
    fail(person.email)
    alerts.raise_from_ledger(datetime.now(UTC))
    page = world.desk("provider", Role.ANALYST).get("/alerts").content.decode()
    assert "An account of your party is locked" in page
    assert person.email not in page
    assert "is locked" not in world.desk("agency", Role.ANALYST).get("/alerts").content.decode()


@at_night
def test_a_lock_that_is_lifted_settles_its_alert_and_a_second_one_sends_a_second_mail(world):
    person = world.person("provider", Role.DUTY_OFFICER)
    by = Actor(world.party["provider"], "operator", Role.ADMINISTRATOR)
    with server() as inbox:
        for start in (1, 50):
            fail(person.email, start=start)
            send_mail(inbox)
            writes_locks.unlock_person(person.pk, by=by, now=datetime.now(UTC))
    alerts.raise_from_ledger(datetime.now(UTC))
    assert len(inbox.messages) == 2
    assert set(Alert.objects.values_list("state", flat=True)) == {"overtaken"}


@at_night
def test_a_colleague_who_acknowledges_the_alert_does_not_stop_the_persons_mail(world):
    person = world.person("provider", Role.DUTY_OFFICER)
    fail(person.email)
    now = datetime.now(UTC)
    alerts.raise_from_ledger(now)
    by = world.actor("provider")
    alerts.acknowledge(Alert.objects.get().uid, by=by, now=now)
    assert Delivery.objects.get(person=person).state == "queued"


@pytest.mark.django_db(transaction=True)
def test_failures_at_the_same_moment_are_counted_where_the_network_is_not_known(settings):
    """Two rows for one account and browser would end the count, and so the lock."""
    settings.NETWORKS_ARE_KNOWN = False
    first_counted, first_ends = threading.Event(), threading.Event()

    def fail_at_once(*, is_first):
        try:
            with transaction.atomic():
                facts = {"credentials": {"username": "a@b.example"}, "sender": __name__}
                user_login_failed.send(request=RequestFactory().post("/sign-in"), **facts)
                if is_first:
                    first_counted.set()
                    first_ends.wait(60)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(fail_at_once, is_first=True)
        assert first_counted.wait(60)
        second = pool.submit(fail_at_once, is_first=False)
        wait([second], timeout=0.3)
        first_ends.set()
        first.result(), second.result()
    assert [row.failures_since_start for row in AccessAttempt.objects.all()] == [2]
