# SPDX-License-Identifier: Apache-2.0
"""A coordinator of an agency takes a party in at the desk, and invites its first person."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from stemtide.hub import scheduler
from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.alerts.models import Alert
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.parties.models import (
    CompetenceProposal,
    Party,
    Person,
    SuspensionProposal,
)
from stemtide.hub.rooms.parties.reads import competences as competence_reads
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.rules import joining as rules
from stemtide.hub.rooms.parties.writes import (
    competences,
    joining as writes,
    parties,
    suspensions,
)
from stemtide.protocol.enums import Duty, PartyKind, Role
from stemtide.protocol.trust.parties import DutyIn, PartyTitleIn
from tests.hub.desk.conftest import PASSWORD
from tests.rounds import at_night, few

pytestmark = pytest.mark.django_db

NEW = {
    "title": "Small pictures",
    "name": "small-pictures",
    "kind": "provider",
    "country": "EE",
    "reason": "Called back on the number of the register.",
}
PERSON = {"name": "Ada", "email": "ada@small.example", "role": "coordinator"}
FIRST = "/parties/small-pictures/first-person"


@pytest.fixture
def desk(world):
    return world.desk("agency", Role.COORDINATOR)


def link_of(page):
    return re.search(r"http://testserver(/invited/[\w-]+)", page.content.decode())[1]


def new_party(kind, **more):
    facts = {"name": "x", "title": "X", "country": "BE", "reason": "Known."} | more
    return writes.NewParty(kind=PartyKind(kind), **facts)


def test_a_provider_is_added_as_new_and_its_first_person_joins(desk):
    assert desk.post("/parties/new/party", NEW).headers["Location"] == FIRST
    party = Party.objects.get(name="small-pictures")
    assert (party.kind, party.standing, party.country) == ("provider", "new", "EE")
    link = link_of(desk.post(FIRST, PERSON))
    Client().post(link, {"password": PASSWORD, "again": PASSWORD})
    signed_in = Client().post("/sign-in", {"username": PERSON["email"], "password": PASSWORD})
    assert signed_in.status_code == 302
    assert desk.get(FIRST).status_code == 409
    assert "first-person" not in desk.get("/parties/small-pictures").content.decode()
    added = Entry.objects.get(kind="party.added", subject="party:small-pictures")
    assert added.actor.startswith("person:")


@pytest.mark.parametrize("kind", few((0,), of=["authority", "agency"]))
def test_an_authority_is_shut_out_until_a_second_person_agrees(desk, world, kind):
    desk.post("/parties/new/party", NEW | {"kind": kind})
    link = link_of(desk.post(FIRST, PERSON))
    Client().post(link, {"password": PASSWORD, "again": PASSWORD})
    credentials = {"username": PERSON["email"], "password": PASSWORD}
    client = Client()
    client.post("/sign-in", credentials)
    assert client.get("/").headers["Location"].startswith("/sign-in")
    joining = "no access until a second coordinator confirms it"
    assert joining in desk.get("/parties/small-pictures").content.decode()
    proposal = SuspensionProposal.objects.get()
    author = world.someone(Person.objects.get(email="coordinator@agency.example"))
    with pytest.raises(NotAllowedError, match="own proposal"):
        suspensions.confirm(proposal.uid, by=author, now=world.now)
    suspensions.confirm(proposal.uid, by=world.someone(coordinator(world)), now=world.now)
    assert Party.objects.get(name="small-pictures").standing == "member"
    assert joining not in desk.get("/parties/small-pictures").content.decode()
    client.post("/sign-in", credentials)
    assert client.get("/").status_code == 200


@at_night
def test_another_address_ends_the_link_to_the_first(desk):
    desk.post("/parties/new/party", NEW)
    wrong = link_of(desk.post(FIRST, PERSON | {"email": "ada@smal.example"}))
    again = link_of(desk.post(FIRST, PERSON | {"email": "ada@smal.example"}))
    right = link_of(desk.post(FIRST, PERSON))
    assert [Client().get(link).status_code for link in (wrong, again, right)] == [404, 404, 200]


def test_nobody_is_invited_into_a_party_that_speaks_for_itself(desk, world):
    by = world.someone(Person.objects.get(email="coordinator@agency.example"))
    world.person("rival")
    parties.new_key(
        "k", party=world.party["provider"], scopes=["feed:read"], actor="operator", now=world.now
    )
    for name in ("rival", "provider"):
        assert desk.post(f"/parties/{name}/first-person", PERSON).status_code == 409
        with pytest.raises(ConflictError):
            writes.invite_first(name, **PERSON, by=by, now=world.now)
    assert not Person.objects.filter(email=PERSON["email"]).exists()


@pytest.mark.parametrize(
    ("party", "role"),
    [("authority", Role.COORDINATOR), ("agency", Role.ADMINISTRATOR), ("provider", Role.ANALYST)],
)
def test_nobody_else_takes_a_party_in(world, party, role):
    by = world.someone(world.person(party, role))
    with pytest.raises(NotAllowedError):
        writes.take_in(new_party("provider"), by=by, now=world.now)
    with pytest.raises(NotAllowedError):
        writes.invite_first("observer", **PERSON, by=by, now=world.now)
    with pytest.raises(NotAllowedError):
        writes.rename_party("observer", body=PartyTitleIn(title="Y"), by=by, now=world.now)


@at_night
@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": "Not a name"}, "name"),
        ({"name": "rival"}, "name"),
        ({"kind": "authority", "country": ""}, "country"),
        ({"reason": ""}, "reason"),
    ],
)
def test_a_party_that_cannot_be_is_refused_beside_the_field(desk, world, given, field):
    page = desk.post("/parties/new/party", NEW | given)
    assert page.status_code == 422
    assert f'id="id_{field}_error"' in page.content.decode()
    assert Party.objects.count() == len(world.party)


def test_a_party_is_renamed_and_the_ledger_does_not_say_how(desk):
    desk.post("/parties/rival/rename", {"rename-title": "Rival pictures"})
    assert Party.objects.get(name="rival").title == "Rival pictures"
    entry = Entry.objects.get(kind="party.renamed")
    assert (entry.actor, entry.subject) == ("party:agency", "party:rival")
    assert "Rival" not in str(entry.detail)


def test_which_kinds_wait_for_a_second_person():
    waiting = {kind for kind in PartyKind if rules.waits_for_second_person(kind)}
    assert waiting == {PartyKind.AUTHORITY, PartyKind.AGENCY}


# Duties


def coordinator(world, email="second@agency.example"):
    """Another coordinator of the agency."""
    return parties.add_person(
        email,
        party=world.party["agency"],
        role=Role.COORDINATOR,
        password=PASSWORD,
        actor="operator",
        now=world.now,
    )


def proposed(desk):
    """The number of the proposal that the first coordinator makes."""
    desk.post(
        "/parties/authority/name-duty",
        {"name-duty-duty": "issue", "name-duty-reason": "Official Gazette."},
    )
    return CompetenceProposal.objects.get().pk


def test_a_duty_takes_two_people(desk, world):
    number = proposed(desk)
    page = desk.get("/parties/authority").content.decode()
    assert "new duty:" in page
    assert "you cannot confirm your own proposal" in page
    assert desk.post("/parties/authority/confirm-duty", {"target": number}).status_code == 403
    authority = world.party["authority"]
    assert not competence_reads.is_competent(authority, Duty.ISSUE)
    by = world.someone(coordinator(world))
    competences.confirm_duty("authority", number, by=by, now=world.now)
    assert competence_reads.is_competent(authority, Duty.ISSUE)
    assert world_kinds()[-2:] == ["competence.proposed", "competence.named"]
    with pytest.raises(NotFoundError):
        competences.confirm_duty("authority", number, by=by, now=world.now)
    body = DutyIn(duty=Duty.ISSUE, reason="It moved.")
    row = competences.propose_duty("authority", body=body, by=by, now=world.now, ends=True)
    with pytest.raises(NotAllowedError, match="own proposal"):
        competences.confirm_duty("authority", row.pk, by=by, now=world.now)
    desk.post("/parties/authority/confirm-duty", {"target": row.pk})
    assert not competence_reads.is_competent(authority, Duty.ISSUE)


def world_kinds():
    """The kinds of the ledger's entries, but for people."""
    kinds = Entry.objects.order_by("number").values_list("kind", flat=True)
    return [kind for kind in kinds if not kind.startswith("person.")]


@at_night
def test_the_other_coordinators_get_an_alert_about_a_proposed_duty(desk, world):
    by = Actor(party=world.party["agency"], ref="person:0", role=Role.COORDINATOR)
    body = DutyIn(duty=Duty.ISSUE, reason="In the State's list.")
    row = competences.propose_duty("authority", body=body, by=by, now=world.now)
    scheduler.run_once(world.now)
    alert = Alert.objects.get(kind="proposal_waits")
    assert (alert.party.name, alert.parameters["act"]) == ("agency", "name_duty")
    assert "To confirm: name an authority for a duty" in desk.get("/alerts").content.decode()
    competences.drop_duty("authority", row.pk, by=by, now=world.now)
    scheduler.run_once(world.now)
    alert.refresh_from_db()
    assert alert.state == "overtaken"


def test_a_proposal_about_a_duty_expires_and_can_be_dropped(desk, world):
    number, by = proposed(desk), world.someone(coordinator(world))
    late = world.now + timedelta(hours=25)
    with pytest.raises(NotFoundError):
        competences.confirm_duty("authority", number, by=by, now=late)
    body = DutyIn(duty=Duty.ISSUE, reason="Official Gazette.")
    with pytest.raises(ConflictError):
        competences.propose_duty("authority", body=body, by=by, now=world.now)
    desk.post("/parties/authority/drop-duty", {"target": number})
    assert not CompetenceProposal.objects.exists()
    assert world_kinds()[-1] == "competence.declined"


def test_a_duty_is_proposed_for_an_authority_only(desk, world):
    body = DutyIn(duty=Duty.ISSUE, reason="Official Gazette.")
    by = world.someone(coordinator(world))
    with pytest.raises(InvalidError):
        competences.propose_duty("provider", body=body, by=by, now=world.now)
    assert "name-duty" not in desk.get("/parties/provider").content.decode()
    own = world.someone(world.person("authority", Role.COORDINATOR))
    with pytest.raises(NotAllowedError):
        competences.propose_duty("authority", body=body, by=own, now=world.now)
