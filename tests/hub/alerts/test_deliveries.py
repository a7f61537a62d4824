# SPDX-License-Identifier: Apache-2.0
"""Deliveries: who takes them, retry and drop, signing secrets, and sending in threads."""

import logging
import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.alerts import sender as sending
from stemtide.hub.rooms.alerts.channels.channel import PostOutcome, Result, SendSettings
from stemtide.hub.rooms.alerts.models import Alert, Delivery
from stemtide.hub.rooms.alerts.reads import alerts as reads, deliveries as reads_deliveries
from stemtide.hub.rooms.alerts.reads.deliveries import Home
from stemtide.hub.rooms.alerts.rules import alerts as rules
from stemtide.hub.rooms.alerts.rules.alerts import DeliveryState
from stemtide.hub.rooms.alerts.sender import AlertSender
from stemtide.hub.rooms.alerts.writes import (
    alerts as writes,
    deliveries as writes_deliveries,
    drills as writes_drills,
)
from stemtide.hub.rooms.parties.models import ContactPoint
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.writes import contacts as writes_contacts
from stemtide.protocol.enums import PartyKind, Role
from tests.hub.alerts.receivers import answer, parts, receiver
from tests.hub.api.conftest import wait_until
from tests.rounds import rounds
from tests.world import NOON

HOME = Home(address="https://hub.example/", languages=frozenset({"en", "nl"}))


def contact(party, address="duty@desk.example", channel="mail", **facts):
    return writes_contacts.add_contact_point(
        party, channel=channel, address=address, is_24_7=True, actor="operator", now=NOON, **facts
    )


def drill(*parties, now=NOON):
    writes_drills.start([one.name for one in parties], by=None, now=now)


def claim(now=NOON, *, limit=10):
    return writes_deliveries.claim_due(now, limit=limit, home=HOME)


def note(outgoing, fate, *, words="", now=NOON):
    return writes_deliveries.note(outgoing, result=Result(fate, words), jitter=0.5, now=now)


def dead(party):
    """A dead letter to a party."""
    contact(party)
    drill(party)
    for one in claim():
        note(
            one,
            PostOutcome.REFUSED if one.channel == "mail" else PostOutcome.SENT,
            words="no such user",
        )
    return Delivery.objects.get(channel="mail", alert__party=party)


def actor(party, role=Role.DUTY_OFFICER):
    return Actor(party=party, ref="person:1", role=role)


def test_a_parcel_holds_all_that_a_channel_needs(world):
    point = contact(world.agency, languages=["fi", "nl", "en"])
    drill(world.agency)
    mail = next(one for one in claim() if one.channel == "mail")
    assert (mail.address, mail.language, mail.party) == (point.address, "nl", world.agency.name)
    assert mail.link.startswith("https://hub.example/acknowledge/")
    assert mail.secrets == reads_deliveries.secrets(point, now=NOON)
    writes.acknowledge_by_link(mail.link.rpartition("/")[2], now=world.at(hours=23))


def test_the_most_urgent_leave_first(world):
    drill(world.agency)
    row = Alert.objects.get()
    for urgency in ("routine", "now", "soon"):
        alert = Alert.objects.get(pk=row.pk)
        alert.urgency = urgency
        writes._queue(alert, step=1, point=None, channel=rules.Channel.PAGE, now=NOON)
    Delivery.objects.filter(step=0).delete()
    ranks = [Delivery.objects.get(uid=one.delivery).rank for one in claim()]
    assert ranks == [0, 1, 2]


def test_webhooks_of_a_party_leave_one_after_the_other(world):
    for number in range(3):
        contact(world.agency, f"https://hook.example/{number}", channel="url")
    drill(world.agency)
    alert = Alert.objects.get()
    for later in (1, 2):
        writes.escalate_due(alert.step_due + timedelta(days=later))
    now = NOON + timedelta(days=9)
    first = [one for one in claim(now) if one.channel == "webhook"]
    assert len(first) == 1
    assert claim(now) == []
    note(first[0], PostOutcome.SENT)
    assert len(claim(now)) == 1


def test_the_limit_of_one_look_holds(world):
    drill(*world.everyone)
    assert len(claim(limit=3)) == 3
    assert len(claim(limit=99)) == 4


def test_two_clocks_take_each_delivery_once(committed_world):
    world = committed_world
    drill(*world.everyone)
    taken = []

    def tick():
        taken.extend(one.delivery for one in claim(limit=50))
        connection.close()

    threads = [threading.Thread(target=tick) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(taken) == len(set(taken)) == 7


@pytest.mark.parametrize(
    ("attempts", "least_s", "most_s"),
    [(1, 7.5, 15), (2, 15, 30), (3, 30, 60), (6, 240, 480), (7, 300, 600), (99, 300, 600)],
)
def test_waits_double_to_a_cap_and_are_spread_over_their_upper_half(attempts, least_s, most_s):
    assert rules.wait_after(attempts, jitter=0).total_seconds() == least_s
    assert most_s * 0.99 < rules.wait_after(attempts, jitter=0.999).total_seconds() < most_s


@pytest.mark.parametrize(("asked_s", "wait_s"), [(600, 600), (1, 11.25)], ids=["longer", "shorter"])
def test_a_receiver_is_left_alone_for_as_long_as_it_asks(world, asked_s, wait_s):
    contact(world.agency)
    drill(world.agency)
    mail = next(one for one in claim() if one.channel == "mail")
    result = Result(PostOutcome.FAILED, "busy", wait=timedelta(seconds=asked_s))
    writes_deliveries.note(mail, result=result, jitter=0.5, now=NOON)
    row = Delivery.objects.get(uid=mail.delivery)
    assert row.next_at - NOON == timedelta(seconds=wait_s)


def test_what_arrives_after_the_answer_counts_as_answered(world):
    contact(world.agency)
    drill(world.agency)
    page, mail = claim()
    uid = Alert.objects.get().uid
    writes.acknowledge(uid, by=actor(world.agency), now=NOON)
    note(page, PostOutcome.SENT)
    note(mail, PostOutcome.FAILED)
    assert set(Delivery.objects.values_list("state", flat=True)) == {"acknowledged", "stopped"}


def test_every_move_of_a_delivery_is_one_that_the_table_allows(world):
    """A walk through the writes: what they do is what the diagram shows."""
    seen = set()

    def look(row, was):
        row.refresh_from_db()
        seen.add((was, row.state))
        assert DeliveryState(row.state) in rules.MOVES[DeliveryState(was)]
        return row.state

    row = dead(world.agency)
    state = look_back = row.state
    writes_deliveries.retry(row.uid, by=None, now=NOON)
    state = look(row, look_back)
    (outgoing,) = claim()
    state = look(row, state)
    note(outgoing, PostOutcome.FAILED)
    state = look(row, state)
    (outgoing,) = claim(world.at(minutes=1))
    state = look(row, state)
    note(outgoing, PostOutcome.SENT)
    state = look(row, state)
    writes.acknowledge(row.alert.uid, by=actor(world.agency), now=NOON)
    look(row, state)
    assert ("sent", "acknowledged") in seen


# Retry and drop


def test_a_retried_delivery_begins_anew(world):
    row = dead(world.agency)
    writes_deliveries.retry(row.uid, by=actor(world.agency), now=world.at(hours=1))
    row.refresh_from_db()
    assert (row.state, row.attempts, row.next_at) == ("queued", 0, world.at(hours=1))
    assert world.last_entry().kind == "delivery.retried"
    with pytest.raises(ConflictError, match="only a dead letter"):
        writes_deliveries.retry(row.uid, by=None, now=NOON)


def test_what_nobody_waits_for_any_more_is_dropped_not_retried(world):
    row = dead(world.agency)
    writes.acknowledge(row.alert.uid, by=actor(world.agency), now=NOON)
    with pytest.raises(ConflictError, match="drop it instead"):
        writes_deliveries.retry(row.uid, by=None, now=NOON)
    writes_deliveries.drop(row.uid, reason="They answered.", by=None, now=NOON)
    assert world.last_entry().actor == "operator"


def test_only_a_dead_delivery_is_dropped(world):
    row = dead(world.agency)
    writes_deliveries.drop(row.uid, reason="They moved.", by=None, now=NOON)
    with pytest.raises(ConflictError, match="only a dead letter"):
        writes_deliveries.drop(row.uid, reason="Again.", by=None, now=NOON)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 301])
def test_a_delivery_is_not_dropped_without_a_reason(world, reason):
    row = dead(world.agency)
    with pytest.raises(InvalidError, match="reason"):
        writes_deliveries.drop(row.uid, reason=reason, by=None, now=NOON)


@pytest.mark.parametrize(
    ("who", "role", "error"),
    [
        ("big_provider", Role.DUTY_OFFICER, None),
        ("big_provider", Role.ANALYST, None),
        ("big_provider", Role.COORDINATOR, None),
        ("big_provider", Role.ADMINISTRATOR, None),
        ("big_provider", None, None),
        ("big_provider", Role.OBSERVER, NotAllowedError),
        ("big_provider", Role.DATA_PROTECTION_OFFICER, NotAllowedError),
        ("agency", Role.DUTY_OFFICER, None),
        ("agency", Role.OBSERVER, NotAllowedError),
        ("authority", Role.DUTY_OFFICER, NotFoundError),
        ("consortium", Role.DUTY_OFFICER, NotFoundError),
        ("small_provider", Role.DUTY_OFFICER, NotFoundError),
        ("observer", Role.OBSERVER, NotFoundError),
    ][:: rounds(3, nightly=1)],
)
def test_who_resolves_the_dead_letters_of_a_provider(world, who, role, error):
    row = dead(world.big_provider)
    by = actor(getattr(world, who), role)
    if error is None:
        writes_deliveries.retry(row.uid, by=by, now=NOON)
        return
    with pytest.raises(error):
        writes_deliveries.retry(row.uid, by=by, now=NOON)
    with pytest.raises(error):
        writes_deliveries.drop(row.uid, reason="They moved.", by=by, now=NOON)


def test_only_an_agency_may_resolve_what_is_not_its_own():
    with pytest.raises(NotAllowedError, match="ask one"):
        rules.check_resolve(kind=PartyKind.AUTHORITY, role=Role.DUTY_OFFICER, is_own=False)


def test_a_dead_letter_is_told_to_its_party_and_to_agencies_at_the_desk_alone(world):
    dead(world.big_provider)
    contact(world.agency)
    writes.raise_from_ledger(NOON)
    told = Alert.objects.filter(kind="dead_letter")
    assert {one.party.name for one in told} == {"big-video", "eu-referral-unit"}
    assert {one.channel for alert in told for one in alert.deliveries.all()} == {"page"}
    row = reads.alerts(viewer=world.agency)[0]
    assert "Big Video" in row.title
    assert "no such user" in row.text


def test_a_second_dead_letter_of_the_same_party_is_not_told_again_while_the_first_is_open(world):
    dead(world.big_provider)
    writes.raise_from_ledger(NOON)
    row = Delivery.objects.get(channel="mail")
    writes_deliveries.retry(row.uid, by=None, now=NOON)
    for one in claim():
        note(one, PostOutcome.REFUSED if one.channel == "mail" else PostOutcome.SENT)
    writes.raise_from_ledger(NOON)
    writes.raise_from_ledger(NOON)
    assert Alert.objects.filter(kind="dead_letter", party=world.agency).count() == 1


# Secrets


def test_secrets_differ_by_contact_point_and_lie_in_no_table(world):
    one, other = contact(world.agency), contact(world.agency, "b@desk.example")
    secrets = [reads_deliveries.secrets(point, now=NOON) for point in (one, other)]
    assert len({*secrets[0], *secrets[1]}) == 2
    kept = str(list(ContactPoint.objects.values()))
    assert all(secret not in kept for pair in secrets for secret in pair)


def test_whoever_knows_a_secret_of_before_two_rotations_still_understands(world):
    point = contact(world.agency)
    (first,) = reads_deliveries.secrets(point, now=NOON)
    second = writes_deliveries.rotate_secret(point, actor="operator", now=NOON)
    assert (len(second), second[1]) == (2, first)
    third = writes_deliveries.rotate_secret(point, actor="operator", now=world.at(hours=1))
    assert third == (third[0], *second)
    still = reads_deliveries.secrets(point, now=world.at(hours=24))
    assert still == third
    later = reads_deliveries.secrets(point, now=world.at(hours=26))
    assert later == (third[0],)
    assert world.ledger_kinds().count("signing_key.rotated") == 2
    assert third[0] not in str(world.last_entry().detail)


def test_secrets_do_not_pile_up(world):
    point = contact(world.agency)
    for _ in range(4):
        found = writes_deliveries.rotate_secret(point, actor="operator", now=NOON)
    assert len(found) == 5
    with pytest.raises(ConflictError, match=r"5 secrets .* after 12:00 UTC"):
        writes_deliveries.rotate_secret(point, actor="operator", now=world.at(hours=1))
    assert reads_deliveries.secrets(point, now=world.at(hours=1)) == found
    assert (
        len(writes_deliveries.rotate_secret(point, actor="operator", now=world.at(hours=25))) == 2
    )


def test_an_operator_finds_a_partys_contact_points(world):
    point = contact(world.agency)
    other = contact(world.agency, "b@desk.example")
    name = world.agency.name
    assert reads_deliveries.points_of(name, address="") == [point, other]
    assert reads_deliveries.points_of(name, address="b@desk.example") == [other]
    for party, address in ((name, "c@desk.example"), ("big-video", ""), ("nobody", "")):
        with pytest.raises(NotFoundError):
            reads_deliveries.points_of(party, address=address)


# Sending


def sender(*, post=None, threads=4):
    return AlertSender(
        post=post or SendSettings(loopback=True),
        home=HOME,
        now=lambda: datetime.now(UTC),
        jitter=lambda: 0.5,
        threads=threads,
    )


def hook(to):
    return f"http://127.0.0.1:{to.port}/"


def test_a_webhook_is_sent_noted_and_acknowledged_by_its_answer(world):
    with receiver(answer(200, b'{"acknowledged": true}')) as to:
        point = contact(world.agency, hook(to), channel="url")
        drill(world.agency)
        outgoing = next(one for one in claim() if one.channel == "webhook")
        sender().run(outgoing)
    row = reads.alerts(viewer=world.agency)[0]
    assert (row.state, row.receipt.via) == ("acknowledged", "webhook")
    assert parts(to.requests[0])[1]["webhook-id"] == str(outgoing.delivery)
    point.refresh_from_db()
    assert point.verified_at is not None


def test_an_answer_that_comes_after_somebody_acknowledged_changes_nothing(world):
    contact(world.agency)
    drill(world.agency)
    mail = next(one for one in claim() if one.channel == "mail")
    writes.acknowledge(mail.alert, by=actor(world.agency), now=NOON)
    assert not writes.acknowledge_by_answer(mail.delivery, now=NOON)


def test_a_slow_receiver_holds_up_nobody_else(committed_world):
    world = committed_world
    release = threading.Event()

    def slow(connection):
        release.wait(600)
        connection.sendall(answer(200))

    with receiver(slow) as crawls, receiver(answer(200)) as quick:
        contact(world.big_provider, hook(crawls), channel="url")
        contact(world.agency, hook(quick), channel="url")
        drill(world.big_provider, world.agency)
        at_work = sender()
        now = datetime.now(UTC)
        assert at_work.start_due(now) == 4
        wait_until(Delivery.objects.filter(channel="webhook", state="sent").exists)
        states = dict(
            Delivery.objects.filter(channel="webhook").values_list("alert__party__name", "state")
        )
        assert states == {"eu-referral-unit": "sent", "big-video": "sending"}
        release.set()
        at_work.settle()
        at_work.close()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}


def test_no_more_are_taken_than_there_are_threads(committed_world):
    world = committed_world
    release = threading.Event()
    drill(*world.everyone)
    at_work = sender(threads=1)
    blocker = at_work._pool.submit(release.wait, 600)
    at_work._in_progress.add(blocker)
    assert at_work.start_due(datetime.now(UTC)) == 0
    release.set()
    at_work.settle()
    assert at_work.start_due(datetime.now(UTC)) == 1
    at_work.settle()
    at_work.close()


def test_a_channel_that_breaks_is_a_failure_and_is_logged(world, monkeypatch, caplog):
    def broken(outgoing, *, post):
        raise RuntimeError(outgoing, post)

    monkeypatch.setitem(sending.CHANNELS, rules.Channel.PAGE, broken)
    drill(world.agency)
    (outgoing,) = claim()
    with caplog.at_level(logging.ERROR):
        sender().run(outgoing)
    row = Delivery.objects.get()
    assert (row.state, "the hub itself failed" in row.last_error) == ("failed", True)
    assert str(outgoing.delivery) in caplog.text


def test_what_cannot_be_noted_is_taken_again_later(world, monkeypatch, caplog):
    drill(world.agency)
    (outgoing,) = claim()

    def gone(*_, **__):
        raise OSError

    monkeypatch.setattr(writes_deliveries, "note", gone)
    with caplog.at_level(logging.ERROR), monkeypatch.context() as patch:
        patch.setattr(connection, "close", lambda: None)
        sender()._run_in_thread(outgoing)
    assert "done again" in caplog.text
    assert claim(NOON + rules.LEASE) != []


def test_how_a_hub_sends_is_what_its_settings_say(settings):
    settings.EMAIL_HOST, settings.EMAIL_PORT = "mail.example", 465
    settings.EMAIL_USE_SSL, settings.EMAIL_USE_TLS = True, False
    settings.HUB_ADDRESS = "https://hub.example"
    post = sending.send_settings()
    assert (post.mail_host, post.mail_port, post.mail_security) == ("mail.example", 465, "tls")
    settings.EMAIL_USE_SSL, settings.EMAIL_USE_TLS = False, True
    assert sending.send_settings().mail_security == "starttls"
    settings.EMAIL_USE_TLS = False
    assert sending.send_settings().mail_security == "none"
    assert sending.home_of_settings().address == "https://hub.example"


def test_a_delivery_that_is_not_there_is_not_found(world):
    with pytest.raises(NotFoundError):
        writes_deliveries.retry(UUID(int=1), by=None, now=NOON)
    assert world
