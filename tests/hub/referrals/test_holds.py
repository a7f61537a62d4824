# SPDX-License-Identifier: Apache-2.0
"""Holds: who asks for one, what it stops, and who is told."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.referrals.models import Hold
from stemtide.hub.rooms.referrals.reads import holds as reads_holds
from stemtide.hub.rooms.referrals.rules import holds as rules
from stemtide.hub.rooms.referrals.writes import holds as writes_holds, referrals as writes
from stemtide.hub.scheduler import run_once
from stemtide.protocol.enums import PartyKind, Role
from stemtide.protocol.enums.referrals import HoldState
from stemtide.protocol.messages.holds import ExtendIn, HoldIn
from stemtide.protocol.messages.referrals import DropIn
from tests.hub.referrals.conftest import URL
from tests.hub.referrals.test_referrals import NO, YES, By, allowed
from tests.world import NOON, hex_value

EMERGENCY = "A child is shown where it lives."


@pytest.mark.parametrize(
    ("kind", "role", "may"),
    [
        ("authority", None, YES),
        ("authority", "duty_officer", YES),
        ("authority", "coordinator", YES),
        ("authority", "analyst", NO),
        ("authority", "administrator", NO),
        ("authority", "data_protection_officer", NO),
        ("authority", "observer", NO),
        ("agency", "duty_officer", YES),
        ("agency", "analyst", NO),
        ("provider", "duty_officer", NO),
        ("provider", None, NO),
        ("consortium", "duty_officer", NO),
        ("observer", "duty_officer", NO),
    ],
)
def test_who_asks_for_a_hold(kind, role, may):
    assert may is allowed(rules.check_place, kind=PartyKind(kind), role=role and Role(role))


@pytest.mark.parametrize(
    ("state", "name", "role", "extend", "lift"),
    [
        ("placed", "fr", None, YES, YES),
        ("placed", "fr", "duty_officer", YES, YES),
        ("placed", "fr", "coordinator", YES, YES),
        ("placed", "fr", "analyst", NO, NO),
        ("placed", "fr", "administrator", NO, NO),
        ("placed", "fr", "observer", NO, NO),
        ("placed", "be", "duty_officer", NO, NO),
        ("lifted", "fr", "duty_officer", NO, NO),
        ("expired", "fr", "duty_officer", NO, NO),
    ],
)
def test_how_a_hold_moves(state, name, role, extend, lift):
    facts = rules.HoldFacts(state=HoldState(state), holder="fr")
    by = By(name, role)
    found = [allowed(rules.check_move, facts, verb, by=by) for verb in ("extend", "lift")]
    assert found == [extend, lift]


@pytest.mark.parametrize(
    ("name", "kind", "may"),
    [
        ("fr", "authority", YES),
        ("be", "authority", NO),
        ("eu", "agency", YES),
        ("b", "provider", NO),
    ],
)
def test_who_sees_a_hold_as_such(name, kind, may):
    facts = rules.HoldFacts(state=HoldState.PLACED, holder="fr")
    assert rules.may_see(facts, name=name, kind=PartyKind(kind)) is may


@pytest.mark.parametrize(
    ("later", "may"),
    [
        (timedelta(minutes=-1), NO),
        (timedelta(minutes=4), NO),
        (timedelta(minutes=5), YES),
        (timedelta(days=7), YES),
        (timedelta(days=7, seconds=1), NO),
    ],
)
def test_a_hold_is_short(later, may):
    assert allowed(rules.check_until, NOON + later, now=NOON) is may


def test_a_hold_is_of_something():
    with pytest.raises(ValidationError, match="url"):
        HoldIn(until=NOON, reason="evidence", contact="the duty desk")


def test_of_an_address_only_a_digest_is_kept(desk):
    held = desk.hold()
    row = Hold.objects.get()
    assert len(row.digest) == 64
    assert "video.example" not in str(vars(row))
    assert held.case_reference == "PARQUET 26-4711"
    viewer = desk.world.agency
    assert reads_holds.hold(held.id, viewer=viewer).case_reference == ""
    with pytest.raises(NotFoundError):
        reads_holds.hold(held.id, viewer=desk.world.authority)
    assert "PARQUET" not in str(list(Entry.objects.values_list("detail", flat=True)))


def test_a_search_tells_whose_hold_it_is_and_nothing_of_the_case(desk):
    desk.hold()
    found = desk.search(url="hxxps://video[.]example/watch?v=1")
    assert found.is_held
    one = found.findings[0]
    assert (one.kind, one.party, one.reason) == ("held", "fr-referral-unit", "investigation")
    assert one.contact == "+33 1 5555 0100, duty desk"
    assert "PARQUET" not in found.model_dump_json()


def test_a_referral_that_meets_a_hold_waits_and_both_sides_learn_of_it(desk):
    held = desk.hold()
    waits = desk.refer()
    assert (waits.state, waits.held_at, waits.sent_at) == ("held", NOON, None)
    with pytest.raises(NotFoundError):
        desk.look(waits, "big_provider")
    met = Entry.objects.get(kind="hold.met")
    assert (met.subject, met.detail["party"]) == (f"hold:{held.id}", "party:fr-referral-unit")
    assert reads_holds.hold(held.id, viewer=desk.world.other_authority).met == 1
    with pytest.raises(ConflictError, match="duty desk"):
        desk.send(waits)


def test_when_a_hold_is_lifted_the_sender_is_told_and_decides_again(desk):
    held = desk.hold()
    waits = desk.refer()
    by = desk.actor("other_authority")
    assert writes_holds.lift(held.id, by=by, now=desk.world.at(hours=1)).state == "lifted"
    found = desk.look(waits)
    assert (found.state, found.freed_at, found.sent_at) == (
        *("assessed", desk.world.at(hours=1)),
        None,
    )
    freed = Entry.objects.get(kind="referral.freed")
    assert freed.detail == {"party": "party:be-crisis-centre"}
    assert desk.send(waits, now=desk.world.at(hours=2)).state == "sent"


def test_when_a_hold_runs_out_the_clock_frees_what_waited(desk):
    desk.hold(hours=2)
    waits = desk.refer()
    assert run_once(desk.world.at(hours=1)).holds == 0
    assert run_once(desk.world.at(hours=2)).holds == 1
    assert run_once(desk.world.at(hours=3)).holds == 0
    assert desk.look(waits).state == "assessed"
    assert Hold.objects.get().state == "expired"
    kinds = desk.world.ledger_kinds()
    assert kinds.count("hold.expired") == kinds.count("referral.freed") == 1


def test_two_holds_are_both_waited_for(desk):
    first, second = desk.hold(), desk.hold("agency")
    waits = desk.refer()
    writes_holds.lift(first.id, by=desk.actor("other_authority"), now=NOON)
    assert desk.look(waits).state == "held"
    writes_holds.lift(second.id, by=desk.actor("agency"), now=NOON)
    assert desk.look(waits).state == "assessed"


def test_a_hold_that_is_over_stops_nothing_even_before_the_clock_looks(desk):
    desk.hold(hours=1)
    waits = desk.refer()
    later = desk.world.at(hours=2)
    assert desk.send(waits, now=later).state == "sent"
    assert desk.refer(url="https://video.example/2", now=later).state == "sent"


def test_an_emergency_overrides_a_hold_and_its_holder_is_told(desk):
    held = desk.hold()
    waits = desk.refer()
    with pytest.raises(InvalidError, match="emergency"):
        desk.send(waits, override="now")
    with pytest.raises(NotAllowedError):
        desk.send(waits, override=EMERGENCY, role="analyst")
    sent = desk.send(waits, override=EMERGENCY)
    assert (sent.state, sent.override) == ("sent", EMERGENCY)
    entry = Entry.objects.get(kind="hold.overridden")
    assert entry.detail["party"] == "party:fr-referral-unit"
    viewer = desk.world.other_authority
    found = reads_holds.hold(held.id, viewer=viewer)
    assert (found.met, found.overridden) == (0, 1)
    assert desk.look(sent, "big_provider").override == ""


def test_an_emergency_may_be_said_at_once(desk):
    desk.hold()
    assessed = desk.assess()
    assert desk.send(assessed, override=EMERGENCY).state == "sent"


def test_a_word_of_emergency_without_a_hold_changes_nothing(desk):
    sent = desk.send(desk.assess(), override=EMERGENCY)
    assert (sent.state, sent.override) == ("sent", "")


def test_a_referral_that_waits_may_be_dropped(desk):
    desk.hold()
    waits = desk.refer()
    body = DropIn(reason="investigation")
    assert writes.drop(waits.id, body=body, by=desk.actor(), now=NOON).state == "not_referred"


def test_a_hold_extended_stands_longer_but_never_more_than_a_week_ahead(desk):
    held = desk.hold(hours=2)
    by, later = desk.actor("other_authority"), desk.world.at(hours=1)
    body = ExtendIn(until=desk.world.at(days=7, hours=1))
    assert writes_holds.extend(held.id, body=body, by=by, now=later).state == "placed"
    assert run_once(desk.world.at(days=7)).holds == 0
    body = ExtendIn(until=desk.world.at(days=8, hours=2))
    with pytest.raises(InvalidError, match="until"):
        writes_holds.extend(held.id, body=body, by=by, now=later)


def test_a_hold_of_a_signal_is_met_by_its_content_wherever_it_is(desk):
    signal = desk.world.share(desk.world.other_authority)
    same = desk.world.share()
    desk.hold(url="", signal=signal.id)
    assert desk.refer(url="https://video.example/elsewhere", signals=(same.id,)).state == "held"
    assert desk.refer(url="https://video.example/another").state == "sent"
    assert desk.search(url="https://video.example/x", signals=(same.id,)).is_held


def test_a_hold_of_the_signal_of_an_address_is_met_by_the_address(desk):
    signal = desk.world.share(desk.world.other_authority, kind="url", value=URL)
    desk.hold(url="", signal=signal.id)
    assert desk.refer().state == "held"


def test_a_hold_of_an_exercise_holds_nothing_real(desk):
    desk.hold(exercise=True)
    assert desk.refer().state == "sent"
    signal = desk.world.share(desk.world.other_authority)
    with pytest.raises(InvalidError, match="exercise"):
        desk.hold(url="", signal=signal.id, exercise=True)


def test_a_signal_that_the_holder_may_not_see_cannot_be_held(desk):
    secret = desk.world.share(tlp="red", audience=("eu-referral-unit",))
    with pytest.raises(InvalidError) as refused:
        desk.hold(url="", signal=secret.id)
    assert refused.value.field == "signal"


def test_what_was_sent_is_not_called_back_but_both_sides_are_told(desk):
    signal = desk.world.share()
    sent = desk.refer(signals=(signal.id,))
    desk.hold(signal=signal.id)
    assert desk.look(sent).state == "sent"
    told = {
        (one.kind, one.detail["party"])
        for one in Entry.objects.filter(kind__in=["hold.met", "referral.overlapped"])
    }
    assert told == {
        ("hold.met", "party:fr-referral-unit"),
        ("referral.overlapped", "party:be-crisis-centre"),
    }


def test_holds_that_stand_come_first_the_next_to_end_first(desk):
    later = desk.hold(hours=9)
    soon = desk.hold(hours=3, url="https://video.example/2")
    over = desk.hold(hours=1, url="https://video.example/3")
    run_once(desk.world.at(hours=2))
    viewer = desk.world.other_authority
    found = reads_holds.holds(viewer=viewer)
    assert [one.id for one in found] == [soon.id, later.id, over.id]
    assert [one.id for one in reads_holds.holds(viewer=viewer, is_open=False)] == [over.id]
    assert len(reads_holds.holds(viewer=viewer, is_open=True)) == 2
    assert reads_holds.holds(viewer=desk.world.authority) == []


@pytest.mark.nightly
def test_near_pictures_of_a_crisis_are_one_content(desk):
    crisis = desk.world.activate()
    desk.world.join(crisis, desk.world.other_authority)
    value = hex_value(7)
    near = f"{int(value, 16) ^ 1:064x}"
    mine = desk.world.share(value=value, crisis=crisis.id)
    theirs = desk.world.share(desk.world.other_authority, value=near, crisis=crisis.id)
    desk.hold(url="", signal=theirs.id)
    assert desk.refer(signals=(mine.id,)).state == "held"
