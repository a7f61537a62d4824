# SPDX-License-Identifier: Apache-2.0
"""Two coordinators of an agency add an exchange at the desk; a test reads one page and no more."""

from datetime import UTC, datetime, timedelta

import pytest

from stemtide.hub import scheduler
from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.rooms.alerts.models import Alert
from stemtide.hub.rooms.exchanges import connection
from stemtide.hub.rooms.exchanges.models import Exchange, Record
from stemtide.hub.rooms.exchanges.writes import exchanges as writes, proposals, withdrawals
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.parties.models import Person
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.writes import parties
from stemtide.hub.rooms.signals.models import Signal
from stemtide.interop.exchanges import Terms
from stemtide.protocol.enums import ExchangeKind, Role
from tests.hub.desk.test_inbox import said
from tests.hub.exchanges.conftest import partner as partner_server
from tests.rounds import at_night
from tests.world import add_member

pytestmark = pytest.mark.django_db

partner = partner_server

NEW = {
    "name": "partner",
    "kind": "taxii",
    "address": "https://partner.example/root/collections/c1/",
    "party": "partner-signals",
    "direction": "both",
    "secret": "open-sesame",
    "minutes": "5",
    "confidence": "50",
    "most_a_day": "200000",
}
SURE = {"confirm": "on"}


@pytest.fixture(autouse=True)
def sharer(world):
    """A party that nobody speaks for."""
    return add_member(
        "partner-signals", title="Signals of the partner", kind="consortium", now=world.now
    )


@pytest.fixture
def desk(world):
    return world.desk("agency", Role.COORDINATOR)


def coordinator(world, number=1, *, party="agency", role=Role.COORDINATOR):
    return Actor(party=world.party[party], ref=f"person:9{number}", role=role)


def propose(world, *, party="partner-signals", by=None, address=NEW["address"]):
    draft = writes.NewExchange(
        name="partner", kind=ExchangeKind.TAXII, address=address, secret="open-sesame"
    )
    by = by or coordinator(world)
    return proposals.propose(draft, terms=Terms(), party=party, by=by, now=world.now)


def test_an_exchange_runs_once_a_second_coordinator_has_confirmed_it(world, desk):
    assert desk.post("/exchanges/new/exchange", NEW).headers["Location"] == "/exchanges/partner"
    page = said(desk.get("/exchanges/partner"))
    assert "You proposed this exchange" in page
    assert "Confirm the exchange" not in page
    assert "open-sesame" not in page
    desk.post("/exchanges/partner/resume", SURE)
    assert writes.claim_due(world.now + timedelta(days=1), limit=5, name="partner") == []
    assert desk.post("/exchanges/partner/confirm", SURE).status_code == 403
    proposals.confirm("partner", by=coordinator(world), now=world.now)
    row = Exchange.objects.get()
    assert (row.proposed_by, row.is_paused, row.next_at) == ("", False, world.now)
    assert "open-sesame" not in row.secret
    assert "open-sesame" not in str(list(Entry.objects.values()))


def test_a_file_of_the_hubs_machine_is_not_read_because_two_people_say_so(world, desk):
    page = desk.post("/exchanges/new/exchange", NEW | {"kind": "tx-file", "address": "file:///x"})
    assert page.status_code == 422
    draft = writes.NewExchange(name="x", kind=ExchangeKind.TX_FILE, address="file:///etc/hosts")
    with pytest.raises(InvalidError, match="ask the operator"):
        proposals.propose(
            draft, terms=Terms(), party="partner-signals", by=coordinator(world), now=world.now
        )
    assert not Exchange.objects.exists()


def test_another_coordinator_confirms_at_the_desk(world, desk):
    propose(world)
    assert "This exchange does not run yet" in said(desk.get("/exchanges/partner"))
    desk.post("/exchanges/partner/confirm", SURE)
    assert Exchange.objects.get().proposed_by == ""
    kinds = list(Entry.objects.filter(subject="exchange:partner").values_list("kind", flat=True))
    assert kinds == ["exchange.proposed", "exchange.added"]


def test_nobody_confirms_with_an_account_that_the_first_person_may_use(world):
    propose(world)
    second = world.person("agency", Role.COORDINATOR)
    Person.objects.filter(pk=second.pk).update(controllers=coordinator(world).ref)
    by = Actor(party=world.party["agency"], ref=second.ref, role=Role.COORDINATOR)
    with pytest.raises(NotAllowedError, match="second person"):
        proposals.confirm("partner", by=by, now=world.now)


@at_night
def test_a_proposal_is_dropped_with_its_secret_and_its_alert_ends(world, desk):
    propose(world)
    scheduler.run_once(world.now)
    alert = Alert.objects.get(kind="proposal_waits")
    assert alert.parameters["act"] == "add_exchange"
    desk.post("/exchanges/partner/decline", SURE)
    assert not Exchange.objects.exists()
    scheduler.run_once(world.now)
    alert.refresh_from_db()
    assert alert.state == "overtaken"


def test_a_proposal_expires_and_its_secret_is_deleted(world):
    propose(world)
    later = world.now + timedelta(hours=24)
    with pytest.raises(ConflictError, match="expired"):
        proposals.confirm("partner", by=coordinator(world, 2), now=later)
    assert proposals.expire(now=later - timedelta(seconds=1)) == 0
    assert proposals.expire(now=later) == 1
    assert not Exchange.objects.exists()
    assert Entry.objects.last().kind == "exchange.expired"


@pytest.mark.parametrize(
    ("party", "role"),
    [
        ("agency", Role.ADMINISTRATOR),
        ("agency", Role.DUTY_OFFICER),
        ("agency", None),
        ("authority", Role.COORDINATOR),
        ("provider", Role.COORDINATOR),
    ],
)
def test_only_coordinators_of_an_agency_propose_confirm_test_and_remove(world, party, role):
    propose(world)
    by = coordinator(world, 2, party=party, role=role)
    with pytest.raises(NotAllowedError):
        propose(world, by=by)
    with pytest.raises(NotAllowedError):
        proposals.confirm("partner", by=by, now=world.now)
    with pytest.raises(NotAllowedError):
        proposals.decline("partner", by=by, now=world.now)
    with pytest.raises(NotAllowedError):
        writes.remove("partner", actor=by.ref, by=by, now=world.now)
    with pytest.raises(NotAllowedError):
        connection.try_connection("partner", by=by, now=world.now, loopback=True)


@pytest.mark.parametrize("party", ["authority", "provider", "observer"])
def test_an_exchange_never_shares_in_the_name_of_who_speaks_or_decides(world, party):
    world.person("provider")
    with pytest.raises(InvalidError):
        propose(world, party=party)


def test_a_party_that_has_a_key_meanwhile_is_no_longer_lent(world, sharer):
    propose(world)
    parties.new_key("k", party=sharer, scopes=["feed:read"], actor="operator", now=world.now)
    with pytest.raises(InvalidError, match="people or keys"):
        proposals.confirm("partner", by=coordinator(world, 2), now=world.now)


def test_an_exchange_is_removed_at_the_desk_once_it_is_confirmed(world, desk):
    propose(world)
    desk.post("/exchanges/partner/remove", SURE)
    assert Exchange.objects.get().removed_at is None
    proposals.confirm("partner", by=coordinator(world, 2), now=world.now)
    desk.post("/exchanges/partner/remove")
    assert Exchange.objects.get().removed_at is None
    desk.post("/exchanges/partner/remove", SURE)
    row = Exchange.objects.get()
    assert row.removed_at is not None
    assert row.secret == ""


@at_night
def test_a_test_says_what_the_partner_answers_and_keeps_nothing(world, desk, partner, settings):
    settings.EXCHANGE_LOOPBACK = True
    propose(world, address=f"{partner.address}/root/collections/c1/")
    page = said(desk.post("/exchanges/partner/test", follow=True))
    assert "Connection failed: it has nothing at this address (404)" in page
    partner.answers = lambda *_: (200, {}, {"objects": []})
    page = said(desk.post("/exchanges/partner/test", follow=True))
    assert "It answers. Its first page has 0 signals." in page
    assert [asked[0] for asked in partner.asked] == ["GET", "GET"]
    assert not Record.objects.exists()
    entries = Entry.objects.filter(kind="exchange.tested")
    assert [entry.detail["works"] for entry in entries] == [False, True]


def test_a_test_reaches_no_private_address(world, desk, partner):
    propose(world, address=f"{partner.address}/root/collections/c1/")
    page = said(desk.post("/exchanges/partner/test", follow=True))
    assert "Connection failed: only https addresses are reached" in page
    assert partner.asked == []


@at_night
def test_a_coordinator_withdraws_all_that_an_exchange_brought_and_shares_it_again(world, desk):
    propose(world)
    proposals.confirm("partner", by=coordinator(world, 2), now=world.now)
    row = Exchange.objects.get()
    signal = world.share(by="provider", tlp="green")
    Exchange.objects.update(party=world.party["provider"])
    Record.objects.create(
        exchange=row, key="r1", version="1", signal_id=find(signal).pk, seen_at=world.now
    )
    assert "1 of its signals is live." in said(desk.get("/exchanges/partner"))
    form = {"target": "1", "withdraw-all-1-reason": "mistake"}
    unsure = desk.post("/exchanges/partner/all/withdraw-all", form)
    assert unsure.status_code == 422
    assert "Tick this box" in said(unsure)
    form["withdraw-all-1-confirm"] = "on"
    page = desk.post("/exchanges/partner/all/withdraw-all", form, follow=True)
    assert "In progress." in said(page)
    assert "all its signals are being withdrawn" in said(page)
    withdrawals.continue_due(datetime.now(UTC))
    page = said(desk.get("/exchanges/partner"))
    assert "Done." in page
    assert "Share again" in page
    assert find(signal).state == "withdrawn"
    desk.post("/exchanges/partner/all/share-again")
    withdrawals.continue_due(datetime.now(UTC))
    assert "Undone: the signals were shared again." in said(desk.get("/exchanges/partner"))
    assert Record.objects.get().signal.state == "live"
    analyst = world.desk("agency", Role.ANALYST)
    assert "Withdraw all its signals" not in said(analyst.get("/exchanges/partner"))


def find(uid):
    return Signal.objects.get(uid=uid)
