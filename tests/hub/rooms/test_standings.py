# SPDX-License-Identifier: Apache-2.0
"""Standings change in the database with history, position and ledger entry; the clock vets."""

import pytest

from stemtide.hub import scheduler
from stemtide.hub.platform.errors import ConflictError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.alerts.models import Alert
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import standing as reads, suspensions as reads_suspensions
from stemtide.hub.rooms.parties.writes import parties, standing as writes, suspensions
from stemtide.hub.rooms.signals.reads import opinions
from stemtide.hub.rooms.signals.writes import signals, vetting as writes_vetting
from stemtide.protocol.enums import ProposalState
from stemtide.protocol.messages.signals import OpinionIn, WithdrawIn
from stemtide.protocol.trust.parties import (
    DigestsIn,
    GroupIn,
    StandingIn,
    SuspensionIn,
    SuspensionReasonIn,
)
from tests.rounds import at_night, on_sqlite
from tests.world import NOON, hex_value, lift, signal_in, suspend

WHY = "They asked for it."


@pytest.fixture
def by(world):
    return world.actor(world.agency, role="coordinator")


@pytest.fixture
def other(world):
    return world.actor(world.agency, role="coordinator", ref="person:other")


def newcomer(name="newcomer", now=NOON):
    return parties.add_party(name, title="New", kind="provider", actor="operator", now=now)


# Granted by a person


def test_a_grant_moves_the_party_in_the_feed_and_is_recorded_with_its_reason(world, by):
    head = ledger.heads().positions
    body = StandingIn(standing="trusted", reason=WHY)
    party = writes.grant_standing("big-video", body=body, by=by, now=NOON)
    assert party.standing == "trusted"
    assert Party.objects.get(name="big-video").position == head + 1 == ledger.heads().positions
    entry = world.last_entry()
    assert (entry.kind, entry.detail["from"], entry.detail["to"]) == (
        *("standing.granted", "member", "trusted"),
    )
    line = party.history[0]
    assert (line.before, line.after, line.by, line.reason) == (
        *("member", "trusted", "eu-referral-unit", WHY),
    )


def test_what_is_refused_changes_nothing(world, by):
    body = StandingIn(standing="trusted", reason=WHY)
    authority = world.actor(world.authority, role="coordinator")
    with pytest.raises(NotAllowedError):
        writes.grant_standing("big-video", body=body, by=authority, now=NOON)
    same = StandingIn(standing="member", reason=WHY)
    with pytest.raises(ConflictError):
        writes.grant_standing("big-video", body=same, by=by, now=NOON)
    assert world.ledger_kinds() == []
    assert Party.objects.get(name="big-video").position == 0


def test_a_group_and_the_right_for_digests_travel_as_the_standing_does(world, by):
    writes.set_group("big-video", body=GroupIn(group="owner", reason=WHY), by=by, now=NOON)
    body = DigestsIn(speaks_for_digests=True, reason=WHY)
    writes.grant_digests("big-video", body=body, by=by, now=NOON)
    assert world.ledger_kinds() == ["party.grouped", "party.entrusted"]
    (party,) = reads.changed(1)
    assert (party.group, party.speaks_for_digests, party.position) == ("owner", True, 2)


def test_the_history_is_for_agencies_and_the_party_itself(world, by):
    body = StandingIn(standing="trusted", reason=WHY)
    writes.grant_standing("big-video", body=body, by=by, now=NOON)
    may_read = {
        viewer.name
        for viewer in world.everyone
        if reads.describe("big-video", viewer=viewer).history
    }
    assert may_read == {"eu-referral-unit", "big-video"}


# Vetted by the clock


def vet(party, *, at=NOON):
    Party.objects.filter(pk=party.pk).update(vetting_due=None)
    scheduler.run_once(at)
    party.refresh_from_db()
    return party.standing


@at_night
def test_a_new_party_is_a_member_after_thirty_days(world):
    party = newcomer()
    assert vet(party, at=world.at(days=29)) == "new"
    assert vet(party, at=world.at(days=30)) == "member"
    assert world.last_entry().kind == "standing.vetted"
    assert reads.changed(party.position - 1)[0].standing == "member"


@at_night
def test_a_party_that_was_set_back_is_new_from_then_on(world, by):
    party = newcomer()
    vet(party, at=world.at(days=30))
    body = StandingIn(standing="new", reason=WHY)
    writes.grant_standing("newcomer", body=body, by=by, now=world.at(days=40))
    assert vet(party, at=world.at(days=69)) == "new"
    assert vet(party, at=world.at(days=70)) == "member"


def agree(uid, by):
    signals.give_opinion(uid, body=OpinionIn(opinion="agree"), by=by, now=NOON)


@on_sqlite
def test_a_new_party_is_a_member_once_ten_of_its_signals_were_confirmed(world):
    party = newcomer()
    shared = [world.share(party, value=hex_value(number), tlp="green").id for number in range(10)]
    for uid in shared[:9]:
        agree(uid, world.big_provider)
    assert vet(party) == "new"
    agree(shared[9], world.authority)
    assert vet(party) == "member"


def confirmed(party):
    return opinions.count_confirmed(party, most=10)


def test_who_does_not_count_or_is_of_the_same_group_confirms_nothing(world, by):
    party, another = newcomer(), newcomer("another")
    uid = world.share(party, tlp="green").id
    for name in ("newcomer", "big-video"):
        writes.set_group(name, body=GroupIn(group="owner", reason=WHY), by=by, now=NOON)
    party.refresh_from_db()
    agree(uid, another)
    agree(uid, world.big_provider)
    assert confirmed(party) == 0
    agree(uid, world.small_provider)
    assert confirmed(party) == 1
    suspend(world.small_provider, agency=world.agency)
    assert confirmed(party) == 0


def test_the_same_value_confirms_if_it_came_later_so_that_copying_brings_nothing(world):
    party = newcomer()
    world.share(world.big_provider, value=hex_value(1))
    signals.share(signal(1), by=party, now=world.at(minutes=1))
    assert confirmed(party) == 0
    signals.share(signal(2), by=party, now=NOON)
    signals.share(signal(2), by=world.big_provider, now=world.at(minutes=1))
    assert confirmed(party) == 1


def signal(number, **more):
    return signal_in(value=hex_value(number), **more)


def test_what_was_withdrawn_or_only_practised_counts_for_nothing(world):
    party = newcomer()
    for number, exercise in ((1, False), (2, True)):
        uid = signals.share(signal(number, tlp="green", exercise=exercise), by=party, now=NOON).id
        agree(uid, world.big_provider)
        if not exercise:
            signals.withdraw(uid, body=WithdrawIn(reason="mistake"), by=party, now=NOON)
    assert confirmed(party) == 0


def test_confirmed_signals_are_counted_every_ten_minutes_by_one_scheduler(world):
    party = newcomer()
    assert writes.claim_vetting(NOON) == [party]
    assert writes.claim_vetting(world.at(minutes=9)) == []
    assert writes.claim_vetting(world.at(minutes=10)) == [party]
    assert writes_vetting.vet_due(world.at(minutes=11)) == 0


# Suspended by two people


def propose(by, *, party="big-video", lifts=False, now=NOON):
    body = SuspensionIn(lifts=lifts, reason="It shares newspapers.")
    return suspensions.propose(party, body=body, by=by, now=now)


def test_two_people_suspend_a_party_in_one_entry_at_one_position(world, by, other):
    world.share()
    proposal = propose(by)
    head = ledger.heads().positions
    assert Party.objects.get(name="big-video").standing == "member"
    done = suspensions.confirm(proposal.id, by=other, now=NOON)
    assert (done.state, done.decided_by) == (ProposalState.CONFIRMED, "eu-referral-unit")
    (party,) = reads.changed(head)
    assert (party.name, party.standing, party.position) == ("big-video", "suspended", head + 1)
    assert ledger.heads().positions == head + 1
    assert world.ledger_kinds() == ["signal.shared", "suspension.proposed", "party.suspended"]
    line = reads.describe("big-video", viewer=world.agency).history[0]
    assert (line.by, line.second, line.reason) == (
        *("eu-referral-unit", "eu-referral-unit", "It shares newspapers."),
    )


@pytest.mark.parametrize("before", ["new", "member", "trusted"])
def test_lifted_the_party_has_its_former_standing(world, before):
    Party.objects.filter(name="big-video").update(standing=before)
    world.big_provider.refresh_from_db()
    suspend(world.big_provider, agency=world.agency)
    lift(world.big_provider, agency=world.agency)
    assert world.big_provider.standing == before
    assert world.last_entry().kind == "party.restored"


def test_one_person_alone_suspends_nobody(world, by):
    proposal = propose(by)
    with pytest.raises(NotAllowedError):
        suspensions.confirm(proposal.id, by=by, now=NOON)
    assert Party.objects.get(name="big-video").standing == "member"
    assert world.ledger_kinds() == ["suspension.proposed"]


def test_a_second_proposal_waits_for_the_first(by, other):
    first = propose(by)
    with pytest.raises(ConflictError):
        propose(other)
    suspensions.withdraw(first.id, by=by, now=NOON)
    propose(other)


def test_a_declined_proposal_says_why(by, other):
    proposal = propose(by)
    body = SuspensionReasonIn(reason="They have mended it.")
    declined = suspensions.decline(proposal.id, body=body, by=other, now=NOON)
    assert (declined.state, declined.decided_reason) == ("declined", "They have mended it.")
    with pytest.raises(ConflictError):
        suspensions.confirm(proposal.id, by=other, now=NOON)


@at_night
def test_after_a_day_a_proposal_expires_by_itself(world, by, other):
    proposal = propose(by)
    scheduler.run_once(world.at(hours=23))
    assert "suspension.expired" not in world.ledger_kinds()
    scheduler.run_once(world.at(hours=24))
    assert "suspension.expired" in world.ledger_kinds()
    with pytest.raises(ConflictError):
        suspensions.confirm(proposal.id, by=other, now=world.at(hours=24))
    propose(other, now=world.at(hours=24))


def test_proposals_are_for_agencies_other_than_the_one_that_they_are_about(world, by):
    rival = parties.add_party("eu-hub", title="EU", kind="agency", actor="operator", now=NOON)
    proposal = propose(by, party="eu-hub")
    for viewer in (*world.everyone, rival):
        found = [one.id for one in reads_suspensions.proposals(viewer=viewer)]
        assert found == ([proposal.id] if viewer == world.agency else [])
    with pytest.raises(NotFoundError):
        reads_suspensions.find_proposal(proposal.id, viewer=rival)


def test_the_proposals_of_an_agency_that_is_suspended_end(world, other):
    rival = parties.add_party("eu-hub", title="EU", kind="agency", actor="operator", now=NOON)
    theirs = propose(world.actor(rival, role="coordinator"))
    suspend(rival, agency=world.agency)
    with pytest.raises(ConflictError):
        suspensions.confirm(theirs.id, by=other, now=NOON)
    assert Party.objects.get(name="big-video").standing == "member"
    with pytest.raises(ConflictError):
        propose(world.actor(rival, role="coordinator"), party="eu-referral-unit")


@at_night
def test_alerts_go_to_the_agencies_then_to_the_party(world, by, other):
    proposal = propose(by)
    scheduler.run_once(NOON)
    waits = Alert.objects.get(kind="suspension_waits")
    assert (waits.party, waits.parameters["party"]) == (world.agency, "Big Video")
    suspensions.confirm(proposal.id, by=other, now=NOON)
    scheduler.run_once(NOON)
    waits.refresh_from_db()
    assert waits.state == "overtaken"
    assert Alert.objects.get(kind="suspended").party == world.big_provider


@at_night
def test_a_suspended_party_gets_no_alert_but_what_it_is_owed(world):
    suspend(world.other_authority, agency=world.agency)
    scheduler.run_once(NOON)
    world.warn()
    scheduler.run_once(NOON)
    told = set(Alert.objects.filter(kind="early_warning").values_list("party__name", flat=True))
    assert told == {"eu-referral-unit"}
