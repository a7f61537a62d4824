# SPDX-License-Identifier: Apache-2.0
"""Acts on selected signals: what the preview says, what happens, and what is undone."""

from datetime import timedelta

import pytest
from django.db.models import Count

from stemtide.hub.rooms.approvals.models import ActCount
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.parties.writes import competences
from stemtide.hub.rooms.signals.models import DisputeTally, OpinionRow, Signal
from stemtide.protocol.enums import Duty, Role, SignalState
from stemtide.protocol.trust.limits import limits
from stemtide.protocol.trust.second_look import WaitingAct, second_look
from tests.rounds import at_night
from tests.world import hex_value

pytestmark = pytest.mark.django_db
PATH = "/signals/selected"


@pytest.fixture
def officer(world):
    return world.desk("authority", Role.DUTY_OFFICER)


def effects(page):
    found = page.context["effects"]
    refused = {reason: len(signals) for reason, signals in found.refused.items()}
    return len(found.acting), len(found.waiting), refused


def shared(world, count, *, first=1, **facts):
    return [world.share(value=hex_value(first + number), **facts) for number in range(count)]


def send(client, act, signals, **fields):
    return client.post(PATH, {"act": act, "signal": signals} | fields)


def confirm(client, act, signals, **fields):
    values = {f"act-{name}": value for name, value in fields.items()}
    return send(client, act, signals, do="confirm", **values)


@at_night
def test_a_preview_says_what_acts_and_what_is_refused_and_why(world, officer):
    own, other = shared(world, 2), world.share(by="neighbour", value=hex_value(9))
    world.withdraw(own[1])
    page = send(officer, "withdraw", [*own, other])
    acting, waiting, refused = effects(page)
    assert (acting, waiting, sorted(refused.values())) == (1, 0, [1, 1])
    assert any("neighbour" in reason for reason in refused)
    assert "Withdraw 1 signal" in page.content.decode()
    assert Signal.objects.filter(state=SignalState.LIVE).count() == 2


def test_one_reason_withdraws_all_that_the_preview_named(world, officer):
    own = shared(world, 3)
    page = confirm(officer, "withdraw", own, reason="mistake", note="A test card.")
    assert effects(page) == (3, 0, {})
    rows = Signal.objects.filter(uid__in=own).values_list("state", "withdraw_note")
    assert set(rows) == {(SignalState.WITHDRAWN, "A test card.")}
    assert Entry.objects.filter(kind="signal.withdrawn").count() == 3


def test_without_a_reason_nothing_is_withdrawn(world, officer):
    own = shared(world, 1)
    assert confirm(officer, "withdraw", own, reason="").status_code == 422
    assert Signal.objects.get().state == SignalState.LIVE


@at_night
def test_a_preview_names_what_waits_for_a_second_look(world, officer):
    own, most = shared(world, 3), second_look().ends_a_day.number
    ActCount.objects.create(
        party=world.party["authority"],
        act=WaitingAct.WITHDRAW,
        exercise=False,
        day=world.now.date(),
        count=most - 1,
    )
    assert effects(send(officer, "withdraw", own)) == (1, 2, {})
    assert effects(confirm(officer, "withdraw", own, reason="mistake")) == (1, 2, {})
    states = Signal.objects.values_list("state").annotate(count=Count("pk"))
    assert dict(states) == {SignalState.LIVE: 2, SignalState.WITHDRAWN: 1}


def test_a_confirmation_of_many_is_undone_by_one_button(world):
    signals = shared(world, 2)
    neighbour = world.desk("neighbour", Role.ANALYST)
    page = confirm(neighbour, "confirm", signals, text="")
    assert effects(page) == (2, 0, {})
    assert set(OpinionRow.objects.values_list("opinion", flat=True)) == {"agree"}
    assert 'value="seen"' in page.content.decode()
    assert effects(confirm(neighbour, "seen", signals)) == (2, 0, {})
    assert set(OpinionRow.objects.values_list("opinion", flat=True)) == {"seen"}


@at_night
def test_own_signals_and_those_confirmed_already_are_refused(world, officer):
    own, other = world.share(), world.share(by="neighbour", value=hex_value(2))
    confirm(officer, "confirm", [other], text="")
    acting, _, refused = effects(send(officer, "confirm", [own, other]))
    assert (acting, len(refused)) == (0, 2)


@at_night
def test_disputes_beyond_those_of_a_day_are_refused_in_the_preview(world):
    provider = world.desk("provider", Role.ANALYST)
    signals = shared(world, 2)
    DisputeTally.objects.create(
        party=world.party["provider"],
        weighed=0,
        day=world.now.date(),
        opened=limits().dispute.a_day - 1,
    )
    acting, waiting, refused = effects(send(provider, "dispute", signals))
    assert (acting, waiting, list(refused.values())) == (1, 0, [1])
    assert effects(confirm(provider, "dispute", signals, text="It is news."))[0] == 1


@at_night
def test_signals_expire_later_and_agents_learn_of_it(world, officer):
    soon = world.now + timedelta(hours=2)
    signals = shared(world, 2, expires_at=soon)
    never = world.share(value=hex_value(9))
    before = max(Signal.objects.values_list("position", flat=True))
    acting, _, refused = effects(confirm(officer, "extend", [*signals, never], days="30"))
    assert (acting, sum(refused.values())) == (2, 1)
    for row in Signal.objects.filter(uid__in=signals):
        assert row.expires_at > soon + timedelta(days=29)
        assert row.position > before
    assert Entry.objects.filter(kind="signal.extended").count() == 2


def test_an_expiry_is_never_brought_forward(world, officer):
    late = shared(world, 1, expires_at=world.now + timedelta(days=90))
    assert effects(confirm(officer, "extend", late, days="7"))[0] == 0
    assert Signal.objects.get().expires_at == world.now + timedelta(days=90)


@at_night
def test_a_cluster_stands_for_its_live_signals(world, officer):
    crisis = world.crisis(active=True)
    first = world.share(crisis=crisis)
    near = world.share(crisis=crisis, value="f" + hex_value(1)[1:])
    sent = {"act": "withdraw", "crisis": str(crisis), "cluster": [str(first)]}
    page = officer.post(PATH, sent)
    assert [row.id for row in page.context["selection"].signals] == [first]
    assert near not in page.context["selection"].signals


@at_night
def test_a_referral_of_a_selection_names_signals_labels_and_crisis(world, officer):
    crisis = world.crisis(active=True)
    signals = shared(world, 2, crisis=crisis)
    answer = send(officer, "refer", signals, crisis=str(crisis))
    fields = officer.get(answer.url).context["form"]
    assert fields["signals"].value() == " ".join(map(str, signals))
    assert fields["crisis"].value() == str(crisis)


def test_an_order_of_a_selection_names_the_own_signals_alone(world, officer):
    for duty in Duty:
        party = world.party["authority"]
        competences.name_competent(party, duty, actor="operator", now=world.now)
    own, other = world.share(), world.share(by="neighbour", value=hex_value(2))
    address = send(officer, "order", [own, other]).url
    assert str(own) in address
    assert str(other) not in address


def test_signals_that_a_party_may_not_see_are_not_in_its_selection(world):
    secret = world.share(tlp="red", audience=["neighbour"])
    provider = world.desk("provider", Role.ANALYST)
    assert send(provider, "dispute", [secret]).status_code == 302
    assert confirm(provider, "dispute", [secret], text="x").status_code == 302
    assert not OpinionRow.objects.exists()


def test_a_role_that_only_reads_selects_nothing(world):
    signal = world.share()
    observer = world.desk("authority", Role.OBSERVER)
    assert "data-select" not in observer.get("/signals").content.decode()
    assert send(observer, "withdraw", [signal]).status_code == 403


@at_night
@pytest.mark.parametrize(
    "path",
    [
        "/signals",
        "/search?q=livestream",
        "/crises/{crisis}",
        "/crises/{crisis}/content",
        "/crises/{crisis}/content/{signal}",
    ],
)
def test_lists_offer_to_select(world, officer, path):
    crisis = world.crisis(active=True)
    signal = world.share(crisis=crisis)
    html = officer.get(path.format(crisis=crisis, signal=signal)).content.decode()
    assert "data-select" in html
    assert 'id="select"' in html
    assert html.count(f'value="{signal}"') >= 1
