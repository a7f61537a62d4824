# SPDX-License-Identifier: Apache-2.0
"""Complaints about what was done because of a referral or a removal order."""

from datetime import timedelta
from uuid import uuid4

import pytest

from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.hub.rooms.complaints.reads import complaints as reads, redress as reads_redress
from stemtide.hub.rooms.complaints.writes import redress as writes_redress
from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.referrals.reads import referrals
from stemtide.hub.rooms.referrals.writes import referrals as writes
from stemtide.hub.rooms.signals.reads import signals
from stemtide.protocol.messages.referrals import TakeBackIn
from tests.hub.referrals.conftest import Desk
from tests.rounds import rounds
from tests.world import NOON, disputers, hex_value


@pytest.fixture
def desk(world):
    return Desk(world)


@pytest.fixture
def referral(bench, desk):
    """A referral of the authority with its signal, on which Big Video removed a film."""
    made = desk.refer(signals=(bench.signal.id,))
    desk.answer(made, "removed", measure_at=NOON)
    return made


def order(world, **facts):
    plain = {
        "uid": uuid4(),
        "reference": "RO-2026-00001",
        "state": "executed",
        "issued_by": world.authority,
        "addressee": world.big_provider,
        "drafted_at": NOON,
        "received_at": NOON,
    }
    return Order.objects.create(**(plain | facts))


def on_referral(bench, referral, **facts):
    return bench.complain(basis="referral", ground=referral.id, measure="removed", **facts)


def on_order(bench, found, **facts):
    return bench.complain(basis="order", ground=found.uid, measure="removed", **facts)


def test_an_upheld_complaint_about_a_referral_gives_the_content_back(bench, referral):
    complaint = on_referral(bench, referral)
    bench.take(complaint)
    done = bench.decide(complaint)
    assert (done.state, done.ground, done.redress) == ("upheld", referral.id, None)
    found = referrals.referral(referral.id, viewer=bench.world.authority)
    assert found.state == "reinstated"


def test_a_wrong_referral_asks_its_sender_and_disputes_the_signals_linked_to_it(bench, referral):
    done = bench.uphold(on_referral(bench, referral))
    assert (done.redress, done.asked_of) == ("asked", "be-crisis-centre")
    signal = signals.signal(bench.signal.id, viewer=bench.world.authority)
    assert disputers(signal) == ["big-video"]
    (asked,) = bench.asked()
    assert (asked.basis, asked.ground, asked.is_upheld) == ("referral", referral.id, True)


@pytest.mark.nightly
def test_the_sender_of_a_referral_withdraws_its_signals_with_it(bench, referral):
    complaint = bench.uphold(on_referral(bench, referral))
    assert bench.answer(complaint, keep=False).state == "granted"
    signal = signals.signal(bench.signal.id, viewer=bench.world.authority)
    assert (signal.state, signal.withdraw_reason) == ("withdrawn", "complaint_upheld")


EXEMPTIONS = [("news", "context"), ("none", "not_violating")]
"""And the reasons for which a referral is taken back then."""


@pytest.mark.parametrize(("exemption", "reason"), EXEMPTIONS[: rounds(1, nightly=None)])
def test_a_referral_whose_content_was_not_given_back_is_taken_back(bench, desk, exemption, reason):
    made = desk.refer()
    complaint = on_referral(bench, made)
    bench.take(complaint)
    facts = {"finding": "ground", "note": "It shows a fire.", "exemption": exemption}
    bench.decide(complaint, **facts)
    bench.answer(complaint, keep=False)
    found = referrals.referral(made.id, viewer=bench.world.authority)
    assert (found.state, found.take_back_reason) == ("withdrawn", reason)


def test_a_referral_that_goes_in_another_way_ends_the_question(bench, desk):
    made = desk.refer()
    complaint = bench.uphold(on_referral(bench, made))
    assert writes_redress.lapse_due(NOON) == 0
    body = TakeBackIn(reason="mistake")
    writes.take_back(made.id, body=body, by=desk.actor(), now=NOON)
    assert writes_redress.lapse_due(NOON) == 1
    assert reads_redress.redress(complaint.id, viewer=bench.world.authority).state == "moot"


def test_a_provider_complains_of_no_referral_that_it_did_not_get(bench, desk):
    others = desk.refer(provider="small-forum")
    assessed = desk.assess(url="https://video.example/2")
    for one in (others, assessed):
        with pytest.raises(InvalidError, match="no referral"):
            on_referral(bench, one)


def test_a_removal_order_is_obeyed_while_it_has_its_effect(bench):
    complaint = on_order(bench, order(bench.world))
    bench.take(complaint)
    with pytest.raises(ConflictError, match="a removal order binds you"):
        bench.decide(complaint)


def test_a_provider_that_obeys_with_doubts_asks_the_issuer(bench):
    filed = on_order(bench, order(bench.world))
    done = bench.reject(filed, note="They say that it is from a feature film.")
    assert (done.state, done.redress, done.asked_of) == ("rejected", "asked", "be-crisis-centre")
    (asked,) = bench.asked()
    assert (asked.basis, asked.is_upheld) == ("order", False)
    kept = bench.answer(filed, keep=True, reason="It is the attack itself, seconds 12 to 40.")
    assert kept.state == "kept"
    assert bench.accept(filed).redress == "accepted"


def test_a_rejected_complaint_about_an_order_asks_nobody_without_a_note(bench):
    assert bench.reject(on_order(bench, order(bench.world))).redress is None
    assert bench.reject(bench.complain(), note="Nothing to ask.").redress is None


def test_a_complaint_is_upheld_once_its_order_lost_its_effect(bench):
    gone = order(bench.world, state="undone", ended_at=NOON)
    gone.signals.set(
        signals.find(bench.signal.id, viewer=bench.world.authority).__class__.objects.all()
    )
    done = bench.uphold(on_order(bench, gone))
    assert (done.state, done.redress) == ("upheld", "asked")
    viewer = bench.world.authority
    assert disputers(signals.signal(bench.signal.id, viewer=viewer)) == ["big-video"]


def test_nobody_is_told_of_an_order_that_is_kept_from_them(bench):
    secret = order(bench.world, secret_until=NOON + timedelta(weeks=6))
    with pytest.raises(InvalidError, match="must stay secret until 2027-01-05"):
        on_order(bench, secret)
    told = on_order(bench, order(bench.world, reference="RO-2026-00002", secret_until=NOON))
    assert told.basis == "order"


def test_a_provider_complains_of_no_order_that_it_did_not_get(bench):
    world = bench.world
    others = order(world, addressee=world.small_provider)
    sent = order(world, reference="RO-2026-00002", received_at=None)
    for one in (others, sent):
        with pytest.raises(InvalidError, match="no removal order"):
            on_order(bench, one)


def test_ones_own_signal_in_a_referral_is_withdrawn_and_anothers_disputed(bench, desk):
    own = bench.world.share(bench.world.big_provider, value=hex_value(2))
    made = desk.refer(signals=(bench.signal.id, own.id))
    bench.uphold(on_referral(bench, made))
    viewer = bench.world.authority
    assert signals.signal(own.id, viewer=viewer).state == "withdrawn"
    assert disputers(signals.signal(bench.signal.id, viewer=viewer)) == ["big-video"]


def test_whoever_complains_reads_of_an_order_only_that_there_was_one(bench):
    found = order(bench.world)
    made = bench.link(basis="order", ground=found.uid, measure="removed")
    told = reads.linked(made.token, now=NOON).model_dump_json()
    assert "RO-2026" not in told
    assert "Belgian" not in told
