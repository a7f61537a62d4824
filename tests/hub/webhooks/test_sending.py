# SPDX-License-Identifier: Apache-2.0
"""Events on their way: tried again, in order, given up, and never lost by a hub that dies."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection

from stemtide.egress.posts import PostOutcome, PostResult
from stemtide.hub.rooms.alerts.reads import alerts
from stemtide.hub.rooms.alerts.writes import alerts as alert_writes
from stemtide.hub.rooms.webhooks import rules, sender as sending
from stemtide.hub.rooms.webhooks.models import Delivery, Webhook
from stemtide.hub.rooms.webhooks.rules import DELAYS_S, MAX_ATTEMPTS, ConflictError
from stemtide.hub.rooms.webhooks.writes import (
    deliveries as writes_sending,
    events as writes_events,
    webhooks as writes,
)
from stemtide.hub.rooms.webhooks.writes.deliveries import ClaimedDelivery
from stemtide.protocol.messages.webhooks import WebhookChangeIn
from stemtide.protocol.retry_after import LONGEST_RETRY_AFTER
from tests.hub.alerts.receivers import answer, receiver
from tests.hub.api.conftest import wait_until
from tests.hub.webhooks.test_telling import share
from tests.rounds import rounds
from tests.world import lift, suspend

NO = answer(500)


def claimed(hub, *, limit=10):
    return writes_sending.claim_due(hub.now, limit=limit)


def noted(hub, taken, verdict):
    return writes_sending.note(taken, result=verdict, jitter=0.5, now=hub.now)


def failed(words="no", **facts):
    return PostResult(PostOutcome.FAILED, words, 500, **facts)


def change(hub, ear, **facts):
    body = WebhookChangeIn(**facts)
    return writes.change(ear.id, body=body, by=hub.caller(), now=hub.now)


def test_what_fails_is_tried_again_under_its_id_until_it_arrives(hub):
    ear = hub.listen(replies=[NO, answer(302, b"", "Location: /"), answer(204)])
    share(hub, 1)
    for later in (0, 5, 15):
        hub.tick(seconds=later)
    assert len(set(ear.ids)) == 1
    assert len(ear.heard) == 3
    row = hub.last(ear)
    assert (row.state, row.attempts, row.status, row.said) == ("sent", 3, 204, "")


def test_each_attempt_is_signed_anew_as_of_its_own_time(hub):
    ear = hub.listen(replies=[NO, answer(204)])
    share(hub, 1)
    hub.tick()
    hub.tick(seconds=5)
    times = [int(headers["webhook-timestamp"]) for headers, _ in ear.requests]
    assert times[1] - times[0] == 5


@pytest.mark.parametrize("attempt", range(1, MAX_ATTEMPTS + 1))
def test_waits_grow_to_a_day_and_are_spread_by_a_fifth(attempt):
    whole = DELAYS_S[attempt - 1]
    least = rules.wait_before(attempt, jitter=0).total_seconds()
    most = rules.wait_before(attempt, jitter=0.999999).total_seconds()
    assert (least, round(most)) == (pytest.approx(whole * 0.8), round(whole * 1.2))


def test_the_delays_are_those_that_the_page_says():
    minute, hour = 60, 3600
    assert (
        *(0, 5, 15, minute, 5 * minute, 30 * minute, 2 * hour, 5 * hour),
        *(10 * hour, 14 * hour, 20 * hour, 24 * hour),
    ) == DELAYS_S


def test_after_its_last_attempt_an_event_is_a_dead_letter_which_a_machine_sends_again(hub):
    ear = hub.listen()
    share(hub, 1)
    hub.follow()
    for _ in range(MAX_ATTEMPTS):
        (taken,) = claimed(hub)
        noted(hub, taken, failed())
        # Others arrive meanwhile, so that the webhook itself is well.
        Webhook.objects.update(failures=0, failing_since=None, rest_until=None)
        hub.now += timedelta(days=2)
    row = hub.last(ear)
    assert (row.state, row.attempts) == ("dead", MAX_ATTEMPTS)
    assert hub.world.last_entry().kind == "webhook.exhausted"
    writes.retry(ear.id, row.uid, by=ear.by, now=hub.now)
    hub.tick()
    assert (ear.ids, hub.last(ear).state) == ([str(row.uid)], "sent")


@pytest.mark.parametrize(
    ("status", "asked", "wait_s"),
    [
        (429, "120", 120),
        (503, "120", 120),
        (500, "120", 5),
        (429, "1", 5),
        (429, "999999", LONGEST_RETRY_AFTER.total_seconds()),
        (429, "soon", 5),
    ][:: rounds(2, nightly=1)],
    ids=["429", "503", "500", "shorter", "too long", "nonsense"][:: rounds(2, nightly=1)],
)
def test_a_receiver_is_left_alone_for_as_long_as_it_asks(hub, status, asked, wait_s):
    ear = hub.listen(replies=[answer(status, b"", f"Retry-After: {asked}"), answer(204)])
    share(hub, 1)
    hub.tick()
    assert (hub.last(ear).next_at - hub.now).total_seconds() == wait_s
    share(hub, 2)
    hub.tick(seconds=wait_s - 1)
    assert len(ear.requests) == 1
    hub.tick(seconds=1)
    assert [state for _, state in hub.states(ear)] == ["sent", "sent"]


def test_a_receiver_that_is_gone_is_never_called_again_and_its_party_is_alerted(hub):
    ear = hub.listen("signal.*", replies=[answer(410)])
    share(hub, 1)
    hub.tick()
    share(hub, 2)
    hub.tick(days=9)
    assert len(ear.requests) == 1
    row = hub.row(ear)
    assert (row.state, row.why) == ("disabled", "gone")
    assert hub.states(ear) == [("signal.shared", "stopped")]
    alert_writes.raise_from_ledger(hub.now)
    (alert,) = alerts.alerts(viewer=hub.world.authority)
    assert (alert.kind, alert.subject) == ("webhook_disabled", row.ref)
    assert alerts.alerts(viewer=hub.world.agency) == []


@pytest.mark.nightly
def test_after_days_of_failure_alone_a_webhook_is_given_up(hub):
    ear = hub.listen("signal.*", replies=[NO])
    share(hub, 1)
    hub.tick()
    began = hub.now
    while hub.row(ear).state == "active":
        hub.tick(minutes=30)
    assert rules.FAILING_FOR <= hub.now - began < rules.FAILING_FOR + timedelta(days=1)
    assert hub.row(ear).why == "failing"
    assert set(hub.states(ear)) == {("signal.shared", "stopped")}


def test_one_success_makes_a_webhook_well(hub):
    ear = hub.listen(replies=[NO, NO, answer(204)])
    share(hub, 1)
    for later in (0, 5):
        hub.tick(seconds=later)
    assert (hub.row(ear).failures, hub.row(ear).failing_since is None) == (2, False)
    hub.tick(seconds=15)
    row = hub.row(ear)
    assert (row.failures, row.failing_since, row.rest_until) == (0, None, None)
    assert row.last_sent_at == hub.now


def test_an_event_that_fails_does_not_hold_up_the_next_for_long(hub):
    ear = hub.listen(replies=[NO, answer(204)])
    share(hub, 1)
    hub.tick()
    share(hub, 2)
    hub.tick(seconds=1)
    assert len(ear.requests) == 1
    hub.tick(seconds=5)
    assert [state for _, state in hub.states(ear)] == ["sent", "sent"]


@pytest.mark.nightly
def test_a_webhook_that_fails_gets_few_events_whatever_floods_the_hub(hub):
    ear = hub.listen(replies=[NO])
    for minute in range(120):
        share(hub, *range(100 * minute + 1, 100 * minute + 11))
        hub.tick(minutes=1)
    assert Delivery.objects.count() < 40
    told = [
        position
        for one in Delivery.objects.all()
        for first, last in one.spans
        for position in range(first, last + 1)
    ]
    assert sorted(told) == list(range(1, 1201))
    assert len(ear.requests) < 90


def test_events_leave_in_the_order_of_what_happened(hub):
    ear = hub.listen()
    hub.world.warn()
    share(hub, 1)
    hub.tick()
    assert ear.types == ["crisis.warned", "signal.shared"]


def test_a_webhook_has_one_delivery_under_way_and_a_party_two(hub):
    for _ in range(4):
        hub.listen("signal.*", "crisis.*")
    share(hub, 1)
    hub.world.warn()
    hub.follow()
    taken = claimed(hub)
    assert len(taken) == writes_sending.OF_A_PARTY
    hooks = Delivery.objects.filter(uid__in=[one.delivery for one in taken])
    assert len(set(hooks.values_list("webhook", flat=True))) == 2
    assert claimed(hub) == []
    noted(hub, taken[0], PostResult(PostOutcome.SENT, status=204))
    assert len(claimed(hub)) == 1


@pytest.mark.nightly
def test_a_party_with_much_that_waits_does_not_hide_what_waits_for_others(hub):
    by = hub.caller()
    for _ in range(rules.QUOTA):
        hub.listen(by=by)
    hub.world.close(hub.world.activate())
    share(hub, 1)
    hub.follow()
    assert Delivery.objects.count() > 8 * 4
    assert len(claimed(hub, limit=4)) == writes_sending.OF_A_PARTY
    quiet = hub.listen(party=hub.world.big_provider)
    share(hub, 2)
    hub.now += timedelta(seconds=1)
    hub.follow()
    assert [one.delivery for one in claimed(hub, limit=4)] == [hub.last(quiet).uid]


def test_receivers_that_answer_well_come_before_those_that_do_not(hub):
    ill, well = hub.listen(), hub.listen(party=hub.world.agency)
    Webhook.objects.filter(uid=ill.id).update(failures=3)
    share(hub, 1)
    hub.follow()
    (taken,) = claimed(hub, limit=1)
    assert taken.delivery == hub.last(well).uid


def test_two_clocks_take_each_event_once(committed_hub):
    hub = committed_hub
    for party in hub.world.everyone:
        hub.listen(party=party)
    share(hub, 1, tlp="clear")
    taken = []

    def tick():
        writes_events.follow_ledger(hub.now)
        taken.extend(one.delivery for one in claimed(hub, limit=50))
        connection.close()

    threads = [threading.Thread(target=tick) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(taken) == len(set(taken)) == 7


def test_a_slow_receiver_holds_up_nobody_else(committed_hub):
    hub = committed_hub
    release = threading.Event()

    def slow(connection):
        release.wait(600)
        connection.sendall(answer(204))

    with receiver(slow) as to:
        sluggish = hub.listen()
        Webhook.objects.update(url=f"http://127.0.0.1:{to.port}/")
        quick = hub.listen(party=hub.world.agency)
        share(hub, 1)
        hub.follow()
        assert hub.calling.start_due(hub.now) == 2
        while not quick.requests:
            release.wait(0.005)
        assert hub.last(sluggish).state == "sending"
        release.set()
        hub.calling.settle()
    assert [state for _, state in hub.states(sluggish) + hub.states(quick)] == ["sent", "sent"]


def test_no_more_are_taken_than_there_are_threads(committed_hub):
    hub = committed_hub
    release = threading.Event()
    hub.listen()
    share(hub, 1)
    hub.follow()
    hub.calling._in_progress |= {hub.calling._pool.submit(release.wait, 600) for _ in range(2)}
    assert hub.calling.start_due(hub.now) == 0
    release.set()
    hub.calling.settle()
    assert hub.calling.start_due(hub.now) == 1
    hub.calling.settle()


DIES = """
import sys, uuid
from datetime import datetime
from stemtide.hub import boot
boot.start()
from stemtide.hub.rooms.webhooks.writes import deliveries as writes_sending
from stemtide.hub.rooms.webhooks.sender import WebhookSender
now = datetime.fromisoformat(sys.argv[1])
calling = WebhookSender(home="", loopback=True, now=lambda: now, jitter=lambda: 0.5)
for taken in writes_sending.claim_due(now, limit=10):
    calling.run(taken)
"""


@pytest.mark.nightly
def test_a_hub_that_is_killed_while_it_sends_sends_again_under_the_same_id(committed_hub):
    hub = committed_hub
    ear = hub.listen("signal.*")
    share(hub, 1)
    hub.follow()
    asked, release = threading.Event(), threading.Event()

    def never(connection):
        asked.set()
        release.wait(600)
        connection.close()

    with receiver(never) as to:
        url = Webhook.objects.get().url
        Webhook.objects.update(url=f"http://127.0.0.1:{to.port}/")
        database = connection.settings_dict
        where = {"STEMTIDE_DATABASE_URL": f"sqlite:///{database['NAME']}"}
        if connection.vendor == "postgresql":
            user = f"{database['USER']}:{database['PASSWORD']}@" if database["USER"] else ""
            host = f"{database['HOST'] or 'localhost'}:{database['PORT'] or 5432}"
            where = {"STEMTIDE_DATABASE_URL": f"postgres://{user}{host}/{database['NAME']}"}
        dying = subprocess.Popen(
            [sys.executable, "-c", DIES, hub.now.isoformat()], env={**os.environ, **where}
        )
        wait_until(lambda: asked.is_set() or dying.poll() is not None)
        assert asked.is_set()
        dying.send_signal(signal.SIGKILL)
        dying.wait()
        release.set()
        (first,) = to.requests
    Webhook.objects.update(url=url)
    hub.tick(seconds=1)
    assert ear.requests == []
    hub.tick(seconds=rules.LEASE.total_seconds())
    assert f"webhook-id: {ear.ids[0]}".encode() in first
    assert (len(ear.heard), hub.last(ear).state, hub.last(ear).attempts) == (1, "sent", 2)


def test_what_another_clock_took_over_is_not_noted(hub):
    ear = hub.listen()
    share(hub, 1)
    hub.follow()
    (slow,) = claimed(hub)
    hub.now += rules.LEASE
    (quick,) = claimed(hub)
    assert not noted(hub, slow, failed())
    assert noted(hub, quick, PostResult(PostOutcome.SENT, status=204))
    assert hub.last(ear).state == "sent"


def test_a_webhook_removed_on_the_way_is_not_called(hub):
    ear = hub.listen()
    share(hub, 1)
    hub.follow()
    (taken,) = claimed(hub)
    writes.remove(ear.id, by=ear.by, now=hub.now)
    assert hub.calling.run(taken) is None
    assert ear.requests == []


def test_what_breaks_inside_the_hub_is_a_failure_and_is_logged(hub, monkeypatch, caplog):
    def broken(*_, **__):
        raise RuntimeError

    ear = hub.listen()
    share(hub, 1)
    hub.follow()
    monkeypatch.setattr(sending, "post", broken)
    with caplog.at_level(logging.ERROR):
        hub.send()
    assert "failed inside the hub" in caplog.text
    assert hub.last(ear).said.startswith("the hub itself failed")
    assert hub.last(ear).state == "failed"


def test_an_address_that_leads_inside_by_now_is_not_called(hub):
    ear = hub.listen()
    share(hub, 1)
    hub.follow()
    hub.calling.loopback = False
    Webhook.objects.update(url="https://127.0.0.1/")
    hub.send()
    row = hub.last(ear)
    assert (row.state, row.status) == ("failed", None)
    assert row.said == "the receiver's name leads to an address that is not public"


def test_a_receiver_that_is_too_slow_is_left(hub, monkeypatch):
    monkeypatch.setattr(sending, "TIMEOUT_S", 0.2)
    release = threading.Event()
    with receiver(lambda _: release.wait(600)) as to:
        ear = hub.listen()
        Webhook.objects.update(url=f"http://127.0.0.1:{to.port}/")
        share(hub, 1)
        hub.tick()
        release.set()
    assert (hub.last(ear).state, "longer than" in hub.last(ear).said) == ("failed", True)


# Pause, resume, secrets, tests


def test_what_happens_during_a_pause_is_not_told(hub):
    ear, other = hub.listen(), hub.listen(party=hub.world.agency)
    share(hub, 1)
    hub.follow()
    change(hub, ear, state="paused")
    share(hub, 2)
    hub.tick()
    change(hub, ear, state="active")
    share(hub, 3)
    hub.tick()
    assert [one["data"]["until"] for one in ear.heard] == [3]
    assert [one["data"]["count"] for one in other.heard] == [2, 1]
    assert hub.states(ear)[0] == ("signal.shared", "stopped")


def test_the_first_to_listen_is_told_nothing_of_before(hub):
    ear = hub.listen()
    change(hub, ear, state="paused")
    share(hub, 1)
    hub.tick()
    change(hub, ear, state="active")
    hub.tick()
    assert (ear.requests, hub.follow()) == ([], 0)


def test_a_disabled_webhook_is_resumed_by_another_key_and_is_well(hub):
    ear = hub.listen(replies=[answer(410), answer(204)])
    share(hub, 1)
    hub.tick()
    told = change(hub, ear, state="active")
    assert (told.state, told.reason, told.failing_since) == ("active", "", None)
    share(hub, 2)
    hub.tick()
    assert ear.types == ["signal.shared", "signal.shared"]


def test_during_a_renewal_both_secrets_sign_and_afterwards_the_new_one(hub):
    ear = hub.listen()
    old = ear.secret
    new = writes.renew(ear.id, by=ear.by, now=hub.now).secret
    share(hub, 1)
    hub.tick()
    for ear.secret in (old, new):
        assert len(ear.heard) == 1
    share(hub, 2)
    hub.now += rules.OVERLAP
    hub.tick()
    signatures = [headers["webhook-signature"].split(" ") for headers, _ in ear.requests]
    assert [len(one) for one in signatures] == [2, 1]


@pytest.mark.nightly
def test_a_receiver_that_knows_the_secret_before_two_renewals_is_not_cut_off(hub):
    ear = hub.listen()
    old = ear.secret
    writes.renew(ear.id, by=ear.by, now=hub.now)
    new = writes.renew(ear.id, by=ear.by, now=hub.now).secret
    share(hub, 1)
    hub.tick()
    for ear.secret in (old, new):
        assert len(ear.heard) == 1
    hub.now += rules.OVERLAP
    third = writes.renew(ear.id, by=ear.by, now=hub.now).secret
    share(hub, 2)
    hub.tick()
    signatures = [headers["webhook-signature"].split(" ") for headers, _ in ear.requests]
    assert [len(one) for one in signatures] == [3, 2]
    assert third != new


def test_secrets_that_sign_do_not_pile_up(hub):
    ear = hub.listen()
    for _ in range(rules.SECRETS - 1):
        writes.renew(ear.id, by=ear.by, now=hub.now)
    with pytest.raises(ConflictError, match="5 secrets of this webhook are valid already"):
        writes.renew(ear.id, by=ear.by, now=hub.now)
    hub.now += rules.OVERLAP
    writes.renew(ear.id, by=ear.by, now=hub.now)


def test_while_the_hub_knows_its_old_secret_what_came_of_it_signs_as_well(hub, settings):
    ear = hub.listen()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [settings.SECRET_KEY]
    share(hub, 1)
    hub.tick()
    assert len(ear.heard) == 1


def test_a_test_reaches_its_webhook_alone_also_while_it_is_paused(hub):
    ear, other = hub.listen("hold.met"), hub.listen()
    change(hub, ear, state="paused")
    made = writes.send_test(ear.id, by=ear.by, now=hub.now)
    hub.tick()
    assert (ear.types, ear.ids, other.requests) == (["webhook.test"], [str(made.id)], [])
    ((_, body),) = ear.requests
    assert json.loads(body)["data"] == {
        "webhook": str(ear.id),
        "hub": "https://hub.example",
        "exercise": False,
    }


@pytest.mark.nightly
def test_the_log_forgets_what_is_over(hub):
    ear = hub.listen(replies=[answer(204), answer(410)])
    share(hub, 1)
    hub.tick()
    share(hub, 2)
    hub.tick()
    assert writes_sending.forget_old(hub.now + timedelta(days=3)) == 0
    assert writes_sending.forget_old(hub.now + timedelta(days=4)) == 1
    assert hub.states(ear) == [("signal.shared", "stopped")]
    assert writes_sending.forget_old(hub.now + timedelta(days=31)) == 1


def test_a_delivery_that_is_not_there_is_not_noted(hub):
    assert not noted(hub, ClaimedDelivery(uuid4(), 1), None)


@pytest.mark.nightly
def test_a_party_with_much_to_send_is_served_beside_the_others_and_not_before(hub):
    ears = [hub.listen(party=hub.world.big_provider) for _ in range(10)]
    well = hub.listen(party=hub.world.agency)
    for number in range(1, 9):
        share(hub, number)
        hub.follow()
        Delivery.objects.filter(webhook__uid__in=[ear.id for ear in ears]).update(state="failed")
    hub.now += timedelta(seconds=1)
    Delivery.objects.filter(webhook__uid=well.id).update(next_at=hub.now)
    assert Delivery.objects.exclude(webhook__uid=well.id).count() == 80
    assert hub.last(well).uid in {one.delivery for one in claimed(hub, limit=8)}


def test_the_webhooks_of_a_suspended_party_wait_and_lose_nothing(hub):
    ear, other = hub.listen(party=hub.world.big_provider), hub.listen()
    suspend(hub.world.big_provider, agency=hub.world.agency, now=hub.now)
    share(hub, 1)
    hub.tick()
    assert (ear.ids, len(other.ids)) == ([], 1)
    lift(hub.world.big_provider, agency=hub.world.agency, now=hub.now)
    hub.tick()
    assert len(ear.ids) == 1
    assert hub.row(ear).state == "active"
