# SPDX-License-Identifier: Apache-2.0
"""Content that could not be looked at is held, and is never counted as a match."""

import hashlib
import json
import struct
import zlib

import pytest

from stemtide.agent.config.settings import ConfigError, OnUnread, Unread, load
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.sandbox.pool import Sandbox
from tests.agent.test_hostile_uploads import nested
from tests.agent.world import agent_of, config_of, picture, until
from tests.rounds import rounds

CUT_OFF = picture("chelsea.png")[:600]


def huge_picture() -> bytes:
    """A PNG of 95 megapixels in some 92 KB."""
    width, height = 9_747, 9_747

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width + 1) * height), 9)
    parts = [chunk(b"IHDR", head), chunk(b"IDAT", rows), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


UNREADABLE = [
    pytest.param(nested, "limit", id="an archive too deep"),
    pytest.param(lambda: CUT_OFF, "undecodable", id="a file cut off"),
    pytest.param(huge_picture, "limit", id="95 megapixels"),
]


@pytest.mark.parametrize(
    ("made", "rule"),
    rounds(UNREADABLE[:2], nightly=UNREADABLE),
)
def test_what_could_not_be_looked_at_is_held_and_the_reason_says_what(agent, made, rule):
    item = agent.match(made())

    decision = item["decision"]
    assert (decision["action"], decision["rule"], decision["signal"]) == ("hold", rule, None)
    assert decision["why"].endswith(f"policy.{rule} says hold")
    assert any(remark in decision["why"] for remark in item["remarks"])


def test_content_whose_decoder_takes_too_long_is_held(config):
    with Sandbox(limits=DecodingLimits(wall_s=0.001)) as slow, agent_of(config, slow) as agent:
        agent.wait(ready=True)
        decision = agent.match(picture("retina.jpg"))["decision"]

    assert decision["action"] == "hold"
    assert "wall_s" in decision["why"]


def test_a_hold_of_the_unread_reaches_neither_the_hub_nor_the_actions_file(hub, agent, config):
    shared = hub.share(hashlib.sha256(b"known").hexdigest())
    agent.wait(position=1)
    agent.match(CUT_OFF, ref="held")
    agent.ask({"ref": "blocked", "sha256": shared.value})

    until(lambda: sum(hub.outcomes.values()))
    assert dict(hub.outcomes) == {(str(shared.id), "blocked"): 1}
    until(config.actions_path.exists)
    assert "held" not in config.actions_path.read_text("utf-8")


def test_the_policy_lets_the_unread_pass_by_name(hub, tmp_path, sandbox):
    config = config_of(hub, tmp_path, unread=Unread(undecodable=OnUnread.PASS))
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        passed, held = (agent.match(one)["decision"] for one in (CUT_OFF, nested()))

    assert (passed["action"], passed["undecodable"]) == (None, True)
    assert held["action"] == "hold"


def test_a_withdrawn_signal_leaves_the_unread_held_and_does_not_release_it(hub, agent, config):
    shared = hub.share(hashlib.sha256(CUT_OFF).hexdigest())
    agent.wait(position=1)
    assert agent.match(CUT_OFF, ref="u")["decision"]["action"] == "block"
    hub.withdraw(shared)
    agent.wait(position=2)

    until(lambda: "undoes" in config.actions_path.read_text("utf-8"))
    last = json.loads(config.actions_path.read_text("utf-8").splitlines()[-1])
    assert (last["type"], last["data"]["undoes"]) == ("content.hold", "block")


def test_a_hold_of_the_unread_does_not_hide_a_later_match(hub, agent):
    logged = hub.share(hashlib.sha256(CUT_OFF).hexdigest(), pap="red")
    agent.wait(position=1)
    assert agent.match(CUT_OFF, ref="u")["decision"]["action"] == "hold"
    held = hub.share(hashlib.sha256(CUT_OFF).hexdigest(), severity="low")
    agent.wait(position=2)
    assert agent.match(CUT_OFF, ref="u")["decision"]["signal"] == str(held.id)

    counted = {(str(logged.id), "logged"): 0, (str(held.id), "held"): 1}
    until(lambda: dict(hub.outcomes) == counted)


def test_an_unknown_word_in_the_policy_is_refused_by_name(tmp_path):
    path = tmp_path / "agent.toml"
    path.write_text('[policy]\nundecodable = "block"\n', "utf-8")
    with pytest.raises(ConfigError, match=r"policy\.undecodable.*hold, pass"):
        load(path, env={})
