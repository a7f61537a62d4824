# SPDX-License-Identifier: Apache-2.0
"""Withdrawals and disputes beyond those of a day wait for a second person. Decision 0119."""

import pytest

from stemtide.hub.platform.errors import NotAllowedError
from stemtide.hub.rooms.approvals.reads import approvals
from stemtide.hub.rooms.approvals.writes import approvals as writes
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.rooms.signals.writes import signals
from stemtide.protocol.approvals import ApproveIn, RefuseIn
from stemtide.protocol.messages.signals import OpinionIn, WithdrawIn
from stemtide.protocol.trust.second_look import EndsADay, second_look
from tests.rounds import at_night, some_of
from tests.world import NOON, hex_value

pytestmark = pytest.mark.django_db
MISTAKE = WithdrawIn(reason="mistake")
WRONG = OpinionIn(opinion="dispute", note="the evening news")


@pytest.fixture(autouse=True)
def one_a_day(monkeypatch):
    """A table by which a party withdraws one signal a day unseen, and stops one."""
    table = second_look().model_copy(update={"ends_a_day": EndsADay(number=1)})
    place = "stemtide.hub.rooms.signals.writes.mass_ends.second_look"
    monkeypatch.setattr(place, lambda: table)


def share(world, count=3, *, by=None, **facts):
    return [world.share(by, value=hex_value(number), **facts).id for number in range(count)]


def withdraw(world, uids, *, by=None, ref="key:abc", **more):
    by = by or world.authority
    return [
        signals.withdraw(uid, body=MISTAKE, by=by, now=NOON, actor_ref=ref, **more) for uid in uids
    ]


def states(world, uids):
    """Each signal's state, and whether a live one is stopped everywhere."""
    rows = [reads.signal(uid, viewer=world.agency) for uid in uids]
    return [(row.state, row.disputed and row.state == "live") for row in rows]


def waiting(world):
    (act,) = approvals.approvals(viewer=world.agency, state="waiting").approvals
    return act


def decide(world, write, body, *, ref="person:9", now=NOON):
    by = world.actor(world.agency, role="coordinator", ref=ref)
    return write(waiting(world).id, body=body, by=by, now=now)


def approve(world, count):
    return decide(world, writes.approve, ApproveIn(count=count))


LIVE, STOPPED, GONE = ("live", False), ("live", True), ("withdrawn", False)


def test_withdrawals_beyond_the_day_wait_and_lead_to_hold(world):
    uids = share(world)
    first, second, _ = withdraw(world, uids)
    assert (first.state, second.state, second.disputed) == ("withdrawn", "live", True)
    assert "its withdrawal by be-crisis-centre waits" in second.waiting_for[0]
    assert states(world, uids) == [GONE, STOPPED, STOPPED]
    act = waiting(world)
    assert (act.act, act.count, act.reasons) == ("withdraw", 2, ["many_withdrawals"])
    shown = approvals.approval(act.id, viewer=world.agency)
    assert [signal.id for signal in shown.affected] == uids[1:]


@at_night
def test_withdrawing_again_asks_only_once(world):
    uids = share(world)
    withdraw(world, [*uids, *uids[1:]])
    assert waiting(world).count == 2


def test_once_approved_they_are_withdrawn_in_the_name_of_the_party(world):
    uids = share(world)
    withdraw(world, uids)
    assert approve(world, 2).not_done == []
    rows = [reads.signal(uid, viewer=world.agency) for uid in uids]
    assert {(row.state, row.withdraw_reason) for row in rows} == {("withdrawn", "mistake")}
    assert world.ledger_kinds()[-2:] == ["signal.withdrawn", "approval.approved"]


@pytest.mark.parametrize("how", some_of(1, ["refused", "expired", "taken back"]))
def test_if_nobody_approves_they_act_as_before(world, how):
    uids = share(world)
    agree = OpinionIn(opinion="agree", note="seen")
    signals.give_opinion(uids[2], body=agree, by=world.authority, now=NOON)
    withdraw(world, uids)
    if how == "refused":
        decide(world, writes.refuse, RefuseIn())
    elif how == "expired":
        assert writes.expire_due(world.at(hours=24)) == 1
    else:
        by = world.actor(world.authority)
        writes.take_back(waiting(world).id, body=RefuseIn(), by=by, now=NOON)
    assert states(world, uids) == [GONE, LIVE, LIVE]
    (opinion,) = reads.signal(uids[2], viewer=world.agency).opinions
    assert (opinion.opinion, opinion.note) == ("agree", "seen")


@at_night
def test_an_opinion_that_the_party_gave_since_stays(world):
    uids = share(world, 2)
    withdraw(world, uids)
    agree = OpinionIn(opinion="agree", note="right after all")
    signals.give_opinion(uids[1], body=agree, by=world.authority, now=NOON)
    decide(world, writes.refuse, RefuseIn())
    (opinion,) = reads.signal(uids[1], viewer=world.agency).opinions
    assert opinion.note == "right after all"


def test_withdrawals_of_others_by_an_agency_wait_for_another_person_of_it(world):
    uids = share(world)
    withdraw(world, uids, by=world.agency, ref="person:9")
    assert states(world, uids) == [GONE, STOPPED, STOPPED]
    with pytest.raises(NotAllowedError, match="yourself"):
        approve(world, 2)
    decide(world, writes.approve, ApproveIn(count=2), ref="person:8")
    assert states(world, uids) == [GONE, GONE, GONE]


def test_an_authority_does_not_decide_for_a_provider(world):
    uids = share(world, 2, by=world.small_provider)
    withdraw(world, uids, by=world.small_provider)
    assert approvals.approvals(viewer=world.other_authority).approvals == []


@at_night
def test_what_ends_otherwise_meanwhile_is_named_and_the_rest_withdrawn(world):
    uids = share(world)
    withdraw(world, uids)
    withdraw(world, uids[1:2], is_counted=False)
    assert [error.row for error in approve(world, 2).not_done] == [0]
    assert states(world, uids) == [GONE, GONE, GONE]


def test_the_next_day_is_new_and_exercises_are_counted_apart(world):
    uids, drill = share(world, 2), world.share(exercise=True, value=hex_value(9))
    withdraw(world, uids[:1])
    withdraw(world, [drill.id])
    tomorrow = world.at(days=1)
    out = signals.withdraw(uids[1], body=MISTAKE, by=world.authority, now=tomorrow)
    assert out.state == "withdrawn"


@at_night
def test_they_wait_in_an_active_crisis_too(world):
    crisis = world.activate()
    uids = share(world, crisis=crisis.id)
    withdraw(world, uids)
    assert states(world, uids) == [GONE, STOPPED, STOPPED]
    assert not waiting(world).is_done
    assert writes.expire_due(world.at(hours=2)) == 0
    assert writes.expire_due(world.at(hours=24)) == 1
    assert states(world, uids) == [GONE, LIVE, LIVE]


@pytest.mark.parametrize("who", some_of(1, ["authority", "agency"]))
def test_disputes_that_stop_everywhere_end_beyond_the_day_unless_approved(world, who):
    uids, by = share(world), getattr(world, who)
    for uid in uids:
        signals.give_opinion(uid, body=WRONG, by=by, now=NOON, actor_ref="key:abc")
    assert states(world, uids) == [STOPPED, STOPPED, STOPPED]
    assert (waiting(world).act, waiting(world).count) == ("dispute", 2)
    writes.expire_due(world.at(hours=24))
    assert states(world, uids) == [STOPPED, LIVE, LIVE]


@at_night
def test_approved_disputes_stay(world):
    uids = share(world, 2)
    for uid in uids:
        signals.give_opinion(uid, body=WRONG, by=world.authority, now=NOON, actor_ref="key:abc")
    approve(world, 1)
    assert states(world, uids) == [STOPPED, STOPPED]
    assert writes.expire_due(world.at(hours=24)) == 0


@at_night
def test_disputes_of_other_parties_never_wait(world):
    for uid in share(world):
        signals.give_opinion(uid, body=WRONG, by=world.small_provider, now=NOON)
    assert approvals.approvals(viewer=world.agency).approvals == []
