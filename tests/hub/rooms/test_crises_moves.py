# SPDX-License-Identifier: Apache-2.0
import threading

import pytest
from django.db import connection

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.crises.reads import crises as reads, life as reads_life
from stemtide.hub.rooms.crises.writes import crises as writes, moves as writes_moves
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.protocol.messages.crises import CheckIn, CloseIn, KeepIn, ProposalIn, ReasonIn
from tests.rounds import at_night, on_sqlite, some_of
from tests.world import NOON, suspend

ACTIVATE = ProposalIn(act="activate", reason="it spreads")
CLOSE = ProposalIn(act="close", reason="it is over")
OVER = CloseIn(reason="it is over")
WHY = ReasonIn(reason="as we see it")


@pytest.fixture
def ready(world):
    """A warning that may be activated, with the authority and another in the room."""
    crisis = world.warn()
    world.join(crisis, world.other_authority)
    world.answer_all(crisis)
    return crisis


def propose(crisis, by, body=ACTIVATE, *, now=NOON):
    return writes_moves.propose(crisis.id, body=body, by=by, now=now).proposals[-1]


def confirm(crisis, proposal, by, *, now=NOON):
    return writes_moves.confirm(crisis.id, proposal.id, by=by, now=now)


def test_the_authorities_of_two_states_activate(world, ready):
    one = world.actor(role="duty_officer", ref="person:1")
    other = world.actor(world.other_authority, role="coordinator", ref="person:2")
    proposal = propose(ready, one)
    active = confirm(ready, proposal, other, now=world.at(minutes=1))
    assert (active.stage, active.activated_at) == ("active", world.at(minutes=1))
    (told,) = active.proposals
    assert (told.state, told.decided_by.role) == ("confirmed", "coordinator")
    entry = world.last_entry()
    assert entry.kind == "crisis.activated"
    assert entry.detail == {
        "proposal": str(proposal.id),
        "act": "activate",
        "from": "early_warning",
        "through": "person:2",
    }


OFFICER = {"role": "duty_officer", "ref": "person:1"}
SECOND = {"role": "coordinator", "ref": "person:2"}
KEY, KEY2 = {"ref": "key:a"}, {"ref": "key:b"}


@pytest.mark.parametrize(
    ("proposer", "confirmer", "same_party"),
    some_of(
        2,
        [
            (OFFICER, OFFICER, False),
            (OFFICER, KEY, False),
            (KEY, OFFICER, False),
            (OFFICER, SECOND, True),
            (KEY, KEY, False),
            (KEY, KEY2, False),
        ],
    ),
)
def test_who_confirms_the_closure_that_another_proposed(
    world, ready, proposer, confirmer, same_party
):
    confirm(ready, propose(ready, world.actor()), world.actor(world.agency))
    proposal = propose(ready, world.actor(**proposer), CLOSE)
    for party, expected in ((world.authority, same_party), (world.agency, True)):
        elsewhere = "" if party == world.authority else "0"
        by = world.actor(party, **{**confirmer, "ref": confirmer["ref"] + elsewhere})
        if expected:
            assert confirm(ready, proposal, by).stage == "closed"
            break
        with pytest.raises(NotAllowedError, match=r"propos"):
            confirm(ready, proposal, by)


@pytest.mark.parametrize("confirmer", some_of(1, [OFFICER, SECOND, KEY, KEY2]))
def test_one_party_alone_does_not_activate(world, ready, confirmer):
    proposal = propose(ready, world.actor(**OFFICER))
    with pytest.raises(NotAllowedError):
        confirm(ready, proposal, world.actor(**confirmer))
    assert reads_life.life(ready.id, viewer=world.agency).stage == "early_warning"


@at_night
def test_the_proposal_of_a_party_that_was_suspended_is_not_confirmed_and_makes_way(world, ready):
    proposal = propose(ready, world.actor(**OFFICER))
    suspend(world.authority, agency=world.agency)
    agency = world.actor(world.agency)
    with pytest.raises(ConflictError, match="suspended"):
        confirm(ready, proposal, agency)
    anew = propose(ready, world.actor(world.other_authority))
    assert confirm(ready, anew, agency).stage == "active"


def activate_now(crisis, by, *, now=NOON):
    return writes_moves.activate_now(crisis.id, body=WHY, by=by, now=now)


def test_an_emergency_activation_stands_once_a_second_party_confirms(world, ready):
    active = activate_now(ready, world.actor(**OFFICER))
    assert (active.stage, active.activated_at) == ("active", NOON)
    (proposal,) = active.proposals
    assert (proposal.is_emergency, proposal.expires_at) == (True, world.at(hours=6))
    later = world.at(hours=5)
    confirmed = confirm(ready, proposal, world.actor(world.other_authority), now=later)
    assert (confirmed.stage, confirmed.activated_at) == ("active", NOON)
    assert writes_moves.note_due(world.at(hours=7)) == 0
    assert reads_life.life(ready.id, viewer=world.agency).stage == "active"
    assert world.last_entry().kind == "crisis.confirmed"


def test_an_emergency_activation_that_nobody_confirms_ends_by_itself(world, ready):
    activate_now(ready, world.actor(**OFFICER))
    assert writes_moves.note_due(world.at(hours=5, minutes=59)) == 0
    assert writes_moves.note_due(world.at(hours=6)) == 1
    lapsed = reads_life.life(ready.id, viewer=world.agency)
    assert (lapsed.stage, lapsed.activated_at, lapsed.review) == ("early_warning", None, None)
    assert lapsed.proposals[-1].state == "expired"
    assert world.ledger_kinds()[-2:] == ["proposal.expired", "crisis.lapsed"]
    with pytest.raises(ConflictError, match="before"):
        activate_now(ready, world.actor(**SECOND), now=world.at(hours=7))
    proposal = propose(ready, world.actor(), now=world.at(hours=7))
    by = world.actor(world.agency)
    assert confirm(ready, proposal, by, now=world.at(hours=7)).stage == "active"


@on_sqlite
def test_one_owner_of_two_authorities_activates_as_an_emergency_once(world, ready):
    for party in (world.authority, world.other_authority):
        party.group = "one owner"
        party.save()
    activate_now(ready, world.actor(**OFFICER))
    writes_moves.note_due(world.at(hours=6))
    with pytest.raises(ConflictError, match="its group"):
        activate_now(ready, world.actor(world.other_authority, **SECOND), now=world.at(hours=7))


@pytest.mark.parametrize("end", some_of(1, ["withdraw", "refuse"]))
def test_an_emergency_activation_is_taken_back_by_its_party_or_an_agency(world, ready, end):
    (proposal,) = activate_now(ready, world.actor(**OFFICER)).proposals
    if end == "withdraw":
        over = writes_moves.withdraw(ready.id, proposal.id, by=world.actor(**SECOND), now=NOON)
    else:
        by = world.actor(world.agency)
        over = writes_moves.refuse(ready.id, proposal.id, body=WHY, by=by, now=NOON)
    assert (over.stage, over.activated_at) == ("early_warning", None)
    assert world.last_entry().kind == "crisis.lapsed"


@at_night
def test_an_emergency_activation_replaces_the_proposal_of_its_own_party(world, ready):
    ordinary = propose(ready, world.actor(**SECOND))
    active = activate_now(ready, world.actor(**OFFICER))
    assert [(told.id == ordinary.id, told.state) for told in active.proposals] == [
        (True, "withdrawn"),
        (False, "open"),
    ]
    (withdrawn,) = Entry.objects.filter(kind="proposal.withdrawn")
    assert withdrawn.detail["replaced_by"] == "emergency"


@at_night
def test_an_emergency_activation_does_not_replace_the_proposal_of_another_party(world, ready):
    propose(ready, world.actor(world.agency))
    with pytest.raises(ConflictError, match="confirm that proposal instead"):
        activate_now(ready, world.actor(**OFFICER))
    assert reads_life.life(ready.id, viewer=world.agency).stage == "early_warning"


@at_night
def test_a_crisis_that_was_closed_meanwhile_stays_closed(world, ready):
    activate_now(ready, world.actor(**OFFICER))
    closing = propose(ready, world.actor(), CLOSE)
    confirm(ready, closing, world.actor(world.agency))
    writes_moves.note_due(world.at(hours=6))
    closed = reads_life.life(ready.id, viewer=world.agency)
    assert (closed.stage, closed.activated_at) == ("closed", NOON)
    assert "crisis.lapsed" not in world.ledger_kinds()


def test_an_emergency_activation_needs_what_every_activation_needs(world):
    crisis = world.warn()
    with pytest.raises(ConflictError, match="checklist"):
        activate_now(crisis, world.actor(**OFFICER))


@at_night
def test_what_was_answered_again_is_proposed_anew(world, ready):
    first = propose(ready, world.actor())
    again = CheckIn(answer="yes", evidence="a third look")
    writes.answer(ready.id, test="harm", body=again, by=world.actor(world.agency), now=NOON)
    told = reads_life.life(ready.id, viewer=world.agency).proposals[-1]
    assert told.is_stale
    with pytest.raises(ConflictError, match="propose it again"):
        confirm(ready, first, world.actor(world.agency))
    second = propose(ready, world.actor())
    assert confirm(ready, second, world.actor(world.agency)).stage == "active"
    assert "proposal.expired" in world.ledger_kinds()


@at_night
def test_one_thing_is_proposed_once_at_a_time(world, ready):
    propose(ready, world.actor())
    with pytest.raises(ConflictError, match="be-crisis-centre has already proposed this"):
        propose(ready, world.actor(world.agency))
    with pytest.raises(ConflictError, match="your party has already proposed this"):
        propose(ready, world.actor(**SECOND))


@at_night
def test_a_proposal_runs_out(world, ready):
    proposal = propose(ready, world.actor())
    late = world.at(hours=12)
    with pytest.raises(ConflictError, match="expired"):
        confirm(ready, proposal, world.actor(world.agency), now=late)
    assert writes_moves.note_due(world.at(hours=11)) == 0
    assert writes_moves.note_due(late) == 1
    assert writes_moves.note_due(late) == 0
    (told,) = reads_life.life(ready.id, viewer=world.agency).proposals
    assert told.state == "expired"
    entry = world.last_entry()
    assert (entry.kind, entry.actor) == ("proposal.expired", "clock")
    assert propose(ready, world.actor(), now=late).state == "open"


@at_night
def test_a_proposal_that_ran_out_makes_way_before_the_clock_has_come(world, ready):
    propose(ready, world.actor())
    assert propose(ready, world.actor(), now=world.at(hours=13)).state == "open"


@at_night
def test_a_proposal_is_declined_with_a_reason_by_another(world, ready):
    proposal = propose(ready, world.actor())
    with pytest.raises(NotAllowedError, match="withdraw it instead"):
        writes_moves.refuse(ready.id, proposal.id, body=WHY, by=world.actor(), now=NOON)
    by = world.actor(world.agency)
    told = writes_moves.refuse(ready.id, proposal.id, body=WHY, by=by, now=NOON)
    assert (told.proposals[0].state, told.proposals[0].decided_reason) == (
        "declined",
        "as we see it",
    )
    with pytest.raises(ConflictError, match="was declined"):
        confirm(ready, proposal, by)
    assert world.ledger_kinds()[-1] == "proposal.declined"


@at_night
def test_a_proposal_is_withdrawn_by_its_own_party(world, ready):
    proposal = propose(ready, world.actor())
    by = world.actor(world.agency)
    with pytest.raises(NotAllowedError, match="only be-crisis-centre can withdraw"):
        writes_moves.withdraw(ready.id, proposal.id, by=by, now=NOON)
    told = writes_moves.withdraw(ready.id, proposal.id, by=world.actor(), now=NOON)
    assert told.proposals[0].state == "withdrawn"
    assert world.ledger_kinds()[-1] == "proposal.withdrawn"


@at_night
def test_a_proposal_of_another_crisis_is_not_found(world, ready):
    proposal = propose(ready, world.actor())
    other = world.warn(name="Another one")
    with pytest.raises(NotFoundError, match="no proposal"):
        confirm(other, proposal, world.actor(world.agency))


def test_activation_names_the_tests_that_are_open(world):
    crisis = world.warn()
    yes = CheckIn(answer="yes")
    writes.answer(crisis.id, test="harm", body=yes, by=world.actor(), now=NOON)
    with pytest.raises(ConflictError, match="real-world-event, intimidation"):
        propose(crisis, world.actor())


@at_night
def test_activation_needs_a_national_measure_that_was_considered(world):
    crisis = world.warn()
    for check in crisis.checks:
        yes = CheckIn(answer="yes")
        writes.answer(crisis.id, test=check.test, body=yes, by=world.actor(), now=NOON)
    with pytest.raises(ConflictError, match="0 national measures are recorded"):
        propose(crisis, world.actor())


@on_sqlite
def test_closing_what_was_activated_takes_two_people(world):
    crisis = world.activate()
    with pytest.raises(ConflictError, match="needs two people"):
        writes_moves.close(crisis.id, body=OVER, by=world.actor(world.agency), now=NOON)
    closed = world.close(crisis, now=world.at(hours=30))
    assert (closed.stage, closed.closed_at) == ("closed", world.at(hours=30))
    assert closed.tail_ends_at == world.at(hours=30, days=30)
    assert closed.close_reason == "as seen"
    assert (closed.review, closed.reviews[-1].decision) == (None, "moved")


def test_closing_a_warning_is_one_persons_act(world):
    crisis = world.warn()
    closed = writes_moves.close(crisis.id, body=OVER, by=world.actor(), now=NOON)
    assert (closed.stage, closed.accepts_signals) == ("closed", True)
    assert writes_moves.note_due(NOON) == 1
    ended = reads.crisis(crisis.id, viewer=world.authority)
    assert (ended.stage, ended.accepts_signals, ended.ended_at) == ("ended", False, NOON)
    other = world.warn(name="Another one")
    with pytest.raises(ConflictError, match="no second person"):
        writes_moves.propose(other.id, body=CLOSE, by=world.actor(), now=NOON)


@at_night
def test_a_tail_is_ended_by_the_clock_and_by_nobody_else(world):
    crisis = world.close(world.activate())
    assert writes_moves.note_due(world.at(days=29)) == 0
    assert writes_moves.note_due(world.at(days=30)) == 1
    assert writes_moves.note_due(world.at(days=31)) == 0
    assert reads.crisis(crisis.id, viewer=world.agency).stage == "ended"
    entry = world.last_entry()
    assert (entry.kind, entry.actor) == ("crisis.ended", "clock")


def test_a_live_crisis_is_prompted_after_a_day_and_overdue_after_two(world):
    crisis = world.activate()
    seen = []
    for hours in (23, 24, 47, 48, 72):
        writes_moves.note_due(world.at(hours=hours))
        review = reads.crisis(crisis.id, viewer=world.agency).review
        seen.append((review.is_prompted, review.is_overdue))
    assert seen == [(False, False), (True, False), (True, False), (True, True), (True, True)]
    assert world.ledger_kinds()[-2:] == ["review.prompted", "review.required"]
    assert reads.crisis(crisis.id, viewer=world.agency).stage == "active"


def test_a_review_keeps_a_crisis_live_until_the_next(world):
    crisis = world.activate()
    writes_moves.note_due(world.at(hours=48))
    body = KeepIn(reason="new variants every hour", next_h=12)
    by = world.actor(role="duty_officer", ref="person:3")
    told = writes_moves.keep(crisis.id, body=body, by=by, now=world.at(hours=49))
    assert (told.review.is_overdue, told.review.review_due) == (False, world.at(hours=61))
    assert told.review.prompt_due == world.at(hours=61)
    (past, _) = told.reviews
    assert (past.decision, past.reason) == ("keep", "new variants every hour")
    assert (past.by.role, past.by.ref) == ("duty_officer", "person:3")
    assert world.last_entry().kind == "crisis.reviewed"


def test_a_review_is_not_put_off_beyond_what_the_framework_allows(world):
    crisis = world.activate()
    body = KeepIn(reason="quiet", next_h=49)
    with pytest.raises(InvalidError, match="at most 48 hours"):
        writes_moves.keep(crisis.id, body=body, by=world.actor(), now=NOON)


def test_a_crisis_calms_down_flares_up_and_is_reviewed_meanwhile(world):
    crisis = world.activate()
    calm = world.calm(crisis, now=world.at(hours=25))
    assert (calm.stage, calm.deescalated_at) == ("deescalating", world.at(hours=25))
    assert calm.reviews[0].decision == "deescalate"
    assert calm.review.review_due == world.at(hours=73)
    by = world.actor(world.agency)
    live = writes_moves.resume(crisis.id, body=WHY, by=by, now=world.at(hours=26))
    assert (live.stage, live.deescalated_at) == ("active", None)
    assert live.activated_at == NOON
    assert world.ledger_kinds()[-2:] == ["crisis.deescalated", "crisis.resumed"]


def test_a_warning_is_not_reviewed(world):
    crisis = world.warn()
    body = KeepIn(reason="quiet")
    with pytest.raises(ConflictError, match="needs no review"):
        writes_moves.keep(crisis.id, body=body, by=world.actor(), now=NOON)


@at_night
def test_two_clocks_note_what_is_due_once(committed_world):
    world = committed_world
    for number in range(5):
        world.activate(name=f"Attack number {number}")
    noted: list[int] = []

    def tick() -> None:
        noted.append(writes_moves.note_due(world.at(hours=48)))
        connection.close()

    threads = [threading.Thread(target=tick) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sum(noted) == 10
    assert world.ledger_kinds().count("review.required") == 5


def test_two_people_confirm_at_once_and_it_happens_once(committed_world):
    world = committed_world
    crisis = world.warn()
    world.join(crisis, world.other_authority)
    world.answer_all(crisis)
    proposal = propose(crisis, world.actor())
    said: list[str] = []

    def act(party) -> None:
        try:
            said.append(confirm(crisis, proposal, world.actor(party)).stage)
        except ConflictError:
            said.append("refused")
        connection.close()

    parties = (world.agency, world.other_authority)
    threads = [threading.Thread(target=act, args=(one,)) for one in parties]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(said) == ["active", "refused"]
    assert world.ledger_kinds().count("crisis.activated") == 1
