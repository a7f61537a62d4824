# SPDX-License-Identifier: Apache-2.0
"""A rule that demands signatures: what a hub makes up in a party's name leads to nothing more."""

import tomllib

import pytest

from stemtide.agent.config.policy import Policies, Policy, Rule, read_policies
from stemtide.agent.config.tables import ConfigError
from stemtide.agent.counters import Counters
from stemtide.agent.sync.snapshot import FeedReader
from stemtide.protocol.enums import Action
from stemtide.protocol.signing.secret_keys import SignerSecret
from stemtide.protocol.signing.signatures import is_signed
from tests.agent.test_decide import decide_now, hit
from tests.agent.world import agent_of, config_of, sha256
from tests.world import signal_in

SECRET = SignerSecret.new("europol")
SIGNED_ONLY = (
    Rule("signed", Action.BLOCK, signed_with=(SECRET.public,)),
    Rule("others", Action.HOLD),
)


def facts(value, *, secret=SECRET):
    """What a hub sends of a signal of europol, signed with a key."""
    body = signal_in(
        kind="sha256",
        value=value,
        severity="critical",
        confidence=90,
        provenance="perpetrator",
        labels=["perpetrator-content"],
    )
    return {"signature": secret.sign(body).signature}


def agent_with(hub, folder, sandbox, rules):
    return agent_of(config_of(hub, folder, policies=Policies(Policy(rules))), sandbox)


def test_a_signal_that_the_hub_made_up_does_not_block(hub, sandbox, tmp_path):
    real, made_up, altered, foreign = (b"real", b"made up", b"altered", b"foreign")
    hub.share(sha256(real), **facts(sha256(real)))
    hub.share(sha256(made_up), **facts(sha256(real)))
    hub.share(sha256(altered), **facts(sha256(altered)), tlp="green")
    hub.share(sha256(foreign), **facts(sha256(foreign), secret=SignerSecret.new("europol")))
    with agent_with(hub, tmp_path, sandbox, SIGNED_ONLY) as agent:
        agent.wait(position=hub.head)
        actions = [agent.match(content)["decision"]["action"] for content in
                   (real, made_up, altered, foreign)]  # fmt: skip
        assert actions == ["block", "hold", "hold", "hold"]


def test_what_comes_by_the_feed_is_judged_in_the_same_way(hub, sandbox, tmp_path):
    with agent_with(hub, tmp_path, sandbox, SIGNED_ONLY) as agent:
        agent.wait(position=hub.head)
        hub.share(sha256(b"real"), **facts(sha256(b"real")))
        hub.share(sha256(b"made up"))
        agent.wait(position=hub.head)
        assert agent.match(b"real")["decision"]["action"] == "block"
        assert agent.match(b"made up")["decision"]["action"] == "hold"


def test_a_line_of_a_snapshot_keeps_the_signature(hub):
    signal = hub.share(sha256(b"x"), **facts(sha256(b"x")))
    line = signal.model_dump_json(exclude={"op"}).encode()
    reader = FeedReader(Counters(), exercise=False)
    (row,) = reader.lines([line], source="a test").rows
    assert '"signature":"' in row.body


def test_a_signature_names_no_party_so_that_one_member_is_still_not_enough():
    secret = SignerSecret.new("paste-corner")
    body = signal_in(kind="sha256", value=sha256(b"x"), severity="high", confidence=90)
    signed = hit(
        kind="sha256",
        value=body.value,
        quality=None,
        shared_by="paste-corner",
        severity="high",
        confidence=90,
        labels=list(body.labels),
        provenance=body.provenance,
        tlp=body.tlp,
        pap=body.pap,
        signature=secret.sign(body).signature,
    )
    assert is_signed(signed.signal, [secret.public])
    rule = Rule("signed", Action.BLOCK, signed_with=(secret.public,))
    assert decide_now([signed], [rule]).action == "hold"


def policy(text, root):
    return read_policies(tomllib.loads(text)["policy"], root=root).acting.rules


def test_keys_are_a_list_or_a_file(tmp_path):
    other = SignerSecret.new("be-ctu")
    file = tmp_path / "signers.txt"
    file.write_text(f"# by telephone, 2026-11-29\n{SECRET.public}\n\n{other.public}\n", "utf-8")
    rule = '[[policy.rules]]\naction = "block"\nsigned_with = '
    (by_file,) = policy(f'{rule}"{file}"', tmp_path)
    (by_list,) = policy(f'{rule}["{SECRET.public}", "{other.public}"]', tmp_path)
    assert by_file.signed_with == by_list.signed_with == (SECRET.public, other.public)


@pytest.mark.parametrize("keys", ['["x"]', "[]", '"/no/such/file"', "true"])
def test_keys_that_are_none_are_refused(tmp_path, keys):
    with pytest.raises(ConfigError, match="signed_with"):
        policy(f'[[policy.rules]]\naction = "block"\nsigned_with = {keys}', tmp_path)
