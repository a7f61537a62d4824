# SPDX-License-Identifier: Apache-2.0
"""Which bank a signal belongs into, and which settings of a companion are taken."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from stemtide.agent.config.companion import HmaSettings
from stemtide.agent.config.policy import Policies, Policy, Rule
from stemtide.agent.config.settings import Config, ConfigError, load
from stemtide.agent.hma.policy import bank_of
from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.enums import Action
from stemtide.protocol.sync.feed import FeedSignal
from tests.agent.test_config import GOOD
from tests.agent.test_decide import PARTIES

CONFIG = Config(
    name="uploads",
    hub_url="https://hub.example",
    data_dir=None,
    key="k",
    companion=HmaSettings(url="http://127.0.0.1:5000"),
)


def bank(one, config):
    return bank_of(one, config, alike=[one], parties=PARTIES)


def signal(**other):
    facts = {
        "position": 1,
        "id": uuid4(),
        "kind": "pdq",
        "value": "ab" * 32,
        "quality": 100,
        "within_bits": None,
        "content": None,
        "labels": ["perpetrator-content"],
        "severity": "critical",
        "provenance": "perpetrator",
        "confidence": 90,
        "tlp": "amber",
        "pap": "green",
        "disputed": False,
        "crisis": None,
        "exercise": False,
        "shared_by": "europol",
        "shared_at": datetime.now(UTC),
        "expires_at": None,
    }
    return FeedSignal(**(facts | other))


@pytest.mark.parametrize(
    ("other", "name"),
    [
        ({}, "STEMTIDE_BLOCK"),
        ({"kind": "md5", "value": "ab" * 16, "quality": None}, "STEMTIDE_BLOCK"),
        ({"kind": "sha256", "quality": None}, ""),
        ({"severity": "medium"}, "STEMTIDE_HOLD"),
        ({"disputed": True}, "STEMTIDE_HOLD"),
        ({"disputed": True, "disputed_by_you": True}, ""),
        ({"pap": "amber"}, "STEMTIDE_HOLD"),
        ({"pap": "red"}, ""),
        ({"exercise": True}, ""),
        ({"within_bits": 10}, "STEMTIDE_HOLD"),
        ({"within_bits": 31}, "STEMTIDE_BLOCK"),
        ({"within_bits": 50}, "STEMTIDE_BLOCK"),
        ({"provenance": "media"}, "STEMTIDE_HOLD"),
    ],
    ids=lambda one: (
        one if isinstance(one, str) else "-".join(f"{k}={v}"[:20] for k, v in one.items())
    ),
)
def test_a_signal_belongs_where_the_shipped_policy_puts_it(other, name):
    assert bank(signal(**other), CONFIG) == name


def by_rules(*rules):
    return replace(CONFIG, policies=Policies(Policy(rules)))


def test_the_mildest_answer_over_all_that_hma_matches_counts():
    near = Rule(name="near", action=Action.BLOCK, max_distance_bits=12)
    rest = Rule(name="rest", action=Action.HOLD)
    odd = Rule(name="odd", action=Action.BLOCK, max_distance_bits=31)
    assert bank(signal(), by_rules(near, rest)) == "STEMTIDE_HOLD"
    assert bank(signal(), by_rules(near)) == ""  # farther, no rule fits: a log
    assert bank(signal(), by_rules(odd)) == "STEMTIDE_BLOCK"


def test_what_a_party_in_shadow_shares_lies_in_no_bank():
    shadowed = Policy(parties=frozenset({"europol"}))
    assert bank(signal(), CONFIG) == "STEMTIDE_BLOCK"
    assert bank(signal(), replace(CONFIG, policies=Policies(shadowed))) == ""


def test_what_would_be_blocked_lies_in_the_bank_of_holds_where_there_is_no_other():
    given = replace(CONFIG.companion, actions=frozenset({Action.HOLD}))
    assert bank(signal(), replace(CONFIG, companion=given)) == "STEMTIDE_HOLD"
    given = replace(given, actions=frozenset({Action.BLOCK}))
    assert bank(signal(severity="medium"), replace(CONFIG, companion=given)) == ""


def read(tmp_path, table, **env):
    (tmp_path / "agent.toml").write_text(f"{GOOD}[companion]\n{table}\n", "utf-8")
    return load(tmp_path / "agent.toml", env=env).companion


def test_one_setting_is_enough_and_the_others_are_read(tmp_path):
    given = read(tmp_path, 'url = "http://127.0.0.1:5000"')
    assert given.banks == ("STEMTIDE_CANARY", "STEMTIDE_HOLD", "STEMTIDE_BLOCK")
    assert given.kinds == {Kind.PDQ, Kind.MD5}
    (tmp_path / "hma.secret").write_text("Basic aG06eA==\n")
    table = 'url = "https://hma.example/"\nbank_prefix = "EU_"\nactions = ["block"]\n'
    table += 'kinds = ["pdq"]\nheader = "X-Key"\nsecret_file = "hma.secret"\nper_second = 5\n'
    given = read(tmp_path, table)
    assert (given.url, given.banks) == ("https://hma.example", ("EU_CANARY", "EU_BLOCK"))
    assert (given.header, given.secret, given.per_second) == ("x-key", "Basic aG06eA==", 5)
    assert "aG06" not in repr(given)
    env = {"STEMTIDE_AGENT_COMPANION_URL": "https://other.example"}
    assert read(tmp_path, table, **env).url == "https://other.example"


@pytest.mark.parametrize(
    ("table", "trouble"),
    [
        ("per_second = 5", "companion.url: is missing"),
        ('url = "http://hma.internal:5000"', "companion.url: is plain http"),
        ('url = "ftp://x"', "companion.url: must be an address"),
        ('url = "http://127.0.0.1:1"\nactions = ["log"]', "companion.actions: must be"),
        ('url = "http://127.0.0.1:1"\nkinds = ["sha256"]', "companion.kinds: must be of pdq, md5"),
        ('url = "http://127.0.0.1:1"\nbank_prefix = "eu"', "companion.bank_prefix: must be"),
        ('url = "http://127.0.0.1:1"\nheader = "a b"', "companion.header: must be"),
        ('url = "http://127.0.0.1:1"\nsecret = "a\\nb"', "companion.secret: must be one line"),
        ('url = "http://127.0.0.1:1"\nbanks = 1', "companion.banks: is no setting"),
    ],
    ids=lambda one: one.rpartition("\n")[2][:30],
)
def test_a_wrong_setting_is_named_with_its_remedy(tmp_path, table, trouble):
    with pytest.raises(ConfigError, match=trouble):
        read(tmp_path, table)


def test_plain_http_to_another_machine_can_be_meant(tmp_path):
    table = 'url = "http://hma.internal:5000"\ninsecure = true'
    assert read(tmp_path, table).url == "http://hma.internal:5000"
