# SPDX-License-Identifier: Apache-2.0
"""Acts on content from a signal, a cluster and a room, with their forms filled in."""

import re

import pytest
from django.utils.html import escape

from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.parties.models import ContactPoint
from stemtide.hub.rooms.parties.writes import competences
from stemtide.hub.rooms.referrals.models import Referral
from stemtide.hub.rooms.signals.models import Signal
from stemtide.protocol.enums import Duty, Role
from tests.hub.desk.page_table import REFERRAL
from tests.rounds import at_night, few
from tests.world import hex_value

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(world):
    return world.desk("authority", Role.DUTY_OFFICER)


@pytest.fixture
def crisis(world):
    return world.crisis(active=True)


def acts(client, path):
    return {act.name: act for act in client.get(path).context["content_acts"]}


def values(client, address):
    html = client.get(address).content.decode()
    form = client.get(address).context["form"]
    return {field.name: field.value() for field in form}, html


@pytest.mark.parametrize(
    "page", few((0,), of=["/signals/{signal}", "/crises/{crisis}/content/{signal}"])
)
def test_a_referral_from_a_page_names_signal_labels_and_crisis(world, officer, crisis, page):
    signal = world.share(crisis=crisis, labels=["livestream"])
    address = acts(officer, page.format(signal=signal, crisis=crisis))["refer"].address
    fields, _ = values(officer, address)
    assert (fields["signals"], fields["crisis"]) == (str(signal), str(crisis))
    assert fields["labels"] == ["livestream"]


@at_night
def test_a_referral_from_a_signal_has_its_language(world, officer):
    signal = world.share(language="ar")
    assert "Arabic" in officer.get(f"/signals/{signal}").content.decode()
    fields, _ = values(officer, acts(officer, f"/signals/{signal}")["refer"].address)
    assert fields["language"] == "ar"


@at_night
def test_an_order_from_a_room_keeps_the_crisis(world, officer, crisis):
    for duty in Duty:
        party = world.party["authority"]
        competences.name_competent(party, duty, actor="operator", now=world.now)
    address = acts(officer, f"/crises/{crisis}")["order"].address
    fields, _ = values(officer, address)
    assert fields["crisis"] == str(crisis)
    sent = {"to": "provider", "crisis": fields["crisis"]}
    assert officer.post("/orders/new", sent).status_code == 302
    assert Order.objects.get().crisis.uid == crisis


@at_night
def test_a_referral_keeps_the_crisis(officer, crisis):
    sent = {**REFERRAL, "crisis": str(crisis), "do": "search"}
    html = officer.post("/referrals/new", sent).content.decode()
    searched = re.search(r'name="searched" value="([^"]+)"', html)[1]
    officer.post("/referrals/new", {**sent, "do": "record", "searched": searched})
    assert Referral.objects.get().crisis.uid == crisis


def test_an_order_names_only_signals_of_the_own_party(world, officer):
    signal = world.share(by="neighbour")
    assert "signals" not in acts(officer, f"/signals/{signal}")["order"].address


@at_night
def test_an_act_that_the_role_forbids_is_shown_with_the_reason(world, crisis):
    analyst = world.desk("authority", Role.ANALYST)
    offered = acts(analyst, f"/crises/{crisis}")
    assert not offered["refer"].reason
    html = " ".join(analyst.get(f"/crises/{crisis}").content.decode().split())
    assert "not in the register for issuing removal orders" in offered["order"].reason
    assert f"Not possible now: {escape(offered['order'].reason)}" in html


@at_night
def test_a_crisis_that_the_party_has_not_joined_is_not_filled_in(world, crisis):
    neighbour = world.desk("neighbour", Role.DUTY_OFFICER)
    fields, html = values(neighbour, f"/referrals/new?crisis={crisis}")
    assert not fields["crisis"]
    assert str(crisis) not in html


@at_night
def test_activation_says_what_is_missing_first(world):
    crisis = world.crisis()
    html = " ".join(
        world.desk("authority", Role.DUTY_OFFICER).get(f"/crises/{crisis}").content.decode().split()
    )
    assert 'id="verb-propose-activate"' in html
    assert "Not possible now: not every test of the checklist is answered yes: Does the" in html
    assert "real-world-event," not in html


@at_night
def test_content_is_acted_upon_beside_the_clusters(officer, crisis):
    html = officer.get(f"/crises/{crisis}").content.decode()
    places = [html.index(f'id="{place}"') for place in ("content-acts-title", "block-clusters")]
    assert places == sorted(places)
    assert html.index('id="block-curve"') < places[0] < html.index('id="block-sightings"')


@at_night
def test_a_provider_asks_about_a_signal_in_the_log_of_its_crisis(world):
    crisis = world.crisis(active=True, joined=("provider",))
    signal = world.share(crisis=crisis)
    provider = world.desk("provider", Role.ANALYST)
    offered = acts(provider, f"/signals/{signal}")
    assert not {"refer", "order", "hold", "invite"} & set(offered)
    fields, _ = values(provider, offered["ask"].address)
    assert (fields["signal"], fields["kind"]) == (str(signal), "question")


@at_night
def test_an_ended_signal_shows_what_its_end_forbids(world, officer):
    signal = world.share(by="authority")
    world.withdraw(signal, by="authority")
    offered = acts(officer, f"/signals/{signal}")
    reasons = {offered[name].reason for name in ("confirm", "dispute", "withdraw")}
    assert len(reasons) == 1
    assert "it no longer matches" in reasons.pop()
    assert "withdraw" not in acts(world.desk("authority", Role.OBSERVER), f"/signals/{signal}")


@at_night
def test_a_room_lists_what_a_later_stage_allows(world, officer):
    path = f"/crises/{world.crisis()}"
    html = " ".join(officer.get(path).content.decode().split())
    assert "Not possible now (4)" in html
    assert "only a de-escalated crisis can resume. Possible at the stage: De-escalation." in html
    analyst = world.desk("authority", Role.ANALYST)
    assert "Not possible now (" not in analyst.get(path).content.decode()


@at_night
def test_whoever_proposed_reads_why_they_cannot_confirm(world, officer):
    path = f"/crises/{world.crisis(ready=True)}"
    sent = {"target": "", "propose-activate-reason": "it spreads"}
    officer.post(f"{path}/do/propose-activate", sent)
    html = " ".join(officer.get(path).content.decode().split())
    assert "Not possible now: you cannot confirm your own proposal: ask another person" in html


@at_night
def test_a_referral_names_the_states_of_its_later_acts(officer):
    search = officer.post("/referrals/new", {**REFERRAL, "do": "search"}).content.decode()
    searched = re.search(r'name="searched" value="([^"]+)"', search)[1]
    sent = {**REFERRAL, "do": "record", "searched": searched}
    html = officer.post("/referrals/new", sent, follow=True).content.decode()
    assert "Possible once the state is: needs context" in html


def invited(client, address):
    """Return the parties that the form for invitations proposes, and whether it is open."""
    offers = client.get(address).context["people_offers"]
    (offer,) = [offer for offer in offers if offer.action.name == "invite"]
    return list(offer.form["parties"].value() or []), offer.is_open


@at_night
def test_an_invitation_proposes_who_shared_the_content(world, officer, crisis):
    signal = world.share(by="neighbour", tlp="green")
    Signal.objects.filter(uid=signal).update(crisis=Crisis.objects.get(uid=crisis))
    address = acts(officer, f"/signals/{signal}")["invite"].address
    assert invited(officer, address) == (["neighbour"], True)
    assert invited(officer, f"/crises/{crisis}") == ([], False)


@at_night
@pytest.mark.parametrize(
    ("contact", "proposed"),
    [
        ({"address": "abuse@site.example"}, ["rival"]),
        ({"address": "abuse@site.example", "verified_at": None}, []),
        ({"address": "abuse@a.site.example"}, []),
        ({"address": "abuse@othersite.example"}, []),
    ],
)
def test_an_invitation_proposes_the_host_of_the_address(world, officer, crisis, contact, proposed):
    facts = {"party": world.party["rival"], "channel": "mail", "verified_at": world.now}
    ContactPoint.objects.create(**facts | contact)
    url = "https://media.site.example/v/1"
    signal = world.share(crisis=crisis, kind="url", value=url)
    address = acts(officer, f"/signals/{signal}")["invite"].address
    assert invited(officer, address)[0] == proposed


@at_night
def test_an_invitation_proposes_nobody_who_takes_part_or_does_not_exist(world, officer):
    crisis = world.crisis(active=True, joined=("provider",))
    address = f"/crises/{crisis}?invite=provider&invite=nobody&invite=rival"
    assert invited(officer, address) == (["rival"], True)


@at_night
@pytest.mark.parametrize(
    ("languages", "language"), [(["ar", None], "ar"), (["ar", "fr"], ""), ([None, None], "")]
)
def test_a_referral_from_a_cluster_has_the_language_that_its_signals_agree_on(
    world, officer, crisis, languages, language
):
    content = "01a20eac-b579-7a46-93cb-be1060f95163"
    first, _ = (
        world.share(crisis=crisis, content=content, value=hex_value(number), language=stated)
        for number, stated in enumerate(languages)
    )
    address = acts(officer, f"/crises/{crisis}/content/{first}")["refer"].address
    fields, _ = values(officer, address)
    assert (fields["language"] or "") == language
