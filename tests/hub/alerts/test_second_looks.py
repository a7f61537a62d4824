# SPDX-License-Identifier: Apache-2.0
"""Alerts that an act waits for a second look: to whom, how they sum up, and when they end."""

import pytest

from stemtide.hub.rooms.alerts.models import Alert
from stemtide.hub.rooms.alerts.reads import alerts as reads
from stemtide.hub.rooms.alerts.rules.alerts import AlertState
from stemtide.hub.rooms.alerts.writes import alerts
from stemtide.hub.rooms.approvals.reads import approvals
from stemtide.hub.rooms.approvals.writes import approvals as writes
from stemtide.hub.rooms.signals.writes import signals
from stemtide.protocol.approvals import ApproveIn, RefuseIn
from tests.world import NOON, signal_in

pytestmark = pytest.mark.django_db


def ask(world, number=1, *, by=None, ref="key:abc", **facts):
    """Share a folder, which waits; return what waits."""
    by = by or world.small_provider
    value = f"https://bad.example/video/{number}/"
    body = signal_in(**{"kind": "url", "value": value, "reach": "folder"} | facts)
    signals.share(body, by=by, now=NOON, actor_ref=ref)
    return approvals.approvals(viewer=by, state="waiting").approvals[0]


def alerted(kind="second_look_waits"):
    """The open alerts of a kind: to whom, and about how many things."""
    while alerts.raise_from_ledger(NOON):
        pass
    rows = Alert.objects.filter(kind=kind, state=AlertState.OPEN).select_related("party")
    return sorted((row.party.name, row.parameters["count"]) for row in rows)


def decider(world):
    return world.actor(world.agency, role="coordinator", ref="person:9")


def test_the_agency_and_the_authority_of_the_state_are_alerted_and_a_second_person(world):
    world.person(world.small_provider)
    ask(world)
    assert alerted() == [("eu-referral-unit", "1"), ("fr-referral-unit", "1"), ("small-forum", "1")]


def test_who_asked_and_has_no_colleague_is_not_alerted(world):
    person = world.person(world.small_provider)
    ask(world, ref=person.ref)
    assert [name for name, _ in alerted()] == ["eu-referral-unit", "fr-referral-unit"]


def test_an_authority_is_alerted_only_of_what_its_marks_show_it(world):
    ask(world, audience=("big-video", "eu-referral-unit"))
    assert alerted() == [("eu-referral-unit", "1")]


def test_many_signals_are_one_alert_that_ends_when_all_is_decided(world):
    first = ask(world)
    ask(world, 2)  # it joins the first
    second = ask(world, 3, ref="key:other")
    assert ("eu-referral-unit", "2") in alerted()
    for waiting, left in ((first, [("eu-referral-unit", "1")]), (second, [])):
        count = approvals.approval(waiting.id, viewer=world.agency).count
        writes.approve(waiting.id, body=ApproveIn(count=count), by=decider(world), now=NOON)
        assert [row for row in alerted() if row[0] == "eu-referral-unit"] == left
    assert Alert.objects.filter(kind="second_look_waits", state=AlertState.OVERTAKEN).exists()


def test_taking_back_one_of_two_signals_does_not_end_the_alert(world):
    waiting = ask(world)
    ask(world, 2)
    assert alerted()
    out = approvals.approval(waiting.id, viewer=world.small_provider)
    row = approvals.waiting_signal(out.signals[0].id, viewer=world.small_provider)
    writes.take_back_signal(row, by=world.actor(world.small_provider), now=NOON)
    assert ("eu-referral-unit", "1") in alerted()


def test_what_was_done_at_once_is_urgent_and_climbs_the_ladder(world):
    crisis = world.activate()
    ask(world, by=world.authority, crisis=crisis.id)
    assert alerted() == []
    assert ("eu-referral-unit", "1") in alerted("second_look_due")
    row = Alert.objects.get(kind="second_look_due", party=world.agency)
    assert (row.urgency, row.step_due is not None) == ("now", True)


def test_the_sharer_is_told_that_it_was_refused_and_why(world):
    waiting = ask(world)
    writes.refuse(waiting.id, body=RefuseIn(note="a newspaper"), by=decider(world), now=NOON)
    assert alerted("second_look_ended") == [("small-forum", "1")]
    (row,) = reads.alerts(viewer=world.small_provider)
    assert "EU Internet Referral Unit" in row.text
    assert "a newspaper" in row.text


def test_the_sharer_is_told_that_nobody_decided(world):
    ask(world)
    writes.expire_due(world.at(hours=24))
    assert (alerted(), alerted("second_look_ended")) == ([], [("small-forum", "1")])
