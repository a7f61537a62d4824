# SPDX-License-Identifier: Apache-2.0
"""Who may do what in a crisis, by stage, kind, place and role: tables written by hand."""

from dataclasses import replace
from datetime import timedelta

import pytest

from stemtide.hub.platform.errors import ConflictError, NotAllowedError, RefusalError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.crises.rules import (
    closing as rules_closing,
    crises as rules,
    events as rules_events,
    moves as rules_moves,
    participants as rules_joining,
)
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.rules import proposals as rules_proposals
from stemtide.protocol.enums import (
    Capacity,
    CheckAnswer,
    JoinState,
    PartyKind,
    ProposalAct,
    ProposalState,
    Role,
)
from stemtide.protocol.law.frameworks import framework
from tests.world import NOON

TESTS = [
    *("real-world-event", "harm", "intimidation", "extremist-link", "virality"),
    "national-measures",
]
YES = dict.fromkeys(TESTS, CheckAnswer.YES)
LATER = NOON + timedelta(hours=1)


def facts(stage="early_warning", **known):
    plain = {"opened_by": "opener", "countries": ("BE", "FR"), "answers": YES, "measures": 1}
    return rules.CrisisFacts(framework=framework("eucp-2023"), stage=stage, **(plain | known))


def actor(kind, *, name="somebody", role="duty_officer", country="BE", ref="person:1", group=""):
    party = Party(name=name, kind=kind, country=country, group=group)
    return Actor(party=party, ref=ref, role=Role(role) if role else None)


def proposal(act, **known):
    plain = {"state": ProposalState.OPEN, "author": "another", "author_ref": "person:9"}
    plain |= {"kind": PartyKind.AUTHORITY, "country": "FR"}
    plain |= {"is_machine": False, "expires_at": LATER}
    return rules_moves.ProposalFacts(act=ProposalAct(act), **(plain | known))


def confirm(here, by, act):
    rules_moves.check_confirm(here, by=by, proposal=proposal(act), now=NOON)


def decline(here, by):
    rules_moves.check_refuse(here, by=by, proposal=proposal("close"), now=NOON)


def withdraw(here, by):
    own = proposal("close", author=by.name)
    rules_moves.check_withdraw(here, by=by, proposal=own, now=NOON)


def link(here, by):
    rules_events.check_link(here, facts(), by=by, is_same=False, are_linked=False)


def adopt(here, by):
    """Where the crisis is closed, its tail has not ended yet."""
    tail = replace(here, tail_ends_at=LATER)
    rules_closing.check_adopt(tail, by=by, now=NOON)


VERBS = {
    "adopt": adopt,
    "answer which signals stay": lambda here, by: rules_closing.check_answer_choice(here, by=by),
    "triage": lambda here, by: rules.check_triage(here, by=by),
    "answer": lambda here, by: rules.check_answer(here, by=by, test="harm"),
    "measure": lambda here, by: rules.check_measure(here, by=by),
    "widen": lambda here, by: rules.check_widen(here, by=by),
    "propose activation": lambda here, by: rules_moves.check_propose(
        here, by=by, act=ProposalAct.ACTIVATE
    ),
    "confirm activation": lambda here, by: confirm(here, by, "activate"),
    "propose closure": lambda here, by: rules_moves.check_propose(
        here, by=by, act=ProposalAct.CLOSE
    ),
    "confirm closure": lambda here, by: confirm(here, by, "close"),
    "decline proposal": decline,
    "withdraw proposal": withdraw,
    "close": lambda here, by: rules_moves.check_close(here, by=by),
    "deescalate": lambda here, by: rules_moves.check_deescalate(here, by=by),
    "resume": lambda here, by: rules_moves.check_resume(here, by=by),
    "keep": lambda here, by: rules_moves.check_keep(here, by=by),
    "invite": lambda here, by: rules_joining.check_invite(here, by=by),
    "uninvite": lambda here, by: rules_joining.check_uninvite(here, by=by, party="guest"),
    "link": link,
    "unlink": lambda here, by: rules_events.check_unlink(here, by=by, has_others=True),
    "mirror": lambda here, by: rules_events.check_mirror(here, by=by, speaks_for=""),
}


def outcome_of(check, *args, **named):
    """y: it passes; n: not allowed to them; c: not as things stand."""
    try:
        check(*args, **named)
    except NotAllowedError:
        return "n"
    except ConflictError:
        return "c"
    return "y"


# One letter a stage: early_warning, active, deescalating, closed, ended.
STAGES = ("early_warning", "active", "deescalating", "closed", "ended")
TABLE = {
    #                      authority  agency   provider consortium observer
    "adopt": ("nyyyc", "yyyyc", "nnnnn", "nnnnn", "nnnnn"),
    "answer which signals stay": ("nyycc", "yyycc", "nnnnn", "nnnnn", "nnnnn"),
    "triage": ("ycccc", "ycccc", "nnnnn", "nnnnn", "nnnnn"),
    "answer": ("yyycc", "yyycc", "nnnnn", "nnnnn", "nnnnn"),
    "measure": ("yyycc", "yyycc", "nnnnn", "nnnnn", "nnnnn"),
    "widen": ("yyycc", "yyycc", "nnnnn", "nnnnn", "nnnnn"),
    "propose activation": ("yc" + "ccc", "yc" + "ccc", "nnnnn", "nnnnn", "nnnnn"),
    "confirm activation": ("ycccc", "ycccc", "nnnnn", "nnnnn", "nnnnn"),
    "propose closure": ("cyycc", "cyycc", "nnnnn", "nnnnn", "nnnnn"),
    "confirm closure": ("cyycc", "cyycc", "nnnnn", "nnnnn", "nnnnn"),
    "decline proposal": ("yyyyy", "yyyyy", "nnnnn", "nnnnn", "nnnnn"),
    "withdraw proposal": ("yyyyy", "yyyyy", "yyyyn", "yyyyn", "yyyyn"),
    "close": ("nnnnn", "ycccc", "nnnnn", "nnnnn", "nnnnn"),
    "deescalate": ("cyccc", "cyccc", "nnnnn", "nnnnn", "nnnnn"),
    "resume": ("ccycc", "ccycc", "nnnnn", "nnnnn", "nnnnn"),
    "keep": ("cyycc", "cyycc", "nnnnn", "nnnnn", "nnnnn"),
    "invite": ("yyycc", "yyycc", "nnnnn", "nnnnn", "nnnnn"),
    "uninvite": ("yyycc", "yyycc", "nnnnn", "nnnnn", "nnnnn"),
    "link": ("yyyyy", "yyyyy", "nnnnn", "nnnnn", "nnnnn"),
    "unlink": ("yyyyy", "yyyyy", "nnnnn", "nnnnn", "nnnnn"),
    "mirror": ("yyyyy", "yyyyy", "nnnnn", "nnnnn", "nnnnn"),
}
KINDS = ("authority", "agency", "provider", "consortium", "observer")
GUEST = {"guest": JoinState.INVITED}
JOINED = GUEST | {"somebody": JoinState.JOINED}


def row_of(verb, by, states):
    return "".join(outcome_of(VERBS[verb], facts(stage, states=states), by) for stage in STAGES)


@pytest.mark.parametrize("verb", TABLE)
def test_who_has_joined_may_do_what_at_which_stage(verb):
    found = tuple(row_of(verb, actor(kind), JOINED) for kind in KINDS)
    assert found == TABLE[verb]


def test_the_table_has_every_verb():
    assert set(TABLE) == set(VERBS)


@pytest.mark.parametrize("verb", [one for one in VERBS if one != "close"])
@pytest.mark.parametrize(
    "state",
    [None, JoinState.INVITED, JoinState.DECLINED, JoinState.LEFT, JoinState.UNINVITED],
)
def test_who_has_not_joined_does_nothing_in_a_crisis(verb, state):
    states = GUEST | ({"somebody": state} if state else {})
    assert row_of(verb, actor("authority"), states) == "nnnnn"


@pytest.mark.parametrize("verb", VERBS)
def test_an_agency_acts_without_an_invitation(verb):
    assert row_of(verb, actor("agency"), GUEST) == TABLE[verb][1]


OPENER = {
    **dict.fromkeys(TABLE, "nnnnn"),
    "withdraw proposal": "yyyyy",
    "close": "ynnnn",
    **dict.fromkeys(("adopt", "answer which signals stay"), "ynnnn"),
    "invite": "yyycc",
    "uninvite": "yyycc",
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_provider_that_opened_a_crisis_closes_its_warning_and_invites(verb):
    assert row_of(verb, actor("provider", name="opener"), GUEST) == OPENER[verb]


WRITING = {"duty_officer", "coordinator", "analyst", "administrator"}
LEADING = {"duty_officer", "coordinator"}
ROLES = {
    "adopt": LEADING,
    "answer which signals stay": LEADING,
    "triage": WRITING,
    "answer": WRITING,
    "measure": WRITING,
    "widen": WRITING,
    "propose activation": LEADING,
    "confirm activation": LEADING,
    "propose closure": LEADING,
    "confirm closure": LEADING,
    "decline proposal": LEADING,
    "withdraw proposal": LEADING,
    "close": LEADING,
    "deescalate": LEADING,
    "resume": LEADING,
    "keep": LEADING,
    "invite": LEADING,
    "uninvite": LEADING,
    "link": WRITING,
    "unlink": WRITING,
    "mirror": WRITING,
}
AT = {
    **dict.fromkeys(TABLE, "early_warning"),
    **dict.fromkeys(("propose closure", "confirm closure", "deescalate", "keep"), "active"),
    "resume": "deescalating",
}


@pytest.mark.parametrize("verb", ROLES)
@pytest.mark.parametrize(
    "role",
    [
        *("duty_officer", "coordinator", "analyst", "administrator"),
        *("observer", "data_protection_officer"),
    ],
)
def test_in_which_role_a_person_does_what(verb, role):
    here = facts(AT[verb], states=GUEST)
    expected = "y" if role in ROLES[verb] else "n"
    assert outcome_of(VERBS[verb], here, actor("agency", role=role)) == expected


@pytest.mark.parametrize("verb", ROLES)
def test_what_a_machine_may_do_its_scope_says(verb):
    here = facts(AT[verb], states=GUEST)
    assert outcome_of(VERBS[verb], here, actor("agency", role=None, ref="key:a")) == "y"


@pytest.mark.parametrize(
    ("kind", "role", "expected"),
    [
        ("authority", "analyst", "y"),
        ("agency", "duty_officer", "y"),
        ("provider", "administrator", "y"),
        ("consortium", "coordinator", "y"),
        ("provider", None, "y"),
        ("provider", "observer", "n"),
        ("authority", "data_protection_officer", "n"),
        ("observer", "duty_officer", "n"),
        ("observer", None, "n"),
    ],
)
def test_who_may_warn(kind, role, expected):
    assert outcome_of(rules.check_warn, by=actor(kind, role=role)) == expected


# Seeing: a letter a stage as above; y: it is there for them.
SEEING = {
    ("authority", None): "yyyyy",
    ("agency", None): "yyyyy",
    ("consortium", None): "yyyyy",
    ("provider", None): "nnnnn",
    ("provider", JoinState.INVITED): "yyyyy",
    ("provider", JoinState.JOINED): "yyyyy",
    ("provider", JoinState.DECLINED): "yyyyy",
    ("provider", JoinState.LEFT): "yyyyy",
    ("provider", JoinState.UNINVITED): "nnnnn",
    ("observer", None): "nnnnn",
    ("observer", JoinState.INVITED): "nyyyy",
    ("observer", JoinState.JOINED): "nyyyy",
    ("observer", JoinState.DECLINED): "nyyyy",
    ("observer", JoinState.LEFT): "nyyyy",
    ("observer", JoinState.UNINVITED): "nnnnn",
}


@pytest.mark.parametrize(("kind", "state"), SEEING)
def test_who_sees_a_crisis_at_which_stage(kind, state):
    states = {"somebody": state} if state else {}
    found = "".join(
        "y"
        if rules.may_see(facts(stage, states=states), name="somebody", kind=PartyKind(kind))
        else "n"
        for stage in STAGES
    )
    assert found == SEEING[kind, state]


def test_who_opened_a_crisis_sees_it_and_is_in_its_room():
    opener = Party(name="opener", kind="provider")
    assert rules.may_see(facts(), name="opener", kind=PartyKind.PROVIDER)
    assert rules.is_in_room(facts(), opener)
    rules.check_in_room(facts(), opener)


# Joining: a letter a verb: join, decline, leave.
JOINING = {
    ("provider", None): "ncc",
    ("provider", JoinState.INVITED): "yyc",
    ("provider", JoinState.JOINED): "ccy",
    ("provider", JoinState.DECLINED): "ycc",
    ("provider", JoinState.LEFT): "ycc",
    ("provider", JoinState.UNINVITED): "ncc",
    ("consortium", None): "ncc",
    ("consortium", JoinState.INVITED): "yyc",
    ("observer", JoinState.INVITED): "yyc",
    ("authority", None): "ycc",
    ("authority", JoinState.UNINVITED): "ycc",
    ("agency", None): "ccc",
}


def joining(here, by):
    checks = (rules_joining.check_join, rules_joining.check_decline, rules_joining.check_leave)
    return "".join(outcome_of(check, here, by=by) for check in checks)


@pytest.mark.parametrize(("kind", "state"), JOINING)
def test_who_joins_declines_and_leaves(kind, state):
    here = facts(states={"somebody": state} if state else {})
    assert joining(here, actor(kind)) == JOINING[kind, state]


def test_an_authority_of_a_state_that_is_not_touched_joins_by_invitation_alone():
    assert joining(facts(), actor("authority", country="EE")) == "ncc"
    invited = facts(states={"somebody": JoinState.INVITED})
    assert joining(invited, actor("authority", country="EE")) == "yyc"


def test_nobody_joins_what_is_closed_and_everyone_may_leave_it():
    states = {"somebody": JoinState.INVITED}
    assert joining(facts("closed", states=states), actor("provider")) == "cyc"
    assert joining(facts("closed", states=JOINED), actor("provider")) == "ccy"


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("duty_officer", "y"),
        ("coordinator", "y"),
        ("analyst", "n"),
        ("administrator", "n"),
        ("observer", "n"),
        ("data_protection_officer", "n"),
        (None, "y"),
    ],
)
def test_in_which_role_a_person_joins_declines_and_leaves(role, expected):
    by = actor("provider", role=role)
    invited, joined = (facts(states={"somebody": one}) for one in (JoinState.INVITED, "joined"))
    assert outcome_of(rules_joining.check_join, invited, by=by) == expected
    assert outcome_of(rules_joining.check_decline, invited, by=by) == expected
    joined = facts(states=JOINED)
    assert outcome_of(rules_joining.check_leave, joined, by=by) == expected


@pytest.mark.parametrize(
    ("kind", "country", "wanted", "expected"),
    [
        ("authority", "BE", None, Capacity.AFFECTED),
        ("authority", "EE", None, Capacity.SUPPORTING),
        ("authority", "BE", Capacity.SUPPORTING, Capacity.SUPPORTING),
        ("provider", "BE", None, Capacity.SUPPORTING),
        ("observer", "BE", None, Capacity.OBSERVER),
        ("observer", "BE", Capacity.AFFECTED, Capacity.OBSERVER),
    ],
)
def test_as_what_a_party_takes_part(kind, country, wanted, expected):
    party = Party(name="x", kind=kind, country=country)
    assert rules_joining.capacity_of(facts(), party, requested=wanted) is expected


# Activation


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("answer", [CheckAnswer.NO, CheckAnswer.UNKNOWN, None])
def test_one_test_without_a_yes_stops_activation_and_is_named(test, answer):
    here = facts(answers=YES | {test: answer})
    with pytest.raises(ConflictError, match=test):
        rules_moves.check_propose(here, by=actor("agency"), act=ProposalAct.ACTIVATE)


@pytest.mark.parametrize("countries", [(), ("BE",), ("BE", "BE")])
def test_a_crisis_in_one_country_stays_there(countries):
    with pytest.raises(ConflictError, match="activation needs 2"):
        rules_moves.check_propose(
            facts(countries=countries), by=actor("agency"), act=ProposalAct.ACTIVATE
        )


def test_without_a_national_measure_nothing_is_activated():
    with pytest.raises(ConflictError, match="0 national measures"):
        rules_moves.check_propose(facts(measures=0), by=actor("agency"), act=ProposalAct.ACTIVATE)


def test_what_changed_meanwhile_stops_a_confirmation_as_well():
    here, by = facts(answers=YES | {"harm": CheckAnswer.NO}), actor("agency")
    with pytest.raises(ConflictError, match="harm"):
        confirm(here, by, "activate")


@pytest.mark.parametrize(
    ("state", "expires_at", "words"),
    [
        (ProposalState.CONFIRMED, LATER, "was confirmed"),
        (ProposalState.DECLINED, LATER, "was declined"),
        (ProposalState.WITHDRAWN, LATER, "was withdrawn"),
        (ProposalState.EXPIRED, LATER, "was expired"),
        (ProposalState.OPEN, NOON, "has expired"),
    ],
)
def test_a_proposal_is_decided_once_and_in_time(state, expires_at, words):
    with pytest.raises(ConflictError, match=words):
        rules_proposals.check_open(
            proposal("activate", state=state, expires_at=expires_at), now=NOON
        )


# By row: who proposed; by column: who may confirm the activation.
QUORUM = {
    #               authority FR  authority BE  agency
    ("authority", "FR"): "n" + "y" + "y",
    ("authority", "BE"): "y" + "n" + "y",
    ("agency", ""): "y" + "y" + "n",
}


@pytest.mark.parametrize("is_emergency", [False, True])
@pytest.mark.parametrize("framework_name", ["eucp-2019", "eucp-2023", "eu-ocrf-2026"])
@pytest.mark.parametrize("proposer", QUORUM)
def test_two_states_or_one_and_the_agency_activate(proposer, framework_name, is_emergency):
    kind, country = proposer
    known = {"author": "proposer", "kind": PartyKind(kind), "country": country}
    pending = proposal("activate", is_emergency=is_emergency, **known)
    here = replace(
        facts("active" if is_emergency else "early_warning", states={"somebody": JoinState.JOINED}),
        framework=framework(framework_name),
    )
    confirmers = [
        actor("authority", country="FR"),
        actor("authority", country="BE"),
        actor("agency", country=""),
    ]
    allowed = [
        allows(rules_moves.check_confirm, here, by=by, proposal=pending, now=NOON)
        for by in confirmers
    ]
    assert "".join("ny"[is_allowed] for is_allowed in allowed) == QUORUM[proposer]


@pytest.mark.parametrize(("group", "may"), [("owner", False), ("other", True), ("", True)])
def test_parties_of_one_group_count_once_for_an_activation(group, may):
    pending = proposal("activate", author="proposer", country="FR", group="owner")
    here = facts(states={"somebody": JoinState.JOINED})
    by = actor("authority", country="BE", group=group)
    assert allows(rules_moves.check_confirm, here, by=by, proposal=pending, now=NOON) is may


def test_the_party_that_proposed_does_not_confirm_whatever_person_it_sends():
    pending = proposal("activate", author="somebody", country="BE")
    here = facts(states={"somebody": JoinState.JOINED})
    with pytest.raises(NotAllowedError, match="authority of another Member State"):
        rules_moves.check_confirm(here, by=actor("authority"), proposal=pending, now=NOON)


@pytest.mark.parametrize(
    ("by", "is_used", "error"),
    [
        (actor("authority"), False, None),
        (actor("agency"), False, None),
        (actor("authority"), True, "before"),
        (actor("authority", role=None), False, "a key cannot"),
        (actor("authority", role="analyst"), False, "your role"),
        (actor("provider"), False, "only authority or agency"),
        (actor("consortium"), False, "only authority or agency"),
    ],
)
def test_a_person_who_leads_activates_as_an_emergency_once(by, is_used, error):
    here = facts(states={"somebody": JoinState.JOINED})
    if error is None:
        rules_moves.check_emergency(here, by=by, is_used=is_used, pending=None)
        return
    with pytest.raises(RefusalError, match=error):
        rules_moves.check_emergency(here, by=by, is_used=is_used, pending=None)


@pytest.mark.parametrize(
    ("party", "country", "error"),
    [
        ("somebody", "BE", None),
        ("another", "FR", "another has proposed activation: confirm that proposal instead"),
        ("another", "BE", "activation needs the authority of another Member State"),
    ],
)
def test_an_emergency_activation_replaces_a_proposal_of_its_own_party_alone(party, country, error):
    here = facts(states={"somebody": JoinState.JOINED})
    pending = proposal("activate", author=party, country=country)
    known = {"by": actor("authority"), "is_used": False, "pending": pending}
    if error is None:
        rules_moves.check_emergency(here, **known)
        return
    with pytest.raises(RefusalError, match=error):
        rules_moves.check_emergency(here, **known)


@pytest.mark.parametrize(
    ("kind", "name", "may"),
    [("agency", "somebody", True), ("authority", "somebody", False), ("authority", "first", True)],
)
def test_no_other_authority_ends_an_emergency_activation(kind, name, may):
    pending = proposal("activate", is_emergency=True, author="first", author_ref="person:9")
    here = facts("active", states={name: JoinState.JOINED})
    by = actor(kind, name=name)
    assert allows(rules_moves.check_refuse, here, by=by, proposal=pending, now=NOON) is may


@pytest.mark.parametrize("check", [confirm, decline])
def test_a_refusal_names_the_thing_and_the_remedy(check):
    args = ("close",) if check is confirm else ()
    with pytest.raises(RefusalError, match=r": (ask|join|propose)"):
        check(facts("active"), actor("authority"), *args)


# Signals


@pytest.mark.parametrize(
    ("stage", "tail", "expected"),
    [
        ("early_warning", None, True),
        ("active", None, True),
        ("deescalating", None, True),
        ("closed", LATER, True),
        ("closed", NOON, False),
        ("closed", None, False),
        ("ended", LATER, False),
    ],
)
def test_when_a_crisis_takes_signals(stage, tail, expected):
    assert rules.accepts_signals(facts(stage, tail_ends_at=tail), now=NOON) is expected


# Events

EVENT = {
    "name": "Attack at the harbour",
    "countries": ("BE", "FR"),
    "refs": (),
    "happened_at": NOON,
    "exercise": False,
}


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({}, "BE, FR, within 6 hours, and a similar name"),
        ({"name": "Attack in the harbour", "countries": ("FR",)}, "FR, within 6 hours"),
        ({"name": "Flood in a valley"}, None),
        ({"countries": ("NL",)}, None),
        ({"happened_at": NOON + timedelta(hours=7)}, None),
        ({"exercise": True}, None),
        ({"name": "Flood", "countries": ("NL",), "refs": ("GIFCT:1",)}, "both name gifct:1"),
        ({"refs": ("gifct:1",), "happened_at": NOON + timedelta(days=9)}, "both name gifct:1"),
        ({"refs": ("gifct:1",), "exercise": True}, None),
    ],
)
def test_which_crises_may_be_one_event(other, why):
    one = rules_events.EventFacts(**(EVENT | {"refs": ("gifct:1",)}))
    found = rules_events.similarity(one, rules_events.EventFacts(**(EVENT | other)))
    assert (found or "").startswith(why) if why else found is None
