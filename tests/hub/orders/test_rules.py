# SPDX-License-Identifier: Apache-2.0
"""Who may do what with an order, and when: the tables are written out, never computed."""

from datetime import timedelta

import pytest

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError, RefusalError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.orders.rules import (
    offers as rules_offers,
    orders as rules,
    preservation as rules_preservation,
    scrutiny as rules_scrutiny,
)
from stemtide.hub.rooms.orders.rules.orders import (
    AppealFacts,
    OrderFacts,
    PreservationFacts,
    ScrutinyFacts,
    Side,
)
from stemtide.protocol.enums import PartyKind, Role
from stemtide.protocol.enums.orders import (
    AppealOutcome,
    Appellant,
    FinalGround,
    OrderState,
    ScrutinyBasis,
    ScrutinyState,
)
from stemtide.protocol.law.deadlines import Pause
from stemtide.protocol.law.machines import machine
from tests.hub.orders.cast import after
from tests.world import NOON

ISSUER, ADDRESSEE, HOME, STRANGER = "be", "forum", "fr", "stranger"

OPEN_TO = {
    # state: moves of issuer, of addressee, of an authority with a copy
    "drafted": ({"discard", "submit", "issue"}, set(), set()),
    "submitted": ({"confirm", "recall"}, set(), set()),
    "discarded": (set(), set(), set()),
    "issued": ({"withdraw"}, {"receive"}, {"annul"}),
    "received": ({"withdraw"}, {"execute", "suspend"}, {"annul"}),
    "suspended": ({"withdraw", "resume"}, {"execute", "resume"}, {"annul"}),
    "executed": ({"revoke"}, set(), {"undo"}),
    "undone": (set(), {"reinstate"}, set()),
    "withdrawn": (set(), set(), set()),
    "annulled": (set(), set(), set()),
    "reinstated": (set(), set(), set()),
}

LEADS = {
    *("submit", "confirm", "recall", "issue"),
    *("withdraw", "revoke", "annul", "undo"),
}
"""Moves that a person makes only as duty officer or coordinator."""

UNSENT = {"drafted", "discarded", "submitted"}
"""States of an order that its addressee does not see."""

READS_ONLY = {Role.OBSERVER, Role.DATA_PROTECTION_OFFICER}
LEADERS = {Role.DUTY_OFFICER, Role.COORDINATOR}
MOVES = sorted(machine("order").moves)


def facts(state="received", **more):
    plain = {
        "state": OrderState(state),
        "issued_by": ISSUER,
        "addressee": ADDRESSEE,
        "homes": ((HOME, NOON),),
        "is_cross_border": True,
        "issued_at": None if state in UNSENT else NOON,
        "received_at": None if state in {*UNSENT, "issued"} else NOON,
    }
    return OrderFacts(**(plain | more))


def scrutiny(state="opened", **more):
    plain = {"basis": ScrutinyBasis.OWN_INITIATIVE, "due_at": NOON + timedelta(hours=72)}
    return ScrutinyFacts(**(plain | {"state": ScrutinyState(state)} | more))


def test_the_words_of_the_states_are_those_of_the_machines():
    assert {*OrderState} == set(machine("order").states)
    assert {*ScrutinyState} == set(machine("scrutiny").states)
    assert set(OPEN_TO) == {*OrderState}


@pytest.mark.parametrize("state", OPEN_TO)
def test_a_party_makes_its_own_moves_in_their_states_alone(state):
    for name, open_to in zip([ISSUER, ADDRESSEE, HOME], OPEN_TO[state], strict=True):
        assert moves_of(name, state) == open_to, name
    assert moves_of(STRANGER, state) == set()


def moves_of(name, state):
    """The moves that a party may make in a state."""
    return {
        move for move in MOVES if allows(rules.check_move, facts(state), move, name=name, role=None)
    }


@pytest.mark.parametrize("move", MOVES)
def test_a_person_makes_the_moves_of_their_role_alone(move):
    where = {
        one: (state, [ISSUER, ADDRESSEE, HOME][side])
        for state, sides in OPEN_TO.items()
        for side, moves in enumerate(sides)
        for one in moves
    }
    state, name = where[move]
    make = {"name": name, "move": move}
    found = {role for role in Role if allows(rules.check_move, facts(state), role=role, **make)}
    assert found == (LEADERS if move in LEADS else set(Role) - READS_ONLY)


def test_a_stranger_and_a_wrong_moment_are_told_apart_in_words():
    with pytest.raises(NotAllowedError, match="no part in this order"):
        rules.check_move(facts(), "execute", name=STRANGER, role=None)
    with pytest.raises(ConflictError, match="this order is Executed"):
        rules.check_move(facts("executed"), "execute", name=ADDRESSEE, role=None)


@pytest.mark.parametrize(
    ("state", "side", "expected"),
    [
        ("issued", Side.ISSUER, "withdraw"),
        ("received", Side.ISSUER, "withdraw"),
        ("suspended", Side.ISSUER, "withdraw"),
        ("executed", Side.ISSUER, "revoke"),
        ("submitted", Side.ISSUER, "recall"),
        ("issued", Side.HOME, "annul"),
        ("received", Side.HOME, "annul"),
        ("suspended", Side.HOME, "annul"),
        ("executed", Side.HOME, "undo"),
    ],
)
def test_what_was_executed_is_undone_and_the_rest_simply_ends(state, side, expected):
    assert rules.ending_move(OrderState(state), side=side) == expected


# Drafting


@pytest.mark.parametrize("kind", PartyKind)
@pytest.mark.parametrize("competent", [True, False])
def test_only_a_competent_authority_drafts(kind, competent):
    expected = kind is PartyKind.AUTHORITY and competent
    check = {"kind": kind, "is_competent": competent, "role": None}
    assert allows(rules.check_draft, **check) is expected
    assert allows(rules.check_inform, **check) is expected


@pytest.mark.parametrize("role", Role)
def test_who_only_reads_drafts_nothing(role):
    check = {"kind": PartyKind.AUTHORITY, "is_competent": True, "role": role}
    assert allows(rules.check_draft, **check) is (role not in READS_ONLY)


@pytest.mark.parametrize("kind", PartyKind)
def test_orders_are_addressed_to_providers(kind):
    told = allows(rules.check_addressee, "forum", kind=kind)
    assert told is (kind is PartyKind.PROVIDER)


@pytest.mark.parametrize("kind", PartyKind)
def test_authorities_and_agencies_look_up_others_orders(kind):
    expected = kind in {PartyKind.AUTHORITY, PartyKind.AGENCY}
    assert allows(rules.check_look, kind=kind) is expected


def test_marks_must_agree():
    rules.check_mark(crisis=True, exercise=True)
    with pytest.raises(InvalidError, match="the crisis is real"):
        rules.check_mark(crisis=False, exercise=True)


# Sides


@pytest.mark.parametrize(
    ("state", "name", "expected"),
    [
        ("drafted", ISSUER, Side.ISSUER),
        ("drafted", ADDRESSEE, None),
        ("issued", ADDRESSEE, Side.ADDRESSEE),
        ("issued", HOME, Side.HOME),
        ("issued", STRANGER, None),
    ],
)
def test_a_draft_has_no_addressee_yet(state, name, expected):
    assert rules.side_of(facts(state), name=name) is expected


# Acknowledging, resuming


@pytest.mark.parametrize("state", OPEN_TO)
@pytest.mark.parametrize("name", [ISSUER, ADDRESSEE, HOME])
def test_the_addressee_acknowledges_while_something_is_to_do(state, name):
    expected = name == ADDRESSEE and state in {"issued", "received", "suspended"}
    told = allows(rules.check_acknowledge, facts(state), name=name, role=None)
    assert told is expected


@pytest.mark.parametrize(
    ("grounds", "by_issuer"),
    [
        ({"impossibility"}, False),
        ({"manifest_error"}, True),
        ({"insufficient_information"}, True),
        ({"impossibility", "manifest_error"}, True),
    ],
)
def test_who_may_end_a_pause_depends_on_its_ground(grounds, by_issuer):
    told = facts("suspended", grounds=frozenset(grounds))
    assert allows(rules.check_resume, told, name=ISSUER, role=None) is by_issuer
    assert allows(rules.check_resume, told, name=ADDRESSEE, role=None)
    assert not allows(rules.check_resume, told, name=HOME, role=None)


@pytest.mark.parametrize(
    ("minutes", "pauses", "expected"),
    [
        (59, [], False),
        (60, [], False),
        (61, [], True),
        (200, [(10, None)], False),
        (69, [(10, 20)], False),
        (81, [(10, 20)], True),
    ],
)
def test_a_measure_is_late_after_the_hour_and_never_in_a_pause(minutes, pauses, expected):
    told = [Pause(after(one), None if two is None else after(two)) for one, two in pauses]
    assert rules.is_late(after(minutes), received_at=NOON, pauses=told) is expected


# Secrecy and preservation

WEEKS = timedelta(weeks=1)


@pytest.mark.parametrize(
    ("state", "name", "weeks", "expected"),
    [
        ("received", ISSUER, (6, 12, 1), None),
        ("executed", ISSUER, (6, 7, 1), None),
        ("received", ADDRESSEE, (6, 12, 1), NotAllowedError),
        ("received", HOME, (6, 12, 1), NotAllowedError),
        ("withdrawn", ISSUER, (6, 12, 1), ConflictError),
        ("drafted", ISSUER, (6, 12, 1), ConflictError),
        ("received", ISSUER, (None, 12, 1), ConflictError),
        ("received", ISSUER, (6, 12, 6), ConflictError),
        ("received", ISSUER, (6, 6, 1), InvalidError),
        ("received", ISSUER, (6, 13, 1), InvalidError),
    ],
)
def test_secrecy_is_prolonged_by_its_issuer_in_time(state, name, weeks, expected):
    """weeks: until when it is secret, until when it is to be, and now."""
    secret, until, now = weeks
    told = facts(state, secret_until=NOON + secret * WEEKS if secret else None)
    check = {"name": name, "role": None, "until": NOON + until * WEEKS, "now": NOON + now * WEEKS}
    if expected is None:
        rules.check_prolong(told, **check)
        return
    with pytest.raises(expected):
        rules.check_prolong(told, **check)


@pytest.mark.parametrize("role", Role)
def test_only_who_leads_prolongs_and_extends(role):
    told = facts("executed", secret_until=NOON + WEEKS, preservations=(PreservationFacts(NOON),))
    check = {"name": ISSUER, "role": role, "until": NOON + 2 * WEEKS, "now": NOON}
    assert allows(rules.check_prolong, told, **check) is (role in LEADERS)
    assert allows(rules_preservation.check_extend, told, **check) is (role in LEADERS)


@pytest.mark.parametrize(("name", "expected"), [(ISSUER, True), (HOME, True), (ADDRESSEE, False)])
def test_authorities_ask_for_longer_preservation(name, expected):
    told = facts("executed", preservations=(PreservationFacts(NOON),))
    check = {"name": name, "role": None, "until": NOON + WEEKS, "now": NOON}
    assert allows(rules_preservation.check_extend, told, **check) is expected


@pytest.mark.parametrize(("name", "expected"), [(ISSUER, False), (HOME, False), (ADDRESSEE, True)])
def test_the_provider_keeps_the_record_of_what_it_preserves(name, expected):
    told = facts("executed", preservations=(PreservationFacts(NOON),))
    assert allows(rules_preservation.check_note_access, told, name=name, role=None) is expected
    check = {"name": name, "role": None, "now": NOON}
    assert allows(rules_preservation.check_note_destroyed, told, **check) is expected


# Scrutiny

OWN, PROVIDER, CONTENT = (
    ScrutinyBasis.OWN_INITIATIVE,
    ScrutinyBasis.PROVIDER,
    ScrutinyBasis.CONTENT_PROVIDER,
)


@pytest.mark.parametrize("basis", ScrutinyBasis)
@pytest.mark.parametrize("name", [ISSUER, ADDRESSEE, HOME, STRANGER])
def test_scrutiny_is_opened_by_its_own_side_while_an_order_has_effect(basis, name):
    has_effect = {"issued", "received", "suspended", "executed"}
    check = {"name": name, "role": None, "informed_at": NOON, "now": NOON}
    found = {
        state
        for state in OPEN_TO
        if allows(rules_scrutiny.check_open, facts(state), basis, **check)
    }
    is_own_side = name == (ADDRESSEE if basis is PROVIDER else HOME)
    assert found == (has_effect if is_own_side else set())


@pytest.mark.parametrize(
    ("basis", "hours", "expected"),
    [
        (OWN, 72, True),
        (OWN, 73, False),
        (PROVIDER, 48, True),
        (PROVIDER, 49, False),
        (CONTENT, 48, True),
        (CONTENT, 49, False),
    ],
)
def test_scrutiny_is_opened_within_its_hours(basis, hours, expected):
    name = ADDRESSEE if basis is PROVIDER else HOME
    check = {"name": name, "role": None, "informed_at": NOON, "now": NOON + timedelta(hours=hours)}
    assert allows(rules_scrutiny.check_open, facts(), basis, **check) is expected


@pytest.mark.parametrize(
    ("basis", "since"), [(OWN, NOON), (PROVIDER, after(600)), (CONTENT, after(600))]
)
def test_the_72_hours_run_from_the_copy_or_from_the_request(basis, since):
    name = ADDRESSEE if basis is PROVIDER else HOME
    told = rules_scrutiny.check_open(
        facts(), basis, name=name, role=None, informed_at=NOON, now=after(600)
    )
    assert told == since


def test_a_copy_that_nobody_had_opened_is_received_by_opening_scrutiny():
    told = facts(homes=((HOME, None),))
    check = {"name": HOME, "role": None, "informed_at": None, "now": after(9000)}
    assert rules_scrutiny.check_open(told, OWN, **check) == after(9000)


@pytest.mark.parametrize("informed_at", [None, NOON + WEEKS])
def test_a_content_provider_was_informed_at_some_time(informed_at):
    with pytest.raises(InvalidError, match="informed_at"):
        rules_scrutiny.check_open(
            facts(), CONTENT, name=HOME, role=None, informed_at=informed_at, now=NOON
        )


def test_scrutiny_needs_a_copy_and_is_open_once():
    check = {"name": ADDRESSEE, "role": None, "informed_at": None, "now": NOON}
    with pytest.raises(ConflictError, match="no authority has a copy"):
        rules_scrutiny.check_open(facts(homes=()), PROVIDER, **check)
    told = facts(scrutinies=(scrutiny("announced", authority=HOME),))
    rules_scrutiny.check_open(told, PROVIDER, **check)
    with pytest.raises(ConflictError, match="is already open"):
        rules_scrutiny.check_open(told, OWN, **check | {"name": HOME})
    asked = facts(scrutinies=(scrutiny(basis=PROVIDER),))
    with pytest.raises(ConflictError, match="is already open"):
        rules_scrutiny.check_open(asked, PROVIDER, **check)


STEPS = {
    "opened": {"announce", "uphold"},
    "announced": {"uphold", "infringe"},
    "upheld": set(),
    "infringed": set(),
    "closed": set(),
}


@pytest.mark.parametrize("state", STEPS)
@pytest.mark.parametrize("step", ["announce", "uphold", "infringe"])
@pytest.mark.parametrize("name", [ISSUER, ADDRESSEE, HOME, STRANGER])
def test_the_steps_of_scrutiny_are_its_authoritys_in_their_order(state, step, name):
    told = allows(
        rules_scrutiny.check_decide,
        facts(),
        scrutiny(state),
        step,
        name=name,
        role=None,
        is_competent=True,
        now=NOON,
    )
    assert told is (name == HOME and step in STEPS[state])


@pytest.mark.parametrize("basis", ScrutinyBasis)
@pytest.mark.parametrize(("hours", "state"), [(72, "opened"), (73, "opened"), (73, "announced")])
def test_under_article_4_3_an_own_initiative_finding_ends_with_its_72_hours(basis, hours, state):
    allowed = {
        step
        for step in ("announce", "uphold", "infringe")
        if allows(
            rules_scrutiny.check_decide,
            facts(),
            scrutiny(state, basis=basis),
            step,
            name=HOME,
            role=None,
            is_competent=True,
            now=NOON + timedelta(hours=hours),
        )
    }
    has_lapsed = basis is OWN and hours > 72
    assert allowed == ({"uphold"} if has_lapsed else STEPS[state])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"now": NOON + WEEKS, "step": "announce"}, "72 hours of your own initiative"),
        ({"is_competent": False}, "not in the register for scrutiny"),
        ({"scrutiny": scrutiny("opened", authority="de")}, "de is already examining this order"),
        ({"role": Role.ANALYST}, "cannot decide this"),
        ({"step": "infringe"}, "inform the issuer first"),
        ({"scrutiny": scrutiny("upheld")}, "is decided: No infringement"),
    ],
)
def test_a_step_that_is_refused_says_why(change, words):
    plain = {"scrutiny": scrutiny("opened"), "step": "uphold", "role": None}
    said = plain | {"is_competent": True, "now": NOON} | change
    examined, step = said.pop("scrutiny"), said.pop("step")
    with pytest.raises(RefusalError, match=words):
        rules_scrutiny.check_decide(facts(), examined, step, name=HOME, **said)


# What is offered

KEPT = PreservationFacts(NOON + WEEKS)
OVER = PreservationFacts(NOON - WEEKS)
LAPSED = (scrutiny("announced", authority=HOME, due_at=NOON - WEEKS),)
OPENED = (scrutiny("opened"),)
ANNOUNCED = (scrutiny("announced", authority=HOME),)
DAY = timedelta(days=1)
PENDING = AppealFacts("1", Appellant.PROVIDER, NOON.date(), AppealOutcome.PENDING)


@pytest.mark.parametrize(
    ("name", "told", "expected"),
    [
        (ISSUER, facts("drafted"), ["change", "discard", "issue"]),
        (ISSUER, facts("submitted"), ["recall"]),
        (ADDRESSEE, facts("submitted"), []),
        (HOME, facts("submitted", homes=()), []),
        (ISSUER, facts("issued"), ["withdraw", "appeal"]),
        (
            ISSUER,
            facts("suspended", grounds=frozenset({"manifest_error"})),
            ["resume", "withdraw", "appeal", "set_appeal_deadline"],
        ),
        (
            ISSUER,
            facts(secret_until=NOON + 6 * WEEKS),
            ["withdraw", "prolong", "appeal", "set_appeal_deadline"],
        ),
        (
            ISSUER,
            facts("executed", preservations=(KEPT,)),
            ["withdraw", "appeal", "set_appeal_deadline", "extend", "preserve"],
        ),
        (
            ISSUER,
            facts("executed", appeal_until=(NOON - 2 * DAY).date(), appeals=(PENDING,)),
            ["withdraw", "appeal", "decide_appeal", "set_appeal_deadline"],
        ),
        (
            ISSUER,
            facts("executed", appeal_until=(NOON - 2 * DAY).date()),
            ["withdraw", "appeal", "set_appeal_deadline", "finalise"],
        ),
        (ISSUER, facts("executed", final=FinalGround.CONFIRMED), ["withdraw"]),
        (ISSUER, facts("annulled"), []),
        (ADDRESSEE, facts("drafted"), []),
        (
            ADDRESSEE,
            facts("issued"),
            ["acknowledge", "execute", "suspend", "ask_scrutiny", "appeal"],
        ),
        (
            ADDRESSEE,
            facts(is_acknowledged=True, homes=()),
            ["execute", "suspend", "appeal"],
        ),
        (
            ADDRESSEE,
            facts("suspended", homes=()),
            ["acknowledge", "execute", "resume", "appeal"],
        ),
        (
            ADDRESSEE,
            facts("executed", homes=(), preservations=(OVER,)),
            ["note_access", "note_destroyed", "preserve", "appeal"],
        ),
        (
            ADDRESSEE,
            facts("executed", homes=(), preservations=(KEPT,)),
            ["note_access", "preserve", "appeal"],
        ),
        (ADDRESSEE, facts("undone"), ["reinstate"]),
        (
            HOME,
            facts(),
            ["open_scrutiny_own_initiative", "open_scrutiny_content_provider"],
        ),
        (HOME, facts(scrutinies=OPENED), ["open_scrutiny_content_provider", "announce", "uphold"]),
        (HOME, facts(scrutinies=LAPSED), ["open_scrutiny_content_provider", "uphold"]),
        (
            HOME,
            facts(scrutinies=ANNOUNCED, preservations=(KEPT,)),
            ["open_scrutiny_content_provider", "uphold", "infringe", "extend", "preserve"],
        ),
        (STRANGER, facts(), []),
    ],
)
def test_a_party_is_offered_what_its_writes_allow(name, told, expected):
    offered = rules_offers.offers(
        told, name=name, role=None, may_issue=True, may_scrutinise=True, now=NOON
    )
    assert offered == expected


def test_without_competence_nothing_is_issued_or_examined():
    lost = {"role": None, "may_issue": False, "may_scrutinise": False, "now": NOON}
    assert rules_offers.offers(facts("drafted"), name=ISSUER, **lost) == ["change", "discard"]
    assert rules_offers.offers(facts(scrutinies=OPENED), name=HOME, **lost) == []
