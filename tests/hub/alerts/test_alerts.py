# SPDX-License-Identifier: Apache-2.0
"""What raises alerts, to whom, how they escalate, and how they are acknowledged."""

import threading
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection

from stemtide.hub.platform.errors import ConflictError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.alerts import links
from stemtide.hub.rooms.alerts.channels.channel import PostOutcome, Result
from stemtide.hub.rooms.alerts.models import Alert, Delivery, Receipt
from stemtide.hub.rooms.alerts.reads import (
    alerts as reads,
    deliveries as reads_deliveries,
)
from stemtide.hub.rooms.alerts.reads.deliveries import Home
from stemtide.hub.rooms.alerts.rules.kinds import EVERY_KIND
from stemtide.hub.rooms.alerts.texts import alerts as words
from stemtide.hub.rooms.alerts.writes import alerts as writes, deliveries as writes_deliveries
from stemtide.hub.rooms.crises.writes import moves as crises
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.writes import contacts as writes_contacts
from stemtide.hub.rooms.requests import reads as request_reads
from stemtide.hub.rooms.signals.writes import signals
from stemtide.protocol.enums import Role
from stemtide.protocol.messages.crises import CloseIn
from stemtide.protocol.messages.signals import OpinionIn, WithdrawIn
from tests.rounds import rounds
from tests.world import NOON, hex_value, lift, suspend

HOME = Home(address="https://hub.example")


def contact(party, channel="mail", address="duty@desk.example", **facts):
    return writes_contacts.add_contact_point(
        party, channel=channel, address=address, is_24_7=True, actor="operator", now=NOON, **facts
    )


def told(kind=None):
    """Which parties were alerted, by kind."""
    rows = Alert.objects.select_related("party").order_by("pk")
    return sorted((row.kind, row.party.name) for row in rows if kind in {None, row.kind})


def names(kind):
    return {name for _, name in told(kind)}


def raise_all(now=NOON):
    while writes.raise_from_ledger(now):
        pass


def actor(party, role=None):
    return Actor(party=party, ref="key:abcdefgh", role=role)


@pytest.fixture
def quiet(world):
    """The cast, with the ledger read so far."""
    raise_all()
    assert told() == []
    return world


def test_an_early_warning_reaches_agencies_and_the_authorities_of_its_countries(quiet):
    quiet.warn(by=quiet.big_provider, countries=("BE", "NL"))
    raise_all()
    assert told() == [
        ("early_warning", "be-crisis-centre"),
        ("early_warning", "eu-referral-unit"),
    ]


def test_alerts_of_a_suspended_party_wait_until_the_suspension_is_lifted(quiet):
    for party in (quiet.authority, quiet.agency):
        contact(party)
    quiet.warn(by=quiet.big_provider, countries=("BE", "NL"))
    raise_all()
    suspend(quiet.authority, agency=quiet.agency)
    later = NOON + timedelta(days=1)
    own = Alert.objects.get(kind="early_warning", party=quiet.authority)
    sent = writes_deliveries.claim_due(later, limit=9, home=HOME)
    assert writes.escalate_due(later) == 1  # that of the agency
    assert quiet.authority.name not in {one.party for one in sent}
    lift(quiet.authority, agency=quiet.agency)
    sent = writes_deliveries.claim_due(later, limit=9, home=HOME)
    assert quiet.authority.name in {one.party for one in sent}
    assert writes.escalate_due(later) == 1
    own.refresh_from_db()
    assert own.state == "unanswered"  # it has one contact point


def test_who_raises_a_warning_is_not_told_of_it(quiet):
    quiet.warn(by=quiet.authority, countries=("BE", "FR"))
    raise_all()
    assert names("early_warning") == {"eu-referral-unit", "fr-referral-unit"}


def test_the_warning_of_an_exercise_stays_with_those_in_it(quiet):
    quiet.warn(by=quiet.authority, countries=("BE", "FR"), exercise=True)
    raise_all()
    assert names("early_warning") == {"eu-referral-unit"}
    assert [one.exercise for one in Alert.objects.all()] == [True]
    assert reads.alerts(viewer=quiet.agency)[0].title.startswith("[EXERCISE] Early warning")


def test_an_entry_raises_its_alerts_once_however_often_the_ledger_is_read(quiet):
    quiet.warn()
    assert writes.raise_from_ledger(NOON) == 2
    assert [writes.raise_from_ledger(NOON) for _ in range(3)] == [0, 0, 0]


def test_one_entry_records_all_alerts_of_one_kind(quiet):
    quiet.warn()
    raise_all()
    entry = Entry.objects.filter(kind="alerts.raised").get()
    assert entry.actor == "clock"
    assert entry.detail["count"] == 2


def test_two_clocks_raise_each_alert_once(committed_world):
    world = committed_world
    raise_all()
    for _ in range(10):
        world.warn()

    def tick():
        writes.raise_from_ledger(NOON)
        connection.close()

    threads = [threading.Thread(target=tick) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    raise_all()
    assert Alert.objects.count() == 20


def test_a_party_outside_the_room_hears_nothing_of_activation_and_closure(quiet):
    crisis = quiet.activate(countries=("BE", "FR"))
    quiet.close(crisis)
    raise_all()
    outside = {"big-video", "small-forum", "tech-forum", "rights-watch"}
    assert not outside & {name for _, name in told()}


def test_a_dispute_is_told_to_the_sharer_alone(quiet):
    shared = quiet.share()
    body = OpinionIn(opinion="dispute", note="The evening news.")
    signals.give_opinion(shared.id, body=body, by=quiet.big_provider, now=NOON)
    signals.give_opinion(shared.id, body=OpinionIn(opinion="agree"), by=quiet.agency, now=NOON)
    raise_all()
    assert told() == [("signal_disputed", "be-crisis-centre")]


def test_many_disputes_are_one_alert_until_somebody_has_it(quiet):
    for number in range(3):
        shared = quiet.share(value=hex_value(number))
        for by in (quiet.big_provider, quiet.small_provider):
            signals.give_opinion(
                shared.id, body=OpinionIn(opinion="dispute", note="a news report"), by=by, now=NOON
            )
    raise_all()
    alert = Alert.objects.get(kind="signal_disputed")
    assert (alert.parameters["count"], alert.parameters["by"]) == ("3", "Big Video, Small Forum")
    writes.acknowledge(alert.uid, by=actor(quiet.authority), now=NOON)
    late = quiet.share(value=hex_value(9))
    signals.give_opinion(
        late.id,
        body=OpinionIn(opinion="dispute", note="a news report"),
        by=quiet.big_provider,
        now=NOON,
    )
    raise_all()
    assert len(told("signal_disputed")) == 2
    assert Alert.objects.get(state="open").parameters["count"] == "1"


@pytest.mark.nightly
def test_a_withdrawal_is_told_at_the_desk_to_those_in_the_room_that_saw_the_signal(quiet):
    crisis = quiet.activate()
    shared = quiet.share(crisis=str(crisis.id))
    hidden = quiet.share(
        value=hex_value(2), crisis=str(crisis.id), tlp="red", audience=["big-video"]
    )
    for one in (shared, hidden):
        signals.withdraw(one.id, body=WithdrawIn(reason="mistake"), by=quiet.authority, now=NOON)
    contact(quiet.agency)
    raise_all()
    assert told("signal_withdrawn") == [("signal_withdrawn", "eu-referral-unit")]
    row = Alert.objects.get(kind="signal_withdrawn")
    assert set(row.deliveries.values_list("channel", flat=True)) == {"page"}


def test_a_closure_settles_what_it_makes_moot(quiet):
    crisis = quiet.warn()
    raise_all()
    crises.close(
        crisis.id, body=CloseIn(reason="A false alarm."), by=quiet.actor(quiet.agency), now=NOON
    )
    raise_all()
    assert {one.state for one in Alert.objects.filter(kind="early_warning")} == {"overtaken"}
    assert {one.state for one in Delivery.objects.filter(alert__kind="early_warning")} == {
        "stopped"
    }
    uid = Alert.objects.get(kind="early_warning", party=quiet.agency).uid
    with pytest.raises(ConflictError, match="overtaken"):
        writes.acknowledge(uid, by=actor(quiet.agency), now=NOON)


# Escalation


def warned_agency(world, *, contacts=2):
    """An early warning to the agency, which has this many contact points."""
    for number in range(contacts):
        contact(world.agency, address=f"desk{number}@agency.example")
    raise_all()
    world.warn(by=world.big_provider, countries=("NL",))
    raise_all()
    return Alert.objects.get(party=world.agency)


def asked(alert):
    rows = alert.deliveries.exclude(point=None).order_by("step")
    return [row.point.address for row in rows]


def test_nobody_acknowledges_and_the_ladder_is_climbed_to_its_end(world):
    alert = warned_agency(world)
    assert asked(alert) == ["desk0@agency.example"]
    wait = alert.step_due - NOON

    assert writes.escalate_due(NOON + wait / 2) == 0
    assert writes.escalate_due(NOON + wait) == 1
    assert asked(alert) == ["desk0@agency.example", "desk1@agency.example"]

    assert writes.escalate_due(NOON + 2 * wait) == 1
    alert.refresh_from_db()
    assert (alert.state, alert.step_due) == ("unanswered", None)
    raise_all()
    assert names("unanswered") == {"big-video"}
    assert "EU Internet Referral Unit" in reads.alerts(viewer=world.big_provider)[0].title


def test_a_party_without_contact_points_is_told_at_the_desk_and_goes_unanswered(world):
    alert = warned_agency(world, contacts=0)
    assert [row.channel for row in alert.deliveries.all()] == ["page"]
    writes.escalate_due(alert.step_due)
    alert.refresh_from_db()
    assert alert.state == "unanswered"


def test_an_acknowledgement_stops_the_ladder(world):
    alert = warned_agency(world)
    person = world.person(world.agency)
    by = parties.actor(person)
    row = writes.acknowledge(alert.uid, by=by, person=person, now=world.at(minutes=3))
    assert writes.escalate_due(world.at(hours=5)) == 0
    assert row.receipt.by == person.email
    assert not row.is_waiting
    assert {one.state for one in alert.deliveries.all()} == {"stopped"}
    entry = world.last_entry()
    assert (entry.kind, entry.actor) == ("alert.acknowledged", "party:eu-referral-unit")
    assert person.email not in str(entry.detail)


def test_an_unanswered_alert_can_still_be_acknowledged(world):
    alert = warned_agency(world, contacts=0)
    writes.escalate_due(alert.step_due)
    assert writes.acknowledge(alert.uid, by=actor(world.agency), now=NOON).state == "acknowledged"


def test_an_alert_is_acknowledged_once(world):
    alert = warned_agency(world)
    writes.acknowledge(alert.uid, by=actor(world.agency), now=NOON)
    with pytest.raises(ConflictError, match="acknowledged"):
        writes.acknowledge(alert.uid, by=actor(world.agency), now=NOON)
    assert Receipt.objects.count() == 1


def test_two_clocks_escalate_once(committed_world):
    world = committed_world
    alert = warned_agency(world)

    def tick():
        writes.escalate_due(alert.step_due)
        connection.close()

    threads = [threading.Thread(target=tick) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert asked(alert) == ["desk0@agency.example", "desk1@agency.example"]


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (Role.DUTY_OFFICER, True),
        (Role.ANALYST, True),
        (Role.COORDINATOR, True),
        (Role.ADMINISTRATOR, True),
        (Role.DATA_PROTECTION_OFFICER, False),
        (Role.OBSERVER, False),
        (None, True),
    ][:: rounds(2, nightly=1)],
)
def test_which_roles_acknowledge(world, role, may):
    alert = warned_agency(world)
    if may:
        writes.acknowledge(alert.uid, by=actor(world.agency, role), now=NOON)
    else:
        with pytest.raises(NotAllowedError, match="can only read"):
            writes.acknowledge(alert.uid, by=actor(world.agency, role), now=NOON)
    assert Receipt.objects.exists() is may


def test_the_alert_of_another_party_does_not_exist(world):
    alert = warned_agency(world)
    for other in (world.authority, world.big_provider, world.observer):
        assert reads.alerts(viewer=other) == []
        with pytest.raises(NotFoundError):
            writes.acknowledge(alert.uid, by=actor(other), now=NOON)


def test_the_bar_counts_what_waits(world):
    alert = warned_agency(world)
    waiting = reads.waiting(viewer=world.agency, now=NOON)
    assert (waiting.number, waiting.urgent, waiting.latest.uid) == (1, 1, alert.uid)
    writes.acknowledge(alert.uid, by=actor(world.agency), now=NOON)
    assert reads.waiting(viewer=world.agency, now=NOON).number == 0


def test_the_bar_shows_the_latest_of_those_that_wait(world):
    first = warned_agency(world)
    world.warn(by=world.big_provider, countries=("NL",), name="Another attack")
    raise_all()
    latest = Alert.objects.filter(party=world.agency).exclude(pk=first.pk).get()
    assert reads.waiting(viewer=world.agency, now=NOON).latest.uid == latest.uid


# Links


def token(delivery, *, until):
    return links.make_token(delivery.uid, until=until)


def test_a_link_acknowledges_without_signing_in_until_it_expires(world):
    alert = warned_agency(world)
    delivery = alert.deliveries.exclude(point=None).get()
    link = token(delivery, until=world.at(hours=1))
    assert request_reads.alert_behind(link, now=NOON).alert.uid == alert.uid
    with pytest.raises(NotFoundError):
        writes.acknowledge_by_link(link, now=world.at(hours=1))
    row = writes.acknowledge_by_link(link, now=world.at(minutes=59))
    assert (row.state, row.receipt.via, row.receipt.by) == ("acknowledged", "link", "")


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1], lambda t: "x" + t, lambda _: "", lambda _: "é"]
)
def test_a_link_that_was_changed_opens_nothing(world, change):
    delivery = warned_agency(world).deliveries.first()
    with pytest.raises(NotFoundError, match="invalid or has expired"):
        writes.acknowledge_by_link(change(token(delivery, until=world.at(hours=1))), now=NOON)


def test_a_link_to_what_is_gone_opens_nothing(world):
    link = links.make_token(UUID(int=7), until=world.at(hours=1))
    with pytest.raises(NotFoundError):
        writes.acknowledge_by_link(link, now=NOON)
    with pytest.raises(NotFoundError):
        request_reads.alert_behind(link, now=NOON)


def test_every_kind_has_its_words():
    assert words.TITLES.keys() == words.TEXTS.keys() == EVERY_KIND.keys()
    for kind in EVERY_KIND:
        assert "%(" not in words.title(kind, {}, exercise=True) + words.text(kind, {})


# Deliveries


def claim(now=NOON, *, limit=10):
    return writes_deliveries.claim_due(now, limit=limit, home=HOME)


def note(outgoing, fate, *, now=NOON):
    result = Result(fate, "it broke")
    return writes_deliveries.note(outgoing, result=result, jitter=0.5, now=now)


def mail_parcel(world):
    """The mail of a warning, under way; what goes to the desk has arrived."""
    warned_agency(world)
    page, mail = claim()
    note(page, PostOutcome.SENT)
    return mail


def state_of(outgoing):
    row = reads_deliveries.find(outgoing.delivery, viewer=None)
    return row.state


def test_a_delivery_is_claimed_by_one_clock(world):
    warned_agency(world)
    assert [one.channel for one in claim()] == ["page", "mail"]
    assert claim() == []


def test_what_a_dead_clock_had_taken_is_sent_again_under_the_same_id(world):
    first = mail_parcel(world)
    again = next(one for one in claim(world.at(seconds=91)) if one.channel == "mail")
    assert (again.delivery, again.attempt) == (first.delivery, 2)
    assert note(again, PostOutcome.SENT)
    assert not note(first, PostOutcome.FAILED)
    assert state_of(first) == "sent"


def test_a_failure_waits_and_is_tried_until_it_is_dead(world):
    outgoing = mail_parcel(world)
    now = NOON
    for attempt in range(1, 9):
        assert outgoing.attempt == attempt
        note(outgoing, PostOutcome.FAILED, now=now)
        row = reads_deliveries.find(outgoing.delivery, viewer=None)
        if attempt < 8:
            assert row.state == "failed"
            assert claim(row.next_at - timedelta(seconds=1)) == []
            now = row.next_at
            (outgoing,) = claim(now)
    assert (row.state, row.last_error) == ("dead", "it broke")
    raise_all(now)
    assert names("dead_letter") == {"eu-referral-unit"}
