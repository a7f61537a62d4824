# SPDX-License-Identifier: Apache-2.0
"""Exchanges at the desk: what is wrong is seen there, and an agency stops and starts one."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from stemtide.hub.rooms.exchanges.models import (
    Exchange,
    Outgoing,
    PartnerOpinion,
    PartnerSighting,
    Record,
)
from stemtide.hub.rooms.exchanges.writes import exchanges as writes
from stemtide.hub.rooms.signals.models import Signal
from stemtide.interop.exchanges import Terms
from stemtide.protocol.enums import Direction, ExchangeKind, Role
from tests.hub.desk.test_inbox import said
from tests.world import add_member

pytestmark = pytest.mark.django_db


def exchange(world, name, **more):
    """An exchange of a party of its own."""
    party = add_member(name, title=f"The {name}", kind="authority", country="BE", now=world.now)
    asked = writes.NewExchange(
        name=name,
        kind=ExchangeKind.TAXII,
        address="https://partner.example/root/collections/c1/",
        **more,
    )
    writes.add(asked, terms=Terms(), party=party, actor="operator", now=world.now)
    return Exchange.objects.get(name=name)


def fail(world, name, *, words, hours):
    """Let an exchange fail for some hours; the clock runs it on time."""
    then = world.now - timedelta(hours=hours)
    (errand,) = writes.claim_due(then, limit=1, name=name)
    writes.note_trouble(errand, words=words, jitter=0.5, now=then)
    Exchange.objects.filter(name=name).update(next_at=world.now)


@pytest.fixture
def coordinator(world):
    return world.desk("agency", Role.COORDINATOR)


def test_an_exchange_that_fails_stands_first_and_says_why_and_since_when(world, coordinator):
    exchange(world, "alright")
    exchange(world, "broken")
    fail(world, "broken", words="partner.example answers 503", hours=6)
    page = said(coordinator.get("/exchanges"))
    assert page.index("broken") < page.index("alright")
    assert "partner.example answers 503" in page
    assert "failing since" in page
    assert "6 h 00 min ago" in page


def test_the_bar_of_every_page_counts_what_is_wrong_and_running(world, coordinator):
    exchange(world, "broken")
    exchange(world, "late")
    fail(world, "broken", words="partner.example answers 503", hours=6)
    Exchange.objects.filter(name="late").update(next_at=world.now - timedelta(minutes=20))
    assert "exchanges fail" in said(coordinator.get("/crises"))
    assert "exchanges fail" not in said(world.desk("provider").get("/crises"))
    for name in ("broken", "late"):
        writes.pause(name, actor="operator", now=world.now)
    assert not re.search("exchanges? fail", said(coordinator.get("/crises")))


def test_an_exchange_that_no_clock_runs_is_called_late(world, coordinator):
    exchange(world, "waits")
    assert "late:" not in said(coordinator.get("/exchanges/waits"))
    Exchange.objects.update(next_at=world.now - timedelta(minutes=20))
    assert "overdue: the hub has not run it" in said(coordinator.get("/exchanges/waits"))


def test_without_exchanges_the_page_says_how_one_is_added(coordinator):
    assert "/exchanges/new/exchange" in said(coordinator.get("/exchanges"))


def test_what_a_partner_refused_is_named_only_to_those_who_may_see_the_signal(world, coordinator):
    row = exchange(world, "told", direction=Direction.PUSH)
    signal = Signal.objects.get(uid=world.share(tlp="red", audience=["provider"]))
    error = "the collection is full"
    Outgoing.objects.create(exchange=row, signal=signal, state="refused", last_error=error)
    link = reverse("signal", args=[signal.uid])
    agency = coordinator.get("/exchanges/told")
    assert (error in said(agency), link in agency.content.decode()) == (True, False)
    owner = world.desk("authority").get("/exchanges/told")
    assert (error in said(owner), link in owner.content.decode()) == (True, True)


def test_an_agency_pauses_and_resumes_with_a_tick(world, coordinator):
    exchange(world, "partner")
    coordinator.post("/exchanges/partner/pause")
    assert Exchange.objects.get().is_paused is False
    answer = coordinator.post("/exchanges/partner/pause", {"confirm": "on"}, follow=True)
    assert "Paused. Signals already received stay" in said(answer)
    assert Exchange.objects.get().is_paused is True
    coordinator.post("/exchanges/partner/resume", {"confirm": "on"})
    assert Exchange.objects.get().is_paused is False


def test_neither_an_observer_of_the_agency_nor_an_authority_is_offered_the_stop(world):
    exchange(world, "partner")
    for party, role in (("agency", Role.OBSERVER), ("authority", Role.DUTY_OFFICER)):
        browser = world.desk(party, role)
        assert "Pause this exchange" not in said(browser.get("/exchanges/partner"))
        assert browser.post("/exchanges/partner/pause", {"confirm": "on"}).status_code == 403


def test_no_page_holds_the_secret(world, coordinator):
    exchange(world, "partner", secret="hush hush", account="us")
    for path in ("/exchanges", "/exchanges/partner"):
        assert b"hush" not in coordinator.get(path).content


def test_the_board_says_in_words_what_was_done_with_an_exchange(world, coordinator):
    exchange(world, "partner")
    coordinator.post("/exchanges/partner/pause", {"confirm": "on"})
    page = said(coordinator.get("/"))
    assert "paused an exchange with another hub" in page
    assert "added an exchange with another hub" in page


def test_counts_of_another_hub_stand_apart_on_the_page_of_their_signal(world, coordinator):
    row = exchange(world, "partner")
    shared = world.share()
    signal = Signal.objects.get(uid=shared)
    facts = {"exchange": row, "version": "1"}
    Record.objects.create(key="theirs", signal=signal, is_own=False, seen_at=world.now, **facts)
    PartnerSighting.objects.create(
        about="theirs", outcomes={"blocked": 1234}, last_at=world.now, **facts
    )
    page = said(coordinator.get(f"/signals/{shared}"))
    assert page.index("At other hubs") < page.index("The partner")
    assert re.search(r"1.234 blocked", page)
    assert "No match has been reported yet." in page


def test_opinions_at_another_hub_are_shown_also_of_what_it_shared_itself(world, coordinator):
    row = exchange(world, "partner")
    shared = world.share()
    signal = Signal.objects.get(uid=shared)
    facts = {"exchange": row, "version": "1"}
    Record.objects.create(key="theirs", signal=signal, seen_at=world.now, **facts)
    for number, stance in enumerate(["dispute", "dispute", "agree", "seen"]):
        PartnerOpinion.objects.create(
            key=str(number), about="theirs", opinion=stance, seen_at=world.now, **facts
        )
    page = said(coordinator.get(f"/signals/{shared}"))
    assert page.index("At other hubs") < page.index("The partner")
    assert re.search(r"2 disputes, 1 confirmation(?!s)", page)
    assert "0 blocked" not in page


def test_the_page_of_an_exchange_says_that_opinions_and_counts_are_taken_over(world, coordinator):
    row = exchange(world, "partner")
    uuid = "55f6ea5e-2c60-40e5-964f-47a8950d210f"
    row.terms |= {"feedback": True, "sharing_group": 7, "organisations": {uuid: "partner"}}
    row.counts = {"opinions": 3, "sightings": 5}
    row.pushes = True
    row.save()
    signal = Signal.objects.get(uid=world.share())
    Outgoing.objects.create(exchange=row, signal=signal, state="held_back")
    page = said(coordinator.get("/exchanges/partner"))
    assert "Opinions and counts" in page
    assert "Sharing group in MISP" in page
    assert f"{uuid}</span> The partner" in page
    assert "held back: no sharing group for only their audience" in page
    assert "opinions of the other hub, taken over" in page
