# SPDX-License-Identifier: Apache-2.0
from uuid import uuid4

import pytest

from stemtide.hub.crises import reads, rules, writes
from stemtide.hub.parties.rules import (
    ConflictError,
    InvalidError,
    NotAllowedError,
    NotFoundError,
)
from stemtide.protocol.crises import CheckIn, CloseIn
from stemtide.protocol.frameworks import framework
from stemtide.protocol.words import CheckAnswer, PartyKind
from tests.world import NOON

YES = CheckIn(answer="yes", evidence="seen by two officers")
OVER = CloseIn(reason="it is over")
TESTS = [
    *("real-world-event", "harm", "intimidation", "extremist-link", "virality"),
    "national-measures",
]
PASS, NO, CONFLICT = None, NotAllowedError, ConflictError


def facts(stage="early_warning", *, countries=("BE", "FR"), answers=None, opened_by="opener"):
    return rules.CrisisFacts(
        framework=framework("eucp-2023"),
        stage=stage,
        opened_by=opened_by,
        countries=countries,
        answers=dict.fromkeys(TESTS, CheckAnswer.YES) if answers is None else answers,
    )


def outcome_of(check, *args, **named):
    try:
        check(*args, **named)
    except (NotAllowedError, ConflictError) as refused:
        return type(refused)
    return None


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (PartyKind.AUTHORITY, PASS),
        (PartyKind.AGENCY, PASS),
        (PartyKind.PROVIDER, PASS),
        (PartyKind.CONSORTIUM, PASS),
        (PartyKind.OBSERVER, NO),
    ],
)
def test_who_may_warn(kind, expected):
    assert outcome_of(rules.check_warn, kind=kind) is expected


@pytest.mark.parametrize(
    ("kind", "stage", "answer", "activate", "close"),
    [
        (PartyKind.AUTHORITY, "early_warning", PASS, PASS, NO),
        (PartyKind.AUTHORITY, "active", PASS, CONFLICT, NO),
        (PartyKind.AUTHORITY, "closed", CONFLICT, CONFLICT, NO),
        (PartyKind.AGENCY, "early_warning", PASS, PASS, PASS),
        (PartyKind.AGENCY, "active", PASS, CONFLICT, PASS),
        (PartyKind.AGENCY, "closed", CONFLICT, CONFLICT, CONFLICT),
        (PartyKind.PROVIDER, "early_warning", NO, NO, NO),
        (PartyKind.PROVIDER, "active", NO, NO, NO),
        (PartyKind.PROVIDER, "closed", NO, NO, NO),
        (PartyKind.CONSORTIUM, "early_warning", NO, NO, NO),
        (PartyKind.CONSORTIUM, "active", NO, NO, NO),
        (PartyKind.CONSORTIUM, "closed", NO, NO, NO),
        (PartyKind.OBSERVER, "early_warning", NO, NO, NO),
        (PartyKind.OBSERVER, "active", NO, NO, NO),
        (PartyKind.OBSERVER, "closed", NO, NO, NO),
    ],
)
def test_who_may_do_what_at_which_stage(kind, stage, answer, activate, close):
    here = facts(stage)
    assert outcome_of(rules.check_answer, here, kind=kind, test="harm") is answer
    assert outcome_of(rules.check_activate, here, kind=kind) is activate
    assert outcome_of(rules.check_close, here, kind=kind, name="somebody") is close


@pytest.mark.parametrize(
    ("stage", "expected"), [("early_warning", PASS), ("active", PASS), ("closed", CONFLICT)]
)
def test_who_opened_a_crisis_may_close_it(stage, expected):
    here = facts(stage)
    got = outcome_of(rules.check_close, here, kind=PartyKind.PROVIDER, name="opener")
    assert got is expected


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("answer", [CheckAnswer.NO, CheckAnswer.UNKNOWN, None])
def test_one_test_without_a_yes_stops_activation_and_is_named(test, answer):
    answers = dict.fromkeys(TESTS, CheckAnswer.YES) | {test: answer}
    with pytest.raises(ConflictError, match=test):
        rules.check_activate(facts(answers=answers), kind=PartyKind.AGENCY)


@pytest.mark.parametrize("countries", [(), ("BE",), ("BE", "BE")])
def test_a_crisis_in_one_country_stays_there(countries):
    with pytest.raises(ConflictError, match="activation needs 2"):
        rules.check_activate(facts(countries=countries), kind=PartyKind.AGENCY)


@pytest.mark.parametrize(
    ("kind", "warning", "active", "closed"),
    [
        (PartyKind.AUTHORITY, True, True, True),
        (PartyKind.AGENCY, True, True, True),
        (PartyKind.PROVIDER, True, True, True),
        (PartyKind.CONSORTIUM, True, True, True),
        (PartyKind.OBSERVER, False, True, True),
    ],
)
def test_who_sees_a_crisis_at_which_stage(kind, warning, active, closed):
    assert rules.may_see(facts("early_warning"), kind=kind) is warning
    assert rules.may_see(facts("active"), kind=kind) is active
    assert rules.may_see(facts("closed"), kind=kind) is closed


def test_a_warning_is_recorded_with_its_framework(world):
    crisis = world.warn(countries=("FR", "BE", "FR"), framework="eu-ocrf-2026")
    assert (crisis.stage, crisis.stage_title) == ("early_warning", "Early warning alert")
    assert crisis.countries == ["BE", "FR"]
    assert [check.test for check in crisis.checks] == TESTS
    assert {check.answer for check in crisis.checks} == {CheckAnswer.UNKNOWN}
    entry = world.last_entry()
    assert (entry.kind, entry.actor, entry.subject) == (
        "crisis.warned",
        "party:be-crisis-centre",
        f"crisis:{crisis.id}",
    )
    assert entry.detail == {"framework": "eu-ocrf-2026", "countries": ["BE", "FR"]}


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"framework": "eucp-1848"}, "framework"),
        ({"countries": ("BE", "fr")}, "countries"),
        ({"countries": ("EU",)}, "countries"),
        ({"happened_at": NOON.replace(hour=13)}, "happened_at"),
    ],
)
def test_a_warning_that_is_not_valid_is_refused_with_its_field(world, facts, field):
    with pytest.raises(InvalidError) as refused:
        world.warn(**facts)
    assert refused.value.field == field
    assert world.ledger_kinds() == []


def test_an_observer_cannot_warn(world):
    with pytest.raises(NotAllowedError, match="observers"):
        world.warn(world.observer)
    assert world.ledger_kinds() == []


def test_the_latest_answer_counts_and_says_whose_it_is(world):
    crisis = world.warn()
    later = CheckIn(answer="no", evidence="a second look")
    writes.answer(crisis.id, test="harm", body=YES, by=world.authority, now=NOON)
    told = writes.answer(
        crisis.id, test="harm", body=later, by=world.agency, now=world.at(minutes=1)
    )
    check = {one.test: one for one in told.checks}["harm"]
    assert (check.answer, check.answered_by) == (CheckAnswer.NO, "eu-referral-unit")
    assert check.evidence == "a second look"
    assert world.last_entry().detail == {"test": "harm", "answer": "no"}


def test_an_unknown_test_is_named_with_the_known_ones(world):
    crisis = world.warn()
    with pytest.raises(InvalidError, match=r"no test 'luck'.*virality"):
        writes.answer(crisis.id, test="luck", body=YES, by=world.agency, now=NOON)


def test_a_crisis_is_warned_of_activated_and_closed(world):
    crisis = world.activate(exercise=True)
    assert (crisis.stage, crisis.activated_at) == ("active", NOON)
    done = writes.close(
        crisis.id, body=OVER, by=world.authority, now=world.at(hours=9), actor_ref="key:ab"
    )
    assert (done.stage, done.closed_at) == ("closed", world.at(hours=9))
    kinds = ["crisis.warned", *["check.answered"] * 6, "crisis.activated", "crisis.closed"]
    assert world.ledger_kinds() == kinds
    entry = world.last_entry()
    assert entry.detail == {"from": "active", "through": "key:ab"}
    assert entry.exercise


def test_activation_names_the_tests_that_are_open(world):
    crisis = world.warn()
    writes.answer(crisis.id, test="harm", body=YES, by=world.agency, now=NOON)
    with pytest.raises(ConflictError, match="real-world-event, intimidation"):
        writes.activate(crisis.id, by=world.agency, now=NOON)
    assert reads.crisis(crisis.id, viewer=world.agency).stage == "early_warning"


def test_a_crisis_is_activated_and_closed_once(world):
    crisis = world.activate()
    with pytest.raises(ConflictError, match="stands at 'Active'"):
        writes.activate(crisis.id, by=world.agency, now=NOON)
    writes.close(crisis.id, body=OVER, by=world.agency, now=NOON)
    with pytest.raises(ConflictError, match="stands at 'Closed'"):
        writes.close(crisis.id, body=OVER, by=world.agency, now=NOON)
    with pytest.raises(ConflictError, match="closed"):
        writes.answer(crisis.id, test="harm", body=YES, by=world.agency, now=NOON)


def test_another_authority_does_not_close_a_crisis(world):
    crisis = world.warn()
    with pytest.raises(NotAllowedError, match="be-crisis-centre"):
        writes.close(crisis.id, body=OVER, by=world.other_authority, now=NOON)


def test_an_observer_learns_of_a_crisis_when_it_is_activated(world):
    warned = world.warn()
    assert reads.crises(viewer=world.observer) == []
    with pytest.raises(NotFoundError, match="no crisis"):
        reads.crisis(warned.id, viewer=world.observer)
    active = world.activate()
    assert [one.id for one in reads.crises(viewer=world.observer)] == [active.id]
    assert len(reads.crises(viewer=world.big_provider)) == 2


def test_a_hidden_crisis_and_none_look_alike(world):
    warned, unknown = world.warn().id, uuid4()
    said = []
    for uid in (warned, unknown):
        with pytest.raises(NotFoundError) as refused:
            writes.close(uid, body=OVER, by=world.observer, now=NOON)
        said.append(str(refused.value).replace(str(uid), "X"))
    assert said[0] == said[1]


def test_a_list_of_crises_costs_the_same_for_one_and_many(world, django_assert_num_queries):
    for _ in range(5):
        world.activate()
    with django_assert_num_queries(3):
        reads.crises(viewer=world.agency)
