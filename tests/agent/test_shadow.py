# SPDX-License-Identifier: Apache-2.0
"""Shadows: rules, parties and whole policies that say what they would do, and change nothing."""

from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st

from stemtide.agent.config.policy import (
    DEFAULT_RULES,
    Policies,
    Policy,
    Rule,
    Shadow,
    read_policies,
)
from stemtide.agent.config.settings import ConfigError
from stemtide.agent.recognise.policy import decide
from stemtide.agent.store.parties import Parties
from stemtide.protocol.enums import Action, PartyKind, Severity
from tests.agent.test_decide import PARTIES, hit
from tests.agent.test_trust_policy import facts, known
from tests.agent.world import agent_of, config_of, sha256
from tests.cli.conftest import run
from tests.rounds import rounds

NAMES = ["be-crisis-centre", "another-provider", "paste-corner", "sister"]
KNOWN = Parties(
    "own-provider",
    PARTIES.by_name | known(("sister", "provider", "member", "owner")).by_name,
    are_sent=True,
)
GRAVE = {"severity": "critical", "provenance": "perpetrator", "confidence": 90}
grave = st.fixed_dictionaries(
    {"kind": st.sampled_from(["sha256", "url"]), "value": st.just("11" * 32)}
).map(lambda facts: facts | GRAVE)
hits = st.lists(
    st.tuples(st.one_of(grave, facts), st.sampled_from(NAMES), st.sets(st.sampled_from(NAMES))),
    max_size=4,
).map(
    lambda rows: [
        hit(number, shared_by=name, confirmed_by=sorted(agree), **facts)
        for number, (facts, name, agree) in enumerate(rows)
    ]
)
some_names = st.frozensets(st.sampled_from(NAMES), max_size=2)
rule = st.builds(
    Rule,
    name=st.just("-"),
    action=st.sampled_from([*Action, Action.BLOCK]),
    min_severity=st.sampled_from([Severity.LOW, Severity.HIGH]),
    min_confidence=st.sampled_from([0, 80]),
    sharers=st.just(frozenset()) | some_names,
    sharer_kinds=st.just(frozenset()) | st.frozensets(st.sampled_from([*PartyKind]), max_size=2),
    min_parties=st.sampled_from([None, None, 1, 2]),
    shadow=st.booleans(),
)
rules = st.lists(rule, min_size=1, max_size=5).map(
    lambda each: tuple(replace(rule, name=f"rule {n}") for n, rule in enumerate(each))
)


def table_of(rules, **shadow):
    """The [policy] table with these rules, as TOML would give it."""
    rows = [
        {
            "name": rule.name,
            "action": str(rule.action),
            "min_severity": str(rule.min_severity),
            "min_confidence": rule.min_confidence,
            "shadow": rule.shadow,
        }
        | ({"sharers": sorted(rule.sharers)} if rule.sharers else {})
        | ({"sharer_kinds": sorted(rule.sharer_kinds)} if rule.sharer_kinds else {})
        | ({"min_parties": rule.min_parties} if rule.min_parties else {})
        for rule in rules
    ]
    return {"rules": rows} | ({"shadow": shadow} if shadow else {})


def action_of(hits, policies, parties=KNOWN):
    return decide(hits, policies, parties).action


@settings(max_examples=rounds(100, nightly=3000), deadline=None)
@given(hits, rules, rules)
def test_a_shadowed_rule_or_policy_never_changes_an_action(hits, mixed, other):
    policies = read_policies(table_of(mixed), root=None)
    policies = replace(policies, shadows={**policies.shadows, Shadow.POLICY: Policy(other)})
    acting = tuple(rule for rule in mixed if not rule.shadow)
    assert action_of(hits, policies) == action_of(hits, Policies(Policy(acting or DEFAULT_RULES)))


@settings(max_examples=rounds(100, nightly=3000), deadline=None)
@given(hits, rules, some_names, st.booleans())
def test_a_party_in_shadow_neither_acts_nor_confirms(hits, mixed, names, has_group):
    acting = tuple(replace(rule, shadow=False) for rule in mixed)
    shadowed = names | ({"sister"} if has_group else set())
    policy = Policy(acting, parties=names, groups=frozenset({"owner"} if has_group else ()))
    without = [
        replace(
            each,
            signal=each.signal.model_copy(
                update={"confirmed_by": sorted(set(each.signal.confirmed_by) - shadowed)}
            ),
        )
        for each in hits
        if each.signal.shared_by not in shadowed
    ]
    expected = action_of(without, Policies(Policy(acting)))
    matched = Action.LOG if hits else None  # of a party in shadow a match is still logged
    assert action_of(hits, Policies(policy)) == (expected or matched)


def test_what_a_shadow_would_do_is_what_is_done_once_it_acts():
    rows = (
        Rule("all", Action.BLOCK, min_parties=1, shadow=True),
        Rule("rest", Action.HOLD),
    )
    policies = read_policies(table_of(rows, parties=["paste-corner"]), root=None)
    one = hit(shared_by="another-provider")
    decision = decide([one, hit(2, shared_by="paste-corner")], policies, KNOWN)
    assert decision.action is Action.HOLD
    assert {shadow: would.action for shadow, would in decision.shadows.items()} == {
        "rules": Action.BLOCK,
        "parties": Action.HOLD,
    }
    assert decision.shadows[Shadow.RULES].rule == "all"
    (_, shadowed) = decision.verdicts
    assert shadowed.caps[-1] == "provider paste-corner is in shadow, so its signals only log"


def test_rules_that_are_all_in_shadow_leave_the_default_rules():
    policies = read_policies(table_of([Rule("all", Action.LOG, shadow=True)]), root=None)
    assert policies.acting.rules == DEFAULT_RULES
    assert [rule.name for rule in policies.shadows[Shadow.RULES].rules] == ["all"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[policy\n", "is not TOML: "),
        ('[[policy.rules]]\naction = "stop"\n', "policy.rules[1].action: must be one of log"),
        ('[[rules]]\naction = "log"\n', "policy: is missing (found rules): write [[policy.rules]]"),
        (
            '[policy.shadow]\nparty = ["x"]\n',
            "policy.shadow.party: is no setting of the agent; did",
        ),
    ],
)
def test_a_wrong_shadow_policy_is_named_with_the_remedy(tmp_path, text, said):
    (tmp_path / "next.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_policies({"shadow": {"file": "next.toml"}}, root=tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'next.toml'}: ")
    assert said in str(caught.value)


@pytest.fixture
def shadowed(hub, tmp_path, sandbox):
    """An agent with rules, a party and a whole policy in shadow."""
    (tmp_path / "next.toml").write_text(
        '[policy]\nundecodable = "pass"\n'
        '[[policy.rules]]\nname = "named"\naction = "log"\nsharers = ["paste-corner", "misspelt"]\n'
        '[[policy.rules]]\nname = "all"\naction = "log"\n'
    )
    table = table_of(
        [Rule("one is enough", Action.BLOCK, min_parties=1, shadow=True), *DEFAULT_RULES[1:]],
        parties=["paste-corner"],
        groups=["unknown"],
        file="next.toml",
    )
    config = config_of(hub, tmp_path, policies=read_policies(table, root=tmp_path))
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        yield agent


def test_the_answer_and_the_metrics_say_what_each_shadow_would_have_done(hub, shadowed):
    hub.share(sha256(b"x"), shared_by="another-provider")
    hub.share(sha256(b"y"), shared_by="paste-corner", confirmed_by=["small-provider"])
    shadowed.wait(position=hub.head)
    items = [{"sha256": sha256(name)} for name in (b"x", b"y", b"z")]
    decisions = [answer["decision"] for answer in shadowed.ask(*items)]
    assert [decision["action"] for decision in decisions] == ["hold", "log", None]
    would = [{one["shadow"]: one["action"] for one in each["shadow"]} for each in decisions]
    assert would == [
        {"rules": "block", "parties": "hold", "policy": "log"},
        {"rules": "log", "parties": "block", "policy": "log"},
        {"rules": None, "parties": None, "policy": None},
    ]
    (held,) = [one for one in decisions[0]["shadow"] if one["shadow"] == "rules"]
    assert (held["rule"], held["signal"]) == ("one is enough", decisions[0]["signal"])
    text = shadowed.http.get("/metrics").text
    for line in (
        'shadow_decisions_total{action="block",done="hold",shadow="rules"} 1.0',
        'shadow_decisions_total{action="block",done="log",shadow="parties"} 1.0',
        'shadow_decisions_total{action="none",done="none",shadow="policy"} 1.0',
        'shadow_rules_total{action="block",rule="one is enough",shadow="rules"} 1.0',
    ):
        assert f"stemtide_agent_{line}" in text
    by_hash = shadowed.http.get("/match/hash", params={"sha256": sha256(b"x"), "decide": "1"})
    assert by_hash.json()["decision"]["shadow"][0]["action"] == "block"


def test_unread_content_is_judged_by_the_shadows_own_words(shadowed):
    decision = shadowed.match(b"\xff\xd8\xff\xe0 cut off")["decision"]
    would = {one["shadow"]: one["action"] for one in decision["shadow"]}
    assert (decision["action"], would["policy"], would["rules"]) == ("hold", None, "hold")


def test_a_name_in_shadow_that_the_hub_does_not_know_is_a_trouble(shadowed):
    trouble = shadowed.health()["troubles"]["shadow"]
    assert trouble.startswith("policy.shadow names unknown, which the hub does not know")


def test_a_sharer_in_a_rule_that_the_hub_does_not_know_is_a_trouble(shadowed):
    trouble = shadowed.health()["troubles"]["policy"]
    assert trouble.startswith("sharers of policy.rules name misspelt, which the hub")


def test_the_match_command_prints_what_each_shadow_would_decide(hub, shadowed, tmp_path):
    hub.share(sha256(b"x"), shared_by="another-provider")
    shadowed.wait(position=hub.head)
    (tmp_path / "x.txt").write_bytes(b"x")
    address = str(shadowed.http.base_url).rstrip("/")
    said = run("match", tmp_path / "x.txt", "--against", address).out.splitlines()
    assert said[0].endswith("x.txt: hold")
    assert "  shadow (rules): block by rule 'one is enough'" in said
    assert "  shadow (policy): log by rule 'all'" in said
