# SPDX-License-Identifier: Apache-2.0
from uuid import uuid4

import pytest

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.crises.reads import (
    crises as reads,
    life as reads_life,
    participants as reads_joining,
)
from stemtide.hub.rooms.crises.writes import participants as writes_joining
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.protocol.enums import Capacity, JoinState
from stemtide.protocol.messages.crises import InviteIn, OptionalReasonIn, PartyIn
from tests.rounds import at_night
from tests.world import NOON


def invite(world, crisis, *names, kinds=(), capacity=None, now=NOON):
    body = InviteIn(parties=names, kinds=kinds, capacity=capacity)
    return writes_joining.invite(crisis.id, body=body, by=world.actor(world.agency), now=now)


def join(world, crisis, party, **who):
    return writes_joining.join(crisis.id, by=world.actor(party, **who), now=world.at(minutes=2))


def states(world, crisis):
    rows = reads_joining.participants(crisis.id, viewer=world.agency)
    return {row.party: row.state for row in rows}


def test_a_party_is_invited_and_joins(world):
    crisis = world.warn()
    invite(world, crisis, "big-video")
    told = join(world, crisis, world.big_provider, role="duty_officer", ref="person:5")
    assert (told.your_state, told.in_room) == (JoinState.JOINED, True)
    row = reads_joining.participants(crisis.id, viewer=world.agency)[-1]
    assert (row.invited_by, row.invited_at) == ("eu-referral-unit", NOON)
    assert (row.answered_at, row.answered_role) == (world.at(minutes=2), "duty_officer")
    assert row.capacity is Capacity.SUPPORTING
    entry = world.last_entry()
    assert (entry.kind, entry.actor) == ("participant.joined", "party:big-video")
    assert entry.detail == {"parties": ["big-video"], "through": "person:5"}


def test_who_leads_stands_first_without_an_invitation(world):
    crisis = world.warn(world.big_provider)
    assert states(world, crisis) == {"big-video": "leads", "eu-referral-unit": "leads"}
    assert invite(world, crisis, "big-video", "eu-referral-unit").participants[0].state == "leads"
    assert world.ledger_kinds() == ["crisis.warned"]


@at_night
def test_all_parties_of_a_kind_are_invited_in_one_act(world):
    crisis = world.warn()
    invite(world, crisis, "rights-watch", kinds=("provider",))
    assert world.last_entry().detail["parties"] == ["big-video", "rights-watch", "small-forum"]
    told = {one.party: one for one in invite(world, crisis, kinds=("provider",)).participants}
    assert told["rights-watch"].capacity is Capacity.OBSERVER
    assert world.ledger_kinds() == ["crisis.warned", "participant.invited"]


@at_night
def test_a_party_that_declined_or_left_is_invited_again(world):
    crisis = world.warn()
    invite(world, crisis, kinds=("provider",))
    by = world.actor(world.small_provider)
    writes_joining.decline(crisis.id, body=OptionalReasonIn(reason="no staff"), by=by, now=NOON)
    join(world, crisis, world.big_provider)
    by = world.actor(world.big_provider)
    told = writes_joining.leave(crisis.id, body=OptionalReasonIn(), by=by, now=NOON)
    assert (told.your_state, told.in_room) == (JoinState.LEFT, False)
    assert [states(world, crisis)[one] for one in ("small-forum", "big-video")] == [
        "declined",
        "left",
    ]
    invite(world, crisis, kinds=("provider",))
    row = reads_joining.participants(crisis.id, viewer=world.agency)[-1]
    assert (row.state, row.reason, row.answered_at) == ("invited", "", None)


@at_night
def test_who_declines_may_think_again(world):
    crisis = world.warn()
    invite(world, crisis, "big-video")
    by = world.actor(world.big_provider)
    writes_joining.decline(crisis.id, body=OptionalReasonIn(), by=by, now=NOON)
    assert join(world, crisis, world.big_provider).your_state is JoinState.JOINED


def test_an_invitation_taken_back_hides_the_crisis_again(world):
    crisis = world.warn()
    invite(world, crisis, "big-video")
    body, by = PartyIn(party="big-video"), world.actor(world.agency)
    told = writes_joining.uninvite(crisis.id, body=body, by=by, now=NOON)
    assert "big-video" not in {one.party for one in told.participants}
    with pytest.raises(NotFoundError):
        join(world, crisis, world.big_provider)
    with pytest.raises(ConflictError, match="no open invitation"):
        writes_joining.uninvite(crisis.id, body=body, by=by, now=NOON)
    assert world.ledger_kinds()[-1] == "participant.uninvited"


@at_night
def test_an_answered_invitation_is_not_taken_back(world):
    crisis = world.warn()
    world.join(crisis, world.big_provider)
    body, by = PartyIn(party="big-video"), world.actor(world.agency)
    with pytest.raises(ConflictError, match="no open invitation"):
        writes_joining.uninvite(crisis.id, body=body, by=by, now=NOON)


@at_night
@pytest.mark.parametrize(
    ("names", "words"), [(("nobody",), "no party 'nobody'"), ((), "no party is named")]
)
def test_an_invitation_names_parties_that_there_are(world, names, words):
    crisis = world.warn()
    with pytest.raises(InvalidError, match=words):
        invite(world, crisis, *names)


def test_an_authority_of_a_touched_state_joins_by_itself(world):
    crisis = world.warn()
    told = join(world, crisis, world.other_authority)
    assert told.your_state is JoinState.JOINED
    row = reads_joining.participants(crisis.id, viewer=world.agency)[-1]
    assert (row.capacity, row.invited_by) == (Capacity.AFFECTED, None)


def test_a_consortium_sees_a_crisis_and_joins_by_invitation_alone(world):
    crisis = world.warn()
    with pytest.raises(NotAllowedError, match="not invited"):
        join(world, crisis, world.consortium)
    invite(world, crisis, "tech-forum")
    assert join(world, crisis, world.consortium).in_room


def test_an_uninvited_provider_cannot_tell_a_crisis_from_none(world):
    warned, unknown = world.warn().id, uuid4()
    by, said = world.actor(world.big_provider), []
    for uid in (warned, unknown):
        for act in (
            lambda uid=uid: writes_joining.join(uid, by=by, now=NOON),
            lambda uid=uid: writes_joining.leave(uid, body=OptionalReasonIn(), by=by, now=NOON),
            lambda uid=uid: reads_life.life(uid, viewer=world.big_provider),
            lambda uid=uid: reads_joining.participants(uid, viewer=world.big_provider),
            lambda uid=uid: reads.find_in_room(uid, viewer=world.big_provider),
        ):
            with pytest.raises(NotFoundError) as refused:
                act()
            said.append(str(refused.value).replace(str(uid), "X"))
    assert len(set(said)) == 1
    assert not reads.is_in_room(unknown, party=world.agency)
    assert reads.crises(viewer=world.big_provider) == []


@at_night
def test_an_observer_learns_of_a_crisis_once_it_was_asked_and_it_left_its_first_stage(world):
    crisis = world.warn()
    invite(world, crisis, "rights-watch")
    assert reads.crises(viewer=world.observer) == []
    world.answer_all(crisis)
    world.decide(crisis, "activate")
    assert [one.id for one in reads.crises(viewer=world.observer)] == [crisis.id]
    told = join(world, crisis, world.observer)
    assert (told.your_state, told.in_room) == ("joined", True)


def test_who_is_in_the_room_is_one_answer_for_all_rooms(world):
    crisis = world.warn()
    invite(world, crisis, "small-forum")
    world.join(crisis, world.big_provider)
    inside = ["be-crisis-centre", "big-video", "eu-referral-unit"]
    found = reads_joining.in_room(crisis.id, viewer=world.agency)
    assert [one.name for one in found] == inside
    row = reads.find(crisis.id, viewer=world.agency)
    assert sorted(one.name for one in reads_joining.room(row)) == inside
    assert sorted(one.name for one in world.everyone if reads.is_in_room(crisis.id, party=one)) == (
        inside
    )
    with pytest.raises(NotAllowedError, match="not a participant"):
        reads.find_in_room(crisis.id, viewer=world.small_provider)
    assert reads.find_in_room(crisis.id, viewer=world.big_provider).uid == crisis.id


@at_night
def test_which_crises_a_party_sees_is_told_to_the_rooms_above(world):
    seen, hidden = world.warn(), world.warn(name="Another one")
    invite(world, seen, "big-video")
    assert reads.visible_ids(viewer=world.agency) is None
    assert reads.visible_ids(viewer=world.big_provider) == {seen.id}
    assert hidden.id not in reads.visible_ids(viewer=world.big_provider)
    facts = reads.facts_of(seen.id, viewer=world.big_provider)
    assert facts.states == {"big-video": JoinState.INVITED}


def test_the_reason_of_an_invitation_is_for_the_invited_the_inviter_and_agencies(world):
    crisis = world.warn()
    by = world.actor(world.authority, role="duty_officer")
    body = InviteIn(parties=("big-video",), reason="your service hosts the film")
    writes_joining.invite(crisis.id, body=body, by=by, now=NOON)
    invite(world, crisis, "small-forum")
    join(world, crisis, world.small_provider, role="duty_officer", ref="person:5")
    readers = {
        party.name: next(
            (
                row.invite_reason
                for row in reads_joining.participants(crisis.id, viewer=party)
                if row.party == "big-video"
            ),
            None,
        )
        for party in (world.big_provider, world.authority, world.agency, world.small_provider)
    }
    assert readers == {
        "big-video": "your service hosts the film",
        world.authority.name: "your service hosts the film",
        "eu-referral-unit": "your service hosts the film",
        "small-forum": "",
    }
    assert "hosts" not in str([entry.detail for entry in Entry.objects.all()])


def test_a_party_that_is_invited_again_reads_only_the_new_reason(world):
    crisis = world.warn()
    by = world.actor(world.agency, role="duty_officer")
    for reason in ("your service hosts the film", ""):
        body = InviteIn(parties=("big-video",), reason=reason)
        writes_joining.invite(crisis.id, body=body, by=by, now=NOON)
        (invitation,) = reads_joining.invitations(viewer=world.big_provider)
        assert invitation.reason == reason
        uninvited = PartyIn(party="big-video")
        writes_joining.uninvite(crisis.id, body=uninvited, by=by, now=NOON)
