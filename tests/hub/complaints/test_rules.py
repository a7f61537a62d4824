# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, datetime, timedelta

import pytest

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError, RefusalError
from stemtide.hub.platform.permissions import check_may_read_complaints
from stemtide.hub.rooms.complaints.rules import complaints as rules, redress as rules_redress
from stemtide.protocol.enums import PartyKind, Role
from stemtide.protocol.enums.complaints import ComplaintBasis, ComplaintState, RedressState
from stemtide.protocol.handling import Pap
from stemtide.protocol.messages.complaints import ComplaintLinkIn, ComplaintOutcomeIn, RedressIn
from tests.world import NOON

YES, NO = True, False
GROUND = rules.GroundFacts(pap=Pap.GREEN, exercise=False)


def allowed(check, *facts, **named):
    try:
        check(*facts, **named)
    except RefusalError:
        return False
    return True


def facts(state="in_review", basis="signal", own=()):
    return rules.ComplaintFacts(
        state=ComplaintState(state),
        party="big-video",
        basis=ComplaintBasis(basis),
        own_hands=frozenset(own),
    )


def outcome(*, upheld=True, **more):
    plain = {"exemption": "news", "finding": "content", "reasons": "It is a news report."}
    if not upheld:
        plain |= {"exemption": "none", "finding": None}
    return ComplaintOutcomeIn(is_upheld=upheld, **(plain | more))


def decision(**more):
    plain = {"reference": "1", "basis": "own", "measure": "blocked", "acted_at": NOON}
    return ComplaintLinkIn(**(plain | more))


@pytest.mark.parametrize(
    ("kind", "role", "may"),
    [
        ("provider", None, YES),
        ("provider", "analyst", YES),
        ("provider", "duty_officer", YES),
        ("provider", "coordinator", YES),
        ("provider", "administrator", YES),
        ("provider", "data_protection_officer", NO),
        ("provider", "observer", NO),
        ("authority", "duty_officer", NO),
        ("agency", None, NO),
        ("consortium", "analyst", NO),
        ("observer", "analyst", NO),
    ],
)
def test_who_makes_a_link_or_files_for_an_uploader(kind, role, may):
    kind, role = PartyKind(kind), role and Role(role)
    assert may is allowed(rules.check_link, kind=kind, role=role)


@pytest.mark.parametrize(
    ("name", "role", "take", "uphold", "reject"),
    [
        ("big-video", None, YES, YES, YES),
        ("big-video", "analyst", YES, YES, YES),
        ("big-video", "duty_officer", YES, YES, YES),
        ("big-video", "coordinator", YES, YES, YES),
        ("big-video", "administrator", YES, YES, YES),
        ("big-video", "data_protection_officer", NO, NO, NO),
        ("big-video", "observer", NO, NO, NO),
        ("small-forum", "duty_officer", NO, NO, NO),
        ("be-crisis-centre", "duty_officer", NO, NO, NO),
        ("eu-referral-unit", "coordinator", NO, NO, NO),
    ],
)
def test_who_reviews_a_complaint(name, role, take, uphold, reject):
    role = role and Role(role)
    me = {"name": name, "role": role}
    said = [
        allowed(rules.check_take, facts("filed"), **me),
        allowed(rules.check_decide, facts(), outcome(), hand="r1", **me),
        allowed(rules.check_decide, facts(), outcome(upheld=False), hand="r1", **me),
    ]
    assert said == [take, uphold, reject]


@pytest.mark.parametrize(
    ("state", "take", "uphold", "reject", "withdraw"),
    [
        ("filed", YES, NO, NO, YES),
        ("in_review", YES, YES, YES, YES),
        ("upheld", NO, NO, NO, NO),
        ("rejected", NO, NO, NO, NO),
        ("withdrawn", NO, NO, NO, NO),
    ],
)
def test_how_a_complaint_moves(state, take, uphold, reject, withdraw):
    me = {"name": "big-video", "role": Role.DUTY_OFFICER}
    said = [
        allowed(rules.check_take, facts(state), **me),
        allowed(rules.check_decide, facts(state), outcome(), hand="r1", **me),
        allowed(rules.check_decide, facts(state), outcome(upheld=False), hand="r1", **me),
        allowed(rules.state_after, "complaint", state, "withdraw", side="complainant"),
    ]
    assert said == [take, uphold, reject, withdraw]


@pytest.mark.parametrize(
    ("state", "keep", "grant", "accept", "lapse"),
    [
        ("asked", YES, YES, NO, YES),
        ("kept", NO, YES, YES, YES),
        ("granted", NO, NO, NO, NO),
        ("accepted", NO, NO, NO, NO),
        ("moot", NO, NO, NO, NO),
    ],
)
def test_how_redress_moves(state, keep, grant, accept, lapse):
    asked = rules_redress.RedressFacts(RedressState(state), party="big-video", author="be")
    sharer = {"name": "be", "role": Role.ANALYST}
    said = [
        allowed(rules_redress.check_answer, asked, RedressIn(keep=True, reason="It is."), **sharer),
        allowed(rules_redress.check_answer, asked, RedressIn(keep=False), **sharer),
        allowed(rules_redress.check_accept, asked, name="big-video", role=Role.ANALYST),
        allowed(rules.state_after, "redress", state, "lapse", side="clock"),
    ]
    assert said == [keep, grant, accept, lapse]


@pytest.mark.parametrize(
    ("name", "role", "answer", "accept"),
    [
        ("be", "analyst", YES, NO),
        ("be", None, YES, NO),
        ("be", "observer", NO, NO),
        ("be", "data_protection_officer", NO, NO),
        ("big-video", "analyst", NO, YES),
        ("big-video", None, NO, YES),
        ("big-video", "observer", NO, NO),
        ("small-forum", "duty_officer", NO, NO),
        ("eu-referral-unit", "duty_officer", NO, NO),
    ],
)
def test_who_answers_for_a_signal_and_who_accepts(name, role, answer, accept):
    role = role and Role(role)
    asked = rules_redress.RedressFacts(RedressState.KEPT, party="big-video", author="be")
    said = [
        allowed(rules_redress.check_answer, asked, RedressIn(keep=False), name=name, role=role),
        allowed(rules_redress.check_accept, asked, name=name, role=role),
    ]
    assert said == [answer, accept]


def test_a_signal_is_not_kept_without_a_reason():
    asked = rules_redress.RedressFacts(RedressState.ASKED, party="big-video", author="be")
    me = {"name": "be", "role": None}
    with pytest.raises(InvalidError, match="reason"):
        rules_redress.check_answer(asked, RedressIn(keep=True, reason=" "), **me)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"acted_at": NOON + timedelta(hours=1)}, "future"),
        ({"acted_at": NOON - timedelta(days=300)}, "six months"),
        ({"ground": "00000000-0000-4000-8000-000000000001"}, "must be left out"),
        ({"basis": "signal"}, "is missing"),
    ],
)
def test_a_decision_that_does_not_fit_is_said_with_its_remedy(more, words):
    with pytest.raises(InvalidError, match=words):
        rules.check_decision(decision(**more), ground=None, now=NOON)


def test_nobody_is_told_of_a_signal_that_must_not_be_noticed():
    silent = rules.GroundFacts(pap=Pap.RED, exercise=False)
    body = decision(basis="signal", ground="00000000-0000-4000-8000-000000000001")
    with pytest.raises(InvalidError, match="PAP:RED"):
        rules.check_decision(body, ground=silent, now=NOON)


def test_an_exercise_rests_on_an_exercise():
    body = decision(basis="signal", ground="00000000-0000-4000-8000-000000000001", exercise=True)
    with pytest.raises(InvalidError, match="must be the same"):
        rules.check_decision(body, ground=GROUND, now=NOON)
    drill = rules.GroundFacts(pap=Pap.GREEN, exercise=True)
    rules.check_decision(body, ground=drill, now=NOON)


@pytest.mark.parametrize(
    ("said", "basis", "words"),
    [
        (outcome(upheld=False, exemption="news"), "signal", "upholds the complaint"),
        (outcome(upheld=False, finding="content"), "signal", "has no finding"),
        (outcome(finding=None), "signal", "choose content or ground"),
        (outcome(finding="ground", note="It is wrong."), "own", "has no other ground"),
        (outcome(finding="ground"), "signal", "note"),
    ],
)
def test_an_outcome_that_contradicts_itself_is_refused(said, basis, words):
    me = {"name": "big-video", "role": None, "hand": "r1"}
    with pytest.raises(InvalidError, match=words):
        rules.check_decide(facts(basis=basis), said, **me)


def test_who_acted_may_find_it_wrong_but_not_find_it_right():
    me = {"name": "big-video", "role": Role.ANALYST, "hand": "person:7"}
    own = facts(own=("person:7",))
    rules.check_decide(own, outcome(), **me)
    with pytest.raises(NotAllowedError, match="colleague"):
        rules.check_decide(own, outcome(upheld=False), **me)


def test_machines_name_the_person_who_reviewed():
    assert rules.hand_of("person:7", None) == "person:7"
    assert rules.hand_of("person:7", "somebody-else") == "person:7"
    assert rules.hand_of("key:abc", "moderator-12") == "moderator-12"
    with pytest.raises(InvalidError, match="reviewed_by"):
        rules.hand_of("key:abc", None)


def test_an_observers_people_read_no_complaints():
    assert not allowed(check_may_read_complaints, Role.OBSERVER)
    assert allowed(check_may_read_complaints, Role.DATA_PROTECTION_OFFICER)
    assert allowed(check_may_read_complaints, None)


def test_a_second_complaint_about_one_decision_is_refused():
    with pytest.raises(ConflictError, match="already"):
        rules.check_file(is_there=True)
    rules.check_file(is_there=False)


def test_nothing_is_accepted_where_nothing_was_asked():
    with pytest.raises(ConflictError, match="no redress was requested"):
        rules.check_asked("")
    rules.check_asked("kept")


@pytest.mark.parametrize(
    ("made", "ends"),
    [
        (datetime(2026, 8, 31, 10, tzinfo=UTC), datetime(2027, 3, 14, 10, tzinfo=UTC)),
        (datetime(2027, 8, 31, 10, tzinfo=UTC), datetime(2028, 3, 14, 10, tzinfo=UTC)),
        (datetime(2026, 11, 25, tzinfo=UTC), datetime(2027, 6, 8, tzinfo=UTC)),
    ],
)
def test_a_link_opens_for_more_than_six_months(made, ends):
    assert rules.link_ends(made) == ends


def test_the_outcome_is_due_after_two_weeks_and_words_go_after_half_a_year():
    assert rules.answer_due(NOON) == NOON + timedelta(weeks=2)
    assert rules.erase_due(NOON, decided_at=NOON) == datetime(2027, 5, 24, 12, tzinfo=UTC)
    assert rules.erase_due(NOON) == datetime(2027, 11, 24, 12, tzinfo=UTC)
