# SPDX-License-Identifier: Apache-2.0
"""Removal orders, referrals and holds as alerts: who is told, what counts as receipt and answer."""

import pytest

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.alerts import links
from stemtide.hub.rooms.alerts.models import Alert, Delivery
from stemtide.hub.rooms.alerts.reads import (
    alerts as reads,
    deliveries as reads_deliveries,
)
from stemtide.hub.rooms.alerts.reads.deliveries import Home
from stemtide.hub.rooms.alerts.rules.kinds import REQUESTS
from stemtide.hub.rooms.alerts.writes import alerts as writes
from stemtide.hub.rooms.orders.reads import orders as orders_reads
from stemtide.hub.rooms.orders.writes import (
    answers as writes_answers,
    deadlines as writes_due,
    endings as writes_endings,
    entries,
    finality,
)
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.writes import competences, contacts as writes_contacts
from stemtide.hub.rooms.referrals.reads import referrals
from stemtide.hub.rooms.referrals.writes import referrals as referring
from stemtide.hub.rooms.requests import reads as request_reads
from stemtide.protocol.enums import Duty
from stemtide.protocol.messages.orders import (
    AppealDecisionIn,
    AppealIn,
    OrderReasonIn,
    ScrutinyIn,
    SecrecyIn,
)
from stemtide.protocol.messages.referrals import ContextIn, TakeBackIn
from tests.hub.orders import cast
from tests.hub.orders.cast import after
from tests.hub.orders.conftest import orders  # noqa: F401  # the same cast
from tests.hub.orders.elsewhere import enter
from tests.hub.orders.test_interests import hold_of_france, order_of_france
from tests.hub.referrals.conftest import desk, row  # noqa: F401  # the same desk
from tests.world import NOON

pytestmark = pytest.mark.django_db
WORDS = OrderReasonIn(text="The message is number 417.")


def raise_all(now=NOON):
    while writes.raise_from_ledger(now):
        pass


def told(kind, *, state="open"):
    """Whom open alerts of a kind are for."""
    found = Alert.objects.filter(kind=kind, state=state)
    return sorted(found.values_list("party__name", flat=True))


def contact(party, address="duty@desk.example", channel="mail"):
    return writes_contacts.add_contact_point(
        party, channel=channel, address=address, is_24_7=True, actor="operator", now=NOON
    )


def duty(party):
    return Actor(party, "person:1", "duty_officer")


# Removal orders


def test_an_order_reaches_its_provider_at_once_on_every_way_and_its_copy_the_home_state(orders):  # noqa: F811
    contact(orders.small_provider, "a@small.example")
    contact(orders.small_provider, "b@small.example")
    contact(orders.small_provider, "https://small.example/hook", channel="url")
    made = cast.issue(orders)
    raise_all()
    assert told("order") == ["small-forum"]
    assert told("order_copy") == ["fr-referral-unit"]
    assert told("order_information") == ["small-forum"]
    alert = Alert.objects.get(kind="order")
    assert (alert.urgency, alert.crisis) == ("now", None)
    assert alert.parameters["reference"] == made.reference
    ways = alert.deliveries.order_by("pk").values_list("channel", flat=True)
    assert sorted(ways) == ["mail", "mail", "page", "webhook"]


def test_no_alert_says_where_the_content_is(orders):  # noqa: F811
    cast.issue(orders)
    raise_all()
    for alert in Alert.objects.all():
        said = reads.alert(alert.uid, viewer=alert.party)
        assert cast.URL not in f"{said.title} {said.text} {alert.parameters}"


def test_the_ladder_of_an_order_ends_when_all_were_asked_and_tells_its_issuer_alone(orders):  # noqa: F811
    contact(orders.small_provider, "a@small.example")
    contact(orders.small_provider, "b@small.example")
    cast.issue(orders)
    raise_all()
    alert = Alert.objects.get(kind="order")
    writes.escalate_due(alert.step_due)
    raise_all(alert.step_due)
    assert told("order", state="unanswered") == ["small-forum"]
    assert told("unanswered") == ["be-crisis-centre"]
    assert alert.deliveries.filter(channel="mail").count() == 2


def test_what_does_not_arrive_is_told_to_the_provider_and_the_issuer_and_no_agency(orders):  # noqa: F811
    contact(orders.small_provider)
    cast.issue(orders)
    raise_all()
    from stemtide.hub.rooms.alerts.channels.channel import PostOutcome, Result
    from stemtide.hub.rooms.alerts.writes import deliveries as writes_deliveries

    for one in writes_deliveries.claim_due(NOON, limit=20, home=Home()):
        if one.kind == "order" and one.channel == "mail":
            writes_deliveries.note(
                one, result=Result(PostOutcome.REFUSED, "no"), jitter=0, now=NOON
            )
    raise_all()
    assert told("dead_letter") == ["be-crisis-centre", "small-forum"]
    letter = Delivery.objects.get(alert__kind="order", channel="mail")
    with pytest.raises(NotFoundError):
        reads_deliveries.find(letter.uid, viewer=orders.agency)
    seen = {one.alert for one in reads_deliveries.deliveries(viewer=orders.agency)}
    assert letter.alert.uid not in seen
    assert reads_deliveries.find(letter.uid, viewer=orders.small_provider)


def test_who_acknowledges_the_alert_acknowledges_the_order(orders):  # noqa: F811
    made = cast.issue(orders)
    raise_all()
    alert = Alert.objects.get(kind="order")
    writes.acknowledge(alert.uid, by=duty(orders.small_provider), now=after(3))
    found = orders_reads.order(made.id, viewer=orders.authority, now=after(3))
    assert (found.acknowledged_at, found.received_at) == (after(3), after(3))
    assert [one.via for one in found.receipts] == ["desk"]


def test_a_link_is_receipt_and_acknowledgement_in_one(orders):  # noqa: F811
    contact(orders.small_provider)
    made = cast.issue(orders)
    raise_all()
    letter = Delivery.objects.get(alert__kind="order", channel="mail")
    token = links.make_token(letter.uid, until=after(60))
    request_reads.alert_behind(token, now=after(1))
    seen = orders_reads.order(made.id, viewer=orders.authority, now=after(1))
    assert seen.received_at is None  # a program that checks mail opens links
    writes.acknowledge_by_link(token, now=after(2))
    found = orders_reads.order(made.id, viewer=orders.authority, now=after(2))
    assert (found.acknowledged_at, found.received_at) == (after(2), after(2))
    assert [one.via for one in found.receipts] == ["link"]


def test_who_acknowledges_the_order_is_asked_no_more(orders):  # noqa: F811
    made = cast.issue(orders)
    raise_all()
    writes_answers.acknowledge(made.id, by=duty(orders.small_provider), now=NOON)
    raise_all()
    assert told("order") == []
    assert told("order", state="overtaken") == ["small-forum"]


@pytest.mark.nightly
def test_an_alert_is_acknowledged_also_where_the_order_was_before(orders):  # noqa: F811
    made = cast.issue(orders)
    raise_all()
    writes_answers.acknowledge(made.id, by=duty(orders.small_provider), now=NOON)
    alert = Alert.objects.get(kind="order")
    writes.acknowledge(alert.uid, by=duty(orders.small_provider), now=after(1))
    assert told("order", state="acknowledged") == ["small-forum"]


@pytest.mark.nightly
def test_the_copy_is_received_with_its_alert(orders):  # noqa: F811
    made = cast.issue(orders)
    raise_all()
    alert = Alert.objects.get(kind="order_copy")
    writes.acknowledge(alert.uid, by=duty(orders.other_authority), now=after(5))
    found = orders_reads.order(made.id, viewer=orders.authority, now=after(5))
    assert found.copies[0].received_at == after(5)


@pytest.mark.nightly
def test_annex_ii_and_iii_are_told_to_the_issuer(orders):  # noqa: F811
    made = cast.issue(orders)
    cast.receive(made.id)
    cast.suspend(orders, made.id)
    raise_all()
    assert told("order_suspended") == ["be-crisis-centre"]
    assert told("order") == []
    by = orders.actor(orders.authority)
    writes_answers.resume(made.id, body=WORDS, by=by, now=after(15))
    raise_all()
    assert told("order_resumed") == ["small-forum"]
    assert told("order_suspended") == []
    cast.execute(orders, made.id)
    raise_all()
    assert told("order_executed") == ["be-crisis-centre"]
    assert told("order_resumed") == []


def test_an_hour_that_passed_is_told_to_both(orders):  # noqa: F811
    made = cast.issue(orders)
    cast.receive(made.id)
    writes_due.note_due(after(61))
    raise_all()
    assert told("order_missed") == ["be-crisis-centre", "small-forum"]


def test_an_order_that_ends_is_told_to_all_that_had_it(orders):  # noqa: F811
    made = cast.issue(orders)
    cast.receive(made.id)
    by = orders.actor(orders.authority)
    writes_endings.withdraw(made.id, body=WORDS, by=by, now=after(5))
    raise_all()
    assert told("order_ended") == ["fr-referral-unit", "small-forum"]
    assert told("order") == told("order_copy") == []


@pytest.mark.nightly
def test_scrutiny_is_told_step_by_step(orders):  # noqa: F811
    made = cast.issue(orders)
    cast.receive(made.id)
    cast.execute(orders, made.id)
    body = ScrutinyIn(basis="provider", reasons="It is a news report.")
    by = orders.actor(orders.small_provider)
    writes_endings.open_scrutiny(made.id, body=body, by=by, now=after(30))
    raise_all()
    assert told("scrutiny") == ["be-crisis-centre", "fr-referral-unit"]
    cast.decide(orders, made.id, "announce")
    raise_all()
    assert told("scrutiny_announced") == ["be-crisis-centre"]
    cast.decide(orders, made.id, "infringe")
    raise_all()
    assert told("order_ended") == ["be-crisis-centre", "small-forum"]
    assert told("scrutiny") == told("scrutiny_announced") == []
    by = orders.actor(orders.small_provider)
    writes_answers.reinstate(made.id, by=by, now=after(50))
    raise_all()
    assert told("order_reinstated") == ["be-crisis-centre", "fr-referral-unit"]


@pytest.mark.nightly
def test_scrutiny_that_finds_nothing_or_nothing_in_time_is_told(orders):  # noqa: F811
    made = cast.issue(orders)
    cast.receive(made.id)
    cast.examine(orders, made.id)
    writes_due.note_due(after(60 * 24 * 4))
    raise_all()
    assert "fr-referral-unit" in told("scrutiny_missed")
    cast.decide(orders, made.id, "uphold")
    raise_all()
    assert told("scrutiny_decided") == ["be-crisis-centre", "small-forum"]
    assert told("scrutiny_communicated") == ["eu-referral-unit"]
    assert told("scrutiny_missed") == []


@pytest.mark.nightly
def test_secrecy_for_longer_is_told_to_the_provider(orders):  # noqa: F811
    until = after(60 * 24 * 7)
    hushed = {"non_disclosure": True, "non_disclosure_until": until.isoformat()}
    made = cast.issue(orders, annex=hushed)
    by = orders.actor(orders.authority)
    body = SecrecyIn(until=after(60 * 24 * 9), reason="The inquiry goes on.")
    writes_endings.prolong(made.id, body=body, by=by, now=after(5))
    raise_all()
    assert told("order_prolonged") == ["small-forum"]


@pytest.mark.nightly
def test_appeals_and_finality_are_told_to_those_they_concern(orders):  # noqa: F811
    competences.name_competent(orders.other_authority, Duty.MEASURES, actor="operator", now=NOON)
    made = cast.issue(orders)
    cast.receive(made.id)
    cast.execute(orders, made.id)
    by = orders.actor(orders.small_provider)
    body = AppealIn(lodged_by="provider", kind="judicial", body="Court", lodged_on="2026-11-25")
    finality.record_appeal(made.id, body=body, by=by, now=after(60 * 24))
    raise_all()
    assert told("order_appealed") == ["be-crisis-centre", "fr-referral-unit"]
    by, later = orders.actor(orders.authority), after(60 * 24 * 70)
    uid = orders_reads.order(made.id, viewer=orders.authority, now=later).finality.appeals[0].id
    body = AppealDecisionIn(outcome="closed", decided_on="2026-12-01", text="Withdrawn.")
    finality.decide_appeal(made.id, uid, body=body, by=by, now=later)
    writes_due.note_due(later)
    raise_all()
    assert told("appeal_decided") == ["fr-referral-unit", "small-forum"]
    assert told("appeal_expired") == ["be-crisis-centre"]
    finality.finalise(made.id, by=by, now=later)
    raise_all()
    assert told("appeal_expired") == []
    assert told("order_final") == ["fr-referral-unit", "small-forum"]
    assert told("finality_communicated") == ["fr-referral-unit"]
    finality.record_appeal(made.id, body=AppealIn(**AGAIN), by=by, now=later)
    raise_all()
    assert told("finality_communicated") == []
    assert told("finality_corrected") == ["fr-referral-unit"]


AGAIN = {
    "lodged_by": "content_provider",
    "kind": "administrative",
    "body": "Crisis Centre",
    "lodged_on": "2026-12-10",
}


# Referrals and holds


def test_a_referral_reaches_its_provider_and_says_that_it_is_voluntary(desk):  # noqa: F811
    made = desk.refer()
    raise_all()
    assert told("referral") == ["big-video"]
    said = reads.alert(Alert.objects.get().uid, viewer=desk.world.big_provider)
    assert made.reference in said.title
    assert "not obliged" in said.text
    assert "voluntary" in said.title


def test_who_acknowledges_the_alert_acknowledges_the_referral(desk):  # noqa: F811
    contact(desk.world.big_provider)
    made = desk.refer()
    raise_all()
    letter = Delivery.objects.get(channel="mail")
    writes.acknowledge_by_link(links.make_token(letter.uid, until=after(60)), now=after(2))
    found = referrals.referral(made.id, viewer=desk.world.authority)
    assert (found.state, found.received_via) == ("acknowledged", "link")


def test_a_batch_is_one_alert_for_each_provider(desk):  # noqa: F811
    desk.add(desk.open(), [row(number) for number in range(1, 6)])
    raise_all()
    assert told("referrals") == ["big-video"]
    assert told("referral") == []
    said = reads.alert(Alert.objects.get().uid, viewer=desk.world.big_provider)
    assert said.title == "Referrals (voluntary): 5"


def test_a_question_is_told_to_the_sender_and_the_context_to_the_provider(desk):  # noqa: F811
    made = desk.refer()
    desk.answer(made, "needs_context", question="Which part?")
    raise_all()
    assert told("referral_question") == ["be-crisis-centre"]
    assert told("referral") == []
    by = desk.actor()
    referring.explain(made.id, body=ContextIn(context="From minute two."), by=by, now=NOON)
    raise_all()
    assert told("referral_explained") == ["big-video"]
    assert told("referral_question") == []


@pytest.mark.nightly
def test_many_answers_of_one_provider_are_one_alert_at_the_desk(desk):  # noqa: F811
    for number in range(3):
        made = desk.refer(url=f"https://video.example/{number}")
        desk.answer(made, "removed")
    raise_all()
    assert told("referral_answer") == ["be-crisis-centre"]


def test_a_referral_that_is_taken_back_is_told_to_the_provider(desk):  # noqa: F811
    made = desk.refer()
    body = TakeBackIn(reason="mistake")
    referring.take_back(made.id, body=body, by=desk.actor(), now=NOON)
    raise_all()
    assert told("referral_withdrawn") == ["big-video"]
    assert told("referral") == []


@pytest.mark.nightly
def test_both_sides_learn_that_a_referral_meets_a_hold(desk):  # noqa: F811
    desk.refer()
    desk.hold()
    desk.refer(party="agency", role="coordinator", url="https://video.example/2")
    desk.hold(url="https://video.example/3")
    desk.refer(url="https://video.example/3")
    raise_all()
    assert told("referral_overlap") == ["be-crisis-centre"]
    assert told("hold_met") == ["fr-referral-unit"]
    said = " ".join(f"{one.parameters}" for one in Alert.objects.all())
    assert "4711" not in said
    assert "video.example" not in said


def test_both_sides_learn_that_an_order_meets_another_order_and_a_hold(orders):  # noqa: F811
    order_of_france(orders)
    hold_of_france(orders, url=cast.URL)
    cast.issue(orders, now=after(1))
    raise_all()
    assert told("order_overlapped") == ["be-crisis-centre", "fr-referral-unit"]
    assert told("hold_ordered") == ["fr-referral-unit"]
    others = {one.parameters.get("others") for one in Alert.objects.filter(kind="order_overlapped")}
    assert others == {"Belgian Crisis Centre", "French Referral Unit"}


def test_every_kind_has_words_and_addresses_only_those_that_its_entry_names():
    from stemtide.hub.rooms.alerts.texts import requests as words_requests

    assert set(words_requests.TITLES) == set(words_requests.TEXTS) == set(REQUESTS)
    assert {rule.who for rule in REQUESTS.values()} == {"invited"}


def test_an_order_entered_by_hand_is_told_to_the_other_side_and_its_answer_back(orders):  # noqa: F811
    entered = enter(orders)
    raise_all()
    assert told("order_entered") == ["be-crisis-centre"]
    assert told("order_copy") == ["fr-referral-unit"]
    assert told("order") == []
    entries.confirm(entered.id, by=orders.actor(orders.authority), now=after(1))
    raise_all()
    assert (told("order_entered"), told("entry_answered")) == ([], ["small-forum"])
    other = enter(orders, orders.authority, reference="BE/2026/8")
    raise_all()
    assert told("order_entered") == ["small-forum"]
    entries.void(other.id, body=WORDS, by=orders.actor(orders.authority), now=after(2))
    raise_all()
    assert (told("order_entered"), told("order_ended")) == (
        [],
        ["fr-referral-unit", "small-forum"],
    )
