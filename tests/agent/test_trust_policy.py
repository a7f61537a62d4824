# SPDX-License-Identifier: Apache-2.0
"""Who may cause a block under the default policy, and what a rule has to name to change that."""

from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st

from stemtide.agent.config.policy import DEFAULT_RULES, Policy, Rule
from stemtide.agent.recognise.policy import judge
from stemtide.agent.store.parties import Parties
from stemtide.protocol.enums import Action, PartyKind, Provenance, Reach, Severity, Standing
from stemtide.protocol.trust.standing import PartyTrust
from tests.agent.test_decide import BLOCK_ALL, PARTIES, decide_now, hit
from tests.rounds import rounds

ADDRESS, FOLDER, HOST = "address", "folder", "host"


def known(*rows, own="own-provider"):
    """Parties by name, kind, standing, group and whether they speak for digests."""
    by_name = {
        row[0]: PartyTrust(row[0], PartyKind(row[1]), Standing(row[2]), *row[3:]) for row in rows
    }
    return Parties(own=own, by_name=by_name, are_sent=True)


CONFIRMERS = {
    "-": (),
    "provider": (("second", "provider", "member"),),
    "authority": (("second", "authority", "member"),),
    "new": (("second", "provider", "new"),),
    "suspended": (("second", "authority", "suspended"),),
    "sister": (("second", "provider", "member", "owner"),),
}
TABLE = [
    # sharer's kind, standing; confirmed by -> an address or a file, a folder, a host
    ("authority", "member", "-", "block", "hold", "hold"),
    ("authority", "trusted", "-", "block", "hold", "hold"),
    ("authority", "new", "-", "hold", "hold", "hold"),
    ("authority", "suspended", "-", "log", "log", "log"),
    ("authority", "member", "provider", "block", "block", "block"),
    ("authority", "member", "authority", "block", "block", "block"),
    ("authority", "member", "new", "block", "hold", "hold"),
    ("authority", "suspended", "provider", "log", "log", "log"),
    ("authority", "suspended", "authority", "block", "log", "log"),
    ("agency", "member", "-", "block", "hold", "hold"),
    ("agency", "suspended", "-", "log", "log", "log"),
    ("provider", "member", "-", "hold", "hold", "hold"),
    ("provider", "trusted", "-", "hold", "hold", "hold"),
    ("provider", "new", "-", "hold", "hold", "hold"),
    ("provider", "suspended", "-", "log", "log", "log"),
    ("provider", "member", "provider", "block", "block", "block"),
    ("provider", "member", "authority", "block", "block", "block"),
    ("provider", "member", "new", "hold", "hold", "hold"),
    ("provider", "member", "suspended", "hold", "hold", "hold"),
    ("provider", "member", "sister", "hold", "hold", "hold"),
    ("provider", "new", "provider", "hold", "hold", "hold"),
    ("provider", "new", "authority", "block", "hold", "hold"),
    ("provider", "suspended", "provider", "log", "log", "log"),
    ("consortium", "member", "-", "hold", "hold", "hold"),
    ("consortium", "trusted", "-", "hold", "hold", "hold"),
    ("consortium", "member", "provider", "block", "block", "block"),
    ("observer", "member", "-", "hold", "hold", "hold"),
]


@pytest.mark.parametrize("row", TABLE, ids="-".join)
@pytest.mark.parametrize("reach", [ADDRESS, FOLDER, HOST])
def test_the_default_policy_by_kind_standing_confirmation_and_reach(row, reach):
    kind, standing, confirmed, *actions = row
    confirmers = CONFIRMERS[confirmed]
    group = "owner" if confirmed == "sister" else ""
    parties = known(("sharer", kind, standing, group), *confirmers)
    names = [party[0] for party in confirmers]
    reaches = {"kind": "url", "reach": None if reach == ADDRESS else reach}
    one = hit(shared_by="sharer", confirmed_by=names, **reaches)
    wanted = dict(zip([ADDRESS, FOLDER, HOST], actions, strict=True))[reach]
    decision = decide_now([one], DEFAULT_RULES, parties)
    assert decision.action == wanted
    assert bool(decision.missing) == (wanted != "block")


@pytest.mark.parametrize(
    ("kind", "action"), [("sha256", "block"), ("md5", "block"), ("pdq", "hold"), ("url", "hold")]
)
def test_a_party_that_speaks_for_digests_does_so_for_exact_ones(kind, action):
    parties = known(("consortium", "consortium", "member", "", True))
    assert (
        decide_now([hit(kind=kind, shared_by="consortium")], DEFAULT_RULES, parties).action
        == action
    )


@pytest.mark.parametrize(
    ("facts", "action"),
    [
        ({}, "block"),
        ({"severity": "low"}, "hold"),
        ({"pap": "amber"}, "hold"),
        ({"reach": "folder"}, "hold"),
        ({"disputed": True}, "hold"),
    ],
)
def test_a_partys_own_signals_act_at_its_own_agents_as_far_as_they_may(facts, action):
    one = hit(kind="url", shared_by="own-provider", **facts)
    assert decide_now([one], DEFAULT_RULES).action == action


@pytest.mark.parametrize(("standing", "action"), [("new", "block"), ("suspended", "log")])
def test_an_own_signal_needs_no_vetting_but_stops_with_a_suspension(standing, action):
    parties = known(("own-provider", "provider", standing))
    assert decide_now([hit(shared_by="own-provider")], DEFAULT_RULES, parties).action == action


MISSING = [
    (
        known(("x", "provider", "member")),
        {},
        "block needs a second independent party or an authority; provider x alone shares it",
    ),
    (
        known(("x", "provider", "member", "g"), ("y", "provider", "member", "g")),
        {"confirmed_by": ["y"]},
        ("block needs a second independent party or an authority; provider x shares it, and nobody"
        " else behind it counts as independent"),
    ),
    (
        known(("x", "authority", "member")),
        {"reach": "host"},
        "block of a whole host needs a second independent party; authority x alone shares it",
    ),
    (
        known(("x", "provider", "new")),
        {},
        ("block needs an authority or two independent members; provider x, which shares it, is a"
        " new member"),
    ),
    (
        known(("x", "provider", "suspended")),
        {},
        "provider x is suspended, so its signals only log, and what they blocked is held",
    ),
    (known(("y", "provider", "member")), {}, ("the hub does not name x among its parties, so it"
     " leads to hold at most")),
    (Parties("own"), {}, ("this hub does not send the standing of parties, so signals of others"
     " lead to hold at most: upgrade the hub")),
]  # fmt: skip


@pytest.mark.parametrize(("parties", "facts", "sentence"), MISSING)
def test_the_answer_names_the_missing_condition(parties, facts, sentence):
    decision = decide_now([hit(kind="url", shared_by="x", **facts)], DEFAULT_RULES, parties)
    assert decision.missing == sentence
    assert decision.why.endswith(f"rule 'grave-and-sure' says block; {sentence}")


def test_nothing_is_missing_where_the_rule_asks_for_a_hold():
    decision = decide_now([hit(shared_by="paste-corner", severity="low")], DEFAULT_RULES)
    assert (decision.action, decision.missing) == ("hold", "")


def blocks(**condition):
    return Rule("tried", Action.BLOCK, **condition)


NEW = known(("x", "provider", "new"))
MEMBER = known(("x", "provider", "member"))
LIFTS = [
    # rule, parties, reach -> action
    (blocks(), MEMBER, None, "hold"),
    (blocks(sharers=frozenset({"x"})), MEMBER, None, "block"),
    (blocks(sharers=frozenset({"y"})), MEMBER, None, "log"),
    (blocks(sharer_kinds=frozenset({PartyKind.PROVIDER})), MEMBER, None, "block"),
    (blocks(sharer_kinds=frozenset({PartyKind.AUTHORITY})), MEMBER, None, "log"),
    (blocks(sharer_standing=frozenset({Standing.MEMBER})), MEMBER, None, "block"),
    (blocks(sharer_standing=frozenset({Standing.TRUSTED})), MEMBER, None, "log"),
    (blocks(min_parties=1), MEMBER, None, "block"),
    (blocks(min_parties=2), MEMBER, None, "log"),
    (blocks(confirmed_by_kinds=frozenset({PartyKind.PROVIDER})), MEMBER, None, "log"),
    (blocks(sharers=frozenset({"x"})), MEMBER, "folder", "hold"),
    (blocks(reach=frozenset({Reach.FOLDER})), MEMBER, "folder", "hold"),
    (blocks(reach=frozenset({Reach.FOLDER}), min_parties=1), MEMBER, "folder", "block"),
    (blocks(sharers=frozenset({"x"})), NEW, None, "hold"),
    (blocks(sharer_standing=frozenset({Standing.NEW})), NEW, None, "block"),
    (blocks(sharer_standing=frozenset({Standing.NEW})), NEW, "host", "hold"),
    (blocks(sharers=frozenset({"x"})), known(("x", "provider", "suspended")), None, "log"),
    (
        blocks(sharer_standing=frozenset({Standing.SUSPENDED})),
        known(("x", "provider", "suspended")),
        None,
        "log",
    ),
]


@pytest.mark.parametrize(("rule", "parties", "reach", "action"), LIFTS)
def test_a_rule_lifts_a_cap_only_by_naming_it(rule, parties, reach, action):
    one = hit(kind="url", shared_by="x", reach=reach)
    assert decide_now([one], [rule], parties).action == action


def test_a_rule_can_ask_for_the_kind_of_who_confirms():
    rule = blocks(confirmed_by_kinds=frozenset({PartyKind.CONSORTIUM}))
    one = hit(shared_by="paste-corner", confirmed_by=["tech-consortium"])
    other = hit(shared_by="paste-corner", confirmed_by=["another-provider"])
    assert [decide_now([each], [rule]).action for each in (one, other)] == ["block", "log"]


ALIKE = {"shared_by": "another-provider"}
OTHERS = [
    # what the other signal says -> whether its sharer stands behind a block
    ({}, True),
    ({"severity": "high", "confidence": 80}, True),
    ({"provenance": "media"}, False),  # a record of news asks for no block
    ({"severity": "low"}, False),
    ({"pap": "amber"}, False),
    ({"disputed": True}, False),
    ({"exercise": True}, False),
    ({"value": "11" * 32}, False),
    ({"shared_by": "paste-corner"}, False),
    ({"shared_by": "nobody"}, False),
]


@pytest.mark.parametrize(("facts", "is_behind"), OTHERS)
def test_who_shares_the_same_and_asks_for_as_much_stands_behind_it(facts, is_behind):
    one, other = hit(1, shared_by="paste-corner"), hit(2, **(ALIKE | facts))
    first = judge([one, other], Policy(), PARTIES)[0]
    assert first.action == ("block" if is_behind else "hold")


def test_an_authority_that_records_news_lends_no_weight_to_a_strangers_claim():
    news = hit(1, shared_by="be-crisis-centre", provenance="media")
    claim = hit(2, shared_by="paste-corner")
    assert decide_now([news, claim], DEFAULT_RULES).action == "hold"


def test_the_same_value_in_another_part_or_reach_is_no_confirmation():
    one = hit(1, kind="url", shared_by="paste-corner")
    for other in (
        replace(hit(2, kind="url", **ALIKE), part="page 2"),
        hit(2, kind="url", reach="folder", **ALIKE),
    ):
        assert judge([one, other], Policy(), PARTIES)[0].action == "hold"


def test_signals_of_long_kinds_without_a_digest_are_not_taken_for_equal():
    same = [
        hit(1, kind="video", value="", shared_by="paste-corner"),
        hit(2, kind="video", value="", **ALIKE),
    ]
    assert decide_now(same, DEFAULT_RULES).action == "hold"


facts = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["pdq", "url", "sha256", "md5"]),
        "value": st.sampled_from(["00" * 32, "11" * 32]),
        "severity": st.sampled_from([*Severity]),
        "provenance": st.sampled_from([*Provenance]),
        "confidence": st.integers(0, 100),
        "pap": st.sampled_from(["clear", "green", "amber"]),
        "reach": st.sampled_from([None, "folder", "host"]),
        "disputed": st.booleans(),
        "exercise": st.booleans(),
    }
)
HOSTILE = ["bad-1", "bad-2", "bad-3"]
hostile = st.tuples(facts, st.sampled_from(HOSTILE), st.sets(st.sampled_from(HOSTILE)))
honest = st.tuples(
    facts, st.sampled_from(["be-crisis-centre", "another-provider", "small-provider"])
)


@settings(max_examples=rounds(150, nightly=20_000), deadline=None)
@given(
    st.lists(hostile, min_size=1, max_size=6),
    st.lists(honest, max_size=3),
    st.sampled_from(["provider", "consortium", "observer"]),
    st.lists(st.sampled_from(["new", "member", "trusted", "suspended"]), min_size=3, max_size=3),
)
def test_one_owner_never_makes_a_match_block_that_would_not_without_it(bad, good, kind, standings):
    rows = [
        (name, kind, standing, "one owner")
        for name, standing in zip(HOSTILE, standings, strict=True)
    ]
    parties = Parties("own", PARTIES.by_name | known(*rows).by_name, are_sent=True)
    honest_hits = [hit(100 + n, shared_by=name, **facts) for n, (facts, name) in enumerate(good)]
    hits = [
        hit(n, shared_by=name, confirmed_by=sorted(agree), **facts)
        for n, (facts, name, agree) in enumerate(bad)
    ]
    verdicts = judge([*honest_hits, *hits], Policy(), parties)
    own_word = {each.hit.signal.id for each in verdicts if each.action is Action.BLOCK}
    # A block has the word of an honest party that asks for one itself, in the same value.
    asked = judge(honest_hits, Policy(BLOCK_ALL), parties)
    grave = {
        (each.hit.kind, each.hit.signal.value)
        for each in asked
        if each.hit.signal.provenance not in ("victim", "media", "bystander")
        and each.hit.signal.severity.rank >= Severity.HIGH.rank
        and each.hit.signal.confidence >= 80
        and not each.hit.signal.disputed
        and not each.hit.signal.exercise
    }
    for each in verdicts:
        if each.hit.signal.id in own_word:
            assert (each.hit.kind, each.hit.signal.value) in grave


@settings(max_examples=rounds(50, nightly=2000), deadline=None)
@given(facts, st.sampled_from(["authority", "agency"]), st.sampled_from([FOLDER, HOST]))
def test_one_authority_alone_never_blocks_a_folder_or_host(facts, kind, reach):
    one = hit(shared_by="x", **facts | {"kind": "url", "reach": reach})
    decision = decide_now([one], DEFAULT_RULES, known(("x", kind, "trusted")))
    assert decision.action is not Action.BLOCK
