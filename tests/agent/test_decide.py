# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, datetime
from uuid import UUID

import pytest

from stemtide.agent.config.policy import DEFAULT_RULES, OnDispute, Policies, Policy, Rule
from stemtide.agent.recognise.policy import NOTHING, Hit, decide
from stemtide.agent.store.parties import Parties
from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.enums import Action, PartyKind, Provenance, Reach, Severity, Standing
from stemtide.protocol.handling import Tlp
from stemtide.protocol.sync.feed import FeedSignal
from stemtide.protocol.trust.standing import PartyTrust
from tests.agent.fake_hub import CAST

PARTIES = Parties(
    own="own-provider",
    by_name={
        name: PartyTrust(name, PartyKind(kind), Standing.MEMBER) for name, kind in CAST.items()
    },
    are_sent=True,
)
BLOCK_ALL = (Rule(name="all", action=Action.BLOCK, disputed=OnDispute.ALSO),)


def decide_now(hits, rules, parties=PARTIES):
    return decide(hits, Policies(Policy(tuple(rules))), parties)


def hit(number=1, *, distance_bits=0, kind="pdq", **other):
    facts = {
        "id": UUID(int=number),
        "position": number,
        "value": "00" * 32,
        "quality": 100,
        "within_bits": None,
        "content": None,
        "labels": ["manifesto"],
        "severity": "critical",
        "provenance": "perpetrator",
        "confidence": 90,
        "tlp": "amber",
        "pap": "green",
        "disputed": False,
        "crisis": None,
        "exercise": False,
        "shared_by": "europol",
        "shared_at": datetime(2026, 11, 24, tzinfo=UTC),
        "expires_at": None,
    }
    return Hit(FeedSignal(kind=kind, **(facts | other)), Kind(kind), distance_bits, "")


@pytest.mark.parametrize(
    ("reach", "rule", "action"),
    [
        (None, Rule("all", Action.BLOCK), "block"),
        ("folder", Rule("all", Action.BLOCK), "hold"),
        ("folder", Rule("folders", Action.BLOCK, reach=frozenset({Reach.FOLDER})), "block"),
        ("host", Rule("all", Action.BLOCK), "hold"),
        ("host", Rule("hosts", Action.BLOCK, reach=frozenset({Reach.HOST})), "block"),
        ("folder", Rule("hosts", Action.BLOCK, reach=frozenset({Reach.HOST})), "log"),
        (None, Rule("one", Action.BLOCK, reach=frozenset({Reach.ADDRESS})), "block"),
    ],
)
def test_one_party_gets_a_whole_site_blocked_only_where_a_rule_names_that_reach(
    reach, rule, action
):
    decided = decide_now([hit(kind="url", reach=reach)], (rule,))
    assert decided.action == action
    missing = f"block of a whole {reach} needs a second independent party; agency europol alone"
    assert (missing in decided.why) == (missing in decided.missing) == (action == "hold")
    assert (f"covers the whole {reach}" in decided.why) == (reach is not None)


def test_a_rule_on_reach_fits_addresses_alone():
    rule = Rule("one", Action.BLOCK, reach=frozenset({Reach.ADDRESS}))
    assert decide_now([hit()], (rule,)).action is Action.LOG


DEFAULTS = [
    # severity, confidence, provenance, disputed -> action, rule
    ("critical", 90, "perpetrator", False, "block", "grave-and-sure"),
    ("high", 80, "unknown", False, "block", "grave-and-sure"),
    ("high", 79, "unknown", False, "hold", "a-person-looks"),
    ("medium", 100, "perpetrator", False, "hold", "a-person-looks"),
    ("low", 0, "unknown", False, "hold", "a-person-looks"),
    ("critical", 100, "media", False, "hold", "context-needs-a-person"),
    ("critical", 100, "victim", False, "hold", "context-needs-a-person"),
    ("critical", 100, "bystander", False, "hold", "context-needs-a-person"),
    ("critical", 100, "perpetrator", True, "hold", "a-person-looks"),
]


@pytest.mark.parametrize("row", DEFAULTS)
def test_the_shipped_policy(row):
    severity, confidence, provenance, disputed, action, rule = row
    one = hit(severity=severity, confidence=confidence, provenance=provenance, disputed=disputed)
    decision = decide_now([one], DEFAULT_RULES)
    assert (decision.action, decision.rule) == (action, rule)


CAPS = [
    # pap, disputed, exercise -> the most that a policy of "block everything" gets
    ("clear", False, False, "block"),
    ("green", False, False, "block"),
    ("amber", False, False, "hold"),
    ("red", False, False, "log"),
    ("green", True, False, "hold"),
    ("red", True, False, "log"),
    ("green", False, True, "log"),
    ("clear", True, True, "log"),
]


def test_what_ones_own_party_disputes_only_logs():
    decision = decide_now([hit(disputed=True, disputed_by_you=True)], BLOCK_ALL)
    assert decision.action == "log"
    assert "your own party disputes this signal" in decision.why


@pytest.mark.parametrize(("pap", "disputed", "exercise", "action"), CAPS)
def test_caps_hold_whatever_the_policy_says(pap, disputed, exercise, action):
    decision = decide_now([hit(pap=pap, disputed=disputed, exercise=exercise)], BLOCK_ALL)
    assert (decision.action, decision.exercise) == (action, exercise)


CONDITIONS = [
    ({"labels": frozenset({"manifesto"})}, {}, True),
    ({"labels": frozenset({"livestream"})}, {}, False),
    ({"min_severity": Severity.HIGH}, {"severity": "high"}, True),
    ({"min_severity": Severity.HIGH}, {"severity": "medium"}, False),
    ({"min_confidence": 50}, {"confidence": 50}, True),
    ({"min_confidence": 50}, {"confidence": 49}, False),
    ({"max_distance_bits": 10}, {"distance_bits": 10}, True),
    ({"max_distance_bits": 10}, {"distance_bits": 11}, False),
    ({"kinds": frozenset({Kind.URL})}, {"kind": "url"}, True),
    ({"kinds": frozenset({Kind.URL})}, {}, False),
    ({"provenance": frozenset({Provenance.MEDIA})}, {"provenance": "media"}, True),
    ({"provenance": frozenset({Provenance.MEDIA})}, {}, False),
    ({"tlp": frozenset({Tlp.AMBER})}, {}, True),
    ({"tlp": frozenset({Tlp.RED})}, {}, False),
    ({}, {"disputed": True}, False),
    ({"disputed": OnDispute.ALSO}, {"disputed": True}, True),
    ({"disputed": OnDispute.ALSO}, {}, True),
    ({"disputed": OnDispute.ONLY}, {"disputed": True}, True),
    ({"disputed": OnDispute.ONLY}, {}, False),
]


@pytest.mark.parametrize(("condition", "signal", "fits"), CONDITIONS)
def test_a_rule_fits_when_its_condition_holds(condition, signal, fits):
    rules = [Rule(name="tried", action=Action.HOLD, **condition)]
    assert decide_now([hit(**signal)], rules).rule == ("tried" if fits else "no rule")


def test_without_a_match_there_is_no_action():
    assert decide_now([], DEFAULT_RULES) == NOTHING
    assert (NOTHING.action, NOTHING.signal, NOTHING.exercise) == (None, None, False)


def test_the_first_rule_that_fits_wins():
    rules = [Rule(name="a", action=Action.LOG), Rule(name="b", action=Action.BLOCK)]
    assert decide_now([hit()], rules).rule == "a"


def test_a_match_that_no_rule_fits_is_logged_and_says_so():
    decision = decide_now([hit(severity="low")], [DEFAULT_RULES[1]])
    assert decision.action is Action.LOG
    assert "no rule of the policy fits, so log" in decision.why


def test_of_several_signals_the_strongest_action_decides_then_the_nearest():
    hits = [hit(1, severity="low"), hit(2, distance_bits=9), hit(3, distance_bits=4)]
    decision = decide_now(hits, DEFAULT_RULES)
    assert (decision.action, decision.signal) == (Action.BLOCK, str(UUID(int=3)))
    assert [one.hit.signal.id.int for one in decision.verdicts] == [3, 2, 1]


def test_an_exercise_never_hides_a_real_signal():
    real = hit(2, pap="red", distance_bits=30)
    decision = decide_now([hit(1, exercise=True), real], BLOCK_ALL)
    assert (decision.signal, decision.exercise) == (str(UUID(int=2)), False)


def test_a_decision_explains_itself():
    decision = decide_now([hit(pap="amber", disputed=True, distance_bits=7)], BLOCK_ALL)
    assert decision.why == (
        "pdq signal 00000000-0000-0000-0000-000000000001 of europol, 7 bits away: "
        "rule 'all' says block; PAP:AMBER allows hold at most"
    )
