# SPDX-License-Identifier: Apache-2.0
"""The pages on which a coordinator of an agency decides on the standing of parties."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from stemtide.hub.rooms.approvals.models import Approval
from stemtide.hub.rooms.crises.models import Neighbour
from stemtide.hub.rooms.parties.models import Party, Person, SuspensionProposal
from stemtide.hub.rooms.parties.writes import parties
from stemtide.protocol.enums import Role
from tests.hub.desk.conftest import PASSWORD
from tests.rounds import at_night

pytestmark = pytest.mark.django_db


@pytest.fixture
def coordinator(world):
    return world.desk("agency", Role.COORDINATOR)


@pytest.fixture
def colleague(world):
    """Another coordinator of the agency."""
    person = parties.add_person(
        "second@agency.example",
        party=world.party["agency"],
        role=Role.COORDINATOR,
        password=PASSWORD,
        actor="operator",
        now=world.now,
    )
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


def send(client, verb, party="provider", **fields):
    return client.post(f"/parties/{party}/{verb}", fields, follow=True).content.decode()


def test_the_list_shows_each_standing_and_what_waits_comes_first(world, coordinator):
    page = coordinator.get("/parties").content.decode()
    assert len(re.findall(r'href="/parties/[\w-]+"', page)) == len(world.party)
    send(coordinator, "suspend", "rival", **{"suspend-reason": "Spam.", "suspend-confirm": "on"})
    page = coordinator.get("/parties").content.decode()
    assert "suspension: waiting for a second person" in page
    assert page.index("/parties/rival") < page.index("/parties/agency")


def test_a_standing_is_granted_with_a_reason_that_the_history_shows(coordinator, world):
    page = send(coordinator, "make-trusted", **{"make-trusted-reason": "They answer fast."})
    world.party["provider"].refresh_from_db()
    assert world.party["provider"].standing == "trusted"
    assert "Standing changed: trusted." in page
    assert "They answer fast." in page
    page = coordinator.post("/parties/provider/make-member", {"make-member-reason": ""})
    assert page.status_code == 422


@at_night
def test_a_party_is_grouped_and_may_speak_for_digests(coordinator, world):
    send(coordinator, "group", **{"group-group": "owner", "group-reason": "One owner."})
    page = send(coordinator, "grant-digests", **{"grant-digests-reason": "Their list is clean."})
    assert "Agents may now block exact files that it alone shared" in page
    world.party["provider"].refresh_from_db()
    assert (world.party["provider"].group, world.party["provider"].speaks_for_digests) == (
        *("owner", True),
    )


@at_night
def test_a_party_speaks_for_a_mechanism_and_notes_and_ends_its_activation(coordinator, world):
    page = send(coordinator, "mechanism", **{"mechanism-mechanism": "gifct"})
    assert "Mechanism changed." in page
    assert "It speaks for the crisis mechanism" in page
    world.party["provider"].refresh_from_db()
    crisis = world.crisis(joined=("provider", "rival"))
    officer, rival = (world.desk(name, Role.DUTY_OFFICER) for name in ("provider", "rival"))
    note = {
        "mirror-framework": "gifct",
        "mirror-version": "2025",
        "mirror-status": "active",
        "mirror-type": "perpetrator-content-incident",
        "mirror-started_at": (world.now - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M"),
    }
    assert rival.post(f"/crises/{crisis}/do/mirror", note).status_code == 403
    assert officer.post(f"/crises/{crisis}/do/mirror", note).status_code == 302
    row = Neighbour.objects.get()
    end = {"target": str(row.uid), f"neighbour-{row.uid}-status": "ended"}
    assert coordinator.post(f"/crises/{crisis}/do/neighbour", end).status_code == 403
    page = officer.get(f"/crises/{crisis}/event").content.decode()
    assert "GIFCT incident response, since 2025" in page
    assert "has not confirmed it" not in page
    assert officer.post(f"/crises/{crisis}/do/neighbour", end).status_code == 302
    row.refresh_from_db()
    assert (row.status, row.own_by) == ("ended", world.party["provider"])


def test_two_coordinators_suspend_a_party_and_one_cannot(coordinator, colleague, world):
    page = send(coordinator, "suspend", **{"suspend-reason": "Spam.", "suspend-confirm": "on"})
    assert "Another person must confirm within 24 hours" in page
    assert "/parties/provider/confirm" not in page
    target = str(SuspensionProposal.objects.get().uid)
    assert coordinator.post("/parties/provider/confirm", {"target": target}).status_code == 403
    assert "/parties/provider/confirm" in colleague.get("/parties/provider").content.decode()
    assert "It took effect at once." in send(colleague, "confirm", target=target)
    world.party["provider"].refresh_from_db()
    assert world.party["provider"].is_suspended
    assert "/parties/provider/lift" in coordinator.get("/parties/provider").content.decode()


def added_by(coordinator):
    """A coordinator of the agency whom another one added, and who followed the link."""
    facts = {"name": "Third", "email": "third@agency.example", "role": "coordinator"}
    page = coordinator.post("/people", facts).content.decode()
    link = re.search(r"http://testserver(/invited/[\w-]+)", page)[1]
    Client().post(link, {"password": PASSWORD, "again": PASSWORD})
    person = Person.objects.get(email="third@agency.example")
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client, person.pk


def test_a_coordinator_who_added_the_other_suspends_nobody_with_them(coordinator, colleague):
    send(coordinator, "suspend", **{"suspend-reason": "Spam.", "suspend-confirm": "on"})
    added, number = added_by(coordinator)
    uid = str(SuspensionProposal.objects.get().uid)
    page = send(added, "confirm", target=uid)
    assert "you count as the first one" in page
    assert "cannot confirm yet" in coordinator.get("/people").content.decode()
    for client, status in ((coordinator, 403), (colleague, 302)):
        answer = client.post(f"/people/{number}/confirm", {"confirm": "yes"})
        assert answer.status_code == status
    assert "It took effect at once" in send(added, "confirm", target=uid)


@at_night
def test_an_agency_confirms_the_second_person_of_a_party_with_one(coordinator, world):
    one = world.desk("provider", Role.COORDINATOR)
    facts = {"name": "Two", "email": "two@provider.example", "role": "coordinator"}
    link = re.search(r"/invited/[\w-]+", one.post("/people", facts).content.decode())[0]
    assert "People who cannot confirm yet" in coordinator.get("/parties/provider").content.decode()
    Client().post(link, {"password": PASSWORD, "again": PASSWORD})
    person = Person.objects.get(email="two@provider.example")
    fields = {"confirm-person-person": person.pk, "confirm-person-confirm": "on"}
    page = send(coordinator, "confirm-person", **fields)
    assert "They now count as a second person." in page
    assert "People who cannot confirm yet" not in page


def test_who_made_a_key_does_not_approve_what_the_key_shared(world):
    one = world.desk("provider", Role.COORDINATOR)
    form = {"name": "uploads", "scopes": ["signals:write"], "days": "30"}
    key = re.search(r"st_[a-z0-9]{8}_[\w-]+", one.post("/keys/new", form).content.decode())[0]
    folder = {"kind": "url", "value": "https://site.example/a/", "reach": "folder"}
    folder |= {"labels": ["livestream"], "severity": "high"}
    shared = Client().post(
        "/api/v1/signals",
        folder,
        content_type="application/json",
        headers={"Authorization": f"Bearer {key}"},
    )
    assert shared.json()["state"] == "waiting"
    uid = Approval.objects.get().uid
    page = one.post(f"/approvals/{uid}/approve", {"target": "1"}, follow=True).content.decode()
    assert "you count as the first one" in page
    two = world.desk("provider", Role.DUTY_OFFICER)
    page = two.post(f"/approvals/{uid}/approve", {"target": "1"}, follow=True).content.decode()
    assert "Approved." in page


@at_night
def test_a_proposal_is_declined_with_a_reason_or_withdrawn(coordinator, colleague):
    send(coordinator, "suspend", **{"suspend-reason": "Spam.", "suspend-confirm": "on"})
    target = str(SuspensionProposal.objects.get().uid)
    reason = {f"decline-{target}-reason": "They mended it."}
    assert "They mended it." in send(colleague, "decline", target=target, **reason)
    send(coordinator, "suspend", **{"suspend-reason": "Again.", "suspend-confirm": "on"})
    target = str(SuspensionProposal.objects.filter(state="open").get().uid)
    assert "The proposal is withdrawn." in send(coordinator, "withdraw", target=target)


def test_an_analyst_of_the_agency_reads_and_is_offered_nothing(world):
    analyst = world.desk("agency", Role.ANALYST)
    page = analyst.get("/parties/provider").content.decode()
    assert "No changes since it joined." in page
    assert 'class="verb' not in page
    fields = {"make-trusted-reason": "They answer fast."}
    assert analyst.post("/parties/provider/make-trusted", fields).status_code == 403


@at_night
def test_other_parties_do_not_get_the_pages(world):
    for name in ("authority", "provider", "observer"):
        client = world.desk(name, Role.COORDINATOR)
        assert client.get("/parties").status_code == 403
        assert client.get("/parties/provider").status_code == 403
        assert 'href="/parties"' not in client.get("/").content.decode()


@at_night
def test_all_disputes_of_a_party_are_set_aside_answered_and_restored(coordinator, world):
    uid = world.share()
    world.dispute(uid)
    page = coordinator.get("/parties/provider").content.decode()
    assert "Open, including its group: 1" in page
    stale = {"target": "2", "set-aside-2-reason": "It is art."}
    assert "you saw 2" in send(coordinator, "set-aside", **stale)
    page = send(coordinator, "set-aside", target="1", **{"set-aside-1-reason": "It is not."})
    assert "Each party gets one notice" in page
    address = re.search(r"/disputes/[0-9a-f-]{36}", page).group()
    officer = world.desk("provider", Role.DUTY_OFFICER)
    assert address in officer.get(f"/signals/{uid}").content.decode()
    page = officer.get(address).content.decode()
    assert "It is not." in page
    assert "is suspended" not in page
    Party.objects.filter(name=world.party["agency"].name).update(standing="suspended")
    page = officer.get(address).content.decode()
    assert "is suspended, so the disputes count for now" in page
    Party.objects.filter(name=world.party["agency"].name).update(standing="member")
    page = officer.post(f"{address}/answer", {"answer-text": "It is ours."}, follow=True)
    assert "Answered." in page.content.decode()
    assert f"{address}/answer" not in page.content.decode()
    page = coordinator.post(f"{address}/restore", follow=True).content.decode()
    assert "It is ours." in page
    assert "withdrew this decision" in page
    assert f"{address}/restore" not in page
