# SPDX-License-Identifier: Apache-2.0
from uuid import uuid4

import pytest

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.crises.reads import crises as reads, life as reads_life
from stemtide.hub.rooms.crises.writes import (
    crises as writes,
    moves as writes_moves,
    participants as writes_joining,
)
from stemtide.hub.rooms.reports.reads.figures import figures
from stemtide.protocol.enums import CheckAnswer, JoinState
from stemtide.protocol.law.frameworks import newest
from stemtide.protocol.messages.crises import (
    CheckIn,
    CloseIn,
    CountriesIn,
    InviteIn,
    MeasureIn,
    ProposalIn,
    TriageIn,
    WarningIn,
)
from tests.rounds import at_night
from tests.world import NOON

YES = CheckIn(answer="yes", evidence="seen by two officers")
OVER = CloseIn(reason="it is over")
MEASURE = MeasureIn(country="BE", measure="referrals", insufficient="the hosts are abroad")
TESTS = [
    *("real-world-event", "harm", "intimidation", "extremist-link", "virality"),
    "national-measures",
]


def test_a_warning_is_recorded_with_its_framework(world):
    crisis = world.warn(countries=("FR", "BE", "FR"), framework="eu-ocrf-2026")
    assert (crisis.stage, crisis.stage_title) == ("early_warning", "Early warning alert")
    assert crisis.countries == ["BE", "FR"]
    assert [check.test for check in crisis.checks] == TESTS
    assert {check.answer for check in crisis.checks} == {CheckAnswer.UNKNOWN}
    assert (crisis.your_state, crisis.in_room) == (JoinState.LEADS, True)
    entry = world.last_entry()
    assert (entry.kind, entry.actor, entry.subject) == (
        "crisis.warned",
        "party:be-crisis-centre",
        f"crisis:{crisis.id}",
    )
    assert entry.detail == {
        "framework": "eu-ocrf-2026",
        "countries": ["BE", "FR"],
        "through": "key:be-crisis-centre",
    }


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"framework": "eucp-1848"}, "framework"),
        ({"countries": ("BE", "fr")}, "countries"),
        ({"countries": ("EU",)}, "countries"),
        ({"happened_at": NOON.replace(hour=13)}, "happened_at"),
        ({"invite": ("nobody",)}, "invite"),
    ],
)
def test_a_warning_that_is_not_valid_is_refused_with_its_field(world, facts, field):
    with pytest.raises(InvalidError) as refused:
        world.warn(**facts)
    assert refused.value.field == field
    assert world.ledger_kinds() == []


def test_a_warning_reaches_those_it_is_addressed_to(world):
    crisis = world.warn(world.big_provider, invite=("be-crisis-centre", "small-forum"))
    assert world.ledger_kinds() == ["crisis.warned", "participant.invited"]
    assert reads.crisis(crisis.id, viewer=world.small_provider).your_state is JoinState.INVITED


def test_an_observer_cannot_warn(world):
    with pytest.raises(NotAllowedError, match="observers"):
        world.warn(world.observer)
    assert world.ledger_kinds() == []


def triage(world, crisis, *, by=None, **facts):
    by = world.actor(by or world.agency)
    return writes.triage(crisis.id, body=TriageIn(**facts), by=by, now=NOON)


def test_a_triage_says_what_follows_and_which_cell_says_so(world):
    told = triage(world, world.warn(), harm=4, virality=2)
    (one,) = told.triages
    assert (one.suggested, one.outcome) == ("monitor", "monitor")
    assert one.explanation.startswith("Harm 4 (killing or attempted killing")
    assert "virality 2 (copies on two or more services)" in one.explanation
    assert "says monitor" in one.explanation
    assert world.last_entry().kind == "crisis.triaged"
    assert (one.by.party, one.at) == ("eu-referral-unit", NOON)


@at_night
@pytest.mark.parametrize(("harm", "virality", "field"), [(9, 0, "harm"), (0, 9, "virality")])
def test_a_triage_names_the_axis_that_has_no_such_level(world, harm, virality, field):
    with pytest.raises(InvalidError) as refused:
        triage(world, world.warn(), harm=harm, virality=virality)
    assert refused.value.field == field


@at_night
def test_another_outcome_than_the_matrix_needs_a_reason(world):
    crisis = world.warn()
    with pytest.raises(InvalidError, match="reason: the matrix suggests as usual"):
        triage(world, crisis, harm=0, virality=0, outcome="activate")
    told = triage(world, crisis, harm=0, virality=0, outcome="activate", reason="a livestream")
    assert (told.triages[0].suggested, told.triages[0].outcome) == ("as_usual", "activate")


@at_night
def test_earlier_ratings_stay_and_the_latest_is_last(world):
    crisis = world.warn()
    triage(world, crisis, harm=0, virality=0)
    told = triage(world, crisis, harm=4, virality=4)
    assert [one.outcome for one in told.triages] == ["as_usual", "activate"]


@at_night
def test_business_as_usual_closes_the_warning_in_the_same_act(world):
    told = triage(world, world.warn(), harm=0, virality=0, close=True)
    assert (told.stage, told.closed_at, told.tail_ends_at) == ("closed", NOON, NOON)
    assert told.close_reason.startswith("Harm 0")
    assert world.ledger_kinds() == ["crisis.warned", "crisis.triaged", "crisis.closed"]


def test_nothing_but_business_as_usual_closes_a_warning_by_its_triage(world):
    crisis = world.warn()
    with pytest.raises(InvalidError, match="close"):
        triage(world, crisis, harm=4, virality=4, close=True)
    assert reads.crisis(crisis.id, viewer=world.agency).stage == "early_warning"
    assert world.ledger_kinds() == ["crisis.warned"]


def test_who_may_not_close_a_warning_does_not_close_it_by_a_triage(world):
    crisis = world.warn()
    world.join(crisis, world.other_authority)
    with pytest.raises(NotAllowedError, match="be-crisis-centre"):
        triage(world, crisis, by=world.other_authority, harm=0, virality=0, close=True)


@at_night
def test_the_latest_answer_counts_and_says_whose_it_is(world):
    crisis = world.warn()
    later = CheckIn(answer="no", evidence="a second look")
    by = world.actor(role="analyst", ref="person:7")
    writes.answer(crisis.id, test="harm", body=YES, by=by, now=NOON)
    told = writes.answer(
        crisis.id,
        test="harm",
        body=later,
        by=world.actor(world.agency, role="analyst", ref="person:9"),
        now=world.at(minutes=1),
    )
    check = {one.test: one for one in told.checks}["harm"]
    assert (check.answer, check.answered_by) == (CheckAnswer.NO, "eu-referral-unit")
    assert (check.evidence, check.answered_role) == ("a second look", "analyst")
    assert check.answered_ref == "person:9"
    assert world.last_entry().detail == {"test": "harm", "answer": "no", "through": "person:9"}


def test_which_person_answered_is_told_to_their_own_party_alone(world):
    crisis = world.warn()
    by = world.actor(role="analyst", ref="person:7")
    writes.answer(crisis.id, test="harm", body=YES, by=by, now=NOON)
    seen = {
        viewer.name: {one.test: one for one in reads.crisis(crisis.id, viewer=viewer).checks}
        for viewer in (world.authority, world.agency)
    }
    assert seen["be-crisis-centre"]["harm"].answered_ref == "person:7"
    assert seen["eu-referral-unit"]["harm"].answered_ref is None
    assert seen["eu-referral-unit"]["harm"].answered_role == "analyst"


def test_an_unknown_test_is_named_with_the_known_ones(world):
    crisis = world.warn()
    by = world.actor(world.agency)
    with pytest.raises(InvalidError, match=r"no test 'luck'.*virality"):
        writes.answer(crisis.id, test="luck", body=YES, by=by, now=NOON)


@at_night
def test_a_measure_is_recorded_with_its_country(world):
    crisis = world.warn()
    told = writes.consider(crisis.id, body=MEASURE, by=world.actor(), now=NOON)
    (one,) = told.measures
    assert (one.country, one.measure, one.insufficient) == (
        "BE",
        "referrals",
        "the hosts are abroad",
    )
    assert world.last_entry().detail == {"country": "BE", "through": "key:be-crisis-centre"}


def test_a_measure_of_no_country_is_refused(world):
    crisis = world.warn()
    body = MEASURE.model_copy(update={"country": "XX"})
    with pytest.raises(InvalidError, match="ISO 3166"):
        writes.consider(crisis.id, body=body, by=world.actor(), now=NOON)


@at_night
def test_countries_are_added_to_a_crisis_and_none_is_taken_away(world):
    crisis = world.warn(countries=("BE",))
    body = CountriesIn(countries=("NL", "BE", "FR"))
    told = writes.widen(crisis.id, body=body, by=world.actor(), now=NOON)
    assert told.countries == ["BE", "FR", "NL"]
    last = world.last_entry()
    assert last.kind == "crisis.widened"
    assert last.detail == {"countries": ["FR", "NL"], "through": "key:be-crisis-centre"}


@at_night
def test_a_warning_of_one_country_is_activated_once_another_is_added(world):
    crisis = world.warn(countries=("BE",))
    world.answer_all(crisis)
    body, by = ProposalIn(act="activate", reason="it spreads"), world.actor()
    with pytest.raises(ConflictError, match="countr"):
        writes_moves.propose(crisis.id, body=body, by=by, now=NOON)
    writes.widen(crisis.id, body=CountriesIn(countries=("FR",)), by=by, now=NOON)
    assert writes_moves.propose(crisis.id, body=body, by=by, now=NOON).proposals


def test_a_country_that_is_named_already_is_not_added_again(world):
    crisis = world.warn(countries=("BE", "FR"))
    with pytest.raises(ConflictError, match="BE, FR is already a country of this crisis"):
        writes.widen(crisis.id, body=CountriesIn(countries=("FR",)), by=world.actor(), now=NOON)


def test_what_is_no_country_is_not_added(world):
    crisis = world.warn()
    with pytest.raises(InvalidError, match="ISO 3166"):
        writes.widen(crisis.id, body=CountriesIn(countries=("XX",)), by=world.actor(), now=NOON)


def test_another_authority_does_not_close_a_warning(world):
    crisis = world.warn()
    by = world.actor(world.other_authority)
    with pytest.raises(NotAllowedError, match="be-crisis-centre"):
        writes_moves.close(crisis.id, body=OVER, by=by, now=NOON)


def test_a_hidden_crisis_and_none_look_alike(world):
    warned, unknown = world.warn().id, uuid4()
    by = world.actor(world.big_provider)
    said = []
    for uid in (warned, unknown):
        with pytest.raises(NotFoundError) as refused:
            writes_moves.close(uid, body=OVER, by=by, now=NOON)
        said.append(str(refused.value).replace(str(uid), "X"))
    assert said[0] == said[1]


def test_who_takes_no_part_reads_facts_but_not_what_is_said(world):
    crisis = world.activate()
    world.join(crisis, world.big_provider)
    invite(world, crisis, "small-forum")
    told = reads_life.life(crisis.id, viewer=world.small_provider)
    assert (told.name, told.in_room, told.your_state) == (crisis.name, False, JoinState.INVITED)
    assert {one.answer for one in told.checks} == {CheckAnswer.YES}
    assert {one.evidence for one in told.checks} == {""}
    assert {one.answered_by for one in told.checks} == {None}
    assert told.measures == told.proposals == told.reviews == told.triages == told.alike == []
    assert {one.party for one in told.participants} == {"be-crisis-centre", "small-forum"}
    assert told.review is None


def invite(world, crisis, *names):
    by = world.actor(world.agency)
    writes_joining.invite(crisis.id, body=InviteIn(parties=names), by=by, now=NOON)


@at_night
def test_a_list_of_crises_costs_the_same_for_one_and_many(world, django_assert_num_queries):
    for _ in range(5):
        world.activate()
    with django_assert_num_queries(4):
        reads.crises(viewer=world.agency)


@at_night
def test_the_time_of_an_event_is_unknown_unless_somebody_says_it(world):
    """Every reader of that time takes it: clocks, links between crises, figures of the report."""
    first = world.warn(happened_at=None)
    second = world.warn(name="Attack in a City", happened_at=NOON)
    assert (first.happened_at, first.framework) == (None, "eucp-2023")
    assert [other.id for other in reads_life.life(first.id, viewer=world.agency).alike] == [
        second.id
    ]
    assert [other.id for other in reads_life.life(second.id, viewer=world.agency).alike] == [
        first.id
    ]
    row = Crisis.objects.get(uid=first.id)
    moments = {one.name: one.after_s for one in figures(row, viewer=world.agency).moments}
    assert moments == {"warned": None}


def test_a_crisis_begins_under_the_newest_framework_unless_another_is_named():
    assert WarningIn(name="Attack", countries=("BE",)).framework == "eu-ocrf-2026" == newest()
