# SPDX-License-Identifier: Apache-2.0
"""Alerts, deliveries, drills and the page of a link, as people at the desk meet them."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from stemtide.hub.rooms.alerts import links
from stemtide.hub.rooms.alerts.channels.channel import PostOutcome, Result
from stemtide.hub.rooms.alerts.models import Alert, Delivery, Drill, Receipt
from stemtide.hub.rooms.alerts.reads.deliveries import Home
from stemtide.hub.rooms.alerts.writes import (
    alerts as writes,
    deliveries as writes_deliveries,
    drills as writes_drills,
)
from stemtide.hub.rooms.parties.writes import contacts as writes_contacts
from stemtide.protocol.enums import Role
from tests.rounds import at_night, few

PAGES = ["alerts", "alerts-blocks", "alerts-bar", "deliveries", "drills"]


def contact(world, party, address="duty@desk.example"):
    writes_contacts.add_contact_point(
        world.party[party],
        channel="mail",
        address=address,
        is_24_7=True,
        actor="operator",
        now=world.now,
    )


def drill(world, *names):
    return writes_drills.start([world.party[name].name for name in names], by=None, now=world.now)


def alert_to(world, party):
    return Alert.objects.get(party=world.party[party])


def dead_letter(world, party, *, error="no such user"):
    """A delivery to a party that was given up."""
    contact(world, party)
    drill(world, party)
    parcels = writes_deliveries.claim_due(world.now, limit=9, home=Home())
    for one in parcels:
        refused = (
            Result(PostOutcome.REFUSED, error)
            if one.channel == "mail"
            else Result(PostOutcome.SENT)
        )
        writes_deliveries.note(one, result=refused, jitter=0, now=world.now)
    return Delivery.objects.get(channel="mail", alert__party=world.party[party])


@pytest.mark.parametrize("page", PAGES)
def test_who_has_not_signed_in_sees_no_page(world, page):  # noqa: ARG001  # the tables
    assert Client().get(reverse(page)).status_code == 302


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("role", few((5,), of=list(Role)))
def test_every_role_of_every_party_reads_its_own(world, page, role):
    assert world.desk("provider", role).get(reverse(page)).status_code == 200


def test_an_empty_page_says_so(world):
    desk = world.desk("provider")
    assert "Nothing waits for you." in desk.get(reverse("alerts")).content.decode()
    assert "No alerts" in desk.get(reverse("board")).content.decode()
    assert "No delivery has failed." in desk.get(reverse("deliveries")).content.decode()


def test_an_alert_is_seen_in_the_bar_of_every_page_and_acknowledged_at_once(world):
    drill(world, "provider")
    desk = world.desk("provider")
    assert "1 alert waits" in desk.get(reverse("board")).content.decode()
    page = desk.get(reverse("alerts")).content.decode()
    assert "[EXERCISE] Contact drill" in page
    uid = alert_to(world, "provider").uid
    answer = desk.post(reverse("alert-acknowledge", args=[uid]), follow=True)
    assert "Acknowledged." in answer.content.decode()
    assert "analyst@provider.example" in answer.content.decode()
    assert "No alerts" in desk.get(reverse("board")).content.decode()


def test_whoever_comes_second_is_told_so(world):
    drill(world, "provider")
    uid = alert_to(world, "provider").uid
    address = reverse("alert-acknowledge", args=[uid])
    world.desk("provider").post(address)
    answer = world.desk("provider", Role.DUTY_OFFICER).post(address, follow=True)
    assert "this alert is acknowledged" in answer.content.decode()
    assert Receipt.objects.get().person.email == "analyst@provider.example"


@at_night
@pytest.mark.parametrize(
    ("role", "status"),
    [
        (Role.DUTY_OFFICER, 302),
        (Role.ANALYST, 302),
        (Role.COORDINATOR, 302),
        (Role.ADMINISTRATOR, 302),
        (Role.DATA_PROTECTION_OFFICER, 403),
        (Role.OBSERVER, 403),
    ],
)
def test_the_button_is_there_for_those_who_may_press_it(world, role, status):
    drill(world, "provider")
    desk = world.desk("provider", role)
    has_button = ">Acknowledge<" in desk.get(reverse("alerts")).content.decode()
    uid = alert_to(world, "provider").uid
    assert desk.post(reverse("alert-acknowledge", args=[uid])).status_code == status
    assert has_button is (status == 302)


@pytest.mark.parametrize("party", few((0, 1), of=["rival", "agency", "authority", "observer"]))
def test_the_alert_of_another_party_is_not_there(world, party):
    drill(world, "provider")
    desk = world.desk(party)
    assert "Contact drill:" not in desk.get(reverse("alerts")).content.decode()
    uid = alert_to(world, "provider").uid
    assert desk.post(reverse("alert-acknowledge", args=[uid])).status_code == 404


def test_the_bar_speaks_of_what_is_urgent_at_once_and_of_the_rest_in_its_turn(world):
    drill(world, "provider")
    page = world.desk("provider").get(reverse("alerts-bar")).content.decode()
    _, polite, assertive, _inbox = page.split("hx-swap-oob")[1:]
    assert "Contact drill" not in polite
    assert "Contact drill" in assertive


def test_an_alert_leads_to_what_it_is_about(world):
    uid = world.share(by="agency")
    world.dispute(uid)
    writes.raise_from_ledger(world.now)
    page = world.desk("agency").get(reverse("alerts")).content.decode()
    assert f'href="{reverse("signal", args=[uid])}"' in page
    row = Alert.objects.get(party=world.party["agency"], kind="signal_disputed")
    Alert.objects.filter(pk=row.pk).update(subject=f"lead:{uid}")
    page = world.desk("agency", Role.OBSERVER).get(reverse("alerts")).content.decode()
    assert f'href="{reverse("lead", args=[uid])}"' in page


# The link


def link_to(world, party, *, hours=1):
    delivery = Delivery.objects.filter(alert__party=world.party[party]).first()
    token = links.make_token(delivery.uid, until=world.now + timedelta(hours=hours))
    return reverse("receipt", args=[token])


def test_a_link_shows_the_alert_and_acknowledges_nothing_until_its_button_is_pressed(world):
    drill(world, "provider")
    address = link_to(world, "provider")
    stranger = Client(enforce_csrf_checks=True)
    page = stranger.get(address)
    assert "Contact drill: please acknowledge" in page.content.decode()
    assert not Receipt.objects.exists()
    done = stranger.post(address)
    assert (done.status_code, "Acknowledged." in done.content.decode()) == (200, True)
    assert Receipt.objects.get().via == "link"
    again = stranger.post(address)
    assert (again.status_code, "Somebody of your party" in again.content.decode()) == (409, True)
    assert "analyst" not in stranger.get(address).content.decode()


def test_a_link_that_was_changed_is_not_there(world):
    drill(world, "provider")
    address = link_to(world, "provider") + "x"
    page = Client().get(address)
    assert (page.status_code, "not known here" in page.content.decode()) == (404, True)
    assert Client().post(address).status_code == 404
    assert Client().post(reverse("receipt-renew", args=["x"])).status_code == 404
    assert Client().get(reverse("receipt-file", args=["x", "paper"])).status_code == 404
    assert not Receipt.objects.exists()


def test_a_link_that_expired_says_so_and_acknowledges_nothing(world):
    drill(world, "provider")
    address = link_to(world, "provider", hours=-1)
    for page in (Client().get(address), Client().post(address)):
        assert page.status_code == 410
        assert "This link has expired" in page.content.decode()
        assert "Contact drill" not in page.content.decode()
    assert not Receipt.objects.exists()


# Dead letters


def test_a_dead_letter_is_seen_with_its_reason_and_retried(world):
    row = dead_letter(world, "provider")
    desk = world.desk("provider")
    page = desk.get(reverse("deliveries")).content.decode()
    assert "no such user" in page
    assert "duty@desk.example" in page
    answer = desk.post(reverse("delivery-retry", args=[row.uid]), follow=True)
    assert "tries to deliver it again" in answer.content.decode()
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("queued", 0)


def test_the_error_of_a_dead_letter_is_in_the_readers_language(world):
    dead_letter(world, "provider", error="the mail server refuses the address (550)")
    desk = world.desk("provider")
    page = desk.get(reverse("deliveries"), HTTP_ACCEPT_LANGUAGE="de").content.decode()
    assert "der Mailserver lehnt die Adresse ab (550)" in page


@at_night
def test_a_dead_letter_is_dropped_with_a_reason_and_not_without_one(world):
    row = dead_letter(world, "provider")
    desk = world.desk("provider")
    address = reverse("delivery-drop", args=[row.uid])
    empty = desk.post(address, {"reason": ""})
    assert (empty.status_code, "This field is required" in empty.content.decode()) == (422, True)
    answer = desk.post(address, {"reason": "They moved."}, follow=True)
    assert "They moved." in answer.content.decode()
    row.refresh_from_db()
    assert row.state == "dropped"
    again = desk.post(address, {"reason": "They moved."}, follow=True)
    assert "only a dead letter" in again.content.decode()
    retry = desk.post(reverse("delivery-retry", args=[row.uid]), follow=True)
    assert "only a dead letter" in retry.content.decode()


@pytest.mark.parametrize("verb", ["delivery-retry", "delivery-drop"])
@pytest.mark.parametrize(
    ("party", "role", "status"),
    few(
        (0, 5, 8),
        of=[
            ("provider", Role.DUTY_OFFICER, 302),
            ("provider", Role.ANALYST, 302),
            ("provider", Role.COORDINATOR, 302),
            ("provider", Role.ADMINISTRATOR, 302),
            ("provider", Role.DATA_PROTECTION_OFFICER, 403),
            ("provider", Role.OBSERVER, 403),
            ("agency", Role.DUTY_OFFICER, 302),
            ("agency", Role.OBSERVER, 403),
            ("authority", Role.DUTY_OFFICER, 404),
            ("rival", Role.DUTY_OFFICER, 404),
            ("observer", Role.DUTY_OFFICER, 404),
        ],
    ),
)
def test_who_retries_and_drops_the_dead_letters_of_a_provider(world, verb, party, role, status):
    row = dead_letter(world, "provider")
    desk = world.desk(party, role)
    page = desk.get(reverse("deliveries")).content.decode()
    assert ("no such user" in page) is (status != 404)
    assert (">Try again<" in page) is (status == 302)
    answer = desk.post(reverse(verb, args=[row.uid]), {"reason": "They moved."})
    assert answer.status_code == status


def test_an_agency_sees_that_it_failed_but_not_the_address(world):
    dead_letter(world, "provider")
    page = world.desk("agency").get(reverse("deliveries")).content.decode()
    assert "no such user" in page
    assert "duty@desk.example" not in page


# Drills


@pytest.mark.parametrize(
    ("party", "role", "own", "everybody"),
    few(
        (0, 2, 6),
        of=[
            ("agency", Role.DUTY_OFFICER, True, True),
            ("agency", Role.COORDINATOR, True, True),
            ("agency", Role.ANALYST, False, False),
            ("agency", Role.ADMINISTRATOR, False, False),
            ("agency", Role.OBSERVER, False, False),
            ("agency", Role.DATA_PROTECTION_OFFICER, False, False),
            ("provider", Role.DUTY_OFFICER, True, False),
            ("provider", Role.COORDINATOR, True, False),
            ("provider", Role.ANALYST, False, False),
            ("authority", Role.DUTY_OFFICER, True, False),
            ("observer", Role.OBSERVER, False, False),
        ],
    ),
)
def test_who_starts_a_drill_of_whom(world, party, role, own, everybody):
    desk = world.desk(party, role)
    page = desk.get(reverse("drills")).content.decode()
    assert ("Start the drill" in page) is own
    assert ('value="everybody"' in page) is everybody
    asked = desk.post(reverse("drill-start"), {"who": "everybody"})
    assert asked.status_code == (302 if everybody else 403)
    assert Drill.objects.exists() is everybody
    if not everybody:
        asked = desk.post(reverse("drill-start"), {"party": world.party[party].name})
        assert asked.status_code == (302 if own else 403)


def test_a_drill_says_who_answered_when_and_who_did_not(world):
    contact(world, "provider")
    uid = drill(world, "provider", "rival", "neighbour")
    writes.acknowledge_by_link(
        links.make_token(
            Delivery.objects.get(channel="mail").uid, until=world.now + timedelta(hours=1)
        ),
        now=world.now + timedelta(seconds=72),
    )
    page = world.desk("agency").get(reverse("drill", args=[uid])).content.decode()
    assert "1 answered, 0 did not, 2 still asked" in page
    assert "1 min 12 s" in page
    writes.escalate_due(world.now + timedelta(hours=1))
    writes_drills.end_due(world.now + timedelta(hours=1))
    page = world.desk("agency", Role.OBSERVER).get(reverse("drill-block", args=[uid]))
    assert "1 answered, 2 did not, 0 still asked" in page.content.decode()
    assert "no contact point" in page.content.decode()


def test_a_party_sees_its_own_answer_in_the_drill_of_another_and_no_other_drill(world):
    uid = drill(world, "provider", "rival")
    page = world.desk("provider").get(reverse("drill", args=[uid])).content.decode()
    assert "The provider" in page
    assert "The rival" not in page
    assert world.desk("authority").get(reverse("drill", args=[uid])).status_code == 404


def test_a_drill_of_nobody_or_of_somebody_in_one_is_refused(world):
    desk = world.desk("agency", Role.DUTY_OFFICER)
    answer = desk.post(reverse("drill-start"), follow=True)
    assert "no party is named" in answer.content.decode()
    drill(world, "provider")
    answer = desk.post(
        reverse("drill-start"), {"party": [world.party["provider"].name]}, follow=True
    )
    assert "still waits for provider" in answer.content.decode()
