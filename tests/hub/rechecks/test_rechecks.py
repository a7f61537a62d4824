# SPDX-License-Identifier: Apache-2.0
"""Re-checks follow what providers say, on a schedule, and tell both sides."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from stemtide.egress.probe import Probe, ProbeFailure
from stemtide.hub.platform.errors import ConflictError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.alerts.reads import alerts
from stemtide.hub.rooms.alerts.writes import alerts as alert_writes
from stemtide.hub.rooms.rechecks import reads, rules, writes
from stemtide.hub.rooms.rechecks.models import Recheck
from stemtide.hub.rooms.referrals.models import Referral
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.writes import outcomes as writes_outcomes
from stemtide.protocol.enums.rechecks import Verdict
from tests.hub.rechecks.conftest import PAGE
from tests.world import NOON, outcome, report_of

QUARTER = NOON + timedelta(minutes=15)
DAY = NOON + timedelta(days=1)
WEEK = NOON + timedelta(days=7)


@pytest.mark.parametrize(
    ("state", "is_checked"),
    [
        *(("assessed", False), ("held", False), ("not_referred", False), ("sent", False)),
        *(("acknowledged", False), ("needs_context", False), ("removed", True)),
        *(("disabled", True), ("geo_blocked", False), ("refused", False)),
        *(("not_found", False), ("reinstated", False), ("withdrawn", False)),
    ],
)
def test_a_referral_is_checked_once_its_provider_says_gone(requests, state, is_checked):
    assert requests.referral(state=state).rechecks.exists() is is_checked


@pytest.mark.parametrize(
    ("state", "is_checked"),
    [
        *(("drafted", False), ("discarded", False), ("issued", False), ("received", False)),
        *(("suspended", False), ("executed", True), ("withdrawn", False)),
        *(("annulled", False), ("undone", False), ("reinstated", False)),
    ],
)
def test_an_order_is_checked_once_it_is_executed(requests, state, is_checked):
    assert requests.order(state=state).rechecks.exists() is is_checked


def test_every_address_of_an_order_is_checked_once(requests):
    order = requests.order("https://a.example/1", "https://b.example/2", "no address at all")
    requests.becomes(order, "executed", kind="order.answered")
    rows = order.rechecks.order_by("place")
    assert [(one.place, one.url, one.host) for one in rows] == [
        (0, "https://a.example/1", "a.example"),
        (1, "https://b.example/2", "b.example"),
        (2, "no address at all", ""),
    ]
    assert {one.next_at for one in rows} == {QUARTER}


def test_nothing_new_in_the_ledger_is_nothing_to_do(requests):
    requests.referral()
    assert writes.follow_requests(NOON) == 0


def test_what_is_reinstated_or_withdrawn_is_checked_no_more(requests):
    referral = requests.referral()
    requests.becomes(referral, "reinstated")
    row = requests.recheck(referral)
    assert (row.next_at, row.ended_at) == (None, NOON + timedelta(hours=1))
    assert writes.claim_due(WEEK, limit=9) == []


def test_what_is_said_to_be_gone_again_is_checked_again_and_keeps_its_visits(requests):
    referral = requests.referral()
    requests.note(requests.recheck(referral), 404, now=QUARTER)
    requests.becomes(referral, "sent")
    requests.becomes(referral, "removed")
    row = requests.recheck(referral)
    assert (row.ended_at, row.next_at, row.visits.count()) == (None, QUARTER, 1)


def test_a_recheck_is_of_exactly_one_request(requests):
    referral, order = requests.referral(), requests.order()
    facts = {"place": 5, "url": PAGE, "host": "", "since": NOON}
    for of in ({"referral": referral, "order": order}, {}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Recheck.objects.create(uid=referral.uid, **of, **facts)
    with pytest.raises(ValueError, match="of no request"):
        _ = Recheck(uid=referral.uid).request


# Visits


def test_visits_come_on_their_schedule_and_are_kept(requests, world):
    row = requests.recheck(requests.referral())
    assert writes.claim_due(QUARTER - timedelta(seconds=1), limit=9) == []
    for moment in (QUARTER, DAY, WEEK, NOON + timedelta(days=30)):
        row = requests.note(row, 404, now=moment)
    told = reads.recheck(row.uid, viewer=world.authority)
    assert [one.at for one in told.visits][-1] == QUARTER
    assert [one.status for one in told.visits] == [404] * 4
    assert (told.verdict, told.gone_at, told.next_at) == (Verdict.GONE, QUARTER, None)
    assert world.ledger_kinds().count("recheck.confirmed") == 1


def test_what_was_gone_and_is_there_again_is_recorded_as_returned(requests, world):
    row = requests.note(requests.recheck(requests.order()), 404, now=QUARTER)
    row = requests.note(row, 200, now=DAY, content_type="video/mp4")
    assert (row.verdict, row.returned_at) == ("there", DAY)
    entry = world.last_entry()
    assert (entry.kind, entry.actor) == ("recheck.returned", "clock")
    assert entry.detail["parties"] == ["be-crisis-centre", "big-video"]
    assert entry.detail["reason"] == "answers"
    assert PAGE not in str(entry.detail)
    row = requests.note(row, 410, now=WEEK)
    assert (row.verdict, row.gone_at, row.returned_at) == ("gone", QUARTER, DAY)
    assert world.last_entry().kind == "recheck.confirmed"


def test_what_is_unclear_changes_nothing_that_was_clear(requests, world):
    row = requests.note(requests.recheck(requests.order()), 404, now=QUARTER)
    row = requests.note(row, 503, now=DAY)
    assert (row.verdict, row.reason, row.settled) == ("unclear", "busy", "gone")
    assert row.next_at == DAY + timedelta(hours=1)
    row = requests.note(row, 404, now=DAY + timedelta(hours=1))
    assert (row.repeats, row.next_at) == (0, WEEK)
    assert world.ledger_kinds().count("recheck.confirmed") == 1


def test_what_cannot_be_reached_is_unclear_with_its_reason(requests, world):
    row = requests.recheck(requests.referral())
    row = requests.note(row, now=QUARTER, trouble=ProbeFailure.REFUSED, words="inside")
    (visit,) = reads.recheck(row.uid, viewer=world.big_provider).visits
    assert (visit.verdict, visit.reason, visit.status) == ("unclear", "refused", None)
    assert "recheck" not in "".join(world.ledger_kinds())


def test_a_visit_is_made_by_one_clock(requests):
    requests.referral()
    first = writes.claim_due(QUARTER, limit=9)
    assert (len(first), writes.claim_due(QUARTER, limit=9)) == (1, [])


def test_a_clock_that_died_leaves_its_visit_to_another(requests):
    requests.referral()
    (lost,) = writes.claim_due(QUARTER, limit=9)
    later = QUARTER + rules.LEASE
    (again,) = writes.claim_due(later, limit=9)
    seen = Probe(lost.url, status=404)
    found = rules.judge(seen, url=lost.url)
    assert not writes.note(lost, response=seen, finding=found, now=later)
    assert writes.note(again, response=seen, finding=found, now=later)


def test_a_visit_of_what_ended_meanwhile_is_not_noted(requests):
    referral = requests.referral()
    (errand,) = writes.claim_due(QUARTER, limit=9)
    requests.becomes(referral, "withdrawn")
    seen = Probe(errand.url, status=404)
    found = rules.judge(seen, url=errand.url)
    assert not writes.note(errand, response=seen, finding=found, now=QUARTER)


def test_one_host_gets_so_many_visits_a_minute_and_others_do_not_wait(requests):
    for number in range(25):
        requests.referral(f"https://busy.example/{number}")
    requests.referral("https://calm.example/1")
    Referral.objects.update(answered_at=NOON)
    first = writes.claim_due(QUARTER, limit=100)
    hosts = [one.url.split("/")[2] for one in first]
    assert (hosts.count("busy.example"), hosts.count("calm.example")) == (20, 1)
    assert writes.claim_due(QUARTER + timedelta(seconds=59), limit=100) == []
    assert len(writes.claim_due(QUARTER + timedelta(seconds=61), limit=100)) == 5


def test_no_more_are_taken_than_asked_for(requests):
    for number in range(5):
        requests.referral(f"https://busy.example/{number}")
    assert len(writes.claim_due(QUARTER, limit=3)) == 3


# Who sees and asks


def seen_by(world, row):
    found = set()
    for party in world.everyone:
        try:
            reads.recheck(row.uid, viewer=party)
        except NotFoundError:
            continue
        found.add(party.name)
    return found


def test_both_sides_of_a_referral_and_agencies_see_its_recheck(requests, world):
    row = requests.recheck(requests.referral())
    assert seen_by(world, row) == {"be-crisis-centre", "big-video", "eu-referral-unit"}


def test_who_has_a_copy_of_an_order_sees_its_recheck_too(requests, world):
    row = requests.recheck(requests.order(copied=[world.other_authority]))
    assert seen_by(world, row) == {"be-crisis-centre", "big-video", "fr-referral-unit"}


def test_lists_are_narrowed_by_request_and_verdict(requests, world):
    referral, order = requests.referral(), requests.order()
    row = requests.recheck(order)
    Recheck.objects.filter(pk=row.pk).update(verdict="there", returned_at=NOON)

    def listed(**asked):
        return [one.reference for one in reads.rechecks(viewer=world.authority, **asked)]

    assert listed() == ["RO-2026-00002", "RF-2026-00001"]
    assert listed(referral=referral.uid) == ["RF-2026-00001"]
    assert listed(order=order.uid) == ["RO-2026-00002"]
    assert listed(verdict=Verdict.THERE) == listed(returned=True) == ["RO-2026-00002"]
    assert listed(returned=False) == ["RF-2026-00001"]
    assert listed(limit=1) == ["RO-2026-00002"]
    assert [one.reference for one in reads.rechecks(viewer=world.agency)] == ["RF-2026-00001"]
    assert reads.rechecks(viewer=world.other_authority) == []


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (None, True),
        ("duty_officer", True),
        ("analyst", True),
        ("coordinator", True),
        ("administrator", True),
        ("observer", False),
        ("data_protection_officer", False),
    ],
)
def test_who_may_ask_for_a_visit(requests, world, role, may):
    row = requests.recheck(requests.referral())
    by = world.actor(role=role)
    if not may:
        with pytest.raises(NotAllowedError):
            writes.ask(row.uid, by=by, now=NOON)
        return
    assert writes.ask(row.uid, by=by, now=NOON).next_at == NOON
    assert world.last_entry().kind == "recheck.requested"


def test_a_visit_that_was_asked_for_says_by_whom(requests, world):
    row = requests.recheck(requests.referral())
    writes.ask(row.uid, by=world.actor(world.big_provider), now=NOON)
    requests.note(row, 404, now=NOON)
    told = reads.recheck(row.uid, viewer=world.authority)
    assert told.visits[0].asked_by == "big-video"
    assert told.next_at == QUARTER


def test_only_the_two_sides_ask(requests, world):
    row = requests.recheck(requests.order(copied=[world.other_authority]))
    with pytest.raises(NotAllowedError, match="two sides"):
        writes.ask(row.uid, by=world.actor(world.other_authority), now=NOON)
    with pytest.raises(NotFoundError):
        writes.ask(row.uid, by=world.actor(world.small_provider), now=NOON)


def test_nobody_drives_a_host_mad_by_asking(requests, world):
    referral = requests.referral()
    row = requests.recheck(referral)
    by = world.actor()
    writes.ask(row.uid, by=by, now=NOON)
    with pytest.raises(ConflictError, match="already due"):
        writes.ask(row.uid, by=by, now=NOON)
    requests.note(row, 404, now=NOON)
    with pytest.raises(ConflictError, match="less than a minute"):
        writes.ask(row.uid, by=by, now=NOON + timedelta(seconds=59))
    writes.ask(row.uid, by=by, now=NOON + timedelta(seconds=60))
    requests.becomes(referral, "reinstated")
    with pytest.raises(ConflictError, match="no longer reports"):
        writes.ask(row.uid, by=by, now=WEEK)


# What agents met again


def met(signal, count, *, party):
    body = report_of(outcome(signal.id, count=count))
    writes_outcomes.report_outcomes(body, by=party, now=NOON)


def test_uploads_that_agents_met_since_the_removal_are_counted(requests, world):
    signal = world.share(tlp="green")
    met(signal, 7, party=world.big_provider)
    row = requests.recheck(requests.referral(signals=Signal.objects.all()))
    met(signal, 2, party=world.big_provider)
    met(signal, 3, party=world.small_provider)
    told = reads.recheck(row.uid, viewer=world.authority).met_again
    assert (told.total, told.providers) == (5, {"big-video": 2, "small-forum": 3})
    told = reads.recheck(row.uid, viewer=world.big_provider).met_again
    assert (told.total, told.providers) == (5, {"big-video": 2})


def follow(now=NOON):
    while writes.follow_requests(now):
        pass
    writes.follow_requests(now)


def test_the_first_upload_since_the_removal_is_noted_once_for_both_sides(requests, world):
    signal = world.share(tlp="green")
    met(signal, 7, party=world.big_provider)
    row = requests.recheck(requests.referral(signals=Signal.objects.all()))
    other = requests.recheck(requests.order())
    follow()
    assert Recheck.objects.get(pk=row.pk).met_at is None
    for _ in range(2):
        met(signal, 1, party=world.small_provider)
        follow(NOON + timedelta(minutes=1))
    assert world.ledger_kinds().count("recheck.met") == 1
    told = reads.recheck(row.uid, viewer=world.authority).met_again
    assert (told.total, told.noted_at) == (2, NOON + timedelta(minutes=1))
    assert Recheck.objects.get(pk=other.pk).met_at is None
    assert {(party, kind) for party, kind, _ in alerted(world)} >= {
        ("be-crisis-centre", "uploaded_again"),
        ("big-video", "uploaded_again"),
    }


def test_who_may_not_see_a_linked_signal_learns_of_no_upload_of_it(requests, world):
    signal = world.share(tlp="red", audience=("be-crisis-centre", "small-forum"))
    row = requests.recheck(requests.referral(signals=Signal.objects.all()))
    met(signal, 3, party=world.small_provider)
    follow()
    assert reads.recheck(row.uid, viewer=world.authority).met_again.total == 3
    assert reads.recheck(row.uid, viewer=world.big_provider).met_again is None
    told = {party for party, kind, _ in alerted(world) if kind == "uploaded_again"}
    assert told == {"be-crisis-centre"}


def test_what_was_undone_is_no_upload_that_was_met(requests, world):
    signal = world.share(tlp="green")
    row = requests.recheck(requests.order())
    row.order.signals.set(Signal.objects.all())
    body = report_of(outcome(signal.id, outcome="reversed", count=4))
    writes_outcomes.report_outcomes(body, by=world.big_provider, now=NOON)
    follow()
    assert Recheck.objects.get(pk=row.pk).met_at is None
    met(signal, 1, party=world.big_provider)
    follow()
    assert Recheck.objects.get(pk=row.pk).met_at == NOON


def test_a_request_without_signals_says_nothing_of_uploads(requests, world):
    row = requests.recheck(requests.referral())
    assert reads.recheck(row.uid, viewer=world.authority).met_again is None


# Alerts


def alerted(world):
    alert_writes.raise_from_ledger(NOON)
    return {
        (party.name, one.kind, one.title)
        for party in world.everyone
        for one in alerts.alerts(viewer=party)
    }


def test_both_sides_are_alerted_of_what_is_still_there(requests, world):
    row = requests.note(
        requests.recheck(requests.order()), 200, now=QUARTER, content_type="video/mp4"
    )
    words = "Still there: RO-2026-00001"
    assert alerted(world) == {
        ("be-crisis-centre", "still_there", words),
        ("big-video", "still_there", words),
    }
    requests.note(row, 404, now=DAY)
    alert_writes.raise_from_ledger(NOON)
    assert {one.state for one in alerts.alerts(viewer=world.authority)} == {"overtaken"}


def test_both_sides_are_alerted_of_what_came_back_without_its_address(requests, world):
    row = requests.note(requests.recheck(requests.referral()), 404, now=QUARTER)
    requests.note(row, 200, now=DAY, content_type="video/mp4")
    found = alerted(world)
    assert {(party, kind) for party, kind, _ in found} == {
        ("be-crisis-centre", "came_back"),
        ("big-video", "came_back"),
    }
    assert "video.example" not in str(found)
